"""What the operator's page shows: one function a part, each one a call into the workflow and tables of what it says."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import streamlit as st

from utils.api.readiness import Readiness
from utils.session_manager import SweepReport
from utils.ui import figures, messages, state
from utils.ui.grid import grid
from utils.workflows import operator, selftests

PER_PAGE = 50
SHOWN_REMOVALS = 100
REASONS = {"age": "unused for too long", "count": "more sessions than MAX_SESSIONS"}


def key(what: str) -> str:
    """Of a widget of this page."""
    return f"operator_{what}"


def overview() -> None:
    """What works here and what does not, disk, queue and workers."""
    services = state.services()
    report = Readiness(services).report()
    checks: dict[str, dict[str, Any]] = report["checks"]
    grid(
        "What works here",
        ("Part", "State", "Why"),
        [
            (name.capitalize(), "works" if check["ok"] else "fails", str(check.get("reason") or ""))
            for name, check in checks.items()
        ],
    )
    disk = operator.disk(services)
    jobs = checks.get("jobs", {})
    grid(
        "Space and work",
        ("What", "Figure"),
        [
            ("Free disk", f"{figures.size(disk.free_bytes)} of {figures.size(disk.total_bytes)}"),
            ("Sessions", f"{services.sessions.get_active_session_count():,}"),
            ("Jobs that wait", f"{jobs.get('waiting', 0):,}"),
            ("Jobs at work", f"{jobs.get('running', 0):,}"),
            ("Longest wait", figures.length(float(jobs.get("oldest_waiting_s", 0.0)))),
            *((f"Workers for {pool}", f"{number}") for pool, number in dict(jobs.get("workers", {})).items()),
        ],
        numbers={1},
    )


def sessions() -> None:
    """Sessions by size, age and activity; nothing of what is in them."""
    services = state.services()
    now, zone = services.clock(), state.zone()
    page = int(st.session_state.get(key("page"), 1))
    rows, total = operator.session_rows(services, offset=(page - 1) * PER_PAGE, limit=PER_PAGE)
    grid(
        f"{figures.count(total, 'session')}, the most recently used first",
        ("Session", "Last used", "Since", "State", "Work", "Items", "Size", "Goes"),
        [
            (
                row.id[:8],
                figures.ago(row.last_activity, now, zone),
                figures.ago(row.created_at, now, zone),
                row.status,
                f"{row.open_jobs} open" if row.open_jobs else "",
                f"{row.item_count:,}",
                figures.size(row.size_bytes),
                _goes(row, now),
            )
            for row in rows
        ],
        numbers={5, 6},
    )
    if total > PER_PAGE:
        st.number_input("Page", 1, -(-total // PER_PAGE), key=key("page"))


def _goes(row: operator.SessionRow, now: float) -> str:
    if row.permanent:
        return "kept by its owner"
    if row.expires_at is None:
        return "never by age"
    return "at the next sweep" if row.expires_at <= now else f"in {figures.about(row.expires_at - now).removeprefix('about ')}"


def work() -> None:
    """Errors of the last day by code, and how much was done."""
    services = state.services()
    now, zone = services.clock(), state.zone()
    found = operator.errors(services)
    if found:
        grid(
            "Errors of the last 24 hours",
            ("Code", "Work", "Times", "Last"),
            [(error.code, error.kind, f"{error.count:,}", figures.ago(error.last_at, now, zone)) for error in found],
            numbers={2},
        )
    else:
        st.caption("No work failed in the last 24 hours.")
    done: Counter[tuple[str, str]] = Counter()
    sound_s: defaultdict[str, float] = defaultdict(float)
    work_s: defaultdict[str, float] = defaultdict(float)
    for ended in operator.ended_since(services, operator.DAY_S):
        done[ended.kind, ended.state] += 1
        if ended.sound_s:
            sound_s[ended.kind] += ended.sound_s
            work_s[ended.kind] += ended.ran_s
    kinds = sorted({kind for kind, _ in done})
    if kinds:
        grid(
            "Work of the last 24 hours",
            ("Work", "Done", "Failed", "Cancelled", "Sound", "Real-time factor"),
            [
                (
                    kind,
                    *(f"{done[kind, ended_as]:,}" for ended_as in ("done", "failed", "cancelled")),
                    figures.length(sound_s[kind]) if sound_s[kind] else "",
                    f"{work_s[kind] / sound_s[kind]:.3f}" if sound_s[kind] else "",
                )
                for kind in kinds
            ],
            numbers={1, 2, 3, 4, 5},
        )


def engines() -> None:
    """Engines and models, and a test of each."""
    services = state.services()
    rows = [("Speech", engine.label, engine.available() or "can work here") for engine in services.engines.values()]
    grid("Engines and models", ("For", "Engine", "State"), [*rows, *_recognisers()])
    if st.button("Test them now", key=key("test"), icon=":material/labs:"):
        with st.spinner("Every engine works on a few words. A model that is not loaded yet takes a while."):
            st.session_state[key("tested")] = [*selftests.speech(services), *selftests.transcription(services)]
    if outcomes := st.session_state.get(key("tested")):
        grid(
            "The test",
            ("Engine", "State", "What happened", "Took"),
            [(made.engine, "works" if made.ok else "fails", made.told, figures.length(made.seconds)) for made in outcomes],
            numbers={3},
        )


def _recognisers() -> list[tuple[str, str, str]]:
    return [("Transcription", name, told) for name, told in selftests.recognisers(state.services())]


def sweeps() -> None:
    """What a sweep would remove, one that is done now, and those that were."""
    services = state.services()
    with st.container(horizontal=True):
        preview = st.button("Preview a sweep", key=key("preview"), icon=":material/visibility:")
        if st.button("Sweep now", key=key("sweep"), icon=":material/mop:") or preview:
            st.session_state[key("report")] = operator.sweep(services, dry_run=preview)
    report: SweepReport | None = st.session_state.get(key("report"))
    if report:
        _report(report)
    past = [done for done in services.sessions.sweeps(40) if not done.dry_run][:20]
    if past:
        now, zone = services.clock(), state.zone()
        grid(
            "Sweeps that were done",
            ("When", "Server", "Looked at", "Removed", "Items", "Active", "Odd", "Freed", "Took"),
            [
                (
                    figures.ago(done.when, now, zone),
                    done.server,
                    *(f"{number:,}" for number in (done.looked_at, done.removed, done.items_removed, done.active, done.odd)),
                    figures.size(done.freed_bytes),
                    figures.length(done.seconds),
                )
                for done in past
            ],
            numbers={2, 3, 4, 5, 6, 7, 8},
        )


def _report(report: SweepReport) -> None:
    verb = "would go" if report.dry_run else "went"
    st.markdown(
        f"{figures.count(len(report.removed), 'session')} {verb}, {figures.size(report.freed_bytes)}. "
        f"{report.kept:,} stay, {report.active:,} of them in use. It took {figures.length(report.seconds)}."
    )
    if report.removed:
        grid(
            "Sessions that " + verb,
            ("Session", "Why", "Size"),
            [
                (gone.id[:8], REASONS.get(gone.reason, gone.reason), figures.size(gone.size_bytes))
                for gone in report.removed[:SHOWN_REMOVALS]
            ],
            numbers={2},
        )
        if len(report.removed) > SHOWN_REMOVALS:
            st.caption(f"and {len(report.removed) - SHOWN_REMOVALS:,} more")
    for title, names in (("Not ours, left alone", report.odd), ("Could not be looked at", report.errors)):
        if names:
            grid(title, ("Name",), [(name,) for name in names[:SHOWN_REMOVALS]])


def settings() -> None:
    """Every setting as it is in force."""
    rows = operator.settings_in_force(state.services().settings)
    grid(
        "Settings in force; what differs from its default is marked",
        ("Setting", "Value", "", "Meaning"),
        [(row.name, row.value or "not set", "" if row.is_default else "changed", row.about) for row in rows],
    )


PARTS: Mapping[str, Callable[[], None]] = MappingProxyType(
    {"Overview": overview, "Sessions": sessions, "Work": work, "Engines": engines, "Sweeps": sweeps, "Settings": settings}
)


def sign_in() -> None:
    """Ask for the operator's token."""
    with st.form(key("form"), border=False):
        token = st.text_input("Token", type="password", key=key("token"), help="The value of the setting ADMIN_TOKEN.")
        asked = st.form_submit_button("Sign in", type="primary")
    if asked and messages.attempt(lambda: operator.sign_in(state.services(), token, state.session_id())):
        st.session_state[state.OPERATOR] = True
        st.rerun()
    messages.show_trouble()


def sign_out() -> None:
    """Forget that this browser's tab belongs to the operator."""
    for name in [str(name) for name in st.session_state if str(name).startswith("operator")]:
        del st.session_state[name]
