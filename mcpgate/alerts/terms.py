"""C{[[alert]]} tables with all that they name loaded: who is posted to, how it is verified, what is shown."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from functools import partial

from attrs import field, frozen

from mcpgate.config.secrets import SecretError, file_of, resolve
from mcpgate.config.tables.alert import AlertTable
from mcpgate.config.url import Url, read_url
from mcpgate.credentials.loading import Hands
from mcpgate.upstream.terms import PeerTerms

#: How the secrets of Standard Webhooks are marked; what follows is the key in base64.
MARKED = b"whsec_"


@frozen(eq=False)
class AlertTerms:
    """
    One table.

    @ivar peer: What its server is verified by; C{None} where there is no webhook.
    @ivar url: Where alerts are posted. It may be all that it takes to post there: never shown.
    """

    table: AlertTable
    peer: PeerTerms | None = None
    url: Url | None = field(default=None, repr=False)
    secret: bytes | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """What it is called."""
        return self.table.name


def load_alerts(hands: Hands, tables: Iterable[AlertTable]) -> tuple[AlertTerms, ...]:
    """All that are good; what is wrong with the others is noted."""
    loaded = [_load(hands, table) for table in tables]
    return tuple(each for each in loaded if each is not None)


def _load(hands: Hands, table: AlertTable) -> AlertTerms | None:
    if table.webhook is None:
        return AlertTerms(table)
    at = f"alert.{table.name}"
    url = hands.attempt(f"{at}.webhook", partial(_url, hands, table.webhook))
    secret = None
    if table.secret is not None:
        secret = hands.attempt(f"{at}.secret", partial(_secret, hands, table))
    if url is None or (secret is None and table.secret is not None):
        return None
    loaded = hands.peer("alert", table, url.host, url.port)
    return None if loaded is None else AlertTerms(table, loaded[0], url, secret)


def _url(hands: Hands, given: str) -> Url:
    if given.startswith("https://"):
        return read_url(given, query=True)
    try:
        return read_url(_resolved(hands, given).decode("ascii"), query=True)
    except ValueError as error:
        # It says what is wrong, and nothing of what stands there.
        raise SecretError(f"{given}: what is there {error}") from None


def _secret(hands: Hands, table: AlertTable) -> bytes:
    assert table.secret is not None
    secret = _resolved(hands, table.secret)
    if table.secret_as == "signature" and secret.startswith(MARKED):
        try:
            return base64.b64decode(secret.removeprefix(MARKED), validate=True)
        except binascii.Error:
            raise SecretError(f"{table.secret}: what follows {MARKED.decode()} is not base64") from None
    return secret


def _resolved(hands: Hands, reference: str) -> bytes:
    # Read here first, so that a change of the file is noticed.
    file = file_of(reference)
    if file is not None:
        hands.reading.read(file)
    return resolve(reference)
