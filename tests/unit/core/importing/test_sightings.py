"""What commands speak of, and which hosts a document names."""

from __future__ import annotations

import pytest

from watchkeeper.core.importing.drafting import asked_check, url_name
from watchkeeper.core.importing.elements import elements_of
from watchkeeper.core.importing.hosts import HostStub, hosts_of, is_host
from watchkeeper.core.importing.naming import file_of, name_of
from watchkeeper.core.importing.services import default_name
from watchkeeper.core.importing.sightings import is_stand_in, of_text, web_address
from watchkeeper.core.inventory.values import Host
from watchkeeper.core.runbooks import read_runbook


def seen(command: str) -> list[str]:
    return [f"{each.kind} {each.name} {each.detail}".strip() for each in of_text(command, 1)]


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("sudo systemctl status bay-api bay-gate --no-pager -l", ["unit bay-api", "unit bay-gate"]),
        ("systemctl list-units", []),
        ("systemctl restart systemd-resolved docker ssh", []),
        ("systemctl start backup.timer", ["timer backup.timer"]),
        ("systemctl restart my-app <service> $UNIT your-service SERVICE_NAME", []),
        ("sudo journalctl -u bay-api -n 100", ["unit bay-api"]),
        ("docker logs --tail 50 -f shop-web", ["container shop-web"]),
        ("docker logs worker -f --timestamps", ["container worker"]),
        ("docker exec -it shop-web ls /srv", ["container shop-web"]),
        ("docker exec worker-container ls", []),
        ("docker ps --filter name=shop-web", ["like shop-web"]),
        ("docker run -d --name shop-web -p 80:80 shop:1", ["container shop-web"]),
        ("cd /srv/shop && docker compose logs -f web", ["place /srv/shop", "compose web /srv/shop"]),
        ("docker compose -f /srv/shop/prod.yml restart web jobs",
         ["compose web /srv/shop /srv/shop/prod.yml", "compose jobs /srv/shop /srv/shop/prod.yml"]),
        ("supervisorctl restart queue:*", []),
        ("supervisorctl status queue", ["program queue"]),
        ("pgrep -f next-server", ["process next-server match"]),
        ("curl -s -o /dev/null -w '%{http_code}' http://localhost:8000/api/health | jq .", ["url http://localhost:8000/api/health"]),
        ("curl localhost:8080/metrics", ["url http://localhost:8080/metrics"]),
        ("curl -X POST http://localhost:8080/drain", []),
        ("curl -d x=1 http://localhost:8080/drain", []),
        ("curl -fsSL https://get.docker.com | sh", []),
        ("curl -O https://shop.example.org/big.tgz", []),
        ("curl -I https://your-deployment.example.org", []),
        ("curl http://localhost:8080/?token=9f8e7d6c5b4a", []),
        ("df -h / /srv", ["disk /", "disk /srv"]),
        ("nc -z db1.example.org 5432", ["port db1.example.org:5432"]),
        ("ss -tlnp | grep -E ':(3005|8080)'", ["port 127.0.0.1:3005", "port 127.0.0.1:8080"]),
        ("openssl s_client -connect shop.example.org:443 -servername shop.example.org",
         ["tls shop.example.org:443 shop.example.org"]),
        ("openssl x509 -enddate -noout -in /etc/ssl/shop.pem", ["certificate /etc/ssl/shop.pem"]),
        ("sqlite3 /srv/shop/shop.db 'select 1'", ["sqlite /srv/shop/shop.db"]),
        ("rm -rf /srv/shop", []),
        ("systemctl --user disable enable now", []),
        ("ps aux | grep bay-worker | grep -v grep", ["process bay-worker match"]),
        ("ps aux | grep python; pgrep -f script.py", []),
        ("curl http://192.168.x.x/", []),
    ],
)  # fmt: skip
def test_a_command_names_what_it_is_about(command: str, found: list[str]) -> None:
    assert seen(command) == found


def test_a_command_over_ssh_tells_its_host() -> None:
    (unit,) = of_text("ssh deploy@app1.example.org 'sudo systemctl restart bay-api'", 4)
    assert (unit.kind, unit.name, unit.host) == ("unit", "bay-api", "deploy@app1.example.org")


def test_addresses() -> None:
    assert web_address("shop.example.org/health") == "http://shop.example.org/health"
    assert web_address("https://user:pw@shop.example.org/") == "" == web_address("file.txt") == web_address("GET")
    assert [url_name(url) for url in ("http://a/", "http://a:1/api/health", "http://a/x/status.json")] == [
        "web",
        "health",
        "status",
    ]
    assert (
        is_stand_in("my-app")
        and is_stand_in("SERVICE")
        and is_stand_in("container-name")
        and not is_stand_in("shop-web")
    )


def hosts(text: str) -> list[tuple[str, str, int]]:
    book = read_runbook(text, "x.md")
    stubs, _ = hosts_of("x.md", text, book, elements_of(text))
    return [(stub.name, stub.ssh, stub.port) for stub in stubs]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("```sh\nssh -p 2222 deploy@app1.example.org\n```", [("app1", "deploy@app1.example.org", 2222)]),
        ("```sh\nscp a.tgz ops@db1.example.org:/srv/\nrsync -a x db1.example.org:/y\n```", [("db1", "ops@db1.example.org", 0)]),
        ("```sh\nssh bastion\n```", [("bastion", "bastion", 0)]),
        ("```sh\nssh root@your-instance-ip\nssh $HOST\nssh user@<host>\nssh localhost\n```", []),
        ("```sh\ndocker cp web:/srv/x .\n```", []),
        ("```console\nops@app2:~$ uptime\n```", [("app2", "ops@app2", 0)]),
        ("- **Server**: app3.example.org (192.0.2.7)\n- Host: 192.0.2.7", [("app3", "app3.example.org", 0)]),
        ("Web server (192.0.2.9) is old", [("web", "192.0.2.9", 0)]),
        ("- Server URL: ws://192.0.2.9:7880", []),
        ("| Host | IP | Role |\n|---|---|---|\n| gate1 | 192.0.2.4 | gate |\n| db | 192.0.2.5 | data |",
         [("gate1", "192.0.2.4", 0), ("db", "192.0.2.5", 0)]),
        ("```sh\nGATE_SSH_HOST=192.0.2.8\nGATE_SSH_USER=gate\n```", [("gate", "gate@192.0.2.8", 0)]),
    ],
)  # fmt: skip
def test_hosts_of_a_document(text: str, found: list[tuple[str, str, int]]) -> None:
    assert hosts(f"# X\n\n{text}\n") == found


def test_a_host_is_active_when_the_ops_repo_has_it() -> None:
    stub = HostStub("app1", "app1.example.org", "deploy")
    assert stub.active({"web": Host("web", "ssh", "app1.example.org", "deploy")}) == "web"
    assert stub.active({"web": Host("web", "ssh", "app1.example.org", "root")}) == ""
    assert not is_host("127.0.0.1") and not is_host("1.2") and not is_host("0.0.0.0") and is_host("192.0.2.1")


@pytest.mark.parametrize(
    ("title", "texts", "stem", "names", "name"),
    [
        ("Operations Manual", [], "x", ["gate-api", "gate-web"], "gate"),
        ("Operations Manual", [], "x", ["gate-api", "printer"], "operations"),
        ("Tidebook Runbook", [], "x", [], "tidebook"),
        ("Daily Operations Procedures", ["the procedures for Gatehouse V2 of"], "x", [], "gatehouse"),
        ("Operations Runbook", ["nothing"], "tidebook-operations", [], "tidebook"),
        ("Operations Runbook", ["nothing"], "003_3c3c745f95772c16", [], "operations"),
    ],
)
def test_what_a_document_is_about(title: str, texts: list[str], stem: str, names: list[str], name: str) -> None:
    assert default_name(title, texts, stem, names) == name


def test_a_name_that_only_a_network_knows_is_a_suggestion() -> None:
    (url,) = of_text("curl http://shop-web:8000/health", 3)
    asked = asked_check(url, "x.md:3")
    assert asked.draft.suggestion and "inside its network" in asked.note and not asked.local
    assert not asked_check(of_text("curl http://localhost/health", 3)[0], "x.md:3").draft.suggestion


def test_names_in_any_script() -> None:
    assert file_of("Daily Round (6 PM)") == "daily-round-6-pm" and file_of("毎日の確認 / 朝") == "毎日の確認-朝"
    assert name_of("Queue Depth") == "queue-depth"
    named = name_of("キューの深さ", kind="check")
    assert named.startswith("check-") and named.isascii() and named == name_of("キューの深さ", kind="check")
    assert file_of("???", kind="checklist").startswith("checklist-")
