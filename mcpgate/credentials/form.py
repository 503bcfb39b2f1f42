"""What a token endpoint is asked: the form, and how the client proves itself in it (pure)."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import quote_plus

from attrs import frozen

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

#: Names and values, in order.
Form = tuple[tuple[str, str], ...]


@frozen
class Wish:
    """What is asked for, whoever the caller is."""

    scope: tuple[str, ...] = ()
    audience: str | None = None
    resource: tuple[str, ...] = ()
    subject_token_type: str = ""
    requested_token_type: str | None = None
    actor_token_type: str = ""

    def form(self) -> Form:
        """What both grants have."""
        fields = [("scope", " ".join(self.scope))] if self.scope else []
        if self.audience is not None:
            fields.append(("audience", self.audience))
        return (*fields, *(("resource", each) for each in self.resource))


def client_credentials(wish: Wish) -> Form:
    """A token of the client's own (RFC 6749 section 4.4)."""
    return (("grant_type", "client_credentials"), *wish.form())


def token_exchange(wish: Wish, subject: str, actor: str | None) -> Form:
    """
    A token for the one that the caller has shown (RFC 8693 section 2.1).

    @param actor: a token that says who acts for the caller.
    """
    fields = [
        ("grant_type", EXCHANGE),
        ("subject_token", subject),
        ("subject_token_type", wish.subject_token_type),
    ]
    if actor is not None:
        fields += [("actor_token", actor), ("actor_token_type", wish.actor_token_type)]
    if wish.requested_token_type is not None:
        fields.append(("requested_token_type", wish.requested_token_type))
    return (*fields, *wish.form())


def basic(client: str, secret: str) -> str:
    """The value of an Authorization header (client_secret_basic).

    RFC 6749 section 2.3.1 has both parts form-encoded first, as an id may hold a colon.
    """
    pair = f"{quote_plus(client)}:{quote_plus(secret)}"
    return "Basic " + b64encode(pair.encode("ascii")).decode("ascii")


def signed(client: str, assertion: str) -> Form:
    """The client proves itself by what it has signed (RFC 7523 section 2.2)."""
    return (("client_id", client), ("client_assertion_type", JWT_BEARER), ("client_assertion", assertion))
