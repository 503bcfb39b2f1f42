"""A browser that a test drives: it goes to pages, presses what is on them, and looks at what is there.

It is Chromium without a window, spoken to by its debugging protocol over two pipes, so that no port is open
and nothing has to be installed for it. It trusts the gate's certificate by its key alone.
"""

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pytest

from tests.e2e.browser import BROWSERS
from tests.e2e.node import PACKAGES

# A browser needs seconds to start, and the machine may be busy.
PATIENCE = 30.0

#: What judges a page: rules of WCAG 2.2, up to AA, and those that it calls good practice.
AXE = PACKAGES / "node_modules" / "axe-core" / "axe.min.js"
#: Faults of these kinds keep somebody from using a page.
GRAVE = ("serious", "critical")


class Driven:
    """One browser with one page, from C{with} on."""

    def __init__(self, profile: Path, keys: Sequence[str] = (), size: tuple[int, int] = (1400, 1000)) -> None:
        """
        @param profile: a directory for the browser's own files.
        @param keys: pins of certificates that it takes, whoever has signed them.
        """
        self._profile = profile
        self._keys = ",".join(key.removeprefix("sha256/") for key in keys)
        self._size = size
        self._last = 0
        self._unread = b""
        self._session: str | None = None
        #: What the page has complained of: errors of scripts, and what its policy does not allow.
        self.complaints: list[str] = []

    def __enter__(self) -> Self:
        browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
        if browser is None or not AXE.is_file():
            pytest.fail("there is no browser, or no axe-core; 'make test' installs them")
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        # A sandbox of its own does not work for root, as whom containers run.
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        options += ["--remote-debugging-pipe", "--hide-scrollbars", f"--user-data-dir={self._profile}"]
        options += [f"--window-size={self._size[0]},{self._size[1]}", "--force-device-scale-factor=1"]
        if self._keys:
            options.append(f"--ignore-certificate-errors-spki-list={self._keys}")
        # It reads from descriptor 3 and writes to 4.
        through = f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}'
        with self._profile.with_suffix(".log").open("wb") as log:
            self._process = subprocess.Popen(
                ["bash", "-c", through, browser, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(to_browser, from_browser),
                start_new_session=True,
            )
        os.close(to_browser)
        os.close(from_browser)
        try:
            target = self._call("Target.createTarget", url="about:blank")["targetId"]
            self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for part in ("Page", "Runtime", "Log"):
                self._call(f"{part}.enable")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._in)
        os.close(self._out)

    # What a person does.

    def go(self, url: str) -> None:
        """Go to a page, and wait until all of it is there."""
        self._call("Page.navigate", url=url)
        self.settled()

    def press(self, selector: str) -> None:
        """Press a link or a button, and wait for the page that it leads to."""
        self.tell("document.documentElement.dataset.old = 'yes'")
        self.tell(f"document.querySelector({json.dumps(selector)}).click()")
        self.until("document.documentElement.dataset.old === undefined", f"{selector} leads somewhere")
        self.settled()

    def write(self, selector: str, text: str) -> None:
        """Write into a field."""
        self.tell(f"document.querySelector({json.dumps(selector)}).value = {json.dumps(text)}")

    def keys(self, *names: str) -> None:
        """Press keys: C{Tab}, C{Enter}."""
        codes = {"Tab": 9, "Enter": 13}
        for name in names:
            for kind in ("keyDown", "keyUp"):
                text = {"text": "\r"} if name == "Enter" and kind == "keyDown" else {}
                self._call(
                    "Input.dispatchKeyEvent",
                    type=kind,
                    key=name,
                    code=name,
                    windowsVirtualKeyCode=codes[name],
                    **text,
                )

    def dark(self, dark: bool) -> None:
        """What the system prefers."""
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._call("Emulation.setEmulatedMedia", features=features)

    def scripts(self, allowed: bool) -> None:
        """Whether pages may run any; we may look at them all the same."""
        self._call("Emulation.setScriptExecutionDisabled", value=not allowed)

    def resize(self, width: int, height: int) -> None:
        """Another window."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    # What a person sees.

    def tell(self, script: str) -> Any:
        """What an expression comes to in the page."""
        told = self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in told:
            raise AssertionError(f"{script}: {told['exceptionDetails']}")
        return told["result"].get("value")

    def text(self, selector: str = "body") -> str:
        """What can be read."""
        return str(self.tell(f"document.querySelector({json.dumps(selector)}).innerText"))

    def path(self) -> str:
        """Where it is."""
        return str(self.tell("location.pathname + location.search"))

    def until(self, script: str, what: str) -> None:
        """Wait until an expression is true in whichever page there is then."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                if self.tell(script):
                    return
            except AssertionError:
                pass  # In between two pages there is none.
            time.sleep(0.02)
        raise AssertionError(f"never came true: {what}; the page says:\n{self.text()[:2000]}")

    def settled(self) -> None:
        """Wait until the page is there with all that belongs to it."""
        self.until(
            "document.readyState === 'complete' && location.href !== 'about:blank'", "a page is loaded"
        )

    def picture(self, file: Path, whole: bool = True) -> None:
        """Keep what it looks like."""
        file.parent.mkdir(parents=True, exist_ok=True)
        taken = self._call(
            "Page.captureScreenshot", format="png", captureBeyondViewport=whole, **self._clip(whole)
        )
        file.write_bytes(base64.b64decode(taken["data"]))

    def _clip(self, whole: bool) -> Mapping[str, Any]:
        if not whole:
            return {}
        size = self._call("Page.getLayoutMetrics")["cssContentSize"]
        return {"clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}}

    def faults(self, *rules: str) -> list[str]:
        """
        What axe-core finds that keeps somebody from using the page, in words.

        @param rules: those that are looked at; without any, all.
        """
        if not self.tell("'axe' in window"):
            self.tell(AXE.read_text(encoding="utf-8") + ";undefined")
        # Styles of other sites would have to be fetched; there are none.
        options: dict[str, Any] = {"resultTypes": ["violations"], "preload": False}
        if rules:
            options["runOnly"] = rules
        found = self.tell(f"axe.run(document, {json.dumps(options)}).then(r => r.violations)")
        return [
            f"{one['impact']}: {one['id']}: {one['help']}: {[node['target'] for node in one['nodes']]}"
            for one in found
            if one["impact"] in GRAVE
        ]

    # How it is spoken to.

    def _call(self, method: str, **params: Any) -> Any:
        self._last += 1
        asked: dict[str, Any] = {"id": self._last, "method": method, "params": params}
        if self._session is not None:
            asked["sessionId"] = self._session
        os.write(self._out, json.dumps(asked).encode() + b"\0")
        end = time.monotonic() + PATIENCE
        while True:
            told = self._next(end)
            if told.get("id") == self._last:
                if "error" in told:
                    raise AssertionError(f"{method}: {told['error']}")
                return told["result"]
            self._hear(told)

    def _hear(self, told: Mapping[str, Any]) -> None:
        params = told.get("params", {})
        if told.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif told.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))

    def _next(self, end: float) -> dict[str, Any]:
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._in], [], [], max(0.0, end - time.monotonic()))
            octets = os.read(self._in, 1 << 20) if ready else b""
            if not octets:
                log = self._profile.with_suffix(".log").read_text(errors="replace")
                raise AssertionError(f"the browser says nothing; it wrote:\n{log[-3000:]}")
            self._unread += octets
        line, _, self._unread = self._unread.partition(b"\0")
        told: dict[str, Any] = json.loads(line)
        return told
