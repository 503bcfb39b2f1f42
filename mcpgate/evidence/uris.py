"""The URIs of resources as records have them (pure).

Which resource was read is what a record is about; who could read it is not. What people put secrets into
(RFC 3986: userinfo, the values of a query, a fragment; RFC 2397: all that a C{data:} URI holds) is left out.
Rules are about the whole URI, and what is forwarded has all of it.
"""

from __future__ import annotations

import re

#: What stands for what was left out.
LEFT_OUT = "***"

# RFC 3986 appendix B, with userinfo apart.
_URI = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*:)"
    r"(?P<slashes>//)?(?P<user>[^/?#]*@)?"
    r"(?P<rest>[^?#]*)"
    r"(?P<query>\?[^#]*)?"
    r"(?P<fragment>\#.*)?",
    re.DOTALL,
)


def shown(name: str) -> str:
    """A name as it is recorded: of a URI, without what may be a secret; any other as it is."""
    if ":" not in name:
        return name
    found = _URI.fullmatch(name)
    if found is None:
        return name
    scheme, slashes, user, rest, query, fragment = found.groups()
    if scheme.lower() == "data:":
        return f"{scheme}{rest.partition(',')[0]},{LEFT_OUT}"
    if not (user or query or fragment):
        return name
    if user and not slashes:
        # mailto: and the like, where it is who is meant.
        rest, user = user + rest, None
    shown = f"{scheme}{slashes or ''}{f'{LEFT_OUT}@' if user else ''}{rest}"
    if query:
        shown += "?" + "&".join(_parameter(each) for each in query[1:].split("&"))
    return shown + (f"#{LEFT_OUT}" if fragment else "")


def _parameter(text: str) -> str:
    key, equals, _ = text.partition("=")
    # One without a value is one.
    return f"{key}={LEFT_OUT}" if equals else LEFT_OUT if key else ""
