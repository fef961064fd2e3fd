"""`when=`: what is true, what cannot be read, and that nothing in it is ever code."""

from __future__ import annotations

import random

import pytest

from watchkeeper.core.runs.conditions import ConditionError, Reference, holds, parse, references

VALUES = {"depth": "412", "mode": "safe", "limit": "500", "empty": "", "text": "two words"}
STEPS = {("restart", "state"): "done", ("restart", "exit_code"): "0", ("a.b-c", "exit_code"): "3"}


def value_of(reference: Reference) -> str | None:
    return STEPS.get((reference.name, reference.field)) if reference.field else VALUES.get(reference.name)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("depth > 100", True), ("depth>100", True), ("$depth >= 412", True), ("depth < 100", False), ("depth == 412.0", True),
        ("depth != 412", False), ("depth < $limit", True), ("mode == safe", True), ("mode == 'safe'", True),
        ("mode != safe or depth > 1", True), ("mode != safe and ghost == 1", False), ("mode == safe or ghost == 1", True),
        ("not mode == safe", False), ("not (mode == safe and depth < 1)", True), ("restart.state == done", True),
        ("restart.exit_code != 0", False), ("a.b-c.exit_code == 3", True), ('text == "two words"', True), ("empty == ''", True),
        ("depth > 100 or depth < 50 and mode == fast", True), ("(depth > 100 or depth < 50) and mode == fast", False),
        ("depth > -1", True), ("mode == 1e3", False), ("depth == 0412", True),
    ],
)  # fmt: skip
def test_conditions_hold_as_a_reader_expects(text: str, wanted: bool) -> None:
    assert holds(parse(text), value_of) is wanted


@pytest.mark.parametrize(
    "text",
    [
        "", "   ", "depth", "depth >", "> 100", "depth > > 1", "depth = 1", "(depth > 1", "depth > 1)", "and", "depth > and",
        "depth > 1 depth < 2", "not", "`id`", "$(id)", "depth > 1; true", "depth > 1 && true", "'depth' > 1", "1 < depth",
        "restart.state == finished", "restart.pid == 1", "depth > $1x", "a" * 600 + " == 1", "(" * 50 + "depth > 1" + ")" * 50,
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_with_an_example(text: str) -> None:
    with pytest.raises(ConditionError, match="Write for example depth > 100"):
        parse(text)


@pytest.mark.parametrize(
    "text", ["ghost == 1", "mode > 1", "depth > many", "empty < 1", "not ghost == 1", "depth > $ghost"]
)
def test_what_cannot_be_decided_is_neither_true_nor_false(text: str) -> None:
    with pytest.raises(ConditionError):
        holds(parse(text), value_of)


def test_every_name_is_told() -> None:
    names = references(parse("depth > $limit and (restart.state == done or not depth == 1)"))
    assert [str(name) for name in names] == ["depth", "limit", "restart.state"]


def test_any_text_at_all_is_read_or_refused() -> None:
    chance = random.Random(4)
    letters = [
        "depth",
        "and",
        "or",
        "not",
        "(",
        ")",
        "<",
        ">=",
        "==",
        "'",
        '"',
        "$",
        "1",
        ".",
        "state",
        " ",
        "é",
        "\0",
        "\n",
        "\\",
    ]
    for _ in range(3000):
        text = "".join(chance.choice(letters) for _ in range(chance.randrange(12)))
        try:
            holds(parse(text), value_of)
        except ConditionError:
            pass
