"""The worker that makes captions is killed in their midst: another one goes on, and what was said stays said, once."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.api.served import Served, served
from tests.jobs.rig import until
from tests.live.killing import Mortal, mortal
from tests.live.speaking import Speaker, chunks_of, speaking, token_of
from tests.live.test_captions import MODEL, clip
from utils.transcription.captions_file import captions_of

pytestmark = pytest.mark.long


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    settings = {"WHISPER_MODEL": str(MODEL), "STT_ENGINE": "whisper", "LIVE_WORKERS": "1", "TRANSCRIBE_WORKERS": "0"}
    with served(tmp_path, **settings) as found:
        yield found


def worker_of(server: Served | Mortal) -> int | None:
    """The process that makes captions."""
    for child in psutil.Process(server.pid).children():
        if "live" in child.cmdline():
            return child.pid
    return None


def words_of(captions: Path) -> list[str]:
    text = "".join(caption.committed for caption in captions_of(captions))
    return [word.strip(".,!? ").lower() for word in text.split()]


@pytest.mark.parametrize("moment_s", [0.0, 0.4, 1.7])
def test_captions_whose_worker_is_killed_go_on_without_a_word_lost_or_doubled(server: Served, moment_s: float) -> None:
    with server.client() as client:
        token = token_of(client)
    told: list[str] = []
    said, over = 0, threading.Event()
    with speaking(server.url) as speaker, speaking(server.url) as viewer:
        speaker.say("start", sample_rate=16_000, language="en", token=token, transcript=False)
        item_id = speaker.until("status")["item_id"]
        captions = next(server.outputs.glob(f"*/single/{item_id}")) / "captions.jsonl"
        viewer.say("watch", item_id=item_id, token=token)

        def look() -> None:
            while not over.is_set():
                told.extend(event["committed"] for event in viewer.there() if event["event"] == "words")
                time.sleep(0.05)

        looking = threading.Thread(target=look)
        looking.start()
        try:
            sentence, seq, killed_at = clip(), 0, 0
            while said < 4 or words_of(captions).count("kitchen") <= killed_at:  # as long as it takes them to come back
                for at in range(0, len(sentence), 6400):
                    speaker.send(seq, sentence[at : at + 6400])
                    seq += 1
                    time.sleep(0.2)
                said += 1
                assert said < 30, "the captions did not come back"
                if not killed_at and "kitchen" in words_of(captions):
                    time.sleep(moment_s)
                    before = captions.read_bytes()
                    killed_at = words_of(captions).count("kitchen")
                    os.kill(until(lambda: worker_of(server), 60), signal.SIGKILL)
            speaker.say("stop", next_seq=seq)
            speaker.until("final", 120)
        finally:
            time.sleep(1)
            over.set()
            looking.join()
    whole = before[: before.rfind(b"\n") + 1]
    assert captions.read_bytes().startswith(whole)
    words = words_of(captions)
    print(said, words)
    assert words.count("kitchen") == words.count("light") == said
    assert "".join(told) == "".join(caption.committed for caption in captions_of(captions))


def test_captions_whose_server_is_killed_go_on_without_a_word_lost_or_doubled(tmp_path: Path) -> None:
    settings = {"WHISPER_MODEL": str(MODEL), "STT_ENGINE": "whisper", "LIVE_WORKERS": "1"}
    parts = chunks_of(clip(), 6400)
    with mortal(tmp_path, **settings) as server:
        with server.client() as client:
            token = token_of(client)

        def say(speaker: Speaker, first: int, times: int) -> int:
            for seq in range(first, first + times * len(parts)):
                speaker.send(seq, parts[seq % len(parts)])
                time.sleep(0.2)
            return first + times * len(parts)

        with speaking(server.url) as speaker:
            speaker.say("start", sample_rate=16_000, language="en", token=token, transcript=False)
            item_id = speaker.until("status")["item_id"]
            captions = next(server.outputs.glob(f"*/single/{item_id}")) / "captions.jsonl"
            seq = say(speaker, 0, 2)
            until(lambda: "kitchen" in words_of(captions), 60)
            speaker.acked(seq - 1)
            before = captions.read_bytes()
            server.kill()
        server.start()
        with speaking(server.url) as speaker:
            speaker.say("resume", item_id=item_id, token=token)
            assert speaker.until("status")["next_seq"] == seq
            shown = speaker.until("words")
            assert shown["all"] and "kitchen" in shown["committed"]
            seq = say(speaker, seq, 2)
            speaker.say("stop", next_seq=seq)
            speaker.until("final", 120)
        assert captions.read_bytes().startswith(before[: before.rfind(b"\n") + 1])
        found = [words_of(captions).count(word) for word in ("light", "kitchen")]
        assert found == [4, 4], captions.read_text() + server.log.read_text()[-4000:]


def test_captions_that_catch_up_after_a_death_hear_a_sentence_as_often_as_it_was_said(tmp_path: Path) -> None:
    """The server dies between a sentence and the silence behind it; the next worker begins when all has been said."""
    settings = {"WHISPER_MODEL": str(MODEL), "STT_ENGINE": "whisper", "LIVE_WORKERS": "1"}
    sentence = clip()
    voice = 16_000 * 2 * 23 // 10  # bytes, to shortly behind the last word
    with mortal(tmp_path, **settings) as server:
        with server.client() as client:
            token = token_of(client)
        parts = [*chunks_of(sentence, 6400), *chunks_of(sentence[:voice], 6400)]
        with speaking(server.url) as speaker:
            speaker.say("start", sample_rate=16_000, language="en", token=token, transcript=False)
            item_id = speaker.until("status")["item_id"]
            captions = next(server.outputs.glob(f"*/single/{item_id}")) / "captions.jsonl"
            for seq, part in enumerate(parts):
                speaker.send(seq, part)
                time.sleep(0.2)
            until(lambda: words_of(captions).count("kitchen") == 2, 60)
            server.kill()
        server.start()
        worker = psutil.Process(until(lambda: worker_of(server), 60))
        worker.suspend()
        try:
            with speaking(server.url) as speaker:
                speaker.say("resume", item_id=item_id, token=token)
                seq = speaker.until("status")["next_seq"]
                for number, part in enumerate(chunks_of(sentence[voice:] + sentence * 2, 6400), seq):
                    speaker.send(number, part)
                    seq = number + 1
                speaker.say("stop", next_seq=seq)
                speaker.until("status", status="processing")
                worker.resume()
                speaker.until("final", 120)
        finally:
            worker.resume()
        found = [words_of(captions).count(word) for word in ("light", "kitchen")]
        assert found == [4, 4], captions.read_text() + server.log.read_text()[-4000:]
