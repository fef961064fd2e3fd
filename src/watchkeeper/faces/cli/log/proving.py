"""`wk log anchors`, `export --chain` and `import-chain`: the log proven by others, and moved as a whole."""

from __future__ import annotations

import sys

from watchkeeper.core.errors import Usage
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from watchkeeper.faces.cli.client import Client

PART = 200_000
"""Characters that travel at once; with all of them escaped still below what one request may hold."""


def add_parsers(actions: Any) -> None:
    """The verbs of this file."""
    listed = verb(
        actions, "anchors", "Heads of the log that are kept outside: in commits of the ops repo, at the webhook."
    )
    listed.add_argument("--trailer", action="store_true", help="only the line for a commit that anchors the log now")
    taken = verb(actions, "import-chain", "Take over a whole chain, written by 'export --chain', into an empty log.")
    taken.add_argument("file", metavar="FILE")


def anchors(client: Client, arguments: Namespace) -> int:
    """One line each; with --trailer the line for a commit."""
    if arguments.trailer:
        found = client.get("/log/head")["head"]
        render.show_json({"head": found}) if arguments.json else print(found["trailer"])
        return 0
    answer = client.get("/log/anchors")
    if arguments.json:
        render.show_json(answer)
        return 0
    rows = [
        (one["number"], render.clock(one["at"]), render.line(one["where"]), one["hash"]) for one in answer["anchors"]
    ]
    print(render.table(rows, ("N", "AT", "WHERE", "HASH")) if rows else NONE)
    return 0


NONE = (
    "No anchor is known: no commit of the ops repo carries one, and no webhook took one.\n"
    "Keep 'NUMBER HASH' of `wk log verify` somewhere else, or write log: {anchor: {webhook: ...}}."
)


def export_chain(client: Client, arguments: Namespace) -> int:
    """Write the chain on standard output, page by page."""
    after = 0
    while True:
        headers, page = client.raw("GET", f"/log/chain?after={after}")
        if not page:
            break
        sys.stdout.buffer.write(page)
        after = int(headers["x-next-after"])
    sys.stdout.buffer.flush()
    return 0


def import_chain(client: Client, arguments: Namespace) -> int:
    """Send the file in parts, then make it the log."""
    from hashlib import sha256

    digest, offset = sha256(), 0
    try:
        with open(arguments.file, encoding="utf-8", newline="\n") as file:
            while text := file.read(PART):
                client.post("/log/chain/parts", {"offset": offset, "text": text})
                data = text.encode()
                digest.update(data)
                offset += len(data)
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise Usage(f"{arguments.file} cannot be read: {why}.", "wk log export --chain writes such files.") from None
    if not offset:
        raise Usage(f"{arguments.file} is empty.", "wk log export --chain writes such files.")
    answer = client.post("/log/chain/import", {"digest": digest.hexdigest()})
    render.show_json(answer) if arguments.json else print(render.line(answer["verification"]["sentence"]))
    return 0
