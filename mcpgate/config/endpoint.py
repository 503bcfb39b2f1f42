"""Twisted's endpoint descriptions, as far as a gate can listen on them (pure; opens nothing).

The syntax is Twisted's (C{twisted.internet.endpoints.serverFromString}): parts between colons, the
first of them the kind, C{key=value} for named ones, a backslash before a colon that is meant. It is
read here rather than there so that a mistake is one line with its place in the file, before anything
is bound, and so that "is this loopback?" has one answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address

from attrs import frozen

from mcpgate.config.problem import did_you_mean, quoted

#: Each kind with its positional argument and the names it may take.
KINDS: Mapping[str, tuple[str, frozenset[str]]] = {
    "tcp": ("port", frozenset({"port", "interface", "backlog"})),
    "tcp6": ("port", frozenset({"port", "interface", "backlog"})),
    "unix": ("address", frozenset({"address", "mode", "backlog", "lockfile"})),
    "systemd": ("domain", frozenset({"domain", "index", "name"})),
    # Nothing is bound: an application that holds the gate hands over requests (mcpgate.resource).
    "embedded": ("", frozenset()),
}


@frozen
class Endpoint:
    """A description taken apart: its kind and its arguments, all by name."""

    kind: str
    arguments: Mapping[str, str]

    @property
    def embedded(self) -> bool:
        """Whether nothing is bound, as requests come from the application that holds the gate."""
        return self.kind == "embedded"

    @property
    def place(self) -> tuple[str, ...]:
        """What cannot be had twice, however it is written: of a socket of systemd's, which one it is."""
        named = sorted(self.arguments.items())
        if self.kind == "systemd":
            named = [
                (key, str(int(value)) if key == "index" else value) for key, value in named if key != "domain"
            ]
        return (self.kind, *(part for pair in named for part in pair))

    @property
    def chosen_later(self) -> bool:
        """Whether the system chooses the port (0), so that two such listeners are not in one place."""
        return "port" in self.arguments and int(self.arguments["port"]) == 0

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it. What cannot be told counts as reachable."""
        if self.kind == "unix":
            return True
        interface = self.arguments.get("interface")
        if interface is None:
            return False
        return interface == "localhost" or ip_address(interface).is_loopback


def read_endpoint(text: str) -> Endpoint:
    """Take a description apart; C{ValueError} with a sentence when nothing could listen on it."""
    first, *parts = _parts(text)
    kind = first[0]
    if len(first) > 1:
        raise ValueError("is not an endpoint description, such as tcp:8443")
    if kind in ("ssl", "tls"):
        raise ValueError("names TLS, which is always put on a listener; write tcp:PORT")
    if kind not in KINDS:
        raise ValueError(f"no endpoint kind is named {quoted(kind)}{did_you_mean(kind, KINDS)}")
    positional, names = KINDS[kind]
    if parts and not names:
        raise ValueError(f"{kind}: takes no arguments")
    arguments: dict[str, str] = {}
    for place, part in enumerate(parts):
        name, value = (part[0], part[1]) if len(part) > 1 else (positional, part[0])
        if len(part) == 1 and place > 0:
            raise ValueError(f"has {quoted(value)} where NAME=VALUE is needed (a colon is written \\:)")
        if name not in names:
            raise ValueError(f"{kind}: takes no {quoted(name)}{did_you_mean(name, sorted(names))}")
        if name in arguments:
            raise ValueError(f"has {name} twice")
        arguments[name] = value
    _judge(kind, arguments)
    return Endpoint(kind, arguments)


def _judge(kind: str, arguments: Mapping[str, str]) -> None:
    if kind in ("tcp", "tcp6"):
        port = arguments.get("port", "")
        # 0 is a port the system chooses: of use to tests and to embedders.
        if not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
            raise ValueError("has no port from 0 to 65535, as in tcp:8443")
        if "interface" in arguments:
            try:
                interface = arguments["interface"]
                ip_address("127.0.0.1" if interface == "localhost" else interface)
            except ValueError:
                raise ValueError("has an interface that is not an IP address") from None
    elif kind == "unix":
        if not arguments.get("address", "").startswith("/"):
            raise ValueError("has no absolute path, as in unix:/run/mcpgate/gate.sock")
        if not re.fullmatch(r"[0-7]{3,4}", arguments.get("mode", "660")):
            raise ValueError("has a mode that is not one, such as 660")
        if arguments.get("lockfile", "1") not in ("0", "1"):
            raise ValueError("has a lockfile that is neither 0 nor 1")
    elif kind == "systemd":
        if ("index" in arguments) == ("name" in arguments):
            raise ValueError("needs either index or name, as in systemd:name=mcp")
        if arguments.get("domain", "INET") not in ("INET", "INET6", "UNIX"):
            raise ValueError("has a domain that is none of INET, INET6 and UNIX; it can be left out")
        if not arguments.get("name", "mcp"):
            raise ValueError("has an empty name")
    for number in ("backlog", "index"):
        if number in arguments and not re.fullmatch(r"[0-9]{1,9}", arguments[number]):
            raise ValueError(f"has a {number} that is not a number")


def _parts(text: str) -> list[tuple[str, ...]]:
    """C{tcp:80:interface=\\:\\:1} to C{[("tcp",), ("80",), ("interface", "::1")]}."""
    parts: list[tuple[str, ...]] = []
    words: list[str] = []
    word = ""
    characters = iter(text)
    for character in characters:
        if character == "\\":
            meant = next(characters, "")
            if not meant:
                raise ValueError("ends in a backslash")
            word += meant
        elif character == "=" and not words:
            words.append(word)
            word = ""
        elif character == ":":
            parts.append((*words, word))
            words, word = [], ""
        else:
            word += character
    parts.append((*words, word))
    return parts
