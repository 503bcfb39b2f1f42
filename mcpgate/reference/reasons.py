"""The page about reasons (pure)."""

from __future__ import annotations

from collections.abc import Mapping

from mcpgate.config.advice import ADVICE
from mcpgate.config.reference import answered
from mcpgate.reasons import CODE_AUTH, CODE_GATE, CODE_POLICY, CODE_UPSTREAM, Reason
from mcpgate.reference.words import MADE, plain, table

#: What the first part of a reason says.
KINDS: Mapping[str, str] = {
    "tls": "One leg of TLS; the record's `leg` says which.",
    "frame": "HTTP/1.1 and JSON-RPC: what the caller sent is not well-formed, or too large, or too slow.",
    "mcp": "MCP's own rules for what a caller sends.",
    "route": "Where a request leads.",
    "auth": "Who calls.",
    "session": "Sessions and streams that are resumed.",
    "policy": "The rules, budgets and detectors of the configuration, and the people who decide.",
    "upstream": "What an upstream does or does not do. In a line `dropped`: one of its messages, while the "
    "rest goes on.",
    "proxy": "What a balancer in front says of the connection (the PROXY protocol).",
    "limit": "What one worker has room for.",
    "client": "What the caller did.",
    "gate": "The gate itself.",
}
#: The JSON-RPC codes that are ours; the others are JSON-RPC's and MCP's.
CODES: Mapping[int, str] = {
    CODE_AUTH: "who calls is not proved",
    CODE_POLICY: "policy does not permit it",
    CODE_UPSTREAM: "the upstream, or the leg to it",
    CODE_GATE: "the gate itself, or what it has room for",
}


def reasons_page() -> str:
    """The page of all reasons."""
    parts = [
        "# Reasons",
        f"{MADE} Why something was refused, as records, `mcpgate status` and metrics have it. A reason never "
        "changes its meaning. `mcpgate explain tls.pin` says the same as this page.",
        "A caller learns less than the record holds: the HTTP status, a code of JSON-RPC and one sentence, "
        "in which nothing of a peer's is quoted. Codes of the gate's own, outside of what JSON-RPC and MCP "
        "reserve:",
        table(["code", "means"], ((f"{code}", words) for code, words in CODES.items())),
    ]
    for kind, words in KINDS.items():
        parts += [f"## {kind}", words]
        parts += [
            f"### {reason.value}\n\n{answered(reason)}\n\n{plain(ADVICE[reason])}"
            for reason in Reason
            if reason.value.startswith(f"{kind}.")
        ]
    return "\n\n".join(parts) + "\n"
