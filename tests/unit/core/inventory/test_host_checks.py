"""Probes of the host itself and hosts that are containers, as a team writes them, and what lint says about mistakes."""

from __future__ import annotations

import pytest
from tests.unit.core.inventory.test_loading import inventory, loaded, only, service

from watchkeeper.core.inventory.values import Check, Host

HEAD = "hosts: [app1]\nchecks:\n  - name: a\n    "


def check(text: str) -> Check:
    return inventory(service(HEAD + text)).services["x"].checks[0]


@pytest.mark.parametrize(
    ("text", "options", "rules"),
    [
        ("inodes: /srv", {"path": "/srv"}, ("free < 20%", "free < 10%")),
        ("disk-io: sda", {"device": "sda"}, ("busy > 90% for 5 of 5", None)),
        ("disk-io: /dev/nvme0n1", {"device": "nvme0n1"}, ("busy > 90% for 5 of 5", None)),
        ("disk-io: {path: /srv}", {"path": "/srv"}, ("busy > 90% for 5 of 5", None)),
        ("load: true", {}, ("per_core5 > 2", "per_core15 > 4")),
        ("clock: true", {}, ("offset > 1s", "offset > 30s")),
        ("systemd: nginx", {"unit": "nginx.service"}, (None, "not active")),
        ("systemd: backup.timer", {"unit": "backup.timer"}, (None, "not active")),
        ("systemd: getty@tty1", {"unit": "getty@tty1.service"}, (None, "not active")),
        ("systemd: {unit: nginx, enabled: true}", {"unit": "nginx.service", "enabled": True},
         ("not enabled", "not active")),
        ("systemd: {failed: true}", {"failed": True}, ("failed > 0", None)),
        ("container: shop-web", {"name": "shop-web"}, (None, 'not running or health == "unhealthy"')),
        ("container: {name: shop-web, socket: 'unix:///run/podman/podman.sock'}",
         {"name": "shop-web", "socket": "/run/podman/podman.sock"}, (None, 'not running or health == "unhealthy"')),
    ],
)  # fmt: skip
def test_options_and_default_rules(text: str, options: dict[str, object], rules: tuple[str | None, ...]) -> None:
    found = check(text)
    given = {name: value for name, value in found.probe.options.items() if value is not False}
    assert given == options and found.where == "host"
    assert (found.warn.text if found.warn else None, found.crit.text if found.crit else None) == rules


def test_rules_of_their_own_replace_the_defaults() -> None:
    found = check("systemd: {unit: nginx, enabled: true}\n    crit: not active for 2 of 3")
    assert found.warn is None and found.crit is not None and found.crit.text == "not active for 2 of 3"
    found = check('container: shop-web\n    crit: state in ("exited", "dead") or restarts > 3')
    assert found.crit is not None and found.crit.condition.names == {"state", "restarts"}


@pytest.mark.parametrize(
    ("text", "found", "expected", "meant"),
    [
        ("disk-io: /srv", "'/srv'", "a disk as lsblk names it, or 'path'", "{path: /srv}"),
        ("disk-io: {device: sda, path: /srv}", "both 'device' and 'path'", "'device' or 'path'", ""),
        ("disk-io: {}", "neither 'device' nor 'path'", "'device' or 'path'", ""),
        ("inodes: srv", "'srv'", "an absolute path", ""),
        ("load: 5", "'5'", "true", ""),
        ("systemd: 'a b'", "'a b'", "the name of one systemd unit", ""),
        ("systemd: --all", "'--all'", "the name of one systemd unit", ""),
        ("systemd: {failed: true, unit: nginx}", "both 'unit' and 'failed'", "'unit', or 'failed: true'", ""),
        ("systemd: {enabled: true}", "neither 'unit' nor 'failed'", "'unit', or 'failed: true'", ""),
        ("systemd: {failed: true, enabled: true}", "'enabled' beside 'failed'", "'enabled' beside 'unit' only", ""),
        ("systemd: {unit: nginx, enable: true}", "the unknown key 'enable'", "one of enabled, failed, unit, user",
         "enabled"),
        ("container: 'shop web'", "'shop web'", "the name of a container", ""),
        ("container: ../x", "'../x'", "the name of a container", ""),
        ("container: {name: web, socket: 'tcp://10.0.0.1:2375'}", "'tcp://10.0.0.1:2375'",
         "the path of a Unix socket, at most 107 bytes", ""),
    ],
)  # fmt: skip
def test_mistakes_of_probes(text: str, found: str, expected: str, meant: str) -> None:
    mistake = only(service(HEAD + text))
    assert (mistake.found.removeprefix("the text "), mistake.expected, mistake.did_you_mean) == (found, expected, meant)


def test_a_rule_with_the_wrong_word_or_unit_is_told() -> None:
    mistake = only(service(HEAD + "clock: true\n    crit: drift > 1s"))
    assert "drift" in mistake.found and "offset" in mistake.expected
    mistake = only(service(HEAD + "clock: true\n    crit: offset > 5"))
    assert (mistake.line, mistake.column) == (5, 20)
    mistake = only(service(HEAD + "systemd: nginx\n    crit: actve == false"))
    assert mistake.did_you_mean == "active"


def hosts(text: str) -> str:
    return f"hosts:\n  app1: {{local: true}}\n  app2: {{ssh: app2.example.org}}\n  web: {text}\n"


def test_a_host_that_is_a_container() -> None:
    found = inventory(loaded(hosts=hosts("{container: shop-web, user: 1000, spool: /data/wk}"))).hosts["web"]
    assert found == Host("web", "container", "shop-web", "1000", spool="/data/wk")
    found = inventory(loaded(hosts=hosts("{container: shop-web, socket: /run/podman/podman.sock}"))).hosts["web"]
    assert (found.socket, found.via) == ("/run/podman/podman.sock", "")
    found = inventory(loaded(hosts=hosts("{container: shop-web, via: app2, user: 'app:app'}"))).hosts["web"]
    assert (found.via, found.user, found.become) == ("app2", "app:app", False)


@pytest.mark.parametrize(
    ("text", "found", "expected"),
    [
        ("{container: web, become: sudo -n}", "'become' beside 'container'", "'become' beside 'local' or 'ssh' only"),
        ("{container: web, port: 22}", "'port' beside 'container'", "'port' beside 'ssh' only"),
        ("{ssh: web.example.org, user: app}", "'user' beside 'ssh'", "'user' beside 'container' only"),
        ("{local: true, socket: /x}", "'socket' beside 'local'", "'socket' beside 'container' only"),
        ("{ssh: web.example.org, via: app2}", "'via' beside 'ssh'", "'via' beside 'container' only"),
        ("{container: web, via: app2, socket: /x}", "both 'socket' and 'via'", "'socket' or 'via'"),
        ("{container: web, local: true}", "'local' and 'container'", "exactly one of 'local', 'ssh', 'container'"),
        ("{container: web, via: app3}", "the unknown host 'app3'", "one of app1, app2, web"),
        ("{container: web, via: web}", "'web', a container", "a host that runs containers: local or ssh"),
        ("{container: web, user: -x}", "'-x'", "a user, or user:group, as the container knows it"),
    ],
)
def test_mistakes_of_container_hosts(text: str, found: str, expected: str) -> None:
    mistake = only(loaded(hosts=hosts(text)))
    assert (mistake.found.removeprefix("the text "), mistake.expected, mistake.line) == (found, expected, 4)


def test_a_loopback_address_beside_a_container_must_say_from_where() -> None:
    text = "hosts: [web]\nchecks:\n  - name: a\n    http: http://127.0.0.1:80/\n"
    mistake = only(service(text, hosts=hosts("{container: shop-web}")))
    assert "loopback" in mistake.found
