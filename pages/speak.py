"""Speak: type a text, hear it, keep it."""

from __future__ import annotations

import streamlit as st

from utils.ui import messages, speech_fields, undo
from utils.ui import speech_form as form
from utils.ui import speech_work as work
from utils.ui.job_panel import job_panel, open_jobs

speech_fields.begin()
jobs = open_jobs(work.KINDS)

st.markdown("# Speak\n:gray[Type something, hear it, keep it.]", anchors=False)
form.text()
form.choices()
form.start(work.news(jobs), work.start, work.hear)
work.sample()
messages.show_trouble()
form.more()

job_panel(jobs, work.KINDS, key=work.PLACE)
items, more = work.listed(jobs)
card = work.chosen(items, jobs)
if not undo.undo_line(work.PLACE) and card:
    work.card(card)
work.rest(items, card, more)
if not items and not jobs:
    form.example(work.start)
