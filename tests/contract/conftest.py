"""What several contract suites share: one podman with its Docker API for the whole session."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
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
