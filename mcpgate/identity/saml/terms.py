"""What a C{[[saml]]} table and its metadata make together, for the token endpoint of a listener."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from mcpgate.config.tables.saml import SamlTable
from mcpgate.identity.saml.assertion import SamlTerms, Vouched, judge
from mcpgate.identity.saml.metadata import MetadataError, read_metadata
from mcpgate.reasons import Refusal
from mcpgate.tls.reading import MaterialError, Reading


@frozen(eq=False)
class Assertions:
    """The identity providers whose assertions are accepted at a token endpoint."""

    known: tuple[SamlTerms, ...]

    def of(self, names: Collection[str]) -> Assertions:
        """Those of some of them."""
        return Assertions(tuple(one for one in self.known if one.name in names))

    def warnings(self, now: float) -> Iterator[str]:
        """What an operator may want to know of them, as sentences."""
        for one in self.known:
            for warning in one.provider.warnings(now):
                yield f"saml.{one.name}.metadata: {warning}"

    def facts(self, now: float) -> list[dict[str, object]]:
        """For C{status}."""
        return [
            {
                "name": one.name,
                "entity_id": one.provider.entity_id,
                "certificates": [_facts(certificate) for certificate in one.provider.certificates],
                "warnings": list(one.provider.warnings(now)),
            }
            for one in self.known
        ]

    def judge(self, raw: bytes, recipient: str, now: float) -> Vouched | Refusal:
        """Judge an assertion (L{mcpgate.identity.saml.assertion.judge})."""
        return judge(raw, self.known, recipient=recipient, now=now)


def _facts(certificate: x509.Certificate) -> dict[str, object]:
    return {
        "sha256": certificate.fingerprint(SHA256()).hex(),
        "not_after": certificate.not_valid_after_utc.isoformat(),
    }


def load_saml(reading: Reading, table: SamlTable) -> SamlTerms:
    """
    The terms of one table. Its metadata are read with the rest of a generation's files, so that a rollover
    comes into force as a certificate does: whole, or not at all.

    @raise MaterialError: the metadata cannot be read, or are none.
    """
    try:
        provider = read_metadata(reading.read(table.metadata))
    except MetadataError as error:
        raise MaterialError(f"{table.metadata}: {error}") from None
    return SamlTerms(
        name=table.name,
        provider=provider,
        audiences=frozenset(table.audience),
        skew=table.skew,
        max_lifetime=table.max_lifetime,
        groups=table.groups,
        attributes=dict(table.attributes),
    )
