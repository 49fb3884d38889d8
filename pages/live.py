"""Live: captions while somebody speaks, and a recording that is never lost."""

from __future__ import annotations

import streamlit as st

from utils.ui import live_card, live_work, messages, undo
from utils.ui.components import lean, read
from utils.ui.live_recorder import recorder

st.html(f"<style>{lean(read('transcribe.css'))}</style>")
st.markdown("# Live\n:gray[Captions while you speak, and a recording that is never lost.]", anchors=False)
recorder(live_work.ended)
messages.show_trouble()

items = live_work.listed()
card = live_work.chosen(items)
if not undo.undo_line(live_work.PLACE) and card:
    live_card.card(card)
live_work.rest(items, card)
