"""The log of ended jobs: what a runner notes, and what readers get of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.jobs.rig import Rig
from utils.errors import EngineBusy
from utils.jobs.context import Context
from utils.jobs.ended import FOLDER, KEPT_DAYS, Ended, EndedLog
from utils.jobs.kinds import Kind

DAY_S = 86_400.0
WHEN = 1_790_000_000.0


def ended(when: float = WHEN, **changes: object) -> Ended:
    values = {"machine": "here", "pool": "speech", "kind": "small", "state": "done", "code": "", "waited_s": 0.5, "ran_s": 2.0}
    return Ended(**{"when": when, "sound_s": 4.0, **values, **changes})  # type: ignore[arg-type]


def test_runner_notes_every_end_with_code_and_sound_and_nothing_private(rig: Rig) -> None:
    def speaks(context: Context) -> None:
        context.finish({"seconds": 12.5}, [])

    def refuses(context: Context) -> None:
        raise EngineBusy("Google asks us to wait.", "Try again in an hour.")

    for work in (speaks, refuses):
        rig.runner({"small": Kind("speech", work)})(str(rig.name(rig.put("small"))))
    notes = list(EndedLog(rig.sessions.outputs).since(0))
    assert [(note.state, note.code, note.sound_s) for note in notes] == [("done", "", 12.5), ("failed", "engine_busy", 0.0)]
    assert all(note.machine == "here" and note.waited_s >= 0 and note.ran_s >= 0 for note in notes)
    text = "".join(path.read_text() for path in (rig.sessions.outputs / FOLDER).iterdir())
    assert rig.session not in text
    assert "title" not in text.lower()


def test_runner_job_that_goes_back_to_the_queue_is_not_noted(rig: Rig) -> None:
    def breaks(context: Context) -> None:
        raise RuntimeError

    rig.runner({"small": Kind("speech", breaks)})(str(rig.name(rig.put("small"))))
    assert list(EndedLog(rig.sessions.outputs).since(0)) == []


def test_log_news_are_told_once_a_reader_and_whole(tmp_path: Path) -> None:
    log, reader = EndedLog(tmp_path), EndedLog(tmp_path)
    assert reader.news() == []
    log.note(ended())
    assert reader.news() == [ended()]
    (path,) = (tmp_path / FOLDER).iterdir()
    with path.open("ab") as file:
        file.write(b'{"when": 1, "torn')
    assert reader.news() == []
    with path.open("ab") as file:
        file.write(b'"}\n[]\n"x"\n\xff\n' + b"x" * 5000 + b"\n")
    log.note(ended(WHEN + 1))
    assert reader.news() == [ended(WHEN + 1)]
    assert EndedLog(tmp_path).news() == [ended(), ended(WHEN + 1)]


def test_log_days_older_than_kept_go_and_since_looks_at_times(tmp_path: Path) -> None:
    log = EndedLog(tmp_path)
    for day in range(KEPT_DAYS + 3):
        log.note(ended(WHEN + day * DAY_S))
    files = sorted(path.name for path in (tmp_path / FOLDER).iterdir())
    assert len(files) == KEPT_DAYS
    newest = WHEN + (KEPT_DAYS + 2) * DAY_S
    assert [note.when for note in log.since(newest - DAY_S)] == [newest - DAY_S, newest]


def test_log_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file in its place")
    EndedLog(tmp_path).note(ended())
    assert EndedLog(tmp_path).news() == []


def test_log_lines_of_many_processes_stay_whole(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from utils.jobs.ended import *\n"
        "log = EndedLog(Path(sys.argv[1]))\n"
        f"for n in range(300): log.note(Ended({WHEN}, sys.argv[2], 'speech', 'small', 'done', '', n, 1, 1))"
    )
    writers = [subprocess.Popen([sys.executable, "-c", script, tmp_path, str(number)]) for number in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    (path,) = (tmp_path / FOLDER).iterdir()
    assert len([json.loads(line) for line in path.read_bytes().splitlines()]) == 900
    found = EndedLog(tmp_path).news()
    for machine in "012":
        assert [note.waited_s for note in found if note.machine == machine] == list(range(300))


def test_log_is_readable_for_its_owner_only(tmp_path: Path) -> None:
    EndedLog(tmp_path).note(ended())
    (path,) = (tmp_path / FOLDER).iterdir()
    assert os.name == "nt" or path.stat().st_mode & 0o077 == 0
