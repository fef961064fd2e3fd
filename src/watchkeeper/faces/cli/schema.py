"""`wk schema`: JSON Schema of the files of an ops repo, for editors."""

from __future__ import annotations

import sys

from watchkeeper.core.errors import NotFound
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import closest, verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

EXAMPLES = """\
  wk schema                            the kinds there are
  wk schema service > service.schema.json
  # first line of services/shop.yaml, for the YAML language server:
  # yaml-language-server: $schema=../service.schema.json"""


def add_parser(commands: Any) -> None:
    """Parser of `wk schema`."""
    parser = verb(commands, "schema", "JSON Schema of the files of an ops repo. Needs no ops repo.", EXAMPLES)
    parser.add_argument("kind", metavar="KIND", nargs="?", default="", help="a kind of file; without it: the kinds")


def run(arguments: Namespace) -> int:
    """Print one schema, or the kinds; with --json without a kind, all of them."""
    from watchkeeper.core.inventory.models import FILES

    kind = arguments.kind.removesuffix(".yaml")
    if kind and kind not in FILES:
        guess = closest(kind, FILES)
        raise NotFound(
            f"There is no kind of file '{arguments.kind}'.",
            f"Did you mean '{guess}'?" if guess else f"There are: {', '.join(FILES)}.",
        )
    if arguments.json:
        render.show_json({"schemas": {name: schema(name) for name in ([kind] if kind else FILES)}})
    elif kind:
        import json

        sys.stdout.write(json.dumps(schema(kind), indent=2) + "\n")
    else:
        print(render.table([(name, f"{(FILES[name].__doc__ or '').strip()}") for name in FILES]))
    return 0


def schema(kind: str) -> dict[str, Any]:
    """The schema of one kind of file, as people write it (keys such as `from`)."""
    from watchkeeper.core.inventory.models import FILES

    found = FILES[kind].model_json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}
