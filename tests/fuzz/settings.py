"""What people write in a configuration: a value, or a sentence that does not repeat it (config/).

The first byte of the input chooses the reader.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

from twisted.internet.endpoints import quoteStringArgument, serverFromString
from twisted.internet.testing import MemoryReactor

from mcpgate.config.endpoint import read_endpoint
from mcpgate.config.units import read_duration, read_size, write_duration, write_size
from mcpgate.config.url import read_authority, read_host, read_path, read_url
from tests.fuzz.target import Target


def endpoint(text: str) -> None:
    """Twisted can listen on it, and whether it is loopback can always be told."""
    read = read_endpoint(text)
    assert read.loopback in (True, False)
    assert read.chosen_later in (True, False)
    written = [read.kind, *(f"{name}={quoteStringArgument(value)}" for name, value in read.arguments.items())]
    assert read_endpoint(":".join(written)) == read
    if read.kind != "systemd":
        # Only the system manager's own descriptors can show that one.
        serverFromString(MemoryReactor(), text)


def url(text: str) -> None:
    """It is what the standard library reads, and it can be read back."""
    read = read_url(text)
    assert read_url(str(read)) == read
    parts = urlsplit(text)
    host = parts.hostname or ""
    assert read.host in (host, str(ip_address(host)) if ":" in host else host)
    assert read.port == (parts.port or 443)
    assert read.path == parts.path
    assert (parts.username, parts.query, parts.fragment) == (None, "", "")


def authority(text: str) -> None:
    """Host and port, each in its only form."""
    host, port = read_authority(text, 443)
    assert read_host(host) == host
    assert 1 <= port <= 65535


def host(text: str) -> None:
    """Its own usual form is itself."""
    read = read_host(text)
    assert read_host(read) == read
    assert read == read.lower() and read.isascii() and len(read) <= 253


def path(text: str) -> None:
    """It comes back as it is, and is in its normal form."""
    assert read_path(text) == text
    assert text.startswith("/") and text.isascii() and "/../" not in text + "/" and "//" not in text


def duration(text: str) -> None:
    """It can be written and read back."""
    seconds = read_duration(text)
    assert seconds >= 0
    assert abs(read_duration(write_duration(seconds)) - seconds) < 0.0005


def size(text: str) -> None:
    """It can be written and read back."""
    assert read_size(write_size(read_size(text))) == read_size(text)


READERS: tuple[Callable[[str], None], ...] = (endpoint, url, authority, host, path, duration, size)


def check(raw: bytes) -> None:
    """A value that holds together, or C{ValueError} with a sentence."""
    reader = READERS[raw[0] % len(READERS)] if raw else endpoint
    text = raw[1:].decode("utf-8", "replace")
    try:
        reader(text)
    except ValueError as error:
        # Only what the product itself says is a sentence; what comes from elsewhere is a defect.
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        assert trace is not None and "mcpgate" in trace.tb_frame.f_code.co_filename.split("/")
        assert reader is endpoint or len(text) < 24 or text not in str(error)


def seeds() -> list[bytes]:
    """One of each form."""
    texts = [
        r"tcp:8443 tcp:0:interface=127.0.0.1 tcp6:port=443:interface=\:\:1"
        " tcp:1:interface=localhost tcp:80:backlog=5"
        " unix:/run/x.sock:mode=660 systemd:domain=INET:index=0 systemd:domain=INET6:name=gate ssl:443",
        "https://mcp.example.com/mcp https://[::1]:8443 https://a_b.test:1/a%20b https://10.0.0.1/ http://x/"
        " https://u:p@x/ https://x/?q HTTPS://X.test/a/../b",
        "mcp.example.com:443 [::1]:1 10.0.0.1:65536 x",
        "mcp.example.com ::1 127.1 0x7f.1 xn--bcher-kva.example b\u00fccher.example a..b",
        "/ /mcp /a//b /a/%2e/b /a?b /a;b=c,d/~e",
        "30s 250ms 1h 5 1.5s 999999999d 90m 0s",
        "1MiB 64KiB 0B 1kB 1023B 3GiB",
    ]
    return [bytes([choice]) + text.encode() for choice, line in enumerate(texts) for text in line.split()]


WORDS = (
    *(b"tcp:", b"tcp6:", b"unix:", b"systemd:", b"interface=", b"backlog=", b"mode=", b"lockfile=", b"\\:"),
    *(b"localhost", b"https://", b"[::1]", b"::ffff:", b"127.0.0.1", b"xn--", b"%2e", b"/../", b"ms", b"KiB"),
    *(
        b"port=",
        b"address=",
        b"domain=INET",
        b"index=",
        b"name=",
        b"\xc2\xb2",
        b"\xef\xbc\x91",
        b"fe80::1%eth0",
    ),
)

TARGET = Target(check, seeds, WORDS, longest=256)
