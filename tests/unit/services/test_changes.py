"""What hosts answer, source by source: told from recorded and hostile answers, without a host."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from watchkeeper.core.inventory.values import Check, Host, Inventory, Probe, Service, Team
from watchkeeper.services.changes.commits import ServiceCommits
from watchkeeper.services.changes.configuration import Configuration
from watchkeeper.services.changes.images import Images
from watchkeeper.services.changes.packages import APK, APT, DPKG, Packages
from watchkeeper.services.changes.reboots import Reboots
from watchkeeper.services.changes.source import HERE, MARK, Found, Look, Source, parts_of, shown

NOW = 1_795_258_000.0
BOOT = "7e8d022c-b369-419d-bd82-f1c1d04c09c5"


def inventory(**more: object) -> Inventory:
    check = Check(
        "shop/box",
        "shop",
        "box",
        "app1",
        "host",
        Probe("container", {"name": "shop-web"}),
        1,
        1,
        None,
        None,
        None,
        1,
        "r",
    )
    shop = Service(
        "shop",
        hosts=("app1",),
        config=("/srv/a.env",),
        repository=str(more.get("repository", "/srv/shop")),
        checks=(check,),
    )
    hosts = {"app1": Host("app1", "local"), "box": Host("box", "container", "shop-db", via="app1")}
    return Inventory("r", 0.0, Team(), hosts, {"shop": shop}, {}, {}, {})


def look(marks: Mapping[str, str], place: str = "app1", at_once: bool = False, **more: object) -> Look:
    return Look(place, inventory(**more), marks, NOW, NOW - 5, at_once)


def answered(
    source: Source, marks: Mapping[str, str], *texts: tuple[str, str], place: str = "app1", at_once: bool = False
) -> Found:
    output = "".join(f"\n{MARK} {source.name} {head}\n{body}" for head, body in texts)
    return source.answer(look(marks, place, at_once), parts_of(output))


# ---- the frame -----------------------------------------------------------------------------------------------------------


def test_only_our_own_mark_begins_a_part() -> None:
    output = f"noise\n{MARK} packages log /x 1 2\nwk-0000 packages stats\nline {MARK} inside\n{MARK} end\n"
    assert [each.head for each in parts_of(output)] == [("packages", "log", "/x", "1", "2"), ("end",)]
    assert parts_of("") == [] and shown("a\x1b[31m b\n‮c", 9) == "a [31m..."


@pytest.mark.parametrize("source", [Configuration(), Reboots(), Packages(), ServiceCommits("/ops"), Images()])
def test_a_hostile_answer_makes_no_change_and_no_fault(source: Source) -> None:
    for head in (
        "",
        "x",
        "head 0",
        "head 99 " + "a" * 40,
        "log a b c",
        "no-git",
        "0",
        "-1",
        "stats",
        f"{BOOT} x",
        "files",
    ):
        found = answered(source, {}, (head, "\x00\x1b[2J" + "a " * 500 + "{" * 50))
        assert found.changes == (), (source.name, head)


@pytest.mark.parametrize("source", [Configuration(), Reboots(), Packages(), ServiceCommits("/ops"), Images()])
def test_hostile_names_stay_names(source: Source, tmp_path: Path) -> None:
    """A question with such names in it, run by sh, does nothing but print."""
    trap = tmp_path / "trap"
    name = f"/srv/'; touch {trap}; $(touch {trap}) `touch {trap}` \"x"
    check = Check(
        "s/b",
        "s",
        "b",
        "app1",
        "host",
        Probe("container", {"name": name, "socket": name}),
        1,
        1,
        None,
        None,
        None,
        1,
        "r",
    )
    shop = Service("s", hosts=("app1",), config=(name,), repository=name, checks=(check,))
    known = Inventory("r", 0.0, Team(), {"app1": Host("app1", "local")}, {"s": shop}, {}, {}, {})
    marks = {name: f"d 1 2 3 4 {name}", "stats": name, "dpkg": name, "boot": name, f"s {name}": name, "covered": "1.0"}
    text = source.question(Look("app1", known, marks, NOW, NOW))
    subprocess.run(["sh", "-c", text], capture_output=True, timeout=20, check=False)
    assert not trap.exists()


# ---- configuration -------------------------------------------------------------------------------------------------------


def test_a_file_that_may_not_be_read_is_known_by_its_times() -> None:
    first = answered(Configuration(), {}, ("files", "unread 12 5 100 100 /srv/a.env"))
    assert first.changes == () and first.marks == {"/srv/a.env": "unread-5-100 12 5 100 100"}
    (edited,) = answered(Configuration(), first.marks, ("files", "unread 12 6 200 200 /srv/a.env")).changes
    assert (edited.title, edited.at, edited.service, edited.host) == ("/srv/a.env was edited", 200.0, "shop", "app1")


def test_a_touched_file_is_no_change_and_a_removed_one_is() -> None:
    marks = {"/srv/a.env": "abc 12 5 100 100"}
    touched = answered(Configuration(), marks, ("files", "abc 12 5 900 900 /srv/a.env"))
    assert touched.changes == () and touched.marks["/srv/a.env"].endswith("900 900")
    (removed,) = answered(Configuration(), marks, ("files", "")).changes
    assert (removed.title, removed.at) == ("/srv/a.env was removed", NOW - 5)
    (back,) = answered(Configuration(), {"/srv/a.env": "missing"}, ("files", "abc 1 2 3 4 /srv/a.env")).changes
    assert back.title == "/srv/a.env appeared"


def test_a_file_from_the_future_was_edited_now() -> None:
    (edited,) = answered(
        Configuration(), {"/srv/a.env": "abc 1 2 3 4"}, ("files", "def 1 2 99999999999 4 /srv/a.env")
    ).changes
    assert edited.at == NOW


def test_a_file_that_changes_all_the_time_is_no_stream_of_changes() -> None:
    first = answered(Configuration(), {"/srv/a.env": "aa 1 2 3 4"}, ("files", "bb 1 2 3 5 /srv/a.env"))
    assert len(first.changes) == 1
    again = answered(Configuration(), first.marks, ("files", "cc 1 2 3 6 /srv/a.env"))
    assert again.changes == () and again.marks["/srv/a.env"] == "cc 1 2 3 6"
    later = dict(again.marks) | {"told /srv/a.env": repr(NOW - 61)}
    assert len(answered(Configuration(), later, ("files", "dd 1 2 3 7 /srv/a.env")).changes) == 1
    assert len(answered(Configuration(), again.marks, ("files", "")).changes) == 1, "that it is gone is always told"


def test_a_host_without_stat_is_told_once_with_the_reason() -> None:
    found = answered(Configuration(), {"/srv/a.env": "abc 1 2 3 4"}, ("files", ""), ("no-stat", ""))
    assert (
        found.changes == () and found.marks == {"/srv/a.env": "abc 1 2 3 4"} and "no program stat" in found.problems[0]
    )


# ---- reboots -------------------------------------------------------------------------------------------------------------


def test_a_new_boot_id_is_a_reboot_and_an_old_machine_at_the_first_look_is_none() -> None:
    (booted,) = answered(Reboots(), {"boot": "0" * 36}, (f"{BOOT} {NOW - 90:.0f}", "")).changes
    assert (booted.title, booted.at, booted.host, booted.service) == ("app1 was booted", NOW - 90, "app1", "")
    assert answered(Reboots(), {}, (f"{BOOT} {NOW - 90_000:.0f}", "")).changes == ()
    assert len(answered(Reboots(), {}, (f"{BOOT} {NOW - 90:.0f}", "")).changes) == 1
    assert answered(Reboots(), {"boot": BOOT}).marks == {"boot": BOOT}


# ---- packages ------------------------------------------------------------------------------------------------------------


def line(seconds_ago: float, text: str) -> str:
    from datetime import UTC, datetime

    return f"{datetime.fromtimestamp(NOW - seconds_ago, UTC):%Y-%m-%d %H:%M:%S} {text}\n"


def packages(marks: Mapping[str, str], dpkg: str, at_once: bool = False, offset: int = 0, older: str = "") -> Found:
    texts = [("zone", "+0000\n"), ("stats", f"7 999 1 {DPKG}")]
    texts += [(f"older {DPKG}", older)] if older else []
    return answered(Packages(), marks, *texts, (f"log {DPKG} 7 {offset}", dpkg), at_once=at_once)


def test_the_first_look_tells_of_one_day_and_the_next_of_what_is_new() -> None:
    old, new = line(90_000, "install old:all <none> 1"), line(600, "upgrade shop:all 1 2")
    first = packages({}, old + new)
    assert [each.title for each in first.changes] == ["package shop 1 to 2 upgraded"]
    assert first.marks["dpkg"] == f"7 {len(old + new)}"
    more = line(60, "remove shop:all 2 <none>")
    second = packages(first.marks, more + "2026-11-2", offset=len(old + new))
    assert [each.title for each in second.changes] == ["package shop 2 removed"]
    assert second.marks["dpkg"] == f"7 {len(old + new + more)}", "a torn line is read again when it is whole"


def test_a_run_of_dpkg_is_told_when_it_is_over_or_an_incident_opens() -> None:
    marks = {"stats": "x", "dpkg": "7 0"}
    busy = line(5, "upgrade shop:all 1 2")
    waits = packages(marks, busy)
    assert waits.changes == () and waits.marks["dpkg"] == "7 0" and waits.marks["stats"] == ""
    assert len(packages(marks, busy, at_once=True).changes) == 1


def test_what_was_rotated_away_meanwhile_is_read_too() -> None:
    marks = {"stats": "x", "dpkg": "6 10"}
    found = packages(marks, line(100, "install b:all <none> 1"), older=line(4000, "install a:all <none> 1"))
    assert [each.title for each in found.changes] == ["package a 1 installed", "package b 1 installed"]


def test_apk_and_rpm_say_only_that_something_changed() -> None:
    marks = {"stats": "x", "others": f"{APK}=100"}
    (changed,) = answered(Packages(), marks, ("zone", "+0000"), ("stats", f"1 2 {NOW - 50:.0f} {APK}")).changes
    assert (changed.title, changed.at) == ("packages changed (apk)", NOW - 50)
    assert answered(Packages(), {}, ("zone", "+0000"), ("stats", f"1 2 3 {APK}")).changes == ()


def test_the_real_question_reads_real_logs(tmp_path: Path) -> None:
    """The script itself, on files of our own: new bytes, then a rotation."""
    dpkg, apt = tmp_path / "dpkg.log", tmp_path / "history.log"
    dpkg.write_text(line(600, "upgrade shop:all 1 2"))
    apt.write_text("")
    source, marks = Packages(), {}

    def ask() -> Found:
        text = source.question(look(marks, at_once=True)).replace(DPKG, str(dpkg)).replace(APT, str(apt))
        output = subprocess.run(
            ["sh", "-c", f"TZ=UTC; export TZ\n{text}"], capture_output=True, text=True, timeout=20
        ).stdout
        return source.answer(
            look(marks, at_once=True), parts_of(output.replace(str(dpkg), DPKG).replace(str(apt), APT))
        )

    first = ask()
    assert [each.title for each in first.changes] == ["package shop 1 to 2 upgraded"]
    marks = dict(first.marks) | {"stats": first.marks["stats"].replace(DPKG, str(dpkg)).replace(APT, str(apt))}
    assert ask() == Found(marks=marks), "nothing is read while nothing changed"
    with dpkg.open("a") as log:
        log.write(line(60, "upgrade shop:all 2 3"))
    dpkg.rename(tmp_path / "dpkg.log.1")
    dpkg.write_text(line(30, "upgrade shop:all 3 4"))
    assert [each.title for each in ask().changes] == ["package shop 2 to 3 upgraded; package shop 3 to 4 upgraded"] or [
        each.detail for each in ask().changes
    ] == ["shop 2 to 3, shop 3 to 4"]


# ---- commits -------------------------------------------------------------------------------------------------------------

OLD, NEW = "a" * 40, "b" * 40
RECORDS = f"HEAD@{{{NOW - 30:.0f}}}\n\x1e{NEW}\x1f1\x1fAnn\x1fsecond\x1b[31m\n\x1e{'c' * 40}\x1f1\x1fBen\x1ffirst\n"


def test_a_moved_head_is_one_change_at_the_time_it_moved() -> None:
    (moved,) = answered(ServiceCommits(), {"shop /srv/shop": OLD}, (f"head 0 {NEW}", RECORDS)).changes
    assert (moved.title, moved.at, moved.actor) == ("2 commits, the newest bbbbbbbb: second [31m", NOW - 30, "Ann")
    assert moved.own is False and "cccccccc first (Ben)" in moved.detail
    assert answered(ServiceCommits(), {"shop /srv/shop": NEW}, (f"head 0 {NEW}", "")).changes == ()
    assert len(answered(ServiceCommits(), {}, (f"head 0 {NEW}", RECORDS)).changes) == 1, "it moved within the last day"


def test_a_repository_that_git_refuses_is_told_with_the_reason() -> None:
    found = answered(
        ServiceCommits(), {}, ("refused 0", "fatal: detected dubious ownership in repository at '/srv/shop'")
    )
    assert (
        found.changes == ()
        and "git does not tell about /srv/shop: fatal: detected dubious ownership" in found.problems[0]
    )


@pytest.mark.parametrize(
    ("repository", "places"),
    [
        ("/srv/shop", ["app1"]), ("app1:/srv/shop", ["app1"]), ("code/shop", [HERE]), ("https://example.org/shop.git", []),
        ("git@example.org:shop.git", []), ("../../etc", []), ("-c/x", []), ("other:/srv", []), ("", []),
    ],
)  # fmt: skip
def test_where_a_repository_is_read(repository: str, places: list[str]) -> None:
    assert list(ServiceCommits("/ops").places(inventory(repository=repository))) == places


# ---- images --------------------------------------------------------------------------------------------------------------


def image(letter: str, name: str = "example.org/shop:2.14", created: str = "2026-11-21T10:00:00Z") -> str:
    return json.dumps({"Image": "sha256:" + letter * 64, "Created": created, "Config": {"Image": name}})


def test_another_image_is_a_change_of_the_service_or_the_host() -> None:
    first = answered(Images(), {}, ("0", image("a")), ("1", image("c")))
    assert first.changes == () and len(first.marks) == 2
    found = answered(Images(), first.marks, ("0", image("b", "example.org/shop:2.15")), ("1", "not json"))
    assert [(each.service, each.host) for each in found.changes] in ([("", "box")], [("shop", "app1")])
    (changed,) = found.changes
    assert (
        "runs another image: example.org/shop:2.15" in changed.title
        and "aaaaaaaaaaaa to example.org/shop:2.15" in changed.detail
    )
    assert answered(Images(), found.marks, ("0", image("b"))).changes == ()


def test_hosts_and_checks_are_asked_where_their_engine_is() -> None:
    assert list(Images().places(inventory())) == ["app1", "app1"]
