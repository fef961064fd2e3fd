"""`capture=VAR`: what a step printed becomes a value of the run, and reaches later steps as an environment variable."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from watchkeeper.core.redaction import MARK
from watchkeeper.core.runbooks.placeholders import is_standard
from watchkeeper.core.runbooks.values import SAFE_VALUE
from watchkeeper.core.runs.patterns import PatternError, compiled
from watchkeeper.core.runs.values import PlanStep

MAX_CAPTURE: Final = 4096
Captures = Mapping[str, Mapping[str, str]]
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_STEERS: Final = re.compile(
    r"(?:LD|DYLD|GIT|PYTHON|PERL|RUBY|NODE|JAVA|DOCKER|PG|MYSQL|SUDO)_?\w*|ENV|CDPATH|GLOBIGNORE|PS[0-4]|PROMPT_COMMAND"
    r"|SHELLOPTS|NLSPATH|PAGER|VISUAL|EDITOR|TERMINFO|RUBYOPT|CLASSPATH|\w*_PROXY"
)
"""Variables by which a program decides what it loads, runs or talks to: what a host printed must not set them."""


def odd_name(name: str) -> str:
    """Why a capture cannot have this name, as part of a sentence; "" when it can."""
    if not _NAME.fullmatch(name):
        return "is no name of a variable; use letters, digits and _"
    if is_standard(name) or _STEERS.fullmatch(name.upper()):
        return "is a variable that programs obey, so what a step printed must not set it"
    return ""


def captured(output: str, size: int, pattern: str = SAFE_VALUE) -> tuple[str | None, str]:
    """(value, "") of a step's whole output, or (None, why it is no value).

    The value is the output without the white space around it: one line, at most `MAX_CAPTURE` characters, which fits
    the type of the parameter of that name. A secret that was taken out never becomes one. size: bytes of the output.
    """
    value = output.strip()
    if size > MAX_CAPTURE or len(value) > MAX_CAPTURE:
        return None, f"the output is longer than {MAX_CAPTURE} characters"
    if not value:
        return None, "the output is empty"
    if "\n" in value or "\r" in value:
        return None, f"the output has {len(value.splitlines())} lines, and a value is one line"
    if MARK.decode() in value:
        return None, "a secret was taken out of the output"
    return _typed(value, pattern)


def _typed(value: str, pattern: str) -> tuple[str | None, str]:
    if "\0" in value or not value.isprintable():
        return None, "the output holds control characters"
    try:
        fits = compiled(pattern).fits(value)
    except PatternError as error:
        return None, f"the type of the parameter cannot be checked: {error}"
    if not fits:
        kind = "letters, digits and . _ : / @ + -" if pattern == SAFE_VALUE else f"the pattern {pattern}"
        return None, f"the output does not fit its type, which is {kind}"
    if pattern == SAFE_VALUE and (value.startswith(("-", "+")) or ".." in value.split("/")):
        if re.fullmatch(r"[-+]?\d+(?:\.\d+)?", value):
            return value, ""
        return None, 'the output starts with - or +, or climbs with ".."'
    return value, ""


def uses(text: str, name: str) -> bool:
    """Whether a shell text speaks of a variable."""
    return re.search(rf"\$(?:{name}(?![A-Za-z0-9_])|\{{[#!]?{name}(?![A-Za-z0-9_]))", text) is not None


def value_on(captures: Captures, name: str, host: str) -> str | None:
    """What was captured under a name on this host; from another host only when it was the same on all of them."""
    values = captures.get(name, {})
    if host in values:
        return values[host]
    different = set(values.values())
    return next(iter(different)) if len(different) == 1 else None


def filled(step: PlanStep, captures: Captures) -> PlanStep:
    """The step with the captured values it uses in its environment; what is not known (yet) stands in `missing`."""
    if not step.needs:
        return step
    environment, unknown = dict(step.environment), []
    for name in step.needs:
        value = value_on(captures, name, step.host)
        if value is not None:
            environment[name] = value
        elif name not in environment:  # a default of the document stands in until then
            unknown.append(name)
    kept = tuple(name for name in step.missing if name not in step.needs)
    return replace(step, environment=environment, missing=(*kept, *unknown))


def with_value(captures: Captures, name: str, host: str, value: str) -> dict[str, dict[str, str]]:
    """The captures with one more value."""
    more = {key: dict(values) for key, values in captures.items()}
    more.setdefault(name, {})[host] = value
    return more
