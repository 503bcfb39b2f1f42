"""Tables while they are being read."""

from pathlib import Path

from mcpgate.config.draft import Draft, Place, Sheet
from mcpgate.config.tables.credential import FixedTable
from mcpgate.config.tables.route import RouteTable
from mcpgate.config.tables.rule import RequireTable, RuleTable, WhoTable
from mcpgate.config.tables.upstream import UpstreamTable

PLACE = Place(("upstream", 0), "upstream.git", "upstream")


def draft(cls: type, raw: dict[str, object]) -> Draft:
    """A table as it is after reading; its problems are on its sheet."""
    sheet = Sheet(Path("/etc/mcpgate"), {("upstream", 0): 7, ("upstream", 0, "pins"): 9})
    return Draft(sheet, PLACE, cls).read(raw)


def said(table: Draft) -> list[str]:
    """What was reported while reading."""
    return [str(problem) for problem in table.sheet.problems]


def test_a_sound_table_can_be_built() -> None:
    """With its defaults and the tables within it."""
    table = draft(RuleTable, {"name": "a", "verdict": "block", "on": {"method": "tools/call"}})
    built = table.build()
    assert isinstance(built, RuleTable)
    assert (built.name, built.verdict, built.on.method, built.on.route) == ("a", "block", ("tools/call",), ())


def test_reading_goes_on_behind_a_bad_value() -> None:
    """Which leaves no value, while sound ones and defaults are known."""
    table = draft(UpstreamTable, {"name": "git", "url": 5, "profile": "none", "connections": 3})
    assert len(said(table)) == 2
    assert table.unsound == {"url", "profile"}
    assert (table.get("url"), table.get("profile")) == (None, None)
    assert table.sound("connections", "pin_at")
    assert (table.get("connections"), table.get("pin_at")) == (3, "any")


def test_a_misspelt_key_makes_the_meant_one_unsound() -> None:
    """So that nobody judges by its default."""
    table = draft(FixedTable, {"baerer": "env:A"})
    assert not table.sound("bearer")
    assert said(table) == [
        'upstream.git.baerer (line 7): no key is named "baerer" here; did you mean "bearer"?'
    ]


def test_every_bad_element_of_a_list_is_reported() -> None:
    """Each with its index; the line is the nearest that is known."""
    table = draft(UpstreamTable, {"name": "git", "url": "https://h", "pins": ["x", 5]})
    assert [line.split(":")[0] for line in said(table)] == [
        "upstream.git.pins[0] (line 9)",
        "upstream.git.pins[1] (line 9)",
    ]


def test_a_problem_within_a_table_makes_that_table_unsound() -> None:
    """And has the inner table's path."""
    table = draft(UpstreamTable, {"name": "git", "url": "https://h", "credential": {"bearer": 5}})
    assert not table.sound("credential")
    assert [problem.path for problem in table.sheet.problems] == ["upstream.git.credential.bearer"]
    assert [problem.topic for problem in table.sheet.problems] == ["upstream.credential.bearer"]


def test_a_default_that_is_made_with_the_table_is_no_value_yet() -> None:
    """A route's name comes from its upstream once it is built."""
    table = draft(RouteTable, {"path": "/a", "upstream": "git"})
    assert table.get("name") is None and table.sound("name")
    built = table.build()
    assert isinstance(built, RouteTable) and built.name == "git"


def test_an_unknown_key_of_a_long_table_is_explained_elsewhere() -> None:
    """The nearest key if one is near; a list of eighteen would be none that anybody reads."""
    assert said(draft(UpstreamTable, {"name": "git", "url": "https://h", "zzz": 1, "pinz": 2})) == [
        'upstream.git.zzz (line 7): no key is named "zzz" here; mcpgate explain upstream lists them',
        'upstream.git.pinz (line 7): no key is named "pinz" here; did you mean "pins"?',
    ]


def test_a_key_with_a_dot_is_one_key_in_quotes() -> None:
    """Without them TOML makes two of it, and the problem says how to write it."""
    table = draft(RequireTable, {"inbound.version": "TLSv1.3", "outbound.pinned": True})
    built = table.build()
    assert isinstance(built, RequireTable)
    assert (built.inbound_version, built.outbound_pinned) == (("TLSv1.3",), True)
    assert said(draft(RequireTable, {"inbound": {"version": "TLSv1.3"}})) == [
        "upstream.git.inbound (line 7): is a table; a key with a dot stands in quotes here: "
        '"inbound.version"'
    ]
    assert said(draft(RequireTable, {"inbound.versoin": "TLSv1.3"})) == [
        'upstream.git."inbound.versoin" (line 7): no key is named "inbound.versoin" here; '
        'did you mean "inbound.version"?'
    ]


def test_keys_of_which_only_the_beginning_is_known_are_gathered() -> None:
    """With the rest of each, beside the others; every bad one is reported."""
    table = draft(WhoTable, {"token": "ci", "claim.repository": "acme/*", "claim.a.b": ["x", "y"]})
    built = table.build()
    assert isinstance(built, WhoTable)
    assert built.claims == (("repository", ("acme/*",)), ("a.b", ("x", "y")))
    assert said(draft(WhoTable, {"claim.a..b": "x", "claim.c": 5, "claim.": "x", "claims.x": "y"})) == [
        'upstream.git."claim." (line 7): no key is named "claim." here; did you mean "claim.NAME"?',
        'upstream.git."claims.x" (line 7): no key is named "claims.x" here; did you mean "claim.NAME"?',
        'upstream.git."claim.a..b" (line 7): is no path; want names between dots, such as '
        '"arguments.items[].id"',
        'upstream.git."claim.c" (line 7): is a number; want a list, each text, exact, with * and ?, or '
        "^regex$ (a single one may stand without brackets)",
    ]
    assert said(draft(WhoTable, {"claim": {"repository": "x"}})) == [
        'upstream.git.claim (line 7): is a table; a key with a dot stands in quotes here: "claim.repository"'
    ]
