"""The Inspector's command line on the tour (C{tour.py}). Each thing that it does is a process of its own."""

import json
import os
import subprocess
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from tests.e2e.node import PACKAGES, node
from tests.e2e.tour import MODERN, SIGHTS, Facts, Place
from tests.waiting import eventually

_PACKAGE = PACKAGES / "node_modules" / "@modelcontextprotocol" / "inspector"
LAUNCHER = _PACKAGE / "clients" / "launcher" / "build" / "index.js"

# Node needs half a second to start and a TLS handshake; the rest is for a busy machine.
PATIENCE = 60.0

#: What it sees of that which it does in its own way: it prints results, and nothing of what comes before.
OWN_SIGHTS: Facts = {
    "list": SIGHTS["list"],
    "call": SIGHTS["call"],
    "logging": {"level set": {}},
    "cancel": SIGHTS["cancel"],
    "reconnect": {"answer": SIGHTS["reconnect"]["answer"]},
}


def tour(place: Place, era: str, *, sse: bool = False) -> Facts:
    """All that it can do; C{era} is legacy, modern or auto."""
    inspector = Inspector(place, era, sse=sse)
    # All at once, for most of it is node's start.
    asked, listed, called = (
        inspector.start("initialize"),
        inspector.start("tools/list"),
        inspector.start(*_calling("get_weather", city="Oslo")),
    )
    version = inspector.result(asked)["protocolVersion"]
    facts = {
        "version": version,
        "list": sorted(tool["name"] for tool in inspector.result(listed)["tools"]),
        "call": inspector.text(called),
    }
    if version == MODERN:
        facts["cancel"] = inspector.cancel()
    else:
        levelled = inspector.start("logging/setLevel", "--log-level", "info")
        if not sse:
            facts["reconnect"] = {"answer": inspector.text(inspector.start(*_calling("part")))}
        facts["logging"] = {"level set": inspector.result(levelled)}
    return facts


class Inspector:
    """The command, for one place and one era."""

    def __init__(self, place: Place, era: str, *, sse: bool) -> None:
        self._place = place
        token = ["--header", f"Authorization: Bearer {place.token}"] if place.token else []
        # It must neither wait for a person nor look for a browser.
        transport = "sse" if sse else "http"
        fixed = ["--transport", transport, "--protocol-era", era, "--format", "json", "--stored-auth-only"]
        self._command = [node(), str(LAUNCHER), "--cli", "--server-url", place.url, *fixed, *token]
        # It keeps files at home.
        self._env = {**os.environ, "HOME": str(place.files), "NODE_EXTRA_CA_CERTS": str(place.ca_file)}

    def start(self, *method: str) -> "subprocess.Popen[str]":
        """Begin what the command is to do."""
        return subprocess.Popen(
            [*self._command, "--method", *method],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._env,
        )

    def result(self, process: "subprocess.Popen[str]") -> Any:
        """What it says that the server answered."""
        try:
            printed, complained = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
        assert process.returncode == 0, complained or printed
        return json.loads(printed)["result"]

    def text(self, process: "subprocess.Popen[str]") -> str:
        """What a tool answered."""
        [content] = self.result(process)["content"]
        text: str = content["text"]
        return text

    def cancel(self) -> Facts:
        """Go away in the midst of a call, which is how one cancels in the modern era."""
        trace = self._place.files / uuid4().hex
        process = self.start(*_calling("linger", ticket=trace.name))
        try:
            eventually(trace.with_suffix(".begun").exists, "the call has begun", PATIENCE)
        finally:
            process.kill()
            process.communicate()
        eventually(trace.exists, "the server notices that the call is cancelled")
        return {"noticed": True}


def _calling(name: str, **arguments: str) -> Sequence[str]:
    given = [text for key, value in arguments.items() for text in ("--tool-arg", f"{key}={value}")]
    return ["tools/call", "--tool-name", name, *given]
