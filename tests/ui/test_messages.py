from __future__ import annotations

import string

from utils.ui.messages import as_html, plain


def test_plain_every_mark_of_markdown_is_made_plain() -> None:
    assert plain(string.punctuation) == "".join("\\" + mark for mark in string.punctuation)
    assert plain("Grüße 12, 中文") == "Grüße 12\\, 中文"


def test_plain_line_ends_cannot_start_a_block() -> None:
    assert "\n" not in plain("one\n\n# two\r\n- three")


def test_as_html_is_text_only() -> None:
    assert as_html("<img src=x onerror=alert(1)> & \"'") == "&lt;img src=x onerror=alert(1)&gt; &amp; &quot;&#x27;"
