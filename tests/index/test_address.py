"""Which URLs of databases are used, and how."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from mcpgate.index.address import AddressError, address_of


def facts(url: str) -> dict[str, str]:
    return {name: str(value) for name, value in conninfo_to_dict(address_of(url)[0]).items()}


def test_a_host_is_reached_by_verified_tls() -> None:
    """Whatever the environment says, and although nothing in the URL does."""
    found = facts("postgresql://gate:secret@db.example.com/evidence")
    assert address_of("postgres://db.example.com/evidence")[1]
    assert (found["sslmode"], found["sslrootcert"], found["gssencmode"]) == (
        "verify-full",
        "system",
        "disable",
    )
    assert (found["host"], found["dbname"], found["password"]) == ("db.example.com", "evidence", "secret")


def test_the_authorities_may_be_named() -> None:
    """As a database mostly has a certificate of the house's own."""
    url = "postgresql://db.example.com/evidence?sslmode=verify-full&sslrootcert=/etc/mcpgate/db-ca.pem"
    assert facts(url)["sslrootcert"] == "/etc/mcpgate/db-ca.pem"


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require", "verify-ca"])
def test_anything_weaker_is_refused(mode: str) -> None:
    """With the reason."""
    with pytest.raises(AddressError, match=f"sslmode={mode}.*verify-full"):
        address_of(f"postgresql://db.example.com/evidence?sslmode={mode}")


@pytest.mark.parametrize("host", ["/run/postgresql", "@abstract"])
def test_a_unix_socket_needs_no_tls(host: str) -> None:
    """Nothing leaves this machine; C{PGHOSTADDR} cannot lead it elsewhere."""
    address, by_tls = address_of(f"postgresql:///evidence?host={host}")
    assert not by_tls
    assert "hostaddr=''" in address and f"host={host}" in address


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql:///evidence", "names no host"),
        ("postgresql://,db.example.com/evidence", "names no host"),
        ("postgresql:///evidence?host=/run/postgresql&hostaddr=10.0.0.1", "one or the other"),
        ("postgresql:///evidence?host=/run/postgresql,db.example.com", "one or the other"),
        ("postgresql://db.example.com/evidence?service=other", "names a service"),
        ("host=db.example.com sslmode=disable", "begin with"),
        ("mysql://db.example.com/evidence", "begin with"),
        ("", "begin with"),
    ],
)
def test_what_leaves_open_where_it_leads_is_refused(url: str, why: str) -> None:
    """libpq would look into its environment."""
    with pytest.raises(AddressError, match=why):
        address_of(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://gate:hunter2%zz@db.example.com/evidence",
        "postgresql://gate:hunter2@db.example.com/evidence?nonsense=hunter2",
        "postgresql://gate:hunter2@db.example.com:hunter2/evidence?sslmode=disable",
        "gate:hunter2@db.example.com",
        "postgresql://gate:hunter2@[::1/evidence",
    ],
)
def test_no_part_of_it_is_in_an_error(url: str) -> None:
    """There is a password in it."""
    with pytest.raises(AddressError) as caught:
        address_of(url)
    assert "hunter2" not in str(caught.value)
    assert (
        caught.value.__cause__ is None
        and caught.value.__suppress_context__
        or "hunter2" not in repr(caught.value.__context__)
    )


@given(st.text(max_size=60))
def test_any_text_is_a_url_or_refused(text: str) -> None:
    """And leads by TLS or to a socket."""
    try:
        address, by_tls = address_of(f"postgresql://{text}")
    except (AddressError, UnicodeError):
        return
    found = conninfo_to_dict(address)
    assert (found.get("sslmode") == "verify-full") if by_tls else str(found["host"]).startswith(("/", "@"))
