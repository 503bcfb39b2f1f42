"""Workflows of GitHub and GitLab: what they run is run on the page's machine; what they install has to exist.

What is the service's own (C{uses}, C{image}, C{rules}) is looked at for its form. A job's tokens are its
world's.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

from tests.docs.checkers import NotGood, installs
from tests.docs.fences import Fence
from tests.docs.place import Place

#: No stubs are needed for the one function that is called.
_YAML: Any = import_module("yaml")

_GITHUB = {"name", "on", "permissions", "jobs", "env"}
_GITHUB_JOB = {"runs-on", "steps", "permissions", "env", "needs"}
_GITHUB_STEP = {"uses", "with", "run", "name", "env"}
_GITLAB_JOB = {"image", "rules", "script", "id_tokens", "variables", "stage", "before_script"}
_ACTION = re.compile(r"[\w.-]+/[\w./-]+@(v\d+|[0-9a-f]{40})")


def check(place: Place, fence: Fence, arguments: str) -> None:
    """
    @raise NotGood: for a key that nobody knows, or a step that fails.
    """
    tree = _YAML.safe_load(fence.text)
    if not isinstance(tree, dict) or not fence.path:
        raise NotGood("it is no workflow with a path in its first line")
    steps = _of_github(tree) if fence.path.startswith(".github/workflows/") else _of_gitlab(tree, place)
    for step in steps:
        _run(place, step)


def _known(table: Mapping[Any, object], keys: set[str]) -> None:
    # YAML 1.1 takes the word "on" for true.
    strange = sorted({"on" if key is True else str(key) for key in table} - keys)
    if strange:
        raise NotGood(f"nobody knows {', '.join(strange)}")


def _of_github(tree: Mapping[Any, Any]) -> Iterator[str]:
    _known(tree, _GITHUB)
    if True not in tree:
        raise NotGood("it does not say when it runs (on)")
    asks = "id-token" in tree.get("permissions", {})
    for job in tree["jobs"].values():
        _known(job, _GITHUB_JOB)
        for step in job["steps"]:
            _known(step, _GITHUB_STEP)
            if "run" in step:
                if "ACTIONS_ID_TOKEN_REQUEST" in step["run"] and not asks:
                    raise NotGood("a token is asked for without permissions: id-token")
                yield step["run"]
            elif not _ACTION.fullmatch(step["uses"]):
                raise NotGood(f"{step['uses']} is no action with a version")


def _of_gitlab(tree: Mapping[str, Any], place: Place) -> Iterator[str]:
    for job in tree.values():
        _known(job, _GITLAB_JOB)
        for name, token in job.get("id_tokens", {}).items():
            if not str(token.get("aud", "")).startswith("https://") or name not in place.environment:
                raise NotGood(f"the token {name} has no audience, or its world has none")
        lines: Sequence[str] = job["script"]
        yield "\n".join(lines)


def _run(place: Place, step: str) -> None:
    kept = []
    for line in step.splitlines():
        if line.startswith("pip install "):
            installs.check(place, Fence("console", f"$ {line}\n", 1), "")
        else:
            kept.append(line)
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", "\n".join(kept)],
        cwd=place.home,
        env=place.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode:
        raise NotGood(f"`{step}` ended with {done.returncode}: {done.stdout}{done.stderr}")
