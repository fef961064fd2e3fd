"""Fixtures of the lab: machines of one test, and machines that the tests of a module share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.lab.machines import MachineLab


@pytest.fixture
def lab(requires: Callable[..., None], tmp_path: Path) -> Iterator[MachineLab]:
    """An empty lab of this test: `lab.add("app1")`."""
    requires("machines")
    with MachineLab(tmp_path / "lab") as lab:
        yield lab


@pytest.fixture(scope="module")
def shared_lab(requires: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[MachineLab]:
    """An empty lab that the tests of one module share; a module adds its machines in a fixture of its own."""
    requires("machines")
    with MachineLab(tmp_path_factory.mktemp("lab") / "lab") as lab:
        yield lab
