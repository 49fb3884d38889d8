"""Nobody reaches what is another's through pages and sockets: the same canaries as in `test_access_matrix`, by Streamlit's
protocol.

Each session opens every page and sees its own things and nobody else's. Then it sends what no browser of ours would: every event of
every component on the page, with ids of another session's items.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets import Origin, Subprotocol
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.api.served import ROOT, Served, served
from tests.storage.support import everything
from utils.api.cookies import NAME
from utils.session_manager import SessionManager
from utils.settings import Settings
from utils.storage.item import ItemFile

PAGES = ("", "bulk", "transcribe", "live", "files")
LISTS = ("", "files")  # where a canary must be seen; the others open the newest thing that is whole
KINDS = ("speech", "batch", "transcript", "recording", "upload")
EVENTS = sorted(
    {name for path in (ROOT / "utils" / "ui").glob("*.py") for name in re.findall(r"\bon_(\w+)_change=", path.read_text("utf-8"))}
)
OWN_MARKS = ("session.json", "presence")  # of its owner's own visits


class Home:
    """A session with a canary in every kind of thing."""

    def __init__(self, store: SessionManager, number: int) -> None:
        self.store, self.canary = store, f"canary{number:03d}zq"
        self.id = store.create_session()
        self.token = store.token(self.id)
        self.items: dict[str, str] = {}
        for kind in KINDS:
            folder = "bulk" if kind == "batch" else "single"
            item = store.create_item(self.id, folder=folder, kind=kind, title=self.canary, request={"text": self.canary})
            data = self.canary.encode() * 20
            store.write_file(self.id, item.id, "canary.mp3", data, durable=False)
            audio = ItemFile("canary.mp3", "audio/mpeg", len(data), "audio")
            store.update_item(self.id, item.id, files=(audio,), result={"seconds": 1.0, "engine_label": self.canary})
            self.items[kind] = item.id

    def lies(self) -> dict[str, object]:
        found = everything(self.store.outputs / self.id)
        return {name: data for name, data in found.items() if name not in OWN_MARKS}


class Tab:
    """One open page, as its browser or anybody who speaks the protocol has it."""

    def __init__(self, server: Served, page: str, token: str | None, *, origin: str | None = "") -> None:
        host = urlsplit(server.url).netloc
        self._page = page
        self._held = connect(
            f"ws://{host}/_stcore/stream",
            subprotocols=[Subprotocol("streamlit")],
            origin=None if origin is None else Origin(origin or f"http://{host}"),
            additional_headers={"Cookie": f"{NAME}={token}"} if token else {},
            max_size=None,
        )
        self.socket: ClientConnection

    def __enter__(self) -> Tab:
        self.socket = self._held.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()

    def run(self, triggers: dict[str, object] | None = None) -> list[bytes]:
        """Run the script with these events by the id of their component; all messages of the run."""
        message = BackMsg()
        message.rerun_script.page_name = self._page
        for component, payload in (triggers or {}).items():
            state = message.rerun_script.widget_states.widgets.add()
            state.id = f"$$STREAMLIT_INTERNAL_KEY_{component}__events"
            state.json_trigger_value = json.dumps(payload)
            state = message.rerun_script.widget_states.widgets.add()
            state.id = component
            state.json_value = json.dumps({name: payload for name in EVENTS})
        self.socket.send(message.SerializeToString())
        got: list[bytes] = []
        while True:
            raw = self.socket.recv(timeout=60)
            assert isinstance(raw, bytes)
            got.append(raw)
            kind = ForwardMsg.FromString(raw)
            if kind.WhichOneof("type") == "script_finished" and not kind.script_finished:  # not one that was broken off
                return got


def components(messages: list[bytes]) -> list[str]:
    """Ids of our components among what was drawn."""
    found = []
    for raw in messages:
        message = ForwardMsg.FromString(raw)
        if message.WhichOneof("type") == "delta" and message.delta.new_element.WhichOneof("type") == "bidi_component":
            found.append(message.delta.new_element.bidi_component.id)
    return found


def canaries(messages: list[bytes]) -> set[bytes]:
    return set(re.findall(rb"canary\d{3}zq", b"".join(messages)))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("pages"), SPEECH_WORKERS="0", TRANSCRIBE_WORKERS="0") as running:
        yield running


@pytest.fixture(scope="module")
def store(server: Served) -> SessionManager:
    return SessionManager.from_settings(Settings(outputs_dir=server.outputs))


@pytest.mark.parametrize("count", [3, pytest.param(20, marks=pytest.mark.long)])
def test_every_page_shows_its_own_session_and_acts_on_no_other(server: Served, store: SessionManager, count: int) -> None:
    assert {"open", "choose", "cancel", "remove", "edits"} <= set(EVENTS)
    homes = [Home(store, number) for number in range(count)]
    before = {home.id: home.lies() for home in homes}
    for place, home in enumerate(homes):
        victims = [victim for victim in homes if victim is not home]
        for number, page in enumerate(PAGES):
            with Tab(server, page, home.token) as tab:
                seen = tab.run()
                assert canaries(seen) == {home.canary.encode()} if page in LISTS else canaries(seen) <= {home.canary.encode()}, page
                assert components(seen) or page == "bulk", page
                victim = victims[(place + number) % len(victims)]
                for item in (victim.items["speech"], victim.items["batch"], victim.items["transcript"]):
                    for value in (item, [item], {"id": item, "title": "mine now"}):
                        payload = [{"event": event, "value": value} for event in EVENTS]
                        answer = tab.run(dict.fromkeys(components(seen), payload))
                        assert canaries(answer) <= {home.canary.encode()}, (page, value)
                assert canaries(tab.run()) <= {home.canary.encode()}
    for home in homes:
        after = home.lies()
        assert after == before[home.id], sorted(
            name for name in {*before[home.id], *after} if before[home.id].get(name) != after.get(name)
        )


def test_page_shows_canaries_to_whoever_has_the_cookie(server: Served, store: SessionManager) -> None:
    """So that the test above can fail: the same protocol, and it is seen on every page that lists files."""
    home = Home(store, 900)
    with Tab(server, "files", home.token) as tab:
        assert canaries(tab.run()) == {home.canary.encode()}


@pytest.mark.parametrize("case", ["none", "forged", "cut", "other's signature", "ended"])
def test_page_without_a_genuine_cookie_shows_nothing_of_anybody(server: Served, store: SessionManager, case: str) -> None:
    home, other = Home(store, 901), Home(store, 902)
    ended = store.create_session()
    signature = other.token.partition(".")[2]
    token = {
        "none": None,
        "forged": home.id + "." + "A" * 43,
        "cut": home.token[:-1],
        "other's signature": f"{home.id}.{signature}",
        "ended": store.token(ended),
    }[case]
    store.delete_session(ended)
    before = {path.name for path in server.outputs.iterdir()}
    for page in PAGES:
        with Tab(server, page, token) as tab:
            assert canaries(tab.run()) == set()
    assert {path.name for path in server.outputs.iterdir()} == before


@pytest.mark.parametrize("origin", ["http://elsewhere.test", "null", None])
def test_socket_from_another_site_is_refused_before_the_handshake(
    server: Served, store: SessionManager, origin: str | None
) -> None:
    home = Home(store, 903)
    with pytest.raises(InvalidStatus) as refused, Tab(server, "files", home.token, origin=origin):
        pass
    assert refused.value.response.status_code == 403


def test_log_of_all_this_names_no_canary(server: Served) -> None:
    assert "WebSocket" in server.log and "canary" not in server.log
