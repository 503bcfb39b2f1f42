"""Manifests for Kubernetes, as far as they can be judged without a cluster.

Each document is an object with a kind and a name; what one refers to another by (labels, volumes, ports,
secrets) is there. A gate's configuration in a C{ConfigMap} is a good one, with the files that it names where
pods mount them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.docs.checkers import NotGood
from tests.docs.fences import Fence
from tests.docs.place import Place

_MOUNTED = Path("/run/secrets/mcpgate")


def check(place: Place, fence: Fence, arguments: str) -> None:
    """
    @raise NotGood: for what no cluster would take, or no gate would start with.
    """
    try:
        documents = [one for one in yaml.safe_load_all(fence.text) if one is not None]
    except yaml.YAMLError as error:
        raise NotGood(str(error)) from error
    problems = [problem for one in documents for problem in _problems(one, documents)]
    if problems:
        raise NotGood("\n".join(problems))
    for one in documents:
        if one["kind"] == "ConfigMap":
            _check_configuration(place, one["data"]["mcpgate.toml"])


def _problems(one: Mapping[str, Any], documents: list[dict[str, Any]]) -> Iterator[str]:
    for member in ("apiVersion", "kind", "metadata"):
        if member not in one:
            yield f"an object has no {member}"
    kind, name = one.get("kind"), one.get("metadata", {}).get("name")
    if not name:
        yield f"a {kind} has no name"
    spec = one.get("spec", {})
    if kind == "StatefulSet":
        yield from _of_pods(spec)
    pods = [other["spec"]["template"] for other in documents if other.get("kind") == "StatefulSet"]
    selector = spec.get("selector") or spec.get("podSelector") or {}
    wanted = selector.get("matchLabels", selector)
    for pod in pods:
        if wanted and not wanted.items() <= pod["metadata"]["labels"].items():
            yield f"{kind} {name} selects {wanted}, which no pod has"
    if kind == "Service":
        there = {port["name"] for pod in pods for one in pod["spec"]["containers"] for port in one["ports"]}
        for port in spec["ports"]:
            if pods and port["targetPort"] not in there:
                yield f"Service {name}: no port {port['targetPort']} in a pod"


def _of_pods(spec: Mapping[str, Any]) -> Iterator[str]:
    pod = spec["template"]["spec"]
    volumes = {one["name"] for one in pod["volumes"]}
    volumes |= {one["metadata"]["name"] for one in spec.get("volumeClaimTemplates", [])}
    for container in (*pod.get("initContainers", []), *pod["containers"]):
        for mount in container["volumeMounts"]:
            if mount["name"] not in volumes:
                yield f"container {container['name']} mounts {mount['name']}, which is no volume"
        command = container.get("command", [])
        if command[1:2] == ["-c"]:
            compile(command[2], "initContainer", "exec")
        ports = {port["name"] for port in container.get("ports", [])}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            asked = container.get(probe, {}).get("httpGet")
            if asked and asked["port"] not in ports:
                yield f"{probe} asks a port {asked['port']}, which the container has not"
    for volume in pod["volumes"]:
        # A key that everybody may read is refused by the gate.
        if "secret" in volume and volume["secret"].get("defaultMode", 0o644) & 0o007:
            yield f"the secret {volume['name']} is mounted for everybody"


def _check_configuration(place: Place, text: str) -> None:
    """Judge it with its files where a pod has them."""
    whole = tomllib.loads(text)
    names = [whole["listener"][0]["public_url"].removeprefix("https://")]
    place.pair(names, _MOUNTED / "tls/tls.crt", _MOUNTED / "tls/tls.key")
    for reference in _references(whole):
        place.file(reference, "a-word-that-is-long-enough-4d1f", 0o400)
    config = place.file("/etc/mcpgate/mcpgate.toml", text)
    Path(whole["gate"]["state"]).mkdir(mode=0o700, parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "mcpgate", "check", "--config", str(config)],
        env=place.environment,
        capture_output=True,
        text=True,
    )
    shutil.rmtree(_MOUNTED)
    if done.returncode:
        raise NotGood(f"is no good configuration:\n{done.stdout}{done.stderr}")


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _references(one)
    elif isinstance(value, list):
        for one in value:
            yield from _references(one)
    elif isinstance(value, str) and value.startswith("file:"):
        yield value.removeprefix("file:")
