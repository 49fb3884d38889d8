"""For all browser tests: one Chromium, one server, and visitors whose every console error or foreign request fails the test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, Request, ViewportSize, expect, sync_playwright

from tests.browser import steady
from tests.browser.servers import Server, running

# What Playwright turns off, because the last list counts, and two pages of the browser's own: in each window they would be loaded
# for an address line that nobody sees, which was a quarter of the work of loading ours.
OFF = (
    "AimEnabled,AvoidCorsURLLoaderRestartOnRedirect,AvoidUnnecessaryBeforeUnloadCheckSync,DestroyProfileOnBrowserClose,"
    "HttpsFirstBalancedModeAutoEnable,HttpsUpgrades,LensOverlay,MediaRouter,NetworkTimeServiceQuerying,OptimizationHints,PaintHolding,"
    "PreconnectToSearch,TcpPortRandomizationWin,ThirdPartyStoragePartitioning,WebUIOmniboxPopup,WebUIOmniboxAimPopup"
)
FLAGS = [
    f"--disable-features={OFF}",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# A library of Streamlit's asks in a `try` whether WebAssembly may be compiled; that it may not is no fault.
VIOLATIONS = """document.addEventListener('securitypolicyviolation', e =>
    e.blockedURI === 'wasm-eval' || console.error('CSP', e.violatedDirective, e.blockedURI))"""
VIEW = ViewportSize(width=1280, height=900)
PATIENCE_MS = 60_000  # for whatever shall appear: on a busy machine nothing is quick, and where all is well nothing waits
expect.set_options(timeout=PATIENCE_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs Chromium."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[pytest.TestReport]:
    """With a test that failed come its pages as they were, and the last that its servers said."""
    report: pytest.TestReport = yield
    given = getattr(item, "funcargs", {})
    if report.when == "call" and report.failed:
        for context in given["browser"].contexts if "browser" in given else ():
            for page in context.pages:
                try:
                    report.sections.append((page.url, page.locator("body").aria_snapshot(timeout=5_000)))
                except Error as exc:
                    report.sections.append((page.url, str(exc)))
        for server in filter(lambda one: isinstance(one, Server), given.values()):
            log = (server.outputs.parent / "server.log").read_text("utf-8", "replace")
            report.sections.append((server.url, log[-2_000:]))
    return report


def chromium() -> str:
    """The system's Chromium; without one the tests are left out here and fail in CI."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        why = "no Chromium here: install one, or name it in CHROMIUM"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return found


@pytest.fixture(scope="package")  # ended before other tests run: Playwright keeps an event loop in this thread
def browser() -> Iterator[Browser]:
    """Chromium with a profile of its own, which asks nobody anything by itself."""
    executable = chromium()
    with sync_playwright() as playwright, pytest.MonkeyPatch.context() as patch:
        steady.be_patient(patch)
        launched = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="package")  # ended before other tests run: Playwright keeps an event loop in this thread
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server that most tests share: automatic engine, and nobody answers at Google's address."""
    with running("streamlit", tmp_path_factory.mktemp("server"), TTS_ENGINE="auto") as started:
        yield started


class Watch:
    """What went wrong on the pages of one test.

    Attributes:
        problems: One line each.
        forgiven: Parts of addresses whose 4xx the test wants to see.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.forgiven: list[str] = ["/_stcore/"]  # when a server was ended, its pages ask for it in vain

    def page(self, page: Page) -> Page:
        """Listen to a page."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("request", self._request)
        return page

    def _console(self, message: ConsoleMessage) -> None:
        address = str(message.location.get("url", ""))
        if message.type == "error" and not any(part in address for part in self.forgiven):
            self.problems.append(f"console: {message.text} ({address})")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.hostname != "localhost":
            self.problems.append(f"foreign: {request.url}")


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Fails the test at its end for anything that went wrong in a browser meanwhile."""
    watching = Watch()
    yield watching
    assert watching.problems == []


def new_context(browser: Browser, **options: Any) -> BrowserContext:
    """A browser of its own: no cookies, nothing in its cache."""
    context = browser.new_context(**{"viewport": VIEW, "locale": "en-US", **options})
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(VIOLATIONS)
    context.add_init_script(f"({steady.EARS})()")
    return context


@pytest.fixture(scope="package")
def usual(browser: Browser) -> Iterator[BrowserContext]:
    """The browser of each test's first visitor: Streamlit's scripts are in its cache, which saves each test a second of work."""
    context = new_context(browser)
    yield context
    context.close()


Visit = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser, usual: BrowserContext, watch: Watch) -> Iterator[Visit]:
    """Opens pages: `visit(url)` is a new visitor, `visit(url, page.context)` another tab of one.

    The first visitor finds scripts in the cache, and nothing else of the tests before.
    """
    contexts: list[BrowserContext] = []

    def open_page(url: str, context: BrowserContext | None = None, viewport: ViewportSize | None = None, **media: Any) -> Page:
        if context is None:
            context = new_context(browser) if contexts else usual
            contexts.append(context)
        page = watch.page(context.new_page())
        if viewport is not None:
            page.set_viewport_size(viewport)
        if media:
            page.emulate_media(**media)
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        if context is not usual:
            context.close()
    for page in usual.pages:
        page.evaluate("localStorage.clear()")
        page.close()
    usual.clear_cookies()
