"""Where copies of checkpoints go, as the configuration says it (pure)."""

from __future__ import annotations

import re
from pathlib import Path

from attrs import frozen

#: What RFC 5426 says for syslog over UDP.
SYSLOG_PORT = 514


@frozen
class LocalSyslog:
    """The syslog of this host."""

    def __str__(self) -> str:
        return "syslog"


@frozen
class RemoteSyslog:
    """Another host's, over UDP."""

    host: str
    port: int = SYSLOG_PORT

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"syslog:{host}:{self.port}"


@frozen
class Directory:
    """A directory, best one that whoever has this host cannot write over."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


Target = LocalSyslog | RemoteSyslog | Directory


def read_target(text: str) -> Target:
    """What the configuration says.

    @raise ValueError: It is none; with a sentence that begins at the value.
    """
    if text == "syslog":
        return LocalSyslog()
    kind, colon, rest = text.partition(":")
    if kind == "syslog" and colon:
        host, port = _parted(rest)
        if ":" in host and not rest.startswith("["):
            host = ""
        if not host or any(c.isspace() or c in "/[]@" for c in host):
            raise ValueError("names no host (syslog:HOST:PORT, IPv6 in brackets)")
        if not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 65536:
            raise ValueError("names no port (syslog:HOST:PORT)")
        return RemoteSyslog(host, int(port))
    if not text.startswith("/"):
        raise ValueError("is neither syslog, nor syslog:HOST:PORT, nor the whole path of a directory (/…)")
    if "\0" in text:
        raise ValueError("is no path: it has a NUL")
    return Directory(Path(text))


def _parted(rest: str) -> tuple[str, str]:
    """Host and port, which may be left out."""
    if rest.startswith("["):
        host, bracket, port = rest[1:].partition("]")
        if not bracket:
            return "", ""
        return host, port.removeprefix(":") if port.startswith(":") else port or str(SYSLOG_PORT)
    host, colon, port = rest.rpartition(":")
    return (host, port) if colon else (rest, str(SYSLOG_PORT))
