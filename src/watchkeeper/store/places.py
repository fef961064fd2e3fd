"""Where readings and evidence are kept: in files of the state directory, or in the PostgreSQL of several nodes.

url: ``postgresql://...``; "" or None means the files. psycopg is loaded only with a url, Django never.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Protocol

from watchkeeper.core.checks import Flip, State
from watchkeeper.core.errors import Invalid
from watchkeeper.core.readings.retention import Retention
from watchkeeper.services.ports import EvidencePort, JournalPort, Ping, ReadingsPort
from watchkeeper.services.ports.rollups import RollupsPort
from watchkeeper.store.readings.taken import Taken

PATIENCE_S = 20.0
"""How long opening waits for a PostgreSQL that does not answer yet."""


class ReadingsWriting(ReadingsPort, RollupsPort, Protocol):
    """What the watch and its heartbeat probe use of the readings store. All methods block."""

    def fold(self, now: float, most: int = 16) -> int:
        """Fold some hours that are over; how many. It happens by itself while readings are written."""
        ...

    def keep(self, retention: Retention) -> None:
        """How long readings and roll-ups are kept from now on."""
        ...

    def rules(self) -> dict[str, str]: ...

    def last_asked(self) -> dict[str, float]: ...

    def first_seen(self, check: str, now: float) -> float: ...

    def last_ping(self, check: str) -> tuple[Ping | None, Ping | None]: ...

    def take(self, checks: Collection[str]) -> Taken:
        """Make this node the only one that writes these checks, and learn where they stand."""
        ...

    @property
    def taken_away(self) -> Collection[str]:
        """Checks of which a write was refused, because another node has taken them."""
        ...

    def close(self) -> None: ...


class ReadingsReading(RollupsPort, JournalPort, Protocol):
    """What main uses of the readings store: the journal and the past."""

    def flips_between(self, since: float, until: float) -> list[Flip]: ...

    def states_at(self, at: float) -> dict[str, State]: ...

    def first_reading(self, check: str) -> float | None: ...

    def first_days(self) -> dict[str, float]: ...

    def turns(self, after: int) -> list[tuple[int, str, float, State, State]]: ...

    def last_alive(self) -> float | None: ...

    def holes(self, since: float, least_s: float = 7200.0) -> dict[str, list[tuple[float, float]]]: ...

    def close(self) -> None: ...


class ClosableEvidence(EvidencePort, Protocol):
    """Evidence that can be closed."""

    def close(self) -> None: ...


def open_readings_writer(
    state: Path, url: str | None = None, node: str = "", *, patience_s: float = PATIENCE_S
) -> ReadingsWriting:
    """The write side, for the one watch of this state directory. node: name of this node among those on one database.

    Raises `Invalid` (a newer program's store, a wrong address, a damaged file), `StoreAway` (no PostgreSQL within
    `patience_s`).
    """
    if url:
        _assert_driver()
        from watchkeeper.store.readings.postgresql_writer import PostgresqlReadingsWriter

        return PostgresqlReadingsWriter(url, node, patience_s=patience_s)
    from watchkeeper.store.readings.writer import ReadingsWriter

    return ReadingsWriter(state / "readings.db")


def open_readings_reader(state: Path, url: str | None = None) -> ReadingsReading:
    """The read side, for main. Connects at the first question; before a watch has made the store everything is empty."""
    if url:
        _assert_driver()
        from watchkeeper.store.readings.postgresql_reader import PostgresqlReadingsReader

        return PostgresqlReadingsReader(url)
    from watchkeeper.store.readings.reader import ReadingsReader

    return ReadingsReader(state / "readings.db")


def open_evidence(state: Path, url: str | None = None, *, patience_s: float = PATIENCE_S) -> ClosableEvidence:
    """The outputs of steps, for main. Raises as `open_readings_writer`."""
    if url:
        _assert_driver()
        from watchkeeper.store.evidence_postgresql import PostgresqlEvidence

        return PostgresqlEvidence(url, patience_s=patience_s)
    from watchkeeper.store.evidence import EvidenceStore

    return EvidenceStore(state / "evidence.db")


def _assert_driver() -> None:
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise Invalid(
            "DATABASE_URL is set, but the driver for PostgreSQL is not installed.",
            "Install watchkeeper with it: pip install 'watchkeeper[postgres]'.",
        ) from error
