"""What must hold between keys."""

from pathlib import Path

import pytest

from mcpgate.config.draft import Draft, Place, Sheet
from mcpgate.config.judge import judge, route_name
from mcpgate.config.schema import REPEATED

LISTENER = {"name": "public", "listen": "tcp:1", "certificates": "tls"}
#: One whose connections an application has.
EMBEDDED = {"name": "site", "listen": "embedded", "public_url": "https://h"}
CERTIFICATES = {"client_certificates": "required", "client_ca": "ca.pem"}
UPSTREAM = {"name": "git", "url": "https://h"}
ROUTE = {"path": "/git", "upstream": "git"}
RULE = {"name": "read", "verdict": "allow"}


def judged(**tables: list[dict[str, object]]) -> list[str]:
    """The paths of the problems of a configuration; tables that are not given are good ones."""
    given = {"listener": [LISTENER], "upstream": [UPSTREAM], "route": [ROUTE], "rule": [RULE], **tables}
    sheet = Sheet(Path("/etc/mcpgate"), {})
    drafts = {
        kind: [
            Draft(sheet, Place((kind, index), f"{kind}[{index}]", kind), cls).read(raw)
            for index, raw in enumerate(given.get(kind, []))
        ]
        for kind, cls in REPEATED.items()
    }
    assert sheet.problems == [], "this is about keys that are right by themselves"
    judge(sheet, drafts)
    return [problem.path for problem in sheet.problems]


def test_a_good_configuration_has_no_problems() -> None:
    """The tables that the cases below vary."""
    assert judged() == []


@pytest.mark.parametrize(
    ("tables", "paths"),
    [
        ({"listener": []}, ["listener"]),
        ({"route": []}, ["route"]),
        ({"listener": [LISTENER, {**LISTENER, "listen": "tcp:2"}]}, ["listener[1].name"]),
        ({"listener": [LISTENER, {**LISTENER, "name": "b"}]}, ["listener[1].listen"]),
        ({"listener": [{**LISTENER, "listen": "tcp:0"}, {**LISTENER, "listen": "tcp:0", "name": "b"}]}, []),
        ({"listener": [EMBEDDED]}, []),
        ({"listener": [LISTENER, EMBEDDED, {**EMBEDDED, "name": "b"}]}, []),
        ({"listener": [{"name": "a", "listen": "tcp:1"}]}, ["listener[0].certificates"]),
        ({"listener": [{**EMBEDDED, "certificates": "tls"}]}, ["listener[0].certificates"]),
        ({"listener": [{**EMBEDDED, "proxy_from": ["10.0.0.1"]}]}, ["listener[0].proxy_from"]),
        ({"listener": [{"name": "a", "listen": "embedded"}]}, ["listener[0].public_url"]),
        (
            {"listener": [{**EMBEDDED, "tokens": False, "unsafe_anonymous": True}]},
            ["listener[0].unsafe_anonymous"],
        ),
        ({"listener": [{**EMBEDDED, **CERTIFICATES}]}, []),
        ({"upstream": [UPSTREAM, UPSTREAM, UPSTREAM]}, ["upstream[1].name", "upstream[2].name"]),
        ({"rule": [RULE, RULE]}, ["rule[1].name"]),
        ({"route": [ROUTE, {**ROUTE, "path": "/b"}]}, ["route[1].name"]),
        ({"route": [ROUTE, {**ROUTE, "name": "b"}]}, ["route[1].path"]),
        ({"route": [ROUTE, ROUTE]}, ["route[1].path"]),
        ({"route": [{**ROUTE, "name": "b"}, {**ROUTE, "name": "b"}]}, ["route[1].path", "route[1].name"]),
        ({"route": [ROUTE, {**ROUTE, "name": "b", "host": "h"}]}, []),
        ({"route": [{**ROUTE, "upstream": "hub"}]}, ["route[0].upstream"]),
        ({"route": [{**ROUTE, "path": "/.well-known/mcp"}]}, ["route[0].path"]),
        ({"rule": [{"name": "a", "mask": "email", "require": {"scope": "x"}}]}, ["rule[0].require"]),
        ({"rule": [{**RULE, "on": {"route": "hub"}}]}, ["rule[0].on.route"]),
        ({"rule": [{**RULE, "on": {"route": ["git", "hub"]}}]}, ["rule[0].on.route[1]"]),
        ({"rule": [{"name": "a"}]}, ["rule[0].verdict"]),
        ({"rule": [{"name": "a", "mask": "email"}, {"name": "b", "block": ["card", "jwt"]}]}, []),
        ({"rule": [{**RULE, "mask": "email"}]}, ["rule[0].mask"]),
        ({"rule": [{**RULE, "block": "email"}]}, ["rule[0].block"]),
        ({"rule": [{"name": "a", "mask": "emial"}]}, ["rule[0].mask"]),
        ({"rule": [{**RULE, "require": {"outbound.pinned": True}}]}, []),
        ({"rule": [{**RULE, "verdict": "block", "require": {"outbound.pinned": True}}]}, ["rule[0].require"]),
        ({"rule": [{"name": "a", "mask": "jwt", "require": {"outbound.pinned": True}}]}, ["rule[0].require"]),
        ({"rule": [{**RULE, "wait": "1m"}]}, ["rule[0].wait"]),
        ({"rule": [{**RULE, "verdict": "block", "said": "no"}]}, ["rule[0].said"]),
        ({"rule": [{**RULE, "verdict": "hold", "said": "no", "wait": "1m"}]}, []),
        ({"rule": [{**RULE, "who": {"subject": "a"}}]}, ["rule[0].who.subject"]),
        ({"rule": [{**RULE, "who": {"claim.a": "b", "group": "c"}}]}, ['rule[0].who."claim.a"']),
        ({"rule": [{**RULE, "who": {"issuer": "i", "subject": "a", "claim.a": "b"}}]}, []),
        ({"rule": [{**RULE, "where": {"arguments": {"min": 5}}}]}, ["rule[0].where.arguments"]),
        ({"rule": [{**RULE, "where": {"arguments": {"present": False}}}]}, []),
        ({"detector": [{"name": "own", "regex": "E[0-9]"}], "rule": [{"name": "a", "mask": "own"}]}, []),
        ({"detector": [{"name": "own"}]}, ["detector[0]"]),
        ({"detector": [{"name": "own", "regex": "x", "path": "y"}]}, ["detector[0]"]),
        ({"detector": [{"name": "email", "regex": "x"}]}, ["detector[0].name"]),
        ({"detector": [{"name": "a", "regex": "x"}, {"name": "a", "path": "y"}]}, ["detector[1].name"]),
        ({"budget": [{"name": "b", "calls": 1, "on": {"route": "hub"}}]}, ["budget[0].on.route"]),
        ({"budget": [{"name": "b", "calls": 1}, {"name": "b", "concurrent": 1}]}, ["budget[1].name"]),
        ({"budget": [{"name": "b", "per": "tool"}]}, ["budget[0]"]),
        ({"budget": [{"name": "b", "calls": 1, "on": {"direction": "answer"}}]}, ["budget[0].on.direction"]),
        ({"budget": [{"name": "b", "calls": 1, "who": {"subject": "x"}}]}, ["budget[0].who.subject"]),
        ({"listener": [{**LISTENER, "tokens": False}]}, ["listener[0].tokens"]),
        ({"listener": [{**LISTENER, "tokens": False, "listen": "unix:/g"}]}, ["listener[0].tokens"]),
        ({"listener": [{**LISTENER, "tokens": False, "listen": "unix:/g", "unsafe_anonymous": True}]}, []),
        (
            {"listener": [{**LISTENER, "client_certificates": "optional"}]},
            ["listener[0].client_certificates"],
        ),
        ({"listener": [{**LISTENER, "client_ca": "a"}]}, ["listener[0].client_ca"]),
        ({"listener": [{**LISTENER, "client_crl": "a"}]}, ["listener[0].client_crl"]),
        (
            {"listener": [{**LISTENER, "tokens": False, **CERTIFICATES}]},
            [],
        ),
        (
            {"listener": [{**LISTENER, "listen": "unix:/g", "proxy_from": ["::1"]}]},
            ["listener[0].proxy_from"],
        ),
        ({"listener": [{**LISTENER, "proxy_from": ["::1"]}]}, []),
        ({"upstream": [{**UPSTREAM, "client_key": "a"}]}, ["upstream[0].client_key"]),
        ({"upstream": [{**UPSTREAM, "client_key": "a", "client_certificate": "b"}]}, []),
        ({"upstream": [{**UPSTREAM, "credential": {"header": "X"}}]}, ["upstream[0].credential"]),
        ({"upstream": [{**UPSTREAM, "credential": {"header": "X", "value": "env:A"}}]}, []),
    ],
)
def test_what_does_not_fit_together_is_reported_where_it_would_be_mended(
    tables: dict[str, list[dict[str, object]]], paths: list[str]
) -> None:
    """Each rule, and its neighbour that is fine."""
    assert judged(**tables) == paths


def test_a_route_is_named_by_its_upstream_unless_it_has_a_name() -> None:
    """As in the finished table."""
    sheet = Sheet(Path("/"), {})
    cls = REPEATED["route"]
    for more, name in (({}, "git"), ({"name": "own"}, "own"), ({"name": 5}, "")):
        assert route_name(Draft(sheet, Place((), "route[0]", "route"), cls).read({**ROUTE, **more})) == name
