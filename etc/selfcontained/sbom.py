"""Writes what is in an environment, in CycloneDX's JSON: C{sbom.py PYTHON FILE}.

C{cyclonedx-py} lists what Python knows of. The OpenSSL that every byte goes through is not among it, as it
is a part of cryptography's wheel; nor is what psycopg's reaches a database by, with an OpenSSL of its own.
Whoever looks for what a vulnerability is in has to find them. So they are asked for their versions, and
added, and with them what wheels bring lists of.
"""

import json
import subprocess
import sys
from pathlib import Path

#: In the language of the environment, not of the tools: which libraries are inside of which packages.
BUNDLED = """
import json, pathlib, re, lxml.etree, psycopg.pq, psycopg_binary
from cryptography.hazmat.backends.openssl.backend import backend
number = psycopg.pq.version()
beside = pathlib.Path(psycopg_binary.__file__).parents[1] / "psycopg_binary.libs"
(crypto,) = beside.glob("libcrypto-*")
(second,) = set(re.findall(rb"OpenSSL (\\d+\\.\\d+\\.\\d+) ", crypto.read_bytes()))
dotted = lambda numbers: ".".join(map(str, numbers))
print(json.dumps([
    ["cryptography", "openssl", backend.openssl_version_text().split()[1]],
    ["lxml", "libxml2", dotted(lxml.etree.LIBXML_VERSION)],
    ["lxml", "libxslt", dotted(lxml.etree.LIBXSLT_VERSION)],
    ["psycopg-binary", "libpq", f"{number // 10000}.{number % 10000}"],
    ["psycopg-binary", "openssl", second.decode()],
]))
"""

#: As the National Vulnerability Database names them.
CPE = {
    "openssl": "cpe:2.3:a:openssl:openssl:{}:*:*:*:*:*:*:*",
    "libxml2": "cpe:2.3:a:xmlsoft:libxml2:{}:*:*:*:*:*:*:*",
    "libxslt": "cpe:2.3:a:xmlsoft:libxslt:{}:*:*:*:*:*:*:*",
    "libpq": "cpe:2.3:a:postgresql:postgresql:{}:*:*:*:*:*:*:*",
}


def listed(python: str) -> dict:
    """What C{cyclonedx-py} says of an environment, the same each time."""
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible", "--of", "JSON"]
    return json.loads(subprocess.run([*command, python], check=True, capture_output=True, text=True).stdout)


def with_bundled(bom: dict, bundled: list[list[str]]) -> dict:
    """The list with the libraries in it, each as a dependency of the package that it is inside of."""
    of = {component["name"].lower(): component["bom-ref"] for component in bom["components"]}
    depends = {entry["ref"]: entry for entry in bom["dependencies"]}
    for package, library, version in bundled:
        ref = f"{of[package]}#{library}"
        bom["components"].append(
            {
                "bom-ref": ref,
                "type": "library",
                "name": library,
                "version": version,
                "description": f"bundled in {package}'s wheel",
                "cpe": CPE[library].format(version),
            }
        )
        depends[of[package]].setdefault("dependsOn", []).append(ref)
        depends[ref] = {"ref": ref}
        bom["dependencies"].append(depends[ref])
    return bom


def with_lists(bom: dict, packages: Path) -> dict:
    """The list with what wheels say themselves of what is in them (PEP 770), each below its package."""
    of = {one["name"].lower().replace("_", "-"): one["bom-ref"] for one in bom["components"]}
    depends = {entry["ref"]: entry for entry in bom["dependencies"]}
    for path in sorted(packages.glob("*.dist-info/sboms/*.json")):
        package = path.parts[-3].split("-")[0].lower().replace("_", "-")
        for component in json.loads(path.read_text(encoding="utf-8"))["components"]:
            ref = f"{of[package]}#{component['name']}"
            # Some list their package as a part of itself; and what was asked for its version is known.
            if component["name"].replace("_", "-") == package or ref in depends:
                continue
            kept = {key: component[key] for key in ("type", "name", "version", "purl") if key in component}
            bom["components"].append({"bom-ref": ref, **kept})
            depends[of[package]].setdefault("dependsOn", []).append(ref)
            depends[ref] = {"ref": ref}
            bom["dependencies"].append(depends[ref])
    return bom


def of_mcpgate(bom: dict) -> dict:
    """The list as one of mcpgate: the program is its subject, and not one of its parts."""
    (ours,) = (one for one in bom["components"] if one["name"] == "mcpgate")
    bom["components"].remove(ours)
    bom["metadata"]["component"] = ours | {"type": "application"}
    return bom


def without_places(bom: dict) -> dict:
    """The list without the paths at which anything lay when it was made."""
    for component in bom["components"]:
        found = component.get("externalReferences", [])
        component["externalReferences"] = [one for one in found if not one["url"].startswith("file:")]
    return bom


def main() -> None:
    """One list of one environment."""
    python, target = sys.argv[1:]
    asked = subprocess.run([python, "-B", "-c", BUNDLED], check=True, capture_output=True, text=True)
    (packages,) = Path(python).parents[1].glob("lib/python3*/site-packages")
    bom = with_lists(with_bundled(listed(python), json.loads(asked.stdout)), packages)
    bom = of_mcpgate(without_places(bom))
    Path(target).write_text(json.dumps(bom, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
