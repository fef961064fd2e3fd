"""Outputs of steps, bounded: their end counts more than their beginning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from watchkeeper.faces.mcp.calls import Api, Refused

LARGEST_OUTPUT = 4_000
MOST_OUTPUTS = 8


def output_of(api: Api, run: int, step: dict[str, Any], largest: int = LARGEST_OUTPUT) -> dict[str, Any] | None:
    """What one step printed, its last `largest` bytes; None when it has printed nothing yet."""
    plan, evidence = step["plan"], step.get("evidence")
    size = int(evidence["size"]) if evidence else 0
    if step["state"] in ("planned", "waits", "skipped") and not size:
        return None
    offset = max(0, size - largest)
    try:
        text, headers = api.text(f"/runs/{run}/steps/{step['index']}/output", offset=offset)
    except Refused:
        return None
    following = headers.get("x-next-offset", "0")
    size = max(size, int(following) if following.isdigit() else 0)
    return {
        "run": run, "step": step["index"], "host": plan["host"], "title": plan["title"], "exit_code": step["exit_code"],
        "text": text[-largest:], "size": size, "cut": size > largest,
    }  # fmt: skip


def outputs_of(
    api: Api, run: dict[str, Any], steps: Sequence[dict[str, Any]], most: int = MOST_OUTPUTS
) -> list[dict[str, Any]]:
    """Outputs of the newest of these steps, in their order."""
    found: list[dict[str, Any]] = []
    for step in reversed(steps):
        output = output_of(api, run["id"], step) if len(found) < most else None
        if output is not None:
            found.insert(0, output)
    return found


def diagnosis_of(api: Api, runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the diagnosis of the newest run that has one printed."""
    for run in runs:
        steps = [step for step in run["steps"] if step["plan"]["phase"] == "diagnose"]
        found = outputs_of(api, run, steps)
        if found:
            return found
    return []
