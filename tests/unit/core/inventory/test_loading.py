"""From files to the inventory, or to all mistakes of all files at once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.core.inventory.loading import load, revision
from watchkeeper.core.inventory.values import Inventory, Loaded, Mistake

SHOP = b"""# services/shop.yaml
service: shop
description: Order desk of the harbour sample
hosts: [app1]
depends_on: [shop-db]
owner: ops
config: [/srv/shop/shop.env]   # watched for changes: a Change, and a suspect
checks:
  - name: web
    http: http://127.0.0.1:8801/health
    from: host                 # host (asked on the host itself) | here; a loopback URL without `from` is an error
    every: 5s
    ok: status == 200 and latency < 800ms
    crit: {when: status != 200, for: 2 of 3}
    recover: 2 in a row
  - name: queue-depth
    sql: {database: shop, query: "select count(*) from job where state in ('pending','queued')"}
    every: 30s
    warn: value > 50 for 3 of 5
    crit: value > 100 for 3 of 5
  - name: disk
    disk: /srv
    warn: free < 20%
    crit: free < 10%
  - name: nightly-backup
    heartbeat: {cron: "0 2 * * *", timezone: Africa/Johannesburg, grace: 1h}
respond:                       # which runbook answers what, and how far it asks to go by itself
  - to: [web]
    runbook: runbooks/web-down.md
    mode: auto                 # observe | propose (default) | auto, see promise 7
    at_most: 3 per hour
"""
TEAM = b"""team: Harbour
timezone: Europe/Amsterdam
channels:
  duty: {script: tools/page.sh, timeout: 10s}
  chat: {apprise: "secret:chat-url"}
  hook: {webhook: "http://127.0.0.1:9/x"}
escalation: [duty, chat]
defaults: {every: 1m, timeout: 5s, recover: 3 in a row}
budget: {per_service: 4 per hour, all: 20 per day}
"""
HOSTS = b"""hosts:
  app1: {local: true, labels: {role: app}}
  app2: {ssh: deploy@app2.example.org, port: 2222, become: sudo -n, spool: /var/tmp/wk-deploy}
"""
FILES = {
    "watchkeeper.yaml": TEAM,
    "hosts.yaml": HOSTS,
    "databases.yaml": b'databases: {shop: {sqlite: /srv/shop/shop.db}, ledger: {postgresql: "secret:ledger-url"}}\n',
    "secrets.yaml": b"secrets: {ledger-url: {env: LEDGER_URL}, chat-url: {file: /etc/x}, third: {command: pass x}}\n",
    "services/shop.yaml": SHOP,
    "services/shop-db.yaml": b"checks:\n  - name: port\n    tcp: db.example.org:5432\n",
    "runbooks/web-down.md": b"# Web down\r\n",
}


def loaded(**changed: bytes | str) -> Loaded:
    """The sample files with some replaced; ``services__shop`` stands for services/shop.yaml."""
    files = dict(FILES)
    for name, text in changed.items():
        files[name.replace("__", "/").replace("_", "-") + ".yaml"] = text.encode() if isinstance(text, str) else text
    return load(files, 1.0)


def service(text: str, **others: str) -> Loaded:
    """One service `x` with these lines, in an otherwise sound ops repo."""
    return loaded(services__x=text, **others)


def inventory(result: Loaded) -> Inventory:
    assert result.inventory is not None, result.mistakes
    return result.inventory


def only(result: Loaded) -> Mistake:
    assert len(result.mistakes) == 1, result.mistakes
    return result.mistakes[0]


def test_the_example_of_the_design_loads() -> None:
    found = inventory(loaded())
    shop = found.services["shop"]
    assert (shop.owner, shop.hosts, shop.depends_on, shop.config) == (
        "ops",
        ("app1",),
        ("shop-db",),
        ("/srv/shop/shop.env",),
    )
    web, queue, disk, backup = shop.checks
    assert (web.key, web.host, web.where, web.every_s, web.timeout_s, web.recover) == (
        "shop/web",
        "app1",
        "host",
        5,
        5,
        2,
    )
    assert web.probe.options["url"] == "http://127.0.0.1:8801/health"
    assert web.ok is not None and web.crit is not None and web.warn is None
    assert (web.crit.hits, web.crit.window, web.crit.text) == (2, 3, "status != 200 for 2 of 3")
    assert queue.where == "host" and queue.every_s == 30 and queue.recover == 3
    assert queue.probe.options["database"] == "shop"
    assert disk.every_s == 60 and disk.probe.options == {"path": "/srv"}
    assert backup.where == "here"
    assert backup.probe.options == {"cron": "0 2 * * *", "timezone": "Africa/Johannesburg", "grace": 3600.0}
    assert backup.crit is not None and backup.crit.text == "late or failed"
    (response,) = shop.respond
    assert (response.name, response.mode, response.at_most) == ("shop/runbooks/web-down.md", "auto", (3, 3600.0))
    assert response.to == ("web",)


def test_team_hosts_and_the_rest() -> None:
    found = inventory(loaded())
    assert [(channel.name, channel.kind, channel.timeout_s) for channel in found.team.channels] == [
        ("duty", "script", 10.0),
        ("chat", "apprise", 20.0),
        ("hook", "webhook", 20.0),
    ]
    assert found.team.escalation == ("duty", "chat")
    assert (found.team.budget_service, found.team.budget_all) == ((4, 3600.0), (20, 86400.0))
    assert found.hosts["app1"].kind == "local" and found.hosts["app1"].labels == {"role": "app"}
    app2 = found.hosts["app2"]
    assert (app2.kind, app2.user, app2.address, app2.port) == ("ssh", "deploy", "app2.example.org", 2222)
    assert app2.become is True and app2.spool == "/var/tmp/wk-deploy"
    assert found.databases["ledger"].target == "secret:ledger-url"
    assert [(each.source, each.reference) for each in found.secrets.values()] == [
        ("env", "LEDGER_URL"),
        ("file", "/etc/x"),
        ("command", "pass x"),
    ]
    book = found.runbooks["runbooks/web-down.md"]
    assert book.text == "# Web down\n" and len(book.digest) == 64
    assert found.loaded_at == 1.0 and found.revision == revision(FILES) and not found.sample


def test_escalation_defaults_to_all_channels_in_file_order() -> None:
    text = "channels: {b: {script: b.sh}, a: {script: a.sh}}\n"
    assert inventory(load({"watchkeeper.yaml": text.encode()}, 1.0)).team.escalation == ("b", "a")


def test_checks_are_spread_over_hosts_when_asked_there() -> None:
    text = "hosts: [app1, app2]\nchecks:\n- {name: disk, disk: /srv}\n- {name: beat, heartbeat: {every: 1h}}\n"
    checks = inventory(service(text)).services["x"].checks
    assert [(check.key, check.host, check.where) for check in checks] == [
        ("x/disk@app1", "app1", "host"),
        ("x/disk@app2", "app2", "host"),
        ("x/beat", None, "here"),
    ]
    assert len({check.rule_hash for check in checks}) == 3


def test_the_rule_hash_follows_meaning() -> None:
    def hashed(extra: str, options: str = "disk: /srv") -> str:
        found = inventory(service(f"hosts: [app1]\nchecks:\n- name: d\n  {options}\n  {extra}\n"))
        return found.services["x"].checks[0].rule_hash

    base = hashed("warn: free < 20%")
    assert hashed("warn: free<20 %") == base
    assert hashed("warn: free < 20%\n  every: 7s\n  timeout: 3s\n  was: e") == base
    different = {
        hashed("warn: free < 21%"),
        hashed("crit: free < 20%"),
        hashed("warn: free < 20% for 2 of 3"),
        hashed("warn: free < 20%\n  recover: 2 in a row"),
        hashed("warn: free < 20%\n  from: here"),
        hashed("warn: free < 20%", "disk: /var"),
    }
    assert len(different | {base}) == 7


@pytest.mark.parametrize(
    ("probe", "crit"),
    [
        ("http: http://example.org/", "status == 0 or status >= 400"),
        ("tcp: example.org:1", "not connected"),
        ("tls: example.org:443", "not trusted or days < 7"),
        ("tls: {address: example.org:443, verify: false}", "not connected or days < 7"),
        ("command: test -e /x", "exit_code != 0"),
        ("process: sshd", "count < 1"),
        ("disk: /", "free < 10%"),
        ("folder: {path: /srv, budget: 2GB}", "used > 95%"),
        ("memory: true", "free < 5%"),
        ("heartbeat: {every: 1h}", "late or failed"),
    ],
)
def test_a_check_without_rules_has_the_default_of_its_kind(probe: str, crit: str) -> None:
    (check,) = inventory(service(f"checks:\n- name: c\n  {probe}\n")).services["x"].checks
    assert check.crit is not None and check.crit.text == crit and check.ok is None
    (own,) = (
        inventory(service(f"checks:\n- name: c\n  {probe}\n  ok: latency > 0\n")).services["x"].checks
        if (probe.startswith(("http", "tcp")))
        else (replace(check, crit=None),)
    )
    assert own.crit is None


def test_expect_is_part_of_the_rule() -> None:
    text = "checks:\n- name: a\n  http: {url: http://example.org/, expect: hi}\n"
    (bare,) = inventory(service(text)).services["x"].checks
    (ruled,) = inventory(service(text + "  ok: status == 200\n")).services["x"].checks
    assert bare.crit is not None and ruled.ok is not None and ruled.crit is None
    assert bare.crit.condition.holds({"status": 200, "body": "hi there"}) is False
    assert bare.crit.condition.holds({"status": 200, "body": "sorry"}) is True
    assert ruled.ok.condition.holds({"status": 200, "body": "sorry"}) is False
    assert ruled.ok.text == '(status == 200) and body contains "hi"'


LOOP = "checks:\n- name: web\n  http: http://localhost:80/\n"


def test_a_loopback_address_needs_from_unless_all_hosts_are_this_machine() -> None:
    mistake = only(service("hosts: [app2]\n" + LOOP))
    assert (mistake.line, mistake.column) == (4, 3)
    assert mistake.found == "the loopback address localhost without 'from'" and "from: host" in mistake.expected
    for fine in ("hosts: [app1]\n" + LOOP, LOOP, "hosts: [app2]\n" + LOOP + "  from: host\n"):
        inventory(service(fine))
    for address in ("tcp: 127.0.0.2:80", 'tls: "[::1]:443"'):
        assert "loopback" in only(service(f"hosts: [app2]\nchecks:\n- name: a\n  {address}\n")).found


@pytest.mark.parametrize(
    ("text", "line", "column", "found", "expected", "meant"),
    [
        ("hots: [app1]\n", 1, 1, "the unknown key 'hots'", "one of availability, checks", "hosts"),
        ("hosts: [ap1]\n", 1, 9, "the unknown host 'ap1'", "one of app1, app2", "app1"),
        ("hosts: app1\n", 1, 8, "'app1'", "a list", ""),
        ("hosts: [app1, app1]\n", 1, 15, "'app1' a second time", "each host once", ""),
        ("depends_on: [shp]\n", 1, 14, "the unknown service 'shp'", "one of", "shop"),
        ("depends_on: [x]\n", 1, 14, "x depends on itself", "in a circle", ""),
        ("tier: 9\n", 1, 7, "'9'", "a whole number from 1 to 3", ""),
        ("service: a/b\n", 1, 10, "'a/b'", "a name of letters", ""),
        ("service: shop\n", 1, 10, "the service 'shop' a second time", "services/shop.yaml", ""),
        ("config: [a.env]\n", 1, 10, "'a.env'", "an absolute path", ""),
        ("checks:\n- disk: /\n", 2, 3, "no 'name'", "the key 'name'", ""),
        ("checks:\n- name: a\n", 2, 3, "a check without a probe", "one of http", ""),
        ("checks:\n- name: a\n  disk: /\n  cpu: true\n", 4, 3, "'disk' and 'cpu'", "one probe kind", ""),
        ("checks:\n- name: a\n  dsk: /\n", 3, 3, "the unknown key 'dsk'", "one of", "disk"),
        ("checks:\n- name: a\n  disk: srv\n", 3, 9, "'srv'", "an absolute path", ""),
        ("checks:\n- {name: a, disk: /}\n- {name: a, cpu: true}\n", 3, 10, "the check 'a' a second time", "line 2", ""),
        ("checks:\n- name: a\n  disk: /\n  every: 5\n", 4, 10, "'5'", "a duration with its unit", "5s"),
        ("checks:\n- name: a\n  disk: /\n  every: 1ms\n", 4, 10, "'1ms'", "from 200ms to 366d", ""),
        ("checks:\n- name: a\n  disk: /\n  recover: twice\n", 4, 12, "'twice'", "OK readings in a row", ""),
        ("checks:\n- name: a\n  disk: /\n  from: hots\n", 4, 9, "'hots'", "one of host, here", "host"),
        (
            "checks:\n- name: a\n  disk: /\n  from: host\n",
            4,
            9,
            "'host' in a service without hosts",
            "hosts of the",
            "",
        ),
        ("checks:\n- name: a\n  disk: /\n  ok: free > 5 % and fre < 1%\n", 4, 22, "'fre'", "a measured name", "free"),
        ('checks:\n- name: a\n  disk: /\n  ok: "free > 5"\n', 4, 15, "'5'", "a percentage", ""),
        ("checks:\n- name: a\n  disk: /\n  crit: {when: free < 5, for: 2 of 3}\n", 4, 23, "'5'", "a percentage", ""),
        ("checks:\n- name: a\n  disk: /\n  crit: {when: free < 5%, for: 3 of 2}\n", 4, 32, "'3 of 2'", "N of M", ""),
        (
            "checks:\n- name: a\n  disk: /\n  crit: {if: free < 5%}\n",
            4,
            9,
            "the unknown key 'if'",
            "'when' and 'for'",
            "",
        ),
        ("checks:\n- name: a\n  disk: /\n  ok: free > 5% for 2 of 3\n", 4, 3, "'for' in ok", "warn and crit only", ""),
        ("checks:\n- name: a\n  disk: /\n  ok: 5\n", 4, 7, "'5'", "a condition", ""),
        ("checks:\n- name: a\n  http: htp://x\n", 3, 9, "'htp://x'", "an http or https URL", ""),
        (
            "checks:\n- name: a\n  http: {url: http://x, metod: GET}\n",
            3,
            25,
            "the unknown key 'metod'",
            "one of",
            "method",
        ),
        ("checks:\n- name: a\n  http: {url: http://x, method: get}\n", 3, 33, "'get'", "one of GET", "GET"),
        ("checks:\n- name: a\n  http: {url: http://x, follow: 1}\n", 3, 33, "'1'", "true or false", ""),
        ("checks:\n- name: a\n  tcp: example.org\n", 3, 8, "'example.org'", "host:port", ""),
        ("checks:\n- name: a\n  tcp: example.org:99999\n", 3, 8, "'example.org:99999'", "host:port", ""),
        ("checks:\n- name: a\n  process: {match: '('}\n", 3, 20, "'('", "a regular expression", ""),
        ("checks:\n- name: a\n  process: {}\n", 3, 12, "a map", "'name' or 'match'", ""),
        ("checks:\n- name: a\n  memory: false\n", 3, 11, "'false'", "true", ""),
        ("checks:\n- name: a\n  folder: /srv\n", 3, 3, "a folder without 'budget'", "a budget, or", ""),
        ("checks:\n- name: a\n  folder: {path: /srv, budget: much}\n", 3, 32, "'much'", "a size", ""),
        (
            "checks:\n- name: a\n  sql: {database: shop, query: select 1}\n",
            3,
            3,
            "a query without a rule",
            "ok, warn",
            "",
        ),
        (
            "checks:\n- name: a\n  sql: {database: shp, query: q}\n  ok: rows > 0\n",
            3,
            19,
            "the unknown database",
            "",
            "shop",
        ),
        ("checks:\n- name: a\n  heartbeat: {grace: 1h}\n", 3, 14, "neither 'cron' nor 'every'", "'cron' or", ""),
        ('checks:\n- name: a\n  heartbeat: {cron: "61 * * * *"}\n', 3, 21, "'61 * * * *'", "a cron expression", ""),
        ('checks:\n- name: a\n  heartbeat: {cron: "0 0 30 2 *"}\n', 3, 21, "'0 0 30 2 *'", "comes due", ""),
        (
            "respond:\n- {runbook: runbooks/web-dwn.md}\n",
            2,
            13,
            "which is not there",
            "under runbooks/",
            "runbooks/web-down.md",
        ),
        (
            "respond:\n- {runbook: runbooks/web-down.md, to: [wb]}\n",
            2,
            40,
            "the unknown check 'wb'",
            "checks of this",
            "",
        ),
        ("respond:\n- {runbook: runbooks/web-down.md, mode: atuo}\n", 2, 41, "'atuo'", "one of observe", "auto"),
        ("respond:\n- {runbook: runbooks/web-down.md, at_most: 3}\n", 2, 44, "'3'", "a number per period", ""),
        (
            "checks:\n- {name: a, cpu: true}\n- {name: b, cpu: true, was: a}\n",
            3,
            29,
            "'a', a check that is still",
            "old name",
            "",
        ),
        ("respond:\n- {runbook: ../x.md}\n", 2, 13, "'../x.md'", "in this ops repo", ""),
        ("respond:\n- {runbook: runbooks/web-down.md, params: {a: 1.10}}\n", 2, 47, "'1.10'", "text in quotes", ""),
        ("- a\n", 1, 1, "a list", "keys and values", ""),
        ("", 1, 1, "an empty file", "keys and values", ""),
    ],
)
def test_each_mistake_has_its_place(text: str, line: int, column: int, found: str, expected: str, meant: str) -> None:
    result = service(text)
    assert result.inventory is None
    mistake = next(each for each in result.mistakes if (each.line, each.column) == (line, column))
    assert mistake.file == "services/x.yaml" or "a second time" in found
    assert found in mistake.found and expected in mistake.expected
    assert mistake.did_you_mean == meant


@pytest.mark.parametrize(
    ("name", "text", "line", "column", "found", "meant"),
    [
        (
            "hosts",
            "hosts:\n  app1: {local: true}\n  app2: {ssh: a@b, prot: 22}\n",
            3,
            20,
            "the unknown key 'prot'",
            "port",
        ),
        ("hosts", "hosts:\n  app1: {}\n  app2: {local: true}\n", 2, 9, "none of them", ""),
        (
            "hosts",
            "hosts:\n  app1: {ssh: '-oProxyCommand=x'}\n  app2: {local: true}\n",
            2,
            15,
            "'-oProxyCommand=x'",
            "",
        ),
        ("hosts", "hosts:\n  app1: {local: true, become: sudo}\n  app2: {local: true}\n", 2, 31, "'sudo'", "sudo -n"),
        ("hosts", "hosts:\n  app1: {local: yes}\n  app2: {local: true}\n", 2, 17, "'yes' without quotes", "true"),
        ("watchkeeper", "timezone: Europe/Amsterdm\n", 1, 11, "'Europe/Amsterdm'", "Europe/Amsterdam"),
        ("watchkeeper", "channels: {a: {script: a.sh}}\nescalation: [b]\n", 2, 14, "the unknown channel 'b'", ""),
        (
            "watchkeeper",
            'channels: {a: {apprise: "secret:chat-ulr"}}\n',
            1,
            25,
            "the unknown secret 'chat-ulr'",
            "chat-url",
        ),
        ("watchkeeper", "channels: {a: {script: /bin/x}}\n", 1, 24, "'/bin/x'", ""),
        ("watchkeeper", "budget: {per_service: 6}\n", 1, 23, "'6'", ""),
        ("databases", "databases: {shop: {postgresql: 'postgresql://u:p@h/d'}}\n", 1, 32, "a URL with a password", ""),
        (
            "databases",
            "databases: {shop: {postgresql: 'secret:ledgr-url'}}\n",
            1,
            32,
            "the unknown secret",
            "ledger-url",
        ),
        ("secrets", "secrets: {chat-url: {evn: X}, ledger-url: {env: X}}\n", 1, 22, "the unknown key 'evn'", "env"),
    ],
)
def test_mistakes_in_the_other_files(name: str, text: str, line: int, column: int, found: str, meant: str) -> None:
    mistake = only(loaded(**{name: text}))
    assert (mistake.file, mistake.line, mistake.column) == (f"{name}.yaml", line, column)
    assert found in mistake.found and mistake.did_you_mean == meant


def test_all_mistakes_of_all_files_at_once() -> None:
    result = loaded(
        hosts="hosts:\n  app1: {local: true, x: 1}\n  app2: {ssh: 'a b'}\n",
        watchkeeper="timezone: Mars\nescalation: [nobody]\n",
        services__shop_db="checks:\n- {name: a, tcp: x, evry: 5s, ok: conected}\n- {name: b}\n"
        "respond:\n- {runbook: r.md, mode: x}\n",
        services__docs="depends_on: [docs, nope]\nhosts: [app3]\n",
        services__torn="a: [1,\n",
    )
    assert [(each.file, each.line, each.column) for each in result.errors] == [
        ("hosts.yaml", 2, 23),
        ("hosts.yaml", 3, 15),
        ("services/docs.yaml", 1, 14),
        ("services/docs.yaml", 1, 20),
        ("services/docs.yaml", 2, 9),
        ("services/shop-db.yaml", 2, 18),
        ("services/shop-db.yaml", 2, 21),
        ("services/shop-db.yaml", 2, 35),
        ("services/shop-db.yaml", 3, 3),
        ("services/shop-db.yaml", 5, 13),
        ("services/shop-db.yaml", 5, 25),
        ("services/torn.yaml", 2, 1),
        ("watchkeeper.yaml", 1, 11),
        ("watchkeeper.yaml", 2, 14),
    ]


def test_a_circle_of_services_is_told_in_each_of_them() -> None:
    result = loaded(services__shop_db="depends_on: [shop]\n")
    assert [(each.file, each.line) for each in result.errors] == [
        ("services/shop-db.yaml", 1),
        ("services/shop.yaml", 5),
    ]


def test_warnings_do_not_stop_the_load() -> None:
    files = {**FILES, "hosts.yml": b"", "runbooks/old.md": b"ok\nx\xff"}
    result = load(files, 1.0, [("runbooks/link.md", "a link that leads nowhere")])
    found = inventory(result)
    assert set(found.runbooks) == {"runbooks/web-down.md"}
    assert [(each.file, each.line, each.column, each.level, each.did_you_mean) for each in result.mistakes] == [
        ("hosts.yml", 1, 1, "warning", "hosts.yaml"),
        ("runbooks/link.md", 1, 1, "warning", ""),
        ("runbooks/old.md", 2, 2, "warning", ""),
    ]


def test_a_runbook_that_is_named_must_be_readable() -> None:
    result = load({**FILES, "runbooks/web-down.md": b"\xff"}, 1.0)
    assert [(each.file, each.level) for each in result.mistakes] == [
        ("runbooks/web-down.md", "warning"),
        ("services/shop.yaml", "error"),
    ]


def test_unreadable_files_and_a_missing_ops_repo_are_errors() -> None:
    assert "cannot be read" in only(load(FILES, 1.0, [("services/a.yaml", "a file that cannot be read")])).found
    assert only(load({}, 1.0)).file == "watchkeeper.yaml"


@pytest.mark.parametrize(
    ("command", "level"),
    [("test -e /srv/ready", None), ("systemctl restart shop", "warning"), ("rm -rf /srv/shop", "error")],
)
def test_checks_run_read_commands_only(command: str, level: str | None) -> None:
    result = service(f"checks:\n- name: a\n  command: {command}\n")
    assert [(each.line, each.column, each.level) for each in result.mistakes] == ([(3, 12, level)] if level else [])
    assert (result.inventory is None) == (level == "error")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_files_give_mistakes_and_never_a_trace(data: st.DataObject) -> None:
    """Cuts, doubles and replaces pieces of sound files: a load ends in an inventory, or in mistakes with places."""
    name = data.draw(st.sampled_from(sorted(FILES)))
    text = FILES[name].decode()
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 30)))
        piece = data.draw(
            st.sampled_from(
                ["", "[", "{", ": ", "\n", "- ", "null", "7", "x", "'", "[]", "{}", "true", text[start:end] * 2]
            )
        )
        text = text[:start] + piece + text[end:]
    result = load({**FILES, name: text.encode()}, 1.0)
    assert (result.inventory is None) == bool(result.errors)
    for mistake in result.mistakes:
        assert mistake.line >= 1 and mistake.column >= 1 and mistake.found and mistake.expected
