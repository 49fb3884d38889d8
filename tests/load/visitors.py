"""What visitors do, each in its own session: speak, transcribe, take everything as a ZIP; by pages and by programs."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.load.browser import Browser
from tests.load.truth import Owner, Truth

SHARES = (("speech", 70), ("transcript", 20), ("zip", 10))
PATIENCE_S = 120.0
OPENAI_VOICE = "espeak:en-us"


class Refused(Exception):
    """The server said no, and how long to wait."""

    def __init__(self, wait_s: float) -> None:
        super().__init__()
        self.wait_s = wait_s


@dataclass
class Tally:
    """What all visitors did together.

    Attributes:
        done: Acts that gave what was asked, by kind.
        refused: Acts that the server refused with a sentence.
        reactions_s: Of all pages.
    """

    done: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    reactions_s: list[float] = field(default_factory=list)


class Visitor:
    """Somebody with a session. `http` is already theirs."""

    def __init__(self, owner: Owner, truth: Truth, tally: Tally, http: httpx.AsyncClient, seed: int) -> None:
        self.owner, self.truth, self.tally, self.http = owner, truth, tally, http
        self.dice = random.Random(seed)
        self.spoken = 0
        self._first = SHARES[seed % len(SHARES)][0]

    async def act(self) -> None:
        """One thing, drawn; the first one is given, so that all kinds are there however few acts there are."""
        kind = self._first or self.dice.choices([name for name, _ in SHARES], [share for _, share in SHARES])[0]
        self._first = ""
        try:
            await {"speech": self.speak, "transcript": self.transcribe, "zip": self.take_all}[kind]()
            self.tally.done[kind] = self.tally.done.get(kind, 0) + 1
        except Refused as refused:
            self.tally.refused += 1
            await asyncio.sleep(refused.wait_s)

    async def speak(self) -> None:
        await self.speak_here()

    async def speak_here(self) -> None:
        """By the routes of the session."""
        text, format = self.owner.text(), self.dice.choice(("mp3", "wav"))
        body = {"text": text, "language": "en-US", "engine": "espeak", "format": format}
        made = (await self.ask("POST", "/api/v1/speech", json=body, params={"wait": 30})).json()
        job = await self.wait_for(made["job"])
        await self.check_speech(job["id"], text)

    async def check_speech(self, item_id: str, text: str) -> None:
        """The item is of this text, and its files are what the engine makes of it when it is called in place."""
        item = (await self.ask("GET", f"/api/v1/items/{item_id}")).json()
        if item["request"]["text"] != text:
            self.truth.wrong.append(f"{self.owner.canary}: item {item_id} is of another text")
            return
        files = {file["role"]: file for file in item["files"]}
        sound = (await self.ask("GET", files["audio"]["url"])).content
        words = (await self.ask("GET", next(file["url"] for file in item["files"] if file["name"].endswith(".vtt")))).content
        self.spoken += 1
        format = str(item["request"]["format"])
        await asyncio.to_thread(self.truth.check_speech, self.owner, text, format, sound, words)

    async def transcribe(self) -> None:
        files = {"file": (f"{self.owner.canary}.wav", self.owner.recording, "audio/wav")}
        sent = await self.ask("POST", "/api/v1/transcriptions", params={"wait": 30}, files=files, data={"language": "en"})
        job = await self.wait_for(sent.json()["jobs"][0])
        text = (await self.ask("GET", f"/api/v1/items/{job['id']}/transcript")).json()  # a file would tell its title and doubts too
        self.truth.check_transcript(self.owner, " ".join(segment["text"] for segment in text["segments"]))

    async def take_all(self) -> None:
        # An item can be in the list before it has files; only what was finished before must be there.
        finished = self.spoken
        if not finished:
            await self.speak_here()
            finished = self.spoken
        data = (await self.ask("GET", "/api/v1/items.zip", params={"kind": "speech"})).content
        self.truth.check_zip(self.owner, data, finished)

    async def wait_for(self, job: dict[str, Any]) -> dict[str, Any]:
        """How the job stands when it is over; everything but "done" is wrong."""
        ends = time.monotonic() + PATIENCE_S
        while job["state"] in ("queued", "running") and time.monotonic() < ends:
            await asyncio.sleep(0.5)
            job = (await self.ask("GET", f"/api/v1/jobs/{job['id']}")).json()
        if job["state"] != "done":
            self.truth.wrong.append(f"{self.owner.canary}: job {job['id']} is {job['state']}: {job.get('error')}")
            raise Refused(0.0)
        return job

    async def ask(self, method: str, url: str, **options: Any) -> httpx.Response:
        """A request; a refusal must say why, and when to come again."""
        answer = await self.http.request(method, url, **options)
        self.truth.check_foreign(self.owner, answer.content[:100_000], url.partition("?")[0])
        if answer.status_code in (429, 503, 507):
            problem = answer.json()
            told = problem.get("detail") or problem.get("error", {}).get("message")
            if not told or (answer.status_code == 429 and "retry-after" not in answer.headers):
                self.truth.wrong.append(f"{self.owner.canary}: refused without a reason: {answer.status_code} of {url}")
            raise Refused(float(answer.headers.get("retry-after", "2")))
        if answer.status_code >= 400:
            self.truth.wrong.append(f"{self.owner.canary}: {answer.status_code} of {method} {url}: {answer.text[:200]}")
            raise Refused(0.0)
        return answer


class Program(Visitor):
    """Speaks through the routes of its session, and now and then through OpenAI's, which keep nothing."""

    async def speak(self) -> None:
        if self.dice.random() < 0.5:
            await self.speak_here()
            return
        text = self.owner.text()
        body = {"model": "tts-1", "voice": OPENAI_VOICE, "input": text, "response_format": "wav"}
        sound = (await self.ask("POST", "/v1/audio/speech", json=body)).content
        await asyncio.to_thread(self.truth.check_stream, self.owner, text, sound)

    async def transcribe(self) -> None:
        if self.dice.random() < 0.5:
            await super().transcribe()
            return
        files = {"file": (f"{self.owner.canary}.wav", self.owner.recording, "audio/wav")}
        data = {"model": "whisper-1", "language": "en", "response_format": "text"}
        heard = (await self.ask("POST", "/v1/audio/transcriptions", files=files, data=data)).text
        self.truth.check_transcript(self.owner, heard)


class Person(Visitor):
    """Speaks by the page."""

    def __init__(self, owner: Owner, truth: Truth, tally: Tally, browser: Browser, seed: int) -> None:
        super().__init__(owner, truth, tally, browser.http, seed)
        self.browser = browser

    async def speak(self) -> None:
        text = self.owner.text()
        await self.browser.set("speak_text", text)
        before = {item["id"] for item in await self._items()}
        await self.browser.click("speak_generate", speak_text=text)
        await self.browser.follow()
        new = [item for item in await self._items() if item["id"] not in before]
        if self.browser.errors:
            self.truth.wrong.append(f"{self.owner.canary}: the page shows {self.browser.errors}")
            self.browser.errors.clear()
        if len(new) != 1:
            self.truth.wrong.append(f"{self.owner.canary}: {len(new)} items of one click")
            return
        job = await self.wait_for((await self.ask("GET", f"/api/v1/jobs/{new[0]['id']}")).json())
        await self.check_speech(job["id"], text)

    async def transcribe(self) -> None:
        await super().transcribe()
        await self.browser.visit("transcribe")
        await self.browser.visit("")

    async def take_all(self) -> None:
        await self.browser.visit("files")
        try:
            await super().take_all()
        finally:
            await self.browser.visit("")

    async def _items(self) -> list[dict[str, Any]]:
        found = await self.ask("GET", "/api/v1/items", params={"kind": "speech", "per_page": 5})
        return list(found.json()["items"])
