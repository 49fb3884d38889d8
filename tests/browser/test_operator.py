"""The operator's page in a browser: behind its token, readable at both widths, gone with the tab."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import steady
from tests.browser.conftest import Visit
from tests.browser.servers import running
from tests.browser.test_look import audit

TOKEN = "whoever runs this server"
PARTS = ("Overview", "Sessions", "Work", "Engines", "Sweeps", "Settings")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), pytest.param(390, "dark", marks=pytest.mark.long)])
def test_operator_signs_in_sees_every_part_and_is_forgotten_by_a_reload(
    tmp_path: Path, visit: Visit, width: int, scheme: str
) -> None:
    with running("streamlit", tmp_path, ADMIN_TOKEN=TOKEN) as server:
        page = visit(server.url + "/operator", viewport={"width": width, "height": 844}, color_scheme=scheme)
        token = page.get_by_role("textbox", name="Token")
        token.fill("somebody else")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("not the operator's token")
        token.fill(TOKEN)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("Free disk")).to_be_visible()
        found = {"Overview": audit(page)}
        for part in PARTS[1:]:
            page.get_by_role("radio", name=part).click()
            expect(page.get_by_role("radio", name=part)).to_be_checked()
            steady.rest(page)
            found[part] = audit(page)
        assert {part: problems for part, problems in found.items() if problems} == {}
        assert TOKEN not in page.content()
        page.reload()
        expect(page.get_by_role("textbox", name="Token")).to_be_visible()
        expect(page.get_by_text("Free disk")).to_have_count(0)
