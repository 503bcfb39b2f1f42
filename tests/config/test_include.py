"""Files that a configuration includes."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcpgate.config import include as module
from mcpgate.config.include import read_included
from mcpgate.config.load import load_config, parse_config
from mcpgate.config.problem import ConfigError

BASE = """
[gate]
state = "state"
[[listener]]
name = "public"
listen = "tcp:1"
certificates = "tls"
[[upstream]]
name = "git"
url = "https://h/mcp"
[[route]]
path = "/git"
upstream = "git"
"""
READ = '[[rule]]\nname = "read"\nverdict = "allow"\non = { name = "get_*" }\n'
NEVER = '[[rule]]\nname = "never"\nverdict = "block"\non = { name = "get_secret" }\n'
OWN = '[[detector]]\nname = "own"\nregex = "E[0-9]{6}"\n[[rule]]\nname = "masks"\nmask = "own"\n'


def written(directory: Path, include: str, **files: str) -> Path:
    source = directory / "gate.toml"
    source.write_text(f"include = {include}\n{BASE}")
    (directory / "policies").mkdir(exist_ok=True)
    for name, text in files.items():
        (directory / "policies" / f"{name}.toml").write_text(text)
    return source


def problems(source: Path) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load_config(source)
    return [str(problem) for problem in error.value.problems]


def test_rules_and_detectors_of_included_files_count_like_the_others(tmp_path: Path) -> None:
    """In the order of the files; what one file has, another may name."""
    config = load_config(written(tmp_path, '"policies/*.toml"', b=READ + OWN, a=NEVER))
    assert [rule.name for rule in config.rules] == ["never", "read", "masks"]
    assert [detector.name for detector in config.detectors] == ["own"]
    assert list(config.included) == ["policies/a.toml", "policies/b.toml"]


def test_it_can_be_read_again_from_what_is_kept(tmp_path: Path) -> None:
    """As another process does."""
    config = load_config(written(tmp_path, '["policies/a.toml", "policies/*.toml"]', a=READ, b=OWN))
    assert config.source is not None
    again = parse_config(config.text, config.source, module.Included(config.included, {}))
    assert again == config and again.lines == config.lines


def test_a_problem_names_the_file_and_the_line(tmp_path: Path) -> None:
    """All of them at once, those of the file itself first; a later check can still point there."""
    source = written(tmp_path, '"policies/*.toml"', a=READ.replace("allow", "alow"), b=READ + "[[rule")
    assert problems(source) == [
        "policies/b.toml: this is not TOML: expected ']]' at the end of an array declaration "
        "(at end of document)",
        'policies/a.toml, rule.read.verdict (line 3): no verdict is named "alow"; did you mean "allow"?',
    ]
    config = load_config(written(tmp_path, '"policies/a.toml"', a=READ))
    problem = config.problem("rule.read.on.name", "is odd")
    assert str(problem) == "policies/a.toml, rule.read.on.name (line 4): is odd"


def test_names_are_unique_over_all_files(tmp_path: Path) -> None:
    """The second one is reported, and says where the first one is."""
    source = written(tmp_path, '"policies/*.toml"', a=READ, b=READ)
    assert problems(source) == [
        'policies/b.toml, rule.read.name (line 2): another rule is named "read" (line 2 of policies/a.toml)'
    ]


@pytest.mark.parametrize(
    "text",
    [
        '[gate]\nstate = "/x"\n',
        '[[route]]\npath = "/x"\nupstream = "git"\n',
        'include = "x.toml"\n',
        "[[rul]]\n",
    ],
)
def test_an_included_file_holds_policy_and_nothing_else(tmp_path: Path, text: str) -> None:
    """Nor does it include another."""
    (problem,) = problems(written(tmp_path, '"policies/a.toml"', a=text))
    assert problem.startswith("policies/a.toml, ")
    assert "does not stand in an included file" in problem


@pytest.mark.parametrize(
    ("include", "words"),
    [
        ('"policies/none*.toml"', "matches no file"),
        ('"gone.toml"', "matches no file"),
        ('["policies/a.toml", "gone.toml"]', '"gone.toml" matches no file'),
        ('"policies"', "which is no file"),
        ("5", "is a number; want"),
        ("[]", "is an empty list"),
    ],
)
def test_a_pattern_that_brings_nothing_is_a_problem(tmp_path: Path, include: str, words: str) -> None:
    """An empty policy would be one that nobody meant."""
    (problem,) = problems(written(tmp_path, include, a=READ))
    assert problem.startswith("include (line 1): ") and words in problem


def test_what_editors_leave_is_not_read(tmp_path: Path) -> None:
    """Names that begin with a dot."""
    source = written(tmp_path, '"policies/*"', a=READ)
    (tmp_path / "policies" / ".a.toml.swp").write_bytes(b"\xff")
    assert list(load_config(source).included) == ["policies/a.toml"]


def test_a_file_elsewhere_is_shown_by_its_whole_path(tmp_path: Path) -> None:
    """Patterns may be absolute."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.toml").write_text(READ)
    inner = tmp_path / "inner"
    inner.mkdir()
    config = load_config(written(inner, f'"{elsewhere}/*.toml"'))
    assert list(config.included) == [f"{elsewhere}/a.toml"]


def test_what_is_read_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the size of a file, of all together, and in their number."""
    source = written(tmp_path, '"policies/*.toml"', a=READ, b=OWN, c=NEVER)
    monkeypatch.setattr(module, "FILES_MOST", 2)
    assert "more than 2 files" in problems(source)[0]
    monkeypatch.setattr(module, "FILES_MOST", 3)
    monkeypatch.setattr(module, "TOGETHER_MOST", len(READ) + 10)
    assert "too large" in problems(source)[0]
    monkeypatch.undo()
    monkeypatch.setattr(module, "FILE_MOST", 10)
    assert "too large" in problems(source)[0]


def test_without_its_files_a_configuration_that_includes_some_is_none(tmp_path: Path) -> None:
    """Rules that are silently left out might be those that block."""
    text = written(tmp_path, '"policies/*.toml"', a=NEVER).read_bytes()
    with pytest.raises(ConfigError, match="together with what it includes"):
        parse_config(text, tmp_path / "gate.toml")


def test_what_is_no_toml_includes_nothing(tmp_path: Path) -> None:
    """That it is none is said by whoever reads it."""
    for text in (b"include = [", b"\xff", b"include = 5", b"[[a]]\n"):
        assert read_included(text, tmp_path / "gate.toml") == module.Included({}, {})


def test_a_name_that_the_including_file_has_is_found_there(tmp_path: Path) -> None:
    """Its line is none of the included file's."""
    source = written(tmp_path, '"policies/*.toml"', b=READ)
    source.write_text(source.read_text() + READ)
    assert problems(source) == [
        'policies/b.toml, rule.read.name (line 2): another rule is named "read" '
        "(line 16 of the file that includes it)"
    ]


def test_the_directory_is_no_pattern(tmp_path: Path) -> None:
    """Whatever its name is."""
    directory = tmp_path / "a[b]*"
    directory.mkdir()
    config = load_config(written(directory, '"policies/*.toml"', b=READ))
    assert [rule.name for rule in config.rules] == ["read"]
