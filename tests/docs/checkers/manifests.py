"""Manifests for Kubernetes: they fit its own schema, each other, and the gate that they run.

There is no cluster here. What a cluster would find in a manifest alone is found by its schema, of the oldest
version that the page names; cert-manager's kinds have none, and are read for what the gate needs of them.
Then what would go wrong in it: a file that the configuration names and nothing mounts, a probe that the gate
refuses, a grace that is shorter than its drain. C{make container-test} runs the same configuration.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from mcpgate.config.load import load_config
from mcpgate.config.schema import Config
from tests.docs.checkers import NotGood
from tests.docs.fences import Fence
from tests.docs.place import ROOT, Place

#: Since when C{preStop} can sleep by itself.
VERSION = "1.30"

Manifest = Mapping[str, Any]


def check(place: Place, fence: Fence, arguments: str) -> None:
    """
    @raise NotGood: for what a cluster would refuse, or the gate in it.
    """
    for manifest in yaml.safe_load_all(fence.text):
        _by_schema(manifest)
        for wrong in faults(manifest):
            raise NotGood(f"{manifest['kind']} {manifest['metadata']['name']}: {wrong}")


def faults(manifest: Manifest) -> Iterator[str]:
    """What fits the schema, and would go wrong all the same."""
    if manifest["kind"] in _JUDGES:
        yield from _JUDGES[manifest["kind"]](manifest)


def _by_schema(manifest: Manifest) -> None:
    if manifest["apiVersion"].startswith("cert-manager.io/"):
        return
    # Large, and of use to whoever runs the pages alone: the extra "docs".
    import kubernetes_validate

    try:
        kubernetes_validate.validate(manifest, VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        raise NotGood(f"{manifest['kind']}: {error.message}") from error


def _configuration(manifest: Manifest) -> Iterator[str]:
    config = _read(manifest)
    if not any(issuer.name for issuer in config.issuers):
        yield "callers have no way to prove who they are at each replica"
    missing = [path for path in _named(config) if not path.startswith("/run/secrets/mcpgate/")]
    if missing:
        yield f"{missing[0]} is where the gates' manifest mounts nothing"


def _gates(manifest: Manifest) -> Iterator[str]:
    pod = manifest["spec"]["template"]["spec"]
    if pod["securityContext"]["runAsUser"] != _user() or pod["securityContext"]["fsGroup"] != _user():
        yield f"the image's user is {_user()}"
    volumes = {one["name"] for one in pod["volumes"]}
    volumes |= {one["metadata"]["name"] for one in manifest["spec"]["volumeClaimTemplates"]}
    for volume in pod["volumes"]:
        if volume.get("secret", {}).get("defaultMode", 0o400) & 0o007 or (
            "secret" in volume and "defaultMode" not in volume["secret"]
        ):
            yield f"the gate refuses what is in {volume['name']}: everybody may read it"
    for container in (*pod["initContainers"], *pod["containers"]):
        for mount in container["volumeMounts"]:
            if mount["name"] not in volumes:
                yield f"nothing is called {mount['name']}"
            if "subPath" in mount:
                yield f"{mount['name']} would never be renewed"
        context = container["securityContext"]
        if not context["readOnlyRootFilesystem"] or context["allowPrivilegeEscalation"]:
            yield f"{container['name']} has more rights than it needs"
    (gate,) = pod["containers"]
    ports = {port["name"] for port in gate["ports"]}
    # Starting Python takes a part of a second, of a busy machine some.
    if gate["livenessProbe"]["timeoutSeconds"] < 10 or "exec" not in gate["livenessProbe"]:
        yield "a gate that lives is ended"
    for probe in (gate["startupProbe"], gate["readinessProbe"]):
        asked = probe["httpGet"]
        named = {header["name"]: header["value"] for header in asked["httpHeaders"]}
        if asked["scheme"] != "HTTPS" or asked["port"] not in ports or "Host" not in named:
            yield f"the probe of {asked['path']} is refused"
    wait = gate["lifecycle"]["preStop"]["sleep"]["seconds"]
    # gate.drain as the page's configuration has it, which is its default.
    if pod["terminationGracePeriodSeconds"] < wait + 30 + 5:
        yield "it is killed before it has drained"


def _certificate(manifest: Manifest) -> Iterator[str]:
    spec = manifest["spec"]
    if not spec["secretName"] or not spec["dnsNames"] or not {"name", "kind"} <= set(spec["issuerRef"]):
        yield "cert-manager would not know what to do"


def _read(manifest: Manifest) -> Config:
    """The configuration in it; C{ConfigError}, with every problem, if it is none."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "mcpgate.toml")
        path.write_text(manifest["data"]["mcpgate.toml"], encoding="utf-8")
        return load_config(path)


def _named(config: Config) -> Iterator[str]:
    yield from (str(listener.certificates) for listener in config.listeners)
    yield str(config.admin.certificates)
    said = [config.admin.metrics_token, config.evidence.index]
    said += [upstream.credential.bearer for upstream in config.upstreams if upstream.credential is not None]
    yield from (one.removeprefix("file:") for one in said if one is not None)


def _user() -> int:
    text = (ROOT / "etc/container/Containerfile").read_text(encoding="utf-8")
    (line,) = (line for line in text.splitlines() if line.startswith("USER "))
    return int(line.removeprefix("USER ").partition(":")[0])


_JUDGES = {"ConfigMap": _configuration, "StatefulSet": _gates, "Certificate": _certificate}
