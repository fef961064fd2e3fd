"""The folder of packing lists and exports: a packing list per order, a sheet for the office when somebody asks for one.

The folder has a budget. A packing list goes when its label is printed; sheets stay until somebody removes them.
"""

from __future__ import annotations

import errno
import json
import os
import re
import sqlite3
import time
from datetime import date, timedelta
from pathlib import Path

from desk import connect, transaction

OLD_S = 7 * 86_400.0
NAME = re.compile(r"[a-z]+-[0-9]+\.(csv|json)")
UNFINISHED = "select file from job where file is not null and state != 'done'"


class Exports:
    """The folder and its budget in bytes."""

    def __init__(self, folder: Path, budget: int) -> None:
        self.folder, self.budget = folder, budget

    def write(self, kind: str, ending: str, text: str) -> str:
        """A new file; returns its name. Raises `OSError` when it does not fit into the budget any more."""
        data = text.encode()
        if held(self.folder) + len(data) > self.budget:
            raise OSError(errno.EDQUOT, f"the folder {self.folder} has reached its budget of {self.budget} bytes")
        name = f"{kind}-{time.time_ns()}.{ending}"
        (self.folder / name).write_bytes(data)
        return name

    def packing_list(self, customer: str, lines: list[dict[str, object]]) -> str:
        """What goes into one box."""
        return self.write("packing", "json", json.dumps({"customer": customer, "lines": lines}))

    def sheet(self, year: int, items: list[str]) -> str:
        """A year's sheet for the office: one row per day and item, to be filled in by hand."""
        first = date(year, 1, 1)
        days = [(first + timedelta(days=day)).isoformat() for day in range(365)]
        rows = [f"{day};{item};counted;sold;back;signed by" for day in days for item in items]
        return self.write("sheet", "csv", "\n".join(rows) + "\n")

    def remove(self, name: str) -> None:
        """Take one file away; none there is fine."""
        if NAME.fullmatch(name):
            (self.folder / name).unlink(missing_ok=True)


def held(folder: Path) -> int:
    """Bytes in the files of the folder."""
    total = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                total += entry.stat(follow_symlinks=False).st_size
            except FileNotFoundError:
                continue
    return total


def queue_sheet(connection: sqlite3.Connection, name: str, due_at: float) -> int:
    """A job that sends this sheet to the office at its time."""
    with transaction(connection):
        cursor = connection.execute(
            "insert into job (order_id, created_at, file, due_at) values (0, ?, ?, ?)", (time.time(), name, due_at)
        )
    return int(cursor.lastrowid or 0)


def old_exports(database: Path, folder: Path, arguments: list[str]) -> int:
    """Which sheets may go: older than a week, and named by no job that is still to be done. --remove removes them.

    The write lock is held meanwhile, so that nobody can queue a job for a file that is just being removed.
    """
    connection = connect(str(database), 10.0)
    now, gone, named, young = time.time(), 0, 0, 0
    with transaction(connection):
        wanted = {row["file"] for row in connection.execute(UNFINISHED)}
        for path in sorted(folder.iterdir()):
            facts = path.lstat()
            if not NAME.fullmatch(path.name) or path.is_symlink() or not path.is_file():
                print(f"{path.name}: not one of ours, stays")
            elif path.name in wanted:
                named += 1
            elif now - facts.st_mtime < OLD_S:
                young += 1
            else:
                gone += 1
                print(f"{path.name}: {facts.st_size} bytes, {(now - facts.st_mtime) / 86_400:.0f} days old")
                if "--remove" in arguments:
                    path.unlink()
    what = "removed" if "--remove" in arguments else "may be removed"
    print(f"{gone} old files {what}; {named} stay because a job names them, {young} because they are young")
    return 0
