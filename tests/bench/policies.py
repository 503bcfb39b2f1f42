"""What policy costs: the rules of the gates that are compared, and the answers that they see (pure)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import cycle, islice

#: What C{load.c} looks for in an answer: nothing else may pass for one.
SAID = "x" * 64

ALLOW = """
[[rule]]
name = "call-echo"
verdict = "allow"
on = { route = "mcp", method = "tools/call", name = "echo" }
"""

# Rules of all kinds, of which none is about the call that is measured: {0} is a number.
_OTHERS = (
    'verdict = "allow"\non = {{ method = "tools/call", name = ["get_{0}_*", "list_{0}_*", "read_{0}"] }}',
    'verdict = "block"\non = {{ method = "tools/call", name = "delete_{0}_*" }}',
    'verdict = "allow"\non = {{ method = "resources/read", name = "file:///srv/{0}/*" }}',
    'verdict = "allow"\nwho = {{ group = "team-{0}" }}\non = {{ method = "tools/call", name = "*" }}',
    'verdict = "block"\nwho = {{ address = "10.{0}.0.0/16" }}',
    'verdict = "allow"\non = {{ name = "write_{0}" }}\nwhere = {{ "arguments.path" = "/srv/{0}/*" }}',
    'verdict = "allow"\non = {{ name = "pay_{0}" }}\nrequire = {{ "outbound.pinned" = true }}',
    'verdict = "block"\non = {{ method = "tools/call", name = "^(?:drop|truncate)_{0}[a-z]+$" }}',
    'verdict = "hold"\non = {{ method = "tools/call", name = "merge_{0}" }}',
    'mask = ["email", "card"]\non = {{ method = "tools/call", name = "search_{0}" }}',
)

#: Of those that are built in, all but private-key.
DETECTORS = (
    "email", "card", "iban", "phone", "ssn", "aws-key", "github-token", "slack-token", "google-key", "jwt",
)  # fmt: skip

MASKS = f"""
[[rule]]
name = "mask"
mask = {json.dumps(DETECTORS)}
"""

BUDGET = """
[[budget]]
name = "many"
per = ["principal", "tool"]
calls = 1000000000
bytes = "1000GiB"
concurrent = 60000
"""


def rules(count: int) -> str:
    """So many rules, one of which allows the call."""
    kinds = islice(cycle(_OTHERS), count - 1)
    others = (f'[[rule]]\nname = "r{number}"\n{kind.format(number)}\n' for number, kind in enumerate(kinds))
    return ALLOW + "\n" + "\n".join(others)


#: What each gate has in the place of the usual rules.
POLICIES: Mapping[str, str] = {
    "1-rule": ALLOW,
    "200-rules": rules(200),
    "10-detectors": ALLOW + MASKS,
    "1-budget": ALLOW + BUDGET,
    # The same once more: how far chance goes.
    "1-rule-again": ALLOW,
}

_PROSE = (
    "The build of the release branch finished at 14:03 with 212 tests, of which two were skipped. "
    "Nobody has to do anything: the flaky one is known as issue 4711 and was run again (commit 9f31c2e, "
    "ratio 0.973, took 12.5 s). Notes are in docs/releases/2026-11.md; see the section on upgrades. "
)
_SECRETS = (
    "write to jane.doe@example.com",
    "paid with 4111 1111 1111 1111",
    "account DE89 3704 0044 0532 0130 00",
    "call +49 30 901820",
    "key AKIAIOSFODNN7EXAMPLE",
)


def _result(text: str, rows: int) -> bytes:
    structured = [
        {"id": number, "title": f"Row {number}", "state": "open", "score": number / 8}
        for number in range(rows)
    ]
    content = [{"type": "text", "text": text}]
    result = {"content": content, "structuredContent": {"rows": structured, "said": SAID}, "isError": False}
    return json.dumps(result, separators=(",", ":")).encode()


def clean() -> bytes:
    """A result of 2 KB in which no detector finds anything."""
    whole = _result("", 12)
    return _result((_PROSE * 9)[: 2048 - len(whole)], 12)


def hits() -> bytes:
    """A result of 200 KB in which detectors find twenty values."""
    size, parts = 200 * 1024, []
    for number in range(20):
        parts.append((_PROSE * 30)[: size // 20 - 120] + _SECRETS[number % len(_SECRETS)] + ". ")
    whole = _result("".join(parts), 0)
    return _result("".join(parts) + (_PROSE * 99)[: size - len(whole)], 0)
