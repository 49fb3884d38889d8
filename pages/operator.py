"""Operator: how this server does. Everybody else is asked for the token, and sees nothing before it is right."""

from __future__ import annotations

import streamlit as st

from utils.ui import messages, state
from utils.ui import operator_parts as parts

st.markdown("# Operator\n:gray[How this server does. What people made is not shown here.]", anchors=False)
if not st.session_state.get(state.OPERATOR):
    parts.sign_in()
    st.stop()

with st.container(horizontal=True, vertical_alignment="center"):
    chosen = st.segmented_control(
        "Part", list(parts.PARTS), default="Overview", required=True, key=parts.key("part"), label_visibility="collapsed"
    )
    st.button("Sign out", key=parts.key("out"), on_click=parts.sign_out, type="tertiary")
messages.attempt(parts.PARTS[chosen or "Overview"])
messages.show_trouble()
