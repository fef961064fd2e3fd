"""Fill a step's parameters: environment for variables, checked text for placeholders; values are never interpreted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from watchkeeper.core.errors import Usage
from watchkeeper.core.runbooks.placeholders import places
from watchkeeper.core.runbooks.values import SAFE_VALUE, Parameter, Step

MAX_VALUE = 4096


@dataclass(frozen=True, slots=True)
class Bound:
    """A step ready to run. text: what an approval covers and the shell gets; environment: values it refers to."""

    text: str
    environment: Mapping[str, str] = field(default_factory=dict)


def missing(step: Step, values: Mapping[str, str]) -> tuple[str, ...]:
    """Names of parameters that have neither a value nor a default."""
    names = (
        parameter.name for parameter in step.parameters if parameter.name not in values and parameter.default is None
    )
    return tuple(dict.fromkeys(names))


def _value(step: Step, parameter: Parameter, values: Mapping[str, str]) -> str:
    value = values.get(parameter.name, parameter.default)
    if value is None:
        place = f"{parameter.placeholder} in line {parameter.line}"
        raise Usage(
            f'Step "{step.id}" needs a value for {parameter.name} ({place}), and none is given.',
            f"Give it with --param {parameter.name}=VALUE.",
        )
    if len(value) > MAX_VALUE or "\0" in value:
        raise Usage(
            f"The value of {parameter.name} is longer than {MAX_VALUE} characters or holds a zero byte.",
            "Give a shorter plain value.",
        )
    if not re.fullmatch(parameter.pattern, value):
        expected = (
            "letters, digits and . _ : / @ + -"
            if parameter.pattern == SAFE_VALUE
            else f"the pattern {parameter.pattern}"
        )
        raise Usage(
            f'The value of {parameter.name} in step "{step.id}" does not fit its type.', f"Expected {expected}."
        )
    if parameter.pattern == SAFE_VALUE and (value.startswith(("-", "+")) or ".." in value.split("/")):
        raise Usage(
            f'The value of {parameter.name} in step "{step.id}" starts with - or +, or climbs with "..".',
            "Give a plain name, number or path.",
        )
    return value


def _quoting(text: str, position: int) -> str:
    """How the shell quotes a position: "" bare, '"' in double quotes, "'" in single quotes or where no expansion
    happens."""
    quote, index = "", 0
    here = re.search(r"<<-?\s*(['\"]?)(\w+)\1[^\n]*\n", text)
    if here and position >= here.end():
        return "'"
    while index < position:
        character = text[index]
        if character == "\\" and quote != "'":
            index += 2
            continue
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        index += 1
    return quote


def _written(step: Step, parameter: Parameter, text: str, start: int, value: str, environment: dict[str, str]) -> str:
    """What stands in the text in place of a placeholder: the plain value, or a quoted reference to the variable."""
    if re.fullmatch(SAFE_VALUE, value):
        return value
    nested = re.search(
        r"(?:^|[\s;&|(/`])(?:ssh|eval|bash|sh|zsh|su|exec|xargs|psql|mysql|sqlite3|python3?|perl|node|awk)\s",
        text[:start],
    )
    quote = _quoting(text, start)
    if nested or quote == "'":
        sentence = (
            f"The value of {parameter.name} holds characters that another program "
            f'would interpret at line {parameter.line} of step "{step.id}".'
        )
        raise Usage(sentence, "Give a value of letters, digits and . _ : / @ + -")
    environment[parameter.name] = value
    return f"${{{parameter.name}}}" if quote else f'"${{{parameter.name}}}"'


def bind(step: Step, values: Mapping[str, str]) -> Bound:
    """The step's final text and environment. Raises `Usage` when a value is missing or does not fit its type.

    ``$name`` stays in the text and gets its value from the environment. ``<name>`` is replaced by the checked value, or
    by a quoted variable reference where the declared type allows more characters. Nothing else is touched.
    """
    environment: dict[str, str] = {}
    written: dict[str, tuple[Parameter, str]] = {}
    questions: list[Parameter] = []
    for parameter in step.parameters:
        value = _value(step, parameter, values)
        if parameter.placeholder == f"${parameter.name}":
            environment[parameter.name] = value
        elif parameter.placeholder.startswith("export "):
            environment[parameter.name] = value
            questions.append(parameter)
        else:
            written[parameter.placeholder] = (parameter, value)
    parts: list[str] = []
    position = 0
    for place in places(step.text):
        entry = written.get(place.text)
        if entry is None:
            continue
        parts.append(step.text[position : place.start])
        parts.append(_written(step, entry[0], step.text, place.start, entry[1], environment))
        position = place.end
    text = "".join(parts) + step.text[position:]
    for question in questions:
        text = text.replace(question.placeholder, f"export {question.name}", 1)
    return Bound(text, environment)
