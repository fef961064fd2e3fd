"""Putting a backup in place: checked before, made safe to go on with, checked again, swapped in as a whole.

A restored state is a look into the past, while hosts and people have gone on. So nothing in it acts by itself: automation
is off, runs that were ready or at work ask before they change anything, and numbers go on far beyond the restored ones.
A step that was at work is asked for in the spool of its host, which holds its claim, and is never sent blindly.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from watchkeeper.core import backups as core
from watchkeeper.core.actors import LOCAL
from watchkeeper.core.backups import DATABASES, Backup, Restored
from watchkeeper.core.errors import Forbidden, Invalid, WatchkeeperError
from watchkeeper.core.log import chain
from watchkeeper.core.log.values import Draft
from watchkeeper.core.times import utc_words
from watchkeeper.services.responses import AUTOMATION_OFF
from watchkeeper.store import backups, versions

_OPEN = "state not in ('proven', 'unproven', 'done', 'failed', 'cancelled')"
UNSURE = "it was being started when the backup was made; whether it ran is not known, may have partly run"


def restore(place: Path, state: Path, *, now: float, replace_old: bool = False) -> Restored:
    """Put the backup at `place` (or the newest below it) into `state`. The caller holds all locks of `state`.

    Raises `Forbidden` when the state holds something and `replace_old` is not set, `Invalid` when the backup does not
    hold or is of a newer program. What was there is moved aside, never deleted.
    """
    backup = backups.chosen(place.absolute())
    folder = Path(backup.path)
    backups.verify(folder)
    newer = versions.newer_than_known(folder)
    if newer:
        raise Invalid(newer, "Restore it with the program that made it, or a newer one.")
    unfinished = (state / versions.RESTORING).exists()
    if _occupied(state) and not replace_old and not unfinished:
        raise Forbidden(
            f"{state} already holds {', '.join(_occupied(state))}; nothing was changed.",
            "Name another directory with --state, or add --replace: what is there is moved aside, not deleted.",
        )
    for dead in state.glob(".restoring.*"):  # of a restore that was killed; its locks are free, so it is gone
        shutil.rmtree(dead, ignore_errors=True)
    fresh = state / f".restoring.{os.getpid()}"
    try:
        fresh.mkdir(mode=0o700)
        for name in backup.manifest.files:
            shutil.copyfile(folder / name, fresh / name)
            (fresh / name).chmod(0o600)
        asks = _made_safe(fresh / "main.db", backup, now) if (fresh / "main.db").exists() else ()
        entries = _checked(fresh, backup)
        aside = _swap(fresh, state, now)
    except (OSError, sqlite3.Error) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise WatchkeeperError(
            f"The restore into {state} failed: {why}.", "See that its disk has room, then repeat."
        ) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return Restored(backup, str(state), entries, backup.manifest.open_runs, asks, aside)


def _occupied(state: Path) -> list[str]:
    return [name for name in DATABASES if (state / name).exists()]


def _checked(folder: Path, backup: Backup) -> int:
    """Open and check what will be put in place; the log must hold all entries of the backup and the new one."""
    for name in backup.manifest.files:
        backups.sync(folder / name)
    entries, _head = backups.checked(folder)
    if backup.manifest.head and entries != backup.manifest.entries + 1:
        raise Invalid(
            f"The restored log has {entries} entries, {backup.manifest.entries + 1} were expected.",
            "Use another backup.",
        )
    return entries


def _swap(fresh: Path, state: Path, now: float) -> str:
    """Move the old files aside and the new ones in. A mark stands as long as the two could be mixed."""
    mark = state / versions.RESTORING
    mark.touch(mode=0o600)
    backups.sync(state)
    old = [path for name in (*DATABASES, *backups.OTHERS) for path in _files_of(state, name)]
    aside = state / f"replaced-{core.name_of(now).removeprefix('watchkeeper-')}"
    if old:
        while aside.exists():
            aside = aside.with_name(aside.name + "-2")
        aside.mkdir(mode=0o700)
        for path in old:
            path.rename(aside / path.name)
    for path in sorted(fresh.iterdir()):
        path.rename(state / path.name)
    backups.sync(state)
    mark.unlink()
    backups.sync(state)
    return str(aside) if old else ""


def _files_of(state: Path, name: str) -> list[Path]:
    """A file with what SQLite keeps beside it."""
    return [path for path in (state / f"{name}{end}" for end in ("", "-wal", "-shm", "-journal")) if path.exists()]


# ---- what must not go on by itself ---------------------------------------------------------------------------------


def _made_safe(database: Path, backup: Backup, now: float) -> tuple[str, ...]:
    """Change the restored main.db so that it cannot do a thing twice; why which runs ask now."""
    made = utc_words(backup.manifest.made_at)
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("begin immediate")
        asks = _runs_ask(connection)
        why = f"watchkeeper was restored from its backup of {made}; look at open runs and grants first"
        with contextlib.suppress(sqlite3.OperationalError):  # a schema older than the table has nothing to switch off
            connection.execute("insert or replace into setting (name, value) values (?, ?)", (AUTOMATION_OFF, why))
        _sign_out(connection, now)
        _numbers_go_on(connection, core.jump(now - backup.manifest.made_at))
        if backup.manifest.head:
            _enter(connection, backup, made, asks, now)
        connection.execute("commit")
    return asks


def _sign_out(connection: sqlite3.Connection, now: float) -> None:
    """Tokens and invitations that ended since the backup do not come back; everybody signs in again with his password."""
    for statement, values in (
        ("update token set revoked_at = ?, revoked_by = 'restore' where revoked_at is null", (now,)),
        ("update account set invitation = '', invited_until = null", ()),
        ("delete from usersessions_usersession", ()),
        ("delete from django_session", ()),
    ):
        with contextlib.suppress(sqlite3.OperationalError):  # a schema older than the table has nobody to sign out
            connection.execute(statement, values)


def _runs_ask(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Runs that would go on by themselves ask before each change; steps that may be under way are told apart."""
    asks = []
    query = f"select id, state, mode from run where {_OPEN} order by id"
    for number, state, mode in connection.execute(query).fetchall():
        if state in ("ready", "running") and mode in ("auto", "manual"):
            connection.execute("update run set mode = 'propose' where id = ?", (number,))
            asks.append(f"run {number} was {state}: it asks before it changes anything")
        steps = connection.execute(
            'select id, state, sent, plan from run_step where run = ? order by "index"', (number,)
        )
        for step, step_state, sent, plan in steps.fetchall():
            told = json.loads(plan)
            if step_state == "running" and told["risk"] != "read" and (not sent or told.get("idempotent")):
                change = "update run_step set state = 'interrupted', message = ?, decided_by = '' where id = ?"
                connection.execute(change, (UNSURE, step))
                asks.append(f"run {number}, step {told['id']} on {told['host']}: {UNSURE}")
        withdrawn = "update run_step set decided_by = '' where run = ? and state in ('planned', 'waits', 'interrupted')"
        connection.execute(withdrawn, (number,))
    return tuple(asks)


def _numbers_go_on(connection: sqlite3.Connection, jump: int) -> None:
    """Every counter of the main store moves on, to the next round number at least `jump` further."""
    query = "select name from sqlite_master where type = 'table' and sql like '%autoincrement%'"
    for (table,) in connection.execute(query).fetchall():
        row = connection.execute("select seq from sqlite_sequence where name = ?", (table,)).fetchone()
        last = int(row[0]) if row else 0
        following = -(-(last + jump) // core.NUMBERS_A_DAY) * core.NUMBERS_A_DAY
        connection.execute("delete from sqlite_sequence where name = ?", (table,))
        connection.execute("insert into sqlite_sequence (name, seq) values (?, ?)", (table, following))


def _enter(connection: sqlite3.Connection, backup: Backup, made: str, asks: tuple[str, ...], now: float) -> None:
    """The restore is an entry of the log: what came between is missing, and the log says so itself."""
    manifest = backup.manifest
    text = (
        f"State of {made}, entries 1 to {manifest.entries}. What was written between then and now is not in this log."
    )
    draft = Draft(
        now, "Restore", f"Restored from the backup of {made}", LOCAL.name, "High",
        sections=(("Restored", text), *((("Open runs", "\n".join(f"- {each}" for each in asks)),) if asks else ())),
        facts={"backup_head": manifest.head, "backup_host": manifest.host, "backup_program": manifest.program},
    )  # fmt: skip
    number, previous = connection.execute("select number, hash from chain order by number desc limit 1").fetchone() or (
        0,
        chain.GENESIS,
    )
    entry, body = chain.chained(draft, number + 1, previous)
    link = (entry.number, previous, chain.microseconds(draft.at), entry.digest, entry.hash)
    connection.execute("insert into chain (number, previous, at, digest, hash) values (?, ?, ?, ?, ?)", link)
    connection.execute("insert into body (number, content) values (?, ?)", (entry.number, body.decode()))
