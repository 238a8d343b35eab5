"""The frame of the pages."""

from __future__ import annotations


def test_the_overview_is_served_to_who_is_logged_in(browser):
    answer = browser.get("/admin/")

    assert answer.status_code == 200
    assert "anna" in answer.text
