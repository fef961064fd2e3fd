"""The script of docs/how-to/prove-the-log.md proves a real log, and nothing that was changed."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from tests.docs.pages import DOCS, fences
from tests.fixtures.log_keeping import Kept, draft

from watchkeeper.core.actors import LOCAL


@pytest.fixture(scope="module")
def script() -> str:
    (fence,) = [each for each in fences(DOCS / "how-to/prove-the-log.md") if each.kind == "prove"]
    assert len([line for line in fence.text.splitlines() if line.strip()]) <= 36
    return fence.text


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """An exported chain with archived, purged and lost texts."""
    kept = Kept(tmp_path_factory.mktemp("log"))
    kept.append(*(draft(n, 3.0) for n in range(1, 5)), *(draft(n) for n in range(5, 9)))
    kept.keeping.archive(LOCAL)
    kept.keeping.purge(LOCAL, 2, "a secret")
    kept.keeping.purge(LOCAL, 6, "a secret")
    found = kept.chain_file(kept.store, None).page()
    kept.close()
    return found


def proven(script: str, lines: list[str], *anchors: str) -> str:
    """What the script says in this process; "" when it does not prove it."""
    scope: dict[str, object] = {"__name__": "prove"}
    exec(script, scope)
    try:
        scope["prove"](lines, list(anchors))  # type: ignore[operator]
    except (SystemExit, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"no: {error}"
    return "yes"


def test_the_script_proves_an_exported_log(script: str, lines: list[str], tmp_path: Path) -> None:
    (tmp_path / "prove.py").write_text(script)
    (tmp_path / "chain.jsonl").write_text("".join(f"{line}\n" for line in lines))
    head = json.loads(lines[-1])
    command = [sys.executable, "-I", "prove.py", "chain.jsonl", str(head["number"]), head["hash"]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"11 entries are proven, 2 without their text. The head is 11 {head['hash']}\n"
    done = subprocess.run([*command[:-1], "0" * 64], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "is not in this log" in done.stderr


def test_the_script_proves_nothing_that_was_changed(script: str, lines: list[str]) -> None:
    chance = random.Random(5)
    assert proven(script, lines) == "yes"
    for index, line in enumerate(lines):
        for _ in range(12):
            data = bytearray(line.encode())
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(7)
            changed = bytes(data).decode("utf-8", "replace")
            if json_of(changed) != json.loads(line):
                assert proven(script, [*lines[:index], changed, *lines[index + 1 :]]) != "yes", changed
        if index < len(lines) - 1:
            assert proven(script, lines[:index] + lines[index + 1 :]) != "yes"
            swapped = [*lines[:index], lines[index + 1], line, *lines[index + 2 :]]
            assert proven(script, swapped) != "yes"
        without = json.dumps(json.loads(line) | {"body": None})
        if json.loads(line)["body"] is not None and json.loads(line)["number"] > 4:
            assert "NOT PROVEN" in proven(script, [*lines[:index], without, *lines[index + 1 :]])
    head = json.loads(lines[-1])
    assert proven(script, lines[:-1], str(head["number"]), head["hash"]) != "yes"


def json_of(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None
