"""A server that is killed while people record: nothing acknowledged is lost, nothing is doubled, every recording is finished."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from pathlib import Path

import pytest

from tests.jobs.rig import until
from tests.live.cutting import recorded
from tests.live.killing import Feeder, mortal, run
from tests.live.speaking import chunks_of, sound, speaking, token_of


def test_killed_server_loses_no_chunk_and_doubles_none(tmp_path: Path) -> None:
    assert run(tmp_path, cycles=2, seed=int(time.time())) == []


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_killed_server_loses_no_chunk_and_doubles_none_100_times(tmp_path: Path) -> None:
    assert run(tmp_path, cycles=100, seed=int(time.time())) == []


def test_recording_that_nobody_comes_back_to_is_finished_by_the_next_server(tmp_path: Path) -> None:
    data = sound(1.0)
    with mortal(tmp_path) as server:
        with server.client() as client:
            token = token_of(client)
        feeder = Feeder(server, token, chunks_of(data))
        assert feeder.feed(len(feeder.parts))
        home = next(server.outputs.glob(f"*/single/{feeder.item_id}"))
        facts = json.loads((home / "live.json").read_bytes())
        server.kill()
        with (home / "sound.pcm").open("ab") as file:
            file.write(b"torn")  # as a death in the middle of a write leaves it
        (home / "live.json").write_bytes(json.dumps(facts | {"ended_at": time.time(), "why": "stop"}).encode())
        server.start()  # killed between the end and the job: the next one makes up for it at once
        found = until(lambda: (home / "recording.wav").exists() and (home / "recording.wav").read_bytes(), 30)
        assert found.endswith(data)
        until(lambda: not list(server.outputs.glob(".live/*")), 30)


def test_recording_with_a_socket_survives_the_end_of_the_server_in_order(tmp_path: Path) -> None:
    with mortal(tmp_path) as server:
        with server.client() as client:
            token = token_of(client)
        feeder = Feeder(server, token, chunks_of(sound(1.0)))
        with speaking(server.url) as speaker:
            speaker.say("start", sample_rate=16_000, token=token, captions=False, transcript=False)
            feeder.item_id = speaker.until("status")["item_id"]
            speaker.send(0, feeder.parts[0])
            speaker.acked(0)
            server.stop()
            assert speaker.closed()[0] in (1012, 1006)
        server.start()
        assert feeder.feed(len(feeder.parts))
        assert feeder.finish() == b"".join(feeder.parts)
        assert not os.listdir(server.outputs / ".live")


def test_network_that_is_cut_for_a_second_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    """Once its lines break, once they are silent: then what was sent before arrives after the client has come back."""
    with mortal(tmp_path) as server:
        for breaking in (True, False):
            assert recorded(server, random.Random(20261121), 1.0, breaking=breaking) == []


@pytest.mark.long
def test_network_that_is_cut_for_up_to_a_minute_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    """Many recordings at once, each with a network of its own."""
    dice, problems = random.Random(time.time()), list[list[str]]()
    with mortal(tmp_path) as server:

        def one(seed: int, cut_s: float) -> None:
            problems.append(recorded(server, random.Random(seed), cut_s, breaking=seed % 2 == 0))

        threads = [threading.Thread(target=one, args=(seed, dice.uniform(1, 60))) for seed in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert problems == [[]] * 16
        assert not os.listdir(server.outputs / ".live")
