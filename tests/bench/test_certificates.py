"""The good pair is good, the wrong ones are wrong, and keys are for their owner alone."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from tests.bench.certificates import Certificates


def shake(chain: Path, key: Path, authority: Path) -> None:
    """A handshake in memory with whom callers want to reach."""
    server, client = (
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
        ssl.create_default_context(cafile=str(authority)),
    )
    server.load_cert_chain(chain, key)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(down, up, server_hostname="localhost")
    far = server.wrap_bio(up, down, server_side=True)
    for end in (near, far, near):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            pass


def test_only_the_good_pair_is_believed(tmp_path: Path) -> None:
    """Else the bench would prove nothing of its peers."""
    made = Certificates.make(tmp_path)
    shake(made.chain, made.key, made.authority)
    with pytest.raises(ssl.SSLCertVerificationError, match="self-signed|unable to get local issuer"):
        shake(made.chain, made.key, made.wrong_authority)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake(*made.wrong_name, made.authority)


def test_keys_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    """Also where chain and key are one file, as HAProxy and the gate take them."""
    made = Certificates.make(tmp_path)
    for path in (made.key, made.pair, made.wrong_name[1]):
        assert path.stat().st_mode & 0o077 == 0
    assert made.pair.read_bytes() == made.chain.read_bytes() + made.key.read_bytes()
