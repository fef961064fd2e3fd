"""What several contract suites share for the whole session: a podman with its Docker API, a PostgreSQL server."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.fixtures.postgresql import postgresql_server
from tests.lab.containers import ContainerLab


@pytest.fixture(scope="session")
def containers(requires: Callable[..., None]) -> Iterator[ContainerLab]:
    """Holds one container, `shared`, which sees this machine's processes and its /tmp."""
    requires("podman", "root")
    lab = ContainerLab(Path("/tmp") / f"wk-pod-{uuid.uuid4().hex[:8]}")
    try:
        lab.run("shared", options=("--pid=host", "--volume=/tmp:/tmp"))
        yield lab
    finally:
        lab.close()


@pytest.fixture(scope="session")
def postgresql(requires: Callable[..., None]) -> Iterator[str]:
    """The URL of a server of our own; `empty_database` of tests/fixtures/postgresql.py gives an empty database there."""
    requires("postgresql")
    with postgresql_server() as url:
        yield url
