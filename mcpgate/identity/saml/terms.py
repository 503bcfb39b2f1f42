"""What a C{[[saml]]} table and its metadata make together, for the token endpoint of a listener."""

from __future__ import annotations

from collections.abc import Collection

from attrs import frozen

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

    def judge(self, raw: bytes, recipient: str, now: float) -> Vouched | Refusal:
        """Judge an assertion (L{mcpgate.identity.saml.assertion.judge})."""
        return judge(raw, self.known, recipient=recipient, now=now)


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
