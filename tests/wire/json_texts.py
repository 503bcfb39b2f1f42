"""JSON as anybody may write it, for what must pass as it is: within the limits of C{wire.jsonrpc}."""

from __future__ import annotations

import json

from hypothesis import strategies as st

#: Without halves of surrogate pairs, which are not in any UTF-8.
STRINGS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)

SPACES = st.sampled_from([b"", b"", b" ", b"\n\t"])
NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70).map(lambda number: b"%d" % number),
    st.sampled_from(
        [b"1.10", b"1e2", b"-0", b"-0.0", b"1E+2", b"0.1e-7", b"18446744073709551616", b"9" * 308]
    ),
)
TEXTS = st.one_of(
    STRINGS.map(lambda text: json.dumps(text, ensure_ascii=False).encode()),
    STRINGS.map(lambda text: json.dumps(text).encode()),
    st.sampled_from(
        [
            '"\u2028\u2029\x7f\x85"'.encode(),
            b'"\\u2028\\/\\ud83d\\ude00"',
            b'"\xf0\x9f\x98\x80"',
            b'"a\\u0000"',
        ]
    ),
)


def _member(pair: tuple[str, bytes]) -> bytes:
    name, value = pair
    return json.dumps(name, ensure_ascii=False).encode() + b" :" + value


def _containers(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    items = st.lists(st.tuples(SPACES, inner, SPACES).map(b"".join), max_size=4)
    members = st.dictionaries(STRINGS, inner, max_size=4).map(lambda found: [*map(_member, found.items())])
    return st.one_of(
        items.map(lambda found: b"[%b]" % b",".join(found)),
        members.map(lambda found: b"{%b}" % b",".join(found)),
    )


#: Big integers, 1.10, 1e2, escapes or none, white space.
VALUES = st.recursive(
    st.one_of(NUMBERS, TEXTS, st.sampled_from([b"null", b"true", b"false"])), _containers, max_leaves=12
)
