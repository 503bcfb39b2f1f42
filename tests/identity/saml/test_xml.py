"""What is read of XML has one reading only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.identity.saml.xml import XmlError, children, local, only, read, text

SAML = 'xmlns="urn:oasis:names:tc:SAML:2.0:assertion"'


@pytest.mark.parametrize(
    "declaration",
    [
        "",
        '<?xml version="1.0"?>',
        "<?xml version='1.0' encoding='utf-8'?>\n",
        '<?xml version="1.0" encoding="UTF-8" standalone="yes" ?>',
    ],
)
def test_a_plain_document_is_read(declaration: str) -> None:
    """With the declarations that identity providers write, and characters beyond ASCII."""
    root = read(f"{declaration}<A {SAML}><B>Zo\u00eb &amp; &#65;</B></A>".encode(), most=1000)
    assert text(only(root, "B")) == "Zo\u00eb & A"
    assert local(root) == "A" and children(root, "C") == []


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "not well-formed"),
        (b"<a>", "not well-formed"),
        (b"<a/><b/>", "not well-formed"),
        (b"<a>\xff</a>", "not UTF-8"),
        (b"<a>&x;</a>", "not well-formed"),
        (b"<a>\x00</a>", "not well-formed"),
        (b"<a><!-- --></a>", "a comment"),
        (b"<a><![CDATA[x]]></a>", "a CDATA section"),
        (b"<!DOCTYPE a><a/>", "a document type"),
        (b"<a><?x ?></a>", "a processing instruction"),
        (b'<?xml version="1.1"?><a/>', "a processing instruction"),
        (b'<?xml version="1.0" encoding="UTF-7"?><a/>', "a processing instruction"),
        (b'<?xml version="1.0"?><?xml version="1.0"?><a/>', "a processing instruction"),
        (b'<a xmlns:x="1"/>', "not absolute"),
        (b'<a xmlns="urn:x"><b xmlns=""/></a>', "not absolute"),
        (b"<a%b/>" % b"".join(b' a%d=""' % n for n in range(40)), "too many attributes"),
        (b"<a%b/>" % b"".join(b' xmlns:a%d="u:%d"' % (n, n) for n in range(40)), "too many attributes"),
        (b"<a>" * 30 + b"</a>" * 30, "nested"),
        (b"<a>%b</a>" % (b"<b/>" * 2000), "elements"),
        (b"<a>%b</a>" % (b"x" * 10_000), "larger"),
    ],
)
def test_what_could_be_read_in_two_ways_is_not_read(raw: bytes, said: str) -> None:
    """The message names the construct and quotes nothing."""
    with pytest.raises(XmlError, match=said):
        read(raw, most=10_000)


def test_a_file_of_our_own_may_have_comments() -> None:
    """Metadata that people edit has them, and the mark of a byte order: they are dropped."""
    raw = b"\xef\xbb\xbf<?xml version='1.0'?><!-- ours --><a><!-- too --><b/></a>"
    assert [element.tag for element in read(raw, most=1000, comments=True)] == ["b"]
    with pytest.raises(XmlError, match="document type"):
        read(b"<!DOCTYPE a><a/>", most=1000, comments=True)


def test_an_element_that_must_be_there_once_is() -> None:
    """And what must be text holds none."""
    root = read(f"<A {SAML}><B/><B/><C><D/></C></A>".encode(), most=1000)
    with pytest.raises(XmlError, match="A has 2 B elements"):
        only(root, "B")
    with pytest.raises(XmlError, match="C holds elements"):
        text(only(root, "C"))
    assert local(read(b"<%b/>" % (b"x" * 50), most=1000)) == "an element"


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(raw: bytes) -> None:
    """Nothing escapes from the parser but its one error."""
    try:
        read(b"<a>" + raw + b"</a>", most=300)
    except XmlError:
        pass
