"""What is found on recorded hosts: everything that runs there, nothing that does not."""

from __future__ import annotations

import pytest
from tests.unit.core.discovery.answers import answers, check, drafted, facts, service

SERVICES = {
    "broken", "extra", "http.server", "nginx", "postgresql", "redis-server", "shop", "shop-worker", "supervisor", "broken-one",
    "mailer", "shop-report", "app1", "docs.example.org", "old.example.org", "down.example.org", "new.example.org",
    "certificates",
}  # fmt: skip


def test_every_service_of_the_order_desk_is_found_and_none_is_invented() -> None:
    assert {each.name for each in drafted("order-desk").services} == SERVICES


def test_stock_units_and_idle_units_of_packages_get_no_check() -> None:
    made = drafted("order-desk")
    watched = " ".join(text for each in made.services for one in each.checks for _, text in one.lines)
    for name in (
        "systemd-journald",
        "getty",
        "dbus",
        "wk-ssh",
        "apache2",
        "mariadb",
        "caddy",
        "podman",
        "e2scrub",
        "man-db",
    ):
        assert name not in watched
    assert {each.name for each in made.found.values() if each.kind == "idle unit"} >= {
        "apache2.service",
        "mariadb.service",
    }


def test_a_port_belongs_to_the_service_behind_it() -> None:
    made = drafted("order-desk")
    owners = {each.name.split(":")[-1]: each.service for each in made.found.values() if each.kind == "port"}
    assert owners == {
        "22": "app1", "80": "nginx", "443": "nginx", "5432": "postgresql", "8080": "nginx", "8081": "nginx",
        "8082": "nginx", "8443": "nginx", "8801": "shop", "9099": "http.server", "9191": "extra",
    }  # fmt: skip
    assert dict(check(made, "postgresql/port-5432").lines) == {"tcp": '"127.0.0.1:5432"', "from": "host"}
    assert dict(check(made, "shop/port-8801").lines) == {"http": "http://127.0.0.1:8801/", "from": "host"}


def test_a_site_is_watched_with_the_service_behind_it_and_waits_for_its_web_server() -> None:
    made = drafted("order-desk")
    site = check(made, "shop/site-shop.example.org")
    assert dict(site.lines)["http"] == '{url: "http://127.0.0.1/", headers: {Host: shop.example.org}}'
    assert site.origin.startswith("/etc/nginx/sites-enabled/shop:2, also www.shop.example.org")
    assert list(service(made, "shop").depends_on) == ["nginx"]
    assert check(made, "docs.example.org/site-docs.example.org-8080").lines[-1] == (
        "crit",
        "status == 0 or status >= 500",
    )
    assert not any(key == "crit" for key, _ in check(made, "down.example.org/site-down.example.org-8081").lines), (
        "502 is CRIT today"
    )


def test_certificates_say_what_is_wrong_with_them() -> None:
    made = drafted("order-desk")
    notes = {each.name: (each.note, each.bad) for each in made.found.values() if each.kind == "certificate"}
    assert notes["old.example.org on port 8443"][0].startswith("ends in 0 days; signed by itself")
    assert notes["shop.example.org on port 443"][1]
    assert "verify: false" in dict(check(made, "certificates/certificate-shop.example.org").lines)["tls"]


def test_a_guarded_cron_job_counts_once_as_its_timer() -> None:
    made = drafted("order-desk")
    jobs = sorted(each.name for each in made.found.values() if each.kind == "cron job")
    assert jobs == ["clean.sh", "curl", "new.sh", "pg_dump", "shop-rotate", "weekly.sh"]
    assert [each.name for each in made.found.values() if each.kind == "timer"] == ["shop-report.timer"]
    assert check(made, "shop-report/last-run").lines[1] == ("crit", 'result != "success"')
    beat = check(made, "shop-report/heartbeat")
    assert beat.suggestion and beat.lines[0][1] == '{cron: "30 2 * * *", grace: 1h}'


def test_without_systemd_a_guarded_job_is_cron_s_own() -> None:
    made = drafted("order-desk", units=b"")
    assert "report.sh" in [each.name for each in made.found.values() if each.kind == "cron job"]


def test_what_failed_is_said() -> None:
    bad = {each.name for each in drafted("order-desk").found.values() if each.bad and each.kind != "certificate"}
    assert bad == {"broken.service", "redis-server.service", "broken-one", "down.example.org on port 8081"}


def test_databases_become_connections_whose_password_is_a_name() -> None:
    made = drafted("order-desk")
    targets = {each.name: (each.kind, each.target) for each in made.databases}
    assert targets["shop"] == ("postgresql", "secret:shop-database-url")
    assert targets["shop-worker-queue"] == ("sqlite", "/srv/worker/queue.db")
    names = {each.name: (each.variable, each.origin) for each in made.secrets}
    assert names["shop-api-token"] == ("SHOP_API_TOKEN", "/srv/shop/shop.env:4, API_TOKEN")
    assert "shop-port" not in names and "shop-weird" not in names


@pytest.mark.parametrize(
    "secret", [b"s3cr3tpw", b"tok-very-secret", b"hunter2", b"sup3rsecret", b"abc-secret", b"argv-secret"]
)
def test_no_value_of_a_secret_left_the_host(secret: bytes) -> None:
    """They stand in its settings files, crontab, supervisor's environment and a command line."""
    assert not [name for name, said in answers("order-desk").items() if secret in said]


def test_apache_caddy_and_mariadb_of_another_host() -> None:
    made = drafted("wiki")
    assert {each.name for each in made.services} == {
        "apache2", "caddy", "mariadb", "app1", "wiki.example.org", "api.example.org", "static.example.org", "certificates",
    }  # fmt: skip
    for name in ("apache2", "caddy"):  # a bad site or certificate must not hold back the pages of the others
        assert not [each.name for each in service(made, name).checks if each.name.startswith(("site-", "certificate-"))]
    sites = {each.name for each in made.found.values() if each.kind == "site"}
    assert sites == {
        "wiki.example.org on port 80", "api.example.org on port 80", "blog.example.org on port 8090",
        "static.example.org on port 8091", "app.example.org on port 8092",
    }  # fmt: skip
    names = [each.name for home in made.services for each in home.checks]
    assert "certificate-blog.example.org-8090" in names
    assert not any(name.startswith("site-blog") for name in names), "Caddy refuses TLS without a name"
    short = dict(check(made, "certificates/certificate-blog.example.org-8090").lines)
    assert short["crit"] == "not connected or days < 0.05", "a certificate of twelve hours is not always late"


def test_without_root_owners_are_guessed_from_ports_and_the_rest_is_with_the_machine() -> None:
    made = drafted("wiki-guest")
    assert [one.name for one in service(made, "mariadb").checks] == ["unit", "port-3306"]
    assert not facts("wiki-guest").system.root
    assert any(each.kind == "unreadable file" for each in made.found.values())


def test_no_answer_at_all_is_an_empty_machine() -> None:
    from watchkeeper.core.discovery.grouping import draft
    from watchkeeper.core.discovery.reading import read_facts

    made = draft(read_facts({}), "app1", 0.0)
    assert [each.name for each in made.services] == ["app1"]
    assert [one.name for one in made.services[0].checks] == ["memory", "load"]


def test_containers_that_run_are_watched_with_their_ports_and_ended_ones_are_named() -> None:
    said = (
        f"WK-engine docker\n{'a' * 64}|web-1|web:1|Up 3 days|"
        "0.0.0.0:8088->80/tcp, [::]:8088->80/tcp|shop|web|/srv/shop/compose.yaml\n"
        f"{'b' * 64}|once|tool:1|Exited (0) 2 days ago||||\n"
    )
    made = drafted("order-desk", containers=said.encode(), compose=b"WK-file /srv/shop/compose.yaml\n2:web:\n9:db:\n")
    assert dict(check(made, "web-1/container").lines) == {"container": "web-1"}
    assert dict(check(made, "web-1/port-8088").lines) == {"tcp": '"127.0.0.1:8088"', "from": "host"}
    assert "once" not in {each.name for each in made.services}
    assert made.found["container:once"].note == "Exited (0) 2 days ago; no check was written"
    assert made.found["compose:/srv/shop/compose.yaml"].note == "web, db; running: web"


def test_what_the_host_cannot_be_asked_with_is_not_asked() -> None:
    bare = b"WK-name\nh1\nWK-user\n0\nWK-programs\nsystemctl\nbash\n"
    made = drafted("order-desk", system=bare)
    assert dict(check(made, "shop/site-shop.example.org").lines)["tcp"] == '"127.0.0.1:80"'
    assert check(made, "certificates/certificate-shop.example.org").suggestion
