"""The entry script: runs before every page and draws what all pages share.

It must not lie beside pages/: then Streamlit's old discovery answers the first deep link of a fresh process with the page
alone, without this script, and so without session and checks.
"""

from __future__ import annotations

import streamlit as st

from utils.ui import clicks, messages, state
from utils.ui.components import read, style

# Loading the page again is what helps: the new request brings a cookie, which a running script cannot get.
RELOAD = '<a class="pill" href="" target="_self">Reload</a>'
ENDED = "This session has ended: it was deleted, or nothing happened in it for too long. Reload the page to begin a new one."
NO_COOKIES = "Sotto keeps your files apart from everybody else's by one cookie. Allow cookies for this address and reload the page."

clicks.keep_whole()
st.set_page_config(page_title="Sotto", page_icon=read("sotto.svg"), layout="centered")
st.html(style())
st.logo(read("sotto.svg"), size="large")

found = state.current_session()
if found is None:
    st.title("Sotto")
    st.warning(ENDED if state.has_cookie() else NO_COOKIES, icon=":material/lock_clock:")
    st.html(RELOAD)
    st.stop()
st.session_state[state.SESSION] = found
state.register()

speak = state.PAGES / "speak.py"
pages = [
    st.Page(speak, title="Speak", icon=":material/text_to_speech:", url_path="home", default=True),
    st.Page(speak, title="Speak", url_path="speak", visibility="hidden"),  # the first page by its own name, too
    st.Page(state.PAGES / "bulk.py", title="Bulk", icon=":material/table_rows:", url_path="bulk"),
    st.Page(state.PAGES / "transcribe.py", title="Transcribe", icon=":material/subtitles:", url_path="transcribe"),
    st.Page(state.PAGES / "live.py", title="Live", icon=":material/mic:", url_path="live"),
    st.Page(state.PAGES / "files.py", title="Files", icon=":material/folder_open:", url_path="files"),
]
if state.services().settings.admin_token:
    # Everybody may ask for it by its address; it stands in the navigation of whoever is signed in.
    shown = bool(st.session_state.get(state.OPERATOR))
    pages.append(
        st.Page(
            state.PAGES / "operator.py",
            title="Operator",
            icon=":material/monitor_heart:",
            url_path="operator",
            visibility="visible" if shown else "hidden",
        )
    )
try:
    here = st.navigation(pages, position="top")
    if turn_to := st.session_state.pop(state.TURN_TO, None):
        st.switch_page(state.PAGES / turn_to)
    here.run()
except Exception as defect:  # noqa: BLE001 - the last place before Streamlit's own, which would log what somebody typed
    messages.problem(messages.incident(defect))
