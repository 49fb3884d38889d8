"""Transcribe: any recording in, honest text and well-made subtitles out."""

from __future__ import annotations

import streamlit as st

from utils.ui import messages, state, transcript_card, undo
from utils.ui import transcribe_fields as fields
from utils.ui import transcribe_form as form
from utils.ui import transcribe_intake as intake
from utils.ui import transcribe_list as listing
from utils.ui import transcribe_work as work
from utils.ui.components import lean, read
from utils.ui.job_panel import open_jobs
from utils.ui.transcribe_queue import queue
from utils.workflows import transcribe

fields.begin()
jobs = open_jobs(fields.KINDS)
options = transcribe.options(state.services())
waiting = intake.waiting()
work.follow(jobs, waiting)

st.html(f"<style>{lean(read('transcribe.css'))}</style>")
st.markdown("# Transcribe\n:gray[Recordings in, honest text and subtitles out.]", anchors=False)
form.draft_banner(options)
intake.intake(waiting, work.arrived, news := work.news(jobs))
form.choices(options)
with st.container(horizontal=True, vertical_alignment="center", key=fields.key("start")):
    form.start_line(waiting, work.is_armed())
    intake.microphone()
    form.start(waiting, intake.sending(), work.start)
messages.show_trouble()
form.more(options)

queue(jobs, news)
items, more = work.listed()
card, gone = work.chosen(items, jobs)
work.trouble(gone)
if not undo.undo_line(fields.PLACE) and card:
    transcript_card.card(card, jobs, options)
listing.rest(items, card, jobs, dict(options.languages), more)
if not items and not waiting:
    listing.empty()
