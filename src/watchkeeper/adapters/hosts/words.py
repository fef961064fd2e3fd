"""Turning texts and values into shell input safely: quoting, and the names that are allowed."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

from watchkeeper.core.errors import Usage

# Linux refuses one environment string above 128 KiB; read commands and values travel as one such string each.
LONGEST_STRING = 100_000

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}\Z")
_SHELL = re.compile(r"[a-z]{1,12}\Z")
# Names that change how the shell or the loader itself works, or that a shell refuses to set.
_RESERVED = frozenset(
    ("BASHOPTS", "BASH_ENV", "BASH_VERSINFO", "ENV", "EUID", "IFS", "OPTIND", "PATH", "PPID", "SHELLOPTS", "UID")
)


def quote(text: str) -> str:
    """`text` as one single-quoted shell word; every byte stays what it is."""
    return "'" + text.replace("'", "'\\''") + "'"


def new_mark() -> str:
    """A random word that marks where wanted output begins, so that a talking ``.bashrc`` cannot be mistaken for it."""
    return "wk-" + secrets.token_hex(10)


def check_text(text: str, *, longest: int | None = None) -> str:
    """The text when a shell can be given it; raises `Usage`."""
    if "\0" in text:
        raise Usage("The command holds a NUL byte, which no shell accepts.", "Remove it from the command.")
    if longest is not None and len(text.encode("utf-8", "surrogateescape")) > longest:
        raise Usage(
            f"The command is longer than {longest} bytes, more than one read command may be.",
            "Put it into a script on the host and call that.",
        )
    return text


def check_part(part: str, what: str) -> str:
    """`part` when it may name a file of the spool; raises `Usage`."""
    if not _PART.match(part):
        raise Usage(f"{part!r} cannot name a {what} in the spool.", "Use letters, digits, '.', '_' and '-'.")
    return part


def check_shell(shell: str) -> str:
    """`shell` when it is a plain program name such as ``sh`` or ``bash``; raises `Usage`."""
    if not _SHELL.match(shell):
        raise Usage(f"{shell!r} is not the name of a shell.", "Use sh or bash.")
    return shell


def exports(environment: Mapping[str, str] | None) -> str:
    """``export`` lines for these values. They reach the host on stdin and are never part of an argument list."""
    lines = []
    for name, value in (environment or {}).items():
        if not _NAME.match(name) or name in _RESERVED or name.startswith(("wk_", "LD_")):
            hint = "Choose another name of letters, digits and '_'."
            raise Usage(f"{name!r} cannot be a parameter of a command.", hint)
        if "\0" in value or len(value.encode("utf-8", "surrogateescape")) > LONGEST_STRING:
            raise Usage(
                f"The value of {name} holds a NUL byte or more than {LONGEST_STRING} bytes.",
                "Put long values into a file on the host and pass its path.",
            )
        lines.append(f"export {name}={quote(value)}")
    return "\n".join(lines) or ":"


def script(settings: Mapping[str, str], environment: Mapping[str, str] | None, body: str) -> bytes:
    """The whole input of one ``/bin/sh``: settings as plain variables, values as a function, then the body.

    The call of ``main`` is the last line: a line cut in the middle of the script runs nothing.
    """
    head = "\n".join(f"wk_{name}={quote(value)}" for name, value in settings.items())
    text = f"{head}\nwk_values() {{\n{exports(environment)}\n}}\n{body}\nwk_main\n"
    return text.encode("utf-8", "surrogateescape")
