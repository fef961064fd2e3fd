"""The readings of several nodes in one PostgreSQL: one journal, no flip lost or twice, whatever happens to a line."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.fixtures.postgresql import empty_database
from tests.fixtures.proxy import Line
from tests.fixtures.readings import NOW, Place, flip, judged

from watchkeeper.adapters.repositories.directory import DirectoryRepository
from watchkeeper.bootstrap.watch import build_probes
from watchkeeper.core.checks import Settled, State
from watchkeeper.core.errors import Invalid, StoreAway
from watchkeeper.services.checks import Limits, Watch
from watchkeeper.services.checks.book import Batch, Book
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Ping
from watchkeeper.store import kept_connection
from watchkeeper.store.places import ReadingsWriting, open_readings_writer
from watchkeeper.store.readings import postgresql_writer

OK = Settled(State.OK, NOW)


@pytest.fixture
def place(postgresql: str, tmp_path: Path) -> Place:
    return Place(tmp_path, empty_database(postgresql))


@pytest.fixture
def node(place: Place) -> Iterator[Callable[[str], ReadingsWriting]]:
    """Opens the writer of a node by its name."""
    opened: list[ReadingsWriting] = []

    def make(name: str) -> ReadingsWriting:
        opened.append(place.writer(name))
        return opened[-1]

    yield make
    for writer in opened:
        writer.close()


@pytest.fixture
def line(place: Place) -> Iterator[Line]:
    made = Line(urlsplit(place.url).port or 0)
    yield made
    made.close()


def through(line: Line, place: Place) -> ReadingsWriting:
    address = urlsplit(place.url)._replace(netloc=f"watch:hidden-word@127.0.0.1:{line.port}").geturl()
    return open_readings_writer(place.state, address, "far")


def flips_in(place: Place) -> list[tuple]:
    return place.execute("select seq, check_key, at from watch.flip order by seq")


# one journal


def test_a_reader_with_a_cursor_misses_no_flip_of_racing_writers(place: Place, node) -> None:
    """A number that is seen before a smaller one commits would be the end of that flip: the cursor is past it."""
    writers = [node(name) for name in ("one", "two", "three")]
    reader, taken, stopping = place.reader(), [], threading.Event()

    def write(name: int) -> None:
        for number in range(60):
            key = f"c{name}"
            flips = [flip(key, NOW + number) for _ in range(1 + number % 3)]
            writers[name].write([judged(key, NOW + number)] * (1 + number % 7), flips, {key: OK})

    def follow() -> None:
        while True:
            ending = stopping.is_set()
            found = reader.flips(taken[-1].seq if taken else 0, limit=5)
            taken.extend(found)
            if ending and not found:
                return

    following = threading.Thread(target=follow)
    following.start()
    writing = [threading.Thread(target=write, args=(name,)) for name in range(3)]
    for thread in writing:
        thread.start()
    for thread in writing:
        thread.join()
    stopping.set()
    following.join(30)
    assert [each.seq for each in taken] == list(range(1, 3 * 120 + 1))
    for name in range(3):
        times = [each.at for each in taken if each.check == f"c{name}"]
        assert times == sorted(times) and len(times) == 120
    reader.close()


def test_two_nodes_that_write_the_same_checks_for_a_moment_do_not_stop_each_other(place: Place, node) -> None:
    checks = [f"c{number}" for number in range(40)]
    failures: list[BaseException] = []

    def write(writer: ReadingsWriting, order: list[str]) -> None:
        try:
            for number in range(30):
                rows = [judged(check, NOW + number, rule=f"rule {check} {number}") for check in order]
                writer.write(rows, [flip(order[0], NOW)], dict.fromkeys(order, OK))
        except BaseException as error:
            failures.append(error)

    threads = [
        threading.Thread(target=write, args=(node("one"), checks)),
        threading.Thread(target=write, args=(node("two"), checks[::-1])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert place.execute("select count(*) from watch.reading") == [(2 * 30 * 40,)]
    assert len(flips_in(place)) == 60


def test_nodes_that_start_together_make_the_tables_once(place: Place) -> None:
    opened: list[ReadingsWriting] = []
    threads = [threading.Thread(target=lambda: opened.append(place.writer())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 4
    assert [each.seq for writer in opened for each in writer.write([], [flip("a", NOW)], {})] == [1, 2, 3, 4]
    for writer in opened:
        writer.close()


# owners


def test_a_taken_check_goes_on_where_it_stood_and_its_former_owner_is_refused(place: Place, node) -> None:
    old, new = node("old"), node("new")
    old.take(["a", "b"])
    window = Settled(State.WARN, NOW, (State.OK, State.WARN), 0, "slow")
    old.write([judged("a", NOW, rule="r7"), judged("b", NOW)], [], {"a": window, "b": OK})
    taken = new.take(["a", "never asked"])
    assert (taken.settled, taken.rules, taken.last_asked) == ({"a": window}, {"a": "r7"}, {"a": NOW})

    rows = [judged("a", NOW + 1), judged("b", NOW + 1)]
    bad = Settled(State.UNKNOWN, NOW + 1)
    kept = old.write(rows, [flip("a", NOW + 1), flip("b", NOW + 1)], {"a": bad, "b": bad})  # it was frozen, and wakes
    assert [each.check for each in kept] == ["b"]
    assert set(old.taken_away) == {"a"}
    reader = place.reader()
    assert reader.settled() == {"a": window, "b": bad}
    assert [each.check for each in reader.flips(0)] == ["b"]
    assert [each.reading.at for each in reader.readings("a", 0)] == [NOW]
    assert len(new.write([judged("a", NOW + 2)], [flip("a", NOW + 2)], {"a": OK})) == 1

    assert old.take(["a"]).settled == {"a": OK}  # it moves back
    assert set(old.taken_away) == set()
    assert len(old.write([judged("a", NOW + 3)], [], {"a": OK})) == 0
    assert reader.latest()["a"].reading.at == NOW + 3
    reader.close()


def test_a_take_sees_the_group_that_was_under_way(place: Place, node) -> None:
    """Whatever the former owner wrote is either seen by the take, or refused: never lost in between."""
    old, new = node("old"), node("new")
    old.take(["a"])
    stopping = threading.Event()
    accepted = [0.0]

    def write() -> None:
        number = 0
        while not stopping.is_set():
            number += 1
            if old.write([], [flip("a", NOW + number)], {"a": Settled(State.OK, NOW + number)}):
                accepted[0] = NOW + number

    thread = threading.Thread(target=write)
    thread.start()
    time.sleep(0.3)
    taken = new.take(["a"])
    time.sleep(0.1)
    stopping.set()
    thread.join()
    assert taken.settled["a"].since == accepted[0] > NOW


# own downtime


def test_gaps_are_of_each_node_and_only_what_nobody_watched_is_unknown(place: Place, node) -> None:
    one, two, reader = node("one"), node("two"), place.reader()
    one.alive(NOW)
    two.alive(NOW + 50)
    assert node("one").gap(NOW + 52, 5.0) == (NOW, NOW + 52)  # it was away, the other was not
    assert reader.gaps(0) == []
    assert node("two").gap(NOW + 200, 5.0) == (NOW + 50, NOW + 200)  # now nobody was there from the last mark on
    assert reader.gaps(0) == [(NOW + 52, NOW + 200)]
    assert node("three").gap(NOW + 202, 5.0) is None
    two.alive(NOW + 203)
    assert node("four").gap(NOW + 300, 5.0) == (NOW + 203, NOW + 300)  # new here: since anybody was
    assert reader.gaps(0) == [(NOW + 52, NOW + 200), (NOW + 203, NOW + 300)]
    reader.close()


def test_time_in_which_only_the_database_was_away_is_no_gap(place: Place, line: Line) -> None:
    writer = through(line, place)
    writer.alive(NOW)
    line.down = True
    line.cut()
    for second in range(1, 60, 4):
        with pytest.raises(StoreAway):
            writer.gap(NOW + second, 5.0)
            writer.alive(NOW + second)
    line.down = False
    again_at = time.monotonic() + 10
    while time.monotonic() < again_at:
        with contextlib.suppress(StoreAway):
            assert writer.gap(NOW + 61, 5.0) is None
            writer.alive(NOW + 61)
            break
        time.sleep(0.1)
    assert place.execute("select at from watch.alive") == [(NOW + 61,)]
    assert place.execute("select count(*) from watch.gap") == [(0,)]
    writer.close()


def test_pings_reach_whichever_node_owns_the_check(node) -> None:
    one, two = node("one"), node("two")
    one.ping(Ping("backup", NOW, "success", "300 MB"))
    assert two.last_ping("backup") == (Ping("backup", NOW, "success", "300 MB"),) * 2
    assert (one.first_seen("other", NOW), two.first_seen("other", NOW + 9)) == (NOW, NOW)


# lines that break


def flip_on(writer: ReadingsWriting, book: Book, counts: Callable[[int], bool]) -> int:
    """Write flips as the watch does: what failed is put back in front of what is newer. How many flips were made."""
    made = 0
    while counts(made) or book.unwritten:
        if counts(made):
            made += 1
            older = book.drain()
            book.put_back(
                Batch([judged("a", NOW + made)], [flip("a", NOW + made)], {"a": Settled(State.OK, NOW + made)})
            )
            book.put_back(older)
        batch = book.drain()
        try:
            writer.write(batch.readings, batch.flips, batch.settled)
        except StoreAway:
            book.put_back(batch)
            time.sleep(0.01)
    return made


def assert_each_once(place: Place, made: int) -> None:
    assert [at - NOW for _seq, _check, at in flips_in(place)] == list(range(1, made + 1))
    assert [seq for seq, _check, _at in flips_in(place)] == list(range(1, made + 1))
    assert place.execute("select at from watch.reading order by id") == [(NOW + each,) for each in range(1, made + 1)]


def test_a_server_that_ends_our_connections_under_load_loses_no_flip(place: Place, node) -> None:
    writer = node("one")
    ended = 0
    finished = threading.Event()
    query = "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'watchkeeper'"

    def end() -> None:
        nonlocal ended
        while ended < 12:
            ended += place.execute(query)[0][0]
            time.sleep(0.02)
        finished.set()

    thread = threading.Thread(target=end)
    thread.start()
    made = flip_on(writer, Book(), lambda made: not finished.is_set())
    thread.join()
    assert_each_once(place, made)


@pytest.mark.parametrize("delivered", [True, False])
def test_a_commit_without_an_answer_is_looked_up_and_never_written_twice(
    place: Place, line: Line, delivered: bool
) -> None:
    writer = through(line, place)
    line.lose(b"COMMIT", delivered, times=5)
    made = flip_on(writer, Book(), lambda made: made < 10 or not line.lost)
    assert_each_once(place, made)
    writer.close()


def test_a_commit_that_stays_in_doubt_is_settled_when_the_line_is_back(place: Place, line: Line) -> None:
    """The answer is lost and the server cannot be asked for a while; newer flips have joined the batch meanwhile."""
    writer = through(line, place)
    writer.write([], [], {"a": OK, "r1": OK})  # gives them their numbers, so the next commit is that of the group
    line.lose(b"COMMIT", delivered=True, times=1)
    first = [judged("a", NOW + 1)], [flip("a", NOW + 1)], {"a": OK}
    line.down = True  # for new connections
    with pytest.raises(StoreAway):
        writer.write(*first)
    assert len(flips_in(place)) == 1  # kept, but the writer does not know
    with pytest.raises(StoreAway):
        writer.write(*first)
    line.down = False
    time.sleep(0.3)
    readings, flips = [*first[0], judged("a", NOW + 2)], [*first[1], flip("a", NOW + 2)]
    with place_refuses_flips(place), pytest.raises(Exception, match="broken"):
        writer.write(readings, flips, {"a": OK})  # that it was kept is not forgotten when the next one fails
    assert [each.seq for each in writer.write(readings, flips, {"a": OK})] == [1, 2]
    assert_each_once(place, 2)
    writer.close()


@contextlib.contextmanager
def place_refuses_flips(place: Place) -> Iterator[None]:
    place.refuse_flips(True)
    yield
    place.refuse_flips(False)


def test_while_the_database_is_away_a_write_fails_at_once_and_names_no_password(place: Place, line: Line) -> None:
    writer = through(line, place)
    writer.write([], [], {"a": OK})
    line.down = True
    line.cut()
    started = time.monotonic()
    for _ in range(200):
        with pytest.raises(StoreAway) as told:
            writer.write([judged("a", NOW)], [flip("a", NOW)], {"a": OK})
        assert "hidden-word" not in str(told.value)
        assert "The readings store in PostgreSQL cannot be reached" in str(told.value)
    assert time.monotonic() - started < 20  # 200 attempts to connect would each be one more thread that waits
    line.down = False
    book = Book()
    made = flip_on(writer, book, lambda made: made < 1)
    assert_each_once(place, made)
    writer.close()


def test_a_server_that_hangs_is_given_up_and_the_flip_is_there_once(
    place: Place, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_connection, "DEADLINE_S", 0.5)
    writer = through(line, place)
    writer.write([], [], {"a": OK, "r1": OK})  # their numbers are known, so nothing is asked on a new connection
    line.flowing.clear()
    with pytest.raises(StoreAway):
        writer.write([judged("a", NOW + 1)], [flip("a", NOW + 1)], {"a": OK})
    line.flowing.set()
    assert_each_once(place, flip_on(writer, Book(), lambda made: made < 1))
    writer.close()


def test_a_server_that_hangs_does_not_fill_the_threads_of_the_probes(
    place: Place, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql_writer, "TURN_S", 0.1)
    writer = through(line, place)
    writer.ping(Ping("a", NOW, "success"))
    line.flowing.clear()
    told: list[object] = []
    first = threading.Thread(target=lambda: told.extend(writer.last_ping("a")))
    first.start()
    time.sleep(0.2)
    with pytest.raises(StoreAway, match="held up"):
        writer.last_ping("a")  # although the first one has not come back
    assert first.is_alive()
    line.cut()
    line.flowing.set()
    first.join(20)
    assert told == [Ping("a", NOW, "success")] * 2  # it asked again on a new connection
    writer.close()


CHECKS = """service: shop
hosts: [app1]
checks:
""" + "".join(f"  - {{name: c{number}, command: cat ../value, every: 1s, ok: value == 5}}\n" for number in range(6))


def test_a_watch_goes_on_asking_while_its_database_hangs(
    place: Place, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than its own silence may last: every reading and every flip comes later, and there was no gap."""
    monkeypatch.setattr(kept_connection, "DEADLINE_S", 0.5)
    ops, value = place.state / "ops", place.state / "value"
    (ops / "services").mkdir(parents=True)
    (ops / "watchkeeper.yaml").write_text("team: test\ntimezone: UTC\n")
    (ops / "hosts.yaml").write_text("hosts:\n  app1: {local: true}\n")
    (ops / "services/shop.yaml").write_text(CHECKS.replace("../value", str(value)))
    value.write_text("5\n")
    writer = through(line, place)
    probes = build_probes(ops, pings=writer)
    holder = InventoryHolder(DirectoryRepository(ops), time.time)
    watch = Watch(holder, probes, writer, time.time, lambda inventory: lambda name: "", limits=Limits(gap_s=3.0))

    async def until(holds: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not holds():
                await asyncio.sleep(0.05)

    async def go() -> None:
        running = asyncio.create_task(watch.run())
        await until(lambda: place.execute("select count(*) from watch.state where at is not null") == [(6,)])
        line.flowing.clear()
        asked = watch.status()["starts"]
        value.write_text("6\n")
        await until(lambda: watch.status()["starts"] >= asked + 36)  # type: ignore[operator]
        assert "Readings cannot be written" in str(watch.status()["store_fault"])
        line.flowing.set()
        await until(lambda: not watch.status()["store_fault"] and not watch.status()["unwritten"])
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await probes.close()

    asyncio.run(go())
    writer.close()
    assert place.execute("select seq from watch.flip order by seq") == [(number,) for number in range(1, 7)]
    assert place.execute("select count(distinct check_key) from watch.flip where after_state = 1") == [(6,)]
    ((rows, different),) = place.execute("select count(*), count(distinct (check_id, at)) from watch.reading")
    assert rows == different >= watch.status()["starts"] - 6  # type: ignore[operator]  # those at work at its end
    assert place.execute("select count(*) from watch.gap") == [(0,)]


@pytest.mark.parametrize("frozen", [True, False])
def test_a_process_that_was_frozen_knows_it_from_one_that_waited(frozen: bool) -> None:
    program = (
        "import sys, time\nfrom watchkeeper.store import kept_connection as kept\nkept._watchdog.FROZEN_S = 1.5\n"
        "one = kept.KeptConnection('postgresql:///x', 'x')\nbegan = time.monotonic()\nprint(flush=True)\n"
        "sys.stdin.readline()\nprint(kept.slept_since(began), flush=True)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None and child.stdout is not None
    child.stdout.readline()
    if frozen:
        child.send_signal(signal.SIGSTOP)
        time.sleep(2.0)
        child.send_signal(signal.SIGCONT)
    child.stdin.write("\n")
    child.stdin.flush()
    assert child.stdout.readline().strip() == str(frozen)
    child.stdin.close()
    assert child.wait(10) == 0
    child.stdout.close()


def test_a_node_that_is_frozen_in_a_transaction_does_not_hold_up_the_others(place: Place, node) -> None:
    writer = node("one")
    frozen = kept_connection.connect(place.url)
    frozen.execute("update watch.journal set newest = newest + 1")  # and it sleeps, with the journal in its hands
    assert_each_once(place, flip_on(writer, Book(), lambda made: made < 1))
    frozen.close()


def test_after_a_failover_the_numbers_of_names_are_looked_up_again(place: Place, line: Line) -> None:
    """The server that took over had not heard of the newest names yet, and has given their numbers to others."""
    writer = through(line, place)
    writer.write([judged("a", NOW), judged("b", NOW)], [], {"a": OK, "b": OK})
    line.cut()
    place.execute(
        "truncate watch.name, watch.reading, watch.state restart identity;"
        "insert into watch.name (text) values ('x'), ('y'), ('z')"
    )
    made = flip_on(writer, Book(), lambda made: made < 1)
    assert place.execute("select text from watch.name n join watch.reading on n.id = check_id") == [("a",)]
    assert_each_once(place, made)
    writer.close()


# what is kept


def test_texts_that_postgresql_cannot_hold_do_not_stop_the_journal(place: Place, node) -> None:
    bad = judged("a", NOW, State.CRIT, text="nul \0 half \udc80 good \u6f22")
    odd = flip("a", NOW)
    node("one").write([bad], [odd], {"a": Settled(State.CRIT, NOW, reason="nul \0 half \udc80")})
    node("two").ping(Ping("a", NOW, "fail", "nul \0 half \udc80"))
    reader = place.reader()
    assert reader.latest()["a"].reading.values == {"text": "nul \0 half ? good \u6f22"}
    assert reader.settled()["a"].reason == "nul \ufffd half ?"
    reader.close()


def test_a_group_with_a_flip_is_durable_and_others_are_quick(place: Place, node) -> None:
    writer = node("one")
    place.execute(
        "create table level (is_flip boolean, value text);"
        "create function note() returns trigger language plpgsql as $$ begin"
        " insert into level values (tg_table_name = 'flip', current_setting('synchronous_commit')); return new; end $$;"
        "create trigger note after insert on watch.reading execute function note();"
        "create trigger note after insert on watch.flip execute function note()"
    )
    writer.write([judged("a", NOW)], [], {"a": OK})
    writer.write([], [flip("a", NOW)], {})
    assert sorted(place.execute("select * from level")) == [(False, "off"), (True, "on")]


def test_one_node_at_a_time_folds_and_prunes(place: Place, node) -> None:
    writer = node("one")
    writer._pace.now_and_then = lambda *_: None
    writer.write([judged("a", NOW - 20 * 86_400.0)], [], {"a": OK})
    other = kept_connection.connect(place.url)
    other.execute("select pg_advisory_xact_lock(30571, 2)")
    assert writer.fold(NOW) == 0
    other.rollback()
    assert writer.fold(NOW) == 1
    other.close()


def test_tables_of_a_newer_program_are_refused_and_not_touched(place: Place, node) -> None:
    node("one").write([], [flip("a", NOW)], {})
    place.execute("update watch.meta set value = '7' where name = 'version'")
    told = (
        r"The schema watch in PostgreSQL was written by a newer watchkeeper \(its version is 7, this program knows 3\)"
    )
    with pytest.raises(Invalid, match=told):
        place.writer()
    reader = place.reader()
    with pytest.raises(Invalid, match=told):
        reader.flips(0)
    reader.close()
    assert place.execute("select value from watch.meta") == [("7",)]


def test_a_reader_before_the_first_watch_sees_nothing_and_makes_nothing(place: Place, node) -> None:
    reader = place.reader()
    assert (reader.flips(0), reader.settled(), reader.latest(), reader.gaps(0)) == ([], {}, {}, [])
    assert reader.newest_flip() == 0
    assert place.execute("select 1 from pg_namespace where nspname = 'watch'") == []
    node("one").write([], [flip("a", NOW)], {})
    assert len(reader.flips(0)) == reader.newest_flip() == 1  # the same reader, once the tables are there
    reader.close()


def test_a_reader_cannot_write(place: Place, node) -> None:
    node("one").write([], [flip("a", NOW)], {})
    reader = place.reader()
    with pytest.raises(Exception, match="read-only"):
        reader._connections.rows("delete from watch.flip returning 1")  # type: ignore[attr-defined]
    assert len(reader.flips(0)) == 1
    reader.close()


def test_a_reader_goes_on_after_its_connection_was_ended(place: Place, node) -> None:
    writer, reader = node("one"), place.reader()
    for number in range(3):
        writer.write([], [flip("a", NOW)], {})
        assert len(reader.flips(0)) == number + 1
        place.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'watchkeeper'"
            " and query like '%watch.flip where%' and pid <> pg_backend_pid()"
        )
    reader.close()


@pytest.mark.parametrize(
    "url", ["postgresql://watch:hidden-word@", "nonsense hidden-word", "postgresql:///?odd=hidden-word"]
)
def test_a_wrong_address_is_said_without_it(tmp_path: Path, url: str) -> None:
    with pytest.raises(Invalid, match="DATABASE_URL does not name a PostgreSQL database") as told:
        open_readings_writer(tmp_path, url)
    assert "hidden-word" not in str(told.value)


def test_a_server_that_never_answers_is_said_after_the_patience(tmp_path: Path, line: Line, place: Place) -> None:
    line.down = True
    with pytest.raises(StoreAway, match="The readings store in PostgreSQL cannot be reached"):
        open_readings_writer(tmp_path, f"postgresql://watch@127.0.0.1:{line.port}/postgres", patience_s=0.3)


def test_neither_django_nor_an_unneeded_driver_is_loaded(place: Place) -> None:
    program = """
import sys, pathlib
from watchkeeper.store.places import open_evidence, open_readings_reader, open_readings_writer
for url in ("", sys.argv[2]):
    open_readings_writer(pathlib.Path(sys.argv[1]), url).close()
    open_evidence(pathlib.Path(sys.argv[1]), url).close()
    open_readings_reader(pathlib.Path(sys.argv[1]), url).flips(0)
    print("psycopg" in sys.modules, "django" in sys.modules)
"""
    command = [sys.executable, "-c", program, str(place.state), place.url]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert told == ["False", "False", "True", "False"]
