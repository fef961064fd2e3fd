"""Looking at several places: one read each, what refuses is left alone with its reason, nothing is lost by a fault of one."""

from __future__ import annotations

from collections.abc import Iterable

from watchkeeper.core.changes import Change
from watchkeeper.core.errors import NoAnswer
from watchkeeper.core.inventory.values import Inventory, Team
from watchkeeper.services.changes.looking import LEFT_ALONE_S, Places
from watchkeeper.services.changes.source import HERE, MARK, Found, Look, Part, part
from watchkeeper.services.ports.hosts import CommandResult

NOW = 1_763_000_000.0
EMPTY = Inventory("r", 0.0, Team(), {}, {}, {}, {}, {})


class Store:
    """Settings and changes in memory; one session serves all."""

    def __init__(self) -> None:
        self.settings: dict[str, str] = {}
        self.changes: list[Change] = []

    def read(self) -> Store:
        return self

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None: ...

    def write(self, work):  # type: ignore[no-untyped-def]
        return work(self)

    def setting(self, name: str) -> str | None:
        return self.settings.get(name)

    def set_setting(self, name: str, value: str) -> None:
        self.settings[name] = value

    def add_change(self, change: Change) -> Change:
        self.changes.append(change)
        return change


class Hosts:
    """Answers by name; what is missing refuses. read: how often each was asked."""

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def get(self, name: str) -> Host:
        return Host(self, name)


class Host:
    """One of them."""

    def __init__(self, hosts: Hosts, name: str) -> None:
        self.hosts, self.name = hosts, name

    def read(self, text: str, *, deadline_s: float, limit: int) -> CommandResult:
        self.hosts.asked.append(self.name)
        if self.name not in self.hosts.answers:
            raise NoAnswer(f"{self.name} refused the connection.")
        return CommandResult(0, self.hosts.answers[self.name].encode(), b"", 0.01)


class Counter:
    """Tells a change at every look. faulty: raises instead."""

    def __init__(self, name: str, every_s: float = 0.0, places: Iterable[str] = ("a",), faulty: bool = False) -> None:
        self.name, self.every_s, self.faulty = name, every_s, faulty
        self._places = list(places)

    def places(self, inventory: Inventory) -> Iterable[str]:
        return self._places

    def question(self, look: Look) -> str:
        return part(self.name)

    def answer(self, look: Look, parts: list[Part]) -> Found:
        if self.faulty:
            raise ValueError("nobody foresaw this")
        seen = int(look.marks.get("n", "0")) + 1
        return Found(
            (Change(0, NOW, "log", f"{self.name} {seen} secret", "x"),), {"n": str(seen)}, (f"{self.name} is odd",)
        )


class Clock:
    """Virtual time."""

    now = NOW

    def __call__(self) -> float:
        return self.now


def whole(text: str = "") -> str:
    return f"{text}\n{MARK} end\n"


def looking(hosts: Hosts, *sources: Counter, here: object = None) -> tuple[Places, Store, Clock]:
    store, clock = Store(), Clock()
    places = Places(store, hosts, sources, clock, here, lambda text: text.replace("secret", "***"))  # type: ignore[arg-type]
    return places, store, clock


def test_one_read_for_all_and_titles_are_redacted() -> None:
    hosts = Hosts({"a": whole(), "b": whole()})
    places, store, _ = looking(hosts, Counter("one", places=("a", "b")), Counter("two"))
    found = places.look(EMPTY, False)
    assert sorted(hosts.asked) == ["a", "b"] and sorted(each.title for each in found) == [
        "one 1 ***",
        "one 1 ***",
        "two 1 ***",
    ]
    assert store.changes == found and places.skipped() == {"a": ("one is odd", "two is odd"), "b": ("one is odd",)}
    assert sorted(each.title for each in places.look(EMPTY, False)) == ["one 2 ***", "one 2 ***", "two 2 ***"]


def test_each_source_has_its_pace_until_an_incident_opens() -> None:
    places, _, clock = looking(Hosts({"a": whole()}), Counter("fast"), Counter("slow", every_s=60.0))
    assert len(places.look(EMPTY, False)) == 2
    clock.now += 5
    assert [each.title for each in places.look(EMPTY, False)] == ["fast 2 ***"]
    assert "slow is odd" in places.skipped()["a"], "its reason stays while it is not asked"
    assert [each.title for each in places.look(EMPTY, True)] == ["fast 3 ***", "slow 2 ***"]


def test_who_refuses_is_left_alone_for_a_while() -> None:
    hosts = Hosts({"a": whole()})
    places, _, clock = looking(hosts, Counter("one", places=("a", "gone")))
    assert len(places.look(EMPTY, False)) == 1 and places.skipped()["gone"] == ("gone refused the connection.",)
    places.look(EMPTY, True)
    assert hosts.asked.count("gone") == 1
    clock.now += LEFT_ALONE_S
    hosts.answers["gone"] = whole()
    assert len(places.look(EMPTY, False)) == 2 and "refused" not in str(places.skipped())


def test_an_answer_that_was_cut_off_counts_for_nothing() -> None:
    places, store, _ = looking(Hosts({"a": f"{MARK} one\n"}), Counter("one"))
    assert (
        places.look(EMPTY, False) == []
        and store.settings == {}
        and "did not come to its end" in places.skipped()["a"][0]
    )


def test_a_fault_of_one_source_costs_the_others_nothing() -> None:
    places, store, _ = looking(Hosts({"a": whole()}), Counter("bad", faulty=True), Counter("good"))
    assert [each.title for each in places.look(EMPTY, False)] == ["good 1 ***"]
    assert "its answer about bad cannot be read" in places.skipped()["a"] and "good" in store.settings["changes on a"]


def test_this_machine_is_asked_without_a_host() -> None:
    texts: list[str] = []

    def here(text: str, deadline_s: float, limit: int) -> bytes:
        texts.append(text)
        return whole().encode()

    places, _, _ = looking(Hosts({}), Counter("one", places=(HERE,)), here=here)
    assert (
        len(places.look(EMPTY, False)) == 1
        and MARK in texts[0]
        and places.skipped() == {"this machine": ("one is odd",)}
    )


def test_what_is_remembered_badly_is_remembered_anew() -> None:
    for kept in ("not json", "[]", '"x"'):
        places, store, _ = looking(Hosts({"a": whole()}), Counter("one"))
        store.settings["changes on a"] = kept
        assert [each.title for each in places.look(EMPTY, False)] == ["one 1 ***"]


def test_nothing_at_all_is_asked_where_there_is_nothing() -> None:
    hosts = Hosts({})
    places, _, _ = looking(hosts, Counter("one", places=()))
    assert places.look(EMPTY, True) == [] and hosts.asked == []
