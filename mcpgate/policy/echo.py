"""The credential that an upstream was shown, wherever it says it again.

Whoever may call an upstream must not learn by what the gate proves itself there, and servers give it away
without meaning to: an error page that repeats the request, a tool for debugging, a log line. So what a
secret looks like is looked for in everything that an upstream says: as it is, in Base64 (three alignments,
both alphabets, broken into lines), in hexadecimal, and behind escapes of JSON, URIs and HTML, in any mix
and some of them upon others. An upstream that wants to give it away can spell it in ways that nobody
thinks of: this is against accidents, and no upstream should be shown more than it may know.

Nearly nothing holds one, so the question is first asked of the bytes (L{Secrets.clear}): a handful of
searches for a piece of each form, and whether there are escapes that could hide one. Only what is not
clear is walked and masked, as C{policy.masks} does it: L{Secrets} are a detector, named L{NAME}.

What is there almost whole counts too: C{token ...16C7e42F} may lack a few of its first or last characters.
"""

from __future__ import annotations

import re
from base64 import b64encode
from binascii import a2b_base64
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate, chain, islice
from string import ascii_lowercase, ascii_uppercase
from types import MappingProxyType

from attrs import evolve, frozen

from mcpgate.policy.detectors import Detectors
from mcpgate.policy.documents import spliced
from mcpgate.policy.effort import Effort
from mcpgate.policy.finder import MASKED_MOST, Finder
from mcpgate.policy.found import Found, merged
from mcpgate.policy.masks import Masked, Masks
from mcpgate.policy.regex import Regex
from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.http import Headers
from mcpgate.wire.jsonrpc import Message
from mcpgate.wire.mcp import SERVER

#: What it is called in records, and, in brackets, in texts.
NAME = "credential"
#: The shortest secret that is looked for. What is shorter stands in texts by chance, and to mask every
#: C{test} of every answer would tell the secret. (A pair for Basic is long enough even if its password is
#: not.)
SECRET_LEAST = 8
#: How much of a secret is looked for in bytes: longer pieces are found no faster, and take longer to prepare.
PIECE_MOST = 48
#: So many pieces, of two secrets, are looked for one by one; of more all at once, which takes 4 microseconds
#: in 2 KB, and as long for a hundred secrets.
PIECES_EASY = 10
#: The shortest piece by which that is worth while.
PIECE_LEAST = 4
#: So many characters may lack at either end, of a secret of 28 and more: what is left is still no accident.
LACK_MOST = 4
#: Escapes of escapes are undone so often: a URL in a page in a string of JSON is three.
PASSES_MOST = 4
#: Escapes that may hide letters, in one message: to look behind each takes half a microsecond, in which
#: nothing else is served. What has more of them does not pass.
ESCAPES_MOST = 200_000
#: What is larger is not looked at as a whole where only parts of it can hold something.
LARGE = 64 * 1024
#: The longest way to write one character that is looked through: C{&#x00000041;}, C{%25252541}.
ESCAPED_MOST = 12
#: The largest page in which it is masked; pages of servers are small, and a larger one does not pass.
PAGE_MOST = 1024 * 1024
#: By so many characters of a secret's beginning a stream is found worth being followed.
BEGINNING = LACK_MOST + 1
#: The shortest beginning of a secret, at the end of what is said bit by bit, that is waited for. A caller may
#: have its upstream say what it likes, and sees what waits: were it the first few characters, whoever knows
#: those (many tokens begin alike) could guess all others one by one. Half a secret nobody guesses at once.
DOUBT_LEAST = 12
#: What stands before the last part of this length may be known to who calls: what a JWT says, whose signature
#: is what is secret of it; for what kind of token, and for whom, others are.
UNKNOWN_LEAST = 20

# "Bearer abc", "token abc": of the value of a header, the words before the secret itself.
_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9-]*[ \t]+")
_SCHEMES = re.compile(rb"(?i:basic|bearer|token|apikey|api-key|key|negotiate|digest)[ \t]+")
_PROVING = (b"authorization", b"proxy-authorization")
_PAIR = re.compile(rb"[A-Za-z0-9+/]+={0,2}")

_BETWEEN = re.compile(r"[._-]")

_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]+")
_LETTERS = re.compile(r"[A-Za-z0-9]+")
_DIGITS = re.compile(r"[0-9]+")

# What may stand for visible ASCII. However deep in strings of JSON, as each level doubles the backslashes;
# each run of them is read once.
_HEX = "[2-7][0-9A-Fa-f]"
_ESCAPE = re.compile(
    rf"(?<!\\)\\++(?:u00({_HEX})|([nrt])|([\"'/]))?"
    rf"|%({_HEX})|&#(?:[xX]0*+({_HEX})|0*+([0-9]{{2,3}}));"
    r"|&(quot|amp|lt|gt|apos|sol|plus|equals|num|dollar|percnt|colon|comma|period|lowbar|excl|ast);"
)
_NAMED = MappingProxyType(
    {"quot": '"', "amp": "&", "lt": "<", "gt": ">", "apos": "'", "sol": "/", "plus": "+", "equals": "="}
    | {"num": "#", "dollar": "$", "percnt": "%", "colon": ":", "comma": ",", "period": ".", "lowbar": "_"}
    | {"excl": "!", "ast": "*"}
)
_WHITE = MappingProxyType({"n": "\n", "r": "\r", "t": "\t"})
# Of those the ones that honest documents are full of, undone all at once, and what is left then.
_COMMON = ((r"\n", "\n"), (r"\r", "\r"), (r"\t", "\t"), (r"\"", '"'), (r"\/", "/"))
_ENTITIES = tuple((f"&{name};", _NAMED[name]) for name in ("amp", "lt", "gt", "quot", "apos"))
_LETTER = re.compile(_ESCAPE.pattern.replace("?|%", "|%", 1))
_SPACE = re.compile(r"[ \t\r\n]+")
_TO_STANDARD = str.maketrans("-_", "+/")
_TO_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)

# What can hide visible ASCII behind escapes, in bytes: nobody who means well escapes letters or digits.
_HIDDEN = Regex(r"\\u00[2-7]", captures=False)
#: What the spelling of a line's end in JSON is made of.
_ENDS = b"\\nr"
_WITHOUT_ENDS = dict.fromkeys(_ENDS)
#: What no text can hold, where nothing is looked for.
_NEVER = r"[^\x00-\x{10FFFF}]"
_PERCENT = Regex(r"%[2-7][0-9A-Fa-f]", captures=False)
_ANY_HIDDEN = Regex(r"\\u00[2-7]|%[2-7][0-9A-Fa-f]|&#", captures=False)


@frozen(repr=False)
class _Form:
    """
    One way to write a secret, which it does not show of itself.

    @ivar piece: What must be there; C{before} and C{behind}: the few characters more that it has if whole.
    @ivar blurred: How many further characters on each side are made of the secret in part.
    @ivar spaced: Whether white space may stand within it; C{folded}: whether capitals are as good.
    @ivar doubt: The shortest beginning of it that may be one.
    """

    piece: str
    before: str
    behind: str
    blurred: tuple[int, int] = (0, 0)
    spaced: bool = False
    folded: bool = False
    doubt: int = 0

    def whole(self) -> str:
        """All of it."""
        return self.before + self.piece + self.behind

    def expression(self) -> str:
        """An expression that matches a part of it."""
        part = re.escape(self.piece[:PIECE_MOST])
        if self.folded:
            return f"(?i:{part})"
        return part.replace(r"\+", r"[+\-]").replace("/", "[/_]") if self.spaced else part

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where it is, with as much of its ends as is there."""
        whole = self.whole()
        left, right = self.blurred
        start = text.find(self.piece)
        while start >= 0:
            # In what repeats itself the piece may be found a little before its place.
            first = max(0, start - len(self.before))
            low = next((at for at in range(first, start + 1) if text.startswith(whole, at)), None)
            if low is not None:
                high = low + len(whole)
                yield max(0, low - left), min(len(text), high + right)
            else:
                low, high = _extended(text, start, self.before, start + len(self.piece), self.behind)
                yield low, high
            start = text.find(self.piece, high)


def _extended(text: str, start: int, before: str, end: int, behind: str) -> tuple[int, int]:
    left = 0
    while left < len(before) and start > left and text[start - left - 1] == before[-left - 1]:
        left += 1
    right = 0
    while right < len(behind) and text[end + right : end + right + 1] == behind[right]:
        right += 1
    return start - left, end + right


def _meant(match: re.Match[str]) -> str:
    """What an escape stands for."""
    unicode, white, quote, percent, hexadecimal, decimal, named = match.groups()
    code = unicode or percent or hexadecimal
    if code is not None:
        return chr(int(code, 16))
    if white is not None:
        return _WHITE[white]
    if decimal is not None:
        return chr(int(decimal)) if 0x20 <= int(decimal) < 0x7F else match[0]
    if named is not None:
        return _NAMED[named]
    # Of backslashes before something else nobody can tell what they are, so they are left out everywhere.
    return quote if quote is not None else ""


def _nothing(match: re.Match[str]) -> str:
    return ""


#: What is undone in a text, and what then stands there.
_Undone = tuple[re.Pattern[str], Callable[["re.Match[str]"], str]]
_ESCAPES: _Undone = (_ESCAPE, _meant)
_SPACES: _Undone = (_SPACE, _nothing)


def _origins(text: str, undone: _Undone, spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """
    Where spans come from that were found once something was undone in a text.

    Nothing is kept of a text but where we are in it, as it may be an answer of many megabytes.
    """
    pattern, meant = undone
    places: dict[int, tuple[int, int]] = {}
    wanted = sorted({place for start, end in spans for place in (start, end - 1)})
    at = 0
    done = begin = 0
    for match in chain(pattern.finditer(text), (None,)):
        start, end = match.span() if match is not None else (len(text), len(text))
        plain = done + start - begin
        while at < len(wanted) and wanted[at] < plain:
            places[wanted[at]] = begin + wanted[at] - done, begin + wanted[at] - done + 1
            at += 1
        done = plain + (len(meant(match)) if match is not None else 0)
        while at < len(wanted) and wanted[at] < done:
            places[wanted[at]] = start, end
            at += 1
        begin = end
        if at == len(wanted):
            break
    return [(places[start][0], places[end - 1][1]) for start, end in spans]


def plainly(text: str) -> str:
    """A text without escapes, of however many levels; not to be shown, as some of them were none."""
    for _ in range(PASSES_MOST):
        was = text
        if "\\" in text:
            while "\\\\" in text:
                text = text.replace("\\\\", "\\")
            for escape, character in _COMMON:
                text = text.replace(escape, character)
        if "&" in text:
            for escape, character in _ENTITIES:
                text = text.replace(escape, character)
        if "\\" in text or "%" in text or "&" in text:
            text = _LETTER.sub(_meant, text)
        if text == was:
            break
    return text.replace("\\", "")


def _close(text: str) -> str:
    """A text without white space. (Not by its words, which are many.)"""
    for space in " \n\r\t":
        text = text.replace(space, "")
    return text


def _forms_of(secret: bytes) -> tuple[_Form, ...]:
    """The ways to write it that are looked for."""
    text = secret.decode("latin-1")
    size = len(text)
    lack = max(0, min(LACK_MOST, (size - 12) // 4))
    found = [_Form(text[lack : size - lack], text[:lack], text[size - lack :])]
    plain = plainly(text)
    if plain != text and len(plain) >= SECRET_LEAST - 2:
        # It has what looks like an escape, and may be read as that.
        found.append(_Form(plain, "", ""))
    for shift in range(3):
        code = b64encode(bytes(shift) + secret + bytes(-(shift + size) % 3)).decode("ascii")
        begin, low = _up(8 * shift), _up(8 * (shift + lack))
        end, high = 8 * (shift + size) // 6, 8 * (shift + size - lack) // 6
        blurred = (int(8 * shift % 6 > 0), int(8 * (shift + size) % 6 > 0))
        found.append(_Form(code[low:high], code[begin:low], code[high:end], blurred, spaced=True))
    digits = secret.hex()
    low, high = 2 * lack, 2 * (size - lack)
    found.append(_Form(digits[low:high], digits[:low], digits[high:], spaced=True, folded=True))
    least = _doubt_least(text)
    return tuple([evolve(form, doubt=-(-least * len(form.whole()) // size)) for form in found])


def _doubt_least(text: str) -> int:
    """How much of a secret's beginning must be there before it is in doubt."""
    begin = _known(text)
    return begin + max(DOUBT_LEAST, -(-(len(text) - begin) // 2))


def _known(text: str) -> int:
    """How much of a secret its caller may know: a name before a password, what a JWT says."""
    pair = _pair(text.encode("latin-1"))
    if pair is not None:
        return 4 * (pair.find(b":") + 1) // 3
    if ":" in text:
        return text.find(":") + 1
    ends = (match.end() for match in _BETWEEN.finditer(text))
    return max((end for end in ends if len(text) - end >= UNKNOWN_LEAST), default=0)


def _pair(secret: bytes) -> bytes | None:
    """A name and a password, as Basic has them; C{None}: it is none."""
    if len(secret) % 4 or _PAIR.fullmatch(secret) is None:
        return None
    together = a2b_base64(secret)
    return together if b":" in together and together.isascii() else None


def _up(bits: int) -> int:
    """How many characters of Base64 begin before so many bits."""
    return -(-bits // 6)


def _piece(text: str, letters: re.Pattern[str]) -> str:
    """The last of the longest run of such letters: the end of a token says more than its beginning."""
    longest = max(letters.findall(text), key=len, default="")
    return str(longest)[-PIECE_MOST:]


def parts_of(name: bytes, value: bytes) -> tuple[bytes, ...]:
    """What is secret of a header line by which the gate proves itself."""
    scheme = (_SCHEME if name.lower() in _PROVING else _SCHEMES).match(value)
    secret = value[scheme.end() :] if scheme is not None else value
    if scheme is None or scheme[0].strip().lower() != b"basic":
        return (secret,)
    pair = _PAIR.fullmatch(secret)
    if pair is None or len(secret) % 4:
        return (secret,)
    together = a2b_base64(secret)
    _, _, password = together.partition(b":")
    # The name is no secret, but with it a password is one however short it is.
    return (password if len(password) >= SECRET_LEAST else together, secret)


class Secrets:
    """
    What an upstream was shown, ready to be looked for. It does not change, and shows nothing of itself.
    """

    __slots__ = ("__dict__", "_always", "_flat", "_forms", "_pieces", "_together")

    def __init__(self, secrets: Iterable[bytes]) -> None:
        """
        @param secrets: those shorter than L{SECRET_LEAST} are left out.
        """
        wanted = sorted({one for one in secrets if len(one) >= SECRET_LEAST}, key=len, reverse=True)
        self._forms: tuple[_Form, ...] = tuple(form for one in wanted for form in _forms_of(one))
        # Of each form what cannot be missing.
        together = [_piece(form.piece, _UNRESERVED) for form in self._forms if not form.spaced]
        spaced = [
            _piece(form.piece, _DIGITS if form.folded else _LETTERS) for form in self._forms if form.spaced
        ]
        # Where lines may end within it, and they have been taken away, with other letters of theirs.
        flat = [piece.translate(_WITHOUT_ENDS) for piece in spaced]
        # What has no letters in a row is looked for in all that is said.
        self._always = any(len(piece) < PIECE_LEAST for piece in (*together, *flat))
        self._together = tuple(dict.fromkeys(together))
        self._flat = tuple(dict.fromkeys(flat))
        self._pieces = tuple(dict.fromkeys((*together, *spaced)))

    @classmethod
    def of(cls, lines: Iterable[tuple[bytes, bytes]]) -> Secrets | None:
        """
        Of header lines by which the gate proves itself; C{None} where they hold nothing to look for.
        """
        secrets = cls(part for name, value in lines for part in parts_of(name, value))
        return secrets if secrets else None

    def __bool__(self) -> bool:
        return bool(self._forms)

    def __repr__(self) -> str:
        return f"<Secrets: {len(self._forms)} forms>"

    def clear(self, raw: bytes) -> bool:
        """Whether nothing is in the bytes of a message, of a head, or of anything else."""
        # Looking into text is faster than into bytes, by more than it takes to make it.
        text = raw.decode("latin-1")
        if len(self._pieces) > PIECES_EASY:
            escaped = "\\" in text
            if self._one_of_many(raw, escaped):
                return False
            hidden = escaped and _HIDDEN.hits(raw)
        elif "\\" in text:
            hidden = _HIDDEN.hits(raw)
            for piece in self._together:
                if piece in text:
                    return False
            # Nothing else takes line ends away so fast.
            flat = raw.translate(None, _ENDS).decode("latin-1")
            for piece in self._flat:
                if piece in flat:
                    return False
        else:
            hidden = False
            for piece in self._pieces:
                if piece in text:
                    return False
        if "%" in text:
            hidden = hidden or _PERCENT.hits(raw)
        if "&" in text:
            hidden = hidden or "&#" in text
        if self._always:
            return not self.holds(raw)
        return not hidden or not self._hides(raw)

    def _one_of_many(self, raw: bytes, escaped: bool) -> bool:
        pieces, together, flat = self._at_once
        if not escaped:
            return pieces.hits(raw)
        return together.hits(raw) or flat.hits(raw.translate(None, _ENDS))

    @cached_property
    def _at_once(self) -> tuple[Regex, Regex, Regex]:
        several = (self._pieces, self._together, self._flat)
        pieces, together, flat = (
            Regex("|".join(map(re.escape, each)) or _NEVER, captures=False) for each in several
        )
        return pieces, together, flat

    def _hides(self, raw: bytes) -> bool:
        """Whether something is behind escapes; what is not near any has been looked at."""
        if len(raw) <= LARGE or _too_many(raw):
            return self.holds(raw)
        begin = end = 0
        for start, stop in _ANY_HIDDEN.spans(raw):
            if start - self._reach > end:
                if end and self.holds(raw[begin:end]):
                    return True
                begin = max(0, start - self._reach)
            end = stop + self._reach
        return self.holds(raw[begin:end])

    def holds(self, raw: bytes) -> bool:
        """Whether something is found in bytes, whatever they are; also if it would take too long to look."""
        if _too_many(raw):
            return True
        text = raw.decode("latin-1")
        if any(self._among(text, self._forms)):
            return True
        plain = plainly(text)
        if plain != text and any(self._among(plain, self._forms)):
            return True
        return any(self._among(_close(plain), self._spaced))

    def find(self, text: str) -> list[Found]:
        """What is found in a text, in order; if it would take too long to tell where, all of it."""
        if len(text) > ESCAPES_MOST and sum(map(text.count, "%\\&")) > ESCAPES_MOST:
            return [Found(0, len(text), NAME)] if self.holds(text.encode("utf-8", "replace")) else []
        # More of them are not masked anyway.
        found = [Found(*span, NAME) for span in islice(self._spans(text, ()), MASKED_MOST + 1)]
        return merged(found) if len(found) > 1 else found

    def _spans(self, text: str, before: tuple[tuple[str, _Undone], ...]) -> Iterator[tuple[int, int]]:
        """C{before}: the texts that it was made of, each with what was undone in it."""
        yield from _back(self._among(text, self._forms), before)
        close = _close(text)
        if len(close) < len(text):
            yield from _back(self._among(close, self._spaced), (*before, (text, _SPACES)))
        if len(before) < PASSES_MOST and ("\\" in text or "%" in text or "&" in text):
            plain = _ESCAPE.sub(_meant, text)
            if plain != text:
                yield from self._spans(plain, (*before, (text, _ESCAPES)))

    @cached_property
    def _spaced(self) -> tuple[_Form, ...]:
        return tuple(form for form in self._forms if form.spaced)

    @cached_property
    def _reach(self) -> int:
        """In how many bytes one of them may be written, escaped as much as is looked through."""
        return ESCAPED_MOST * max((len(whole) for whole in self._beginnings), default=0)

    @cached_property
    def _any(self) -> Regex:
        """A piece of each form, to be looked for at once: in what is large that is far faster."""
        return Regex("|".join(form.expression() for form in self._forms), captures=False)

    def _among(self, text: str, forms: Sequence[_Form]) -> Iterator[tuple[int, int]]:
        if len(text) > LARGE and not self._any.hits(text.encode("utf-8", "replace")):
            return
        lowered = standard = None
        for form in forms:
            if form.folded:
                lowered = text.translate(_TO_LOWER) if lowered is None else lowered
                yield from form.spans(lowered)
            elif form.spaced:
                if standard is None:
                    standard = text.translate(_TO_STANDARD) if "-" in text or "_" in text else text
                yield from form.spans(standard)
            else:
                yield from form.spans(text)

    @cached_property
    def _beginnings(self) -> tuple[str, ...]:
        return tuple(form.whole() for form in self._forms)

    def begins(self, text: str) -> int | None:
        """Where at the end of a text the beginning of one stands, if it does."""
        if not self._doubtful.hits(text.encode("utf-8", "replace")):
            return None
        found = []
        for whole, lack, least in self._firsts:
            first = whole[lack:least]
            start = text.find(first, max(0, len(text) - len(whole) + lack + 1))
            while start >= 0 and not whole.startswith(text[start:], lack):
                start = text.find(first, start + 1)
            if start >= 0:
                found.append(start)
        return min(found, default=None)

    def has_in_it(self, text: str) -> bool:
        """Whether a text is a part of one."""
        return bool(text) and text in self._all

    def may_begin(self, raw: bytes) -> bool:
        """Whether the bytes of a message hold the beginning of one, which the next may go on with."""
        return self._doubtful.hits(raw)

    @cached_property
    def _doubtful(self) -> Regex:
        firsts = dict.fromkeys(whole[lack : lack + BEGINNING] for whole, lack, _ in self._firsts)
        return Regex("|".join(map(re.escape, firsts)) or _NEVER, captures=False)

    @cached_property
    def _all(self) -> str:
        return "\0".join(self._beginnings)

    @cached_property
    def longest(self) -> int:
        """How much of what was said may be the beginning of one."""
        return max(map(len, self._beginnings), default=0)

    @cached_property
    def _firsts(self) -> tuple[tuple[str, int, int], ...]:
        """Each of what one may be; how many of its first characters lack, which may be a few; and up to where
        it has to be there to be in doubt. (Thousands of tokens may be looked for: no text is here twice.)"""
        return tuple(
            (whole, lack, form.doubt)
            for form, whole in zip(self._forms, self._beginnings, strict=True)
            for lack in range(len(form.before) + 1)
        )

    # As masks.

    @cached_property
    def detectors(self) -> Detectors:
        """This, as what is found in texts."""
        return _Detector(self)

    @cached_property
    def masks(self) -> Masks:
        """This, as what a message is subject to."""
        detectors = self.detectors
        finder = Finder(detectors, None, MappingProxyType({}), None)
        return Masks(frozenset({NAME}), (), (), (), detectors, finder, ())

    def beside(self, others: Detectors | None) -> Detectors:
        """This and what else is looked for in texts that follow one another."""
        return self.detectors if others is None else _Beside(self.detectors, others)

    def without(
        self,
        message: Message,
        raw: bytes,
        *,
        asked: str | None = None,
        schema: Mapping[str, object] | None = None,
    ) -> Masked | Refusal | None:
        """
        What may pass of a message that is not L{clear}.

        @param asked: the method of the request that it answers; C{schema}: what its result must fit.
        @return: C{None} where there was nothing; a refusal where it cannot be masked in its place.
        """
        if _too_many(raw):
            return Refusal(Reason.UPSTREAM_ECHO, f"more than {ESCAPES_MOST} escapes to look behind")
        masked = self.masks.apply(message, raw, sender=SERVER, asked=asked, schema=schema)
        if isinstance(masked, Refusal):
            return Refusal(Reason.UPSTREAM_ECHO, masked.detail)
        if self.holds(raw if masked is None else masked.raw):
            # In what both sides say again (a cursor, an id), which no mask looks at.
            return Refusal(Reason.UPSTREAM_ECHO, "the credential, where nothing may be changed")
        return masked

    def page_without(self, body: bytes) -> Masked | Refusal | None:
        """The same of what is no message: an error page, JSON of some kind."""
        if not self.holds(body):
            # White space may stand anywhere in it, so one look at it does not tell.
            return None
        try:
            text, code = body.decode("utf-8"), "utf-8"
        except UnicodeDecodeError:
            text, code = body.decode("latin-1"), "latin-1"
        if len(body) <= PAGE_MOST:
            found = self.find(text)
            masked = spliced(text, found, lambda detector, _: f"[{detector}]").encode(code)
            if found and not self.holds(masked):
                return Masked(masked, MappingProxyType({NAME: len(found)}))
        return Refusal(Reason.UPSTREAM_ECHO, "the credential, in a body that is no message")

    def clean_headers(self, headers: Headers) -> Headers:
        """The lines of a head that do not hold it."""
        return tuple([pair for pair in headers if self.clear(b"%b: %b" % pair)])


def _too_many(raw: bytes) -> bool:
    """Whether there are too many escapes that may hide letters."""
    return len(raw) > ESCAPES_MOST and sum(map(raw.count, (b"%", b"\\u00", b"&#"))) > ESCAPES_MOST


def _back(
    spans: Iterable[tuple[int, int]], before: tuple[tuple[str, _Undone], ...]
) -> Iterable[tuple[int, int]]:
    """Spans in a text as spans in the first of those that it was made of."""
    spans = list(islice(spans, MASKED_MOST + 1))
    for text, undone in reversed(before):
        if spans:
            spans = _origins(text, undone, spans)
    return spans


class _Detector(Detectors):
    """Secrets in the place of what policies look for."""

    __slots__ = ("_secrets",)

    def __init__(self, secrets: Secrets) -> None:
        super().__init__(frozenset({NAME}), (), (), (), (), (), (), (), (), (), {NAME: f"[{NAME}]"})
        self._secrets = secrets

    def clear(self, raw: bytes) -> bool:
        return self._secrets.clear(raw)

    def suspicious(self, raw: bytes) -> bool:
        return True

    def find(self, text: str, effort: Effort | None = None) -> list[Found]:
        return self._secrets.find(text)

    def find_joined(self, pieces: Sequence[str], effort: Effort | None = None) -> list[Found]:
        joints = list(accumulate(map(len, pieces[:-1])))
        found = self._secrets.find("".join(pieces))
        return [one for one in found if bisect_right(joints, one.start) < bisect_left(joints, one.end)]

    def doubts(self, pieces: Sequence[str]) -> list[tuple[int, str]]:
        start = self._secrets.begins("".join(pieces))
        return [] if start is None else [(start, NAME)]


class _Beside(Detectors):
    """Two sets of detectors, for texts that follow one another (C{policy.runs})."""

    __slots__ = ("_both",)

    def __init__(self, one: Detectors, other: Detectors) -> None:
        super().__init__(one.names | other.names, (), (), (), (), (), (), (), (), ())
        self._both = one, other

    def find(self, text: str, effort: Effort | None = None) -> list[Found]:
        return merged([found for each in self._both for found in each.find(text, effort)])

    def find_joined(self, pieces: Sequence[str], effort: Effort | None = None) -> list[Found]:
        return [found for each in self._both for found in each.find_joined(pieces, effort)]

    def doubts(self, pieces: Sequence[str]) -> list[tuple[int, str]]:
        return [doubt for each in self._both for doubt in each.doubts(pieces)]
