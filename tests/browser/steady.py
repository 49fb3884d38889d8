"""Acts of a person who sees what the page is doing: each waits until the page has come to rest.

A person clicks on what they see; a test clicks within a millisecond after the last answer, while parts of the page are about to be
drawn anew, and on a busy machine its click or its file is gone with the part that it was given to. So all acts of Playwright wait
here until no run of the script is under way or asked for. What has to work in the middle of a run is done `at_once`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import pytest
from playwright.sync_api import Error, Locator, Page

# Put into each page before its own scripts: when it last asked the server for something, and when it last heard from it.
EARS = """() => {
    const Plain = window.WebSocket;
    const told = window.__told = {asked: -1, heard: 0};
    window.WebSocket = class extends Plain {
        constructor(...given) {
            super(...given);
            this.addEventListener("message", () => { told.heard = performance.now(); });
        }
        send(data) {
            told.asked = performance.now();
            super.send(data);
        }
    };
}"""
# At rest: the script does not run, what was asked was answered, the answer has had the time of a frame to be drawn, and nothing is
# folding out or in: what is pressed where it was and let go where it is has not been clicked.
RESTS = """([answer_ms, draw_ms]) => {
    const app = document.querySelector(".stApp"), told = window.__told, now = performance.now();
    if (!app || app.dataset.testScriptState !== "notRunning") return false;
    if (told.asked > told.heard && now - told.asked < answer_ms) return false;
    const folding = (one) => one.playState === "running" && one.effect.target?.tagName === "DETAILS";
    if (document.getAnimations().some(folding)) return false;
    return now - told.heard > draw_ms;
}"""
ANSWER_MS, DRAW_MS = 3_000, 40  # the server answers within these; some requests have no answer
REST_MS = 10_000  # while work goes on the page asks for it twice a second, and may never rest
ACTS = ("click", "check", "uncheck", "fill", "press", "press_sequentially", "set_input_files", "focus", "blur")
_at_once: ContextVar[bool] = ContextVar("at_once", default=False)


@contextmanager
def at_once() -> Iterator[None]:
    """Acts inside wait for nothing: what has to work however quick a person is."""
    token = _at_once.set(True)
    try:
        yield
    finally:
        _at_once.reset(token)


def rest(page: Page) -> None:
    """Wait until the page has come to rest; where it never does, what follows says what is missing."""
    if page.evaluate(f"args => !window.__told || ({RESTS})(args)", [ANSWER_MS, DRAW_MS]):
        return
    try:
        page.wait_for_function(RESTS, arg=[ANSWER_MS, DRAW_MS], polling=20, timeout=REST_MS)
    except Error:  # it timed out, or the page was left meanwhile
        return


SLOWLY = """() => {
    const play = HTMLMediaElement.prototype.play;
    HTMLMediaElement.prototype.play = function () {
        this.defaultPlaybackRate = this.playbackRate = 0.2;
        return play.call(this);
    };
}"""


def slowly(page: Page) -> Page:
    """Until it is loaded anew the page's sounds take five times as long, so that what plays still plays when it is looked at."""
    page.evaluate(SLOWLY)
    return page


def _after_rest(act: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(act)
    def patient(locator: Locator, *args: Any, **options: Any) -> Any:
        if not _at_once.get():
            rest(locator.page)
        return act(locator, *args, **options)

    return patient


def be_patient(patch: pytest.MonkeyPatch) -> None:
    """Let all acts wait until their page is at rest."""
    for name in ACTS:
        patch.setattr(Locator, name, _after_rest(getattr(Locator, name)))
