"""Killed at random and at every write. The long forms print their figures: `pytest -m long -s tests/jobs/test_chaos.py`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.jobs.chaos import is_well, run


def every_write(*options: str) -> None:
    """A process of its own, because it forks: this one may have threads."""
    done = subprocess.run([sys.executable, "-m", "tests.jobs.every_write", *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    print(done.stdout)
    assert len(reports) == 3
    for report in reports:
        assert report["problems"] == []
        assert set(report["states"]) == {"done"}
        assert report["points"] > 5


def test_jobs_killed_at_many_writes_are_put_right_by_the_next_worker() -> None:
    every_write("--stride", "7", "--first", "2")


def test_jobs_server_and_workers_killed_a_few_times_lose_nothing(tmp_path: Path) -> None:
    figures = run(tmp_path, 5, redis=False, seed=1)
    assert is_well(figures), figures
    assert figures["jobs"] > 5


@pytest.mark.long
@pytest.mark.timeout(600)
def test_jobs_killed_at_every_write_are_put_right_by_the_next_worker() -> None:
    every_write()


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("redis", [False, pytest.param(True, marks=pytest.mark.redis)])
def test_jobs_server_and_workers_killed_500_times_lose_nothing(tmp_path: Path, redis: bool) -> None:
    figures = run(tmp_path, 500, redis=redis, seed=2)
    print(json.dumps(figures, indent=1))
    assert is_well(figures), figures
