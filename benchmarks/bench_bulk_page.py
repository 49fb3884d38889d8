"""What a rerun of the Bulk page costs the server while a batch of 5,000 rows is open, beyond an empty page of the same software."""

from __future__ import annotations

from pathlib import Path

from benchmarks.bench_pages import RERUNS, cpu_ms, empty_cpu_ms
from benchmarks.figure import Figure
from benchmarks.rig import scratch_folder, server
from utils.jobs import build_jobs
from utils.jobs.contract import NewJob
from utils.session_manager import SessionManager
from utils.settings import Settings
from utils.speech.contract import SpeechRequest
from utils.speech.table.contract import Row
from utils.storage.batch_log import DONE, ROWS, RowResult, append, rows_data
from utils.workflows.bulk import planned

KEY = "benchmark-secret-key"
TABLE_ROWS, DONE_ROWS = 5_000, 4_000


def run() -> list[Figure]:
    """CPU seconds of many reruns, of our page and of an empty one."""
    with scratch_folder() as folder:
        token = _open_batch(folder / "outputs")
        with server(folder / "outputs", env={"SECRET_KEY": KEY, "SPEECH_WORKERS": "0"}) as ours:
            bulk = cpu_ms(ours, page="bulk", token=token)
        empty = empty_cpu_ms(folder)
    detail = f"{bulk:.1f} against {empty:.1f} ms, {RERUNS} reruns each, {DONE_ROWS:,} of {TABLE_ROWS:,} rows done"
    return [
        Figure("CPU a rerun of the bulk page with 5,000 rows beyond an empty page", bulk - empty, 30, unit=" ms", detail=detail)
    ]


def _open_batch(outputs: Path) -> str:
    """A session with a batch of which most rows are done and nobody goes on. Answers the session's token."""
    settings = Settings(outputs_dir=outputs, secret_key=KEY, speech_workers=0)
    sessions = SessionManager.from_settings(settings)
    session, base = sessions.create_session(), SpeechRequest("")
    rows = [Row(n, n + 1, f"row {n}", SpeechRequest(f"This is row {n} of a long table.")) for n in range(1, TABLE_ROWS + 1)]
    request = {"defaults": base.as_dict(), "source": "long.csv", "rows": TABLE_ROWS, "good": TABLE_ROWS}
    files = {ROWS: rows_data(planned(rows, base))}
    job = build_jobs(settings, sessions)[0].submit(session, NewJob("batch", "Long", "batch", request, "bulk", files=files))
    done = [
        RowResult(n, "done", file=f"{n:04d}-row-{n}.mp3", engine="espeak", seconds=3.2, size_bytes=26_000)
        for n in range(1, DONE_ROWS + 1)
    ]
    append(sessions.item_path(session, job.id), DONE, done)
    return sessions.token(session)
