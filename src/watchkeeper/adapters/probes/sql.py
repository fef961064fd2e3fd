"""sql: asks a database one question; the first column of the first row is the value. Read only, always.

Options: ``database`` (a name of databases.yaml) and ``query``. Values: ``value`` (None when there is no row) and
``rows`` (1 or 0: only the first row is fetched). A database that refuses, is locked or is too slow was not asked:
the error says so and the verdict is UNKNOWN, because no number was measured.

SQLite: a local file is opened read-only in a thread, with a deadline; on an SSH host its ``sqlite3 -readonly`` program
asks. PostgreSQL: psycopg from this machine, with a statement timeout, in a read-only transaction.
"""

from __future__ import annotations

import re
import shlex
import sqlite3
import time
from pathlib import Path
from urllib.parse import quote

from watchkeeper.adapters.probes.tools import Answer, Asker, Reader, Tools, last_line, place, text_option
from watchkeeper.core.checks import Value
from watchkeeper.core.errors import NoAnswer, Usage
from watchkeeper.core.inventory.values import Check, Database

_TEXT_LIMIT = 400
_URL = re.compile(r"(?:postgres(?:ql)?://|(?:password|host|user)=)\S+", re.IGNORECASE)


def create(tools: Tools) -> Asker:
    """Used by the registry."""
    return SqlAsker(tools)


class SqlAsker:
    """A fresh connection per ask: a check must notice that nobody can connect any more."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def ask(self, check: Check, now: float) -> Answer:
        database = self._database(check)
        query = text_option(check, "query").strip().removesuffix(";")
        far = self._tools.far(check)
        limit_s = check.timeout_s
        if database.kind == "sqlite" and far is not None:
            return await _ask_sqlite_far(check, far, database.target, query)
        if database.kind == "sqlite":
            path = self._tools.base / database.target
            return await self._tools.in_thread(limit_s + 0.5, _ask_sqlite, path, query, limit_s, database.name)
        if far is not None:
            sentence = f"{check.key}: PostgreSQL is asked from this machine only, not on {place(check)}."
            raise NoAnswer(sentence, "Write from: here, with an address that this machine can reach.")
        return await self._tools.in_thread(limit_s + 0.5, self._ask_postgresql, database, query, limit_s)

    async def close(self) -> None:
        """Nothing is kept open."""

    def _database(self, check: Check) -> Database:
        name = text_option(check, "database")
        database = self._tools.databases.get(name)
        if database is None:
            raise NoAnswer(f"{check.key}: there is no database {name}.", "Name it in databases.yaml.")
        return database

    def _ask_postgresql(self, database: Database, query: str, limit_s: float) -> Answer:
        """Blocking, also because the URL may come from a secret that a command prints."""
        return _ask_postgresql(self._tools.revealed(database.target), query, limit_s, database.name)


def _answer(row: object) -> Answer:
    first: object = row[0] if isinstance(row, (tuple, list)) and row else None
    value: Value
    if isinstance(first, (bool, int, float)) or first is None:
        value = first
    elif isinstance(first, (str, bytes)):
        value = (first.decode("utf-8", "replace") if isinstance(first, bytes) else first)[:_TEXT_LIMIT]
    else:  # Decimal, dates: a number when it is one
        try:
            value = float(str(first))
        except ValueError:
            value = str(first)[:_TEXT_LIMIT]
    return Answer({"value": value, "rows": 0 if row is None else 1})


def _ask_sqlite(path: Path, query: str, limit_s: float, name: str) -> Answer:
    """Blocking. Waits for a lock up to the deadline and stops a long query there."""
    ends = time.monotonic() + limit_s
    if not path.is_file():
        raise NoAnswer(f"The file of database {name} does not exist: {path}.", "See databases.yaml.")
    connection = None
    try:
        uri = f"file:{quote(str(path))}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, timeout=max(0.05, limit_s * 0.9), isolation_level=None)
        connection.set_progress_handler(lambda: int(time.monotonic() > ends), 10_000)
        connection.execute("pragma query_only = on")
        connection.set_authorizer(_no_other_files)
        return _answer(connection.execute(query).fetchone())
    except sqlite3.OperationalError as error:
        said = str(error)
        if "interrupted" in said:
            said = f"the query did not end within {limit_s:g} s"
        elif "locked" in said:
            said = f"it stayed locked by another program for {limit_s:g} s"
        raise NoAnswer(f"Database {name} could not be asked: {said}.") from error
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise NoAnswer(f"Database {name} could not be asked: {error}.") from error
    finally:
        if connection is not None:
            connection.close()


def _no_other_files(action: int, *_: object) -> int:
    """Read-only holds for the file that was opened: attaching another one could make it."""
    return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_ATTACH else sqlite3.SQLITE_OK


def _ask_postgresql(url: str, query: str, limit_s: float, name: str) -> Answer:
    """Blocking. The URL holds a password: no sentence ever repeats it."""
    try:
        import psycopg
    except ModuleNotFoundError as error:
        sentence = f"Database {name} needs the package psycopg, which is not installed."
        raise NoAnswer(sentence, "Install watchkeeper[postgres].") from error
    options = f"-c statement_timeout={max(1, int(limit_s * 1000))} -c default_transaction_read_only=on"
    try:
        wait_s = max(2, int(limit_s))  # libpq knows whole seconds, and no less than two
        with psycopg.connect(
            url, connect_timeout=wait_s, options=options, application_name="watchkeeper"
        ) as connection:
            connection.read_only = True
            with connection.cursor() as cursor:
                cursor.execute(query.encode(), binary=True)  # the protocol that takes a single statement only
                return _answer(cursor.fetchone() if cursor.description else None)
    except psycopg.errors.QueryCanceled as error:
        raise NoAnswer(f"Database {name} could not be asked: the query did not end within {limit_s:g} s.") from error
    except psycopg.Error as error:
        said = _URL.sub("...", last_line(str(error).replace("\n", " ").encode())) or type(error).__name__
        raise NoAnswer(f"Database {name} could not be asked: {said}.") from error


async def _ask_sqlite_far(check: Check, far: Reader, path: str, query: str) -> Answer:
    """The query travels in the environment (stdin of the session), so that it is in no process list."""
    if any(line.lstrip().startswith(".") for line in query.splitlines()):
        raise Usage(f"{check.key}: a line of this query starts with a dot, which is a command of the sqlite3 program.")
    command = (
        "command -v sqlite3 >/dev/null 2>&1 || { echo WK-no-sqlite3 >&2; exit 3; }\n"
        f'printf "%s;\\n" "$WK_QUERY" | sqlite3 -readonly -bail -batch -list -noheader '
        f"-cmd '.timeout {max(50, int(check.timeout_s * 900))}' {shlex.quote(path)}"
    )
    deadline_s = check.timeout_s
    result = await far.read(command, deadline_s=deadline_s, environment={"WK_QUERY": query}, limit=65_536)
    name = text_option(check, "database")
    if b"WK-no-sqlite3" in result.error:
        raise NoAnswer(
            f"{place(check)} has no sqlite3 program, so {name} cannot be asked there.", "Install sqlite3 there."
        )
    if result.timed_out or result.exit_code is None:
        raise NoAnswer(f"Database {name} on {place(check)} gave no answer within {check.timeout_s:g} s.")
    if result.exit_code != 0:
        raise NoAnswer(f"Database {name} on {place(check)} could not be asked: {last_line(result.error)}.")
    lines = result.output.decode("utf-8", "replace").splitlines()
    if not lines:
        return _answer(None)
    first = lines[0].partition("|")[0]
    try:
        number = float(first)
        return _answer((int(number) if number.is_integer() and "." not in first else number,))
    except (ValueError, OverflowError):
        return _answer((first or None,))
