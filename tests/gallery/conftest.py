"""Volumes whose every grey is known, and headless Chromium to look at them with."""

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from syda.gallery import exhibit
from syda.gallery.exhibit import Exhibit, Scale
from syda.types import Volume

SCALE = Scale(-1000, 1000, 1)
TOLD = {
    "seed": 3,
    "truncation": 0.7,
    "weights_sha256": "0123456789abcdef" * 4,
    "effective_spacing_mm": 8.0,
    "properties": {
        "asked": {"sex": "F", "body_width_mm": 330.0},
        "measured": {"body_width_mm": 318.25, "fat_share": 0.25, "noise_hu": None},
    },
}


def octants(shape: tuple[int, int, int], spacing: float) -> Volume:
    """Eight blocks: 10 HU, and 100 more on the right, 40 in front, 20 on the side of the head."""
    halves = [np.arange(n) >= n // 2 for n in shape]
    right, front, head = np.meshgrid(*halves, indexing="ij")
    hu = 10 + 100 * right + 40 * front + 20 * head
    return Volume(hu.astype(np.int16), np.diag([spacing, spacing, spacing, 1.0]))


@pytest.fixture
def scale() -> Scale:
    """Exact HU."""
    return SCALE


@pytest.fixture
def told() -> dict[str, Any]:
    """The JSON beside a synthetic volume."""
    return json.loads(json.dumps(TOLD))


@pytest.fixture
def blocks() -> Volume:
    """A volume of 320 x 160 x 80 mm in eight blocks."""
    return octants((40, 20, 10), 8.0)


@pytest.fixture
def exhibits(blocks: Volume, told: dict[str, Any]) -> list[Exhibit]:
    """Two synthetic volumes of 320 x 160 x 80 mm, and a real one of 200 x 100 x 60 mm."""
    other = Volume(blocks.hu + np.int16(50), blocks.affine)
    facts = {"body_width_mm": 200.0, "noise_hu": None, "sex": "M"}
    return [
        exhibit.synthetic(blocks, told, SCALE),
        exhibit.synthetic(other, told | {"seed": 4}, SCALE),
        exhibit.real(octants((100, 50, 30), 2.0), "c0", "holdout", facts, SCALE),
    ]


class Browser:
    """One tab of headless Chromium, told what to do in the DevTools protocol over a pipe.

    Source: Chromium, ``--remote-debugging-pipe``: JSON messages that a zero byte ends, read from
    file descriptor 3 and written to 4.
    """

    FLAGS = (
        "--headless",
        "--no-sandbox",  # a container has none; the page is our own
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--hide-scrollbars",
        "--remote-debugging-pipe",
    )
    KEYS: ClassVar = {"Tab": 9, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}

    def __init__(self, folder: Path) -> None:
        read, self._out = os.pipe()
        self._in, write = os.pipe()
        command = ["chromium", *self.FLAGS, f"--user-data-dir={folder}", "about:blank"]
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{read} 4>&{write}', "bash", *command],
            pass_fds=(read, write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read)
        os.close(write)
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def close(self) -> None:
        """End the browser and wait for it."""
        self._session = None
        self.call("Browser.close")
        self._process.wait(timeout=30)
        os.close(self._in)
        os.close(self._out)

    def _receive(self, timeout: float) -> dict[str, Any] | None:
        while b"\0" not in self._buffer:
            if not select.select([self._in], [], [], timeout)[0]:
                return None
            data = os.read(self._in, 1 << 20)
            assert data, "Chromium ended"
            self._buffer += data
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        left = json.dumps(message).encode() + b"\0"
        while left:
            left = left[os.write(self._out, left) :]
        while True:
            answer = self._receive(60)
            assert answer is not None, f"{method}: no answer"
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def js(self, expression: str) -> Any:
        """Return the value of an expression, awaited if it is a promise."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + 30
        while not self.js(condition):
            assert time.monotonic() < end, condition
            time.sleep(0.02)

    def open(self, path: Path, width: int = 1400, height: int = 1000) -> None:
        """Open a page from disk in a window of this size, and wait for both volumes."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        self.wait("document.readyState === 'complete' && typeof sides !== 'undefined'")
        self.wait("sides.every((side) => side.volume)")

    def seen(self, seconds: float = 0.3) -> list[dict[str, Any]]:
        """Events since the page was opened, and those of so many seconds more."""
        while (event := self._receive(seconds)) is not None:
            self.events.append(event)
        return self.events

    def press(self, key: str, modifiers: int = 0) -> None:
        """Press and release a key."""
        told = {"key": key, "code": key, "windowsVirtualKeyCode": self.KEYS[key]}
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, modifiers=modifiers, **told)

    def click(self, x: float, y: float) -> None:
        """Click at a place of the window, CSS pixels."""
        for kind, buttons in (("mousePressed", 1), ("mouseReleased", 0)):
            self.call(
                "Input.dispatchMouseEvent",
                type=kind,
                x=x,
                y=y,
                button="left",
                buttons=buttons,
                clickCount=1,
            )

    def scroll(self, x: float, y: float, by: float) -> None:
        """Turn the wheel over a place of the window; positive is down."""
        self.call("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=by)

    def screenshot(self) -> bytes:
        """The window as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium, or a skip where there is none."""
    if not shutil.which("chromium"):
        pytest.skip("no chromium here: `apt-get install chromium`")
    chromium = Browser(tmp_path_factory.mktemp("chromium"))
    yield chromium
    chromium.close()
