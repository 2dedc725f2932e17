"""A small driver for headless Chromium over the DevTools protocol: just what the page tests need.

One browser, one profile in a temporary folder, any number of pages. Every wait has a deadline; ``close`` ends the
process and removes the profile.
"""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")
START_S = 120.0  # each of these passes only where a test fails: they are for the slowest machine
COMMAND_S = 300.0
WAIT_S = 120.0
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)

Message = dict[str, Any]


class Chromium:
    """A running browser."""

    def __init__(self, program: str | None = PROGRAM) -> None:
        """Start it and connect.

        Raises:
            RuntimeError: there is no Chromium, or it does not come up in time.
        """
        if program is None:
            raise RuntimeError("no chromium on the path")
        self._open = contextlib.ExitStack()
        self._profile = Path(tempfile.mkdtemp(prefix="tallystick-chromium-"))
        self._process = subprocess.Popen(
            [program, *_FLAGS, f"--user-data-dir={self._profile}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            endpoint = connect(
                self._endpoint(), max_size=64 * 1_048_576, compression=None, proxy=None,
                open_timeout=START_S, ping_interval=None,  # while a test computes, nobody reads the browser's pongs
            )  # fmt: skip
            self._socket: ClientConnection = self._open.enter_context(endpoint)
        except Exception:
            self._end_process()
            raise
        self._last_id = 0
        self._pages: dict[str, Page] = {}

    def _endpoint(self) -> str:
        """The browser's own address, from the file that it writes once it listens."""
        file, deadline = self._profile / "DevToolsActivePort", time.monotonic() + START_S
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                lines = file.read_text().splitlines()
                if len(lines) == 2:
                    return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            if self._process.poll() is not None:
                raise RuntimeError(f"chromium ended with status {self._process.returncode}")
            time.sleep(0.05)
        raise RuntimeError("chromium did not come up in time")

    def page(self, *, width: int = 1_280, height: int = 900, scripts: bool = True, language: str = "en") -> Page:
        """A new, empty page in a browser context of its own (no storage shared with others)."""
        context = self.command("Target.createBrowserContext", {"disposeOnDetach": True})["browserContextId"]
        target = self.command("Target.createTarget", {"url": "about:blank", "browserContextId": context})["targetId"]
        session = self.command("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = self._pages[session] = Page(self, session, target)
        for domain in ("Page", "Runtime", "Network", "Log", "Security"):
            page.command(f"{domain}.enable")
        page.command("Page.setLifecycleEventsEnabled", {"enabled": True})
        page.size(width, height)
        page.command("Network.setExtraHTTPHeaders", {"headers": {"Accept-Language": language}})
        if not scripts:
            page.command("Emulation.setScriptExecutionDisabled", {"value": True})
        return page

    def command(self, method: str, params: Message | None = None, session: str | None = None) -> Message:
        """Send one command and wait for its answer; events that come meanwhile go to their pages.

        Raises:
            RuntimeError: the browser refuses it.
            TimeoutError: no answer in time.
        """
        self._last_id += 1
        wanted = self._last_id
        message: Message = {"id": wanted, "method": method, "params": params or {}}
        if session is not None:
            message["sessionId"] = session
        self._socket.send(json.dumps(message))
        deadline = time.monotonic() + COMMAND_S
        while True:
            answer = self._receive(deadline)
            if answer.get("id") != wanted:
                continue
            if "error" in answer:
                raise RuntimeError(f"{method}: {answer['error']['message']}")
            result: Message = answer["result"]
            return result

    def pump(self, seconds: float) -> None:
        """Take in events for a while."""
        deadline = time.monotonic() + seconds
        with contextlib.suppress(TimeoutError):
            while True:
                self._receive(deadline)

    def _receive(self, deadline: float) -> Message:
        message: Message = json.loads(self._socket.recv(timeout=max(0.001, deadline - time.monotonic())))
        page = self._pages.get(message.get("sessionId", ""))
        if page is not None and "method" in message:
            page.take(message["method"], message["params"])
        return message

    def close(self) -> None:
        """End the browser and remove its profile."""
        with contextlib.suppress(Exception):
            self._socket.send(json.dumps({"id": 0, "method": "Browser.close"}))
        with contextlib.suppress(Exception):
            self._open.close()
        self._end_process()

    def _end_process(self) -> None:
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=60)
        shutil.rmtree(self._profile, ignore_errors=True)

    def __enter__(self) -> Chromium:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Page:
    """One page.

    Attributes:
        requests: URLs asked for since the last ``goto``, in order.
        responses: URL to status and headers (names in lower case) since the last ``goto``.
        transferred: bytes received over the network since the last ``goto``, headers included.
        errors: console errors, uncaught exceptions and violations of the content security policy, same.
    """

    def __init__(self, browser: Chromium, session: str, target: str) -> None:
        self._browser = browser
        self._session = session
        self._target = target
        self._loaded: set[str] = set()  # documents, by their loader's id
        self._clear()

    def _clear(self) -> None:
        self.requests: list[str] = []
        self.responses: dict[str, tuple[int, dict[str, str]]] = {}
        self.transferred = 0
        self.errors: list[str] = []

    def command(self, method: str, params: Message | None = None) -> Message:
        """A DevTools command to this page."""
        return self._browser.command(method, params, self._session)

    def size(self, width: int, height: int, *, scale: float = 1.0) -> None:
        """Set the window in CSS pixels; narrow ones behave as a phone."""
        self.command(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600},
        )

    def media(self, **features: str) -> None:
        """Emulate media features, for instance ``prefers_color_scheme="dark"``, or ``media="print"``."""
        media = features.pop("media", "")
        listed = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.command("Emulation.setEmulatedMedia", {"media": media, "features": listed})

    def goto(self, url: str) -> None:
        """Open an address and wait until it has loaded. Raises: RuntimeError, TimeoutError."""
        self._clear()
        answer = self.command("Page.navigate", {"url": url})
        if "errorText" in answer:
            raise RuntimeError(f"{url}: {answer['errorText']}")
        self.wait(lambda: answer["loaderId"] in self._loaded, f"{url} to load")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited when it is a promise.

        Raises:
            RuntimeError: it threw.
        """
        answer = self.command(
            "Runtime.evaluate", {"expression": expression, "awaitPromise": True, "returnByValue": True}
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description") or details["text"])
        return answer["result"].get("value")

    def wait_for(self, expression: str, seconds: float = WAIT_S) -> Any:
        """Wait until an expression is truthy; gives its value."""
        found: list[Any] = []

        def check() -> bool:
            value = self.evaluate(expression)
            found.append(value)
            return bool(value)

        self.wait(check, expression, seconds)
        return found[-1]

    def wait(self, condition: Callable[[], bool], words: str, seconds: float = WAIT_S) -> None:
        """Take in events until a condition holds. Raises: TimeoutError."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {seconds} s for {words}; errors so far: {self.errors}")
            self._browser.pump(0.02)

    def text(self) -> str:
        """What a reader sees as text."""
        return str(self.evaluate("document.body.innerText"))

    def html_text(self) -> str:
        """The text of the document as the server sent it, without running anything on the page."""
        root = self.command("DOM.getDocument", {"depth": 0})["root"]["nodeId"]
        return str(self.command("DOM.getOuterHTML", {"nodeId": root})["outerHTML"])

    def screenshot(self, file: Path, *, whole: bool = True) -> None:
        """Write a PNG of the page, by default in its full height."""
        data = self.command("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": whole})["data"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base64.b64decode(data))

    def close(self) -> None:
        """Close the page."""
        self._browser.command("Target.closeTarget", {"targetId": self._target})

    def take(self, method: str, params: Message) -> None:
        """Note one event."""
        match method:
            case "Page.lifecycleEvent" if params["name"] == "load":
                self._loaded.add(params["loaderId"])
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case "Network.responseReceived":
                response = params["response"]
                headers = {name.lower(): value for name, value in response["headers"].items()}
                self.responses[response["url"]] = (response["status"], headers)
            case "Network.loadingFinished":
                self.transferred += int(params["encodedDataLength"])
            case "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                self.errors.append(details.get("exception", {}).get("description") or details["text"])
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "assert"):
                self.errors.append(" ".join(str(argument.get("value", "")) for argument in params["args"]))
            case "Log.entryAdded" if params["entry"]["level"] == "error":
                entry = params["entry"]
                self.errors.append(f"{entry['source']}: {entry['text']} {entry.get('url', '')}".strip())
