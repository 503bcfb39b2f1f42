"""Writes Debian's copyright file for all that is in the environment: C{licences.py SBOM <LICENSE}.

The texts themselves are in the environment, as each package's wheel brings them along.
"""

import json
import sys
from pathlib import Path

HEAD = """\
What follows is the licence of mcpgate itself.

{text}
Below /opt/mcpgate/lib/python3*/site-packages are the packages that it runs on, unchanged, as their authors
have published them on https://pypi.org. Each has its licence in NAME-VERSION.dist-info beside it; the text of
the LGPL is in /usr/share/common-licenses/LGPL-3, too.

"""


def said(component: dict) -> str:
    """What a package says of its licence, in the shortest form that it has."""
    found = [one.get("expression") or one["license"].get("id") for one in component.get("licenses", [])]
    named = [one["license"].get("name") for one in component.get("licenses", []) if "license" in one]
    short = [one for one in found + named if one and "\n" not in one and len(one) < 100]
    return short[0] if short else component.get("description", "see there")


def main() -> None:
    """The file, on stdout."""
    bom = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    lines = [HEAD.format(text=sys.stdin.read())]
    for component in sorted(bom["components"], key=lambda one: one["name"].lower()):
        lines.append(f"  {component['name']} {component['version']}: {said(component)}\n")
    sys.stdout.writelines(lines)


if __name__ == "__main__":
    main()
