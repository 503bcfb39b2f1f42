"""Certificates with secrets in what nobody records of them, and a word in what everybody does."""

from __future__ import annotations

from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from mcpgate.tls.material import Pair, pair_of
from tests.e2e.canaries import Canaries
from tests.e2e.lab import Lab

#: One that nobody has heard of, and Netscape's comment.
_OWN = x509.ObjectIdentifier("1.3.6.1.4.1.57264.9.9")
_COMMENT = x509.ObjectIdentifier("2.16.840.1.113730.1.13")


def marked(
    lab: Lab, name: str, hosts: list[str], secrets: Canaries, shown: Canaries, *, client: bool = False
) -> Pair:
    """A pair of the lab's CA: its key is a secret, and so is what extensions hold; its subject is not."""
    new, ca = secrets.new, lab.ca
    key = ec.generate_private_key(ec.SECP256R1())
    number = format(key.private_numbers().private_value, "064x")
    secrets.new(f"the private key of {name}, as a number", number)
    word = shown.new(f"the subject of {name}", f"shown-{name}-{number[:8]}")
    usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
    place = f"http://user:{new(f'in the place of a list, of {name}')}@127.0.0.1:9/list.crl"
    asked = f"http://127.0.0.1:9/{new(f'in the place of a responder, of {name}')}"
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(place)], None, None, None)
    access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(asked))
    own = new(f"in an extension of {name}").encode()
    said = new(f"in a comment of {name}").encode()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, word)]))
        .issuer_name(ca.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(lab.now - timedelta(minutes=5))
        .not_valid_after(lab.now + timedelta(days=5))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        # Python asks for it since 3.13 (VERIFY_X509_STRICT).
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key()), critical=False
        )
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .add_extension(x509.CRLDistributionPoints([point]), critical=False)
        .add_extension(x509.AuthorityInformationAccess([access]), critical=False)
        .add_extension(x509.UnrecognizedExtension(_OWN, b"\x0c" + bytes([len(own)]) + own), critical=False)
        .add_extension(
            x509.UnrecognizedExtension(_COMMENT, b"\x16" + bytes([len(said)]) + said), critical=False
        )
        .sign(ca.key, hashes.SHA256())
    )
    return pair_of((certificate,), key, label=name)
