"""The official filesystem server and server-everything behind the ready policies, as they are shipped.

What reads passes, what writes is blocked and in no list, and planted secrets are masked: for the official
Python client and both TypeScript clients, which check results by the tools' output schemas.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from mcpgate.testing import LocalCA
from tests.e2e.lab import GateProcess, Lab, McpServer
from tests.e2e.official import everything, filesystem, guarded, texts
from tests.e2e.test_official_python_client_lists_calls_reads_and_streams import connected
from tests.e2e.typescript import printed

KEY = "AKIAIOSFODNN7EXAMPLE"
MAIL = "kim@example.com"
CARD = "4111 1111 1111 1111"
#: Split where a document is cut into lines, and hidden as JSON hides it.
SECRETS = (KEY, MAIL, CARD, CARD.replace(" ", ""))
PLANTED = f"key={KEY}\nmail: {MAIL}\ncard {CARD}\nand a line of no interest\n"

#: What the policy lets through, by the names that the server had when it was written.
READING = {
    "read_file",
    "read_text_file",
    "read_media_file",
    "read_multiple_files",
    "list_directory",
    "list_directory_with_sizes",
    "directory_tree",
    "search_files",
    "get_file_info",
    "list_allowed_directories",
}
WRITING = {"write_file", "edit_file", "create_directory", "move_file"}

Calls = Sequence[tuple[str, dict[str, Any]]]
#: Makes calls; the names of tools that it was shown, and what became of each call, as JSON has it.
Client = Callable[[GateProcess, Calls], tuple[list[str], list[dict[str, Any]]]]


def python(gate: GateProcess, calls: Calls) -> tuple[list[str], list[dict[str, Any]]]:
    """The official Python client."""

    async def tell() -> tuple[list[str], list[dict[str, Any]]]:
        results: list[dict[str, Any]] = []
        async with connected(gate, gate.token, "auto") as client:
            tools = await client.list_tools()
            for name, arguments in calls:
                try:
                    result = await client.call_tool(name, arguments)
                except Exception as error:
                    results.append({"failed": str(error)})
                else:
                    results.append(result.model_dump(mode="json", by_alias=True, exclude_none=True))
        return [tool.name for tool in tools.tools], results

    return asyncio.run(tell())


def typescript(version: str) -> Client:
    """A client of the TypeScript SDK."""

    def client(gate: GateProcess, calls: Calls) -> tuple[list[str], list[dict[str, Any]]]:
        facts = printed(
            ("calls.mjs", version),
            NODE_EXTRA_CA_CERTS=str(gate.lab.ca_file),
            GATE_URL=gate.url,
            GATE_TOKEN=gate.token,
            CALLS=json.dumps(calls),
        )
        return facts["tools"], facts["results"]

    return client


CLIENTS = {"python": python, "typescript-v1": typescript("v1"), "typescript-v2": typescript("v2")}
each_client = pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with secrets in it."""
    directory = tmp_path_factory.mktemp("files").resolve()
    (directory / "notes.txt").write_text(PLANTED, encoding="utf-8")
    (directory / "plain.txt").write_text("nothing to see\n", encoding="utf-8")
    (directory / f"for {MAIL}.txt").write_text("x", encoding="utf-8")
    (directory / ".env").write_text(f"AWS_ACCESS_KEY_ID={KEY}\n", encoding="utf-8")
    (directory / "old.txt").write_text(
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n",
        encoding="utf-8",
    )
    return directory


@pytest.fixture(scope="module")
def files_gate(tmp_path_factory: pytest.TempPathFactory, ca: LocalCA, files: Path) -> Iterator[GateProcess]:
    """The filesystem server behind its policy."""
    lab = Lab(tmp_path_factory.mktemp("gate"), ca)
    with (
        filesystem(tmp_path_factory.mktemp("filesystem"), ca, files) as server,
        guarded(lab, server, "filesystem") as gate,
    ):
        yield gate


@pytest.fixture(scope="module")
def everything_gate(tmp_path_factory: pytest.TempPathFactory, ca: LocalCA) -> Iterator[GateProcess]:
    """Server-everything behind its policy."""
    lab = Lab(tmp_path_factory.mktemp("gate"), ca)
    with (
        everything(tmp_path_factory.mktemp("everything"), ca) as server,
        guarded(lab, server, "everything") as gate,
    ):
        yield gate


def without_secrets(result: dict[str, Any]) -> str:
    """A result as JSON, in which none of the secrets is."""
    text = json.dumps(result, ensure_ascii=False)
    assert not [secret for secret in SECRETS if secret in text], text
    return text


def test_the_server_has_the_tools_that_the_policy_knows(
    tmp_path_factory: pytest.TempPathFactory, ca: LocalCA, files: Path
) -> None:
    """Without a policy all are there: neither list of names is out of date."""
    lab = Lab(tmp_path_factory.mktemp("gate"), ca)
    with (
        filesystem(tmp_path_factory.mktemp("bare"), ca, files) as server,
        lab.gate(upstream={"url": server.url}) as gate,
    ):
        tools, (result,) = python(gate, [("read_text_file", {"path": str(files / "notes.txt")})])
    assert set(tools) == READING | WRITING
    assert texts(result) == PLANTED


@each_client
def test_the_filesystem_is_read_without_its_secrets(
    files_gate: GateProcess, files: Path, client: Client
) -> None:
    """Every client accepts what was masked, in text and in the structured copy of it."""
    tools, results = client(
        files_gate,
        [
            ("read_text_file", {"path": str(files / "notes.txt")}),
            ("read_multiple_files", {"paths": [str(files / "notes.txt"), str(files / "plain.txt")]}),
            ("read_text_file", {"path": str(files / "plain.txt")}),
            ("list_directory", {"path": str(files)}),
            ("directory_tree", {"path": str(files)}),
            ("get_file_info", {"path": str(files / "notes.txt")}),
        ],
    )
    assert set(tools) == READING
    assert not [result for result in results if "failed" in result or result.get("isError")], results
    whole, several, plain, listed, tree, known = results
    assert texts(whole).splitlines()[-1] == "and a line of no interest"
    assert whole["structuredContent"]["content"].splitlines()[0].startswith("key=")
    assert "nothing to see" in texts(several)
    assert texts(plain) == "nothing to see\n"
    assert "notes.txt" in texts(listed) and "notes.txt" in texts(tree)
    assert "size" in texts(known)
    for result in results:
        without_secrets(result)


@each_client
def test_the_filesystem_is_not_written(files_gate: GateProcess, files: Path, client: Client) -> None:
    """What writes is as unknown as a tool that is not there, and nothing has changed."""
    before = {path: path.read_bytes() for path in files.iterdir()}
    target = str(files / "new.txt")
    _, results = client(
        files_gate,
        [
            ("write_file", {"path": target, "content": "x"}),
            (
                "edit_file",
                {"path": str(files / "plain.txt"), "edits": [{"oldText": "nothing", "newText": "all"}]},
            ),
            ("create_directory", {"path": str(files / "directory")}),
            ("move_file", {"source": str(files / "plain.txt"), "destination": target}),
            ("no_such_tool", {}),
        ],
    )
    for name, result in zip([*sorted(WRITING, key=_order), "no_such_tool"], results, strict=True):
        assert f"Unknown tool: {name}" in result["failed"]
    assert {path: path.read_bytes() for path in files.iterdir()} == before


def _order(name: str) -> int:
    return ["write_file", "edit_file", "create_directory", "move_file"].index(name)


@each_client
def test_what_holds_keys_is_not_read(files_gate: GateProcess, files: Path, client: Client) -> None:
    """By its name, among others, as if it were a picture, or for what is in it; and it is said why."""
    _, results = client(
        files_gate,
        [
            ("read_text_file", {"path": str(files / ".env")}),
            ("read_multiple_files", {"paths": [str(files / "plain.txt"), str(files / ".env")]}),
            ("read_media_file", {"path": str(files / "notes.txt")}),
            ("read_text_file", {"path": str(files / "old.txt")}),
        ],
    )
    for result in results:
        assert result["isError"] is True
        assert "MIIE" not in without_secrets(result)
    assert ["policy.arguments" in texts(result) for result in results] == [True, True, True, False]
    assert "policy.content" in texts(results[3])


@each_client
def test_everything_is_shown_without_secrets(everything_gate: GateProcess, client: Client) -> None:
    """What it echoes is masked, a structured result passes, the environment does not."""
    tools, results = client(
        everything_gate,
        [
            ("echo", {"message": f"{KEY} {MAIL} {CARD}"}),
            ("get-structured-content", {"location": "Chicago"}),
            ("get-sum", {"a": 2, "b": 3}),
            ("get-env", {}),
            ("gzip-file-as-resource", {"data": "http://127.0.0.1:1/"}),
        ],
    )
    assert "echo" in tools and not {"get-env", "gzip-file-as-resource"} & set(tools)
    echoed, structured, added, environment, fetched = results
    assert texts(echoed).startswith("Echo: ")
    without_secrets(echoed)
    assert set(structured["structuredContent"]) == {"temperature", "conditions", "humidity"}
    assert "5" in texts(added)
    assert "Unknown tool: get-env" in environment["failed"]
    assert "Unknown tool: gzip-file-as-resource" in fetched["failed"]


@pytest.fixture(scope="module")
def customers_gate(tmp_path_factory: pytest.TempPathFactory, ca: LocalCA) -> Iterator[GateProcess]:
    """A server whose tools have promised a form of what they tell, behind masks."""
    lab = Lab(tmp_path_factory.mktemp("gate"), ca)
    rules = [
        {"name": "all", "verdict": "allow"},
        {"name": "no-secrets", "mask": ["email", "card", "iban"]},
    ]
    with (
        McpServer(tmp_path_factory.mktemp("customers"), ca, "customers.py") as server,
        lab.gate(upstream={"url": server.url}, rules=rules) as gate,
    ):
        yield gate


@each_client
def test_results_of_a_promised_form_keep_it(customers_gate: GateProcess, client: Client) -> None:
    """Integers stay integers, addresses addresses, what matches a pattern goes on matching it."""
    _, (customer, contact) = client(customers_gate, [("get_customer", {}), ("get_contact", {})])
    for result in (customer, contact):
        assert "failed" not in result and not result.get("isError"), result
        assert "DE89370400440532013000" not in without_secrets(result)
    told = customer["structuredContent"]
    assert (told["name"], told["rank"], told["notes"][1]) == ("Kim", "gold", "nothing else")
    assert type(told["card"]) is int and "@" in told["mail"]
    assert contact["structuredContent"]["second"] == "none"


def test_the_record_counts_what_was_masked_and_has_none_of_it(files_gate: GateProcess, files: Path) -> None:
    """By detector; and no secret is in any line."""
    python(files_gate, [("read_text_file", {"path": str(files / "notes.txt")})])
    exchange = files_gate.exchange(name="read_text_file")
    assert exchange["masked"]["email"] >= 1 and exchange["masked"]["aws-key"] >= 1
    journal = json.dumps(files_gate.journal())
    assert not [secret for secret in SECRETS if secret in journal]
