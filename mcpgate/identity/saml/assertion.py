"""A SAML 2.0 bearer assertion, judged (RFC 7522 section 3).

All that counts is read from what its signature covers (signature.py), and from nothing else; before that,
only the issuer is looked at, to know whose keys to verify by. What this does not understand and might have
to obey, it refuses: a condition that is not known, a second assertion, anything encrypted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256

from attrs import field, frozen
from lxml import etree

from mcpgate.identity.saml.metadata import IdentityProvider, read_time
from mcpgate.identity.saml.signature import signed
from mcpgate.identity.saml.xml import DS, SAML, XmlError, children, descendants, local, only, read, text
from mcpgate.reasons import Reason, Refusal

#: That of a person in a hundred groups has 20 KB.
ASSERTION_MOST = 64 * 1024
#: A NameID has 256 characters at most (SAML core 8.3.7 says so of persistent ones).
SUBJECT_MOST = 256
VALUE_MOST = 1024
#: Groups and further attributes all go into a token that is sent with each request (granted.py).
VALUES_MOST = 256

_BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
_ENTITY = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
_TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
#: What may stand in an assertion, and whether only once. Advice can hold assertions of others.
_PARTS = {
    f"{{{SAML}}}Issuer": True,
    f"{{{DS}}}Signature": True,
    f"{{{SAML}}}Subject": True,
    f"{{{SAML}}}Conditions": True,
    f"{{{SAML}}}AuthnStatement": False,
    f"{{{SAML}}}AttributeStatement": False,
}
#: Conditions that are understood. That an assertion is for one use, each of ours is; that it may not be
#: passed on in further assertions, we make none.
_CONDITIONS = (f"{{{SAML}}}AudienceRestriction", f"{{{SAML}}}OneTimeUse", f"{{{SAML}}}ProxyRestriction")
_ENCRYPTED = tuple(f"{{{SAML}}}Encrypted{what}" for what in ("Assertion", "ID", "Attribute"))


@frozen
class SamlTerms:
    """
    By what one identity provider's assertions are judged.

    @ivar name: What records and rules call it.
    @ivar audiences: What we are called, beside the URL of the token endpoint.
    @ivar skew: Seconds by which its clock and ours may differ.
    @ivar max_lifetime: Seconds that an assertion may have left.
    @ivar groups: The attribute with the groups of its subject.
    @ivar attributes: Which attribute becomes which claim.
    """

    name: str
    provider: IdentityProvider
    audiences: frozenset[str] = frozenset()
    skew: float = 30.0
    max_lifetime: float = 300.0
    groups: str | None = None
    attributes: Mapping[str, str] = field(factory=dict)


@frozen
class Vouched:
    """
    What an assertion says, once it is known to be true.

    @ivar until: Unix seconds for which its identity provider lets the subject be known by it; C{None}
        where it does not say (C{SessionNotOnOrAfter}).
    @ivar id: By what a second use of the assertion is seen: a hash of its issuer and ID.
    @ivar over: Unix seconds after which it would be refused for its age.
    """

    terms: SamlTerms
    subject: str
    groups: tuple[str, ...]
    claims: Mapping[str, object] = field(repr=False)
    until: float | None
    id: str
    over: float


def judge(raw: bytes, known: Sequence[SamlTerms], *, recipient: str, now: float) -> Vouched | Refusal:
    """
    Judge an assertion.

    @param known: the identity providers whose assertions are accepted there.
    @param recipient: the URL of the token endpoint that it came to.
    @param now: Unix seconds.
    """
    try:
        root = read(raw, most=ASSERTION_MOST)
        if root.tag != f"{{{SAML}}}Assertion":
            raise XmlError(_no_assertion(root), Reason.AUTH_TYPE)
        issuer = _issuer(root)
        terms = next((one for one in known if one.provider.entity_id == issuer), None)
        if terms is None:
            raise XmlError(f"no identity provider here is called {issuer[:200]!a}", Reason.AUTH_ISSUER)
        valid_until = terms.provider.valid_until
        if valid_until is not None and now >= valid_until:
            raise XmlError(f"the metadata of {terms.name} is over (validUntil)", Reason.AUTH_KEY)
        _judge_parts(root)
        assertion = signed(root, terms.provider.certificates, ASSERTION_MOST)
        return _judge(assertion, terms, recipient, now)
    except XmlError as error:
        return Refusal(error.reason, str(error))


def _no_assertion(root: etree._Element) -> str:
    if root.tag == f"{{{SAML}}}EncryptedAssertion":
        return "it is encrypted; have it sent in clear, as TLS keeps it secret"
    if local(root) == "Response":
        return "it is a whole response; RFC 7522 wants the Assertion in it alone"
    return f"it begins with {local(root)}, not with a SAML 2.0 Assertion"


def _issuer(root: etree._Element) -> str:
    issuer = only(root, "Issuer")
    if issuer.get("Format", _ENTITY) != _ENTITY:
        raise XmlError("its issuer is not an entity", Reason.AUTH_ISSUER)
    return text(issuer)


def _judge_parts(root: etree._Element) -> None:
    """What may be in it at all, at any depth."""
    if root.get("Version") != "2.0":
        raise XmlError("it is not of SAML version 2.0")
    for element in descendants(root):
        if element.tag == f"{{{SAML}}}Assertion":
            raise XmlError("there is a second assertion in it", Reason.AUTH_ASSERTION)
        if element.tag in _ENCRYPTED:
            raise XmlError(f"it has an {local(element)}, which is not accepted", Reason.AUTH_TYPE)
    for element in root:
        if element.tag not in _PARTS:
            raise XmlError(
                f"it has {local(element)} in it, which is not understood here", Reason.AUTH_ASSERTION
            )
    for tag, single in _PARTS.items():
        if single and len(root.findall(tag)) > 1:
            raise XmlError(f"its {tag.rpartition('}')[2]} is there twice")


def _judge(assertion: etree._Element, terms: SamlTerms, recipient: str, now: float) -> Vouched:
    """Judge what was signed."""
    if _issuer(assertion) != terms.provider.entity_id:
        raise XmlError("the issuer that is signed is another one", Reason.AUTH_ISSUER)
    issued = read_time(assertion.get("IssueInstant") or "")
    if issued > now + terms.skew:
        raise XmlError("it was issued in the future", Reason.AUTH_EARLY)
    ends = [_conditions(only(assertion, "Conditions"), terms, recipient, now)]
    subject = only(assertion, "Subject")
    ends.append(_confirmed(subject, terms, recipient, now))
    asked = {*terms.attributes.values(), *((terms.groups,) if terms.groups is not None else ())}
    attributes = _attributes(assertion, asked)
    sessions = [
        read_time(end)
        for statement in children(assertion, "AuthnStatement")
        if (end := statement.get("SessionNotOnOrAfter")) is not None
    ]
    until = min(sessions, default=None)
    if until is not None and now >= until + terms.skew:
        raise XmlError("the session that it speaks of is over", Reason.AUTH_EXPIRED)
    return Vouched(
        terms=terms,
        subject=_subject(subject),
        groups=attributes.get(terms.groups, ()) if terms.groups is not None else (),
        claims={
            claim: values[0] if len(values) == 1 else list(values)
            for claim, name in terms.attributes.items()
            if (values := attributes.get(name))
        },
        until=until,
        id=_once(terms.provider.entity_id, assertion.get("ID") or ""),
        over=min(end for end in ends if end is not None) + terms.skew,
    )


def _once(issuer: str, id: str) -> str:
    # With its length before it: no two pairs have the same text.
    return sha256(f"{len(issuer)}:{issuer}{id}".encode()).hexdigest()


def _conditions(conditions: etree._Element, terms: SamlTerms, recipient: str, now: float) -> float | None:
    end = _within(conditions, "its conditions", terms, now)
    for element in conditions:
        if element.tag not in _CONDITIONS:
            raise XmlError("it has a condition that is not understood", Reason.AUTH_ASSERTION)
    audiences = terms.audiences | {recipient}
    restrictions = children(conditions, "AudienceRestriction")
    if not restrictions:
        raise XmlError("it is for no stated audience", Reason.AUTH_AUDIENCE)
    for restriction in restrictions:
        # Several restrictions must each hold; of the audiences in one, one is enough (SAML core 2.5.1.4).
        if audiences.isdisjoint(text(audience) for audience in children(restriction, "Audience")):
            raise XmlError("its audience is not this gate", Reason.AUTH_AUDIENCE)
    return end


def _within(element: etree._Element, what: str, terms: SamlTerms, now: float) -> float | None:
    """Judge the times of an element; when it ends, if it says."""
    begin, end = element.get("NotBefore"), element.get("NotOnOrAfter")
    if begin is not None and now + terms.skew < read_time(begin):
        raise XmlError(f"{what} are not valid yet (NotBefore)", Reason.AUTH_EARLY)
    if end is None:
        return None
    if now - terms.skew >= read_time(end):
        raise XmlError(f"{what} are over (NotOnOrAfter)", Reason.AUTH_EXPIRED)
    return read_time(end)


def _confirmed(subject: etree._Element, terms: SamlTerms, recipient: str, now: float) -> float:
    """
    Until when somebody may show it to us and count as its subject.

    Only one that is the assertion's only one: which of several was meant, nobody would have to guess.
    """
    confirmation = only(subject, "SubjectConfirmation")
    if confirmation.get("Method") != _BEARER:
        raise XmlError("its subject is not confirmed by bearing it", Reason.AUTH_BINDING)
    if [element.tag for element in confirmation] != [f"{{{SAML}}}SubjectConfirmationData"]:
        raise XmlError("its subject confirmation has other parts than its data", Reason.AUTH_BINDING)
    data = only(confirmation, "SubjectConfirmationData")
    if data.get("Recipient") != recipient:
        raise XmlError("its recipient is not this token endpoint", Reason.AUTH_PLACE)
    end = _within(data, "its subject confirmation's data", terms, now)
    if end is None:
        raise XmlError("its subject confirmation does not end (NotOnOrAfter)", Reason.AUTH_LIFETIME)
    if end - now > terms.max_lifetime + terms.skew:
        raise XmlError(
            f"it is valid for longer than {terms.max_lifetime:.0f} seconds from now", Reason.AUTH_LIFETIME
        )
    return end


def _subject(subject: etree._Element) -> str:
    name = only(subject, "NameID")
    if name.get("Format") == _TRANSIENT:
        raise XmlError("its NameID is transient, so it names nobody", Reason.AUTH_CLAIM)
    return _plain(text(name), "its NameID", SUBJECT_MOST)


def _plain(value: str, what: str, most: int) -> str:
    if not 0 < len(value) <= most or value != value.strip() or not value.isprintable():
        raise XmlError(f"{what} is not a plain text of up to {most} characters", Reason.AUTH_CLAIM)
    return value


def _attributes(assertion: etree._Element, asked: Collection[str]) -> Mapping[str, tuple[str, ...]]:
    """The values of the attributes that are asked for; what others hold is of no concern."""
    found: dict[str, tuple[str, ...]] = {}
    for statement in children(assertion, "AttributeStatement"):
        for attribute in children(statement, "Attribute"):
            name = attribute.get("Name")
            if name not in asked:
                continue
            if name in found:
                raise XmlError("an attribute is there twice", Reason.AUTH_CLAIM)
            values = children(attribute, "AttributeValue")
            if len(values) > VALUES_MOST:
                raise XmlError(f"an attribute has more than {VALUES_MOST} values", Reason.AUTH_CLAIM)
            # An empty one is there, and says nothing.
            texts = tuple(text(value) for value in values if len(value) or value.text)
            found[name] = tuple(_plain(value, "a value of an attribute", VALUE_MOST) for value in texts)
    return found
