"""Kills a server at every write of a request with an Idempotency-Key, then sends it again. `python -m tests.api.killed`

A child is forked for each point; it builds the routes on a prepared folder and dies by SIGKILL just before its N-th write. Another
child is the server after it: the same request must be answered well, once more the same, and what was asked for is there once.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import tempfile
import time
import traceback
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

import utils.api.application  # noqa: F401 - so that no child has to load it
from tests.api.surface import Client, Surface, surface
from tests.jobs.every_write import die_at
from tests.jobs.recordings import wav

TONE = wav([int(9000 * (index % 40 < 20)) for index in range(4_000)])
Send = Callable[[Client, dict[str, str], str], httpx.Response]  # client, headers, id of the item prepared


def speech(client: Client, key: dict[str, str], item: str) -> httpx.Response:
    return client.post("/api/v1/speech", json={"text": "Good morning."}, headers=key)


def bulk(client: Client, key: dict[str, str], item: str) -> httpx.Response:
    return client.post("/api/v1/bulk", files={"file": ("t.csv", b"text\nGood morning.\nGood night.\n")}, headers=key)


def upload(client: Client, key: dict[str, str], item: str) -> httpx.Response:
    return client.post("/api/v1/upload", files={"file": ("a.wav", TONE)}, headers=key)


def transcriptions(client: Client, key: dict[str, str], item: str) -> httpx.Response:
    return client.post("/api/v1/transcriptions", files=[("file", (f"{n}.wav", TONE)) for n in range(2)], headers=key)


def of_item(client: Client, key: dict[str, str], item: str) -> httpx.Response:
    return client.post("/api/v1/transcriptions", json={"item_id": item}, headers=key)


def retry(client: Client, key: dict[str, str], item: str) -> httpx.Response:
    failed = next(job for job in client.get("/api/v1/jobs").json()["jobs"] if job["title"] == "Fail")
    return client.post(f"/api/v1/jobs/{failed['id']}/retry", headers=key)


CASES: dict[str, tuple[Send, list[str], int]] = {  # and the kinds of items there must be afterwards, and how many are at work
    "speech": (speech, ["speech", "speech", "upload"], 1),
    "bulk": (bulk, ["batch", "speech", "upload"], 1),
    "upload": (upload, ["speech", "upload", "upload"], 0),
    "transcriptions": (transcriptions, ["speech", "transcript", "transcript", "upload"], 2),
    "of_item": (of_item, ["speech", "transcript"], 1),
    "retry": (retry, ["speech", "upload"], 1),
}


def in_child(work: Callable[[], Any]) -> Any:
    """What `work` answers in a child, or None if it was killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, json.dumps(work()).encode())
            os._exit(0)
        except BaseException:  # noqa: BLE001 - a child must never return into the parent's code
            traceback.print_exc()
            os._exit(1)
    os.close(writing)
    with open(reading, "rb") as pipe:
        said = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, -signal.SIGKILL):
        raise SystemExit("the work itself failed")
    return json.loads(said) if status == 0 else None


def prepare(folder: Path) -> dict[str, str]:
    """A session with a recording and with speech that failed."""
    with surface(folder, stt_engine="draft") as sotto:
        client = sotto.program()
        failing = client.post("/api/v1/speech", json={"text": "Good morning.", "title": "Fail"}).json()
        sotto.run(client, failing["job"]["id"])
        item = upload(client, {}, "").json()["item"]["id"]
        return {"token": str(client.http.headers["Authorization"]), "item": item}


def ask(folder: Path, case: str, made: dict[str, str], key: str, number: int = 0) -> dict[str, Any]:
    """Send the request, dying at the `number`-th write; twice and with a look at what is there if it is not to die."""
    with surface(folder, stt_engine="draft") as sotto:
        client = sotto.stranger(headers={"Authorization": made["token"]})
        sotto.clock.now = time.time()  # which stands still, but not where another child's did
        client.get("/api/v1/session/info")  # what happens once a server is not of the request
        send, headers = CASES[case][0], {"Idempotency-Key": key}
        if number:
            die_at(number)
        first = send(client, headers, made["item"])
        if number:
            return {}
        return looked(sotto, client, first, send(client, headers, made["item"]))


def looked(sotto: Surface, client: Client, first: httpx.Response, second: httpx.Response) -> dict[str, Any]:
    items = client.get("/api/v1/items").json()["items"]
    jobs = client.get("/api/v1/jobs?open=true").json()["jobs"]
    told = {first.json().get("item", {}).get("id")} | {one["id"] for one in first.json().get("items", ())}
    return {
        "statuses": [first.status_code, second.status_code],
        "same": first.content == second.content and "idempotent-replayed" in second.headers,
        "kinds": sorted(item["kind"] for item in items),
        "told": sorted(told - {None}) == sorted(item["id"] for item in items if item["id"] in told),
        "open": len(jobs),
    }


def problems(case: str, found: dict[str, Any]) -> list[str]:
    """What is not as it should be."""
    wrong = [] if set(found["statuses"]) <= {200, 201, 202} else [f"answers {found['statuses']}"]
    wrong += [name for name in ("same", "told") if not found[name]]
    wrong += [] if found["open"] == CASES[case][2] else [f"{found['open']} at work"]
    return wrong if found["kinds"] == CASES[case][1] else [*wrong, f"items {found['kinds']}"]


def sweep_through(case: str, first: int, stride: int) -> dict[str, Any]:
    """Die at write `first`, `first + stride`, ... until the request has no more writes."""
    wrong, number, points = [], first, 0
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(dir=memory))
    made = in_child(lambda: prepare(folder / "prepared"))
    while True:
        at, place, key = number, folder / str(number), str(uuid.uuid4())
        shutil.copytree(folder / "prepared", place)
        try:
            finished = in_child(lambda place=place, at=at, key=key: ask(place, case, made, key, at)) is not None
            found = in_child(lambda place=place, key=key: ask(place, case, made, key))
            wrong += [f"{case} at write {number}: {problem}" for problem in problems(case, found)]
        finally:
            shutil.rmtree(place)
        if finished:
            shutil.rmtree(folder)
            return {"case": case, "points": points, "problems": wrong}
        number, points = number + stride, points + 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stride", type=int, default=1)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--cases", default=",".join(CASES))
    options = parser.parse_args()
    for case in options.cases.split(","):
        print(json.dumps(sweep_through(case, options.first, options.stride)), flush=True)


if __name__ == "__main__":
    main()
