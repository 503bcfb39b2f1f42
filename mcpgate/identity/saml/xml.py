"""XML without anything that two readers could take for different things.

What made SAML libraries read another tree than the one whose signature they had verified was always the
same few constructs: document types and their entities, comments that cut a text in two, processing
instructions, sections of raw text, other encodings, namespaces that cannot be canonicalised. No identity
provider needs one of them in an assertion. They are refused on the bytes, before a parser sees them: in
well-formed UTF-8 a C{<!} or C{<?} is markup wherever it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

from mcpgate.reasons import Reason

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
METADATA = "urn:oasis:names:tc:SAML:2.0:metadata"
DS = "http://www.w3.org/2000/09/xmldsig#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"

#: An assertion has some 50 elements, five deep, with a handful of attributes; a hundred groups add a hundred
#: elements. Beyond that, the cost of canonical forms grows faster than the text.
ELEMENTS_MOST = 1024
DEPTH_MOST = 24
ATTRIBUTES_MOST = 32
NAMESPACES_MOST = 32

_BOM = b"\xef\xbb\xbf"
_QUOTED = rb"""(?:'%b'|"%b")"""
_DECLARATION = re.compile(
    rb"<\?xml version=%b(?: encoding=%b)?(?: standalone=%b)? ?\?>"
    % tuple(_QUOTED % (word, word) for word in (rb"1\.0", rb"(?i:utf-8)", rb"(?:yes|no)"))
)
_MARKUP = re.compile(rb"<[!?]")
_MARKUP_BUT_COMMENTS = re.compile(rb"<(?:\?|!(?!--))")
# RFC 3986 section 3: with a scheme. libxml2 has no canonical form for namespaces that are relative, and
# readers have taken its empty answer for one.
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]+")


class XmlError(ValueError):
    """A text that is not read. The message says why and quotes nothing; C{reason} is for the record."""

    def __init__(self, words: str, reason: Reason = Reason.AUTH_MALFORMED) -> None:
        super().__init__(words)
        self.reason = reason


def read(
    raw: bytes, *, most: int, comments: bool = False, elements: int = ELEMENTS_MOST
) -> etree._Element:
    """
    The root of a document.

    @param most: bytes that it may have.
    @param comments: whether it may have comments, which are dropped: for files of our own operators, of
        which only attributes and certificates are read.
    @raise XmlError: it is not well-formed, or holds what could be read in two ways.
    """
    if len(raw) > most:
        raise XmlError(f"it is larger than {most} bytes")
    if comments:
        raw = raw.removeprefix(_BOM)
    declaration = _DECLARATION.match(raw)
    body = raw[declaration.end() :] if declaration else raw
    found = (_MARKUP_BUT_COMMENTS if comments else _MARKUP).search(body)
    if found is not None:
        raise XmlError(f"it has {_named(body[found.start() : found.start() + 9])} in it")
    try:
        body.decode()
    except UnicodeDecodeError:
        raise XmlError("it is not UTF-8") from None
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        recover=False,
        remove_comments=comments,
        encoding="utf-8",
    )
    try:
        root = etree.fromstring(body.lstrip(b" \t\r\n"), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        where = getattr(error, "position", (0, 0))
        raise XmlError(f"it is not well-formed XML (line {where[0]}, column {where[1]})") from None
    docinfo = root.getroottree().docinfo
    if docinfo.internalDTD is not None or docinfo.externalDTD is not None:
        raise XmlError("it has a document type")
    _judge(root, elements)
    return root


def _judge(root: etree._Element, most: int) -> None:
    depths = {root: 1}
    known: set[str | None] = set()
    for count, element in enumerate(root.iter(), 1):
        if count > most:
            raise XmlError(f"it has more than {most} elements")
        if not isinstance(element.tag, str):
            raise XmlError("it has something in it that is neither element nor text")
        parent = element.getparent()
        depth = depths[element] = 1 if parent is None else depths[parent] + 1
        if depth > DEPTH_MOST:
            raise XmlError(f"it is nested more than {DEPTH_MOST} deep")
        if len(element.attrib) > ATTRIBUTES_MOST or len(element.nsmap) > NAMESPACES_MOST:
            raise XmlError("an element of it has too many attributes or namespaces")
        for uri in element.nsmap.values():
            if uri not in known:
                if uri is None or not _ABSOLUTE.fullmatch(uri):
                    raise XmlError("a namespace in it is not absolute, so it has no canonical form")
                known.add(uri)


def _named(beginning: bytes) -> str:
    """What begins so, in words."""
    if beginning.startswith(b"<!--"):
        return "a comment"
    if beginning.startswith(b"<![CDATA["):
        return "a CDATA section"
    if beginning.startswith(b"<?"):
        return "a processing instruction"
    return "a document type or entity"


def children(element: etree._Element, name: str, namespace: str = SAML) -> list[etree._Element]:
    """Its children of that name, in order."""
    return list(element.findall(f"{{{namespace}}}{name}"))


def descendants(element: etree._Element) -> Iterator[etree._Element]:
    """All elements below it."""
    elements = element.iter()
    next(elements)
    yield from elements


def only(element: etree._Element, name: str, namespace: str = SAML) -> etree._Element:
    """
    Its one child of that name.

    @raise XmlError: it has none, or several.
    """
    found = children(element, name, namespace)
    if len(found) != 1:
        raise XmlError(f"{local(element)} has {len(found)} {name} elements, not one")
    return found[0]


def text(element: etree._Element) -> str:
    """
    All that is in an element, which is plain text.

    @raise XmlError: it holds elements.
    """
    if len(element):
        raise XmlError(f"{local(element)} holds elements, where only text may stand")
    return element.text or ""


def local(element: etree._Element) -> str:
    """An element's name without its namespace; our own words for what is not ours to quote."""
    name = str(element.tag).rpartition("}")[2]
    return name if len(name) <= 40 and name.isascii() else "an element"
