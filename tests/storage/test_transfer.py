"""One-time codes: they open their session once, for five minutes, and nothing on disk opens anything."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.storage.support import Clock, everything, manager
from utils.errors import NotFound, TooMany
from utils.session_manager import SessionManager
from utils.storage.transfer import FOLDER, LIVES_S, TRIES, TRIES_OF_ALL, WINDOW_S


def refused(store: SessionManager, code: str, caller: str = "somebody") -> str:
    with pytest.raises(NotFound) as raised:
        store.redeem_transfer_code(code, caller)
    return raised.value.sentence


def test_code_opens_its_session_once(store: SessionManager, clock: Clock) -> None:
    session = store.create_session()
    made = store.make_transfer_code(session)
    assert made.expires_at == clock.now + LIVES_S
    assert store.redeem_transfer_code(made.code, "a") == session
    refused(store, made.code)


def test_code_as_people_type_it_is_understood(store: SessionManager) -> None:
    session = store.create_session()
    code = store.make_transfer_code(session).code
    typed = " " + code.lower().replace("-", " ").replace("0", "o").replace("1", "l") + "\n"
    assert store.redeem_transfer_code(typed, "a") == session


def test_code_too_old_wrong_used_and_malformed_are_answered_alike(store: SessionManager, clock: Clock) -> None:
    session = store.create_session()
    used, old = store.make_transfer_code(session).code, ""
    store.redeem_transfer_code(used, "a")
    old = store.make_transfer_code(session).code
    clock.forward(LIVES_S + 1)
    answers = {
        refused(store, code, str(n)) for n, code in enumerate([used, old, "", "0" * 12, "../../.secret", "\ud800", "x" * 99])
    }
    assert len(answers) == 1


def test_code_with_the_clock_set_back_does_not_live_longer(store: SessionManager, clock: Clock) -> None:
    code = store.make_transfer_code(store.create_session()).code
    clock.forward(-LIVES_S - 1)
    refused(store, code)


def test_code_made_anew_ends_the_one_before(store: SessionManager) -> None:
    session, other = store.create_session(), store.create_session()
    first, theirs = store.make_transfer_code(session).code, store.make_transfer_code(other).code
    second = store.make_transfer_code(session).code
    refused(store, first)
    assert store.redeem_transfer_code(second, "a") == session
    assert store.redeem_transfer_code(theirs, "a") == other


def test_code_is_not_on_disk(store: SessionManager) -> None:
    code = store.make_transfer_code(store.create_session()).code
    stored = str(everything(store.outputs))
    assert code not in stored and code.replace("-", "") not in stored
    assert len(list((store.outputs / FOLDER).iterdir())) == 1
    for name in [path.name for path in (store.outputs / FOLDER).iterdir()]:
        refused(store, name)


def test_code_of_a_session_that_ended_opens_nothing_and_is_removed(store: SessionManager) -> None:
    session = store.create_session()
    code = store.make_transfer_code(session).code
    store.delete_session(session)
    refused(store, code)
    assert list((store.outputs / FOLDER).iterdir()) == []
    with pytest.raises(NotFound):
        store.make_transfer_code(session)


def test_code_made_by_one_server_is_taken_by_another_even_at_once_only_once(tmp_path: Path, clock: Clock) -> None:
    servers = [manager(tmp_path, clock) for _ in range(4)]
    session = servers[0].create_session()
    for _ in range(20):
        code, won, begin = servers[0].make_transfer_code(session).code, list[str](), threading.Barrier(4)

        def take(server: SessionManager, code: str = code, won: list[str] = won, begin: threading.Barrier = begin) -> None:
            begin.wait()
            try:
                won.append(server.redeem_transfer_code(code, "a"))
            except (NotFound, TooMany):
                return

        threads = [threading.Thread(target=take, args=(server,)) for server in servers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert won == [session]
        clock.forward(WINDOW_S + 1)


def test_codes_tried_too_often_are_refused_for_a_while_and_only_for_that_caller(store: SessionManager, clock: Clock) -> None:
    session = store.create_session()
    code = store.make_transfer_code(session).code
    for _ in range(TRIES):
        refused(store, "wrong", "guesser")
    with pytest.raises(TooMany) as raised:
        store.redeem_transfer_code(code, "guesser")
    assert raised.value.retry_after_s == WINDOW_S
    assert store.redeem_transfer_code(code, "owner") == session
    clock.forward(WINDOW_S + 1)
    assert store.redeem_transfer_code(store.make_transfer_code(session).code, "guesser") == session


def test_codes_tried_by_very_many_callers_are_refused_to_all(store: SessionManager) -> None:
    for number in range(TRIES_OF_ALL):
        refused(store, "wrong", f"caller {number}")
    with pytest.raises(TooMany):
        store.redeem_transfer_code("wrong", "yet another")


def test_codes_too_old_are_cleared_by_the_sweep(store: SessionManager, clock: Clock) -> None:
    store.make_transfer_code(store.create_session())
    clock.forward(LIVES_S + 1)
    store.cleanup_old_sessions()
    assert list((store.outputs / FOLDER).iterdir()) == []
