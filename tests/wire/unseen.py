"""More requests on the wire, of the classes of ``vectors/http.json`` but not in it.

Each case has the form of that file's, so that whatever judges the one judges the other. The answers
follow RFC 9110 and RFC 9112; where the RFCs leave a choice, C{RA} says so (refused, or dispatched
once). C{@@AUTH@@} stands for a header line that proves who the caller is, and a request for
C{/pwned} must never be dispatched.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'

#: A request that nobody sent: it only exists for a gate that loses count of where a body ends.
PWNED = b"GET /pwned HTTP/1.1\r\nHost: gw.test\r\n@@AUTH@@\r\n\r\n"

LINE = b"POST /mcp HTTP/1.1"
HOST = b"Host: gw.test"
AUTH = b"@@AUTH@@"
TYPE = b"Content-Type: application/json"
ACCEPT = b"Accept: application/json, text/event-stream"
LENGTH = b"Content-Length: 40"
CHUNKED = b"Transfer-Encoding: chunked"
CHUNK = b"28\r\n" + PING + b"\r\n"
LAST = b"0\r\n\r\n"

#: What a malformed head or body may be answered with; 0 is a close without a word.
BAD = (400, 0)
SIZE = (400, 413, 431, 0)
CODING = (400, 501, 0)
TARGET = (400, 404, 0)
AUTHORITY = (400, 421, 0)
CONTENT = (400, 415, 0)


def head(
    *more: bytes,
    line: bytes = LINE,
    host: bytes = HOST,
    auth: bytes = AUTH,
    type: bytes = TYPE,
    length: bytes = b"",
) -> bytes:
    """A request's head; an empty line is left out, and C{more} comes before the length."""
    lines = [line, host, auth, type, ACCEPT, *more, length]
    return b"\r\n".join(one for one in lines if one) + b"\r\n\r\n"


def post(*more: bytes, body: bytes = PING, **named: bytes) -> bytes:
    """A POST whose length is told by Content-Length, unless C{length} says otherwise."""
    return head(*more, **{"length": b"Content-Length: %d" % len(body), **named}) + body


def chunks(body: bytes, *more: bytes, coding: bytes = CHUNKED) -> bytes:
    """A POST with a chunked body, which is given as it goes over the wire."""
    return head(*more, length=coding) + body


def bare(method: bytes, *more: bytes) -> bytes:
    """A request without a body of its own."""
    return b"\r\n".join([method + b" /mcp HTTP/1.1", HOST, AUTH, *more]) + b"\r\n\r\n"


def case(
    group: str, why: str, expect: str, *segments: bytes, st: Iterable[int] = BAD, keepok: bool = False
) -> dict[str, Any]:
    return {
        "id": f"{group}: {why}",
        "group": group,
        "why": why,
        "level": "must",
        "expect": expect,
        "st": list(st),
        "keepok": keepok,
        "segs": [base64.b64encode(segment).decode() for segment in segments],
    }


def _lengths() -> Iterable[dict[str, Any]]:
    bad = {
        "leading zero": b"040",
        "many leading zeros": b"0" * 20 + b"40",
        "two zeros": b"00",
        "FF before": b"\x0c40",
        "FF after": b"40\x0c",
        "comma after": b"40,",
        "comma before": b",40",
        "list of the same": b"40, 40",
        "list without a space": b"40,40",
        "NUL inside": b"4\x000",
        "NUL after": b"40\x00",
        "exponent": b"4e1",
        "underscore": b"4_0",
        "Arabic digits": "٤٠".encode(),
        "full-width digits": "４０".encode(),
        "a Latin-1 superscript": b"4\xb2",
        "semicolon": b"40;",
        "text": b"forty",
        "hex without a prefix": b"2A",
        "octal": b"0o50",
        "empty": b"",
        "only a tab": b"\t",
        "brackets": b"[40]",
        "a tab inside": b"4\t0",
        "equal sign": b"=40",
    }
    for why, value in bad.items():
        yield case("length", why, "R", post(length=b"Content-Length: " + value), st=SIZE)
    large = {
        "2^64 + 40": b"18446744073709551656",
        "2^63": b"9223372036854775808",
        "2^32 + 40": b"4294967336",
        "5000 digits": b"4" * 5000,
        "negative and large": b"-18446744073709551576",
    }
    for why, value in large.items():
        yield case("length", why, "R", post(length=b"Content-Length: " + value), st=SIZE)
    names = {
        "tab before the colon": b"Content-Length\t: 40",
        "VT before the colon": b"Content-Length\x0b: 40",
        "NUL before the colon": b"Content-Length\x00: 40",
        "NBSP before the colon": b"Content-Length\xa0: 40",
        "folded": b"Content-Length: 4\r\n 0",
        "folded before the value": b"Content-Length:\r\n 40",
        "a second one, spelt otherwise": b"Content-Length: 40\r\nCONTENT-LENGTH: 40",
        "three of the same": b"Content-Length: 40\r\nContent-Length: 40\r\nContent-Length: 40",
        "one of zero first": b"Content-Length: 0\r\nContent-Length: 40",
        "one of zero last": b"Content-Length: 40\r\nContent-Length: 0",
        "a real one and an underscore": b"Content_Length: 0\r\nContent-Length: 40",
        "after a bare LF": b"X: 1\nContent-Length: 40",
        "after a bare CR": b"X: 1\rContent-Length: 40",
    }
    for why, lines in names.items():
        yield case("length", f"name: {why}", "R", post(length=lines), st=(*SIZE, 411))
    for name in (b"content-length: 40", b"CONTENT-LENGTH:40", b"Content-Length:40"):
        yield case("length", f"spelt {name.decode()}", "A", post(length=name))
    for why, value in {"spaces around": b"  40  ", "tabs around": b"\t40\t"}.items():
        yield case("length", why, "RA", post(length=b"Content-Length:" + value))
    yield case("length", "none, and a body", "R", post(length=b""), st=(400, 411, 0))
    yield case(
        "length", "none, and a request as the body", "R", post(length=b"", body=PWNED), st=(400, 411, 0)
    )
    yield case("length", "too short by one", "RA2", post(length=b"Content-Length: 39"))
    yield case(
        "length", "too long by one, then silence", "R", post(length=b"Content-Length: 41"), st=(400, 408, 0)
    )
    yield case(
        "length",
        "so short that the rest is a request",
        "RA2",
        post(length=b"Content-Length: 2", body=b"{}BAD\r\n" + PWNED),
    )


def _codings() -> Iterable[dict[str, Any]]:
    bad = {
        "twice in a list": b"chunked, chunked",
        "gzip first": b"gzip, chunked",
        "gzip last": b"chunked, gzip",
        "identity last": b"chunked, identity",
        "comma before": b", chunked",
        "FF before": b"\x0cchunked",
        "FF after": b"chunked\x0c",
        "CR inside": b"chunk\red",
        "space inside": b"chun ked",
        "semicolon": b"chunked;",
        "parameter": b"chunked;q=1",
        "suffix": b"chunkedd",
        "single quotes": b"'chunked'",
        "Kelvin sign": "chun\u212aed".encode(),
        "long s": "chunked\u017f".encode(),
        "BOM": b"\xef\xbb\xbfchunked",
        "empty": b"",
        "deflate": b"deflate",
        "trailers": b"trailers",
        "cow": b"cow",
        "equal sign": b"chunked=1",
        "backslash": b"chun\\ked",
        "DEL": b"chunked\x7f",
        "0x01": b"chunked\x01",
    }
    for why, value in bad.items():
        coding = b"Transfer-Encoding: " + value
        yield case("coding", why, "R", chunks(CHUNK + LAST, coding=coding), st=(*CODING, 411))
        yield case("coding", f"{why}, beside a length", "R", post(coding, body=PING), st=CODING)
    lines = {
        "twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "identity, then chunked": b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        "chunked, then identity": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "chunked, then nothing": b"Transfer-Encoding: chunked\r\nTransfer-Encoding:",
        "spelt otherwise the second time": b"Transfer-Encoding: chunked\r\ntransfer-encoding: x",
        "underscore": b"Transfer_Encoding: chunked",
        "tab before the colon": b"Transfer-Encoding\t: chunked",
        "NUL before the colon": b"Transfer-Encoding\x00: chunked",
        "VT before the colon": b"Transfer-Encoding\x0b: chunked",
        "folded into the line before": b"X: 1\r\n Transfer-Encoding: chunked",
        "folded by a tab": b"Transfer-Encoding:\r\n\tchunked",
        "after a bare LF": b"X: 1\nTransfer-Encoding: chunked",
        "after a bare CR": b"X: 1\rTransfer-Encoding: chunked",
        "value after a bare LF": b"Transfer-Encoding:\nchunked",
        "no colon": b"Transfer-Encoding chunked",
        "prefix of the name": b" Transfer-Encoding: chunked",
    }
    for why, coding in lines.items():
        yield case("coding", f"line: {why}", "R", chunks(CHUNK + LAST, coding=coding), st=(*CODING, 411))
        yield case(
            "coding",
            f"line: {why}, beside a length",
            "R",
            head(coding, length=b"Content-Length: 5") + LAST + PWNED,
            st=CODING,
        )
    yield case("coding", "plain", "A", chunks(CHUNK + LAST))
    yield case("coding", "spelt otherwise", "RA", chunks(CHUNK + LAST, coding=b"transfer-encoding:Chunked"))
    yield case("coding", "spaces around", "RA", chunks(CHUNK + LAST, coding=b"Transfer-Encoding:  chunked  "))
    yield case("coding", "TE, which is another header", "RA", post(b"TE: chunked"))
    for why, both in {
        "a length after it": CHUNKED + b"\r\nContent-Length: 40",
        "a length of zero before it": b"Content-Length: 0\r\n" + CHUNKED,
        "an empty length": b"Content-Length:\r\n" + CHUNKED,
        "the length of the chunks": b"Content-Length: 51\r\n" + CHUNKED,
        "two lengths": b"Content-Length: 40\r\nContent-Length: 51\r\n" + CHUNKED,
    }.items():
        yield case("length and coding", why, "R", chunks(CHUNK + LAST + PWNED, coding=both))


def _chunks() -> Iterable[dict[str, Any]]:
    sizes = {
        "2^64 + 40": b"10000000000000028",
        "2^32 + 40": b"100000028",
        "2^64 - 1": b"FFFFFFFFFFFFFFFF",
        "2^63": b"8000000000000000",
        "2^32 - 1": b"FFFFFFFF",
        "2^31": b"80000000",
        "100 digits": b"F" * 100,
        "VT after": b"28\x0b",
        "tab after": b"28\t",
        "NUL after": b"28\x00",
        "FF before": b"\x0c28",
        "tab before": b"\t28",
        "comma": b"2,8",
        "full-width": "２８".encode(),
        "quoted": b'"28"',
        "h suffix": b"28h",
        "0X prefix": b"0X28",
        "# prefix": b"#28",
        "two sizes": b"28 28",
        "only an extension": b";a=b",
        "CR twice": b"28\r",
        "LF and CRLF": b"28\n",
        "a point": b"28.0",
        "DEL": b"28\x7f",
        "extension with a space before": b"28 ;a=b\x00",
        "extension with a bare LF at its end": b"28;a\n0\r\n",
    }
    for why, size in sizes.items():
        yield case("chunk", f"size: {why}", "R", chunks(size + b"\r\n" + PING + b"\r\n" + LAST), st=SIZE)
    for why, body in {
        "short by one": b"29\r\n" + PING + b"\r\n" + LAST,
        "long by one": b"27\r\n" + PING + b"\r\n" + LAST,
        "no CRLF after the payload": b"28\r\n" + PING + LAST,
        "bare CR after the payload": b"28\r\n" + PING + b"\r" + LAST,
        "LF and CR after the payload": b"28\r\n" + PING + b"\n\r" + LAST,
        "a space after the payload": b"28\r\n" + PING + b" \r\n" + LAST,
        "an empty line before it": b"\r\n" + CHUNK + LAST,
        "an empty line between": CHUNK + b"\r\n" + LAST,
        "last chunk, then LF": CHUNK + b"0\r\n\n",
        "last chunk, LF, then CRLF": CHUNK + b"0\n\r\n",
        "last chunk, CR, then CRLF": CHUNK + b"0\r\r\n",
        "last chunk of 0x0": CHUNK + b"0x0\r\n\r\n",
        "last chunk of -0": CHUNK + b"-0\r\n\r\n",
        "last chunk and CR X": CHUNK + b"0\r\n\rX" + PWNED,
        "a request in place of the empty line": CHUNK + b"0\r\n" + PWNED,
        "two bytes of junk in place of the empty line": CHUNK + b"0\r\nXX" + PWNED,
        "2000 chunks of one byte": b"1\r\n \r\n" * 2000 + CHUNK + LAST,
        "nothing but junk": b"hello\r\n",
    }.items():
        yield case("chunk", why, "R", chunks(body), st=SIZE)
    for why, body in {
        "leading zeros": b"0028\r\n" + PING + b"\r\n" + LAST,
        "a last chunk of zeros": CHUNK + b"000\r\n\r\n",
        "an extension on the last chunk": CHUNK + b"0;a=b\r\n\r\n",
        "a quoted extension": b'28;a="b;c"\r\n' + PING + b"\r\n" + LAST,
        "a trailer": CHUNK + b"0\r\nX-Sum: 1\r\n\r\n",
        "a trailer that names a framing": CHUNK + b"0\r\nContent-Length: 0\r\n\r\n",
    }.items():
        yield case("chunk", why, "RA", chunks(body), st=SIZE)
    for why, body in {
        "of 40 bytes each": b"".join(b"1\r\n%c\r\n" % octet for octet in PING) + LAST,
        "two": b"A\r\n" + PING[:10] + b"\r\n1e\r\n" + PING[10:] + b"\r\n" + LAST,
    }.items():
        yield case("chunk", f"pieces {why}", "A", chunks(body))
    for why, body in {
        "ends inside a size": b"2",
        "ends inside the payload": b"28\r\n" + PING[:20],
        "ends before the last empty line": CHUNK + b"0\r\n",
        "ends inside the last empty line": CHUNK + b"0\r\n\r",
        "empty": b"",
    }.items():
        yield case("chunk", f"{why}, then silence", "R", chunks(body), st=(400, 408, 0))
    for why, trailer in {
        "folded": b"X: 1\r\n 2\r\n",
        "with NUL": b"X: \x00\r\n",
        "ended by LF": b"X: 1\n",
        "with a space before the colon": b"X : 1\r\n",
        "of 64 KiB": b"X: " + b"a" * 65536 + b"\r\n",
        "without a name": b": 1\r\n",
    }.items():
        yield case("trailer", why, "R", chunks(CHUNK + b"0\r\n" + trailer + b"\r\n"), st=SIZE)
    yield case("trailer", "two chunked requests", "A2", chunks(CHUNK + LAST) * 2)


def _lines() -> Iterable[dict[str, Any]]:
    for why, raw in {
        "an empty line first": b"\r\n" + post(),
        "two empty lines first": b"\r\n\r\n" + post(),
    }.items():
        # RFC 9112 2.2: a server SHOULD ignore at least one; to refuse is safe.
        yield case("line", why, "RA", raw)
    for why, raw in {
        "bare LF first": b"\n" + post(),
        "bare CR first": b"\r" + post(),
        "space first": b" " + post(),
        "tab first": b"\t" + post(),
        "NUL first": b"\x00" + post(),
        "BOM first": b"\xef\xbb\xbf" + post(),
        "LF after the request line": post().replace(LINE + b"\r\n", LINE + b"\n"),
        "CR after the request line": post().replace(LINE + b"\r\n", LINE + b"\r"),
        "CR CR LF after the request line": post().replace(LINE, LINE + b"\r"),
        "LF CR after the request line": post().replace(LINE + b"\r\n", LINE + b"\n\r"),
        "head ends in LF LF": post().replace(b"\r\n\r\n", b"\n\n"),
        "head ends in CRLF LF": post().replace(b"\r\n\r\n", b"\r\n\n"),
        "head ends in LF CRLF": post().replace(b"\r\n\r\n", b"\n\r\n"),
        "head ends in CR CR": post().replace(b"\r\n\r\n", b"\r\r"),
        "a line of a space at the end": post().replace(b"\r\n\r\n", b"\r\n \r\n\r\n"),
        "a line of a tab at the end": post().replace(b"\r\n\r\n", b"\r\n\t\r\n\r\n"),
        "a folded Host": post(host=b"Host:\r\n gw.test"),
        "a folded Authorization": post(b"X: 1\r\n" + AUTH, auth=b"", host=HOST + b"\r\n evil"),
        "a tab before the first header": post(host=b"\tHost: gw.test"),
        "only a request line": LINE + b"\r\n\r\n",
        "VT as a line's end": post(b"X: 1\x0bY: 2"),
        "FF as a line's end": post(b"X: 1\x0cY: 2"),
        "CR at a value's end": post(b"X: 1\r"),
    }.items():
        yield case("line", why, "R", raw)
    yield case(
        "line",
        "a LF hides a length",
        "R",
        post(b"X: 1\nContent-Length: 0", body=PING),
        st=BAD,
    )
    for octet in (0, 1, 2, 7, 8, 0x0B, 0x0C, 0x0E, 0x1B, 0x1F, 0x7F):
        yield case("line", f"0x{octet:02x} in a value", "R", post(b"X: a%cb" % octet))
    for octet in b'\x00\x01\t "(),/;<=>?@[\\]{}\x7f\x80\xa0\xff_':
        yield case("name", f"0x{octet:02x} inside", "R", post(b"X%cY: 1" % octet))
    for why, line in {
        "a CR": b"X\rY: 1",
        "a LF": b"X\nY: 1",
        "a colon first": b":X: 1",
        "only a colon": b":",
        "NUL before the colon": b"X\x00: 1",
        "a tab before the colon": b"X\t: 1",
        "UTF-8": "Xé: 1".encode(),
        "no colon and nothing else": b"X",
    }.items():
        yield case("name", why, "R", post(line))
    yield case("name", "Mcp_Method", "R", post(b"Mcp_Method: tools/call"))
    for why, line in {
        "every mark of a token": b"!#$%&'*+-.^`|~: 1",
        "digits": b"123: 1",
        "an empty value": b"X-Empty:",
        "a value of blanks": b"X-Empty: \t ",
        "a tab inside a value": b"X: a\tb",
        "a colon in a value": b"X: a:b: c",
    }.items():
        yield case("name", why, "RA", post(line))


def _request_lines() -> Iterable[dict[str, Any]]:
    for why, line in {
        "tab after the method": b"POST\t/mcp HTTP/1.1",
        "tab before the version": b"POST /mcp\tHTTP/1.1",
        "tab at the end": b"POST /mcp HTTP/1.1\t",
        "VT after the method": b"POST\x0b/mcp HTTP/1.1",
        "two spaces before the version": b"POST /mcp  HTTP/1.1",
        "no target": b"POST HTTP/1.1",
        "an empty target": b"POST  HTTP/1.1",
        "four words": b"POST /mcp x HTTP/1.1",
        "the version twice": b"POST /mcp HTTP/1.1 HTTP/1.1",
        "a space in the target": b"POST /m cp HTTP/1.1",
        "1.10": b"POST /mcp HTTP/1.10",
        "1.01": b"POST /mcp HTTP/1.01",
        "1,1": b"POST /mcp HTTP/1,1",
        "1.": b"POST /mcp HTTP/1.",
        ".1": b"POST /mcp HTTP/.1",
        "11": b"POST /mcp HTTP/11",
        "1.1x": b"POST /mcp HTTP/1.1x",
        "-1.1": b"POST /mcp HTTP/-1.1",
        "+1.1": b"POST /mcp HTTP/+1.1",
        "1 .1": b"POST /mcp HTTP/1 .1",
        "HTTPS": b"POST /mcp HTTPS/1.1",
        "HTTP:": b"POST /mcp HTTP:/1.1",
        "no slash": b"POST /mcp HTTP1.1",
        "Http": b"POST /mcp Http/1.1",
        "full-width": "POST /mcp HTTP/１.１".encode(),
        "0.9": b"POST /mcp HTTP/0.9",
        "2.0": b"POST /mcp HTTP/2.0",
        "2": b"POST /mcp HTTP/2",
        "3.0": b"POST /mcp HTTP/3.0",
        "NUL in the version": b"POST /mcp HTTP/1.1\x00",
    }.items():
        yield case(
            "version" if line.count(b" ") == 2 else "request line",
            why,
            "R",
            post(line=line),
            st=(400, 505, 0),
        )
    yield case("version", "1.0", "RA", post(line=b"POST /mcp HTTP/1.0"), st=(400, 505, 0))
    yield case(
        "version",
        "the preface of HTTP/2",
        "R",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        st=(400, 405, 501, 505, 0),
    )
    for target in (
        b"/mcp#x",
        b"/mcp\x7f",
        b"/mcp\x01",
        b"/mcp<",
        b'/mcp"',
        b"/mcp{}",
        b"/mcp|x",
        b"/mcp^",
        b"/mcp`",
        b"/mcp[",
        "/mcpé".encode(),
        b"/mcp%",
        b"/mcp%2",
        b"/mcp%g0",
        b"/mcp%u0041",
        b"mcp",
        b"?",
        b"#",
        b"",
        b"mailto:a@b",
        b"gw.test/mcp",
        b"gw.test:443",
        b"https:/mcp",
        b"https:///mcp",
        b"https://",
        b"://gw.test/mcp",
        b"ftp://gw.test/mcp",
        b"http://gw.test/mcp",
        b"https://u@gw.test/mcp",
        b"https://u:p@gw.test/mcp",
        b"https://gw.test\\@evil.test/mcp",
        b"https://gw.test#@evil.test/mcp",
        b"https://gw.test@evil.test/mcp",
        b"https://gw.test,evil.test/mcp",
        b"https://gw.test%00/mcp",
    ):
        shown = target.decode("latin-1").encode("unicode_escape").decode() or "nothing"
        yield case(
            "target", shown, "R", post(line=b"POST %b HTTP/1.1" % target), st=(*TARGET, 421), keepok=True
        )
    for target in (
        b"/",
        b"/mcp/",
        b"/MCP",
        b"/mcp%20",
        b"/mcp/.",
        b"/./mcp",
        b"/mcp/..",
        b"/mcp/../mcp",
        b"/%2e%2e/mcp",
        b"/mcp%2f",
        b"/%2fmcp",
        b"/mc%70",
        b"/mcp;",
        b"/mcp//",
        b"///mcp",
        b"/mcp%0d%0aX:1",
        b"/mcp%23",
        b"/mcp%3f",
        b"//gw.test/mcp",
        b"/https://gw.test/mcp",
        b"https://gw.test",
        b"https://gw.test/",
        b"https://gw.test//mcp",
        b"/mcp.",
        b"/mcp,",
        b"/mcp@",
        b"/mcp:443",
        b"/mcp=",
        b"/x/../mcp",
        b"/pwned/../mcp",
        b"/mcp/pwned",
    ):
        yield case(
            "target", target.decode(), "R", post(line=b"POST %b HTTP/1.1" % target), st=TARGET, keepok=True
        )
    for target in (
        b"/mcp?",
        b"/mcp?x=1",
        b"/mcp?a=/../b",
        b"https://GW.TEST/mcp",
        b"HTTPS://gw.test/mcp",
        b"https://gw.test:443/mcp",
    ):
        yield case(
            "target", target.decode(), "RA", post(line=b"POST %b HTTP/1.1" % target), st=(*TARGET, 421)
        )
    yield case(
        "target", "of 64 KiB", "R", post(line=b"POST /%b HTTP/1.1" % (b"a" * 65536)), st=(400, 414, 431, 0)
    )
    yield case(
        "target",
        "absolute, and Host is another",
        "R",
        post(line=b"POST https://gw.test/mcp HTTP/1.1", host=b"Host: evil.test"),
        st=AUTHORITY,
    )
    yield case(
        "target",
        "absolute, and another port",
        "R",
        post(line=b"POST https://gw.test:1/mcp HTTP/1.1"),
        st=AUTHORITY,
    )
    for method in (
        b"PoSt",
        b"PUT",
        b"PATCH",
        b"TRACK",
        b"DEBUG",
        b"FOO",
        b"POSTX",
        b"XPOST",
        b"PROPFIND",
        b"QUERY",
        b"CONNECT",
        b"P@ST",
        b"PO\x00ST",
        b"POST\x00",
        b"P\xd6ST",
        b"GET,POST",
        b"M-POST",
        b'"POST"',
        b"POST;",
    ):
        shown = method.decode("latin-1").encode("unicode_escape").decode()
        yield case("method", shown, "R", post(line=method + b" /mcp HTTP/1.1"), st=(400, 405, 501, 0))
    for method in (b"GET", b"HEAD", b"DELETE", b"OPTIONS"):
        shown = method.decode()
        for why, framing, body in (
            ("a request as its body", b"Content-Length: %d" % len(PWNED), PWNED),
            ("chunks", CHUNKED, b"%x\r\n" % len(PWNED) + PWNED + b"\r\n" + LAST),
            ("both framings", b"Content-Length: 5\r\n" + CHUNKED, LAST + PWNED),
            ("a length that is none", b"Content-Length: x", PWNED),
        ):
            yield case(
                "method", f"{shown} with {why}", "R", bare(method, framing) + body, st=(400, 405, 413, 0)
            )
    yield case(
        "method",
        "OPTIONS for everything",
        "R",
        b"OPTIONS * HTTP/1.1\r\nHost: gw.test\r\n@@AUTH@@\r\n\r\n",
        st=(400, 404, 405, 501, 0),
        keepok=True,
    )


def _hosts() -> Iterable[dict[str, Any]]:
    for host in (
        b"gw.test:65536",
        b"gw.test:-1",
        b"gw.test:8443:1",
        b"gw.test:+443",
        b"gw.test: 443",
        b"gw.test:0x1bb",
        b"gw.test:443/mcp",
        b"gw.test\tevil",
        b"gw.test evil",
        b"gw.test,gw.test",
        b"gw.test;x",
        b"gw.test#x",
        b"gw.test?x",
        b"gw.test\\x",
        b"[::1",
        b"::1",
        b"[gw.test]",
        b"[::1]x",
        b"gw%2etest",
        b"%67w.test",
        b"gw.test%00",
        b"https://gw.test",
        b"//gw.test",
        b"@gw.test",
        b"gw.test@evil.example",
        b"evil.example@gw.test",
        b"gw.test\x00",
        b"gw.test\x0b",
        b"gw..test",
        b".gw.test",
        b"-",
        b"*",
        b"*.test",
        b"gw.test|x",
        b"'gw.test'",
        b'"gw.test"',
        b"gw.test'",
        b"<gw.test>",
        b"gw.t\xe9st",
        "gw․test".encode(),
        "ｇｗ.test".encode(),
        b"a" * 300,
        b":443",
    ):
        shown = host[:40].decode("latin-1").encode("unicode_escape").decode()
        yield case("host", shown, "R", post(host=b"Host: " + host), st=AUTHORITY)
    for host in (
        b"evil.gw.test",
        b"gw.test.evil.example",
        b"xgw.test",
        b"test",
        b"127.0.0.1",
        b"[::1]",
        b"0",
        b"2130706433",
    ):
        yield case("host", host.decode(), "R", post(host=b"Host: " + host), st=(400, 403, 404, 421, 0))
    for why, line in {
        "a space before the colon": b"Host : gw.test",
        "a space before the name": b" Host: gw.test",
        "only X-Forwarded-Host": b"X-Forwarded-Host: gw.test",
        "three": b"Host: gw.test\r\nHost: gw.test\r\nHost: gw.test",
        "a second, empty": b"Host: gw.test\r\nHost:",
        "a first, empty": b"Host:\r\nHost: gw.test",
        "spelt in two ways": b"Host: gw.test\r\nHOST: gw.test",
        "a LF inside": b"Host: gw.test\nX: 1",
        "a CR inside": b"Host: gw.test\rX: 1",
        "only blanks": b"Host: \t ",
        "folded": b"Host: gw.\r\n test",
    }.items():
        yield case("host", why, "R", post(host=line))
    for host in (b"GW.TEST", b"gw.test:443", b"gw.test."):
        yield case("host", host.decode(), "RA", post(host=b"Host: " + host), st=AUTHORITY)
    for host in (b"host:gw.test", b"HOST: gw.test", b"Host:  gw.test  "):
        yield case("host", f"spelt {host.decode()}", "A", post(host=host))
    yield case("host", "last of all", "A", post(host=b"", length=LENGTH + b"\r\n" + HOST))
    for forged in (
        b"X-Forwarded-Host: evil.example",
        b"Forwarded: host=evil.example",
        b"X-Host: evil.example",
        b"X-Original-URL: /pwned",
        b"X-Rewrite-URL: /pwned",
        b"X-HTTP-Method-Override: GET",
    ):
        yield case("host", forged.decode(), "A", post(forged))


def _rest() -> Iterable[dict[str, Any]]:
    for why, lines in {
        "Authorization twice": AUTH,
        "Content-Type twice": TYPE,
        "another Content-Type": b"Content-Type: text/plain",
        "Mcp-Session-Id twice": b"Mcp-Session-Id: a\r\nMcp-Session-Id: b",
        "Mcp-Method twice, the same": b"Mcp-Method: ping\r\nMcp-Method: ping",
        "Last-Event-ID twice": b"Last-Event-ID: 1\r\nLast-Event-ID: 2",
        "Origin twice, the same": b"Origin: https://a\r\nOrigin: https://a",
        "an Authorization of another scheme": b"Authorization: Basic YTpi",
    }.items():
        yield case("single", why, "R", post(lines), st=(400, 401, 403, 415, 0), keepok=True)
    for why, auth in {
        "none": b"",
        "Basic": b"Authorization: Basic YTpi",
        "an empty one": b"Authorization:",
        "a bearer of nothing": b"Authorization: Bearer",
        "a wrong bearer": b"Authorization: Bearer mcpgate_0000",
        "a list": b"Authorization: Bearer a, Bearer b",
        "a cookie": b"Cookie: token=x",
        "a proxy's": b"Proxy-Authorization: Bearer x",
    }.items():
        yield case("proof", why, "R", post(auth=auth), st=(400, 401, 0), keepok=True)
        yield case(
            "proof",
            f"{why}, and the body is a request",
            "R",
            post(auth=auth, body=PWNED.replace(AUTH, b"X: 1234567")),
            st=(400, 401, 0),
            keepok=True,
        )
    for why, lines in {
        "100-continue, 100-continue": b"Expect: 100-continue, 100-continue",
        "200-ok": b"Expect: 200-ok",
        "100": b"Expect: 100",
        "with a parameter": b"Expect: 100-continue; q=1",
        "quoted": b'Expect: "100-continue"',
        "VT": b"Expect: 100-continue\x0b",
        "a list": b"Expect: 100-continue, x",
        "folded": b"Expect:\r\n 100-continue",
    }.items():
        yield case("expect", why, "R", post(lines), st=(400, 417, 0), keepok=True)
    yield case("expect", "empty", "RA", post(b"Expect:"), st=(400, 417, 0))
    yield case("expect", "spelt otherwise", "RA", post(b"expect:100-Continue"), st=(400, 417, 0))
    yield case("expect", "and the body comes later", "A", head(b"Expect: 100-continue", length=LENGTH), PING)
    yield case("expect", "and the body is here", "A", post(b"Expect: 100-continue"))
    yield case(
        "expect", "and chunks come later", "A", head(b"Expect: 100-continue", length=CHUNKED), CHUNK, LAST
    )
    yield case(
        "expect",
        "refused, and the body is a request",
        "R",
        head(b"Expect: 100-continue", auth=b"", length=b"Content-Length: %d" % len(PWNED)),
        PWNED,
        st=(400, 401, 0),
    )
    yield case(
        "expect",
        "refused, and a request in its place",
        "R",
        head(b"Expect: 100-continue", type=b"Content-Type: text/plain", length=LENGTH) + PWNED,
        st=CONTENT,
    )
    yield case(
        "expect",
        "a request in place of the body",
        "RA2",
        head(b"Expect: 100-continue", length=b"Content-Length: 10") + PWNED,
    )
    yield case(
        "expect",
        "of a GET, whose body is a request",
        "R",
        bare(b"GET", b"Expect: 100-continue", b"Content-Length: 48") + PWNED,
        st=(400, 405, 417, 0),
    )
    for why, lines in {
        "TLS/1.0": b"Connection: Upgrade\r\nUpgrade: TLS/1.0",
        "h2c without Connection": b"Upgrade: h2c",
        "HTTP/3": b"Connection: upgrade\r\nUpgrade: HTTP/3.0",
        "Connection: close and Content-Length": b"Connection: close, Content-Length",
        "Connection: Host": b"Connection: Host",
        "Connection: Transfer-Encoding": b"Connection: Transfer-Encoding",
        "Connection: Expect": b"Connection: Expect",
        "Connection: Content-Type": b"Connection: Content-Type",
        "Connection: close and keep-alive": b"Connection: close, keep-alive",
        "Connection in two lines": b"Connection: keep-alive\r\nConnection: close",
        "Connection of nothing": b"Connection:",
        "Connection of commas": b"Connection: ,,,",
        "Connection of a word unknown": b"Connection: x-anything",
        "Proxy-Connection": b"Proxy-Connection: close",
        "Keep-Alive": b"Keep-Alive: timeout=5, max=1000",
        "Trailer": b"Trailer: Content-Length",
        "Max-Forwards": b"Max-Forwards: 0",
        "Via": b"Via: 1.1 a, 1.1 b, 1.1 c",
        "Range": b"Range: bytes=0-0",
    }.items():
        yield case("hop", why, "RA", post(lines), st=(400, 401, 501, 0))
    yield case("hop", "Connection is no list of tokens", "R", post(b"Connection: a b"))
    yield case("hop", "Connection has VT", "R", post(b"Connection: \x0bclose"))
    yield case("pipeline", "a close in a list, then a request", "A", post(b"Connection: foo, Close") + PWNED)
    yield case("pipeline", "a good one, then junk", "A1R", post() + b"\x00\x01\x02")
    yield case(
        "pipeline",
        "a good one, then a bad length, then a request",
        "A1R",
        post() + post(length=b"Content-Length: 4 0") + PWNED,
    )
    yield case(
        "pipeline", "a good one, then two framings, then a request", "A1R", post() + post(CHUNKED) + PWNED
    )
    yield case(
        "pipeline",
        "a good one, then a bad chunk, then a request",
        "A1R",
        post() + chunks(b"XX\r\n" + LAST) + PWNED,
    )
    yield case(
        "pipeline",
        "a good one, then a wrong Host, with a body",
        "A1R",
        post() + post(host=b"Host: evil", body=PWNED),
    )
    yield case(
        "pipeline", "a good one, then HTTP/2's preface", "A1R", post() + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    )
    yield case(
        "pipeline",
        "a good one, then a head that is too large",
        "A1R",
        post() + post(b"X: " + b"a" * 40000) + PWNED,
    )
    yield case("pipeline", "chunks, then a length", "A2", chunks(CHUNK + LAST) + post())
    yield case("pipeline", "a length, then chunks", "A2", post() + chunks(CHUNK + LAST))
    yield case("pipeline", "twenty in thirties", "A20", b"@@SPLIT30@@" + post() * 20)
    for why, first in {
        "415": post(type=b"Content-Type: text/plain", body=PWNED),
        "no type": post(type=b"", body=PWNED),
        "404": post(line=b"POST /nothing HTTP/1.1", body=PWNED),
        "421": post(host=b"Host: evil.example", body=PWNED),
        "413": head(length=b"Content-Length: 99999999") + PWNED,
        "405": post(line=b"PUT /mcp HTTP/1.1", body=PWNED),
        "417": post(b"Expect: x", body=PWNED),
        "a token that is wrong": post(auth=b"Authorization: Bearer wrong", body=PWNED),
    }.items():
        yield case(
            "pipeline",
            f"refused with {why}, and the body is a request",
            "R",
            first,
            st=(400, 401, 404, 405, 413, 415, 417, 421, 501, 0),
        )
    for type in (
        b"application/json; charset=utf-7",
        b"application/json; charset=latin1",
        b"application/json; charset=UTF-16LE",
        b"application/json-rpc",
        b"application/jsonx",
        b"text/json",
        b"text/plain",
        b"application/json, text/plain",
        b"application/json text/plain",
        b"*/*",
        b"application/*",
        b"json",
        b"application/json/",
        b"application/cbor",
        b"application/json\x00",
        b"application/json\x0c",
        b"application/json\x1c",
        b"application/json\x85",
        b"application/json\xa0",
        b"application/json; charset=utf-8; charset=utf-16",
    ):
        shown = type.decode("latin-1").encode("unicode_escape").decode()
        yield case("content", shown, "R", post(type=b"Content-Type: " + type), st=CONTENT)
    yield case("content", "no type", "R", post(type=b""), st=CONTENT)
    yield case("content", "an empty type", "R", post(type=b"Content-Type:"), st=CONTENT)
    for type in (b"application/json", b"application/json; charset=utf-8", b"application/json;charset=UTF-8"):
        yield case("content", f"type {type.decode()}", "A", post(type=b"Content-Type: " + type))
    for type in (
        b"APPLICATION/JSON",
        b'application/json; charset="utf-8"',
        b"application/json;",
        b"application/json; x=y",
    ):
        yield case("content", f"type {type.decode()}", "RA", post(type=b"Content-Type: " + type), st=CONTENT)
    for coding in (
        b"gzip",
        b"deflate",
        b"br",
        b"zstd",
        b"x-gzip",
        b"gzip, gzip",
        b"identity, gzip",
        b"compress",
        b"x",
    ):
        yield case(
            "content", f"coding {coding.decode()}", "R", post(b"Content-Encoding: " + coding), st=CONTENT
        )
    yield case("content", "coding identity", "RA", post(b"Content-Encoding: identity"), st=CONTENT)
    yield case(
        "limit",
        "16 MiB of a header that does not end",
        "R",
        head()[:-2] + b"X: " + b"a" * (16 << 20),
        st=SIZE,
    )
    yield case("limit", "16 MiB of a method", "R", b"A" * (16 << 20), st=(*SIZE, 405, 414, 501))
    yield case("limit", "32 KiB of empty lines", "R", b"\r\n" * 16384 + post(), st=SIZE)
    yield case("limit", "5000 header lines", "R", post(*[b"X: 1"] * 5000), st=SIZE)
    yield case("limit", "100 header lines", "RA", post(*[b"X: 1"] * 94), st=SIZE)
    yield case("limit", "a value of 16 KiB", "A", post(b"X: " + b"a" * 16384))


#: Every case of this file.
UNSEEN: list[dict[str, Any]] = [
    one for make in (_lengths, _codings, _chunks, _lines, _request_lines, _hosts, _rest) for one in make()
]


def sized(head_size: int, body_size: int, proof: int) -> list[dict[str, Any]]:
    """Cases at a gate's limits exactly, and one byte above; C{proof} is the length of what C{@@AUTH@@}
    stands for."""

    def padded(size: int) -> bytes:
        raw = post(b"X: ")
        missing = size - (len(raw) - len(PING) - len(AUTH) + proof)
        return raw.replace(b"X: ", b"X: " + b"a" * missing)

    def spaced(size: int) -> bytes:
        return PING + b" " * (size - len(PING))

    def chunked(size: int) -> bytes:
        return chunks(b"%x\r\n" % size + spaced(size) + b"\r\n" + LAST)

    return [
        case("limit", "a head of just the size", "A", padded(head_size)),
        case("limit", "a head of one more", "R", padded(head_size + 1), st=SIZE),
        case("limit", "a body of just the size", "A", post(body=spaced(body_size))),
        case("limit", "a body of one more", "R", post(body=spaced(body_size + 1)), st=SIZE),
        case("limit", "chunks of just the size", "A", chunked(body_size)),
        case("limit", "chunks of one more", "R", chunked(body_size + 1), st=SIZE),
        case(
            "limit",
            "a chunk that is announced as one more",
            "R",
            chunks(b"%x\r\n" % (body_size + 1)),
            st=SIZE,
        ),
    ]
