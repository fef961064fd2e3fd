"""The search index: one SQLite file with FTS5 beside the stores. Derived: a damaged or missing one is made anew."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

from watchkeeper.core.search import Found, Kind, Piece, one_line, readable
from watchkeeper.services.ports.search import IndexLost

log = logging.getLogger(__name__)

NAME = "search.db"
_VERSION = 1
_SCHEMA = """
CREATE TABLE piece (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, title TEXT NOT NULL, heading TEXT NOT NULL,
    body TEXT NOT NULL, digest TEXT NOT NULL
);
CREATE INDEX piece_name ON piece (kind, name);
CREATE VIRTUAL TABLE words USING fts5 (
    title, heading, body, name, content='piece', content_rowid='id', tokenize='unicode61 remove_diacritics 2'
);
CREATE TRIGGER piece_in AFTER INSERT ON piece BEGIN
    INSERT INTO words (rowid, title, heading, body, name) VALUES (new.id, new.title, new.heading, new.body, new.name);
END;
CREATE TRIGGER piece_out AFTER DELETE ON piece BEGIN
    INSERT INTO words (words, rowid, title, heading, body, name)
    VALUES ('delete', old.id, old.title, old.heading, old.body, old.name);
END;
"""
_ADD = "INSERT INTO piece (kind, name, title, heading, body, digest) VALUES (?, ?, ?, ?, ?, ?)"
_FIND = """
SELECT piece.kind, piece.name, piece.title, piece.heading, snippet(words, 2, '', '', '...', 28)
FROM words JOIN piece ON piece.id = words.rowid
WHERE words MATCH ? {kinds} ORDER BY bm25(words, 8.0, 4.0, 1.0, 6.0), piece.kind, piece.name, piece.id LIMIT ? OFFSET ?
"""


class SearchIndex:
    """Implements `services.ports.search.SearchIndexPort`. path: of the file, made when it is not there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def keep(self, pieces: Sequence[Piece]) -> None:
        """The index holds exactly these from now on; documents whose digest is known are left alone."""

        def work(connection: sqlite3.Connection) -> None:
            known = {(kind, name): digest for kind, name, digest in connection.execute(_KNOWN)}
            wanted = {(piece.kind, piece.name): piece.digest for piece in pieces}
            stale = [key for key, digest in known.items() if wanted.get(key) != digest]
            fresh = {key for key, digest in wanted.items() if known.get(key) != digest}
            with connection:
                connection.executemany("DELETE FROM piece WHERE kind = ? AND name = ?", stale)
                rows = [piece for piece in pieces if (piece.kind, piece.name) in fresh]
                connection.executemany(_ADD, [(p.kind, p.name, p.title, p.heading, p.body, p.digest) for p in rows])

        with self._guard:
            try:
                work(self._opened())
            except sqlite3.Error as fault:
                self._throw_away(fault)
                work(self._opened())

    def find(self, words: Sequence[str], kinds: Sequence[Kind], limit: int, offset: int, every: bool) -> list[Found]:
        """What holds these words, the best first. Each word is quoted, so none of them is an operator of the index."""
        words = [word for word in words if "\0" not in word]
        if not words:
            return []
        asked = (" AND " if every else " OR ").join('"' + word.replace('"', '""') + '"*' for word in words)
        marks = f"AND piece.kind IN ({', '.join('?' * len(kinds))})" if kinds else ""

        def work(connection: sqlite3.Connection) -> list[Found]:
            rows = connection.execute(_FIND.format(kinds=marks), (asked, *kinds, limit, offset))
            return [
                Found(kind, name, title, heading, one_line(readable(around), 400))
                for kind, name, title, heading, around in rows
            ]

        with self._guard:
            try:
                return work(self._opened())
            except sqlite3.Error as fault:
                self._throw_away(fault)
                raise IndexLost from fault

    def close(self) -> None:
        """Close the file."""
        with self._guard:
            self._forget()

    def _throw_away(self, fault: Exception) -> None:
        """The file cannot be used: the next one begins empty."""
        log.warning("the search index %s is made anew: %s", self._path.name, fault)
        self._forget()
        for ending in ("", "-wal", "-shm", "-journal"):
            self._path.with_name(self._path.name + ending).unlink(missing_ok=True)

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = sqlite3.connect(self._path, timeout=10.0, check_same_thread=False)
            self._connection = connection
            self._path.chmod(0o600)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=OFF")  # derived: a torn file is made anew
            if connection.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
                for kind, name in connection.execute(_OWN).fetchall():
                    connection.execute(f'DROP {kind} IF EXISTS "{name}"')
                connection.executescript(f"{_SCHEMA}PRAGMA user_version={_VERSION};")
        return self._connection


_KNOWN = "SELECT kind, name, min(digest) FROM piece GROUP BY kind, name"
_OWN = "SELECT type, name FROM sqlite_master WHERE name IN ('words', 'piece') AND type = 'table' ORDER BY name DESC"
