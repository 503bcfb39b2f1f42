"""What a token endpoint answers: a token, or a fault in words of ours (pure).

Nothing of an answer is quoted but the error codes that the RFCs name: an error's description may repeat
the secret that was sent.
"""

from __future__ import annotations

import re
from math import isfinite

import msgspec
from attrs import field, frozen

#: The largest answer that is read, in bytes: tokens of large directories have 8 KB.
ANSWER_MOST = 64 * 1024
#: Longest token, as a header line has to carry it: servers refuse longer heads (Node: 16 KiB).
TOKEN_LENGTH = 12 * 1024

#: Seconds for which a token counts whose server does not say (RFC 6749 section 5.1 leaves that open).
LIFETIME = 300.0
#: One that ends sooner is over before it is shown: whoever waits for it would have the next one asked for.
LIFETIME_LEAST = 1.0
#: A token is asked for anew after a day, whatever its server promises.
LIFETIME_MOST = 86400.0

#: RFC 6749 sections 5.2 and 4.1.2.1, RFC 8693 section 2.2.2; and what servers answer beside these.
ERRORS = frozenset(
    "invalid_request invalid_client invalid_grant unauthorized_client unsupported_grant_type invalid_scope "
    "invalid_target access_denied server_error temporarily_unavailable slow_down invalid_token "
    "interaction_required".split()
)

#: Those of them that are about the client and no caller. Not C{invalid_scope}, which some servers say of
#: somebody who may not have what others may.
GENERAL = frozenset(
    "invalid_client unauthorized_client unsupported_grant_type temporarily_unavailable server_error "
    "slow_down".split()
)

# RFC 6750 section 2.1: b64token. Nothing else goes into a header line.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_DIGITS = re.compile(r"[0-9]{1,9}")
_NO_JSON = "its answer is not a JSON object"
_decode = msgspec.json.Decoder().decode


@frozen
class Granted:
    """
    A token, and for how many seconds it is good.

    @ivar fresh: After how many the next one is asked for, where that is not a part of its lifetime.
    """

    token: str = field(repr=False)
    lifetime: float
    fresh: float | None = None


@frozen
class Fault:
    """
    There is none.

    @ivar why: In words of ours.
    @ivar wait: Seconds for which the server wants to be left alone.
    @ivar general: Whether any other question would have had the same answer, whoever the caller is.
    """

    why: str
    wait: float = 0.0
    general: bool = False


def read_answer(
    status: int, retry_after: str | None, body: bytes, wanted: str | None = None
) -> Granted | Fault:
    """
    Read an answer.

    @param retry_after: that header.
    @param wanted: which type of token was asked for in an exchange, if that was said.
    """
    if status != 200:
        # A client that is not known, or a server that has a fault or enough of us; the rest may be about
        # the caller's token: nobody shuts out others by what is refused to him.
        code = _error(body)
        words = f"it answered {status} {code}" if code else f"it answered {status}"
        busy = status == 429 or status >= 500
        general = busy or (code in GENERAL if code else status in (401, 404, 405) or status < 400)
        return Fault(words, _seconds(retry_after), general)
    try:
        found = _decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return Fault(_NO_JSON)
    if not isinstance(found, dict):
        return Fault(_NO_JSON)
    token, kind = found.get("access_token"), found.get("token_type")
    if not isinstance(token, str) or not token:
        return Fault("its answer holds no access_token")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        return Fault("its answer holds a token that is not of type Bearer")
    issued = found.get("issued_token_type")
    if wanted is not None and issued is not None and issued != wanted:
        return Fault("its answer holds another type of token than was asked for")
    if len(token) > TOKEN_LENGTH:
        return Fault(f"its answer holds a token of more than {TOKEN_LENGTH} characters")
    if not _TOKEN.fullmatch(token):
        return Fault("its answer holds a token that no header can carry")
    lifetime = _lifetime(found.get("expires_in"))
    if lifetime is None:
        return Fault("its answer says nothing sensible of when the token expires")
    if lifetime < LIFETIME_LEAST:
        return Fault("its answer holds a token that has expired already")
    return Granted(token, min(lifetime, LIFETIME_MOST))


def _error(body: bytes) -> str:
    """The error code of a refusal, if it is one of those that are known."""
    try:
        found = _decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ""
    code = found.get("error") if isinstance(found, dict) else None
    return code if isinstance(code, str) and code in ERRORS else ""


def _lifetime(given: object) -> float | None:
    if given is None:
        return LIFETIME
    if isinstance(given, str) and _DIGITS.fullmatch(given):
        # As some servers have it.
        return float(given)
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    # Whole numbers of JSON may be too large for a float.
    return float(max(min(given, LIFETIME_MOST), -1)) if isinstance(given, int) or isfinite(given) else None


def _seconds(given: str | None) -> float:
    return float(given) if given is not None and _DIGITS.fullmatch(given) else 0.0
