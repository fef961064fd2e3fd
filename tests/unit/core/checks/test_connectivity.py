"""Whose fault may it be: which checks need a network, and which readings say nothing about their target."""

from __future__ import annotations

import pytest

from watchkeeper.core.checks import Reading, Value
from watchkeeper.core.checks.connectivity import KEY, blinded, is_cut_off, is_remote, may_be_ours
from watchkeeper.core.inventory.values import Check, Host, Probe, Where

HOSTS = {
    "here": Host("here", "local"), "far": Host("far", "ssh", "far.example.org"), "box": Host("box", "container", "web"),
    "farbox": Host("farbox", "container", "web", via="far"),
}  # fmt: skip


def make(kind: str, where: Where = "here", host: str | None = None, key: str = "s/c", **options: object) -> Check:
    return Check(key, "s", "c", host, where, Probe(kind, options), 5.0, 5.0, None, None, None, 1, "r")


def read(error: str | None = None, **values: Value) -> Reading:
    return Reading("s/c", 0.0, 0.1, values, error)


@pytest.mark.parametrize(
    ("check", "remote"),
    [
        (make("http", url="https://shop.example.org/"), True),
        (make("http", url="http://127.0.0.1:8801/"), False),
        (make("http", url="http://[::1]:80/"), False),
        (make("tcp", address="db1.example.org:5432"), True),
        (make("tcp", address="[::1]:5432"), False),
        (make("tls", address="localhost.:443"), False),
        (make("http", "host", "here", url="https://shop.example.org/"), True),
        (make("disk", "host", "here", path="/"), False),
        (make("disk", "host", "far", path="/"), True),
        (make("http", "host", "far", url="http://127.0.0.1/"), True),
        (make("command", "host", "box", command="x"), False),
        (make("command", "host", "farbox", command="x"), True),
        (make("sql", database="ledger"), True),
        (make("heartbeat", every=60), False),
        (make("group", of=[]), False),
        (make("connectivity", key=KEY, any_of=["x:1"]), False),
    ],
)
def test_what_needs_a_network(check: Check, remote: bool) -> None:
    assert is_remote(check, HOSTS) is remote


def test_an_answer_of_the_target_is_never_doubted() -> None:
    web = make("http", url="https://shop.example.org/")
    assert not may_be_ours(web, read(status=500, connected=True), HOSTS)
    assert may_be_ours(web, read(status=0, connected=False), HOSTS)
    assert may_be_ours(web, read("The name shop.example.org could not be resolved."), HOSTS)


def test_what_another_machine_saw_there_reached_us() -> None:
    there = make("http", "host", "far", url="http://127.0.0.1/")
    assert not may_be_ours(there, read(status=0, connected=False), HOSTS)
    assert may_be_ours(there, read("far cannot be reached", unreachable="far"), HOSTS)


def test_while_we_are_cut_off_nothing_is_said_of_target_or_host() -> None:
    seen = blinded(read("far cannot be reached", unreachable="far"), 3)
    assert seen.values == {"cut_off": True} and seen.error is not None and "none of its 3" in seen.error
    assert "its reference address gives no answer" in str(blinded(read("x"), 1).error)
    assert is_cut_off(read(answering=0)) and is_cut_off(read("x")) and not is_cut_off(read(answering=1))
