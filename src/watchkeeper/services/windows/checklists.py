"""The checklists before and after maintenance: a check answers with its measured value, a person ticks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from watchkeeper.core.checks.values import Judged, State
from watchkeeper.core.errors import Usage
from watchkeeper.core.windows import Item, Window


def answered(
    items: Sequence[Item], when: str, judged: Mapping[str, Judged], by: str, since: float = 0.0
) -> tuple[Item, ...]:
    """The items with those of one part answered by readings asked at `since` or later. judged: by key of the check.

    A check on several hosts is as good as the worst of them.
    """
    return tuple(_answer(item, judged, by, since) if item.check and item.when == when else item for item in items)


def _answer(item: Item, judged: Mapping[str, Judged], by: str, since: float) -> Item:
    found = [
        each
        for key, each in judged.items()
        if (key == item.check or key.partition("@")[0] == item.check) and each.reading.at >= since
    ]
    if not found:
        return item
    worst = max(found, key=lambda each: each.verdict.state.rank)
    answer = f"{worst.verdict.state.value}: {worst.verdict.reason}"[:300]
    return replace(item, ok=worst.verdict.state is State.OK, answer=answer, by=by, at=worst.reading.at)


def ticked(window: Window, position: int, done: bool, by: str, now: float) -> tuple[Item, ...]:
    """The items with one (counted from 1) ticked or not. Raises `Usage` for one that a check answers."""
    if not 1 <= position <= len(window.items):
        raise Usage(
            f"{window.kind.capitalize()} {window.id} has {len(window.items)} lines on its checklists, no line {position}.",
            f"See them: wk {window.kind} show {window.id}.",
        )
    item = window.items[position - 1]
    if item.check:
        raise Usage(
            f"Line {position} is answered by {item.check}, nobody ticks it.", f"Ask it: wk window check {window.id}."
        )
    changed = replace(item, ok=done, answer="done" if done else "not done", by=by, at=now)
    return (*window.items[: position - 1], changed, *window.items[position:])


def unmet(items: Sequence[Item], when: str) -> list[Item]:
    """What is not done, or not OK."""
    return [item for item in items if item.when == when and not item.ok]


def lines(items: Sequence[Item], when: str) -> list[str]:
    """One Markdown line for each: a box, what, the answer and who gave it."""
    from watchkeeper.core.log.markdown import inline

    found = []
    for item in items:
        if item.when == when:
            said = f": {inline(item.answer)}" if item.answer and item.check else ""
            who = f" ({item.by})" if item.by and not item.check else ""
            found.append(f"- [{'x' if item.ok else ' '}] {inline(item.text)}{said}{who}")
    return found
