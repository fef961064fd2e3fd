"""What a service needs and what needs it, drawn left to right: each name a link, each state a shape and a word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from watchkeeper.core.checks.values import State
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.faces.web import marks

MOST = 8
"""Names in one column; of more the last line says how many."""
ROW, TOP, FOOT = 26, 8, 8


@dataclass(frozen=True, slots=True)
class Node:
    """A name in the drawing. css: of its state; own: the service that the page is about. more: so many have no place."""

    name: str
    shown: str
    css: str
    word: str
    x: int
    y: int
    own: bool = False
    more: int = 0


@dataclass(frozen=True, slots=True)
class Graph:
    """One drawing. path: all lines from what is needed to what needs it."""

    size: str
    width: int
    height: int
    nodes: tuple[Node, ...]
    path: str


def drawings(inventory: Inventory, name: str, states: Mapping[str, State]) -> tuple[Graph, ...]:
    """Wide with two steps to each side, narrow with one; nothing where the service stands alone."""
    needs, needed = _layers(name, _needs(inventory)), _layers(name, _needed(inventory))
    if not needs and not needed:
        return ()
    edges = [(each, service.name) for service in inventory.services.values() for each in service.depends_on]
    wide = [*reversed(needs[:2]), [name], *needed[:2]]
    narrow = [*needs[:1], [name], *needed[:1]]
    return _draw("wide", 760, 22, wide, edges, states, name), _draw("narrow", 344, 11, narrow, edges, states, name)


def _needs(inventory: Inventory) -> dict[str, tuple[str, ...]]:
    return {name: service.depends_on for name, service in inventory.services.items()}


def _needed(inventory: Inventory) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for name, service in inventory.services.items():
        for each in service.depends_on:
            found.setdefault(each, []).append(name)
    return {name: tuple(by) for name, by in found.items()}


def _layers(name: str, next_to: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The names one step away, two steps away; each where it is nearest."""
    seen, found, layer = {name}, [], [name]
    while layer:
        layer = [each for each in dict.fromkeys(n for at in layer for n in next_to.get(at, ())) if each not in seen]
        seen.update(layer)
        if layer:
            found.append(layer)
    return found


def _draw(
    size: str, width: int, letters: int, columns: Sequence[Sequence[str]], edges: Iterable[tuple[str, str]],
    states: Mapping[str, State], own: str,
) -> Graph:  # fmt: skip
    step = width / len(columns)
    rows = max(min(len(each), MOST) for each in columns)
    height = TOP + ROW * rows + FOOT
    nodes: dict[str, Node] = {}
    extra: list[Node] = []
    for place, names in enumerate(columns):
        shown = list(names) if len(names) <= MOST else list(names[: MOST - 1])
        begin = TOP + ROW * (rows - min(len(names), MOST)) / 2 + ROW / 2
        for row, each in enumerate(shown):
            state = states.get(each, State.UNKNOWN)
            nodes[each] = Node(
                each, each if len(each) <= letters else each[: letters - 1] + "…", marks.css_class(state), str(state),
                round(place * step) + 4, round(begin + ROW * row), each == own,
            )  # fmt: skip
        if len(shown) < len(names):
            y = round(begin + ROW * len(shown))
            extra.append(Node("", "", "", "", round(place * step) + 4, y, more=len(names) - len(shown)))
    lines = []
    for start, end in edges:
        a, b = nodes.get(start), nodes.get(end)
        if a is not None and b is not None and a.x < b.x:
            wide = 16 + round((7.3 if a.own else 6.9) * len(a.shown))
            from_x, to_x = min(a.x + wide + 4, b.x - 12), b.x - 5
            half = (from_x + to_x) // 2
            lines.append(f"M{from_x} {a.y}C{half} {a.y} {half} {b.y} {to_x} {b.y}")
    return Graph(size, width, height, (*nodes.values(), *extra), "".join(lines))
