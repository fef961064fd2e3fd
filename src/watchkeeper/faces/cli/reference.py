"""docs/reference/cli.md, made from the parsers: `python -m watchkeeper.faces.cli.reference > docs/reference/cli.md`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from watchkeeper.core.errors import Usage
from watchkeeper.faces.cli.program import GLOBAL_HELP, VERBS, parser_of

GLOBAL_FLAGS = frozenset({"ops", "state", "json", "help"})
HEAD = f"""\
# The command line

`watchkeeper`, short `wk`, is a thin client of the running watch: it speaks with it over a Unix socket. Without a
running watch it does the same in its own process. Scripts may depend on what stands here.

```
{GLOBAL_HELP}
```

With `--json` a command prints exactly one JSON object, named by its noun: `{{"incidents": [...]}}`. Times are UTC with
Z, durations are seconds in fields that end in `_s`. A failure is one sentence and its next step on standard error,
and nothing on standard output. Colour stands for states alone; `NO_COLOR` and pipes turn it off. Times for people are
in the zone of your terminal (`TZ`). When the reader of a pipe goes away the exit code is 141, as with every Unix tool.
"""


def reference() -> str:
    """The whole page."""
    parts = [HEAD]
    for group, verbs in VERBS.items():
        parts.append(f"## {group}\n")
        for name, _, _ in verbs:
            try:
                _, parser = parser_of(name)
            except Usage:
                continue
            parts.extend(_verb(name, _choices(parser)[name]))
    return "\n".join(parts).rstrip() + "\n"


def _choices(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The sub-commands of a parser by name."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _verb(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f"### wk {name}\n"
    yield f"{parser.description}\n"
    yield from _arguments(parser)
    for action, nested in _choices(parser).items():
        yield f"**`wk {name} {action}{_positionals(nested)}`** {nested.description}\n"
        yield from _arguments(nested)
    if parser.epilog:
        examples, found, codes = parser.epilog.removeprefix("examples:\n").partition("exit code:")
        yield f"```\n{examples.rstrip()}\n```\n"
        if found:
            yield f"Exit code:{codes.rstrip()}\n"


def _arguments(parser: argparse.ArgumentParser) -> Iterator[str]:
    rows = [_row(action) for action in parser._actions if _is_own(action) and action.help]
    if rows:
        yield "\n".join(["| argument | meaning |", "|---|---|", *rows]) + "\n"


def _is_own(action: argparse.Action) -> bool:
    hidden = action.help == argparse.SUPPRESS
    return not hidden and action.dest not in GLOBAL_FLAGS and not isinstance(action, argparse._SubParsersAction)


def _row(action: argparse.Action) -> str:
    value = _value(action)
    names = ", ".join(f"{flag} {value}".strip() for flag in action.option_strings) or value
    meaning = (action.help or "").replace("|", "\\|")
    return f"| `{names}` | {meaning} |"


def _value(action: argparse.Action) -> str:
    """The placeholder of what an argument takes."""
    if action.nargs == 0:
        return ""
    if action.choices is not None:
        return "/".join(str(choice) for choice in action.choices)
    word = action.metavar or (action.dest.upper() if action.option_strings else action.dest)
    return f"{word} ..." if action.nargs in ("+", "*") else str(word)


def _positionals(parser: argparse.ArgumentParser) -> str:
    return "".join(f" {_value(action)}" for action in parser._actions if not action.option_strings and _is_own(action))


if __name__ == "__main__":
    sys.stdout.write(reference())
