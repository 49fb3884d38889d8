"""ETag, If-Match and If-None-Match on what can be edited, and Range on every sound."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.surface import SOUND, Client, Surface
from utils.storage.batch_log import DONE, RowResult, append
from utils.storage.item import ItemFile
from utils.transcription import transcript_file
from utils.transcription.contract import Segment, Transcript
from utils.workflows import versions

OLD = '"00000000000000000000"'


def spoken(sotto: Surface, client: Client) -> str:
    """Address of a finished item with a sound."""
    job = client.post("/api/v1/speech", json={"text": "Good morning."}).json()["job"]["id"]
    sotto.run(client, job)
    return f"/api/v1/items/{job}"


def batch(client: Client) -> str:
    """Address of a batch that was stopped before it began."""
    made = client.post("/api/v1/bulk", files={"file": ("t.csv", b"text\nOne.\nTwo.\n")}).json()["job"]["id"]
    assert client.post(f"/api/v1/jobs/{made}/cancel").json()["state"] == "cancelled"
    return f"/api/v1/items/{made}"


def transcript(sotto: Surface, client: Client) -> str:
    """Address of the text of a transcript."""
    store, session = sotto.services.sessions, sotto.session_of(client)
    data = transcript_file.to_bytes(Transcript((Segment(0.0, 1.0, "One."),), "en", 0.9, "whisper", "base", 1.0))
    file = ItemFile("transcript.json", "application/json", len(data), "transcript")
    item = store.create_item(
        session, folder="single", kind="transcript", title="Talk", request={}, files={file.name: data}, listed=(file,)
    )
    return f"/api/v1/items/{item.id}/transcript"


def held(client: Client, url: str) -> httpx.Response:
    """A GET whose version is then known: the answer is 304, HEAD agrees, and any other version gets all of it."""
    answer = client.get(url)
    etag = answer.headers["etag"]
    for known in (etag, f"W/{etag}", f"{OLD}, {etag}", "*"):
        again = client.get(url, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag), known
    assert client.request("HEAD", url, headers={"If-None-Match": etag}).status_code == 304
    assert client.request("HEAD", url).headers["etag"] == etag
    assert client.get(url, headers={"If-None-Match": OLD}).json() == answer.json()
    return answer


def test_item_get_patch_and_delete_go_by_its_version(shared: Surface) -> None:
    client = shared.program()
    url = spoken(shared, client)
    etag = held(client, url).headers["etag"]
    for wrong in (OLD, f"W/{etag}"):
        assert client.patch(url, json={"title": "A"}, headers={"If-Match": wrong}).json()["code"] == "precondition_failed"
        assert client.delete(url, headers={"If-Match": wrong}).status_code == 412
    shared.clock.now += 1
    changed = client.patch(url, json={"title": "A", "permanent": True}, headers={"If-Match": f"{OLD}, {etag}"})
    assert changed.status_code == 200 and (changed.json()["title"], changed.json()["permanent"]) == ("A", True)
    assert client.patch(url, json={"title": "B"}, headers={"If-Match": etag}).status_code == 412
    assert held(client, url).headers["etag"] == changed.headers["etag"] != etag
    assert client.patch(url, json={"title": "B"}, headers={"If-Match": "*"}).status_code == 200
    assert client.delete(url, headers={"If-Match": client.get(url).headers["etag"]}).status_code == 204


def test_item_changed_by_nothing_still_asks_for_the_version(shared: Surface) -> None:
    client = shared.program()
    url = spoken(shared, client)
    assert client.patch(url, json={}, headers={"If-Match": OLD}).status_code == 412
    assert client.patch(url, json={}).status_code == 200


def test_session_goes_by_its_version(shared: Surface) -> None:
    client = shared.program()
    etag = held(client, "/api/v1/session/info").headers["etag"]
    assert client.patch("/api/v1/session", json={"permanent": True}, headers={"If-Match": OLD}).status_code == 412
    changed = client.patch("/api/v1/session", json={"permanent": True}, headers={"If-Match": etag})
    assert changed.status_code == 200 and changed.headers["etag"] != etag
    assert held(client, "/api/v1/session/info").headers["etag"] == changed.headers["etag"]


def test_text_goes_by_its_version_and_tells_a_new_title(shared: Surface) -> None:
    client = shared.program()
    url = transcript(shared, client)
    first = held(client, url).headers["etag"]
    shared.clock.now += 1
    client.patch(url.removesuffix("/transcript"), json={"title": "Another"})
    second = held(client, url)
    assert second.headers["etag"] != first and second.json()["title"] == "Another"
    text = {"segments": [{"start": 0, "end": 1, "text": "Two."}]}
    put = client.request("PUT", url, json=text, headers={"If-Match": first})  # the text itself is the one that was read
    assert put.status_code == 200 and put.headers["etag"] == held(client, url).headers["etag"]
    for step, seen in (("undo", first), ("redo", put.headers["etag"])):
        assert client.post(f"{url}/{step}", headers={"If-Match": seen if step == "undo" else OLD}).status_code == 412
        now = client.get(url).headers["etag"]
        assert client.post(f"{url}/{step}", headers={"If-Match": now}).headers["etag"] != now
    assert client.get(url).json()["segments"][0]["text"] == "Two."


def test_rows_go_by_the_version_of_their_text(shared: Surface) -> None:
    client = shared.program()
    url = batch(client)
    rows = held(client, f"{url}/rows").json()["rows"]
    assert len({row["etag"] for row in rows}) == 2
    edited = {"text": "Three."}
    assert client.post(f"{url}/rows/1", json=edited, headers={"If-Match": rows[1]["etag"]}).status_code == 412
    assert client.post(f"{url}/rows/1", json=edited, headers={"If-Match": rows[0]["etag"]}).status_code == 202
    client.post(f"/api/v1/jobs/{url.rpartition('/')[2]}/cancel")
    assert client.post(f"{url}/rows/1", json={"text": "Four."}, headers={"If-Match": rows[0]["etag"]}).status_code == 412
    assert client.get(f"{url}/rows").json()["rows"][0]["text"] == "Three."


def row_with_sound(sotto: Surface, client: Client) -> str:
    url = batch(client)
    folder = sotto.services.sessions.item_path(sotto.session_of(client), url.rpartition("/")[2])
    (folder / "0001-one.mp3").write_bytes(SOUND)
    told: dict[str, Any] = {"number": 1, "state": "done", "file": "0001-one.mp3", "size_bytes": len(SOUND)}
    append(folder, DONE, [RowResult(**told)])
    return f"{url}/rows/1/audio"


@pytest.mark.parametrize("which", ["item", "row"])
def test_sound_is_given_in_ranges(shared: Surface, which: str) -> None:
    client = shared.program()
    if which == "item":
        url = spoken(shared, client)
        url = client.get(url).json()["files"][0]["url"]
    else:
        url = row_with_sound(shared, client)
    whole = client.get(url)
    assert (whole.content, whole.headers["accept-ranges"]) == (SOUND, "bytes")
    part = client.get(url, headers={"Range": "bytes=100-199", "If-Range": whole.headers["etag"]})
    assert (part.status_code, part.content) == (206, SOUND[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(SOUND)}"
    assert client.get(url, headers={"Range": "bytes=-10"}).content == SOUND[-10:]
    assert client.get(url, headers={"Range": f"bytes={len(SOUND)}-"}).status_code == 416
    assert client.get(url, headers={"Range": "bytes=0-9", "If-Range": OLD}).status_code == 200
    assert client.get(url, headers={"If-None-Match": whole.headers["etag"]}).status_code == 304


def test_versions_of_different_words_differ_and_half_a_letter_is_no_error() -> None:
    assert versions.tag("a") != versions.tag("b") and versions.tag("\ud83d")
    assert not versions.matches("", OLD) and not versions.is_known("", OLD)
