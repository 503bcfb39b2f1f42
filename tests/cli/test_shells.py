"""The shells themselves complete what the scripts say."""

from __future__ import annotations

import os
import pty
import select
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from mcpgate.cli import VERBS, cli
from mcpgate.cli.shells import FILES, script
from mcpgate.cli.tree import Argument, Option, Verb, tree
from tests.waiting import PATIENCE

#: What is typed, and all that may follow.
CASES = {
    "mcpgate to": ["token"],
    "mcpgate token r": ["readmit", "revoke"],
    "mcpgate token issue --ro": ["--route"],
    "mcpgate evidence auditor n": ["new"],
    "mcpgate check --format ": ["json", "text"],
    "mcpgate run --log-level w": ["warn"],
    "mcpgate completion ": ["bash", "fish", "zsh"],
    "mcpgate policy test po": ["policy.toml", "ponds"],
    "mcpgate status --state po": ["ponds"],
    "mcpgate token issue --lifetime ": [],
    "mcpgate check --config po": ["policy.toml", "ponds"],
}

TREE = tree(cli)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the scripts beside a file and a directory to complete."""
    place = tmp_path_factory.mktemp("place")
    (place / "policy.toml").touch()
    (place / "ponds").mkdir()
    for shell, name in FILES.items():
        (place / shell).mkdir()
        (place / shell / name).write_text(script(shell, TREE), encoding="utf-8")
    return place


def bash(place: Path, typed: str) -> list[str]:
    words = typed.split(" ")
    steps = f"""
        source bash/mcpgate
        compopt() {{ :; }}
        COMP_WORDS=({shlex.join(words)}) COMP_CWORD={len(words) - 1}
        _mcpgate
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    ran = subprocess.run(
        ["bash", "--norc", "-c", steps], cwd=place, capture_output=True, text=True, check=True
    )
    assert ran.stderr == ""
    return ran.stdout.split()


def fish(place: Path, typed: str) -> list[str]:
    steps = f"source fish/mcpgate.fish; complete -C {shlex.quote(typed)}"
    ran = subprocess.run(
        ["fish", "--no-config", "-c", steps], cwd=place, capture_output=True, text=True, check=True
    )
    assert ran.stderr == ""
    return [line.split("\t")[0].removesuffix("/") for line in ran.stdout.splitlines()]


@pytest.mark.parametrize("typed", CASES)
def test_bash_completes(place: Path, typed: str) -> None:
    """Without its own completion library, which not everybody has."""
    found = bash(place, typed)
    # It lists options with the arguments that there are; others list them behind a dash.
    assert sorted(word for word in found if word[0] != "-" or "--" in typed) == CASES[typed]


def test_bash_knows_a_value_behind_an_equals_sign(place: Path) -> None:
    """Which it takes for a word of its own."""
    assert bash(place, "mcpgate check --format = j") == ["json"]
    assert bash(place, "mcpgate check --format =") == ["text", "json"]


def test_fish_completes(place: Path) -> None:
    """All of it by its own command."""
    assert shutil.which("fish"), "fish is missing: make test installs it"
    for typed, expected in CASES.items():
        assert sorted(fish(place, typed)) == expected, typed


#: Matches alone, in lines of their own, whatever a shell would put beside them.
ZSH = """\
PS1='> '; unset zle_bracketed_paste; unsetopt prompt_sp
fpath=($PWD/zsh $fpath); autoload -Uz compinit; compinit -u -D
zstyle ':completion:*' verbose no; bindkey '^I' list-choices; print rea''dy
"""


class Zsh:
    """A zsh that somebody types at: it completes nowhere else."""

    def __init__(self, place: Path) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(place)
            environ = {**os.environ, "TERM": "dumb", "COLUMNS": "200", "LINES": "100", "HOME": str(place)}
            os.execvpe("zsh", ["zsh", "-f", "-i"], environ)
        self.type(ZSH, "ready")

    def type(self, text: str, until: str) -> str:
        """What is seen from then on, up to a line of that word and the next prompt."""
        os.write(self.fd, text.encode())
        said, end = b"", time.monotonic() + PATIENCE
        while f"\n{until}\r\n".encode() not in said or not said.endswith(b"> "):
            assert time.monotonic() < end, said.decode()
            if select.select([self.fd], [], [], 0.02)[0]:
                said += os.read(self.fd, 65536)
        return said.decode()

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def test_zsh_completes(place: Path) -> None:
    """At a terminal."""
    assert shutil.which("zsh"), "zsh is missing: make test installs it"
    zsh = Zsh(place)
    try:
        for typed, expected in CASES.items():
            # The line is taken back, and another one says that the list is over.
            said = zsh.type(f"{typed}\t\x15print o''ver\n", "over")
            listed = said.partition("print")[0].partition("\n")[2].partition(">")[0]
            assert sorted(word.removesuffix("/") for word in listed.split()) == expected, typed
    finally:
        zsh.close()


@pytest.mark.parametrize("shell", FILES)
def test_no_help_text_ends_its_quotes(shell: str, tmp_path: Path) -> None:
    """Whatever stands in it, the shell reads the script."""
    nasty = "It's [a] $(touch x) `y`: \"z\" \\ 'w' ; & | <"
    option = Option(("-x", "--ex"), "A:B", nasty, ("it's", "$HOME"))
    verb = Verb(("mcpgate", "v"), nasty, (nasty,), (option,), ())
    root = Verb(("mcpgate",), nasty, (nasty,), (), (), (verb,))
    file = tmp_path / "script"
    file.write_text(script(shell, root), encoding="utf-8")
    ran = subprocess.run([shell, "-n", file], cwd=tmp_path, capture_output=True, text=True)
    assert (ran.stderr, ran.returncode) == ("", 0)
    assert list(tmp_path.iterdir()) == [file]


def test_every_verb_and_option_is_in_each_script() -> None:
    """Nothing that can be typed is missing."""
    for shell in FILES:
        text = script(shell, TREE)
        for verb in TREE.all():
            assert verb.name in text
            for option in verb.options:
                assert all(name.lstrip("-") in text for name in option.names)
    assert set(VERBS) == {verb.name for verb in TREE.verbs}
    assert Argument("FILE...", files=True) in [one for verb in TREE.all() for one in verb.arguments]
