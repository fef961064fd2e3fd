"""Every standard runbook is drilled: something real is broken, the runbook answers it, and the check that failed proves it.

They are taken into the ops repo as users take them, and answer with the values of a service. A person approves what they
change; `delete`, `vacuum`, `reload` and the restart of the host happen for real, on this machine or on one of the lab.
"""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.postgresql import postgresql_server
from tests.house import House
from tests.lab.machines import Machine, MachineLab

from watchkeeper.core.runbooks import read_runbook
from watchkeeper.faces.cli.library import names, text_of
from watchkeeper.faces.cli.program import main

pytestmark = [
    pytest.mark.needs("machines", "systemd", "nginx", "git", "postgresql", "logrotate", "sqlite3", "sudo"),
    pytest.mark.timeout(300),
]
WRITER = """\
import signal, time
path = "/var/log/app/app.log"
file = open(path, "a")
def again(*_):
    global file
    file.close()
    file = open(path, "a")
signal.signal(signal.SIGHUP, again)
while True:
    file.write("a line of the log\\n")
    file.flush()
    time.sleep(0.2)
"""
LOGROTATE = """\
/var/log/app/app.log {
  rotate 3
  create 644 root root
  postrotate
    systemctl kill --signal=HUP writer
  endscript
}
"""
SITE = """\
pid /run/site.pid;
error_log /var/log/site.log;
events {}
http {
  access_log off;
  server {
    listen 8443 ssl;
    ssl_certificate /etc/site/cert.pem;
    ssl_certificate_key /etc/site/key.pem;
    return 200 "hello\\n";
  }
}
"""
SIGN = """\
#!/bin/sh
# an authority of its own, as an ACME client would ask one: sign-certificate DAYS
set -e
cd /etc/site
[ -e ca.key ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem \\
  -subj /CN=Lab -days 300 2>/dev/null
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout new.key -out new.csr \\
  -subj /CN=shop.example.org 2>/dev/null
openssl x509 -req -in new.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days "$1" -out new.pem 2>/dev/null
mv new.key key.pem
mv new.pem cert.pem
"""
SERVE = "#!/bin/sh\nexec /usr/bin/python3 -m http.server {port} --bind 127.0.0.1 --directory /srv\n"
BROKEN = "#!/bin/sh\necho it cannot start >&2\nexit 3\n"
QUEUE = "create table job (id integer primary key, state text, leased_until, note text)"


class Scene:
    """The house, its machines, and what each service watches."""

    def __init__(self, house: House, lab: MachineLab, url: str) -> None:
        self.house = house
        self.lab = lab
        self.url = url
        self.box = lab.add("box", init="systemd")
        self.iron = lab.add("iron", init="systemd")
        self.files = house.root / "files"
        self.files.mkdir()
        self.proven: set[str] = set()

    def service(self, runbook: str, host: str, check: str, params: str, name: str = "", recover: int = 3) -> None:
        """A service of the runbook's name that answers with it. recover: good answers until it counts as proven."""
        name = name or runbook
        self.house.write(
            f"services/{name}.yaml",
            f"service: {name}\nhosts: [{host}]\nchecks:\n  - {{name: state, {check}, every: 1s, recover: {recover} in a row}}\n"
            f"respond:\n  - to: [state]\n    runbook: runbooks/{runbook}.md\n    mode: propose\n    prove_within: 2m\n"
            f"    params: {{{params}}}\n",
        )

    def answered(self, name: str, meanwhile: Callable[[], None] = lambda: None, limit_s: float = 90) -> dict[str, Any]:
        """Wait until the service's incident was answered, approve what waits, and return its run; it must be proven."""
        incident = self.house.until(lambda: self.house.incident(name), 30, f"{name} has an incident")
        number = self.house.until(lambda: (self.house.incident(name) or incident)["runs"], 20, "a run")[-1]["id"]

        def ended() -> dict[str, Any] | None:
            run: dict[str, Any] = self.house.get(f"/runs/{number}")["run"]
            if run["state"] == "parked":
                self.house.post(f"/runs/{number}/approve")
            meanwhile()
            return run if run["state"] in ("proven", "unproven", "failed", "cancelled", "done") else None

        run: dict[str, Any] = self.house.until(ended, limit_s, f"the run of {name} has ended")
        told = [(step["plan"]["id"], step["state"], step["message"]) for step in run["steps"]]
        assert run["state"] == "proven", told
        states: dict[str, set[str]] = {step["plan"]["phase"]: set() for step in run["steps"]}
        for step in run["steps"]:
            states[step["plan"]["phase"]].add(step["state"])
        assert states["diagnose"] == states["fix"] == {"done"}, told
        assert self.house.closed(name)["ending"] == "fixed"
        self.proven.add(run["plan"]["runbook"])
        if states["verify"] != {"done"}:  # the check was quicker with its proof
            self.verified(name, run)
        return run

    def verified(self, name: str, run: dict[str, Any]) -> None:
        """The runbook's own verification, by hand, with the values of that run."""
        steps = [step["plan"]["id"] for step in run["steps"] if step["plan"]["phase"] == "verify"]
        plan = run["plan"]
        body = {"runbook": plan["runbook"], "service": name, "params": plan["params"], "steps": steps}
        planned = self.house.post("/runs", **body, dry_run=True)["run"]
        started = self.house.post("/runs", **body, dry_run=False, digest=planned["plan"]["digest"])["run"]

        def over() -> list[dict[str, Any]]:
            now = self.house.get(f"/runs/{started['id']}")["run"]["steps"]
            return now if all(step["state"] not in ("planned", "running") for step in now) else []

        told = [(step["plan"]["id"], step["state"], step["message"]) for step in self.house.until(over, 90, "verified")]
        assert {state for _, state, _ in told} == {"done"}, told

    def undone(self, run: dict[str, Any]) -> None:
        """Take back what a run did, as a person asks for it: its runbook's own section "Rollback" runs."""
        self.house.post(f"/runs/{run['id']}/undo")

        def over() -> dict[str, Any] | None:
            now: dict[str, Any] = self.house.get(f"/runs/{run['id']}")["run"]
            if now["state"] == "parked":
                self.house.post(f"/runs/{run['id']}/approve")
            return now if now["undo"] and now["undo"]["verified"] else None

        after = self.house.until(over, 60, "what was done is taken back")
        steps = {step["plan"]["id"]: (step["state"], step["message"]) for step in after["steps"]}
        assert steps["go-forward"][0] == "done", steps
        assert after["undo"]["verified"] == "good", (after["undo"], steps)


def text_of_step(runbook: str, step: str) -> str:
    """The commands of one step."""
    return next(each.text for each in read_runbook(text_of(runbook), runbook).steps if each.id == step)


def shell(text: str, **values: str) -> subprocess.CompletedProcess[str]:
    """Run a step's commands here as a run does."""
    environment = {"PATH": os.environ["PATH"], **values}
    command = ["bash", "-e", "-o", "pipefail", "-c", text]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def scene(shared_lab: MachineLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    house = House(tmp_path_factory.mktemp("library"))
    with postgresql_server() as url:
        scene = Scene(house, shared_lab, url)
        try:
            furnish(scene)
            describe(scene)
            for name in names():
                assert main(["runbook", "copy", name, "--ops", str(house.ops)]) == 0
            house.environment = {"HOME": str(shared_lab.home(house.root / "home"))}
            house.start()
            house.until(house.all_ok, 60, "every check is OK")
            yield scene
        finally:
            house.stop()


def furnish(scene: Scene) -> None:
    """What runs on the machines, all of it well."""
    box = scene.box
    for port, name, folder in (
        (8100, "hello", "/srv/hello"),
        (8200, "app", "/srv/app/releases/20260102"),
        (8300, "pages", "/srv/pages"),
    ):
        box.write(f"{folder}/serve", SERVE.format(port=port), 0o755)
        path = "/srv/app/current" if name == "app" else folder
        if name == "app":
            box.run("ln -s releases/20260102 /srv/app/current")
        if name == "pages":
            box.run(f"chown -R deploy: {folder}")
            commit(box, "first")
        limit = "StartLimitIntervalSec=300\nStartLimitBurst=3\n" if name == "hello" else ""
        restart = "Restart=always\nRestartSec=100ms\n" if name == "hello" else ""
        box.unit(name, f"ExecStart={path}/serve\n{restart}", unit=limit)
    box.run("mkdir -p /srv/app/releases/20260101 /srv/cache && chown -R deploy: /srv/app")
    box.run("mount -t tmpfs -o size=24m tmpfs /srv/cache && mkdir /srv/cache/work")
    box.write("/etc/logrotate.d/app", LOGROTATE)
    box.write("/usr/local/bin/writer", WRITER)
    box.run("mkdir -p /var/log/app /etc/site")
    box.unit("writer", "ExecStart=/usr/bin/python3 /usr/local/bin/writer")
    box.write("/usr/local/sbin/sign-certificate", SIGN, 0o755)
    box.write("/etc/site/nginx.conf", SITE)
    box.run("sign-certificate 60")
    reload = "ExecReload=/bin/kill -HUP $MAINPID"
    box.unit("site", f"ExecStart=/usr/sbin/nginx -c /etc/site/nginx.conf -g 'daemon off;'\n{reload}")
    scene.iron.unit("beat", "ExecStart=/bin/sleep 100000")
    with sqlite3.connect(scene.files / "queue.db") as queue:
        queue.execute(QUEUE)
    sqlite3.connect(scene.files / "grown.db").close()
    for sql in (
        "create table job (id serial primary key, state text, leased_until timestamptz, note text)",
        "create table visits (id serial primary key, note text) with (autovacuum_enabled = false)",
    ):
        psql(scene, sql)


def describe(scene: Scene) -> None:
    """The services, each with one check and the runbook that answers it."""
    house, files = scene.house, scene.files
    house.write("hosts.yaml", "hosts: {here: {local: true}, box: {ssh: root@box}, iron: {ssh: root@iron}}\n")
    house.write(
        "databases.yaml", f"databases:\n  queue: {{sqlite: {files}/queue.db}}\n  main: {{postgresql: '{scene.url}'}}\n"
    )
    over = "state = 'running' and leased_until < strftime('%s','now') - 60"
    scene.service("restart-service", "box", "systemd: hello", "unit: hello, settle_s: 2, url: 'http://127.0.0.1:8100/'")
    scene.service(
        "free-disk-space", "box", "disk: /srv/cache, crit: free < 30%",
        "folder: /srv/cache/work, files: '*.tmp', older_than_days: 7, full_percent: 70",
    )  # fmt: skip
    scene.service(
        "rescue-stuck-jobs-sqlite", "here",
        f'sql: {{database: queue, query: "select count(*) from job where {over}"}}, crit: value > 0',
        f"database: {files}/queue.db",
    )  # fmt: skip
    over = "state = 'running' and leased_until < now() - interval '60 s'"
    scene.service(
        "rescue-stuck-jobs-postgresql", "here",
        f'sql: {{database: main, query: "select count(*) from job where {over}"}}, crit: value > 0',
        f"database: '{scene.url}'",
    )  # fmt: skip
    size = f"command: 'test $(stat -c %s {files}/grown.db) -lt 1000000'"
    scene.service("vacuum-sqlite", "here", size, f"database: {files}/grown.db, free_percent: 5")
    dead = "select coalesce(max(n_dead_tup), 0) from pg_stat_user_tables where relname = 'visits'"
    scene.service(
        "vacuum-postgresql", "here", f'sql: {{database: main, query: "{dead}"}}, crit: value > 1000',
        f"database: '{scene.url}', table: visits",
    )  # fmt: skip
    size = "command: 'test $(stat -c %s /var/log/app/app.log) -lt 1000000'"
    scene.service("rotate-logs", "box", size, "config: /etc/logrotate.d/app, log: /var/log/app/app.log, largest_mb: 1")
    scene.service(
        "renew-certificate", "box", f"tls: {{address: '{scene.box.address}:8443', verify: false}}, crit: days < 7",
        "certificate: /etc/site/cert.pem, key: /etc/site/key.pem, server: shop.example.org, address: '127.0.0.1:8443', "
        "renew: sign-certificate 90, reload: systemctl reload site",
    )  # fmt: skip
    web = "http: 'http://127.0.0.1:{}/', from: host, ok: status == 200, crit: status != 200"
    go_back = "roll-back-last-change"
    scene.service(go_back, "box", web.format(8200), "directory: /srv/app, unit: app, url: 'http://127.0.0.1:8200/'")
    scene.service(
        go_back,
        "box",
        web.format(8300),
        "directory: /srv/pages, unit: pages, url: 'http://127.0.0.1:8300/'",
        f"{go_back}-git",
    )
    scene.service("restart-host", "iron", "command: test ! -e /run/stuck", "units: beat ssh", recover=20)


def commit(box: Machine, words: str) -> None:
    """A commit of the pages by who deploys them."""
    box.run(
        "cd /srv/pages && git init -q -b main . && git add -A && "
        f"git -c user.name=D -c user.email=d@example.org commit -qm '{words}'", "deploy",
    )  # fmt: skip


def repaired(box: Machine) -> None:
    """The one who deploys mends the branch while the older state runs: one commit more on main."""
    box.run(
        "cd /srv/pages && tree=$(git rev-parse HEAD^{tree}) && git update-ref refs/heads/main "
        "$(git -c user.name=D -c user.email=d@example.org commit-tree -p main -m third $tree)", "deploy",
    )  # fmt: skip


def psql(scene: Scene, sql: str) -> str:
    done = subprocess.run(
        ["psql", "-X", "-A", "-t", "-d", scene.url, "-c", sql], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


# ---- one by one ------------------------------------------------------------------------------------------------------


def test_they_pass_lint_without_a_finding(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--strict", "--ops", str(scene.house.ops)]) == 0
    assert capsys.readouterr().out == ""


def test_a_service_that_gave_up_is_started_again(scene: Scene) -> None:
    scene.box.run(
        "for turn in 1 2 3 4 5; do systemctl kill --signal=KILL hello || true; sleep 0.3; done; systemctl is-failed hello"
    )
    assert scene.box.run("systemctl start hello", check=False).returncode, "systemd refuses a plain start"
    scene.answered("restart-service")
    assert "Directory" in scene.box.run("curl -fsS http://127.0.0.1:8100/").stdout


def test_old_files_go_and_those_in_use_stay(scene: Scene) -> None:
    fill = """cd /srv/cache/work
        for name in old-a.tmp old-b.tmp 'old c.tmp' used.tmp old.db; do head -c 3500000 /dev/zero >"$name"; done
        touch -d '20 days ago' -- *; head -c 2500000 /dev/zero >young.tmp"""
    scene.box.run(fill)
    scene.box.unit("reader", "ExecStart=/usr/bin/tail -f /srv/cache/work/used.tmp")
    run = scene.answered("free-disk-space")
    assert sorted(scene.box.run("cd /srv/cache/work; ls -Q").stdout.split()) == [
        '"old.db"',
        '"used.tmp"',
        '"young.tmp"',
    ]
    (fix,) = [step for step in run["steps"] if step["plan"]["phase"] == "fix"]
    assert fix["plan"]["risk"] == "destroy"


def test_who_cannot_see_what_is_in_use_deletes_nothing(scene: Scene) -> None:
    scene.box.run("mkdir -p /srv/other/old && touch -d '20 days ago' /srv/other/old/x && chown -R operator: /srv/other")
    text = "export folder=/srv/other/old files='*' older_than_days=7\n" + text_of_step(
        "free-disk-space", "delete-old-files"
    )
    scene.box.write("/srv/step", text)
    done = scene.box.run("bash -e -o pipefail /srv/step", "operator", check=False)
    assert done.returncode == 1
    assert "nothing is deleted" in done.stdout
    assert scene.box.run("ls /srv/other/old").stdout == "x\n"


def test_jobs_whose_lease_is_over_wait_again(scene: Scene) -> None:
    now = int(time.time())
    then = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now - 900))
    jobs = [
        (1, "running", now - 600, "dead"), (2, "running", then, "dead"), (3, "running", now + 600, "alive"),
        (4, "running", None, "no lease"), (5, "failed", now - 600, "failed"), (6, "waiting", None, "waits"),
        (7, "done", now - 600, "done"), (8, "running", (now + 600) * 1000, "milliseconds"),
    ]  # fmt: skip
    with sqlite3.connect(scene.files / "queue.db") as queue:
        queue.executemany("insert into job values (?, ?, ?, ?)", jobs)
    scene.answered("rescue-stuck-jobs-sqlite")
    left = sqlite3.connect(scene.files / "queue.db").execute("select * from job order by id").fetchall()
    assert left == [(1, "waiting", None, "dead"), (2, "waiting", None, "dead"), *jobs[2:]]


def test_jobs_in_postgresql_and_one_that_somebody_holds(scene: Scene) -> None:
    psql(
        scene,
        "insert into job (state, leased_until, note) values ('running', now() - interval '10 min', 'dead'), "
        "('running', now() + interval '10 min', 'alive'), ('failed', now() - interval '10 min', 'failed'), "
        "('running', null, 'no lease')",
    )  # fmt: skip
    held = subprocess.Popen(["psql", "-X", "-q", "-d", scene.url], stdin=subprocess.PIPE, text=True)
    assert held.stdin is not None
    try:
        held.stdin.write("begin; select * from job where note = 'alive' for update \\g /dev/null\n")
        held.stdin.flush()
        scene.answered("rescue-stuck-jobs-postgresql")
    finally:
        held.communicate("rollback;\n", timeout=10)
    rows = psql(scene, "select note, state, leased_until is null from job order by note").split("\n")
    assert rows == ["alive|running|f", "dead|waiting|t", "failed|failed|f", "no lease|running|t"]


def test_a_file_that_grew_is_written_anew(scene: Scene) -> None:
    path = scene.files / "grown.db"
    with sqlite3.connect(path) as grown:
        grown.execute("pragma journal_mode = wal")
        grown.execute("create table note (id integer primary key, text)")
        grown.executemany("insert into note (text) values (?)", ((f"{number}" * 200,) for number in range(5000)))
    grown.execute("delete from note where id > 10")
    grown.commit()
    grown.execute("pragma wal_checkpoint(truncate)")
    grown.close()
    assert path.stat().st_size > 2_000_000
    scene.answered("vacuum-sqlite")
    assert path.stat().st_size < 100_000
    assert sqlite3.connect(path).execute("select count(*), max(id) from note").fetchone() == (10, 10)


def test_a_vacuum_waits_for_nobody_forever_and_needs_room(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "busy.db"
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("create table note (text)")
    before = path.read_bytes()  # before the lock: closing a file of this process would give it up
    writer.execute("begin immediate")
    text = text_of_step("vacuum-sqlite", "vacuum")
    done = shell(text.replace("timeout 30000", "timeout 200"), database=str(path))
    assert done.returncode != 0
    assert "locked" in done.stderr
    writer.execute("rollback")
    assert path.read_bytes() == before
    full = shell(text.replace("df --output", "echo 10; true --output"), database=str(path))
    assert full.returncode == 1
    assert "nothing is done" in full.stdout


def test_dead_rows_are_freed(scene: Scene) -> None:
    psql(scene, "insert into visits (note) select 'x' from generate_series(1, 20000)")
    psql(scene, "delete from visits where id > 5000")
    scene.answered("vacuum-postgresql")
    assert (
        psql(
            scene,
            "select last_vacuum is not null and last_analyze is not null from pg_stat_user_tables where relname = 'visits'",
        )
        == "t"
    )
    assert psql(scene, "select count(*) from visits") == "5000"


def test_an_old_transaction_is_named_instead(scene: Scene) -> None:
    held = subprocess.Popen(["psql", "-X", "-q", "-d", scene.url], stdin=subprocess.PIPE, text=True)
    assert held.stdin is not None
    try:
        held.stdin.write("begin; select 1 \\g /dev/null\n")
        held.stdin.flush()
        open_ones = "select count(*) from pg_stat_activity where state = 'idle in transaction'"
        scene.house.until(lambda: psql(scene, open_ones) == "1", 10, "its transaction is open")
        values = {"database": scene.url, "schema": "public", "table": "visits", "longest_minutes": "0"}
        done = shell(text_of_step("vacuum-postgresql", "vacuum"), **values)
    finally:
        held.communicate("rollback;\n", timeout=10)
    assert done.returncode == 1
    # a worker of autovacuum may have one open as well
    assert re.search(r"[1-9]\d* transactions are open for more than 0 minutes", done.stdout), done.stdout


def test_a_log_that_grew_is_rotated_and_its_writer_follows(scene: Scene) -> None:
    scene.box.run("head -c 3000000 /dev/zero | tr '\\0' x >>/var/log/app/app.log")
    scene.answered("rotate-logs")
    sizes = scene.box.run("sleep 0.5; stat -c %s /var/log/app/app.log /var/log/app/app.log.1").stdout.split()
    assert 0 < int(sizes[0]) < 100_000
    assert int(sizes[1]) > 3_000_000


def test_a_writer_that_keeps_the_old_log_is_found(scene: Scene) -> None:
    scene.box.run("mkdir -p /var/log/deaf; cd /var/log/deaf; : >deaf.log")
    scene.box.unit("deaf", "ExecStart=/bin/sh -c 'exec sleep 1000 >>/var/log/deaf/deaf.log'")
    scene.box.run("cd /var/log/deaf; mv deaf.log deaf.log.1; : >deaf.log")
    scene.box.write(
        "/srv/step", "log=/var/log/deaf/deaf.log\n" + text_of_step("rotate-logs", "nobody-writes-the-old-one")
    )
    done = scene.box.run("bash -e -o pipefail /srv/step", check=False)
    assert done.returncode == 1
    assert "deaf.log.1" in done.stdout


def test_a_certificate_is_renewed_loaded_and_presented(scene: Scene) -> None:
    scene.box.run("sign-certificate 1; systemctl reload site")
    scene.answered("renew-certificate")
    shown = scene.box.run(
        "openssl s_client -connect 127.0.0.1:8443 </dev/null 2>/dev/null | openssl x509 -noout -checkend 6000000"
    )
    assert "will not expire" in shown.stdout


def test_a_pair_that_does_not_belong_together_is_not_loaded(scene: Scene) -> None:
    scene.box.run("cd /etc/site; cp cert.pem /root/cert.pem; openssl genpkey -algorithm ed25519 -out /root/other.pem")
    values = "certificate=/root/cert.pem key=/root/other.pem days=20 reload='touch /root/loaded'"
    scene.box.write("/srv/step", f"export {values}\n" + text_of_step("renew-certificate", "load"))
    done = scene.box.run("bash -e -o pipefail /srv/step", check=False)
    assert done.returncode == 1
    assert "nothing is loaded" in done.stdout
    assert not (scene.box.root / "root/loaded").exists()


def test_the_last_release_is_taken_back_and_forward_again(scene: Scene) -> None:
    scene.box.write("/srv/app/releases/20260103/serve", BROKEN, 0o755)
    scene.box.run("cd /srv/app; chown -R deploy: releases; ln -sfn releases/20260103 current; systemctl restart app")
    run = scene.answered("roll-back-last-change")
    assert scene.box.run("readlink /srv/app/current; stat -c %U /srv/app/current").stdout.split() == [
        "releases/20260102",
        "deploy",
    ]
    scene.box.write("/srv/app/releases/20260103/serve", SERVE.format(port=8200), 0o755, 4101)
    scene.undone(run)
    assert scene.box.run("readlink /srv/app/current").stdout == "releases/20260103\n"


def test_the_last_commit_is_taken_back_and_forward_again(scene: Scene) -> None:
    first = scene.box.run("git -C /srv/pages rev-parse HEAD", "deploy").stdout
    scene.box.write("/srv/pages/serve", BROKEN, 0o755, 4101)
    commit(scene.box, "second")
    scene.box.run("systemctl restart pages")
    run = scene.answered("roll-back-last-change-git")
    assert scene.box.run("git -C /srv/pages rev-parse HEAD", "deploy").stdout == first
    assert scene.box.run("find /srv/pages ! -user deploy").stdout == ""
    repaired(scene.box)
    scene.undone(run)
    now = scene.box.run("git -C /srv/pages log -1 --format=%s; git -C /srv/pages branch --show-current", "deploy")
    assert now.stdout.split() == ["third", "main"]


def test_a_host_is_restarted_once_and_its_services_are_back(scene: Scene) -> None:
    iron = scene.iron
    first = iron.boot_id
    iron.write("/run/stuck", "")

    def boots() -> None:
        """What a real machine does by itself: when it went down, it comes up."""
        if iron._process is not None and iron._process.poll() is not None:
            iron.stop()
            iron.start()

    run = scene.answered("restart-host", boots, 200)
    assert iron.boot_id != first
    assert (iron.disk / "var/lib/restart-host/boot-id").read_text().strip() == first
    (fix,) = [step for step in run["steps"] if step["plan"]["phase"] == "fix"]
    assert fix["attempt"] == 1
    assert iron.run("systemctl is-active beat").stdout == "active\n"
    # asked again, as after a restart in the middle of the step: it sees another boot and does nothing
    iron.write("/srv/step", "export delay_s=1\n" + text_of_step("restart-host", "restart"))
    assert "restarted already" in iron.run("bash -e -o pipefail /srv/step").stdout
    assert "systemctl reboot" not in iron.run("systemctl list-units --all --no-pager 'run-*'").stdout


def test_every_standard_runbook_is_drilled_here(scene: Scene) -> None:
    assert scene.proven == {f"runbooks/{name}.md" for name in names()}


def test_no_copy_overwrites(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    book = scene.house.ops / "runbooks/restart-service.md"
    before = book.read_bytes()
    assert main(["runbook", "copy", "restart-service", "--ops", str(scene.house.ops)]) == 2
    assert "there already" in capsys.readouterr().err
    assert book.read_bytes() == before
