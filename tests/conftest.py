"""Shared by all tests: long forms run only when asked for (`pytest -m long`), and who of several processes runs what."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling

# The tests with a browser are run by two processes, each with one Chromium and one set of servers for all its files: with more of
# them side by side they wait for each other. Every other file is a group of its own.
BROWSERS = {
    "tests/browser/test_speak.py": "browser A",
    "tests/browser/test_bulk.py": "browser A",
    "tests/browser/test_files.py": "browser A",
    "tests/browser/test_look.py": "browser A",
    "tests/browser/test_transcribe.py": "browser B",
    "tests/browser/test_run_modes.py": "browser B",
    "tests/browser/test_operator.py": "browser B",
    "tests/browser/test_live.py": "browser A",
    "tests/browser/test_live_lost.py": "browser B",
}
# What takes longest begins first, so that nobody waits for it at the end.
FIRST = ("browser A", "browser B", "tests/test_session_manager_machine.py", "tests/test_house.py")


def group(nodeid: str) -> str:
    """The name of the group of a test: tests of one group are run by one process, one after the other."""
    path = nodeid.partition("::")[0]
    return BROWSERS.get(path, path)


def turn(item: pytest.Item) -> int:
    """When the group of a test begins."""
    name = group(item.nodeid)
    return FIRST.index(name) if name in FIRST else len(FIRST)


def pytest_configure(config: pytest.Config) -> None:
    """What holds in every process of a run, and in all that it starts."""
    # Servers and workers are started by the dozen, and each would compile the project anew where nothing compiled may be written.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    # The same examples in every run, however slow the machine is just then; the long forms draw others each time.
    settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True, database=None)
    settings.register_profile("long", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("long" if config.option.markexpr else "suite")
    if hasattr(config, "workerinput"):
        # What an earlier test left to the collector comes up in whichever test runs when it collects: by itself (`-n 0`) a test
        # fails for that, in a whole run it is shown at the end.
        config.addinivalue_line("filterwarnings", "default::pytest.PytestUnraisableExceptionWarning")
        number = int(config.workerinput["workerid"].removeprefix("gw"))
        config.args = turned(config.args, config.rootpath, number / int(config.workerinput["workercount"]))


def turned(args: list[str], root: Path, share: float) -> list[str]:
    """Where a process begins to read tests: each at another place, so that it finds ready what others have compiled meanwhile."""
    if [root / arg for arg in args] != [root / "tests"]:
        return args
    places = [*root.glob("tests/test_*.py"), *(path.parent for path in root.glob("tests/*/__init__.py"))]
    names = sorted(str(path.relative_to(root)) for path in places)
    first = int(len(names) * share)
    return names[first:] + names[:first]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked `long`, unless a mark expression was given; begin with what takes longest."""
    if not config.option.markexpr:
        chosen = [item for item in items if "long" not in item.keywords]
        if len(chosen) < len(items):
            config.hook.pytest_deselected(items=[item for item in items if "long" in item.keywords])
            items[:] = chosen
    items.sort(key=lambda item: (turn(item), item.path))  # in every process alike; tests of one file stay in their order


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Hands out groups in their order, each whole."""
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid)

    return Groups(config, log)
