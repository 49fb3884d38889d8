"""What the run of schemathesis stands on: the routes with the real store and real jobs, a worker, and sessions with canaries."""

from __future__ import annotations

import random
import re
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.api.surface import Client, Surface, speak, surface
from tests.jobs.listening import kinds
from tests.jobs.recordings import lengths, sentences, spoken
from utils.jobs.journal import Journal
from utils.jobs.kinds import KINDS, Kind, pools_of
from utils.jobs.queue import Queue
from utils.jobs.rates import Rates
from utils.jobs.runner import Runner, Timing

CANARIES = ("canary-one-4711", "canary-two-0815", "canary-three-2342")
FILE = re.compile(rb'(filename="[^"]*"(?:\r\n[^\r\n]+)*\r\n\r\n).*?(\r\n--)', re.DOTALL)  # the content of a part
NAMED = re.compile(rb'filename="[^"]*"')
TICK_S = 0.01  # between two requests; the clock stands still by itself
EXAMPLE = b"8e03978e-40d5-43dd-bc93-6894a57f9324"  # of an Idempotency-Key, in the document
ITEM = re.compile(r"^(/api/v1/(?:items|jobs)/)[\w-]+(?=[/.]|$)", re.ASCII)  # what could be an id
KINDS_HERE = {**KINDS, **kinds(lengths()), "speech": Kind("speech", speak), "sample": Kind("speech", speak)}


@dataclass
class Home:
    """A session with something of everything in it.

    Attributes:
        canary: In its titles, and so in the ids of its items.
        secret: In its texts alone: whoever has not read one cannot know it.
    """

    client: Client
    canary: str
    secret: str
    token: str
    session_id: str
    ids: dict[str, str]

    def is_in(self, data: bytes) -> bool:
        return self.canary.encode() in data or self.secret.encode() in data


@contextmanager
def worked(sotto: Surface) -> Iterator[None]:
    """Somebody who does all jobs of all sessions, as a worker would."""
    settings = sotto.services.settings
    journal = Journal(sotto.services.sessions, clock=sotto.clock)
    queue = Queue("", settings.queue_dir, pools_of(KINDS_HERE))
    runner = Runner(journal, queue, KINDS_HERE, Rates(settings.queue_dir / "rates.json"), settings, Timing())
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.005):
            for name in journal.open_names():
                runner(str(name))

    threads = [threading.Thread(target=work, name=f"worker-{number}") for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def settle(sotto: Surface, canary: str) -> Home:
    """A session that holds speech, a batch and a transcript, all of which carry its canary."""
    client, secret = sotto.program(), f"secret{canary.rpartition('-')[2]}word"
    ids = {}
    made = client.post("/api/v1/speech?wait=30", json={"text": f"Good morning, {secret}.", "title": canary, "engine": "espeak"})
    ids["speech"] = made.json()["item"]["id"]
    table = f"text,filename\nGood morning.,{canary}\nGood night {secret}.,night\n"
    made = client.post("/api/v1/bulk", files={"file": ("t.csv", table.encode())}, data={"options": f'{{"title": "{canary}"}}'})
    ids["batch"] = made.json()["item"]["id"]
    sound = spoken(sentences(2, seed=len(canary)))
    made = client.post(
        "/api/v1/transcriptions?wait=30", files={"file": (f"{canary}.wav", sound)}, data={"title": canary, "reference": secret}
    )
    ids["transcript"] = made.json()["items"][0]["id"]
    made = client.post("/api/v1/upload", files={"file": (f"{canary}.wav", sound)})
    ids["upload"] = made.json()["item"]["id"]
    token = str(client.http.headers["Authorization"]).removeprefix("Bearer ")
    return Home(client, canary, secret, token, sotto.session_of(client), ids)


@dataclass
class Crossing:
    """ASGI app around the routes: some requests of the first session are sent by the second, some ask for things of the third.

    Attributes:
        app: The routes.
        sotto: What they stand on.
        homes: The session that asks, one that asks sometimes, and one that never does.
        crossed: What was seen of a session by another one. Shall stay empty.
        foreign: How many requests asked for what is another's.
    """

    app: Any
    sotto: Surface
    homes: list[Home]
    dice: random.Random
    crossed: list[str] = field(default_factory=list)
    foreign: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self.sotto.clock.now += TICK_S
        body = await whole(receive)
        scope, sender, body = self._sent(scope, body)
        seen, statuses = bytearray(), list[int]()

        async def watched(message: Any) -> None:
            statuses.extend([message["status"]] if "status" in message else [])
            for name, value in message.get("headers", ()):
                seen.extend(name + value)
            seen.extend(message.get("body", b""))
            await send(message)

        async def again() -> Any:
            nonlocal body
            if body is None:
                return await receive()
            given, body = body, None
            return {"type": "http.request", "body": given, "more_body": False}

        asked = scope["raw_path"] + scope["query_string"] + (body or b"")
        await self.app(scope, again, watched)
        for home in self.homes:
            if home is sender:
                continue
            told = home.secret.encode() in seen and home.secret.encode() not in asked
            told |= home.canary.encode() in seen and home.canary.encode() not in asked
            if told or (home.canary in scope["path"] and statuses[0] < 400):
                self.crossed.append(f"{home.canary} in {scope['method']} {scope['path']} sent by {sender and sender.canary}")

    def _sent(self, scope: Any, body: bytes) -> tuple[Any, Home | None, bytes]:
        """The request as it is sent in the end, whose it is, and its body."""
        first, second, third = self.homes
        headers = dict(scope["headers"])
        if headers.get(b"authorization") != b"Bearer " + first.token.encode():
            return scope, None, body
        if headers.get(b"idempotency-key") == EXAMPLE and self.dice.random() < 0.8:  # else every request would have the same
            headers[b"idempotency-key"] = uuid.UUID(int=self.dice.getrandbits(128)).hex.encode()
        sender = first
        if scope["method"] == "DELETE" and scope["path"].startswith("/api/v1/session"):  # the homes are needed until the end
            token = self.sotto.services.sessions.token(self.sotto.services.sessions.create_session())
            headers[b"authorization"] = f"Bearer {token}".encode()
            return {**scope, "headers": list(headers.items())}, None, body
        if not any(home.is_in(scope["query_string"] + body) for home in self.homes) and self.dice.random() < 0.1:
            sender = second
            headers[b"authorization"] = b"Bearer " + second.token.encode()
        if self.dice.random() < 0.5:  # nobody draws a recording by chance
            body = meant(scope["path"], body)
            if b"content-length" in headers:
                headers[b"content-length"] = str(len(body)).encode()
        scope = {**scope, "headers": list(headers.items())}
        roll = self.dice.random()
        if roll < 0.1:
            scope = renamed(scope, self.dice.choice([*third.ids.values()]))
        elif roll < 0.3 and scope["method"] != "DELETE":
            scope = renamed(scope, sender.ids[kind_of(scope["path"])])
        self.foreign += sender is second or third.canary in scope["path"]
        return scope, sender, body


def renamed(scope: Any, item_id: str) -> Any:
    """The request for another item, if it is for one."""
    path = ITEM.sub(lambda found: found[1] + item_id, scope["path"])
    return {**scope, "path": path, "raw_path": quote(path).encode()}


def kind_of(path: str) -> str:
    """What kind of item an address is about."""
    words = {"/rows": "batch", "/transcri": "transcript"}
    return next((kind for word, kind in words.items() if word in path.removeprefix("/api/v1")), "speech")


def meant(path: str, body: bytes) -> bytes:
    """The body with a file of the kind that the address takes, where it has one."""
    if path.endswith("/bulk"):
        table = b"text\nGood morning.\n"
        return FILE.sub(lambda found: NAMED.sub(b'filename="table.csv"', found[1]) + table + found[2], body)
    if not path.endswith(("/upload", "/transcriptions", "/translations")):
        return body
    sound = spoken(sentences(1, seed=len(body)))
    if FILE.search(body):
        return FILE.sub(lambda found: found[1] + sound + found[2], body, count=1)
    return sound if path.endswith("/upload") else body


async def whole(receive: Any) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


@contextmanager
def fuzzed(folder: Path, **settings: Any) -> Iterator[Crossing]:
    """The routes with a worker and three sessions."""
    with surface(folder / "outputs", tts_engine="espeak", **settings) as sotto, worked(sotto):
        homes = [settle(sotto, canary) for canary in CANARIES]
        while sotto.services.jobs.of_session(homes[-1].session_id, open_only=True):
            time.sleep(0.01)
        yield Crossing(sotto.app, sotto, homes, random.Random(7))
