"""What each detector that comes with the gate looks for, as data: expressions, and the check of a match.

An expression has three parts. C{left} and C{right} say where a secret may begin and end, and C{core} what
it looks like; apart, because where two texts meet anything may begin or end. As text is often JSON within
JSON, an escape that is spelled out (C{\\n}, C{%3D}) may stand before it as well.

C{doubt} is as much of its beginning as says too much already: more than the six digits of a card that PCI
DSS 3.4 lets everybody see, or a token's prefix with some of the token. What ends a text like that waits for
the next text.

C{hint} matches wherever C{core} could and costs less to fail, in JSON too, whose escapes of one letter it
reads over. It is short (C{HINT_MOST}) and looks at no surroundings, except where C{near} replaces it for a
text that is seen whole.
"""

from __future__ import annotations

from attrs import frozen

from mcpgate.policy.checks import (
    IBAN_COUNTRIES,
    Check,
    addresses,
    cards,
    ibans,
    international,
    north_american,
    private_keys,
    social_security,
    whole,
)

_ESCAPE = r"\\+[nrtbf]|\\+u[0-9A-Fa-f]{4}|%[0-9A-Fa-f]{2}"
# Before and after a word: nothing of which it could be a part.
_WORD_LEFT = rf"{_ESCAPE}|[^0-9A-Za-z]"
_WORD_RIGHT = r"[^0-9A-Za-z]"
# Beside a number: neither a letter nor more of the number, such as the dot and the digits of a fraction.
_NUMBER_LEFT = rf"{_ESCAPE}|[^0-9A-Za-z.]|[^0-9]\.|^\."
_NUMBER_RIGHT = r"[^0-9A-Za-z.]|\.0?(?:[^0-9]|$)"
# Beside a number that is written with dots and hyphens itself.
_DASHED_LEFT = rf"{_ESCAPE}|[^0-9A-Za-z.-]|[^0-9][.-]|^[.-]"
_DASHED_RIGHT = r"[^0-9A-Za-z.-]|[.-](?:[^0-9]|$)"

# Latin, Greek and Cyrillic, whose readers put spaces between words; as ranges that are few bytes of UTF-8:
# classes of Unicode make programs of tens of thousands of instructions.
_LETTER = r"0-9A-Za-z\x{C0}-\x{52F}\x{1E00}-\x{1EFF}"
_SECRET_IS = (
    r"(?i:secret[_ .-]?(?:access[_ .-]?)?key)[\"'\\]{0,4}[ \t]{0,8}(?::=|=>|:|=)[ \t]{0,8}[\"'\\]{0,4}"
)
_GAP = r"(?:[>=\"'\\ \t]|\\t){0,24}"
_SECRET_MAY_BE = rf"(?i:secret[_ .-]?(?:access[_ .-]?)?key){_GAP}[:=]{_GAP}"


#: No hint matches more bytes than this.
HINT_MOST = 160


@frozen
class Sought:
    """
    One shape of what a detector looks for.

    @ivar core: The secret is its last group, if it has one.
    @ivar left, right: What must stand beside it, if it is not the end of the text; empty: anything.
    @ivar alone: In the place of C{core} for what does not go over the end of a text; empty: the same.
    @ivar open: It may be longer than what is already enough to find it.
    @ivar needs: One of these is in every text in which it is; empty: not known.
    """

    detector: str
    core: str
    hint: str
    doubt: str = ""
    left: str = _WORD_LEFT
    right: str = _WORD_RIGHT
    check: Check = whole
    needs: tuple[bytes, ...] = ()
    near: str = ""
    alone: str = ""
    open: bool = False


BUILT_IN: tuple[Sought, ...] = (
    Sought(
        # RFC 5321 section 4.1.2, without quoted local parts, which nobody has; letters as in RFC 6531.
        "email",
        core=rf"[{_LETTER}_+](?:[{_LETTER}._+'-])*(?:@|%40)"
        rf"(?:[{_LETTER}](?:[{_LETTER}-]*[{_LETTER}])?\.)+(?:xn--[a-z0-9-]+|[{_LETTER}]{{2,24}})",
        hint=r"[0-9A-Za-z_.+'\x{80}-\x{10FFFF}-](?:@|%40)[0-9A-Za-z\x{80}-\x{10FFFF}]",
        doubt=rf"[{_LETTER}_+](?:[{_LETTER}._+'-])*(?:@|%40)[{_LETTER}.-]*",
        left=rf"{_ESCAPE}|[^{_LETTER}_+]",
        right=r"[^0-9A-Za-z]",
        check=addresses,
        needs=(b"@", b"%40"),
    ),
    Sought(
        "card",
        core=r"[0-9](?:[ -]?[0-9]){12,}",
        # Of one text: a group of the run begins as issuers' numbers do.
        alone=r"(?:[0-9]+[ -])*[234568](?:[ -]?[0-9]){12,}",
        # The first digit of every issuer; times in milliseconds begin with another.
        hint=r"[234568](?:[ -]?[0-9]){12}",
        near=rf"(?:^|{_WORD_LEFT})[234568](?:[ -]?[0-9]){{12}}",
        doubt=r"[234568](?:[ -]?[0-9]){6,18}[ -]?",
        left=_NUMBER_LEFT,
        right=_NUMBER_RIGHT,
        check=cards,
    ),
    Sought(
        "iban",
        core=rf"(?i:{IBAN_COUNTRIES})[0-9]{{2}}(?:[ -]?[A-Za-z0-9]){{11,29}}",
        hint=rf"(?i:{IBAN_COUNTRIES})[0-9]{{2}}(?:[ -]?[A-Za-z0-9]){{11}}",
        near=rf"(?:^|{_WORD_LEFT})(?i:{IBAN_COUNTRIES})[0-9]{{2}}(?:[ -]?[A-Za-z0-9]){{11}}",
        doubt=rf"(?i:{IBAN_COUNTRIES})[0-9]{{2}}(?:[ -]?[A-Za-z0-9]){{4,29}}[ -]?",
        check=ibans,
    ),
    Sought(
        "phone",
        core=r"\+[1-9](?:[ .()/-]{0,2}[0-9]){7,14}",
        hint=r"\+[1-9](?:(?:[ .()-]|\\?/){0,2}[0-9]){7}",
        doubt=r"\+[1-9](?:[ .()/-]{0,2}[0-9]){5,13}[ .()/-]{0,2}",
        left=_DASHED_LEFT,
        right=_DASHED_RIGHT,
        check=international,
        needs=(b"+",),
    ),
    Sought(
        "phone",
        core=r"(?:1[ .-])?(?:\([2-9][0-9]{2}\) ?-?|[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-][0-9]{4}",
        hint=r"[2-9][0-9]{2}(?:\) ?-?|[ .-])[2-9][0-9]{2}[ .-][0-9]{4}",
        doubt=r"[2-9][0-9]{2}(?:\) ?-?|[ .-])[2-9][0-9]{2}(?:[ .-][0-9]{0,3})?",
        left=_DASHED_LEFT,
        right=_DASHED_RIGHT,
        check=north_american,
    ),
    Sought(
        "ssn",
        core=r"[0-9]{3}-[0-9]{2}-[0-9]{4}|[0-9]{3} [0-9]{2} [0-9]{4}",
        hint=r"[0-9]{3}[ -][0-9]{2}[ -][0-9]{4}",
        doubt=r"[0-9]{3}-[0-9]{2}(?:-[0-9]{0,3})?|[0-9]{3} [0-9]{2}(?: [0-9]{0,3})?",
        left=_DASHED_LEFT,
        right=_DASHED_RIGHT,
        check=social_security,
    ),
    Sought(
        "aws-key",
        core=r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}",
        hint=r"A(?:KI|SI|BI|CC)A[A-Z0-9]{16}",
        doubt=r"A(?:KI|SI|BI|CC)A[A-Z0-9]{4,15}",
        needs=(b"AKIA", b"ASIA", b"ABIA", b"ACCA"),
    ),
    Sought(
        # A secret key has no shape of its own: forty characters, known by what stands before them.
        "aws-key",
        core=rf"{_SECRET_IS}((?:\\?/|[A-Za-z0-9+]){{40}})",
        hint=rf"{_SECRET_MAY_BE}[A-Za-z0-9+/\\]{{40}}",
        doubt=rf"{_SECRET_IS}(?:\\?/|[A-Za-z0-9+]){{0,39}}\\?",
        left="",
        right=r"[^A-Za-z0-9+/=]",
    ),
    Sought(
        "github-token",
        core=r"gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59,}",
        hint=r"gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{40}",
        doubt=r"gh[pousr]_[A-Za-z0-9]{4,35}|github_pat_[A-Za-z0-9]{4,22}(?:_[A-Za-z0-9]{0,58})?",
        needs=(b"gh", b"github_pat_"),
        open=True,
    ),
    Sought(
        "slack-token",
        core=r"xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}|xapp-[0-9]-[A-Za-z0-9-]{10,}",
        hint=r"xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10}|xapp-[0-9]-[A-Za-z0-9-]{10}",
        doubt=r"xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{4,9}|xapp-[0-9]-[A-Za-z0-9-]{4,9}",
        needs=(b"xox", b"xapp"),
        open=True,
    ),
    Sought(
        "slack-token",
        core=r"(?:https?:\\?/\\?/)?hooks\.slack(?:-gov)?\.com\\?/(?:services|workflows|triggers)"
        r"(?:\\?/|[A-Za-z0-9_+-]){20,}",
        hint=r"hooks\.slack(?:-gov)?\.com\\?/(?:services|workflows|triggers)",
        doubt=r"hooks\.slack(?:-gov)?\.com\\?/(?:services|workflows|triggers)(?:\\?/|[A-Za-z0-9_+-]){1,19}\\?",
        needs=(b"hooks.slack",),
        open=True,
    ),
    Sought(
        "google-key",
        core=r"AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{28}",
        hint=r"AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20}|GOCSPX-[A-Za-z0-9_-]{28}",
        doubt=r"AIza[A-Za-z0-9_-]{4,34}|ya29\.[A-Za-z0-9_-]{4,19}|GOCSPX-[A-Za-z0-9_-]{4,27}",
        right=r"[^0-9A-Za-z_-]|-(?:[^0-9A-Za-z_-]|$)",
        needs=(b"AIza", b"ya29.", b"GOCSPX-"),
        open=True,
    ),
    Sought(
        # RFC 7519: three parts, of which the header begins with {" in base64url; RFC 7516 has five.
        "jwt",
        core=r"eyJ[A-Za-z0-9_-]{8,}\.(?:eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*|[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+){3})",
        hint=r"eyJ[A-Za-z0-9_-]{8}",
        doubt=r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,4}",
        right=r"[^0-9A-Za-z_-]",
        needs=(b"eyJ",),
        open=True,
    ),
    Sought(
        # RFC 7468, OpenSSH, PGP and the format of RFC 4716: whatever the kind of key is called.
        "private-key",
        core=r"-{4,5} ?BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}",
        hint=r"BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY",
        left="",
        right="",
        check=private_keys,
        needs=(b"PRIVATE KEY",),
        open=True,
    ),
)
#: The detectors that come with the gate.
NAMES = frozenset(shape.detector for shape in BUILT_IN)
