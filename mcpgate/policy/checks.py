"""What tells a number that means something from one that merely looks like it: check digits, prefixes.

Each check is given what an expression matched and says which part of it, if any, is what is sought. All
of them are bounded by a few times the length of what they are given.

Sources: ISO/IEC 7812-1 (Luhn; issuer ranges as the card schemes publish them); ISO 13616 and the IBAN
registry (lengths by country, mod 97); ITU-T E.164 (country codes); NANP (area codes); SSA on numbers that
were never assigned.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence, Set
from itertools import accumulate

from mcpgate.policy.regex import Regex

#: A part of a text: from, to.
Span = tuple[int, int]
#: (text, start, end, joints) of a match: the parts of it that are what is sought.
Check = Callable[[bytes, int, int, Set[int]], Sequence[Span]]

# Issuer ranges with the lengths that they have. At most 19 digits are ever compared.
_CARD = re.compile(
    rb"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})"  # Visa
    rb"|(?:5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}"  # Mastercard
    rb"|3[47][0-9]{13}"  # American Express
    rb"|(?:30[0-5][0-9]|3095|3[689][0-9]{2})[0-9]{10}(?:[0-9]{2})?"  # Diners Club
    rb"|(?:6011|64[4-9][0-9]|65[0-9]{2}|62[0-9]{2}|81[0-9]{2}|35(?:2[89]|[3-8][0-9])|220[0-4])[0-9]{12,15}"
    rb"|(?:5018|5020|5038|5893|6304|6759|676[1-3])[0-9]{9,15}"  # Maestro
    rb"|(?:508[5-9]|60[0-9]{2}|82[0-9]{2})[0-9]{12}"  # RuPay
)
_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")
_CARD_MOST, _CARD_LEAST = 19, 13


def luhn(digits: bytes) -> bool:
    """Whether the last digit is the check digit of the others."""
    # 48 is the code of 0.
    return (sum(digits[::-2]) + sum(digits[-2::-2].translate(_DOUBLED)) - 48 * len(digits)) % 10 == 0


def _usual(sizes: list[int]) -> bool:
    """Whether the digits of a card are ever printed in groups of these sizes."""
    return (
        len(sizes) == 1
        or sizes in ([4, 6, 5], [4, 6, 4])
        or (3 < len(sizes) < 6 and sizes[:-1] == [4] * (len(sizes) - 1) and sizes[-1] <= 4)
    )


def cards(text: bytes, start: int, end: int, joints: Set[int]) -> Sequence[Span]:
    """
    Card numbers in a run of digits, spaces and hyphens.

    A number is looked for in whole groups of digits. One that is only a part of the run counts if it is
    grouped as cards are; the whole run, or what stands between joints, however it is grouped.
    """
    groups = _groups(text, start, end, joints)
    ends = len(groups) - 1
    every = b"".join([text[low:high] for low, high, _ in groups])
    bounds = [0, *accumulate(high - low for low, high, _ in groups)]
    edges = frozenset(bounds)
    found: list[Span] = []
    first = 0
    while first <= ends:
        begin, high, _ = groups[first]
        if not _is_begun(every, bounds[first], edges):
            # Of a run of single digits, each by itself as said bit by bit, nearly all end here.
            first += 1
            continue
        # Whatever the grouping, where everything could be one number; else as it is printed.
        any_way = begin in joints or (begin == start and (joints or end - start < 2 * _CARD_MOST))
        size = _CARD_LEAST if any_way or joints else high - begin
        if size != 4 and size < _CARD_LEAST:
            first += 1
            continue
        digits = b""
        sizes = [0]
        hit = -1
        for last in range(first, min(first + _CARD_MOST, ends + 1)):
            low, high, apart = groups[last]
            digits += text[low:high]
            if len(digits) > _CARD_MOST:
                break
            sizes[-1] += high - low
            if (
                len(digits) >= _CARD_LEAST
                and (_usual(sizes) or (any_way and (last == ends or high in joints)))
                and _CARD.fullmatch(digits)
                and luhn(digits)
            ):
                hit = last
            if apart:
                sizes.append(0)
        if hit >= 0:
            found.append((begin, groups[hit][1]))
            first = hit
        first += 1
    return found


def _is_begun(every: bytes, at: int, edges: Set[int]) -> bool:
    """Whether the digits from there on, up to where some group ends, are a number by themselves."""
    if every[at] not in b"234568":
        return False
    for size in range(_CARD_LEAST, _CARD_MOST + 1):
        if at + size in edges and _CARD.fullmatch(every, at, at + size) and luhn(every[at : at + size]):
            return True
    return False


def _groups(text: bytes, start: int, end: int, joints: Set[int]) -> list[tuple[int, int, bool]]:
    """Groups of digits: from, to, and whether more than a joint is between it and the next."""
    groups = []
    for match in _DIGITS.finditer(text, start, end):
        low, high = match.span()
        if joints:
            for joint in range(low + 1, high):
                if joint in joints:
                    groups.append((low, joint, False))
                    low = joint
        groups.append((low, high, True))
    return groups


_DIGITS = re.compile(rb"[0-9]+")


#: Lengths from the IBAN registry (release 99) and of countries that use IBANs without being in it.
_IBAN_LENGTHS = {
    country.encode(): length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FK FO GL NL",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}
#: The countries, as an alternative of expressions.
IBAN_COUNTRIES = "|".join(sorted(country.decode() for country in _IBAN_LENGTHS))


def ibans(text: bytes, start: int, end: int, joints: Set[int]) -> Sequence[Span]:
    """The account number that begins here: as long as its country's are, and 1 modulo 97."""
    need = _IBAN_LENGTHS.get(text[start : start + 2].upper(), 99)
    taken = text[start:end].translate(None, b" -")[:need]
    if len(taken) < need or not _mod97(taken):
        return []
    stop = start
    for _ in range(need):
        while text[stop] in b" -":
            stop += 1
        stop += 1
    return [(start, stop)] if stop == end or text[stop] in b" -" or stop in joints else []


def _mod97(iban: bytes) -> bool:
    return int("".join(str(int(chr(sign), 36)) for sign in iban[4:] + iban[:4])) % 97 == 1


_PUNCTUATION = b" .()/-+"
_CALLING = re.compile(
    rb"7|20|27|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|2[1-69][0-9]|3[578][0-9]|42[0-9]|5[09][0-9]"
    rb"|6[7-9][0-9]|8[0578][0-9]|9[679][0-9]"
)


def international(text: bytes, start: int, end: int, joints: Set[int]) -> Sequence[Span]:
    """A number of E.164: an assigned country code, 8 to 15 digits; after +1 just ten, as the NANP has."""
    digits = text[start:end].translate(None, _PUNCTUATION)
    if digits[:1] != b"1":
        return [(start, end)] if _CALLING.match(digits) and 8 <= len(digits) <= 15 else []
    # What follows such a number after a space is another one.
    seen = 0
    for at in range(start, end):
        seen += 48 <= text[at] <= 57
        if seen == 11:
            stop = at + 1
            alone = stop == end or not 48 <= text[stop] <= 57 or stop in joints
            return [(start, stop)] if alone and _assigned(digits[1:4], digits[4:7]) else []
    return []


def north_american(text: bytes, start: int, end: int, joints: Set[int]) -> Sequence[Span]:
    """Ten digits of which neither the area nor the exchange is a service code such as 911."""
    digits = text[start:end].translate(None, _PUNCTUATION)[-10:]
    return [(start, end)] if _assigned(digits[:3], digits[3:6]) else []


def _assigned(area: bytes, exchange: bytes) -> bool:
    return all(code[0] > 49 and code[1:] != b"11" for code in (area, exchange))


def social_security(text: bytes, start: int, end: int, joints: Set[int]) -> Sequence[Span]:
    """A number that may have been assigned: no part is all zeros, and the area is not 666 or 9xx."""
    digits = text[start:end].translate(None, _PUNCTUATION)
    area = digits[:3]
    possible = (
        len(digits) == 9
        and area not in (b"000", b"666")
        and area[0] != 57
        and digits[3:5] != b"00"
        and digits[5:] != b"0000"
    )
    return [(start, end)] if possible else []


#: What stands after an @ in names of files and units, and is no top-level domain.
_NO_DOMAIN = frozenset(
    b"png jpg jpeg gif webp svg ico js mjs cjs jsx ts tsx css scss html json xml txt yaml yml lock toml "
    b"service socket timer target slice mount".split()
)
_AT = re.compile(rb"@|%40")


def addresses(text: bytes, start: int, end: int, joints: Set[int]) -> Sequence[Span]:
    """
    An e-mail address; not C{image@2x.png}, C{getty@tty1.service} or C{git@host:path}. In the name of a file
    (C{kim@example.com.txt}) it ends before what belongs to the file.

    Of one that goes on over the end of a text, the part that makes it whole: what the neighbours say
    before and after it is not the address.
    """
    at = _AT.search(text, start, end)
    if at is None:
        return []
    dot = text.rfind(b".", at.end(), end)
    while dot >= 0 and text[dot + 1 : end].lower() in _NO_DOMAIN:
        end = dot
        dot = text.rfind(b".", at.end(), end)
    if dot < 0 or text[at.end() : end] == b"masked.invalid":
        return []
    if text[start : at.start()] == b"git" and text[end : end + 1] == b":":
        return []
    inner = sorted(joint for joint in joints if start < joint < end)
    for joint in inner:
        if joint < at.start():
            start = joint
        elif joint > at.end() and _DOMAIN.fullmatch(text, at.end(), joint):
            end = joint
            break
    return [(start, end)]


_DOMAIN = re.compile(rb"(?:[0-9A-Za-z-]+\.)+[A-Za-z]{2,24}")

#: The largest key in use, RSA of 16384 bits with its encryption header, takes 13 KiB; PGP's take more.
KEY_MOST = 64 * 1024
_BETWEEN = r"(?:[\s,\"']|\\+[nrt\"]|\\+u000[aAdD])*"
_WORD = r"(?:[A-Za-z0-9+/=]|\\/)"
_FOOTER = Regex(r"-{4,5} ?END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{0,5}", captures=False)
# A word shorter than 16 is prose, unless it is the last of a key's lines.
_LINES = Regex(
    f"^-{{0,2}}(?:{_BETWEEN}(?:{_WORD}{{16,}}|(?:Proc-Type|DEK-Info|Version|Comment): ?[!-~, ]{{0,100}}))+"
    f"(?:{_BETWEEN}{_WORD}{{1,15}})?"
    # Cut off: the beginning of a line is all that is left.
    f"|^-{{0,2}}{_BETWEEN}{_WORD}{{0,15}}{_BETWEEN}$",
    captures=False,
)
# All that a text says, once a key has begun in one before it: one word that is long or padded.
_LAST_LINE = Regex(f"^{_BETWEEN}(?:{_WORD}{{16,}}|[A-Za-z0-9+/]+=)=?{_BETWEEN}$", captures=False)
_LINES_AND_FOOTER = Regex(f"^-{{0,2}}(?:{_BETWEEN}{_WORD}*)*?{_BETWEEN}{_FOOTER.text}", captures=False)


def private_keys(text: bytes, start: int, end: int, joints: Set[int]) -> Sequence[Span]:
    """From its first line to its last; where that is missing, as far as it looks like a key."""
    # Up to the next one, so that many beginnings without an end are read once and not each to the end.
    limit = min(len(text), end + KEY_MOST)
    begins = text.find(b"BEGIN ", end, limit)
    if begins >= 0:
        limit = begins
    ends = text.find(b"END ", end, limit)
    if ends >= 0:
        low = max(end, ends - 6)
        footer = _FOOTER.span(text[low : ends + 80])
        if footer is not None:
            return [(start, low + footer[1])]
    return [(start, end + key_lines(text[end:limit]))]


def key_lines(text: bytes) -> int:
    """How much of what follows the first line of a key looks like its next ones."""
    found = _LINES.span(text)
    return found[1] if found is not None else 0


def key_goes_on(text: bytes) -> tuple[int, bool]:
    """How much of a text belongs to a key that began in one before it, and whether the key ends there."""
    footer = _LINES_AND_FOOTER.span(text[:KEY_MOST])
    if footer is not None:
        return footer[1], True
    if _LAST_LINE.hits(text):
        return len(text), False
    size = key_lines(text)
    # A short word alone is prose.
    return (size if size >= 16 else 0), False


def key_ends(text: bytes) -> bool:
    """Whether the last line of a key is in what was found of it."""
    return b"END " in text


def whole(text: bytes, start: int, end: int, joints: Set[int]) -> Sequence[Span]:
    """All of it."""
    return [(start, end)]
