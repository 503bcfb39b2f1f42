"""Who is shown with what: the order of the tables decides, and nothing is shown for want of a match."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mcpgate.config.tables.credential import CredentialTable, FixedTable
from mcpgate.config.tables.rule import WhoTable
from mcpgate.credentials.terms import Choice, Client, CredentialTerms, choose, chosen, subject_of
from mcpgate.identity.principal import Principal
from mcpgate.policy.who import Caller, Who
from mcpgate.reasons import Reason
from tests.credentials.test_kept import OWN, THEIRS

DEV = Principal("okta/ann", "jwt", "1", None, "okta", "ann", ("developers", "ops"))
CI = Principal("ci", "token", "2", None)


def fixed(name: str, **who: Any) -> CredentialTerms:
    """A secret for some."""
    table = CredentialTable(name=name, upstream="up")
    return CredentialTerms(table, Who.compile(WhoTable(**who)), ((b"authorization", name.encode()),))


def upstream(*mapped: CredentialTerms, own: bool = False) -> Any:
    """An upstream with these, and perhaps a credential of its own."""
    table = SimpleNamespace(credential=FixedTable(bearer="env:A") if own else None)
    return SimpleNamespace(mapped=mapped, table=table)


def test_the_first_that_is_about_the_caller_counts() -> None:
    """Whatever comes after it."""
    of = upstream(fixed("ops", group=("ops",)), fixed("dev", group=("developers",)), fixed("all"))
    found = choose(of, Caller(DEV))
    assert found is not None and found.ready
    assert (found.name, found.lines) == ("ops", ((b"authorization", b"ops"),))
    other = choose(of, Caller(CI))
    assert other is not None and other.name == "all"


def test_for_whom_there_is_none_nothing_is_shown() -> None:
    """Rather the upstream's own, where it has one; an upstream without any is shown nothing, as it was."""
    found = choose(upstream(fixed("ops", group=("ops",))), Caller(CI))
    assert found is not None and not found.ready
    assert found.refusal is not None and found.refusal.reason is Reason.UPSTREAM_CREDENTIAL
    assert choose(upstream(fixed("ops", group=("ops",)), own=True), Caller(CI)) is None
    assert choose(upstream(), Caller(CI)) is None


@pytest.mark.parametrize("how", ["token", "saml", "certificate", "anonymous"])
def test_what_only_this_gate_can_judge_is_exchanged_nowhere(how: str) -> None:
    """A token of ours would be of no use there, and a secret in the wrong hands."""
    terms = CredentialTerms(CredentialTable(name="theirs", upstream="up"), Who(), grant=THEIRS)
    refused = chosen(terms, Principal("ci", how, "2", None))
    assert refused.refusal is not None and "could be exchanged" in refused.refusal.detail
    taken = chosen(terms, DEV)
    assert taken.grant is THEIRS and taken.refusal is None and not taken.ready


def test_the_clients_own_token_is_one_for_all_callers() -> None:
    """And one of an exchange for each proof of each."""
    assert OWN.key(DEV) == OWN.key(CI)
    keys = {THEIRS.key(each) for each in (DEV, CI, Principal("okta/ann", "jwt", "3", None))}
    assert len(keys) == 3


@pytest.mark.parametrize(
    ("client", "form", "lines"),
    [
        (Client("gate", "s"), (), (("Authorization", "Basic Z2F0ZTpz"),)),
        (Client("gate", "s", True), (("client_id", "gate"), ("client_secret", "s")), ()),
        (Client("gate"), (("client_id", "gate"),), ()),
    ],
    ids=["header", "form", "certificate"],
)
def test_a_client_proves_itself_in_one_way(client: Client, form: Any, lines: Any) -> None:
    """RFC 6749 section 2.3: by one method for each request."""
    assert client.prove((("a", "b"),), OWN.url, 0.0) == ((("a", "b"), *form), lines)
    assert "'s'" not in repr(client)


def test_what_it_signs_is_for_the_endpoint_or_for_whom_it_is_told() -> None:
    """Some servers take only what is made out for their issuer."""
    signer: Any = SimpleNamespace(assertion=lambda id, audience, now: f"{id} for {audience}")
    for audience, signed in ((None, "gate for https://login.test/token"), ("urn:as", "gate for urn:as")):
        form, lines = Client("gate", signer=signer, audience=audience).prove((), OWN.url or "", 0)
        assert dict(form)["client_assertion"] == signed and lines == ()


@pytest.mark.parametrize(
    ("header", "token"),
    [(None, None), (b"Basic x", None), (b"Bearer a.b.c", "a.b.c"), (b"bearer  a.b.c", "a.b.c")],
)
def test_the_callers_token_is_what_follows_the_scheme(header: bytes | None, token: str | None) -> None:
    """However the scheme is written (RFC 9110 section 11.1)."""
    assert subject_of(header) == token


def test_no_value_shows_a_secret() -> None:
    """They end in tracebacks and logs."""
    terms = fixed("hidden-value")
    assert terms.lines == ((b"authorization", b"hidden-value"),)
    assert "b'hidden" not in repr(Choice("n", terms.lines)) + repr(terms)
