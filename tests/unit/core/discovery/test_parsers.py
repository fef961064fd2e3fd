"""Parsers of single answers, on output of the tools themselves."""

from __future__ import annotations

import pytest

from watchkeeper.core.discovery.containers import read_containers, read_supervisor
from watchkeeper.core.discovery.cron import program_of, read_cron
from watchkeeper.core.discovery.findings import Certificate, Process
from watchkeeper.core.discovery.machine import read_disks, read_packages
from watchkeeper.core.discovery.nginx import read_nginx
from watchkeeper.core.discovery.processes import container_of, control_group, read_listeners, unit_of
from watchkeeper.core.discovery.stores import is_secret
from watchkeeper.core.discovery.systemd import as_cron

ID = "a163a7ef0ddea8efc7e59a653a707844f25c18a4b8b3801206cd8f1e46989b72"


def test_containers_of_podman_and_of_docker() -> None:
    said = (
        f"WK-engine podman\n{ID}|web-1|localhost/web:1|Up 20 seconds ago|127.0.0.1:8088->80/tcp, "
        f"0.0.0.0:9000-9001->9000-9001/tcp|"
        f"shop|web|/srv/shop/compose.yaml\n{ID[::-1]}|once|<no image>|Exited (0) 20 seconds ago||||\n"
    )
    web, once = sorted(read_containers(said.encode()), key=lambda each: not each.running)
    assert (web.name, web.running, web.ports) == ("web-1", True, (("127.0.0.1", 8088), ("0.0.0.0", 9000)))
    assert (web.project, web.service, web.compose_file) == ("shop", "web", "/srv/shop/compose.yaml")
    assert not once.running


def test_listeners_of_ss_netstat_and_the_kernel() -> None:
    ss = b'tcp LISTEN 0 511 *:80 *:* users:(("nginx",pid=341,fd=5),("nginx",pid=340,fd=5))\n'
    ss += b"udp UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:*\n"
    web, dns = read_listeners(ss)
    assert (web.port, web.reach, web.pids, web.programs) == (80, "127.0.0.1", (340, 341), ("nginx",))
    assert (dns.protocol, dns.port, dns.pids) == ("udp", 53, ())
    (old,) = read_listeners(b"tcp  0  0 0.0.0.0:22  0.0.0.0:*  LISTEN  87/sshd: /usr/sbin\n")
    assert (old.port, old.pids, old.programs) == (22, (87,), ("sshd",))
    kernel = b"  sl  local_address rem_address   st\n   0: 0100007F:1538 00000000:0000 0A 0:0 0:0 0 0 0 1\n"
    (bare,) = read_listeners(kernel)
    assert (bare.reach, bare.port) == ("127.0.0.1", 5432)


@pytest.mark.parametrize(
    ("command", "program"),
    [
        ("[ -x /usr/bin/certbot ] && perl -e 'sleep int(rand(43200))' && certbot -q renew", "certbot"),
        ("cd /srv/shop && /usr/bin/python3 -u tools/report.py --all", "report.py"),
        ("flock -n /tmp/x.lock /opt/sync.sh", "sync.sh"),
        ("PGPASSWORD= pg_dump shop > /var/backups/shop.sql", "pg_dump"),
        ("test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }", "run-parts"),
    ],
)
def test_what_a_line_of_cron_is_about(command: str, program: str) -> None:
    assert program_of(command) == program


def test_crontabs_of_the_system_and_of_users() -> None:
    said = b"/etc/cron.d/x:3:PATH=\n/etc/cron.d/x:4:@daily root /opt/a.sh\n"
    said += b"/var/spool/cron/crontabs/bob:9:*/5 * * * * /opt/b.sh\nnonsense\n"
    first, second = read_cron(said)
    assert (first.schedule, first.user, first.program, first.line) == ("0 0 * * *", "root", "a.sh", 4)
    assert (second.schedule, second.user, second.program) == ("*/5 * * * *", "bob", "b.sh")


@pytest.mark.parametrize(
    ("calendar", "cron"),
    [
        ("*-*-* 02:30:00", "30 2 * * *"), ("Mon..Fri *-*-* 08:00:00", "0 8 * * 1-5"), ("Sun *-*-* 00:10:00", "10 0 * * 0"),
        ("Sat,Sun *-*-* 06:00:00", "0 6 * * 6,0"), ("*-*-1 04:00:00", "0 4 1 * *"), ("*-*-* *:15:00", "15 * * * *"),
        ("*-*-* 02:30:30", ""), ("*-*-* 00/2:00:00", ""), ("Mon *-*~01 00:00:00", ""),
    ],
)  # fmt: skip
def test_calendars_that_cron_can_say(calendar: str, cron: str) -> None:
    assert as_cron(calendar) == cron


def test_control_groups_of_units_sessions_and_containers() -> None:
    assert (
        unit_of(control_group("0::/system.slice/system-postgresql.slice/postgresql@15-main.service"))
        == "postgresql@15-main.service"
    )
    assert unit_of(control_group("11:cpu:/;1:name=systemd:/system.slice/shop.service;0::/")) == "shop.service"
    assert unit_of("/user.slice/user-1000.slice/user@1000.service/app.slice/x.scope") == ""
    assert unit_of(f"/system.slice/docker-{ID}.scope") == "" and container_of(f"/system.slice/docker-{ID}.scope") == ID
    assert container_of(f"/machine.slice/libpod-{ID}.scope/container") == ID


@pytest.mark.parametrize(
    ("words", "program"),
    [
        (("/usr/bin/python3", "/srv/shop/app.py"), "app.py"), (("python3", "-m", "http.server", "9099"), "http.server"),
        (("nginx:", "master", "process"), "nginx"), (("/usr/bin/node", "--max=", "server.js"), "server.js"),
        (("-bash",), "x"), (("/opt/app/bin/worker", "--queue="), "worker"),
    ],
)  # fmt: skip
def test_the_program_of_a_process(words: tuple[str, ...], program: str) -> None:
    assert Process(1, 0, "", 9, "root", "x", "", words).program == program


def test_sites_of_nginx_with_default_servers_ipv6_and_sockets() -> None:
    said = "\n".join(
        f"/etc/nginx/conf.d/a.conf:{number}:{line}"
        for number, line in enumerate(
            ["upstream app {", "  server 127.0.0.1:3000;", "  server 127.0.0.1:3001;", "}", "server {",
             "  listen 80 default_server;",
             "  listen [::]:80 default_server;", "  listen unix:/run/x.sock;", "  server_name _;", "}", "server {",
             "  listen 10.0.0.5:8443 ssl;", "  server_name a.example.org;", "  location / { proxy_pass http://app; }", "}"], 1)
    )  # fmt: skip
    first, second = read_nginx(said.encode())
    assert (first.names, first.address, first.port, first.line) == (("",), "127.0.0.1", 80, 5)
    assert (second.address, second.port, second.secure, second.upstream) == ("10.0.0.5", 8443, True, "127.0.0.1:3000")


def test_supervisor_groups_and_programs_that_never_answered() -> None:
    said = b"WK-config /etc/s.conf\nweb:web_00 RUNNING pid 7, uptime 0:01:00\n"
    said += b"WK-line /etc/s.conf:3:[program:web]\nWK-line /etc/s.conf:9:[program:off]\n"
    web, off = read_supervisor(said)
    assert (web.name, web.state, web.pid, web.line) == ("web:web_00", "RUNNING", 7, 3)
    assert (off.name, off.state, off.line) == ("off", "", 9)


def test_disks_count_once_and_memory_is_no_disk() -> None:
    said = (
        b"WK-kilobytes\nFilesystem Type 1024-blocks Used Available Capacity Mounted on\n/dev/sda1 ext4 1000 500 400 56% /\n"
        b"/dev/sda1 ext4 1000 500 400 56% /var/lib/x\ntmpfs tmpfs 100 0 100 0% /run\n/dev/sdb1 ext4 10 9 1 90% /srv/my data\n"
        b"WK-inodes\nFilesystem Inodes IUsed IFree IUse% Mounted on\n/dev/sda1 100 40 60 40% /\n"
    )
    root, data = read_disks(said)
    assert (root.path, root.inodes_free) == ("/", 60.0) and round(root.free, 1) == 44.4
    assert (data.path, data.inodes_free) == ("/srv/my data", None)


def test_packages_of_dpkg_and_rpm() -> None:
    (one,) = read_packages(b"2026-11-20 06:10:11 upgrade nginx:amd64 1.22.1-9 1.22.1-9+deb12u1\n")
    assert (one.action, one.name, one.version) == ("upgrade", "nginx", "1.22.1-9+deb12u1")
    (two,) = read_packages(b"1795350000 installed nginx 1.26.2-1\n")
    assert (two.name, two.version) == ("nginx", "1.26.2-1")


def test_names_that_speak_of_secrets() -> None:
    assert all(
        map(
            is_secret,
            ["DB_PASSWORD", "API_TOKEN", "SECRET_KEY", "DATABASE_URL", "STRIPE_API_KEY", "SENTRY_DSN", "PGPASSWORD"],
        )
    )
    assert not any(map(is_secret, ["PORT", "LOG_LEVEL", "KEYBOARD", "PUBLIC_URL", "WORKERS", "MONKEY"]))


def test_wildcards_hold_for_one_label() -> None:
    one = Certificate("CN = x", "CN = y", 0.0, 1.0, ("*.example.org", "example.org"))
    assert one.holds_for("a.example.org") and one.holds_for("Example.org")
    assert not one.holds_for("a.b.example.org") and not one.holds_for("example.com")
