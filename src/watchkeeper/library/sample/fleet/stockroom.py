"""Asking the stock database, and the lock file that a crash of it leaves behind."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

from desk import is_alive

ASK_S = 2.5


def ask(address: str, question: dict[str, object]) -> dict[str, object]:
    """Its answer. Raises `OSError` with a reason when there is none, or when it is a refusal."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=ASK_S) as connection:
            connection.sendall(json.dumps(question).encode() + b"\n")
            line = connection.makefile("rb").readline(65_536)
    except OSError as error:
        raise OSError(f"the stock database does not answer on {address} ({error})") from None
    try:
        answer = json.loads(line)
    except ValueError:
        raise OSError(f"the stock database on {address} broke off its answer") from None
    if not isinstance(answer, dict) or not answer.get("ok"):
        raise OSError(f"the stock database refuses: {answer.get('error') if isinstance(answer, dict) else answer}")
    return answer


def of_order(lines: list[dict[str, object]]) -> dict[str, int]:
    """What an order takes from the shelves: item to number."""
    taken: dict[str, int] = {}
    for line in lines:
        item, count = str(line["item"])[:80], line["count"]
        taken[item] = taken.get(item, 0) + (count if isinstance(count, int) else 0)
    return taken


def stock_lock(folder: Path, arguments: list[str]) -> int:
    """Say whose lock it is; with --clear remove it, but only when its process is gone."""
    path = folder / "stock.lock"
    try:
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        print("there is no lock")
        return 0
    if not text.isdigit():
        print(f"{path} names no process: {text[:80]!r}. Look at it before you remove it")
        return 1 if "--clear" in arguments else 0
    if is_alive(int(text)) and _is_server(int(text)):
        print(f"the lock is of process {text}, which is at work")
        return 1 if "--clear" in arguments else 0
    if "--clear" not in arguments:
        print(f"the lock is of process {text}, which is gone")
        return 0
    os.unlink(path)
    print(f"process {text} is gone: its lock is removed")
    return 0


def _is_server(pid: int) -> bool:
    """Whether this process is a stock database, and not another one that got the same number later."""
    try:
        return b"stock.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
