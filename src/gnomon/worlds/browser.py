"""Pages of ours in a real Chromium, by Playwright: what is seen where, pictures, and real input.

A process has one browser, in a thread of its own, so that any thread may ask it, also one that runs
an event loop; it is closed at exit. The pages are HTML without script, put into a shell that holds
the style and the font; every request is refused. Boxes, texts and states are read from the DOM.
Another version of Chromium may draw other pixels: within one machine the same page looks the same.
"""

from __future__ import annotations

import atexit
import base64
import os
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as WaitedTooLong
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from gnomon.doctor import CHROMIUM
from gnomon.media.files import wanted_module
from gnomon.worlds.interface import Element
from gnomon.worlds.lettering import font

T = TypeVar("T")
Step = tuple[str, str]
"""The name of an action, and the label, word, direction or site that it needs, "" for none."""
CACHES = (".cache/ms-playwright", "Library/Caches/ms-playwright", "AppData/Local/ms-playwright")
FLAGS = ("--disable-lcd-text", "--font-render-hinting=none", "--force-color-profile=srgb")
"""What makes letters the same in grey on every screen."""
REMEDY = "playwright install chromium, or apt install chromium"
LIMIT, START = 30.0, 60.0
"""Seconds that the browser may take for a question, and to start."""


@dataclass(frozen=True)
class State:
    """A page of a width and height after some steps, which are taken by label."""

    html: str
    size: tuple[int, int]
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Sight:
    """What is on a page: its heading, and its elements also where they are scrolled away."""

    head: str
    elements: tuple[Element, ...]


@dataclass(frozen=True)
class Acted:
    """What was so before the first of some actions and after each, and the picture before the last.

    A status is a set of lines: ``head Notes``, ``top 84`` (pixels scrolled), ``box Wifi`` (ticked),
    ``field City`` (has the cursor), ``menu File`` (open), ``City=cat`` (typed), ``Save: done``.
    """

    status: tuple[frozenset[str], ...]
    picture: bytes


# -- what can be asked ----------------------------------------------------------------------------


@lru_cache(maxsize=256)
def look(state: State) -> Sight:
    """What the browser says is on a page."""
    head, elements = _told("look", state)
    return Sight(head, tuple(Element(k, n, tuple(b), on, text) for k, n, b, on, text in elements))


def probe(state: State, points: Sequence[Sequence[int]]) -> list[str]:
    """Kind and label of what the browser has at each point, "" for nothing that is an element."""
    found: list[str] = _told("probe", state, [list(point) for point in points])
    return found


def census(state: State, mesh: int) -> set[str]:
    """Kind and label of all that the browser has at points ``mesh`` pixels apart."""
    return set(_told("census", state, mesh))


def read(state: State, points: Sequence[Sequence[int]]) -> list[str]:
    """The text of the cell, or of whatever else, at each point."""
    found: list[str] = _told("read", state, [list(point) for point in points])
    return found


@lru_cache(maxsize=64)
def picture(state: State) -> bytes:
    """A page as a PNG file."""
    return ask(lambda tabs: _shot(_opened(tabs, state)))


def acted(state: State, actions: Sequence[Mapping[str, Any]]) -> Acted:
    """What the actions do, by real mouse and keyboard, one after the other."""

    def job(tabs: _Tabs) -> Acted:
        tab, shot = _opened(tabs, state, "touch"), b""
        status = [_status(tab)]
        for number, action in enumerate(actions, 1):
            if number == len(actions):
                shot = _shot(tab)
            _INPUT[action["action"]](tab, action)
            status.append(_status(tab))
        return Acted(tuple(status), shot)

    return ask(job)


def missing() -> str:
    """What has to be installed before a page can be drawn; "" where all is there."""
    if find_spec("playwright") is None:
        return f"needs Playwright: pip install 'gnomon[pages]', then {REMEDY}"
    return "" if _own_browser() or _system_browser() else f"needs a Chromium: {REMEDY}"


# -- a tab ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Tab:
    """A tab of the browser, and the way past Playwright's own waiting to its picture."""

    page: Any
    wire: Any

    def run(self, function: str, given: object = None) -> Any:
        return self.page.evaluate(f"given => world.{function}(given)", given)


def _told(function: str, state: State, *more: object) -> Any:
    given = [state.html, state.steps, *more]
    return ask(lambda tabs: tabs.of(state.size).run(function, given))


def _opened(tabs: _Tabs, state: State, how: str = "open") -> _Tab:
    tab = tabs.of(state.size)
    tab.run(how, [state.html, state.steps])
    return tab


def _shot(tab: _Tab) -> bytes:
    told = tab.wire.send("Page.captureScreenshot", {"format": "png", "optimizeForSpeed": True})
    return base64.b64decode(told["data"])


def _status(tab: _Tab) -> frozenset[str]:
    return frozenset(tab.run("status"))


def _scrolled(tab: _Tab, action: Mapping[str, Any]) -> None:
    room = tab.page.viewport_size["height"] - 28
    before = tab.page.evaluate("scrollY")
    tab.page.mouse.wheel(0, room if action["direction"] == "down" else -room)
    # A wheel takes effect a little later.
    tab.page.wait_for_function("before => scrollY !== before", arg=before)


_INPUT: dict[str, Callable[[_Tab, Mapping[str, Any]], Any]] = {
    "click": lambda tab, action: tab.page.mouse.click(*action["coordinate"]),
    "input_text": lambda tab, action: tab.page.keyboard.insert_text(action["text"]),
    "scroll": _scrolled,
    "open_app": lambda tab, action: tab.page.evaluate(
        "site => world.STEPS.open_app(site)", action["text"]
    ),
    "navigate_back": lambda tab, action: tab.run("back"),
}
"""What an action is in a browser: it has no apps, so that a site in its place is gone to."""


class _Tabs:
    """A tab for each size of page, in a browser that is offline and looks the same everywhere."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser
        self._shell = shell()
        self._found: dict[tuple[int, int], _Tab] = {}

    def of(self, size: tuple[int, int]) -> _Tab:
        if size not in self._found:
            self._found[size] = self._made(size)
        return self._found[size]

    def _made(self, size: tuple[int, int]) -> _Tab:
        context = self._browser.new_context(
            viewport={"width": size[0], "height": size[1]}, device_scale_factor=1, offline=True,
            reduced_motion="reduce", color_scheme="light", locale="en-US", timezone_id="UTC",
            service_workers="block", accept_downloads=False,
        )  # fmt: skip
        context.set_default_timeout(1000 * LIMIT / 2)
        context.route("**/*", lambda route: route.abort())
        page = context.new_page()
        page.set_content(self._shell)
        page.evaluate(_resource("pages.js"))
        if not page.evaluate("document.fonts.load('11px Page').then(found => found.length)"):
            raise RuntimeError("the browser refused the font of Pillow: install Pillow's wheel")
        return _Tab(page, context.new_cdp_session(page))


def shell() -> str:
    """What all pages are put into: their style, and Pillow's own font, so that none is needed.

    Raises RuntimeError, saying what to install, where Pillow came without FreeType.
    """
    data = base64.b64encode(font(11).font_bytes).decode()
    face = f"@font-face {{ font-family: Page; src: url(data:font/ttf;base64,{data}); }}"
    return (
        "<!DOCTYPE html><html><head><meta charset=utf-8>"
        f"<style>{face}\n{_resource('pages.css')}</style></head><body></body></html>"
    )


def _resource(name: str) -> str:
    return (files("gnomon.worlds") / name).read_text("utf-8")


# -- the browser ----------------------------------------------------------------------------------


class _Browser(threading.Thread):
    """The thread that owns Playwright: jobs come in by a queue, None ends it."""

    def __init__(self) -> None:
        super().__init__(name="gnomon-browser", daemon=True)
        self.jobs: SimpleQueue[tuple[Callable[[_Tabs], Any], Future[Any]] | None] = SimpleQueue()
        self.process = os.getpid()

    def run(self) -> None:
        tabs: _Tabs | None = None
        driver = None
        while (entry := self.jobs.get()) is not None:
            job, answer = entry
            try:
                if tabs is None:
                    driver = _playwright().sync_playwright().start()
                    tabs = _Tabs(_launched(driver))
                answer.set_result(job(tabs))
            except Exception as error:  # noqa: BLE001 - it is raised where the job was given
                answer.set_exception(error)
        if driver is not None:
            driver.stop()


_LOCK = threading.Lock()
_RUNNING: list[_Browser] = []


def ask(job: Callable[[_Tabs], T]) -> T:
    """What a job in the thread of the browser returns; the browser is started where none runs.

    Raises ImportError without Playwright, RuntimeError where there is no Chromium or it does not
    answer in time; a browser that has crashed is replaced once.
    """
    try:
        return _asked(job)
    except _playwright().Error:
        close()
    try:
        return _asked(job)
    except _playwright().Error as error:
        close()
        raise RuntimeError(f"the browser failed: {str(error).splitlines()[0]}; {REMEDY}") from None


def _asked(job: Callable[[_Tabs], T]) -> T:
    answer: Future[T] = Future()
    with _LOCK:
        # A forked process has the list, but no thread.
        if not _RUNNING or _RUNNING[0].process != os.getpid():
            _RUNNING[:] = [_Browser()]
            _RUNNING[0].start()
            atexit.register(close)
        browser = _RUNNING[0]
        browser.jobs.put((job, answer))
    try:
        return answer.result(LIMIT + START)
    except WaitedTooLong:
        _RUNNING.clear()
        raise RuntimeError(
            f"the browser did not answer in {LIMIT + START:.0f} s: the machine is too busy for it"
        ) from None


def close() -> None:
    """End the browser of this process, if one runs; the next question starts another."""
    with _LOCK:
        running = [browser for browser in _RUNNING if browser.process == os.getpid()]
        _RUNNING.clear()
    for browser in running:
        browser.jobs.put(None)
        browser.join(10.0)


def _playwright() -> Any:
    return wanted_module("playwright.sync_api", "Playwright", "pages")


def _launched(driver: Any) -> Any:
    """Playwright's own Chromium, or the system's where it has none."""
    error = _playwright().Error
    if _own_browser():
        try:
            return driver.chromium.launch(args=list(FLAGS), timeout=1000 * START)
        except error:
            pass  # it is of another version of Playwright
    place = _system_browser()
    if place is None:
        raise RuntimeError(f"pages need a Chromium: {REMEDY}")
    return driver.chromium.launch(executable_path=place, args=list(FLAGS), timeout=1000 * START)


def _own_browser() -> bool:
    named = os.environ.get("PLAYWRIGHT_BROWSERS_PATH", "")
    caches = [Path(named)] if named else [Path.home() / place for place in CACHES]
    return any(found.is_dir() for cache in caches for found in cache.glob("chromium*-*"))


def _system_browser() -> str | None:
    return next((path for path in map(shutil.which, CHROMIUM) if path), None)
