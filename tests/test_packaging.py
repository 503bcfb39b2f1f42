"""What we ship: a wheel, an sdist and an editable install, each of which C{twist} must list."""

import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ("mcpgate", "twisted", "tests", "docs", "etc", "pyproject.toml", "setup.cfg", "MANIFEST.in")
TEXTS = ("README.md", "NEWS.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "Makefile")


def run(*command: str | Path) -> str:
    """Run a command that must succeed, away from the checkout, and return what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, so that a build leaves nothing in ours."""
    copy = tmp_path_factory.mktemp("checkout")
    ignored = shutil.ignore_patterns("__pycache__", "dropin.cache", "*.egg-info")
    for name in SHIPPED + TEXTS:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def built(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel (made from the sdist, as an index would) and the sdist."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, checkout)
    (wheel,) = out.glob("*.whl")
    (sdist,) = out.glob("*.tar.gz")
    return {"wheel": wheel, "sdist": sdist, "editable": checkout}


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A fresh virtual environment that borrows our dependencies, but nothing of mcpgate's own.

    The path file adds our site-packages to the new environment's path without reading the path
    files in it, and it is such a file by which this checkout is installed.
    """
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    here = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    Path(here, "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return tmp_path / "venv"


def test_the_wheel_holds_the_plugin_and_no_tests(built: dict[str, Path]) -> None:
    """The wheel has the package, its type marker and the plugin, and neither tests nor Twisted itself."""
    with zipfile.ZipFile(built["wheel"]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert {"twisted/plugins/mcpgate_plugin.py", "mcpgate/py.typed", "mcpgate/data/init.toml"} <= names
    kept = (path for kind in ("templates", "static") for path in (ROOT / "mcpgate/admin" / kind).rglob("*"))
    pages = {path.relative_to(ROOT).as_posix() for path in kept if path.is_file()}
    assert pages <= names and "mcpgate/admin/templates/login.html" in pages
    shared = {name.partition(".data/data/")[2] for name in names if ".data/data/" in name}
    assert {"share/mcpgate/policies/github.toml", "share/mcpgate/policies/github.test.toml"} <= shared
    assert {"share/mcpgate/prometheus/mcpgate.rules.yml", "share/mcpgate/grafana/mcpgate.json"} <= shared
    assert {"share/mcpgate/mcpgate.schema.json", "share/man/man8/mcpgate.8"} <= shared
    rooms = {
        *(f"share/mcpgate{room}" for room in ("", "/policies", "/prometheus", "/grafana")),
        *(f"share/man/man{section}" for section in (5, 8)),
        "share/bash-completion/completions",
        "share/zsh/site-functions",
        "share/fish/vendor_completions.d",
    }
    assert {name.rpartition("/")[0] for name in shared} == rooms
    names = {name for name in names if ".data/data/" not in name}
    assert {name for name in names if name.startswith("twisted")} == {"twisted/plugins/mcpgate_plugin.py"}
    assert {name.partition("/")[0] for name in names} == {"mcpgate", "twisted"}
    ours = {path.relative_to(ROOT).as_posix() for path in (ROOT / "mcpgate").rglob("*.py")}
    assert ours <= names


def test_the_sdist_holds_what_packagers_need(built: dict[str, Path]) -> None:
    """The sdist has tests, docs, the service file and the licence, and no caches; nor what others wrote."""
    with tarfile.open(built["sdist"]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"tests/test_packaging.py", "docs/index.md", "etc/systemd/mcpgate.service", "LICENSE"} <= names
    assert not [name for name in names if name.endswith((".pyc", "dropin.cache"))]
    assert not [name for name in names if name.startswith("tests/wire/schemas/")]


@pytest.mark.parametrize("form", ["wheel", "sdist", "editable"])
def test_twist_lists_the_plugin(form: str, built: dict[str, Path], environment: Path) -> None:
    """However it was installed, C{twist --help} lists mcpgate and the command runs."""
    python = environment / "bin" / "python"
    how = ["--editable"] if form == "editable" else []
    run(
        sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps",
        "--no-build-isolation", "--ignore-installed", *how, built[form],
    )  # fmt: skip
    assert "mcpgate" in run(python, "-m", "twisted", "--help").split()
    assert run(environment / "bin" / "mcpgate", "--version").startswith("mcpgate ")
    found = Path(run(python, "-c", "import mcpgate; print(mcpgate.__file__)").strip())
    assert found.is_relative_to(built["editable"] if form == "editable" else environment)
