"""`wk init`: make an ops repo that loads as it is and says in comments what to write next."""

from __future__ import annotations

import os
import subprocess

from watchkeeper.core.errors import Forbidden, Locked, Usage
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import verb
from watchkeeper.faces.cli.skeleton import FILES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping
    from typing import Any

EXAMPLES = """\
  wk init ops                             then edit ops/services/example.yaml, and: wk check, wk up
  wk init ops --host deploy@app1.example.org      look at a host, read-only, and write what runs there
  wk init ops --host local                the same for this machine
  wk init ops --host deploy@app1.example.org      again: only what is new is added, nothing is changed
  wk init ops --from OPERATIONS.md on-call.md     services, checks and runbooks out of your documents
  wk init ops --from OPERATIONS.md --dry-run      show what would be written"""


def add_parser(commands: Any) -> None:
    """Parser of `wk init`."""
    parser = verb(commands, "init", "Make an ops repo: a directory of YAML and Markdown that your team owns.", EXAMPLES)
    parser.add_argument(
        "directory", metavar="DIR", help="a new or an empty directory; with --host or --from also an ops repo"
    )
    parser.add_argument(
        "--host",
        default="",
        metavar="USER@HOST[:PORT]",
        help="look at this host, read-only, and write hosts, services and checks; 'local' for this machine",
    )
    parser.add_argument("--name", default="", help="name of the host in hosts.yaml (default: from its address)")
    parser.add_argument(
        "--accept-host-key",
        default="",
        metavar="FINGERPRINT",
        help="the SHA256 fingerprint that an unknown host must show, or 'new' to take what it shows and say so",
    )
    parser.add_argument("--show-commands", action="store_true", help="show every command in full before it is run")
    parser.add_argument(
        "--from",
        dest="sources",
        nargs="+",
        default=[],
        metavar="FILE.md",
        help="read these documents of your team, and write runbooks, services, checks, routines and queries of them",
    )
    parser.add_argument("--dry-run", action="store_true", help="with --from: show what would be written, write nothing")
    parser.add_argument(
        "--repair-encoding",
        action="store_true",
        help="with --from: mend text whose UTF-8 was once read as another encoding, instead of keeping it as it is",
    )


def run(arguments: Namespace) -> int:
    """Write the files; never into a directory that holds something, except to add what a host or a document has new."""
    if arguments.sources:
        from watchkeeper.faces.cli.importing import import_documents

        return import_documents(arguments)
    if arguments.dry_run or arguments.repair_encoding:
        raise Usage("--dry-run and --repair-encoding belong to --from.", "Add --from FILE.md.")
    if arguments.host:
        from watchkeeper.faces.cli.discovering import discover

        return discover(arguments)
    if arguments.accept_host_key or arguments.name or arguments.show_commands:
        raise Usage("There is no host to look at.", "Add --host USER@HOST, or --host local.")
    place = os.path.abspath(arguments.directory)
    refuse_occupied(arguments.directory, place)
    try:
        written = write(place)
    except OSError as error:
        raise Forbidden(
            f"{arguments.directory} cannot be written: {error.strerror} ({error.filename}).",
            "Choose a directory of yours.",
        ) from None
    repository = make_repository(place)
    if arguments.json:
        render.show_json({"files": written, "directory": place, "git": repository})
        return 0
    print(f"Made the ops repo {arguments.directory} with {len(written)} files:")
    for path in written:
        print(f"  {path}")
    if not repository:
        render.note("It is not a git repository (git is missing or refused); make it one when you can.")
    print(f"Next: edit services/example.yaml, then 'wk --ops {arguments.directory} lint', 'check' and 'up'.")
    return 0


def refuse_occupied(name: str, place: str) -> None:
    """Raises `Locked` when something is there already."""
    if os.path.lexists(place) and not os.path.isdir(place):
        raise Locked(f"{name} exists and is not a directory.", "Choose another name.")
    if os.path.isdir(place) and os.listdir(place):
        raise Locked(f"{name} is not empty, and nothing in it was touched.", "Choose a new or an empty directory.")


def write(place: str, files: Mapping[str, str] = FILES) -> list[str]:
    """Write the skeleton; the relative paths written, sorted. A file that is there already is an error."""
    for path, text in files.items():
        target = os.path.join(place, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "x", encoding="utf-8") as file:
            file.write(text)
    return sorted(files)


def make_repository(place: str) -> bool:
    """`git init`, when git is there and the directory is not within a repository already."""
    try:
        inside = subprocess.run(
            ["git", "-C", place, "rev-parse", "--is-inside-work-tree"], capture_output=True, timeout=20, check=False
        )
        if inside.returncode == 0:
            return True
        made = subprocess.run(["git", "-C", place, "init", "--quiet"], capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return made.returncode == 0
