"""The configuration file, from bytes to a value or to everything that is wrong with it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.config.load import ConfigError, ConfigUnreadable, load_config, load_policy, parse_config
from mcpgate.config.schema import REPEATED, SINGLE
from mcpgate.config.tables.credential import FixedTable
from mcpgate.config.tables.rule import OnTable

SOURCE = Path("/etc/mcpgate/mcpgate.toml")

PIN = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

GOOD = f"""\
[gate]
state = "state"

[[listener]]
name = "public"
listen = "tcp:8443"
certificates = "tls"

[[upstream]]
name = "git"
url = "https://git.example.com/mcp"
pins = [
  "{PIN}",
]

[[route]]
path = "/git"
upstream = "git"

[[rule]]
name = "read"
verdict = "allow"
on = {{ route = "git", name = ["get_*", "list_*"] }}
"""


def problems(text: str) -> list[str]:
    """What is said of a file, a line each."""
    try:
        parse_config(text.encode(), SOURCE)
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


def test_a_good_file_becomes_a_configuration() -> None:
    """Everything is where it belongs, with defaults for what was left out."""
    config = parse_config(GOOD.encode(), SOURCE)
    (listener,), (upstream,) = config.listeners, config.upstreams
    (route,), (rule,) = config.routes, config.rules
    assert (listener.name, listener.listen, listener.profile) == ("public", "tcp:8443", "modern")
    assert (upstream.url, upstream.pins) == ("https://git.example.com/mcp", (PIN,))
    assert (route.name, route.path, route.host) == ("git", "/git", None)
    assert (rule.verdict, rule.on) == ("allow", OnTable(route=("git",), name=("get_*", "list_*")))
    assert (config.gate.drain, config.limits.head_size) == (30.0, 32768)
    assert config.source == SOURCE


def test_relative_paths_start_from_the_directory_of_the_file() -> None:
    """Wherever the process was started: also the path inside a reference, and a trust file."""
    more = 'trust = "ca.pem"\ncredential = { bearer = "file:token" }'
    text = GOOD.replace('name = "git"', f'name = "git"\n{more}')
    config = parse_config(text.encode(), SOURCE)
    assert config.gate.state == Path("/etc/mcpgate/state")
    assert config.listeners[0].certificates == Path("/etc/mcpgate/tls")
    assert config.upstreams[0].trust == "/etc/mcpgate/ca.pem"
    assert config.upstreams[0].credential == FixedTable(bearer="file:/etc/mcpgate/token")


def test_quantities_are_numbers_inside() -> None:
    """Seconds and bytes."""
    text = GOOD + '[limits]\nhead_timeout = "250ms"\nbody_size = "1MiB"\n'
    limits = parse_config(text.encode(), SOURCE).limits
    assert (limits.head_timeout, limits.body_size) == (0.25, 1 << 20)


def test_names_and_urls_have_one_form() -> None:
    """A host is in lower case, a URL has a path, an address its port."""
    text = GOOD.replace("https://git.example.com/mcp", "https://GIT.example.com").replace(
        'name = "git"', 'name = "git"\naddress = "[::1]:443"'
    )
    upstream = parse_config(text.encode(), SOURCE).upstreams[0]
    assert (upstream.url, upstream.address) == ("https://git.example.com/", "[::1]:443")


def test_the_line_of_each_key_is_kept_for_later_checks() -> None:
    """A check of the world can still point into the file."""
    config = parse_config(GOOD.encode(), SOURCE)
    problem = config.problem("listener.public.certificates", "is missing")
    assert str(problem) == "listener.public.certificates (line 7): is missing"
    assert problem.topic == "listener.certificates"


# Each case edits the good file once: what to replace, with what, and the one line that is said.
BAD = [
    # Keys and tables.
    (
        'state = "state"',
        'stat = "state"',
        'gate.stat (line 2): no key is named "stat" here; did you mean "state"?',
    ),
    ("[gate]", "[gaet]", 'gaet (line 1): no table is named "gaet"; did you mean "gate"?'),
    (
        'listen = "tcp:8443"\n',
        "",
        "listener.public.listen (line 4): is missing. A Twisted endpoint description, such as "
        "tcp:8443; TLS is always put on it. \"embedded\" binds nothing: requests come from the application "
        "that holds the gate, over its own TLS.",
    ),
    ('name = "read"\n', "", "rule[0].name (line 20): is missing. The rule's name in records."),
    ("[[rule]]", "[rule]", "rule (line 20): is a table; want tables that begin with [[rule]]"),
    ("[[listener]]", "[listener]", "listener (line 4): is a table; want tables that begin with [[listener]]"),
    (
        "[[upstream]]",
        "[[upstreams]]",
        'upstreams (line 9): no table is named "upstreams"; did you mean "upstream"?',
    ),
    ("[gate]", "[[gate]]", "gate (line 1): is a list; want one table, [gate]"),
    (
        'path = "/git"',
        'path = "/git"\n"x y" = 1',
        'route.git."x y" (line 18): no key is named "x y" here; '
        "there are path, upstream, name, bound, host, scopes",
    ),
    (
        'verdict = "allow"\non',
        'verdict = "allow"\nOn',
        'rule.read.On (line 23): no key is named "On" here; did you mean "on"?',
    ),
    # Types: nothing is coerced.
    (
        'name = "public"',
        "name = 5",
        "listener[0].name (line 5): is a number; want a string: a name of letters, digits, - and _",
    ),
    (
        'listen = "tcp:8443"',
        "listen = 8443",
        "listener.public.listen (line 6): is a number; want a string: an endpoint description, such as "
        "tcp:8443",
    ),
    (
        'listen = "tcp:8443"',
        'listen = ["tcp:8443"]',
        "listener.public.listen (line 6): is a list; want a string: an endpoint description, such as "
        "tcp:8443",
    ),
    (
        'listen = "tcp:8443"',
        'listen = "tcp:8443"\ntokens = "true"',
        "listener.public.tokens (line 7): is a string; want true or false",
    ),
    (
        'listen = "tcp:8443"',
        'listen = "tcp:8443"\ntokens = 1',
        "listener.public.tokens (line 7): is a number; want true or false",
    ),
    (
        'name = "git"',
        'name = "git"\nconnections = true',
        "upstream.git.connections (line 11): is a boolean; want a whole number from 1 to 65535",
    ),
    (
        'name = "git"',
        'name = "git"\nconnections = 1.0',
        "upstream.git.connections (line 11): is a number; want a whole number from 1 to 65535",
    ),
    (
        'name = "git"',
        'name = "git"\nconnections = 0',
        "upstream.git.connections (line 11): is out of range; want a whole number from 1 to 65535",
    ),
    (
        'name = "git"',
        'name = "git"\nclient_certificate = 1979-05-27',
        "upstream.git.client_certificate (line 11): is a date or time; want a string: a path",
    ),
    (
        f'[\n  "{PIN}",\n]',
        f'"{PIN}"',
        'upstream.git.pins (line 12): is a string; want a list, each a pin, "sha256/" and 44 base64 '
        "characters",
    ),
    (
        f'"{PIN}"',
        "5",
        'upstream.git.pins[0] (line 13): is a number; want a string: a pin, "sha256/" and 44 base64 '
        "characters",
    ),
    (f'\n  "{PIN}",\n', "", "upstream.git.pins (line 12): is an empty list; leave the key out instead"),
    ('state = "state"', 'state = ""', "gate.state (line 2): is empty; want the path of a directory"),
    (
        'state = "state"',
        'state = "a\\u0000b"',
        "gate.state (line 2): has a control character or an odd space in it",
    ),
    (
        'on = { route = "git"',
        'on = { route = ["git", 5]',
        "rule.read.on.route[1] (line 23): is a number; want a string: a name of letters, digits, - and _",
    ),
    (
        "on = {",
        "on = [] #",
        'rule.read.on (line 23): is a list; want a table, such as { route = "github", method = '
        '"tools/call", name = ["get_*", "list_*"] }',
    ),
    # Words and names.
    (
        'listen = "tcp:8443"',
        'listen = "tcp:8443"\nprofile = "moderm"',
        'listener.public.profile (line 7): no profile is named "moderm"; did you mean "modern"?',
    ),
    (
        'listen = "tcp:8443"',
        'listen = "tcp:8443"\nprofile = "old"',
        'listener.public.profile (line 7): no profile is named "old"; there are modern, intermediate',
    ),
    (
        'listen = "tcp:8443"',
        'listen = "tcp:8443"\nclient_certificates = "on"',
        'listener.public.client_certificates (line 7): no client certificate mode is named "on"; there '
        "are off, optional, required",
    ),
    (
        'name = "git"',
        'name = "git"\npin_at = "root"',
        'upstream.git.pin_at (line 11): no place for a pin is named "root"; there are leaf, issuer, any',
    ),
    (
        'name = "git"',
        'name = "git"\npin_mode = "report-only"',
        'upstream.git.pin_mode (line 11): no pin mode is named "report-only"; did you mean "report_only"?',
    ),
    (
        'verdict = "allow"',
        'verdict = "Allow"',
        'rule.read.verdict (line 22): no verdict is named "Allow"; did you mean "allow"?',
    ),
    (
        'name = "public"',
        'name = "pub.lic"',
        'listener[0].name (line 5): "pub.lic" is not a name; use up to 64 letters, digits, - and _',
    ),
    # Quantities.
    (
        'state = "state"',
        'state = "state"\ndrain = 30',
        'gate.drain (line 3): is a number; want a string: a duration such as "30s", from 0s to 1h',
    ),
    (
        'state = "state"',
        'state = "state"\ndrain = "30"',
        'gate.drain (line 3): "30" is not a duration; want a whole number and one of ms, s, m, h, d, '
        "such as 30s",
    ),
    (
        'state = "state"',
        'state = "state"\ndrain = "2d"',
        'gate.drain (line 3): "2d" is out of range; want a duration such as "30s", from 0s to 1h',
    ),
    (
        'state = "state"',
        'state = "state"\nwatch = "0s"',
        'gate.watch (line 3): "0s" is out of range; want a duration such as "30s", from 100ms to 1h',
    ),
    (
        "[gate]",
        '[limits]\nbody_size = "4MB"\n[gate]',
        'limits.body_size (line 2): "4MB" is not a size; want a whole number and one of B, KiB, MiB, '
        "GiB, such as 64KiB",
    ),
    (
        "[gate]",
        '[limits]\nhead_size = "1B"\n[gate]',
        'limits.head_size (line 2): "1B" is out of range; want a size such as "64KiB", from 1KiB to 1MiB',
    ),
    # Addresses.
    (
        "tcp:8443",
        "tpc:8443",
        'listener.public.listen (line 6): no endpoint kind is named "tpc"; did you mean "tcp"?',
    ),
    (
        "tcp:8443",
        "ssl:8443",
        "listener.public.listen (line 6): names TLS, which is always put on a listener; write tcp:PORT",
    ),
    (
        'listen = "tcp:8443"',
        'listen = "tcp:8443"\npublic_url = "http://gate.example.com"',
        "listener.public.public_url (line 7): is not an https URL",
    ),
    (
        'listen = "tcp:8443"',
        'listen = "tcp:8443"\npublic_url = "https://gate.example.com/mcp"',
        "listener.public.public_url (line 7): has a path; a route adds its own, so want only "
        "https://HOST or https://HOST:PORT",
    ),
    (
        'listen = "tcp:8443"',
        'listen = "tcp:8443"\nhosts = ["a b"]',
        'listener.public.hosts[0] (line 7): "a b" is not a host name or an IP address',
    ),
    (
        'listen = "tcp:8443"',
        'listen = "tcp:8443"\norigins = ["https://app.example.com", "https://app.example.com/"]',
        "listener.public.origins[1] (line 7): has more than scheme, host and port; an origin ends there, "
        "without a slash",
    ),
    (
        'listen = "tcp:8443"',
        'listen = "tcp:8443"\norigins = ["*"]',
        "listener.public.origins[0] (line 7): has a wildcard; each origin is named in full",
    ),
    (
        "https://git.example.com/mcp",
        "http://git.example.com/mcp",
        "upstream.git.url (line 11): an upstream is reached over https only; there is no plaintext option",
    ),
    (
        "https://git.example.com/mcp",
        "stdio:server",
        "upstream.git.url (line 11): stdio upstreams are not supported: an upstream is reached over "
        "https only, so put a TLS front before a local server",
    ),
    (
        "https://git.example.com/mcp",
        "unix:///run/mcp.sock",
        "upstream.git.url (line 11): unix upstreams are not supported: an upstream is reached over "
        "https only, so put a TLS front before a local server",
    ),
    (
        "https://git.example.com/mcp",
        "https://me:hunter2@git.example.com/mcp",
        "upstream.git.url (line 11): has a user name or password in it; use credential",
    ),
    (
        "https://git.example.com/mcp",
        "https://git.example.com/mcp?key=hunter2",
        "upstream.git.url (line 11): has a query; only host, port and path belong here",
    ),
    (
        "https://git.example.com/mcp",
        "https://git.example.com/mcp#top",
        "upstream.git.url (line 11): has a fragment; only host, port and path belong here",
    ),
    (
        'name = "git"',
        'name = "git"\naddress = "10.0.0.7"',
        "upstream.git.address (line 11): has no port; write it as host:port",
    ),
    ('path = "/git"', 'path = "git"', "route.git.path (line 17): does not start with /"),
    (
        'path = "/git"',
        'path = "/git?a"',
        "route.git.path (line 17): has a query; a path is matched without one",
    ),
    (
        'path = "/git"',
        'path = "/a#b"',
        "route.git.path (line 17): has a fragment; a path is matched without one",
    ),
    ('path = "/git"', 'path = "//git"', "route.git.path (line 17): has an empty segment (//)"),
    ('path = "/git"', 'path = "/a/../git"', "route.git.path (line 17): has a dot segment (/./ or /../)"),
    # Pins.
    (
        PIN,
        "sha256/47DEQpj8HBSa",
        "upstream.git.pins[0] (line 13): a pin holds 32 bytes, and this one 9: 'sha256/47DEQpj8HBSa'",
    ),
    (
        PIN,
        PIN.replace("sha256", "sha1"),
        "upstream.git.pins[0] (line 13): a pin is written sha256/ and 44 characters of base64, not "
        "'sha1/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
    ),
    # Secrets.
    (
        'name = "git"',
        'name = "git"\ncredential = "hunter2"',
        "upstream.git.credential (line 11): is a string; want a table, such as { bearer = "
        '"file:/etc/mcpgate/secrets/github" }',
    ),
    (
        'name = "git"',
        'name = "git"\ncredential = { bearer = "hunter2" }',
        "upstream.git.credential.bearer (line 11): is not a reference; a secret never stands in this "
        "file, so want file:PATH, env:NAME or credential:NAME",
    ),
    (
        'name = "git"',
        'name = "git"\ncredential = { header = "X-Key", value = "hunter2" }',
        "upstream.git.credential.value (line 11): is not a reference; a secret never stands in this "
        "file, so want file:PATH, env:NAME or credential:NAME",
    ),
    (
        'name = "git"',
        'name = "git"\ncredential = { header = "X-Key" }',
        "upstream.git.credential (line 11): needs either bearer, or header and value",
    ),
    (
        'name = "git"',
        'name = "git"\ncredential = { bearer = "env:A", header = "X-Key" }',
        "upstream.git.credential (line 11): needs either bearer, or header and value",
    ),
    (
        'name = "git"',
        'name = "git"\ncredential = { header = "Host", value = "env:A" }',
        'upstream.git.credential.header (line 11): "Host" is a header that the gate sets itself',
    ),
    (
        'name = "git"',
        'name = "git"\ncredential = {}',
        "upstream.git.credential (line 11): needs either bearer, or header and value",
    ),
    # Between tables.
    (
        "[[route]]",
        '[[upstream]]\nname = "git"\nurl = "https://h"\n\n[[route]]',
        'upstream.git.name (line 17): another upstream is named "git" (line 10)',
    ),
    (
        "[[upstream]]",
        '[[listener]]\nname = "public"\nlisten = "tcp:1"\ncertificates = "t"\n[[upstream]]',
        'listener.public.name (line 10): another listener is named "public" (line 5)',
    ),
    (
        "[[upstream]]",
        '[[listener]]\nname = "b"\nlisten = "tcp:8443"\ncertificates = "t"\n[[upstream]]',
        "listener.b.listen (line 11): another listener listens there (line 6)",
    ),
    (
        "[[rule]]",
        '[[rule]]\nname = "read"\nverdict = "block"\n\n[[rule]]',
        'rule.read.name (line 25): another rule is named "read" (line 21)',
    ),
    (
        "[[rule]]",
        '[[route]]\nname = "b"\npath = "/git"\nupstream = "git"\n\n[[rule]]',
        "route.b.path (line 22): another route has this path and host (line 17)",
    ),
    (
        "[[rule]]",
        '[[route]]\npath = "/b"\nupstream = "git"\n\n[[rule]]',
        'route.git.name (line 20): is "git" by default, like another route\'s (line 18); give it one',
    ),
    (
        "[[rule]]",
        '[[route]]\nname = "git"\npath = "/b"\nupstream = "git"\n\n[[rule]]',
        'route.git.name (line 21): another route is named "git" (line 16)',
    ),
    (
        'upstream = "git"',
        'upstream = "gti"\nname = "git"',
        'route.git.upstream (line 18): no upstream is named "gti"; did you mean "git"?',
    ),
    (
        'on = { route = "git"',
        'on = { route = "gti"',
        'rule.read.on.route (line 23): no route is named "gti"; did you mean "git"?',
    ),
    (
        'on = { route = "git"',
        'on = { route = ["git", "hub"]',
        'rule.read.on.route[1] (line 23): no route is named "hub"; there is only git',
    ),
    # Between keys.
    (
        'listen = "tcp:8443"',
        'listen = "tcp:8443"\ntokens = false',
        "listener.public.tokens (line 7): is false and client_certificates is off, so anybody who "
        "reaches this listener could call; ask for one of them, or say so on loopback "
        "(unsafe_anonymous = true)",
    ),
    (
        'listen = "tcp:8443"',
        'listen = "tcp:1:interface=127.0.0.1"\ntokens = false',
        "listener.public.tokens (line 7): is false and client_certificates is off, so anybody who "
        "reaches this listener could call; ask for one of them, or say so on loopback "
        "(unsafe_anonymous = true)",
    ),
    (
        'listen = "tcp:8443"',
        'listen = "tcp:8443"\ntokens = false\nunsafe_anonymous = true',
        "listener.public.unsafe_anonymous (line 8): is only for listeners on loopback "
        "(tcp:PORT:interface=127.0.0.1): others are reached by anybody",
    ),
    (
        'listen = "tcp:8443"',
        'listen = "tcp:1:interface=127.0.0.1"\nunsafe_anonymous = true',
        "listener.public.unsafe_anonymous (line 7): has no effect where callers can prove who they are",
    ),
    (
        'listen = "tcp:8443"',
        'listen = "tcp:8443"\nclient_names = "ci.example.com"',
        'listener.public.client_names (line 7): has no effect while client_certificates is "off"; '
        "require them",
    ),
    (
        'listen = "tcp:8443"',
        'listen = "tcp:8443"\ncertificate_and_token = true\nclient_certificates = "optional"\n'
        'client_ca = "ca.pem"',
        'listener.public.certificate_and_token (line 7): needs client_certificates = "required", or the '
        "handshake would let in whoever has none",
    ),
    (
        'listen = "tcp:8443"',
        'listen = "tcp:8443"\ncertificate_and_token = true\nclient_certificates = "required"\n'
        'client_ca = "ca.pem"\ntokens = false',
        "listener.public.certificate_and_token (line 7): can be met by nobody while tokens is false and "
        "tokens of no issuer are accepted",
    ),
    (
        'listen = "tcp:8443"',
        'listen = "tcp:8443"\nclient_certificates = "required"',
        'listener.public.client_certificates (line 7): "required" needs client_ca to check them by',
    ),
    (
        'listen = "tcp:8443"',
        'listen = "tcp:8443"\nclient_ca = "ca.pem"',
        'listener.public.client_ca (line 7): has no effect while client_certificates is "off"; require them',
    ),
    (
        'listen = "tcp:8443"',
        'listen = "tcp:8443"\nclient_crl = "ca.crl"',
        "listener.public.client_crl (line 7): has no effect without client_ca",
    ),
    (
        'listen = "tcp:8443"',
        'listen = "tcp:8443"\nproxy_from = ["10.0.0.1", "10.1.0.7/24"]',
        'listener.public.proxy_from[1] (line 7): "10.1.0.7/24" has bits beyond its prefix; '
        "did you mean 10.1.0.0/24?",
    ),
    (
        'listen = "tcp:8443"',
        'listen = "unix:/run/gate.sock"\nproxy_from = ["10.0.0.1"]',
        "listener.public.proxy_from (line 7): has no effect on a unix socket: who connects there has no "
        "address",
    ),
    (
        'name = "git"',
        'name = "git"\nclient_key = "gate.key"',
        "upstream.git.client_key (line 11): has no effect without client_certificate",
    ),
    (
        "[[rule]]",
        '[[budget]]\nname = "b"\nwindow = "1m"\n[[rule]]',
        "budget.b (line 20): limits nothing; give it calls, bytes, concurrent or result_size",
    ),
    (
        "[[rule]]",
        '[[budget]]\nname = "b"\ncalls = 9\nper = "user"\n[[rule]]',
        'budget.b.per (line 23): no thing to count by is named "user"; there are principal, route, tool',
    ),
]


@pytest.mark.parametrize(("old", "new", "said"), BAD)
def test_a_mistake_is_one_line_with_its_place(old: str, new: str, said: str) -> None:
    """What is wrong, at which key, on which line, and what was probably meant."""
    assert old in GOOD
    assert problems(GOOD.replace(old, new, 1)) == [said]


def test_every_mistake_is_reported_at_once() -> None:
    """In the order of the file, with what happened and where to read on."""
    text = GOOD.replace(PIN, "sha256/YQ==").replace('tcp:8443"', 'tcp:8443"\nprofile = "moderm"')
    with pytest.raises(ConfigError) as caught:
        parse_config(text.encode(), SOURCE)
    assert str(caught.value) == (
        "/etc/mcpgate/mcpgate.toml cannot be used (2 problems)\n"
        '  listener.public.profile (line 7): no profile is named "moderm"; did you mean "modern"?\n'
        "  upstream.git.pins[0] (line 14): a pin holds 32 bytes, and this one 1: 'sha256/YQ=='\n"
        "Nothing was started.  More: mcpgate explain listener.profile"
    )
    assert "\nThe old one stays.  More: " in caught.value.told("The old one stays.")


def test_a_mistake_does_not_bring_complaints_about_its_consequences() -> None:
    """A misspelt key is neither missing nor at its default, and a lost name may be any name."""
    text = GOOD.replace('tcp:8443"', 'tcp:8443"\ntokens = false\nclient_certificate = "required"')
    text = text.replace('upstream = "git"', 'upstream = "gti"').replace("verdict", "verdit")
    assert problems(text) == [
        'listener.public.client_certificate (line 8): no key is named "client_certificate" here; '
        'did you mean "client_certificates"?',
        'route.gti.upstream (line 20): no upstream is named "gti"; did you mean "git"?',
        'rule.read.verdit (line 24): no key is named "verdit" here; did you mean "verdict"?',
    ]


def test_an_empty_file_is_told_what_a_gate_needs() -> None:
    """A state directory, a listener and a route."""
    assert problems("") == [
        "gate.state: is missing. Directory for the journal, tokens, session keys and the control socket.",
        "listener: there is none, so the gate accepts nothing; add [[listener]]",
        "route: there is none, so the gate forwards nothing; add [[route]]",
    ]


@pytest.mark.parametrize(
    "listen", ["tcp:1:interface=127.0.0.1", r"tcp:1:interface=\\:\\:1", "unix:/run/gate.sock"]
)
def test_on_loopback_nobody_needs_to_be_asked_if_somebody_says_so(listen: str) -> None:
    """A listener without any proof is refused; where only this machine calls, it may do, once it is said."""
    lines = f'listen = "{listen}"\ntokens = false\nunsafe_anonymous = true'
    assert problems(GOOD.replace('listen = "tcp:8443"', lines)) == []


def test_a_single_word_may_stand_for_a_list_in_a_rule() -> None:
    """And only there."""
    text = GOOD.replace('name = ["get_*", "list_*"]', 'name = "get_*"')
    assert parse_config(text.encode(), SOURCE).rules[0].on.name == ("get_*",)


def test_routes_may_share_a_path_on_different_hosts() -> None:
    """A route is a host and a path."""
    text = GOOD + '[[route]]\nname = "b"\npath = "/git"\nupstream = "git"\nhost = "b.example.com"\n'
    assert [route.host for route in parse_config(text.encode(), SOURCE).routes] == [None, "b.example.com"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"[gate\n", "this is not TOML: "),
        (b"a = 1\na = 2\n", "this is not TOML: "),
        (b"\xef\xbb\xbf[gate]\n", "this is not TOML: "),
        (b"# ok\n# \xff\n", "line 2: this is not UTF-8"),
        (b"a = " + b"[" * 100_000, "the file is nested too deeply"),
        (b"a = " + b"9" * 10_000, "the file cannot be understood: "),
        (b" " * ((1 << 20) + 1), "the file cannot be understood: the file is larger than 1 MiB"),
    ],
)
def test_what_is_no_toml_is_one_problem(text: bytes, said: str) -> None:
    """Whatever it is that tomllib stumbles over."""
    with pytest.raises(ConfigError) as caught:
        parse_config(text, SOURCE)
    (problem,) = caught.value.problems
    assert str(problem).startswith(said)


def test_a_secret_in_the_file_is_never_repeated() -> None:
    """Neither a value in the wrong place nor one of the wrong type."""
    secret = "hunter2-hunter2"
    for line in (
        f'credential = "{secret}"',
        f'credential = {{ bearer = "{secret}" }}',
        f'credential = {{ bearer = ["{secret}"] }}',
        f'credential = {{ header = "X-Key", value = "file{secret}" }}',
        f'credential = {{ header = "X-Key", value = "env:{secret}" }}',
        f'client_key = ["{secret}"]',
    ):
        text = GOOD.replace('name = "git"', f'name = "git"\n{line}', 1)
        assert problems(text) != []
        assert secret not in "".join(problems(text))
    assert secret not in "".join(problems(GOOD.replace("git.example.com", f"me:{secret}@git.example.com")))


def test_a_file_is_loaded_from_its_path(tmp_path: Path) -> None:
    """And remembers where it came from."""
    source = tmp_path / "mcpgate.toml"
    source.write_text(GOOD)
    config = load_config(source)
    assert (config.source, config.gate.state) == (source, tmp_path / "state")


def test_a_file_that_cannot_be_read_is_told_apart_from_a_bad_one(tmp_path: Path) -> None:
    """A missing file, or a directory: the shell gets another exit code for it."""
    for path, reason in ((tmp_path / "no.toml", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigUnreadable) as caught:
            load_config(path)
        assert str(caught.value) == (
            f"{path} cannot be used (1 problem)\n  the file cannot be read: {reason}\nNothing was started."
        )


def test_a_file_of_rules_alone_is_loaded_without_a_configuration(tmp_path: Path) -> None:
    """Its routes may be any, as nothing says which there are; all else is judged as strictly."""
    file = tmp_path / "rules.toml"
    file.write_text(
        '[[detector]]\nname = "employee"\nregex = "E[0-9]{6}"\n'
        '[[rule]]\nname = "reads"\nverdict = "allow"\non = { route = "files" }\n'
        '[[rule]]\nname = "no-employees"\nmask = ["employee"]\n',
        encoding="utf-8",
    )
    alone = load_policy(file)
    assert [rule.name for rule in alone.rules] == ["reads", "no-employees"]
    assert [detector.name for detector in alone.detectors] == ["employee"]
    for text, problem in (
        ('[[rule]]\nname = "x"\nverdict = "allow"\nmask = "email"', "rule.x.mask (line 4): stands beside"),
        ('[[rule]]\nname = "x"\nmask = ["emial"]', 'no detector is named "emial"; did you mean "email"?'),
        ('[[rule]]\nname = "x"\nmask = ["email"]\n' * 2, 'another rule is named "x"'),
        ('[gate]\nstate = "x"', "gate (line 1): does not stand in an included file"),
        ("[[rule]", "this is not TOML"),
    ):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError) as caught:
            load_policy(file)
        assert problem in str(caught.value)
    with pytest.raises(ConfigUnreadable):
        load_policy(tmp_path / "none.toml")


WORDS = st.sampled_from(
    ["name", "listen", "certificates", "profile", "url", "pins", "path", "upstream", "on", "state", "tokens"]
    + ["verdict", "route", "host", "credential", "bearer", "header", "value", "address", "drain", "nmae"]
    + ['"é\\u0000"']
)
VALUES = st.recursive(
    st.sampled_from(["5", "1.5", "true", "1979-05-27", '"git"', '"/git"', '"30s"', '"tcp:8443"', '""'])
    | st.sampled_from(['"modern"', '"https://h/x"', f'"{PIN}"', '"file:x"', '"a\\u202eb"', "inf", "0x10"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]")
        | st.dictionaries(WORDS, inner, max_size=3).map(
            lambda table: "{" + ", ".join(f"{key} = {value}" for key, value in table.items()) + "}"
        )
    ),
    max_leaves=5,
)
TABLES = st.sampled_from([*SINGLE, *REPEATED, "listner"]).flatmap(
    lambda kind: st.sampled_from([f"[{kind}]", f"[[{kind}]]", f"[[{kind}]]", f"[{kind}.on]"])
)
FILES = st.lists(TABLES | st.tuples(WORDS, VALUES).map(" = ".join), max_size=25).map("\n".join)


@given(FILES.map(str.encode) | st.binary())
def test_any_bytes_are_a_configuration_or_a_list_of_problems(text: bytes) -> None:
    """Nothing but C{ConfigError} is ever raised, and each problem is one printable line."""
    try:
        parse_config(text, SOURCE)
    except ConfigError as error:
        assert error.problems
        assert all(str(problem).isprintable() for problem in error.problems)


@given(st.integers(0, len(GOOD)), st.integers(0, 12), st.text(max_size=6))
def test_a_damaged_file_is_a_configuration_or_a_list_of_problems(at: int, gone: int, instead: str) -> None:
    """The same close to a good file, where most of the rules are reached."""
    text = GOOD[:at] + instead + GOOD[at + gone :]
    try:
        parse_config(text.encode(errors="replace"), SOURCE)
    except ConfigError as error:
        assert all(str(problem).isprintable() for problem in error.problems)
