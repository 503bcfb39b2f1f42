"""Whether an assertion is signed, as a whole, by a key that its identity provider's metadata names.

signxml computes; what it may meet is laid down before: one signature that stands directly in the
assertion, with one reference, to the assertion's own ID, by the two transforms that SAML allows (core
5.4.4) and no others, by algorithms that we name. What it gives back is what was signed, parsed from the
very bytes whose digest was right, and nothing else is read afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from lxml import etree
from signxml import DigestAlgorithm, SignatureConfiguration, SignatureMethod, XMLVerifier

from mcpgate.identity.saml.xml import DS, EXCLUSIVE, SAML, XmlError, children, only, read
from mcpgate.reasons import Reason

_ENVELOPED = f"{DS}enveloped-signature"
_RSA = frozenset(
    {
        SignatureMethod.RSA_SHA256,
        SignatureMethod.RSA_SHA384,
        SignatureMethod.RSA_SHA512,
        SignatureMethod.SHA256_RSA_MGF1,
        SignatureMethod.SHA384_RSA_MGF1,
        SignatureMethod.SHA512_RSA_MGF1,
    }
)
_ECDSA = frozenset({SignatureMethod.ECDSA_SHA256, SignatureMethod.ECDSA_SHA384, SignatureMethod.ECDSA_SHA512})
_DIGESTS = frozenset({DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512})
_METHODS = {method.value: method for method in _RSA | _ECDSA}
_TRANSFORM_PARTS = (
    f"{{{DS}}}Transforms",
    f"{{{DS}}}Transform",
    # Which prefixes are written as they stand: libraries put it where values have types (xs:string).
    f"{{{EXCLUSIVE}}}InclusiveNamespaces",
)
#: What an attribute is called that something could be referred to by.
_IDS = frozenset({"ID", "Id", "id", "AssertionID", "{http://www.w3.org/XML/1998/namespace}id"})


def signed(root: etree._Element, certificates: Sequence[x509.Certificate], most: int) -> etree._Element:
    """
    The assertion as it was signed.

    @param root: the assertion that came.
    @raise XmlError: it is not signed by one of these, or in another way than this.
    """
    method = _judge(root)
    kind = rsa.RSAPublicKey if method in _RSA else ec.EllipticCurvePublicKey
    for certificate in certificates:
        found = _verified(root, certificate, most) if isinstance(certificate.public_key(), kind) else None
        if found is not None:
            if found.tag != f"{{{SAML}}}Assertion" or found.get("ID") != root.get("ID"):
                raise XmlError("what is signed is not the assertion", Reason.AUTH_SIGNATURE)
            return found
    raise XmlError("the signature holds by no key of the identity provider's metadata", Reason.AUTH_SIGNATURE)


def _judge(root: etree._Element) -> SignatureMethod:
    """The form of the signature, before anything is computed."""
    ids = [(element, name) for element in root.iter() for name in element.attrib if name in _IDS]
    if [name for element, name in ids if element is root] != ["ID"]:
        raise XmlError("the assertion has no ID, or several", Reason.AUTH_SIGNATURE)
    # pysaml2 gives the signature one, to which nothing refers.
    others = [(element, name) for element, name in ids if element is not root]
    if any(element.tag != f"{{{DS}}}Signature" or name != "Id" for element, name in others):
        raise XmlError("another element than the assertion has an ID", Reason.AUTH_SIGNATURE)
    if any(element.get(name) == root.get("ID") for element, name in others):
        raise XmlError("the signature has the ID of the assertion", Reason.AUTH_SIGNATURE)
    everywhere = list(root.iter(f"{{{DS}}}Signature"))
    if not everywhere:
        raise XmlError("it is not signed", Reason.AUTH_SIGNATURE)
    if len(everywhere) != 1 or everywhere[0].getparent() is not root:
        raise XmlError(
            "it has several signatures, or one that is not directly in the assertion", Reason.AUTH_SIGNATURE
        )
    signature = everywhere[0]
    if children(signature, "Object", DS):
        raise XmlError("the signature holds an object", Reason.AUTH_SIGNATURE)
    info = only(signature, "SignedInfo", DS)
    if only(info, "CanonicalizationMethod", DS).get("Algorithm") != EXCLUSIVE:
        raise XmlError(
            "the signature's canonical form is not exclusive XML canonicalization 1.0", Reason.AUTH_SIGNATURE
        )
    method = _METHODS.get(only(info, "SignatureMethod", DS).get("Algorithm") or "")
    if method is None:
        raise XmlError(
            "the signature's algorithm is not RSA or ECDSA with SHA-256 or better", Reason.AUTH_ALGORITHM
        )
    references = children(info, "Reference", DS)
    if len(references) != 1:
        raise XmlError(f"the signature has {len(references)} references, not one", Reason.AUTH_SIGNATURE)
    if references[0].get("URI") != f"#{root.get('ID')}":
        raise XmlError("the signature refers to something else than the assertion", Reason.AUTH_SIGNATURE)
    transforms = only(references[0], "Transforms", DS)
    if [element.get("Algorithm") for element in transforms] != [_ENVELOPED, EXCLUSIVE]:
        raise XmlError("the signature has other transforms than SAML allows", Reason.AUTH_SIGNATURE)
    for element in transforms.iter():
        if element.tag not in _TRANSFORM_PARTS:
            raise XmlError(
                "a transform of the signature has parameters that it may not have", Reason.AUTH_SIGNATURE
            )
    digest = only(references[0], "DigestMethod", DS).get("Algorithm")
    if digest not in {one.value for one in _DIGESTS}:
        raise XmlError("the signature's digest is not SHA-256 or better", Reason.AUTH_ALGORITHM)
    return method


def _verified(root: etree._Element, certificate: x509.Certificate, most: int) -> etree._Element | None:
    config = SignatureConfiguration(
        require_x509=True,
        location="./",
        expect_references=1,
        signature_methods=_RSA | _ECDSA,
        digest_algorithms=_DIGESTS,
        # Whatever key or certificate comes along is not looked at: ours is given.
        ignore_ambiguous_key_info=True,
        # It is a container of a key (metadata.py): its validity is not judged.
        verification_time=certificate.not_valid_before_utc,
    )
    try:
        result = XMLVerifier().verify(
            etree.tostring(root), x509_cert=certificate, expect_config=config, id_attribute="ID"
        )
    except Exception:
        # Whatever goes wrong in it, on bytes that a stranger has sent, is no signature.
        return None
    # Read again by our own parser, from the bytes whose digest was right.
    return read(result.signed_data, most=most)
