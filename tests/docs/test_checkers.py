"""Those who check fences see what they are for."""

from pathlib import Path

import pytest
import yaml

from mcpgate._version import __version__
from tests.docs.checkers import NotGood, checker, there_is
from tests.docs.checkers.manifests import faults
from tests.docs.fences import Fence, read_page
from tests.docs.place import ROOT


def judged(name: str, text: str, language: str = "console") -> None:
    """Have a fence checked; none of these asks the machine for anything."""
    checker(name)(None, Fence(language, text, 1), "")


@pytest.mark.parametrize("path", sorted(Path(__file__).with_name("checkers").glob("[a-z]*.py")), ids=str)
def test_every_checker_is_one(path: Path) -> None:
    """A module with a function that checks."""
    assert there_is(path.stem)
    assert callable(checker(path.stem))


@pytest.mark.parametrize("name", ["nobody", "", "__init__x", "a/b"])
def test_others_are_none(name: str) -> None:
    """So that a misspelt one is told."""
    assert not there_is(name)


def test_what_is_installed_has_to_exist() -> None:
    """Packages, extras; and nothing but installing."""
    judged("installs", "$ pip install cryptography\n$ pip install 'mcpgate[saml]'\n$ pip install .\n")
    for wrong in ("$ pip install no-such-thing\n", "$ pip install 'mcpgate[xyz]'\n", "$ mcpgate check\n"):
        with pytest.raises(NotGood):
            judged("installs", wrong)


def test_what_is_made_has_to_be_a_target() -> None:
    """Of the Makefile of this clone."""
    judged("make", "$ make lint\n$ make test ARGS='tests/wire -k chunk'   # some\n")
    for wrong in ("$ make nothing-of-the-kind\n", "$ rm -rf build\n"):
        with pytest.raises(NotGood):
            judged("make", wrong)


def test_what_is_said_to_systemd_is_about_our_units() -> None:
    """With verbs that it has; a drop-in is one that it has nothing to say of."""
    judged("unit", "$ sudo systemctl enable --now mcpgate.socket\n$ journalctl -u mcpgate\n")
    for wrong in ("systemctl start nothing", "systemctl begin mcpgate", "mcpgate run", "systemctl"):
        with pytest.raises(NotGood):
            judged("unit", f"$ {wrong}\n")
    unit = checker("unit")
    unit(None, Fence("ini", "[Service]\nReadWritePaths=/srv\n", 1), "mcpgate.service")
    for wrong in ("[Service]\nReadWritePath=/srv\n", "[Service]\nLimitNOFILE=9 # more\n"):
        with pytest.raises(NotGood):
            unit(None, Fence("ini", wrong, 1), "mcpgate.service")


def test_what_is_measured_is_asked_for_in_words_that_the_program_knows() -> None:
    """Its peers, loads and rows, by the program's own parser."""
    judged("measured", '$ make bench ARGS="--rounds 3 --peers mcpgate,nginx --loads post-32"\n$ make bench\n')
    judged("measured", "$ make conformance ARGS=\"--only ', rules'\"\n$ make conformance ARGS=--help\n")
    for wrong in ('bench ARGS="--peers nobody"', "bench ARGS=--fast", 'conformance ARGS="--only 1999"'):
        with pytest.raises(NotGood):
            judged("measured", f"$ make {wrong}\n")


def test_what_runs_a_container_has_to_fit_the_image() -> None:
    """Its file, its user, and where it keeps what must not be lost."""
    good = "podman run --user 10001:10001 --volume state:/var/lib/mcpgate mcpgate"
    judged("container", f"$ buildah build -f etc/container/Containerfile -t mcpgate .\n$ {good}\n")
    others = ("buildah build -f Dockerfile .", "podman run mcpgate", "mcpgate check")
    for wrong in (*others, good.replace("10001:", "0:")):
        with pytest.raises(NotGood):
            judged("container", f"$ {wrong}\n")


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


def test_what_a_package_is_done_with_has_to_be_its_own() -> None:
    """Its file, its units, its directories; nothing else."""
    deb = f"mcpgate_{__version__}-1_all.deb"
    judged("package", f"$ sudo apt install ./{deb}\n$ sudo systemctl enable --now mcpgate\n")
    judged("package", "$ sudo install -m 0640 -g mcpgate gate.key /etc/mcpgate/tls\n")
    for wrong in (
        "apt install ./mcpgate_0.0.1-1_all.deb",
        f"apt install ./other_{__version__}-1_all.deb",
        "systemctl start other",
        "install gate.key /etc/mcpgate/keys",
        "rm -rf /etc/mcpgate",
    ):
        with pytest.raises(NotGood):
            judged("package", f"$ sudo {wrong}\n")
