"""Which names of one list can be taken for one another.

Clients call a tool by its name, people and models choose it by what they read. Two names that look the
same and are two tools are a trap, or will be one. Compared are I{skeletons}, as in Unicode Technical
Standard 39, section 4, in a small form: compatibility characters and what is not seen are folded away
(NFKC), and letters and dashes of other scripts become those of ASCII that they look like, as do 0, 1
and I in the fonts in which they look like O and l.

What is not taken for the same: names that differ in case (C{getUser}, C{getuser}: seen at a glance, and
servers have both), in C{_} for C{-} or C{.}, or by letters that look alike only together (C{rn} and C{m}:
C{get_modern}, C{get_modem}). A name of its own in any script is no fault: only two of one skeleton are.
"""

from __future__ import annotations

from collections.abc import Iterable
from unicodedata import category, normalize

#: What looks like what. Letters that NFKC folds (full width, mathematical) need no place here.
_LOOKS: tuple[tuple[str, str], ...] = (
    # ASCII, where fonts do not tell.
    ("01I|", "Olll"),
    # Cyrillic.
    ("\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u051b\u051d", "aeopcyxijsdqw"),
    ("\u04bb\u04cf\u043a\u0433\u0475\u0461\u044c\u04bd\u04af\u0442\u043c\u043d\u0432", "hlkrvwbeytmnb"),
    ("\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0423", "ABEKMHOPCTXY"),
    ("\u0406\u0408\u0405\u04ae\u051a\u051c\u050c\u04c0", "lJSYQWGl"),
    # Greek.
    ("\u03b1\u03bf\u03c1\u03bd\u03b9\u03ba\u03c5\u03b3\u03b7\u03c9\u03c7\u03c3", "aopvikuynwxo"),
    ("\u0391\u0392\u0395\u0396\u0397\u0399\u039a", "ABEZHlK"),
    ("\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7", "MNOPTYX"),
    # Armenian.
    ("\u0585\u0578\u057d\u0570\u0581\u0566\u0555\u054d\u054f", "onuhgqOUS"),
    # Cherokee.
    (
        "\u13a0\u13a1\u13a2\u13a5\u13aa\u13ab\u13b3\u13b7\u13ac\u13bb\u13bd\u13c0\u13c3",
        "DRTiAJWMEHYGZ",
    ),
    ("\u13cf\u13da\u13d9\u13de\u13df\u13e2\u13e6\u13a9", "bSVLCPKy"),
    # Latin letters beyond ASCII that are seen as plain ones.
    ("\u0131\u0251\u0261\u0269\u0185\u1d0f\u1d04\u1d20\u1d21\u1d22\ua731\u1d1c\u01c0", "iagibocvwzsul"),
    # Dashes and slashes.
    ("\u2010\u2012\u2013\u2014\u2212\u2043\u2044\u2215\u29f8", "------///"),
)
_TABLE = {ord(one): other for ours, theirs in _LOOKS for one, other in zip(ours, theirs, strict=True)}


def skeleton(name: str) -> str:
    """What a name looks like: two of the same skeleton can be taken for one another."""
    if not name.isascii():
        name = normalize("NFKC", name)
        # Marks, format characters, controls: not seen, or hardly.
        name = "".join([each for each in name if category(each) not in ("Mn", "Me", "Cf", "Cc")])
    return name.translate(_TABLE)


def skeletons(names: Iterable[str]) -> dict[str, list[str]]:
    """The names of each skeleton, in their order; a name that is there twice stands there twice."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(skeleton(name), []).append(name)
    return found
