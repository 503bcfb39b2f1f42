"""Writes the locked sets of this directory anew, from what setup.cfg asks for; C{make lock} runs it.

Each of them pins every package, those that others need included, with the digests of its files, so that
what is packaged is what was looked at. One file serves all Pythons: C{uv} writes what differs as markers.
It is an error here, and not at the next build, when one of them has no wheel for a Python that we
package for: nothing is compiled, because what compiles also runs.
"""

import argparse
import configparser
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

#: The extras that a self-contained package has: nobody can add one to it later.
EXTRAS = ("saml", "postgres")

#: psycopg's own wheel has no libpq in it, and no package may depend on one by chance.
BESIDE = ("psycopg[binary]",)

#: What makes the environment and the list of what is in it, and is in no package.
TOOLS = ("pip", "setuptools >= 66.1", "cyclonedx-bom")

#: Those of Debian bookworm and trixie, and the one between, for containers and RPMs.
PYTHONS = ("3.11", "3.12", "3.13")

#: bookworm has glibc 2.36, RHEL 9 has 2.34.
PLATFORMS = ("x86_64-manylinux_2_34", "aarch64-manylinux_2_34")


def asked_for() -> list[str]:
    """The requirement lines of setup.cfg that a self-contained environment has to meet."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    texts = [setup["options"]["install_requires"]]
    texts += [setup["options.extras_require"][extra] for extra in EXTRAS]
    lines = (line.strip() for text in texts for line in text.splitlines())
    return sorted(line for line in lines if line and not line.startswith("#")) + list(BESIDE)


def compile_set(uv: str, requirements: list[str], target: Path, *more: str) -> None:
    """Ask the index for the newest versions that fit together, unless the file has some that do."""
    subprocess.run(
        [
            uv, "pip", "compile", "--quiet", "--universal", "--python-version", PYTHONS[0],
            "--generate-hashes", "--only-binary", ":all:", "--no-emit-index-url",
            "--default-index", "https://pypi.org/simple",
            "--custom-compile-command", "make lock", "--output-file", target, *more, "-",
        ],
        input="\n".join(requirements), text=True, check=True,
    )  # fmt: skip


def try_out(uv: str, target: Path, python: str, platform: str) -> None:
    """Choose the wheels for one Python on one machine, without keeping them."""
    with tempfile.TemporaryDirectory() as nowhere:
        subprocess.run(
            [
                uv, "pip", "install", "--quiet", "--dry-run", "--target", nowhere, "--python-version", python,
                "--python-platform", platform, "--only-binary", ":all:", "--require-hashes",
                "--default-index", "https://pypi.org/simple", "--requirements", target,
            ],
            check=True,
        )  # fmt: skip


def main() -> None:
    """Lock both sets, and try them on everything that we package for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uv", default="uv", help="where uv is")
    parser.add_argument("--upgrade", action="store_true", help="take the newest of everything")
    said = parser.parse_args()
    more = ["--upgrade"] if said.upgrade else []
    for name, requirements in (("selfcontained", asked_for()), ("build", list(TOOLS))):
        target = HERE / f"{name}.txt"
        compile_set(said.uv, requirements, target, *more)
        for python in PYTHONS:
            for platform in PLATFORMS:
                try_out(said.uv, target, python, platform)


if __name__ == "__main__":
    main()
