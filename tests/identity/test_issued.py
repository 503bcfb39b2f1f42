"""Tokens that the gate issues: judged by value, kept in a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcpgate.identity.bound import UNBOUND, Bound, Presented
from mcpgate.identity.denied import Denied
from mcpgate.identity.issued import (
    DENIED_MOST,
    LIFETIME_MOST,
    IssuedToken,
    IssuedTokens,
    TokenFile,
    TokenFileError,
    is_malformed,
)
from mcpgate.identity.principal import Principal
from mcpgate.reasons import Reason, Refusal

NOW = 1_800_000_000.0
ID = "0123456789ab"
SECRET = "Ab_-" * 10 + "xyz"
TEXT = f"mcpgate_{ID}_{SECRET}".encode()
HASH = sha256(SECRET.encode()).hexdigest()
TOKENS = IssuedTokens({ID: IssuedToken(ID, "ci", HASH, NOW - 10, NOW + 10)})


def reason(authorization: bytes, tokens: IssuedTokens = TOKENS, now: float = NOW) -> Reason | None:
    found = tokens.judge(authorization, now)
    return found.reason if isinstance(found, Refusal) else None


def test_a_good_token_proves_its_principal_until_it_expires() -> None:
    assert TOKENS.judge(b"Bearer " + TEXT, NOW) == Principal("ci", "token", ID, NOW + 10)


@pytest.mark.parametrize("scheme", [b"Bearer ", b"bearer ", b"BEARER   "])
def test_the_scheme_is_read_without_case_and_with_any_spaces(scheme: bytes) -> None:
    assert reason(scheme + TEXT) is None


@pytest.mark.parametrize(
    "value", [b"", b"Basic dTpw", b"Bearertoken", b"DPoP " + TEXT, TEXT, b"Bearer\t" + TEXT]
)
def test_another_scheme_is_no_token_at_all(value: bytes) -> None:
    assert reason(value) is Reason.AUTH_MISSING


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b"x",
        TEXT + b" ",
        TEXT + b"," + TEXT,
        TEXT + b"\n",
        TEXT + b"=",
        TEXT.upper(),
        TEXT.replace(b"mcpgate_", b""),
        f"mcpgate_{ID}_{HASH}".encode(),
        f"mcpgate_{'f' * 12}_{SECRET}".encode(),
    ],
)
def test_a_token_that_was_not_issued_is_invalid_and_not_quoted(token: bytes) -> None:
    refusal = TOKENS.judge(b"Bearer " + token, NOW)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.AUTH_INVALID
    assert SECRET not in refusal.detail


def test_expiry_and_revocation_are_told_only_to_who_knows_the_secret() -> None:
    revoked = IssuedTokens({ID: IssuedToken(ID, "ci", HASH, NOW - 10, NOW - 1, revoked=NOW - 5)})
    wrong = TEXT[:-1] + b"w"
    assert reason(b"Bearer " + TEXT, now=NOW + 10) is Reason.AUTH_EXPIRED
    assert reason(b"Bearer " + wrong, now=NOW + 10) is Reason.AUTH_INVALID
    assert reason(b"Bearer " + TEXT, revoked) is Reason.AUTH_REVOKED
    assert reason(b"Bearer " + wrong, revoked) is Reason.AUTH_INVALID


def test_a_clock_that_says_nothing_lets_nobody_in() -> None:
    assert reason(b"Bearer " + TEXT, now=float("nan")) is Reason.AUTH_EXPIRED


@given(st.integers(0, len(TEXT) - 1), st.integers(0, 255), st.sampled_from(["set", "insert", "delete"]))
@example(len(TEXT) - 1, ord("y"), "set")  # differs only in bits that base64 does not use
def test_a_mutated_token_is_never_accepted(at: int, byte: int, how: str) -> None:
    rest = TEXT[at:] if how == "insert" else TEXT[at + 1 :]
    mutated = TEXT[:at] + (b"" if how == "delete" else bytes([byte])) + rest
    if mutated != TEXT:
        # A space put in front still leaves the same token behind the scheme.
        assert (reason(b"Bearer " + mutated) is None) is (mutated == b" " + TEXT)


@given(st.binary(max_size=120) | st.builds(lambda tail: b"Bearer mcpgate_" + tail, st.binary(max_size=80)))
def test_judging_never_raises(value: bytes) -> None:
    assert reason(value) in (Reason.AUTH_MISSING, Reason.AUTH_INVALID)


def test_nothing_shows_a_hash_or_a_secret(tmp_path: Path) -> None:
    token, text = TokenFile(tmp_path / "tokens.json").issue("ci", 60, NOW)
    tokens = TokenFile(tmp_path / "tokens.json").load()
    seen = (
        repr(token)
        + str(token)
        + repr(tokens)
        + str(tokens)
        + repr(tokens.all())
        + repr(tokens.judge(b"", 0))
    )
    assert token.sha256 not in seen
    assert text[-43:] not in seen + (tmp_path / "tokens.json").read_text()


# The file.


def file(tmp_path: Path) -> TokenFile:
    return TokenFile(tmp_path / "tokens.json")


def test_a_token_is_issued_stored_without_its_secret_and_accepted(tmp_path: Path) -> None:
    token, text = file(tmp_path).issue("ci", 60, NOW)
    assert file(tmp_path).all() == (token,)
    assert (token.created, token.expires, token.revoked) == (NOW, NOW + 60, None)
    assert file(tmp_path).load().judge(b"Bearer " + text.encode(), NOW) == Principal(
        "ci", "token", token.id, NOW + 60
    )


def test_a_name_can_have_two_tokens_so_that_one_replaces_the_other(tmp_path: Path) -> None:
    old, _ = file(tmp_path).issue("ci", 60, NOW)
    new, _ = file(tmp_path).issue("ci", 60, NOW)
    assert [token.id for token in file(tmp_path).revoke(old.id, NOW)] == [old.id]
    assert [token.revoked for token in file(tmp_path).all()] == [NOW, None]
    assert [token.id for token in file(tmp_path).revoke("ci", NOW + 1)] == [new.id]


def test_revoking_nothing_is_an_error_and_changes_nothing(tmp_path: Path) -> None:
    file(tmp_path).issue("ci", 60, NOW)
    file(tmp_path).revoke("ci", NOW)
    before = (tmp_path / "tokens.json").read_bytes()
    for name, said in (("ci", "no token"), ("nobody", "no token"), ("", "by its name or by its id")):
        with pytest.raises(TokenFileError, match=said):
            file(tmp_path).revoke(name, NOW)
    assert (tmp_path / "tokens.json").read_bytes() == before


def test_a_token_instead_of_its_id_is_not_quoted(tmp_path: Path) -> None:
    """Who pastes the whole of it is told what to give, and no error shows a token."""
    _, text = file(tmp_path).issue("ci", 60, NOW)
    with pytest.raises(TokenFileError, match="by its id") as caught:
        file(tmp_path).revoke(text, NOW)
    assert text[20:] not in str(caught.value)


@pytest.mark.parametrize("name", ["", " ", "a b", "x" * 65, "a\n", "-x", "é", ID])
def test_a_name_that_records_could_not_hold_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(TokenFileError, match="cannot be a token's name"):
        file(tmp_path).issue(name, 60, NOW)


@pytest.mark.parametrize("lifetime", [0, -1, float("inf"), float("nan")])
def test_a_token_without_an_end_cannot_be_issued(tmp_path: Path, lifetime: float) -> None:
    with pytest.raises(TokenFileError, match="lifetime"):
        file(tmp_path).issue("ci", lifetime, NOW)


def test_a_token_is_good_for_a_month_at_the_most(tmp_path: Path) -> None:
    """One that was issued for longer before there was a bound keeps what it was given."""
    with pytest.raises(TokenFileError, match="30 days at the most"):
        file(tmp_path).issue("ci", LIFETIME_MOST + 1, NOW)
    token, _ = file(tmp_path).issue("ci", LIFETIME_MOST, NOW)
    assert token.expires == NOW + LIFETIME_MOST
    old = IssuedTokens({ID: IssuedToken(ID, "ci", HASH, NOW, NOW + 10 * LIFETIME_MOST)})
    assert reason(b"Bearer " + TEXT, IssuedTokens.from_bytes(old.to_bytes()), NOW + 2 * LIFETIME_MOST) is None


def test_no_file_means_no_tokens(tmp_path: Path) -> None:
    assert file(tmp_path).all() == ()


def good() -> dict[str, object]:
    token = {"id": ID, "name": "ci", "sha256": HASH, "created": NOW, "expires": NOW + 1, "revoked": None}
    return {"version": 1, "tokens": [token]}


def broken() -> dict[str, object]:
    def with_token(**changes: object) -> dict[str, object]:
        whole = json.loads(json.dumps(good()))
        whole["tokens"][0] |= changes
        return whole  # type: ignore[no-any-return]

    return {
        "no version": {"tokens": []},
        "no tokens": {"version": 1},
        "another version": good() | {"version": 3},
        "another key": good() | {"more": 1},
        "another key of a token": with_token(route="git"),
        "a binding that we do not know": with_token(bound={"route": ["git"]}),
        "a malformed binding": with_token(bound={"addresses": ["10.0.0.1/8"]}),
        "a denial of nothing": good() | {"denied": [{"since": 0, "until": 1}]},
        "a denial of both": good()
        | {"denied": [{"since": 0, "until": 1, "id": HASH, "issuer": "x", "subject": "y"}]},
        "a list": [],
        "twice the same id": {"version": 1, "tokens": [*good()["tokens"]] * 2},  # type: ignore[misc]
        "an upper-case hash": with_token(sha256=HASH.upper()),
        "no hash": with_token(sha256=""),
        "a strange id": with_token(id="../../etc/pa"),
        "a strange name": with_token(name="a b"),
        "no end": with_token(expires=None),
        "an end in words": with_token(expires="tomorrow"),
    }


def test_the_form_of_the_file_is_what_the_broken_ones_are_made_from() -> None:
    assert len(IssuedTokens.from_bytes(json.dumps(good()).encode()).all()) == 1


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"\xff", *(json.dumps(value).encode() for value in broken().values())],
    ids=["empty", "cut", "not UTF-8", *broken()],
)
def test_a_corrupt_file_is_an_error_and_never_an_empty_set(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "tokens.json").write_bytes(raw)
    (tmp_path / "tokens.json").chmod(0o600)
    with pytest.raises(TokenFileError, match="tokens.json") as caught:
        file(tmp_path).load()
    assert HASH not in str(caught.value)
    with pytest.raises(TokenFileError):
        file(tmp_path).issue("ci", 60, NOW)
    assert (tmp_path / "tokens.json").read_bytes() == raw


@given(st.binary(max_size=200))
def test_bytes_that_are_no_token_file_raise_only_the_one_error(raw: bytes) -> None:
    with pytest.raises(TokenFileError):
        IssuedTokens.from_bytes(raw)


def test_every_prefix_of_a_good_file_is_corrupt(tmp_path: Path) -> None:
    file(tmp_path).issue("ci", 60, NOW)
    raw = (tmp_path / "tokens.json").read_bytes().rstrip()
    for length in range(len(raw)):
        with pytest.raises(TokenFileError):
            IssuedTokens.from_bytes(raw[:length])


def test_a_file_that_others_may_write_is_refused(tmp_path: Path) -> None:
    file(tmp_path).issue("ci", 60, NOW)
    (tmp_path / "tokens.json").chmod(0o620)
    with pytest.raises(TokenFileError, match="chmod 600"):
        file(tmp_path).load()


def test_files_are_private_even_with_an_open_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        file(tmp_path).issue("ci", 60, NOW)
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_link_in_the_place_of_the_new_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("precious")
    (tmp_path / ".tokens.json.new").symlink_to(tmp_path / "victim")
    file(tmp_path).issue("ci", 60, NOW)
    assert (tmp_path / "victim").read_text() == "precious"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files for others")
def test_as_root_the_files_belong_to_the_owner_of_the_directory(tmp_path: Path) -> None:
    os.chown(tmp_path, 1234, 2345)
    file(tmp_path).issue("ci", 60, NOW)
    assert {(path.stat().st_uid, path.stat().st_gid) for path in tmp_path.iterdir()} == {(1234, 2345)}


def test_a_directory_that_does_not_exist_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(TokenFileError, match="No such file or directory"):
        TokenFile(tmp_path / "missing" / "tokens.json").issue("ci", 60, NOW)


def test_processes_that_issue_at_once_lose_no_token(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from mcpgate.identity.issued import TokenFile\n"
        "for i in range(10): TokenFile(Path(sys.argv[1])).issue(f'{sys.argv[2]}-{i}', 60, 0.0)"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "tokens.json"), f"n{n}"])
        for n in range(4)
    ]
    assert [child.wait() for child in children] == [0] * 4
    assert len({token.name for token in file(tmp_path).all()}) == 40


def test_a_token_proves_its_groups(tmp_path: Path) -> None:
    """Each once, sorted; a file from before there were any has none."""
    file = TokenFile(tmp_path / "tokens.json")
    _, text = file.issue("ada", 10, NOW, ["ops", "dev", "ops"])
    judged = file.load().judge(f"Bearer {text}".encode(), NOW)
    assert isinstance(judged, Principal) and judged.groups == ("dev", "ops")
    old = json.loads(file.path.read_bytes())
    del old["tokens"][0]["groups"]
    judged = IssuedTokens.from_bytes(json.dumps(old).encode()).judge(f"Bearer {text}".encode(), NOW)
    assert isinstance(judged, Principal) and judged.groups == ()


@pytest.mark.parametrize("groups", [["a b"], [""], ["-a"], ["x" * 65], ["a\n"], [f"g{n}" for n in range(65)]])
def test_groups_that_cannot_stand_in_records_are_refused(tmp_path: Path, groups: list[str]) -> None:
    """Also in a file that somebody edited."""
    file = TokenFile(tmp_path / "tokens.json")
    with pytest.raises(TokenFileError, match="group"):
        file.issue("ada", 10, NOW, groups)
    assert file.all() == ()
    if len(groups) == 1:
        broken = TOKENS.to_bytes().replace(b'"groups": []', b'"groups": ' + json.dumps(groups).encode())
        with pytest.raises(TokenFileError, match="group is malformed"):
            IssuedTokens.from_bytes(broken)


# What tokens are bound to.


def test_a_bound_token_is_for_where_it_is_bound_to(tmp_path: Path) -> None:
    """Which is told only to who knows its secret; its rules and scopes go with its principal."""
    bound = Bound.to(routes=["git"], rules=["read"], scopes=["mcp"])
    _, text = file(tmp_path).issue("ci", 60, NOW, bound=bound)
    tokens = file(tmp_path).load()
    good = f"Bearer {text}".encode()
    found = tokens.judge(good, NOW, Presented("git"))
    assert isinstance(found, Principal) and (found.rules, found.scopes) == ({"read"}, {"mcp"})
    for presented in (Presented("hub"), Presented()):
        refusal = tokens.judge(good, NOW, presented)
        assert isinstance(refusal, Refusal) and refusal.reason is Reason.AUTH_PLACE
        assert text[-43:] not in refusal.detail
    assert reason(good[:-1] + (b"A" if good[-1:] != b"A" else b"E"), tokens) is Reason.AUTH_INVALID


def test_only_tokens_that_are_bound_to_addresses_ask_for_one(tmp_path: Path) -> None:
    """What is good from anywhere is remembered for all connections."""
    file(tmp_path).issue("ci", 60, NOW, bound=Bound.to(routes=["git"]))
    tokens = file(tmp_path).load()
    assert not tokens.by_address
    near, _ = file(tmp_path).issue("near", 60, NOW, bound=Bound.to(addresses=["10.0.0.0/8"]))
    tokens = file(tmp_path).load()
    assert tokens.by_address
    for token in tokens.all():
        by_address = tokens.is_by_address(Principal(token.name, "token", token.id, None))
        assert by_address is (token.name == "near")
    assert not tokens.is_by_address(Principal("near", "jwt", near.id, None))


def test_a_file_is_of_the_first_form_wherever_that_says_it_all(tmp_path: Path) -> None:
    """A gate of before reads it then, and no other: it would take a bound token for an unbound one."""
    file(tmp_path).issue("ci", 60, NOW)
    raw = json.loads((tmp_path / "tokens.json").read_bytes())
    assert raw["version"] == 1 and set(raw) == {"version", "tokens"}
    assert set(raw["tokens"][0]) == {"id", "name", "sha256", "created", "expires", "revoked", "groups"}
    file(tmp_path).issue("git", 60, NOW, bound=Bound.to(routes=["git"]))
    raw = json.loads((tmp_path / "tokens.json").read_bytes())
    assert (raw["version"], raw["tokens"][1]["bound"]) == (2, {"routes": ["git"]})
    assert "bound" not in raw["tokens"][0]
    tokens = file(tmp_path).load()
    assert tokens == IssuedTokens.from_bytes(tokens.to_bytes())
    assert [token.bound for token in tokens.all()] == [UNBOUND, Bound(routes=("git",))]


def test_what_good_tokens_are_bound_to_and_is_not_there_is_told(tmp_path: Path) -> None:
    """Of those that are over nobody wants to hear."""
    for name in ("ci", "gone"):
        file(tmp_path).issue(name, 60, NOW, bound=Bound.to(routes=["old"]))
    file(tmp_path).revoke("gone", NOW)
    tokens = file(tmp_path).load()
    (said,) = tokens.strays({"git"}, set(), False, NOW)
    assert said.endswith("of ci is bound to the route old, which there is not")
    assert tokens.strays({"old"}, set(), False, NOW) == ()
    file(tmp_path).deny(Denied(NOW, NOW + 10, issuer="otka", subject="ada"))
    tokens = file(tmp_path).load()
    (said,) = tokens.strays({"old"}, set(), False, NOW, {"okta"})
    assert said == "'ada' of otka is denied, and there is no issuer of that name"
    assert tokens.strays({"old"}, set(), False, NOW, {"otka"}) == ()
    assert tokens.strays({"git"}, set(), False, NOW + 60) == ()


# What others have issued.

PROOF = "ab" * 32
ADA = Principal("okta/ada", "jwt", PROOF, None, issuer="okta", subject="ada")


def test_what_others_have_issued_is_denied_until_it_is_over(tmp_path: Path) -> None:
    """And forgotten at the next change after that."""
    file(tmp_path).deny(Denied(NOW, NOW + 10, id=PROOF))
    file(tmp_path).deny(Denied(NOW, NOW + 99, issuer="okta", subject="bob"))
    file(tmp_path).deny(Denied(NOW + 1, NOW + 20, id=PROOF))
    tokens = file(tmp_path).load()
    assert json.loads(tokens.to_bytes())["version"] == 2
    assert [one.until for one in tokens.denied] == [NOW + 99, NOW + 20]
    assert tokens.denies(ADA, NOW + 15) is not None and tokens.revokes(ADA, NOW + 15) is not None
    assert tokens.denies(ADA, NOW + 20) is None
    file(tmp_path).issue("ci", 60, NOW + 30)
    assert [one.subject for one in file(tmp_path).load().denied] == ["bob"]
    file(tmp_path).readmit(Denied(NOW + 30, NOW + 31, issuer="okta", subject="bob"))
    assert list(file(tmp_path).load().denied) == []
    with pytest.raises(TokenFileError, match="is not revoked here"):
        file(tmp_path).readmit(Denied(NOW, NOW + 1, id=PROOF))


@pytest.mark.parametrize(
    "denied",
    [
        Denied(NOW, NOW + 1),
        Denied(NOW, NOW + 1, id="x"),
        Denied(NOW, NOW, id=PROOF),
        Denied(NOW, NOW + DENIED_MOST + 1, id=PROOF),
        Denied(NOW, float("nan"), id=PROOF),
    ],
)
def test_a_denial_of_nothing_or_for_ever_is_an_error(tmp_path: Path, denied: Denied) -> None:
    with pytest.raises(TokenFileError, match=r"cannot be revoked|at the most"):
        file(tmp_path).deny(denied)
    assert not (tmp_path / "tokens.json").exists()


def test_what_was_revoked_is_told_from_what_is_over(tmp_path: Path) -> None:
    """A token that is not in the file any more is as good as revoked."""
    ci, _ = file(tmp_path).issue("ci", 60, NOW)
    principal = Principal("ci", "token", ci.id, ci.expires)
    assert file(tmp_path).load().revokes(principal, NOW + 61) is None
    file(tmp_path).revoke("ci", NOW)
    refusal = file(tmp_path).load().revokes(principal, NOW)
    assert refusal is not None and refusal.reason is Reason.AUTH_REVOKED
    assert IssuedTokens().revokes(principal, NOW) is not None
    assert IssuedTokens().revokes(ADA, NOW) is None


@pytest.mark.parametrize(
    ("authorization", "malformed"),
    [
        (b"Bearer abc", False),
        (b"bearer   a.b-c_d~e+f/g==", False),
        (b"Bearer " + TEXT, False),
        (b"Basic a b", False),
        (b"Bearers a b", False),
        (b"Bearer", True),
        (b"Bearer a b", True),
        (b"Bearer a,b", True),
        (b"Bearer =", True),
        (b"Bearer a=b", True),
        ("Bearer ü".encode(), True),
        (b"Bearer\ta", False),
    ],
)
def test_a_bearer_token_is_one_word_of_the_characters_that_tokens_have(
    authorization: bytes, malformed: bool
) -> None:
    """RFC 6750 section 2.1; what is of another scheme is another matter."""
    assert is_malformed(authorization) is malformed
