"""What token endpoints are asked, as the RFCs have it."""

from base64 import b64decode

from mcpgate.credentials.form import Wish, basic, client_credentials, signed, token_exchange

WISH = Wish(
    scope=("a", "b:c"),
    audience="aud",
    resource=("https://one.test/mcp", "urn:two"),
    subject_token_type="urn:access",
    requested_token_type="urn:jwt",
    actor_token_type="urn:actor",
)


def test_a_token_of_the_clients_own_is_asked_for_by_what_it_is_for() -> None:
    """What is not configured is not said."""
    assert client_credentials(Wish()) == (("grant_type", "client_credentials"),)
    assert client_credentials(WISH) == (
        ("grant_type", "client_credentials"),
        ("scope", "a b:c"),
        ("audience", "aud"),
        ("resource", "https://one.test/mcp"),
        ("resource", "urn:two"),
    )


def test_an_exchange_shows_the_callers_token_and_who_acts_for_it() -> None:
    """RFC 8693 section 2.1."""
    grant = ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")
    subject = (("subject_token", "theirs"), ("subject_token_type", "urn:access"))
    assert token_exchange(Wish(subject_token_type="urn:access"), "theirs", None) == (grant, *subject)
    assert token_exchange(WISH, "theirs", "ours") == (
        grant,
        *subject,
        ("actor_token", "ours"),
        ("actor_token_type", "urn:actor"),
        ("requested_token_type", "urn:jwt"),
        *client_credentials(WISH)[1:],
    )


def test_both_parts_of_a_header_are_encoded_first() -> None:
    """RFC 6749 section 2.3.1, and appendix B: a colon in an id would divide it elsewhere."""
    kind, _, value = basic("a:b c", "s%/ü").partition(" ")
    assert kind == "Basic"
    assert b64decode(value) == b"a%3Ab+c:s%25%2F%C3%BC"


def test_what_was_signed_stands_in_the_form() -> None:
    """RFC 7523 section 2.2."""
    assert signed("gate", "x.y.z") == (
        ("client_id", "gate"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", "x.y.z"),
    )
