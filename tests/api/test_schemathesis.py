"""What the API's description allows, and more, asked by schemathesis: no defect, nothing undescribed, nothing crossed.

The routes with the real store and real jobs; examples of the document, boundary values, drawn values, and links from one answer to
the next request. The long form (`pytest -m long tests/api/test_schemathesis.py`) asks at least LONG_CASES times.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from tests.api.fuzzed import Crossing, Home, fuzzed
from tests.storage.support import everything

LONG_CASES = 5_000
DESCRIBED = ["2xx", "3xx", "4xx", "503"]  # 503: an engine, a model or a worker is missing; never 500, 502, 504 or 507 here
REFUSED = ["400", "401", "403", "404", "405", "409", "412", "413", "415", "422", "428", "429"]
WELL_FORMED = ["2xx", "3xx", "401", "403", "404", "409", "429", "5xx"]
# What fits the schema of these can still be nothing to speak, no recording, no table, no version, or name no voice or time.
MEANINGFUL = [
    "openai_speech", "openai_transcription", "openai_translation", "make_speech", "make_batch", "upload", "make_transcripts",
    "transcribe_again", "check_speech", "check_rows", "edit_row", "list_items", "items_zip", "transcript_file", "transcripts_zip",
    "put_transcript", "change_item", "undo_correction", "redo_correction", "change_session", "retry_job", "retry_rows",
    "get_file", "row_audio", "get_transcript", "delete_item",
]  # fmt: skip


def config(token: str, phases: dict[str, Any], examples: int, seed: int) -> SchemathesisConfig:
    off = {"enabled": False}
    return SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "headers": {"Authorization": f"Bearer {token}"},
            "generation": {"max-examples": examples, "deterministic": False, "database": "none", "no-shrink": True},
            "analysis": {"constants": {"enabled": False}},
            "continue-on-failure": True,
            "max-stream-events": 20,
            "phases": {name: phases.get(name, off) for name in ("examples", "coverage", "fuzzing", "stateful")},
            "checks": {
                "not_a_server_error": {"expected-statuses": DESCRIBED},
                "negative_data_rejection": {"expected-statuses": [*REFUSED, "5xx"]},
            },
            "operations": [
                {
                    "include-operation-id": MEANINGFUL,
                    "checks": {
                        "positive_data_acceptance": {
                            "expected-statuses": [*WELL_FORMED, "400", "412", "413", "415", "416", "422", "428"]
                        }
                    },
                },
                # The operator's addresses are not there for others, so they are no 401 and know no methods.
                {
                    "include-operation-id": ["cleanup", "metrics"],
                    "checks": {"missing_required_header": off, "unsupported_method": off},
                },
            ],
        }
    )


@dataclass
class Told:
    """What came of a run."""

    cases: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    good: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    failures: dict[tuple[str, str], str] = field(default_factory=dict)
    phases: Counter[str] = field(default_factory=Counter)

    def add(self, event: Any) -> None:
        if isinstance(event, events.NonFatalError | events.FatalError):
            self.failures[str(getattr(event, "label", "")), type(event).__name__] = repr(event)
        if not isinstance(event, events.ScenarioFinished):
            return
        for case_id, node in event.recorder.cases.items():
            self.cases += 1
            self.phases[event.phase.value] += 1
            label = node.value.operation.label
            self.asked.add(label)
            found = event.recorder.interactions.get(case_id)
            if found and found.response:
                self.statuses[str(found.response.status_code)] += 1
                if found.response.status_code < 300:
                    self.good.add(label)
            for check in event.recorder.checks.get(case_id, ()):
                if check.failure_info:
                    failure = check.failure_info.failure
                    said = found.response.content[:300] if found and found.response else b""
                    shown = f"{failure.title}: {failure.message[:400]}\n{check.failure_info.code_sample[:800]}\n{said!r}"
                    self.failures.setdefault((label, check.name), shown)


def run(crossing: Crossing, phases: dict[str, Any], *, examples: int, seed: int, told: Told) -> None:
    settings = config(crossing.homes[0].token, phases, examples, seed)
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", crossing, config=settings)
    for event in from_schema(schema).execute():
        told.add(event)


def judge(crossing: Crossing, told: Told, untouched: dict[str, object]) -> None:
    print(f"{told.cases} cases, {crossing.foreign} of them foreign; {dict(told.phases)}; answers {dict(told.statuses)}")
    print(f"never well answered: {sorted(told.asked - told.good)}")
    assert not told.failures, "\n\n".join(f"{key}: {shown}" for key, shown in told.failures.items())
    assert crossing.crossed == []
    assert at_rest(crossing) == untouched, "something of a session that never asked has changed"
    document = crossing.homes[0].client.get("/api/openapi.json").json()
    every = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert told.asked == every


def at_rest(crossing: Crossing) -> dict[str, object]:
    """Everything of the session that never asks."""
    silent = crossing.homes[2]
    return dict(everything(crossing.sotto.services.sessions.outputs / silent.session_id))


def test_what_the_description_allows_meets_no_defect_and_crosses_nothing(tmp_path: Path) -> None:
    with fuzzed(tmp_path) as crossing:
        untouched, told = at_rest(crossing), Told()
        linked = {"enabled": True, "generation": {"max-examples": 25}}
        phases = {"examples": {"enabled": True}, "fuzzing": {"enabled": True}, "stateful": linked}
        run(crossing, phases, examples=1, seed=20261121, told=told)
        judge(crossing, told, untouched)
        assert told.cases >= 250 and len(told.good) >= 30 and told.phases["stateful"] >= 30


@pytest.mark.parametrize(
    ("path", "said", "crossed"), [("/api/v1/items", "{secret}", 1), ("/api/v1/items/{item}", "", 1), ("/a", "", 0)]
)
def test_crossing_is_seen_where_it_happens(path: str, said: str, crossed: int) -> None:
    homes: list[Any] = [Home(None, f"canary-{name}", f"secret-{name}", name, name, {}) for name in "abc"]  # type: ignore[arg-type]
    owner = homes[2]

    async def leaky(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": said.format(secret=owner.secret).encode()})

    async def ask(crossing: Crossing) -> None:
        asked = path.format(item=owner.canary)
        scope = {"type": "http", "method": "GET", "path": asked, "raw_path": asked.encode(), "query_string": b"", "headers": []}

        async def receive() -> Any:
            return {"type": "http.request", "body": b""}

        async def send(message: Any) -> None:
            return None

        await crossing(scope, receive, send)

    crossing = Crossing(leaky, SimpleNamespace(clock=SimpleNamespace(now=0.0)), homes, random.Random(1))  # type: ignore[arg-type]
    anyio.run(ask, crossing)
    assert len(crossing.crossed) == crossed


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_what_the_description_allows_meets_no_defect_and_crosses_nothing_in_thousands_of_cases(tmp_path: Path) -> None:
    with fuzzed(tmp_path) as crossing:
        untouched, told = at_rest(crossing), Told()
        run(crossing, {"coverage": {"enabled": True}, "examples": {"enabled": True}}, examples=1, seed=1, told=told)
        seed = 2
        while told.cases < LONG_CASES:
            run(crossing, {"fuzzing": {"enabled": True}, "stateful": {"enabled": True}}, examples=20, seed=seed, told=told)
            seed += 1
        judge(crossing, told, untouched)
        assert len(told.good) >= 35  # the operator's, a code that is right, a row that failed: not drawn by chance
