"""The URIs of resources as records have them (pure).

Which resource was read is what a record is about; who could read it is not. What people put secrets into
(RFC 3986: userinfo, the values of a query, a fragment; RFC 2397: all that a C{data:} URI holds) is left out.
Rules are about the whole URI, and what is forwarded has all of it.
"""

from __future__ import annotations

import re

#: What stands for what was left out.
LEFT_OUT = "***"

# RFC 3986 appendix B, with userinfo apart. Whatever a resource is named by is looked at as one, also without
# a scheme: servers take relative references, and what is nearly a URI, too.
_URI = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*:)?"
    r"(?P<slashes>[/\\]{2,})?(?P<user>(?<=[/\\])[^/?#]*@)?"
    r"(?P<rest>[^?#]*)"
    r"(?P<query>\?[^#]*)?"
    r"(?P<fragment>\#.*)?",
    re.DOTALL,
)

# None of these: a name, as nearly all are.
_MARKS = re.compile("[:?#;@]")
_SEGMENT = re.compile(r"[^/\\]+")
# RFC 3986 section 3.3: what a segment of a path says of itself.
_SAID = re.compile(r"(;[^/;=]*=)[^/;]+")
# RFC 2045: what a data: URI holds.
_TYPE = re.compile(r"[\w.+\-]+/[\w.+\-]+(?:;base64)?")


def shown(name: str) -> str:
    """A name as it is recorded: of a URI, without what may be a secret; any other as it is."""
    if _MARKS.search(name) is None:
        return name
    found = _URI.fullmatch(name)
    assert found is not None
    scheme, slashes, user, rest, query, fragment = found.groups(default="")
    if scheme.lower() == "data:":
        known = _TYPE.match(rest.partition(",")[0])
        return f"{scheme}{known[0] if known else ''},{LEFT_OUT}"
    rest = _SEGMENT.sub(_segment, rest)
    rest = _SAID.sub(rf"\1{LEFT_OUT}", rest)
    shown = f"{scheme}{slashes}{f'{LEFT_OUT}@' if user else ''}{rest}"
    if query:
        shown += "?" + "&".join(_parameter(each) for each in query[1:].split("&"))
    return shown + (f"#{LEFT_OUT}" if fragment else "")


def _segment(found: re.Match[str]) -> str:
    # A user and a password where no authority should be: a slash too few, or one that is spelled.
    before, at, host = found[0].rpartition("@")
    return f"{LEFT_OUT}@{host}" if at and ":" in before else found[0]


def _parameter(text: str) -> str:
    key, equals, _ = text.partition("=")
    # One without a value is one.
    return f"{key}={LEFT_OUT}" if equals else LEFT_OUT if key else ""
