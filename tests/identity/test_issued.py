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

from mcpgate.identity.issued import IssuedToken, IssuedTokens, TokenFile, TokenFileError
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
    for name in ("ci", "nobody", ""):
        with pytest.raises(TokenFileError, match="no token"):
            file(tmp_path).revoke(name, NOW)
    assert (tmp_path / "tokens.json").read_bytes() == before


@pytest.mark.parametrize("name", ["", " ", "a b", "x" * 65, "a\n", "-x", "é", ID])
def test_a_name_that_records_could_not_hold_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(TokenFileError, match="cannot be a token's name"):
        file(tmp_path).issue(name, 60, NOW)


@pytest.mark.parametrize("lifetime", [0, -1, float("inf"), float("nan")])
def test_a_token_without_an_end_cannot_be_issued(tmp_path: Path, lifetime: float) -> None:
    with pytest.raises(TokenFileError, match="lifetime"):
        file(tmp_path).issue("ci", lifetime, NOW)


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
