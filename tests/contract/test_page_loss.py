"""No page lost: receivers down for six hours of virtual time in every way, and kill -9 after the commits of the path."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fixtures.page_loss import AFTER_S, expected, lives, outcome, spread

KILLS = 50


@pytest.mark.timeout(600)
def test_every_down_and_up_is_read_in_order_over_six_hours_without_receivers_and_fifty_kills(tmp_path: Path) -> None:
    """bench/page_loss.py does it a thousand times, beside Alertmanager and Monit."""
    assert lives(tmp_path, KILLS, spread(seed=5, apart=12), channels=("push",)) == KILLS
    found = outcome(tmp_path)
    assert (found.lost, found.disorder, found.unstable) == ((), (), ())
    assert found.downs == found.ups == expected()
    assert found.late_s <= AFTER_S, "what was held up is told soon after the receivers are back"
