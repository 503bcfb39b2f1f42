"""Endpoint descriptions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import endpoints

from mcpgate.config.endpoint import read_endpoint


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("tcp:8443", False),
        ("tcp:0", False),
        ("tcp:port=8443", False),
        ("tcp:8443:interface=10.0.0.5:backlog=128", False),
        ("tcp:8443:interface=0.0.0.0", False),
        (r"tcp:8443:interface=\:\:", False),
        ("tcp:8443:interface=127.0.0.1", True),
        ("tcp:8443:interface=127.9.9.9", True),
        ("tcp:8443:interface=localhost", True),
        (r"tcp6:8443:interface=\:\:1", True),
        ("tcp6:8443", False),
        ("unix:/run/gate.sock:mode=660", True),
        ("systemd:domain=INET6:index=0", False),
        ("systemd:domain=INET:name=gate", False),
        ("embedded", False),
        ("systemd:name=gate", False),
        ("systemd:UNIX:index=0", False),
    ],
)
def test_what_can_be_listened_on_is_accepted(text: str, loopback: bool) -> None:
    """And whether only this machine can reach it is known."""
    assert read_endpoint(text).loopback is loopback


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("8443", "no endpoint kind is named"),
        ("", "no endpoint kind is named"),
        ("tpc:8443", 'did you mean "tcp"'),
        ("tcp", "has no port"),
        ("tcp:", "has no port"),
        ("tcp:https", "has no port"),
        ("tcp:65536", "has no port"),
        ("tcp:-1", "has no port"),
        ("tcp:٣", "has no port"),
        ("tcp:8443:127.0.0.1", "NAME=VALUE"),
        ("tcp:8443:interfaces=127.0.0.1", 'did you mean "interface"'),
        ("tcp:8443:interface=::1", "a colon is written"),
        ("embedded:tcp", "embedded: takes no arguments"),
        ("embeded", 'did you mean "embedded"'),
        ("tcp:8443:interface=", "interface that is not an IP address"),
        ("tcp:8443:interface=eth0", "interface that is not an IP address"),
        ("tcp:8443:port=1", "has port twice"),
        ("tcp:8443:backlog=many", "backlog that is not a number"),
        ("tcp:8443\\", "ends in a backslash"),
        ("tcp=8443", "is not an endpoint description"),
        ("ssl:8443", "always put on a listener"),
        ("tls:tcp:8443", "always put on a listener"),
        ("unix:gate.sock", "absolute path"),
        ("unix", "absolute path"),
        ("unix:/run/gate.sock:mode=rw", "mode that is not one"),
        ("unix:/run/gate.sock:mode=668", "mode that is not one"),
        ("unix:/run/gate.sock:lockfile=no", "lockfile that is neither"),
        ("tcp:8443:interface=localhostlocalhost", "interface that is not an IP address"),
        (r"tcp:8443:interface=\:\:ffff\:localhost", "interface that is not an IP address"),
        ("systemd:domain=INET", "either index or name"),
        ("systemd:domain=INET:index=x", "index that is not a number"),
    ],
)
def test_what_cannot_be_listened_on_is_refused(text: str, words: str) -> None:
    """With what would mend it."""
    with pytest.raises(ValueError, match=words):
        read_endpoint(text)


@pytest.mark.parametrize(
    ("text", "later"),
    [("tcp:0", True), ("tcp:00:interface=10.0.0.1", True), ("tcp:8443", False), ("unix:/g", False)],
)
def test_port_0_is_chosen_later(text: str, later: bool) -> None:
    """So it is another one for each listener."""
    assert read_endpoint(text).chosen_later is later


@given(
    st.from_regex(r"(tcp|tcp6|unix)(:[a-z0-9/\\=.:]{0,12}){0,3}", fullmatch=True)
    | st.text(alphabet="tcp:8443\\=interface./", max_size=30)
)
def test_what_is_accepted_means_the_same_to_twisted(text: str) -> None:
    """The syntax is Twisted's, so an accepted description has the same parts there."""
    try:
        endpoint = read_endpoint(text)
    except ValueError:
        return
    positional, named = endpoints._parse(text)
    assert positional[0] == endpoint.kind
    assert {*positional[1:], *named.values()} == set(endpoint.arguments.values())


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("tcp:8443", "tcp:port=8443", True),
        ("tcp:8443", "tcp6:8443", False),
        ("systemd:name=mcp", "systemd:INET:name=mcp", True),
        ("systemd:index=0", "systemd:INET6:index=00", True),
        ("systemd:name=mcp", "systemd:name=other", False),
    ],
)
def test_one_place_is_the_same_however_it_is_written(one: str, other: str, same: bool) -> None:
    """Of systemd's sockets the family is only a check."""
    assert (read_endpoint(one).place == read_endpoint(other).place) is same
