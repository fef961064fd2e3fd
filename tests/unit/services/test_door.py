"""Who is calling: the owner of the state on the socket, a browser with a one-time link, nobody else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager

import pytest

from watchkeeper.core.errors import Forbidden
from watchkeeper.identity.callers import LINK_LASTS_S, SESSION_LASTS_S, Door


class Settings:
    """A StorePort as far as the door uses it: settings by name."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def setting(self, name: str) -> str | None:
        return self.values.get(name)

    def set_setting(self, name: str, value: str) -> None:
        self.values[name] = value

    def write(self, work: Callable[[Settings], object]) -> object:
        return work(self)

    @contextmanager
    def read(self):  # type: ignore[no-untyped-def]
        yield self


class At:
    """A clock that is moved by hand."""

    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> At:
    return At()


@pytest.fixture
def door(clock: At) -> Door:
    return Door(Settings(), clock)  # type: ignore[arg-type]


def test_a_link_opens_once(door: Door) -> None:
    key = door.make_link()
    cookie = door.enter(key)
    assert door.caller("tcp", {"watchkeeper": cookie}, {}, sample=False).way == "browser"
    with pytest.raises(Forbidden, match="used already"):
        door.enter(key)


def test_a_link_is_void_after_ten_minutes(door: Door, clock: At) -> None:
    key = door.make_link()
    clock.now += LINK_LASTS_S + 1
    with pytest.raises(Forbidden):
        door.enter(key)


def test_a_browser_session_ends(door: Door, clock: At) -> None:
    cookie = door.enter(door.make_link())
    clock.now += SESSION_LASTS_S + 1
    with pytest.raises(Forbidden, match="one-time link"):
        door.caller("tcp", {"watchkeeper": cookie}, {}, sample=False)


@pytest.mark.parametrize("cookies", [{}, {"watchkeeper": ""}, {"watchkeeper": "guess"}, {"other": "x"}])
def test_a_stranger_is_refused(door: Door, cookies: dict[str, str]) -> None:
    with pytest.raises(Forbidden):
        door.caller("tcp", cookies, {"X-Watchkeeper-Actor": "drill"}, sample=True)


def test_the_socket_is_the_local_person_and_the_drill_exists_on_the_sample_only(door: Door) -> None:
    assert door.caller("unix", {}, {}, sample=False).actor.name == "local"
    assert door.caller("unix", {}, {"X-Watchkeeper-Actor": "drill"}, sample=True).actor.kind == "drill"
    with pytest.raises(Forbidden):
        door.caller("unix", {}, {"X-Watchkeeper-Actor": "drill"}, sample=False)
    with pytest.raises(Forbidden):
        door.caller("unix", {}, {"X-Watchkeeper-Actor": "admin"}, sample=True)


def test_keys_are_kept_as_digests_only(clock: At) -> None:
    settings = Settings()
    door = Door(settings, clock)  # type: ignore[arg-type]
    key = door.make_link()
    cookie = door.enter(key)
    assert key not in str(settings.values)
    assert cookie not in str(settings.values)
