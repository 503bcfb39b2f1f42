"""A text as those who read it see it: characters that look like plain ones are plain, unseen ones are gone.

A detector that compares bytes is led astray by a zero-width space, by full-width digits or by a
non-breaking hyphen, and the model or the person who reads the text is not. What is folded here: what
compatibility normalisation (NFKC, Unicode Standard Annex 15) folds, one character at a time; digits of
every script; dashes and spaces of every kind; and what prints nothing or prints over something else
(format characters, combining marks, fillers, controls) is taken away. What is not: letters that merely
look like those of another script, such as a Cyrillic A. Nobody who copies such a key has the key.
"""

from __future__ import annotations

from unicodedata import category, decimal, is_normalized, normalize

from mcpgate.policy.regex import Regex

#: Characters whose folded form is remembered, the most: all that a few scripts have.
REMEMBERED_MOST = 8192

# The first digit of each script's ten; they begin at an even place, but for those of Ol Onal (Unicode 16).
_ZEROS = (
    "".join(
        f"\\x{{{code:X}}}-\\x{{{code + 9:X}}}"
        for code in range(0x660, 0x20000, 2)
        if decimal(chr(code), 1) == 0
    )
    + "\\x{1E5F1}-\\x{1E5FA}"
)
# What changes although it is NFKC already; each of Unicode's dashes and spaces that NFKC leaves alone.
_CHANGES = Regex(
    r"[\p{Cf}\p{Mn}\p{Me}\x{80}-\x{9F}\x00-\x08\x0B\x0C\x0E-\x1F\x7F\x{115F}\x{1160}\x{1680}"
    r"\x{58A}\x{5BE}\x{1400}\x{1806}\x{2010}-\x{2015}\x{2212}\x{2E17}\x{2E1A}\x{2E3A}\x{2E3B}\x{2E40}"
    r"\x{2E5D}\x{301C}\x{3030}\x{30A0}\x{10D6E}\x{10EAD}" + _ZEROS + "]",
    captures=False,
)
_FILLERS = frozenset("\u115f\u1160")
# Up to here a look at each character takes less than the table of those that are in a text.
_SHORT = 700
_KEPT = frozenset("\t\n\r")


class _Folds(dict[int, str]):
    """The folded form of each character, found when first asked for."""

    def __missing__(self, code: int) -> str:
        folded = "".join(_fold(character) for character in normalize("NFKC", chr(code)))
        if len(self) < REMEMBERED_MOST:
            self[code] = folded
        return folded


def _fold(character: str) -> str:
    kind = category(character)
    if kind in ("Cf", "Mn", "Me") or character in _FILLERS or (kind == "Cc" and character not in _KEPT):
        return ""
    if kind == "Nd":
        return str(decimal(character))
    if kind == "Pd" or character == "\u2212":
        return "-"
    return " " if kind == "Zs" else character


_folds = _Folds()


def fold(text: str) -> str:
    """The text as it is seen; the very same object where nothing changes."""
    if not text.isascii():
        if is_normalized("NFKC", text) and not _CHANGES.hits(text.encode("utf-8", "surrogatepass")):
            return text
    elif len(text) < _SHORT and text.isprintable():
        return text
    folded = text.translate(_folds)
    return text if folded == text else folded


def origins(text: str) -> list[int]:
    """For each character of C{fold(text)}, and for its end, where in the text it comes from."""
    found: list[int] = []
    for at, character in enumerate(text):
        found.extend([at] * len(_folds[ord(character)]))
    found.append(len(text))
    return found
