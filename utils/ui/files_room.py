"""Below the files: how much room they take, who can see them and when they go, how they are cleared, moved and forgotten."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from utils.jobs.contract import JobStatus
from utils.storage.search import Found
from utils.ui import figures, files_choice, messages, state
from utils.ui.components import component
from utils.ui.files_fields import KINDS, key, sort_by
from utils.ui.messages import as_html
from utils.workflows import files, privacy
from utils.workflows.privacy import Storage

ASKED, CODE = key("asked"), key("code")
_leave = component("leave")


def full(room: Storage) -> None:
    """Above everything, while there is next to no room: what to do."""
    if not room.is_full:
        return
    used, quota = figures.size(room.used_bytes), figures.size(room.quota_bytes)
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=key("full")):
        why = f"Your space is full: {used} of {quota} (SESSION_QUOTA_MB). "
        why += "Delete what you no longer need, or take it away as a ZIP first."
        st.html(f'<p class="problem" role="status">{as_html(why)}</p>')
        st.button("Show the largest first", icon=":material/sort:", key=key("largest"), on_click=sort_by, args=("largest",))


def storage(room: Storage, found: Found) -> None:
    """How the space is used, and what goes next."""
    st.markdown("### Storage", anchors=False)
    st.html(chart(room))
    told = [f"{figures.size(room.free_bytes)} free on the server's disk."] if room.free_bytes is not None else []
    now = state.services().clock()
    following = privacy.next_to_go(state.services(), state.session_id(), found)
    if following:
        names = ", ".join(f"{entry.title} ({_in(at - now)})" for entry, at in following)
        told.append(f"Next to go unless you keep them: {names}.")
    st.html(f'<p class="quiet">{as_html(" ".join(told))}</p>')


def _in(seconds: float) -> str:
    return "at the next sweep" if seconds < 60 else f"in {figures.about(seconds).removeprefix('about ')}"


def chart(room: Storage) -> str:
    """One bar, as wide as the quota, and what its colours mean; as HTML."""
    kinds = [kind for kind in KINDS if kind and room.by_kind.get(kind, (0, 0))[0]]
    width = max(room.quota_bytes, room.used_bytes, 1)
    bars = "".join(
        f'<span class="{kind}" style="width: {100 * room.by_kind[kind][1] / width:.3f}%"></span>'
        for kind in kinds
        if room.by_kind[kind][1]
    )
    legend = "".join(
        f'<li><i class="{kind}"></i>{KINDS[kind]}: {room.by_kind[kind][0]:,}, {figures.size(room.by_kind[kind][1])}</li>'
        for kind in kinds
    )
    told = f"{figures.size(room.used_bytes)} of {figures.size(room.quota_bytes)} used"
    return f'<p class="quiet">{told}</p><div class="space" aria-hidden="true">{bars}</div><ul class="legend">{legend}</ul>'


def clear(room: Storage, found: Found, jobs: Sequence[JobStatus]) -> None:
    """Clear my files: asks once, and says what goes."""
    if not found.everything:
        return
    with st.container(horizontal=True, vertical_alignment="center", key=key("clear_line")):
        if not st.session_state.get(ASKED):
            st.button("Clear my files", icon=":material/delete_sweep:", key=key("clear"), on_click=_ask, args=(True,))
            return
        work = f" {figures.count(len(jobs), 'piece')} of running work is cancelled first." if jobs else ""
        size = figures.size(room.used_bytes)
        question = f"Delete {figures.count(len(found.everything), 'file')}, {size}, also those that are kept?{work}"
        st.html(f'<p role="alert">{as_html(question)}</p>', width="content")
        st.button("Delete all of them", icon=":material/delete_sweep:", key=key("clear_sure"), on_click=_clear)
        st.button("Leave them", type="tertiary", key=key("clear_not"), on_click=_ask, args=(False,))


def _ask(asked: bool) -> None:
    st.session_state[ASKED] = asked


def _clear() -> None:
    _ask(False)
    messages.attempt(lambda: files_choice.remember(files.clear(state.services(), state.session_id())))


def is_kept() -> bool:
    """The whole session is kept."""
    session = state.services().sessions.peek_session(state.session_id())
    return session is not None and session.permanent


def when() -> str:
    """When everything goes, in one plain sentence, by the settings in force."""
    hours = state.services().settings.session_timeout_hours
    if is_kept():
        return "This session is kept: nothing in it goes by itself."
    if hours:
        return f"It goes {hours:g} h after your last visit, unless you keep this session."
    return "Nothing goes by itself: this server keeps files until you delete them."


def who_sees() -> list[str]:
    """Privacy in plain sentences, by the settings in force."""
    settings = state.services().settings
    told = [
        "Your files lie on this server's disk, in a folder of this browser's session, and nowhere else.",
        "Only this browser sees them: a cookie that scripts cannot read is the one key.",
        "Whoever runs the server can read its disk, as with every server.",
        when(),
    ]
    if settings.item_timeout_hours and not is_kept():
        told.append(f"A file that nobody changes goes after {settings.item_timeout_hours:g} h by itself, unless you keep it.")
    if settings.max_sessions and not is_kept():
        told.append(f"The server keeps the {settings.max_sessions:,} sessions used last; older ones go sooner.")
    told.append("What you delete can be taken back for 10 s. Then it is gone from the disk.")
    if settings.tts_engine != "espeak":
        told.append("With the Google engine the text that is spoken is sent to Google. With eSpeak NG nothing leaves this server.")
    return told


def about() -> None:
    """Who sees the files, another browser, and being forgotten."""
    with st.expander("Privacy, another browser, being forgotten", icon=":material/lock:", key=key("privacy")):
        lines = "".join(f"<li>{as_html(sentence)}</li>" for sentence in who_sees())
        st.html(f'<ul class="plainly">{lines}</ul>')
        place = key("keep_session")
        st.session_state[place] = is_kept()
        st.toggle("Keep this session: nothing in it goes by itself", key=place, on_change=_keep_session)
        st.markdown("### Take my session to another browser", anchors=False)
        _code()
        _leave(key=key("redeem"), data={"way": "redeem", "question": ""})
        st.markdown("### Be forgotten", anchors=False)
        question = (
            "All files, kept ones too, the session and its cookie are deleted at once, and nobody can take that back. "
            "Running work is cancelled. The next page that you open begins an empty session."
        )
        _leave(key=key("forget"), data={"way": "forget", "question": question})


def _keep_session() -> None:
    wanted = bool(st.session_state[key("keep_session")])
    messages.attempt(lambda: state.services().sessions.update_session(state.session_id(), permanent=wanted))


def _code() -> None:
    made = st.session_state.get(CODE)
    if made and made["until"] > state.services().clock():
        st.html(f'<p class="code" role="status">{as_html(made["code"])}</p>')
        text = "Type it on the Files page of the other browser. It works once, for five minutes, and opens everything here: "
        text += "show it to nobody else."
    else:
        text = "A code opens this session in another browser, once and within five minutes. "
        text += "What the other browser had until then stays behind."
    st.html(f'<p class="quiet">{text}</p>')
    st.button("Make a code", icon=":material/key:", key=key("make_code"), on_click=_make_code)


def _make_code() -> None:
    def make() -> None:
        found = privacy.transfer_code(state.services(), state.session_id())
        st.session_state[CODE] = {"code": found.code, "until": found.expires_at}

    messages.attempt(make)
