"""A headless Chromium that looks at the viewer: its requests are noted, its pictures can be measured."""

import os
import shutil
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--no-sandbox", "--no-first-run", "--disable-quic", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
    # Volumes need WebGL, which this machine's processor draws.
    *("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"),
)
SCREENSHOTS = "READINGROOM_SCREENSHOTS"
#: Those canvases that are viewports: their pixels, without the words that lie over them.
PIXELS = """() => [...document.querySelectorAll('canvas.cornerstone-canvas')].filter(c => c.width > 200)
  .map(c => c.toDataURL('image/png').split(',')[1])"""
#: The tour would lie over the first picture; a browser is shown it once.
TOURED = "localStorage.setItem('shownTours', JSON.stringify(['basicViewerTour']))"
#: What "Confirm and hide" leaves behind.
CONFIRMED = """localStorage.setItem('investigationalUseDialog',
  JSON.stringify({expiryDate: new Date(Date.now() + 864e5)}))"""


def executable() -> str | None:
    """Where Chromium is, if it is here."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser for as long as it is needed."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), headless=True, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass(frozen=True)
class Picture:
    """What is drawn on one canvas: RGB, height × width × 3."""

    pixels: np.ndarray

    @property
    def levels(self) -> int:
        """How many different values the red of it has."""
        return len(np.unique(self.pixels[..., 0]))

    @property
    def lit(self) -> float:
        """Which part of it is not black."""
        return float((self.pixels.max(-1) > 24).mean())

    @property
    def coloured(self) -> float:
        """Which part of it is not grey."""
        wide = self.pixels.astype(int)
        return float((wide.max(-1) - wide.min(-1) > 40).mean())

    @property
    def spread(self) -> float:
        """The standard deviation of its grey values."""
        return float(self.pixels.mean(-1).std())

    @property
    def is_viewport(self) -> bool:
        """Whether it is larger than the thumbnails, which are drawn on canvases too."""
        return self.pixels.shape[1] > 300

    def __str__(self) -> str:
        """Its measures, for a failing test."""
        size = "x".join(map(str, self.pixels.shape[1::-1]))
        parts = f"{self.lit:.2f} lit, {self.coloured:.3f} coloured"
        return f"{size}: {self.levels} levels, {parts}, spread {self.spread:.1f}"


def picture(png: bytes) -> Picture:
    """A PNG as a picture."""
    return Picture(np.asarray(Image.open(BytesIO(png)).convert("RGB")))


class Window:
    """One page of the browser, at the archive's address `origin`."""

    def __init__(self, browser: Browser, origin: str, *, confirmed: bool = True) -> None:
        self.origin = origin
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.add_init_script(TOURED)
        if confirmed:
            context.add_init_script(CONFIRMED)
        self.page: Page = context.new_page()
        self.asked: list[str] = []
        self.answers: list[tuple[int, str, str]] = []
        self.failures: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("response", self._note)
        self.page.on(
            "requestfailed", lambda request: self.failures.append(f"{request.url} {request.failure}")
        )
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._listen)

    def close(self) -> None:
        """Close the page, and forget what the site left in the browser."""
        self.page.context.close()

    def forget(self) -> None:
        """Leave the page, and begin the notes anew."""
        self.page.goto("about:blank")
        for notes in (self.asked, self.answers, self.failures, self.errors):
            notes.clear()

    def open(self, path: str) -> None:
        """Go to a path of the archive."""
        self.page.goto(self.origin + path)

    def study(self, uid: str, more: str = "") -> None:
        """Open a study."""
        self.open(f"/viewer/viewer?StudyInstanceUIDs={uid}{more}")

    def pictures(self) -> list[Picture]:
        """What the viewports show."""
        return [picture(b64decode(text)) for text in self.page.evaluate(PIXELS)]

    def shows(self, true: Callable[[Picture], bool], least: int = 1, seconds: float = 40) -> list[Picture]:
        """Wait for that many viewports whose pictures are as asked for; the test fails where none come."""
        seen: list[Picture] = []

        def enough() -> bool:
            seen[:] = self.pictures()
            return sum(map(true, seen)) >= least

        self.until(enough, seconds, lambda: f"shown: {'; '.join(map(str, seen)) or 'nothing'}")
        return [each for each in seen if true(each)]

    def until(
        self, true: Callable[[], bool], seconds: float = 40, told: Callable[[], str] = lambda: ""
    ) -> None:
        """Wait for a condition; the test fails, and says what is told, where it does not come true."""
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, f"{told()} {self.errors[-3:]}"
            self.page.wait_for_timeout(200)

    def scroll(self, steps: int) -> None:
        """Turn the wheel over the first viewport."""
        box = self.page.locator("canvas.cornerstone-canvas").first.bounding_box()
        assert box
        self.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        for _ in range(steps):
            self.page.mouse.wheel(0, 120)
            self.page.wait_for_timeout(150)

    def keep(self, name: str) -> None:
        """Write a screenshot, where someone wants to look at it."""
        if folder := os.environ.get(SCREENSHOTS):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"))

    def outside(self) -> list[str]:
        """What was asked of others than the archive."""
        own = (f"{self.origin}/", f"blob:{self.origin}/", "data:", "about:", "chrome-extension:", "chrome:")
        return [url for url in self.asked if not url.startswith(own)]

    def refused(self) -> list[tuple[int, str, str]]:
        """Requests to the archive that it answered with an error: status, method, address."""
        return [answer for answer in self.answers if answer[0] >= 400]

    def blocked(self) -> list[str]:
        """What the page's policy or the browser kept it from."""
        policy = [
            text for text in self.errors if "Content Security Policy" in text or "importScripts" in text
        ]
        return policy + [text for text in self.failures if not text.endswith("net::ERR_ABORTED")]

    def _note(self, response: Any) -> None:
        self.answers.append((response.status, response.request.method, response.url))

    def _listen(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(message.text)
