"""Those who check manifests and what runs a container see what would go wrong."""

import pytest
import yaml

from tests.docs.checkers import NotGood, checker
from tests.docs.checkers.manifests import faults
from tests.docs.fences import Fence, read_page
from tests.docs.place import ROOT


def test_what_runs_a_container_has_to_fit_the_image() -> None:
    """Its file, its user, and where it keeps what must not be lost."""
    build, run = "buildah build -f etc/container/Containerfile .", "podman run --user 10001:10001"
    good = f"{run} --volume state:/var/lib/mcpgate mcpgate"
    checker("container")(None, Fence("console", f"$ {build}\n$ {good}\n", 1), "")
    others = ("buildah build -f Dockerfile .", "podman run mcpgate", "mcpgate check")
    for wrong in (*others, good.replace("10001:", "0:")):
        with pytest.raises(NotGood):
            checker("container")(None, Fence("console", f"$ {wrong}\n", 1), "")


def test_what_is_wrong_with_manifests_is_seen() -> None:
    """Those of the page are good; one change at a time, and they are not."""
    page = read_page((ROOT / "docs/howto/kubernetes.md").read_text(encoding="utf-8"))
    texts = [fence.text for fence in page.fences if fence.language == "yaml"]

    def found(old: str, new: str) -> list[str]:
        changed = [text.replace(old, new) for text in texts]
        assert changed != texts or old == new
        return [fault for text in changed for one in yaml.safe_load_all(text) for fault in faults(one)]

    assert found("", "") == []
    for old, new in (
        ("secretName: mcpgate-tls, defaultMode: 0400", "secretName: mcpgate-tls, defaultMode: 0444"),
        ("secretName: mcpgate-tls, defaultMode: 0400", "secretName: mcpgate-tls"),
        ("runAsUser: 10001", "runAsUser: 1000"),
        ("terminationGracePeriodSeconds: 45", "terminationGracePeriodSeconds: 30"),
        ("scheme: HTTPS", "scheme: HTTP"),
        ("name: Host", "name: X-Host"),
        ("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"),
        ("{name: state, mountPath", "{name: status, mountPath"),
        ("file:/run/secrets/mcpgate/words/index", "file:/etc/mcpgate/index"),
        ("dnsNames: [gate.example.com]", "dnsNames: []"),
    ):
        assert found(old, new), f"{new} goes unseen"
