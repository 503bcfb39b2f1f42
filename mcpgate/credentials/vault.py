"""Secrets out of a vault: the key-value engine, version 2, of HashiCorp Vault and OpenBao.

One request for each: C{GET /v1/MOUNT/data/PATH}. Nothing that the server answers is quoted.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from attrs import field, frozen

from mcpgate.config.secrets import SecretError, sendable
from mcpgate.credentials.answer import Fault, Granted
from mcpgate.credentials.terms import Grant
from mcpgate.provider.client import Provider, ProviderError

#: The largest answer that is read, in bytes: Vault keeps no more than this of one secret by default.
ANSWER_MOST = 1024 * 1024

_decode = msgspec.json.Decoder().decode


@frozen(eq=False, kw_only=True)
class VaultTerms(Grant):
    """
    One secret of one vault.

    @ivar url: Where it is, and C{place} how it is called in the configuration.
    @ivar member: Which of its values.
    @ivar token: By which it may be read.
    @ivar refresh: Seconds after which it is read again; C{stale}: for how long it is shown meanwhile.
    """

    url: str
    place: str
    member: str
    token: str = field(repr=False)
    namespace: str | None
    refresh: float
    stale: float

    @property
    def kind(self) -> str:
        return "vault"

    @property
    def whom(self) -> str:
        return "the vault"


async def read_secret(provider: Provider, terms: VaultTerms) -> Granted | Fault:
    """Ask for it. Whatever is wrong is so for everybody."""
    headers = [("X-Vault-Token", terms.token), ("X-Vault-Request", "true")]
    if terms.namespace is not None:
        headers.append(("X-Vault-Namespace", terms.namespace))
    try:
        reply = await provider.get(terms.url, headers=headers, most=ANSWER_MOST, within=terms.timeout)
    except ProviderError as error:
        return Fault(error.why, general=True)
    if reply.status != 200:
        # 403: the token may not; 404: there is none, or its latest version is deleted.
        return Fault(f"it answered {reply.status} for {terms.place}", general=True)
    try:
        secret = sendable(_value(reply.body, terms.member), terms.place)
    except (SecretError, ValueError) as error:
        return Fault(str(error), general=True)
    return Granted(secret.decode("ascii"), terms.stale, terms.refresh)


def _value(body: bytes, name: str) -> bytes:
    try:
        found = _decode(body)
        values = found["data"]["data"]
    except (msgspec.MsgspecError, ValueError, RecursionError, KeyError, TypeError):
        raise ValueError("its answer is none of a key-value engine of version 2") from None
    value = values.get(name) if isinstance(values, Mapping) else None
    if not isinstance(value, str):
        raise ValueError(f"the secret has no text named {name}")
    return value.encode()
