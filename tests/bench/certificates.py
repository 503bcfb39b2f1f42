"""The certificates of a bench: one good pair for everybody, and two that nobody may fall for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from attrs import frozen

from mcpgate.testing import LocalCA, certificate_pem, write_pair
from mcpgate.tls.material import Pair
from mcpgate.tls.pins import spki_pin


@frozen
class Certificates:
    """Files, and the pin of the pair. All keys are ECDSA P-256."""

    #: Whom callers trust, and peers.
    authority: Path
    #: The peers' and the upstream's: both legs of all of them do the same arithmetic.
    chain: Path
    key: Path
    #: Both in one file.
    pair: Path
    pin: str
    #: Signed nothing here.
    wrong_authority: Path
    #: Chain and key of the right authority, for a name that is not the upstream's.
    wrong_name: tuple[Path, Path]

    @classmethod
    def make(cls, directory: Path) -> Certificates:
        """Write them into a directory."""
        now = datetime.now(UTC)
        authority = LocalCA.create("bench", now)
        good = authority.server(["localhost"], now)
        chain, key = _write(directory, "localhost", good)
        pair = directory / "pair.pem"
        pair.touch(0o600)
        pair.write_bytes(chain.read_bytes() + key.read_bytes())
        return cls(
            authority=_write_authority(directory / "ca.pem", authority),
            chain=chain,
            key=key,
            pair=pair,
            pin=spki_pin(good.chain[0]),
            wrong_authority=_write_authority(directory / "wrong-ca.pem", LocalCA.create("wrong", now)),
            wrong_name=_write(directory, "wrong.example", authority.server(["wrong.example"], now)),
        )


def _write_authority(path: Path, authority: LocalCA) -> Path:
    path.write_bytes(certificate_pem(authority.certificate))
    return path


def _write(directory: Path, name: str, pair: Pair) -> tuple[Path, Path]:
    chain, key = directory / f"{name}.crt", directory / f"{name}.key"
    write_pair(pair, chain, key)
    return chain, key
