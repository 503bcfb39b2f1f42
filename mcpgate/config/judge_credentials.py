"""What must hold between the keys of credentials (pure): one way to come by each, and none in vain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import fields_dict

from mcpgate.config.draft import Draft, Sheet
from mcpgate.config.forms import in_vault
from mcpgate.config.problem import did_you_mean, quoted
from mcpgate.config.tables.peer import PeerTable

#: Keys that say how a token is asked for, and those of them that belong to an exchange alone.
_ASKING = (
    *("token_url", "issuer", "client_id", "client_secret", "client_secret_in", "assertion_key"),
    *("assertion_key_id", "assertion_audience", "scope", "audience", "resource", "answer_timeout"),
)
_EXCHANGE = ("subject_token_type", "requested_token_type", "actor", "actor_token_type")
#: About the TLS connection to the token endpoint.
_PEER = tuple(key for key in fields_dict(PeerTable) if key != "name")


def judge_fixed(credential: Draft) -> None:
    """A secret as it is: a bearer token, or any header."""
    if not credential.unsound and _fixed(credential) not in ({"bearer"}, {"header", "value"}):
        credential.sheet.report(credential.place, "needs either bearer, or header and value")


def judge_credentials(sheet: Sheet, drafts: Mapping[str, Sequence[Draft]]) -> None:
    """All C{[[credential]]} tables, in the order of the file, which decides between them."""
    upstreams = [str(upstream.get("name") or "") for upstream in drafts["upstream"]]
    issuers = [str(issuer.get("name") or "") for issuer in drafts["issuer"]]
    vaults = [str(vault.get("name") or "") for vault in drafts["vault"]]
    for_everybody: dict[str, Draft] = {}
    for credential in drafts["credential"]:
        if credential.sound(*_ASKING, *_EXCHANGE, *_PEER, "grant", "bearer", "header", "value"):
            _comes_by_it(credential)
        if all(vaults) and "vault" not in sheet.unread:
            _is_in_a_vault(credential, vaults)
        name = credential.get("upstream")
        if name is None:
            continue
        if all(upstreams) and "upstream" not in sheet.unread and name not in upstreams:
            guess = did_you_mean(str(name), upstreams)
            credential.report("upstream", f"no upstream is named {quoted(str(name))}{guess}")
        issuer = credential.get("issuer")
        if issuer is not None and all(issuers) and "issuer" not in sheet.unread:
            _names_an_issuer(credential, str(issuer), drafts["issuer"], issuers)
        before = for_everybody.get(str(name))
        if before is not None:
            what = f"is never used: {quoted(str(before.get('name')))} before it is for every caller"
            sheet.report(credential.place, what)
        elif "who" not in credential.inner and credential.sound("who"):
            for_everybody[str(name)] = credential
    for upstream in drafts["upstream"]:
        before = for_everybody.get(str(upstream.get("name") or ""))
        if before is not None and "credential" in upstream.inner:
            what = f"is never used: the credential {quoted(str(before.get('name')))} is for every caller"
            upstream.report("credential", what)


def _comes_by_it(credential: Draft) -> None:
    given, grant = _fixed(credential), credential.get("grant")
    ways = ({"bearer"}, {"header", "value"}) if grant is None else (set(),)
    if given not in ways:
        what = "needs one of: bearer; header and value; grant"
        return credential.sheet.report(credential.place, what)
    if grant is None:
        for key in (*_ASKING, *_EXCHANGE, *_PEER):
            if key in credential.values:
                credential.report(key, "has no effect without grant")
        return
    if grant != "token_exchange":
        for key in _EXCHANGE:
            if key in credential.values:
                credential.report(key, 'has no effect but with grant = "token_exchange"')
    _asks_somebody(credential)
    _proves_itself(credential)
    if "actor_token_type" in credential.values and credential.get("actor") is None:
        credential.report("actor_token_type", "has no effect without actor")


def _asks_somebody(credential: Draft) -> None:
    endpoint, issuer = credential.get("token_url"), credential.get("issuer")
    if (endpoint is None) is (issuer is None):
        credential.report("token_url", "needs to be there, or else issuer: where tokens are asked for")
    elif issuer is not None:
        for key in _PEER:
            if key in credential.values:
                credential.report(key, "has no effect beside issuer, whose own keys count")


def _is_in_a_vault(credential: Draft, names: Sequence[str]) -> None:
    for key in ("bearer", "value"):
        place = in_vault(str(credential.get(key) or ""))
        if place is not None and place.name not in names:
            guess = did_you_mean(place.name, names)
            credential.report(key, f"no vault is named {quoted(place.name)}{guess}")


def _names_an_issuer(
    credential: Draft, name: str, issuers: Sequence[Draft], names: Sequence[str]
) -> None:
    if name not in names:
        guess = did_you_mean(name, names)
        return credential.report("issuer", f"no issuer is named {quoted(name)}{guess}")
    if issuers[names.index(name)].get("jwks") is not None:
        what = f"{quoted(name)} has jwks instead of a discovery document; name the endpoint in token_url"
        credential.report("issuer", what)


def _proves_itself(credential: Draft) -> None:
    if credential.get("client_id") is None:
        credential.report("client_id", "is missing: who the gate is at the token endpoint")
    proofs = [key for key in ("client_secret", "assertion_key") if credential.get(key) is not None]
    if len(proofs) > 1:
        credential.report("assertion_key", "stands beside client_secret; the gate proves itself by one")
    elif not proofs and credential.get("client_certificate") is None and credential.get("issuer") is None:
        what = "is missing, and so are assertion_key and client_certificate: the gate would prove nothing"
        credential.report("client_secret", what)
    if "client_secret_in" in credential.values and "client_secret" not in proofs:
        credential.report("client_secret_in", "has no effect without client_secret")
    for key in ("assertion_key_id", "assertion_audience"):
        if credential.get(key) is not None and "assertion_key" not in proofs:
            credential.report(key, "has no effect without assertion_key")


def _fixed(credential: Draft) -> set[str]:
    return {key for key in ("bearer", "header", "value") if credential.get(key) is not None}
