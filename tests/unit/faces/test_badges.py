"""Badges of the public page."""

from __future__ import annotations

from watchkeeper.faces.web import badges


def test_a_badge_holds_no_markup_of_others() -> None:
    drawn = badges.draw('<script>alert("x")</script>' + "y" * 60, "works", "works")
    assert "<script" not in drawn and "&lt;script&gt;" in drawn and drawn.count("<svg") == 1
