"""Metadata and challenges, as clients of OAuth read them."""

from __future__ import annotations

import re

import pytest

from mcpgate.wire.oauth import (
    SAML_GRANT,
    Guide,
    challenge,
    metadata_path,
    resource_metadata,
    resource_paths,
    server_metadata,
)

GUIDE = Guide("https://gate.test:8443/.well-known/oauth-protected-resource/mcp", ("mcp", "tools:read"))


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/mcp", "/.well-known/oauth-protected-resource/mcp"),
        ("/team/github", "/.well-known/oauth-protected-resource/team/github"),
        ("/", "/.well-known/oauth-protected-resource"),
    ],
)
def test_metadata_stand_where_the_path_is_put_behind_the_well_known_name(path: str, place: str) -> None:
    """RFC 9728 section 3.1; and who asks there asks for that path."""
    assert metadata_path(path) == place
    paths = resource_paths(place)
    assert paths is not None
    assert path in (paths or ("/",))


@pytest.mark.parametrize(
    ("asked", "paths"),
    [
        ("/.well-known/oauth-protected-resource", ()),
        ("/.well-known/oauth-protected-resource/", ("/", "//")),
        ("/.well-known/oauth-protected-resource/mcp", ("/mcp", "/mcp/")),
        ("/.well-known/oauth-protected-resources", None),
        ("/.well-known/openid-configuration", None),
        ("/mcp", None),
        ("/mcp/.well-known/oauth-protected-resource", None),
    ],
)
def test_whose_metadata_are_asked_for(asked: str, paths: tuple[str, ...] | None) -> None:
    """A slash at the end may have been left out; nothing else is guessed."""
    assert resource_paths(asked) == paths


def test_metadata_say_what_a_client_must_know() -> None:
    """The members of RFC 9728 section 2; what there is nothing to say of is left out."""
    assert resource_metadata(
        "https://gate.test/mcp", name="mcp", servers=["https://a.test"], scopes=["b", "a", "b"], bound=True
    ) == {
        "resource": "https://gate.test/mcp",
        "authorization_servers": ["https://a.test"],
        "bearer_methods_supported": ["header"],
        "resource_name": "mcp",
        "scopes_supported": ["a", "b"],
        "tls_client_certificate_bound_access_tokens": True,
    }
    said = resource_metadata("r", name="n", servers=["s"], scopes=[], bound=False)
    assert not {"scopes_supported", "tls_client_certificate_bound_access_tokens"} & said.keys()


@pytest.mark.parametrize(
    ("guide", "more", "said"),
    [
        (None, {}, 'Bearer realm="mcpgate"'),
        (
            None,
            {"error": "invalid_token", "description": "expired"},
            'Bearer realm="mcpgate", error="invalid_token", error_description="expired"',
        ),
        (GUIDE, {}, f'Bearer resource_metadata="{GUIDE.metadata}", scope="mcp tools:read"'),
        (
            GUIDE,
            {"error": "insufficient_scope", "scope": "mcp tools:read tools:write"},
            f'Bearer resource_metadata="{GUIDE.metadata}", scope="mcp tools:read tools:write", '
            'error="insufficient_scope"',
        ),
        (Guide("https://gate.test/m"), {}, 'Bearer resource_metadata="https://gate.test/m"'),
    ],
)
def test_a_challenge_says_where_to_go_and_what_to_ask_for(
    guide: Guide | None, more: dict[str, str], said: str
) -> None:
    """One parameter a line of RFC 6750 section 3 and RFC 9728 section 5.1; none is empty."""
    told = challenge(guide, **more)
    assert told == said
    assert re.fullmatch(r'Bearer [a-z_]+="[ !#-\[\]-~]+"(?:, [a-z_]+="[ !#-\[\]-~]+")*', told)


def test_an_authorization_server_for_assertions_says_no_more_than_that() -> None:
    """What RFC 8414 demands, and the one grant that there is; scopes where there are any."""
    said = server_metadata("https://gate.test", "https://gate.test/token", [])
    assert said == {
        "issuer": "https://gate.test",
        "token_endpoint": "https://gate.test/token",
        "grant_types_supported": [SAML_GRANT],
        "token_endpoint_auth_methods_supported": ["none"],
        "response_types_supported": [],
    }
    more = server_metadata("https://gate.test", "https://gate.test/token", ["b", "a", "b"])
    assert more["scopes_supported"] == ["a", "b"]
