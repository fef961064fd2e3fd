"""Writes src/watchkeeper/faces/api/schemas/examples.json: real answers of a small fleet that breaks and heals.

Runs the programs for about half a minute. Long lists and texts are cut; what is secret or differs by machine is replaced.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

LONGEST_LIST, LONGEST_TEXT, LARGEST = 1, 240, 9000
HIDDEN = frozenset({"key", "token", "url", "secret", "recovery_codes", "pid", "host_name", "path_on_disk"})


def trimmed(value: Any, root: str, depth: int = 0) -> Any:
    """The answer in short, without this machine."""
    if isinstance(value, dict):
        return {name: _hidden(name, trimmed(each, root, depth + 1)) for name, each in value.items()}
    if isinstance(value, list):
        return [trimmed(each, root, depth + 1) for each in value[:LONGEST_LIST]]
    if isinstance(value, str):
        text = re.sub(r"/tmp/[\w./-]*?/(ops|flags|state)", r"/srv/\1", value.replace(root, "/srv"))
        return text if len(text) <= LONGEST_TEXT or re.fullmatch(r"[0-9a-f]+", text) else text[:LONGEST_TEXT] + " ..."
    return value


def _hidden(name: str, value: Any) -> Any:
    if name in HIDDEN and isinstance(value, str):
        return "shown-to-you-only" if "://" not in value else "https://watch.example.org/..."
    return 4711 if name == "pid" else value


def main() -> None:
    """Live for half a minute, ask everything, keep the last answer of each route."""
    import api_reference

    document = api_reference.openapi()
    from tests.fixtures.api_house import api_house, ask_all

    from watchkeeper.faces.api.schemas.document import EXAMPLES

    with tempfile.TemporaryDirectory() as folder, api_house(Path(folder), document) as (house, answers):
        ask_all(house, document)
        kept = {
            name: trimmed(json.loads(body), folder)
            for name, status, media, body in answers
            if status == 200 and media.partition(";")[0] == "application/json"
        }
    kept = {name: each for name, each in sorted(kept.items()) if len(json.dumps(each)) <= LARGEST}
    EXAMPLES.write_text(json.dumps(kept, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{len(kept)} examples, {EXAMPLES.stat().st_size} bytes")


if __name__ == "__main__":
    main()
