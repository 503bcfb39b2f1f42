"""A task belongs to whoever made it, and what comes of it is subject to what its tool is subject to.

A server and a client of the official TypeScript SDK, which has the tasks of 2025-11-25. To the server all
callers are one, so it would give anybody any task.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from mcpgate.testing import LocalCA
from tests.e2e.lab import GateProcess, Lab, McpServer
from tests.e2e.typescript import printed
from tests.waiting import eventually

ALLOW_ALL = {"name": "all", "verdict": "allow"}
NEVER = {"name": "never", "on": {"method": "tools/call", "name": "secrets"}, "verdict": "block"}
MASK = {"name": "mask", "on": {"method": "tools/call", "name": "report"}, "mask": ["email"]}
NOT_FOUND = {"code": -32602, "message": "MCP error -32602: Failed to retrieve task: Task not found"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, ca: LocalCA) -> Iterator[McpServer]:
    with McpServer(tmp_path_factory.mktemp("tasks"), ca, "tasks.mjs") as server:
        yield server


def visit(
    gate: GateProcess, token: str, tools: Sequence[str] = (), tasks: Sequence[str] = (), url: str = ""
) -> Any:
    """What a client got that made tasks and then asked for some."""
    return printed(
        ["tasks.mjs"],
        NODE_EXTRA_CA_CERTS=str(gate.lab.ca_file),
        URL=url or gate.url,
        TOKEN=token,
        TOOLS=json.dumps(tools),
        TASKS=json.dumps(tasks),
    )


def test_tasks_are_made_followed_and_listed_by_their_caller_only(lab: Lab, server: McpServer) -> None:
    """By two workers and after a restart; the other caller is told what it is told of no task at all."""
    config = lab.config(
        upstream={"url": server.url}, gate={"workers": 2}, rules=[ALLOW_ALL, MASK]
    )
    ann, bob = lab.token("ann"), lab.token("bob")
    with lab.gate(config) as gate:
        mine = visit(gate, ann, ["report", "endless"])
        report, endless = mine["made"]["report"], mine["made"]["endless"]
        assert report["events"][0] == "taskCreated" and report["events"][-1] == "result"
        # The answer to the call, so it is masked as that.
        assert report["text"].startswith("the report of ") and "ann@example.com" not in report["text"]
        assert endless["cancelled"] == "cancelled"
        assert sorted(mine["listed"]) == sorted([report["id"], endless["id"]])

        other = visit(gate, bob, ["report"], [report["id"], "no-such-task"])
        assert other["listed"] == [other["made"]["report"]["id"]]
        for id in (report["id"], "no-such-task"):
            assert other["asked"][id] == dict.fromkeys(("get", "result", "cancel"), NOT_FOUND)
        # The server itself would have given it.
        direct = visit(gate, bob, (), [report["id"]], server.url)
        assert direct["asked"][report["id"]]["result"] == "the report of ann@example.com"

    with lab.gate(config) as gate:
        again = visit(gate, ann, (), [report["id"]])
        assert again["asked"][report["id"]]["get"] == "completed"
        assert again["asked"][report["id"]]["result"] == report["text"]
        calls = [one for one in gate.journal("open") if (one["method"] or "").startswith("tasks/")]
        assert {one["name"] for one in calls if one["principal"] == "ann" and one["name"]} >= {"report"}


def test_what_rules_block_today_does_not_come_out_of_a_task(lab: Lab, server: McpServer) -> None:
    """A task that was made before is as one that never was, and is in no list."""
    tables: dict[str, Any] = {"upstream": {"url": server.url}}
    ann = lab.token("ann")
    with lab.gate(**tables, rules=[ALLOW_ALL]) as gate:
        made = visit(gate, ann, ["secrets", "report"])["made"]
        assert made["secrets"]["text"] == "the secrets"
        lab.config(**tables, rules=[ALLOW_ALL, NEVER])
        gate.hangup()
        eventually(lambda: gate.status()["generation"] == 2, "the reload")
        later = visit(gate, ann, (), [made["secrets"]["id"], made["report"]["id"]])
        assert later["asked"][made["secrets"]["id"]] == dict.fromkeys(("get", "result", "cancel"), NOT_FOUND)
        assert later["asked"][made["report"]["id"]]["result"] == "the report of ann@example.com"
        assert later["listed"] == [made["report"]["id"]]
