"""What every ops repository must do; today there is one kind, a directory."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from watchkeeper.adapters.repositories.directory import MARKDOWN_LIMIT, MAX_FILES, YAML_LIMIT, DirectoryRepository
from watchkeeper.core.inventory.loading import load
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import OpsRepositoryPort

Make = Callable[[Path], OpsRepositoryPort]


@pytest.fixture(params=[DirectoryRepository])
def make(request: pytest.FixtureRequest) -> Make:
    """Opens the repository over a directory, for every implementation."""
    return request.param


@pytest.fixture
def ops(tmp_path: Path) -> Path:
    folder = tmp_path / "ops"
    put(folder, "watchkeeper.yaml", "team: Harbour\n")
    put(folder, "services/shop.yaml", "service: shop\n")
    put(folder, "runbooks/deep/er/x.md", "# x\n")
    return folder


def put(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_files_that_matter(make: Make, ops: Path) -> None:
    passed_over = [".git/x.yaml", ".watchkeeper/y.yaml", "services/.hidden.yaml", "services/a.yaml~", "notes.txt"]
    passed_over += ["docs/a.md", "runbooks/.git/z.md", "runbooks/picture.png", "other/b.yaml"]
    for name in passed_over:
        put(ops, name, "x")
    repository = make(ops)
    assert repository.files() == {
        "watchkeeper.yaml": b"team: Harbour\n",
        "services/shop.yaml": b"service: shop\n",
        "runbooks/deep/er/x.md": b"# x\n",
    }
    assert list(repository.faults()) == []


def test_the_signature_changes_with_every_save(make: Make, ops: Path) -> None:
    repository = make(ops)
    seen = [repository.signature()]
    assert repository.signature() == seen[0]

    def changed() -> None:
        seen.append(repository.signature())
        assert len(set(seen)) == len(seen)

    put(ops, "services/shop.yaml", "service: shop\ntier: 1\n")
    changed()
    put(ops, "services/new.yaml", "tier: 1\n")
    changed()
    (ops / "services/new.yaml").rename(ops / "services/newer.yaml")
    changed()
    (ops / "services/newer.yaml").unlink()
    put(ops, "runbooks/deep/er/x.md", "# y\n")  # same size: the time tells
    os.utime(ops / "runbooks/deep/er/x.md", (time.time() + 5, time.time() + 5))
    changed()
    swap = put(ops, "services/.shop.swp", "service: shop\ntier: 2\n")
    os.replace(swap, ops / "services/shop.yaml")  # how editors save
    changed()
    put(ops, "docs/a.md", "x")
    assert repository.signature() == seen[-1]


def test_too_large_is_a_fault_and_never_read_whole(make: Make, ops: Path) -> None:
    for name, limit in (("services/big.yaml", YAML_LIMIT), ("runbooks/big.md", MARKDOWN_LIMIT)):
        with put(ops, name, "x").open("r+b") as file:
            file.truncate(limit + 1)
    with put(ops, "services/huge.yaml", "x").open("r+b") as file:
        file.truncate(10**12)  # sparse
    repository = make(ops)
    assert set(repository.files()) == {"watchkeeper.yaml", "services/shop.yaml", "runbooks/deep/er/x.md"}
    faults = dict(repository.faults())
    assert set(faults) == {"services/big.yaml", "services/huge.yaml", "runbooks/big.md"}
    assert faults["services/huge.yaml"] == "1000000.0 MB, more than the 1 MB that are read"


def test_links(make: Make, ops: Path, tmp_path: Path) -> None:
    outside = put(tmp_path, "secret.md", "secret")
    (ops / "runbooks/inside.md").symlink_to("deep/er/x.md")
    (ops / "runbooks/out.md").symlink_to(outside)
    (ops / "runbooks/outer").symlink_to(tmp_path)
    (ops / "runbooks/nowhere.md").symlink_to("gone.md")
    (ops / "runbooks/deep/up").symlink_to("..")
    (ops / "runbooks/self.md").symlink_to("self.md")
    (ops / "services/loop.yaml").symlink_to("loop.yaml")
    repository = make(ops)
    files = repository.files()
    assert files["runbooks/inside.md"] == b"# x\n"
    assert b"secret" not in b"".join(files.values())
    assert dict(repository.faults()) == {
        "runbooks/out.md": "a link that leads out of the ops repo",
        "runbooks/outer": "a link that leads out of the ops repo",
        "runbooks/nowhere.md": "a link that leads nowhere",
        "runbooks/deep/up": "a link that leads back to a folder above it",
        "runbooks/self.md": "a link that leads back to itself",
        "services/loop.yaml": "a link that leads back to itself",
    }
    result = load(files, 0.0, repository.faults())
    assert [(each.file, each.level) for each in result.mistakes if each.level == "error"] == [
        ("services/loop.yaml", "error")
    ]


def test_pipes_and_folders_with_the_name_of_a_file(make: Make, ops: Path) -> None:
    os.mkfifo(ops / "services/pipe.yaml")
    (ops / "hosts.yaml").mkdir()
    repository = make(ops)
    began = time.monotonic()
    assert "services/pipe.yaml" not in repository.files()
    assert time.monotonic() - began < 2
    assert dict(repository.faults()) == {"services/pipe.yaml": "something that is not a file", "hosts.yaml": "a folder"}


def test_too_many_files(make: Make, ops: Path) -> None:
    for number in range(MAX_FILES + 5):
        put(ops, f"runbooks/many/{number:05}.md", "")
    repository = make(ops)
    assert len(repository.files()) == MAX_FILES
    ((_, sentence),) = repository.faults()
    assert "more than 2000 files" in sentence


def test_a_directory_that_is_gone_is_a_fault_not_an_empty_ops_repo(make: Make, tmp_path: Path) -> None:
    repository = make(tmp_path / "gone")
    assert repository.files() == {}
    ((path, sentence),) = repository.faults()
    assert path == "watchkeeper.yaml" and "cannot be read" in sentence
    assert load({}, 0.0, repository.faults()).inventory is None
    assert repository.signature() and repository.commits(0.0) == []


def git(folder: Path, *words: str) -> None:
    identity = {"GIT_AUTHOR_NAME": "Ann Example", "GIT_AUTHOR_EMAIL": "ann@example.org"}
    identity |= {"GIT_COMMITTER_NAME": "Ann Example", "GIT_COMMITTER_EMAIL": "ann@example.org"}
    environment = {**os.environ, **identity, "GIT_CONFIG_GLOBAL": "/dev/null"}
    subprocess.run(["git", *words], cwd=folder, env=environment, check=True, capture_output=True, timeout=30)


@pytest.mark.needs("git")
def test_commits(make: Make, ops: Path) -> None:
    assert make(ops).commits(0.0) == []
    git(ops, "init", "-q")
    git(ops, "add", ".")
    git(ops, "commit", "-q", "-m", "first: a | b")
    put(ops, "hosts.yaml", "hosts: {}\n")
    git(ops, "add", ".")
    git(ops, "commit", "-q", "-m", "second")
    newest, oldest = make(ops).commits(0.0)
    assert (newest[2], newest[3], oldest[3]) == ("Ann Example", "second", "first: a | b")
    assert len(newest[0]) == 40 and abs(newest[1] - time.time()) < 60
    assert make(ops).commits(time.time() + 60) == []


def test_without_git_there_are_no_commits(make: Make, ops: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert make(ops).commits(0.0) == []


def test_a_save_is_in_force_within_two_seconds(make: Make, ops: Path) -> None:
    """Repository and holder together, as the watch polls them."""
    put(ops, "watchkeeper.yaml", "team: Harbour\n")
    holder = InventoryHolder(make(ops), time.time)
    saved = time.monotonic()
    put(ops, "services/shop.yaml", "service: shop\ntier: 1\n")
    while not holder.refresh() and time.monotonic() - saved < 2:
        time.sleep(0.1)
    assert time.monotonic() - saved < 2 and holder.current.services["shop"].tier == 1
    put(ops, "services/shop.yaml", "service: shop\ntier: 7\n")
    while not holder.fault and time.monotonic() - saved < 4:
        holder.refresh()
        time.sleep(0.1)
    assert holder.fault.startswith("services/shop.yaml, line 2: expected a whole number from 1 to 3, found '7'.")
    assert holder.current.services["shop"].tier == 1
