"""A percentile as a rule, the whole way: it opens the incident, the fix proves itself at once, the past can be asked."""

from __future__ import annotations

from pathlib import Path

from tests.house import House

WINDOWED = """service: desk
hosts: [app1]
checks:
  - name: wait
    command: cat {root}/wait
    from: host
    crit: p90(value, 5m) > 50
    recover: 2 in a row
respond:
  - to: [wait]
    runbook: runbooks/desk.md
    mode: auto
    prove_within: 20s
"""


def test_a_percentile_of_minutes_is_proven_by_readings_after_the_fix(tmp_path: Path) -> None:
    """Without a window that begins at the change the old readings would stay in it for five minutes."""
    house = House(tmp_path)
    waits = tmp_path / "wait"
    waits.write_text("7\n")
    house.write("services/desk.yaml", WINDOWED.format(root=tmp_path))
    house.write("runbooks/desk.md", house.runbook("desk", fix=f"echo 6 > {waits}"))
    try:
        house.start()
        house.grant("desk")
        house.until(house.all_ok, 15, "the check is OK")
        waits.write_text("90\n")
        house.until(lambda: house.incident("desk"), 60, "most of the window is slow")
        closed = house.closed("desk", 30)
        assert closed["ending"] == "fixed", closed
        told = house.get("/availability", service="desk", since="1h")["availability"][0]
        parts = sum(told[f"{part}_s"] for part in ("up", "degraded", "down", "maintenance", "unknown"))
        assert abs(parts - told["span_s"]) < 0.01 and told["down_s"] > 0 and told["up_s"] > 0
        series = house.get("/checks/desk/wait/series", since="10m", points=600, name="value")["series"]
        assert {90.0, 6.0} <= {each["max"] for each in series}
        reasons = [
            flip["text"]
            for flip in house.get(f"/incidents/{closed['id']}")["incident"]["timeline"]
            if flip["kind"] == "flip"
        ]
        assert any("p90(value, 5m) 90, crit > 50" in reason for reason in reasons), reasons
    finally:
        house.stop()
