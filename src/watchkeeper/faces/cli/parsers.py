"""argparse, made fit for our contract: global flags anywhere, our sentences, and a cheap start."""

from __future__ import annotations

import argparse
import os

from watchkeeper.core.errors import Usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, NoReturn


# Our sentences are English: without this, argparse looks for translations on the disk, 2 ms of every start.
vars(argparse).update(_=lambda text: text, ngettext=lambda one, many, number: one if number == 1 else many)


def terminal_width(default: int = 100) -> int:
    """Columns to write into: $COLUMNS, else the terminal's, else `default`; between 40 and 160."""
    try:
        columns = int(os.environ.get("COLUMNS", "") or os.get_terminal_size(1).columns)
    except (OSError, ValueError):
        columns = default
    return min(max(columns, 40), 160)


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps examples as written. The width is ours: argparse would import shutil for it at every option."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=min(terminal_width(), 110))


class Parser(argparse.ArgumentParser):
    """A parser, also of every sub-command, that knows the global flags and raises `Usage` instead of leaving."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", Formatter)
        options.setdefault("allow_abbrev", False)
        super().__init__(**options)
        group = self.add_argument_group("global flags")
        group.add_argument("--ops", metavar="DIR", default=argparse.SUPPRESS, help="the ops repo")
        group.add_argument("--state", metavar="DIR", default=argparse.SUPPRESS, help="watchkeeper's own data")
        group.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="one JSON object on stdout")

    def parse(self, words: list[str], before: argparse.Namespace | None = None) -> argparse.Namespace:
        """Parse; `before` holds global flags that stood before the verb. Raises `Usage` with a next step."""
        parsed, unknown = self.parse_known_args(words)
        if unknown:
            known = [flag for parser in self._reached(words) for flag in parser._option_string_actions]
            guess = closest(unknown[0].partition("=")[0], known) if unknown[0].startswith("-") else ""
            hint = f"Did you mean '{guess}'?" if guess else f"'{self._help_words(words)}' shows what it takes."
            raise Usage(f"'{unknown[0]}' is not understood here.", hint)
        for name in ("ops", "state", "json"):
            if not hasattr(parsed, name):
                setattr(parsed, name, getattr(before, name, False if name == "json" else ""))
        return parsed

    def error(self, message: str) -> NoReturn:
        """Called by argparse for wrong usage."""
        raise Usage(_sentence(message), f"'{self.prog} --help' shows what it takes.")

    def _reached(self, words: list[str]) -> list[Parser]:
        parsers, current = [self], self
        for word in words:
            for action in current._actions:
                if isinstance(action, argparse._SubParsersAction) and word in action.choices:
                    current = action.choices[word]
                    parsers.append(current)
                    break
        return parsers

    def _help_words(self, words: list[str]) -> str:
        return f"{self._reached(words)[-1].prog} --help"


def _sentence(message: str) -> str:
    """argparse's own phrases, as sentences."""
    message = message.replace("the following arguments are required:", "missing:").replace("argument ", "", 1)
    if "invalid int value:" in message:
        name, _, word = message.partition(": invalid int value: ")
        return f"{name} is {word}, which is not a whole number."
    if "invalid choice:" in message:
        wrong = message.partition("invalid choice: ")[2]
        word, _, choices = wrong.partition(" (choose from ")
        known = [choice.strip().strip("'") for choice in choices.rstrip(")").split(",")]
        guess = closest(word.strip("'"), known)
        extra = f" Did you mean '{guess}'?" if guess else ""
        return f"{word} is not one of: {', '.join(known)}.{extra}"
    return message[:1].upper() + message[1:] + ("" if message.endswith((".", "?")) else ".")


def closest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, or nothing."""
    from difflib import get_close_matches

    matches = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else ""


def group(commands: Any, name: str, summary: str, examples: str = "") -> Any:
    """A verb with actions (`wk runs list`): returns the adder of its actions; the action is in `.action`."""
    parser = commands.add_parser(name, description=summary, epilog=_epilog(examples))
    return parser.add_subparsers(dest="action", metavar="ACTION", required=True, prog=parser.prog, title="actions")


def verb(commands: Any, name: str, summary: str, examples: str = "") -> Any:
    """A verb or an action: returns its parser."""
    return commands.add_parser(name, help=summary, description=summary, epilog=_epilog(examples))


def _epilog(examples: str) -> str | None:
    return f"examples:\n{examples.rstrip()}" if examples else None
