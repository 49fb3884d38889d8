"""Files: everything that was made in this session, found, heard, taken away, kept or deleted."""

from __future__ import annotations

import streamlit as st

from utils.ui import files_card, files_choice, files_list, files_room, messages, state, undo
from utils.ui import files_fields as fields
from utils.ui.components import lean, read
from utils.ui.job_panel import job_panel, open_jobs
from utils.workflows import privacy

KINDS = ("speech", "batch", "transcribe", "check")

jobs = open_jobs(KINDS)
found = state.services().sessions.find_items(state.session_id(), fields.query())
room = privacy.storage(state.services(), found)

st.html(f"<style>{lean(read('files.css'))}</style>")
st.markdown(f"# Files\n:gray[Everything you made in this browser. {files_room.when()}]", anchors=False)
messages.show_trouble()
files_room.full(room)
if found.everything:
    fields.draw(found)
job_panel(jobs, KINDS, key=fields.PLACE)
for place in (fields.PLACE, "bulk", "transcribe"):  # the cards of these pages are drawn here, too
    undo.undo_line(place)
files_choice.undo_line()
files_card.draw(found, jobs)
files_choice.bar(found)
files_list.draw(found, files_card.opened())
files_room.storage(room, found)
files_room.clear(room, found, jobs)
files_room.about()
