"""The forms that single values of the file take: how each is read, checked, and written back.

Reading never coerces: C{5} is no string and C{"abc"} no list. A form raises C{ValueError} with the
rest of a sentence that begins at the value, and quotes it only where it cannot be a secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path

from attrs import field, frozen

from mcpgate.config import endpoint, shapes, units, url
from mcpgate.config.expression import compile_expression, is_expression
from mcpgate.config.problem import did_you_mean, quoted
from mcpgate.config.shapes import TEXT, Shape
from mcpgate.policy.finder import steps_of
from mcpgate.policy.regex import regex_of_operator
from mcpgate.tls.pins import parse_pin

#: Reads one TOML value; the path is the directory that relative paths start from.
Reader = Callable[[object, Path], object]


def toml(value: object) -> str:
    """A value of a field as it would stand in the file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    if isinstance(value, int):
        return str(value)
    # JSON's escapes are TOML's, except that TOML also wants DEL escaped.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


@frozen
class Form:
    """How a value is written. C{said} names it for people: "a duration, such as 30s"."""

    said: str
    read: Reader
    show: Callable[..., str] = toml
    #: A list of such values; C{lone}: a single one may stand without its brackets.
    many: bool = False
    lone: bool = False
    #: What an editor can know of a single value.
    shape: Shape = field(default=TEXT, eq=False, repr=False)


def kind_of(raw: object) -> str:
    """What TOML calls a value, for messages; never the value."""
    kinds: dict[type, str] = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "a string",
        list: "a list",
        dict: "a table",
    }
    return kinds.get(type(raw), "a date or time")


def a_string(raw: object, said: str) -> str:
    """A string that is not empty and can be shown on one line."""
    if not isinstance(raw, str):
        raise ValueError(f"is {kind_of(raw)}; want a string: {said}")
    if not raw:
        raise ValueError(f"is empty; want {said}")
    if not raw.isprintable():
        raise ValueError("has a control character or an odd space in it")
    return raw


def text(
    said: str,
    read: Callable[[str], object] = str,
    show: Callable[..., str] = toml,
    shape: Shape = TEXT,
) -> Form:
    """A string, read further by C{read}."""
    return Form(said, lambda raw, base: read(a_string(raw, said)), show, shape=shape)


def many(form: Form, *, lone: bool = False) -> Form:
    """A list of values of one form."""
    said = f"a list, each {form.said}" + (" (a single one may stand without brackets)" if lone else "")
    return Form(said, form.read, form.show, many=True, lone=lone, shape=form.shape)


def switch() -> Form:
    """C{true} or C{false}."""

    def read(raw: object, base: Path) -> bool:
        if not isinstance(raw, bool):
            raise ValueError(f"is {kind_of(raw)}; want true or false")
        return raw

    return Form("true or false", read, shape=shapes.BOOLEAN)


def count(least: int, most: int) -> Form:
    """A whole number within bounds."""
    said = f"a whole number from {least} to {most}"

    def read(raw: object, base: Path) -> int:
        # bool is an int to Python, not to TOML.
        if not isinstance(raw, int) or isinstance(raw, bool):
            raise ValueError(f"is {kind_of(raw)}; want {said}")
        if not least <= raw <= most:
            raise ValueError(f"is out of range; want {said}")
        return raw

    return Form(said, read, shape=shapes.whole(least, most))


def workers() -> Form:
    """How many processes: a number, or C{"auto"}."""
    # More than a few per core gain nothing; nobody has cores for 256.
    number = count(1, 256)
    said = f'{number.said}, or "auto"'

    def read(raw: object, base: Path) -> object:
        if raw == "auto":
            return raw
        if isinstance(raw, str):
            raise ValueError(f"{quoted(raw)} is no number of workers; want {said}")
        return number.read(raw, base)

    return Form(said, read, shape=shapes.either(number.shape, shapes.among(["auto"])))


def duration(least: str, most: str) -> Form:
    """Seconds, written with a unit, within bounds."""
    said = f'a duration such as "30s", from {least} to {most}'
    bounds = units.read_duration(least), units.read_duration(most)

    def read(word: str) -> float:
        try:
            seconds = units.read_duration(word)
        except ValueError as error:
            raise ValueError(f"{quoted(word)} {error}") from None
        if not bounds[0] <= seconds <= bounds[1]:
            raise ValueError(f"{quoted(word)} is out of range; want {said}")
        return seconds

    return text(
        said, read, lambda value: toml(units.write_duration(value)), shapes.quantity(units.SECONDS)
    )


def size(least: str, most: str) -> Form:
    """Bytes, written with a unit, within bounds."""
    said = f'a size such as "64KiB", from {least} to {most}'
    bounds = units.read_size(least), units.read_size(most)

    def read(word: str) -> int:
        try:
            amount = units.read_size(word)
        except ValueError as error:
            raise ValueError(f"{quoted(word)} {error}") from None
        if not bounds[0] <= amount <= bounds[1]:
            raise ValueError(f"{quoted(word)} is out of range; want {said}")
        return amount

    return text(said, read, lambda value: toml(units.write_size(value)), shapes.quantity(units.BYTES))


def word(noun: str, words: Iterable[str], *, quote: bool = True) -> Form:
    """
    One of a few words.

    @param quote: whether what it is instead may be shown; what belongs to a secret may be taken for it.
    """
    words = tuple(words)

    def read(given: str) -> str:
        if given not in words:
            called = quoted(given) if quote else "that"
            raise ValueError(f"no {noun} is named {called}{did_you_mean(given, words)}")
        return given

    return text(" or ".join(toml(each) for each in words), read, shape=shapes.among(words))


def file(said: str = "a path") -> Form:
    """A path; a relative one starts at the directory of the configuration file."""
    return Form(said, lambda raw, base: base / a_string(raw, said))


def trust() -> Form:
    """The word C{system}, or a path as text."""
    said = 'the word "system" or the path of a PEM file'

    def read(raw: object, base: Path) -> str:
        given = a_string(raw, said)
        return given if given == "system" else str(base / given)

    return Form(said, read)


# No dots: a name stands between dots in the paths of messages. 64 keeps records short.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def name() -> Form:
    """A name that we give something: it appears in records, messages and metrics."""

    def read(given: str) -> str:
        if not _NAME.fullmatch(given):
            raise ValueError(f"{quoted(given)} is not a name; use up to 64 letters, digits, - and _")
        return given

    return text("a name of letters, digits, - and _", read, shape=shapes.matching(_NAME))


def read_pattern(given: str) -> str:
    """A pattern as it was written, once it is known to be good.

    @raise ValueError: it is an expression that RE2 does not take, or half of one.
    """
    if is_expression(given):
        try:
            compile_expression(given)
        except ValueError as error:
            raise ValueError(f"{quoted(given)} {error}") from None
    elif given.startswith("^"):
        raise ValueError(f"{quoted(given)} begins with ^ and does not end with $; an expression has both")
    return given


def pattern() -> Form:
    """What a rule matches: exact text, text with C{*} and C{?}, or an expression."""
    return text("text, exact, with * and ?, or ^regex$", read_pattern)


#: A scope (RFC 6749 section 3.3): what a challenge can hold between its quotes.
_SCOPE = re.compile(r"[!#-\[\]-~]{1,200}")


def scope() -> Form:
    """A scope, as an issuer grants it: compared as it is written, and never by a part of it."""

    def read(given: str) -> str:
        if " " in given:
            raise ValueError("is several scopes; write them as a list")
        if not _SCOPE.fullmatch(given):
            raise ValueError("is no scope: up to 200 printable ASCII characters, without \" and \\")
        return given

    return text("a scope, such as tools:write", read, shape=shapes.matching(_SCOPE))


def expression() -> Form:
    """A regular expression that is looked for in texts (RE2)."""

    def read(given: str) -> str:
        try:
            regex_of_operator(given)
        except ValueError as error:
            raise ValueError(f"{quoted(given)} cannot be looked for: {error}") from None
        return given

    return text("a regular expression (RE2)", read)


def member() -> Form:
    """A path to a member that is masked, as it was written."""

    def read(given: str) -> str:
        try:
            steps_of(given)
        except ValueError:
            raise ValueError(f"{quoted(given)} is no path, such as customer.ssn or items[].ssn") from None
        return given

    return text("a path such as customer.ssn or items[].ssn", read)


def affirmed() -> Form:
    """C{true}: what nobody would want the opposite of."""

    def read(raw: object, base: Path) -> bool:
        if raw is not True:
            raise ValueError("can only be true; leave the key out where it does not matter")
        return True

    return Form("true", read, shape=shapes.AFFIRMED)


# Twice what a terminal shows on a line.
SENTENCE_LENGTH = 160


def sentence() -> Form:
    """Words for people."""

    def read(given: str) -> str:
        if len(given) > SENTENCE_LENGTH:
            raise ValueError(f"is longer than {SENTENCE_LENGTH} characters")
        return given

    return text("a sentence", read, shape={**TEXT, "maxLength": SENTENCE_LENGTH})


def pin() -> Form:
    """An RFC 7469 pin."""
    shape = shapes.matching("sha256//?[A-Za-z0-9+/]{43}=")
    return text('a pin, "sha256/" and 44 base64 characters', parse_pin, shape=shape)


# RFC 3986 section 4.3: an absolute URI, which has no fragment.
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]+")


def uri() -> Form:
    """An absolute URI, which others compare letter by letter, so it is kept as it was written."""

    def read(given: str) -> str:
        if not _URI.fullmatch(given):
            raise ValueError("is not an absolute URI, such as https://api.example.com/mcp or urn:example:api")
        return given

    return text("an absolute URI", read, shape=shapes.matching(_URI))


def listen() -> Form:
    """A Twisted endpoint description, kept as text once it is known to be good."""

    def read(description: str) -> str:
        endpoint.read_endpoint(description)
        return description

    return text("an endpoint description, such as tcp:8443", read)


def host() -> Form:
    """A host name or an address, in its canonical form."""

    def read(given: str) -> str:
        try:
            return url.read_host(given)
        except ValueError as error:
            raise ValueError(f"{quoted(given)} {error}") from None

    return text("a host name, without port", read)


def network() -> Form:
    """An address, or a network in CIDR form. Never a name: it would be whatever DNS says."""
    said = "an address or a network, such as 10.0.0.5 or 10.1.0.0/24"

    def read(given: str) -> IPv4Network | IPv6Network:
        try:
            meant = ip_network(given, strict=False)
        except ValueError:
            raise ValueError(f"{quoted(given)} is not {said}") from None
        if not meant.prefixlen:
            raise ValueError(f"{quoted(given)} is every address there is; want {said}")
        if ip_address(given.partition("/")[0]) != meant.network_address:
            raise ValueError(f"{quoted(given)} has bits beyond its prefix; did you mean {meant}?")
        return meant

    return text(said, read)


def dial() -> Form:
    """Where to connect to: host:port."""

    def read(given: str) -> str:
        host, port = url.read_authority(given, None)
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    return text("host:port", read)


def path() -> Form:
    """The path of a route."""
    return text("a path that starts with /", url.read_path, shape=shapes.matching("/[^?# ]*"))


_HTTPS = shapes.beginning("https://")


def public_url() -> Form:
    """The https URL of a listener, without a path."""

    def read(given: str) -> str:
        found = url.read_url(given)
        if found.path:
            raise ValueError(
                "has a path; a route adds its own, so want only https://HOST or https://HOST:PORT"
            )
        return str(found)

    return text("an https URL without a path", read, shape=_HTTPS)


def origin() -> Form:
    """The origin of web pages. A page may come over http: that says nothing about how it calls us."""
    said = "an origin such as https://app.example.com or http://localhost:6274"
    shape = shapes.beginning(*(f"{scheme}://" for scheme in url.PAGES))
    return text(said, url.read_origin, shape=shape)


def upstream_url() -> Form:
    """The https URL of an upstream. Every other way to reach one is refused by its name."""

    def read(given: str) -> str:
        scheme = given.partition(":")[0].lower()
        if scheme == "http":
            raise ValueError("an upstream is reached over https only; there is no plaintext option")
        if scheme in ("stdio", "unix", "http+unix", "file"):
            raise ValueError(
                f"{scheme} upstreams are not supported: an upstream is reached over https only, "
                "so put a TLS front before a local server"
            )
        found = url.read_url(given)
        # RFC 9110 4.2.3: an empty path is the same as "/".
        return str(url.Url(found.host, found.port, found.path or "/"))

    return text("an https URL", read, shape=_HTTPS)


def provider_url() -> Form:
    """The https URL of somebody who is asked for documents or tokens; it may have a query."""

    def read(given: str) -> str:
        return str(url.read_url(given, query=True))

    return text("an https URL", read, shape=_HTTPS)


def webhook() -> Form:
    """An https URL to post to; or where it is to be found, as it may be a secret: never quoted."""
    kept = reference()
    said = f"an https URL, or {kept.said}"

    def read(raw: object, base: Path) -> str:
        given = a_string(raw, said)
        if given.partition(":")[0] in ("file", "env", "credential"):
            return str(kept.read(given, base))
        return str(url.read_url(given, query=True))

    return Form(said, read, shape=shapes.either(_HTTPS, kept.shape))


def index() -> Form:
    """Where the searchable copy is. The URL of a database holds a password: referred to, never quoted."""
    kept = reference()
    said = f"sqlite, off, or a reference to a URL: {kept.said}"

    def read(raw: object, base: Path) -> str:
        given = a_string(raw, said)
        if given in ("sqlite", "off"):
            return given
        try:
            return str(kept.read(given, base))
        except ValueError:
            raise ValueError(f"is none of: {said}; a password never stands in this file") from None

    return Form(said, read, shape=shapes.either(shapes.among(["sqlite", "off"]), kept.shape))


def syslog() -> Form:
    """The syslog of this machine, or one that is reached by UDP."""

    def read(given: str) -> str:
        if given == "local":
            return given
        host, port = url.read_authority(given, None)
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    return text("local, or HOST:PORT", read)


# Identifiers that are compared to the letter: nothing in them that looks like something else.
_EXACT = re.compile(r"[!-~]{1,512}")


def issuer() -> Form:
    """What tokens say of who issued them. It is compared and not dialled, so it need not be a URL."""

    def read(given: str) -> str:
        if not _EXACT.fullmatch(given):
            raise ValueError("is not what an issuer can be called: up to 512 printable ASCII characters")
        if given.lower().startswith("http:"):
            raise ValueError("is not an https URL: nobody is who a document in clear text says")
        return given

    return text("an issuer, such as https://login.example.com", read, shape=shapes.matching(_EXACT))


def identifier(noun: str) -> Form:
    """A word of somebody else's that is compared to the letter."""

    def read(given: str) -> str:
        if not _EXACT.fullmatch(given):
            raise ValueError(f"is not a {noun}: up to 512 printable ASCII characters, without spaces")
        return given

    return text(f"a {noun}", read, shape=shapes.matching(_EXACT))


# RFC 9110 5.6.2: token.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
# What the gate itself decides about each forwarded request.
_OURS = re.compile(
    r"(?i)host|content-.*|transfer-encoding|connection|keep-alive|te|trailer|upgrade|expect|accept.*|proxy-.*|"
    r"via|forwarded|x-forwarded-.*|origin|last-event-id|mcp-.*"
)


def header() -> Form:
    """The name of a header that may carry a credential."""

    def read(given: str) -> str:
        if not _TOKEN.fullmatch(given):
            raise ValueError(f"{quoted(given)} is not the name of a header")
        if _OURS.fullmatch(given):
            raise ValueError(f"{quoted(given)} is a header that the gate sets itself")
        return given

    return text("the name of a header", read, shape=shapes.matching(_TOKEN))


_ENVIRONMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# systemd.exec(5): the id of a credential is a file name.
_CREDENTIAL = re.compile(r"[A-Za-z0-9_.-]{1,255}")


# A name of ours, an engine, a path below it and the name of a value: no dot segments, nothing to escape.
_VAULT = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]{0,63}):([A-Za-z0-9_-]+)/([A-Za-z0-9_./-]+)#([A-Za-z0-9_.-]+)")
_DOTS = re.compile(r"(?:^|/)(?:\.{0,2})(?:/|$)")


@frozen
class InVault:
    """A place in a vault: C{vault:NAME:MOUNT/PATH#FIELD}."""

    name: str
    mount: str
    path: str
    member: str


def in_vault(reference: str) -> InVault | None:
    """The place that a reference names; C{None} where it names none."""
    found = _VAULT.fullmatch(reference.removeprefix("vault:")) if reference.startswith("vault:") else None
    return None if found is None or _DOTS.search(found[3]) else InVault(*found.groups())


def secret() -> Form:
    """As L{reference}, or in a vault."""
    elsewhere = reference()
    said = f"{elsewhere.said}, or vault:NAME:MOUNT/PATH#FIELD"

    def read(raw: object, base: Path) -> str:
        given = a_string(raw, said)
        if in_vault(given) is not None:
            return given
        if given.startswith("vault:"):
            raise ValueError("is no place in a vault; want vault:NAME:MOUNT/PATH#FIELD")
        return str(elsewhere.read(raw, base))

    return Form(said, read, shape=shapes.either(elsewhere.shape, shapes.matching(f"vault:{_VAULT.pattern}")))


def reference() -> Form:
    """Where a secret is to be found. Whatever else stands here may be the secret: never quoted."""
    said = "file:PATH, env:NAME or credential:NAME"

    def read(raw: object, base: Path) -> str:
        given = a_string(raw, said)
        kind, colon, rest = given.partition(":")
        if kind == "file" and colon and rest:
            return f"file:{base / rest}"
        if kind == "env" and _ENVIRONMENT.fullmatch(rest):
            return given
        if kind == "credential" and _CREDENTIAL.fullmatch(rest) and rest not in (".", ".."):
            return given
        raise ValueError(f"is not a reference; a secret never stands in this file, so want {said}")

    places = f"file:.+|env:{_ENVIRONMENT.pattern}|credential:{_CREDENTIAL.pattern}"
    return Form(said, read, shape=shapes.matching(places))
