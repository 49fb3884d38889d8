"""Bulk: a table goes in, a sound file for every row comes out."""

from __future__ import annotations

from functools import partial

import streamlit as st

from utils.ui import bulk_card, undo
from utils.ui import bulk_check as check
from utils.ui import bulk_fields as fields
from utils.ui import bulk_form as form
from utils.ui import bulk_table as table
from utils.ui import bulk_work as work
from utils.ui.components import lean, read
from utils.ui.job_panel import job_panel, open_jobs
from utils.ui.sheet import sheet

fields.begin()
jobs = open_jobs(fields.KINDS)

st.html(f"<style>{lean(read('bulk.css'))}</style>")
st.markdown("# Bulk\n:gray[A table goes in, a sound file for every row comes out.]", anchors=False)
source = table.source()
shape = table.shape(source)
first_rows = st.container()
if source and shape:
    ready = form.text_column(shape)
    form.choices(shape)
    form.more(shape)
    found = table.checked(source, shape)
    if found:
        with first_rows:
            sheet(found, source.upload.name, key=fields.key("sheet"), marked=ready)
    if found and ready:
        check.summary(found)
        check.start(found, partial(work.start, source, shape))

items, more = work.listed()
card, gone = work.chosen(items, jobs)
work.trouble(gone)
job_panel(jobs, fields.KINDS, key=fields.PLACE)
if not undo.undo_line(fields.PLACE) and card:
    bulk_card.card(card, jobs)
work.rest(items, card, jobs, more)
if not items and not source:
    work.empty()
