"""Which paths are definitions, and what differs between two inventories."""

from __future__ import annotations

import pytest

from watchkeeper.core import definitions as rules
from watchkeeper.core.errors import Usage
from watchkeeper.core.inventory.loading import load

TEAM = b"team: Test\ntimezone: UTC\nchannels: {duty: {script: tools/page.sh}}\n"
SHOP = b"""service: shop
hosts: [app1]
checks:
  - {name: web, tcp: "127.0.0.1:80", every: 5s}
  - {name: disk, disk: /srv, crit: free < 10%}
respond:
  - {to: [web], runbook: runbooks/web.md}
"""
FILES = {
    "watchkeeper.yaml": TEAM,
    "hosts.yaml": b"hosts: {app1: {local: true}}\n",
    "services/shop.yaml": SHOP,
    "runbooks/web.md": b"# Web down\n\n**Solution:**\n\n```bash\ntrue\n```\n",
}


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("watchkeeper.yaml", "team"), ("hosts.yaml", "hosts"), ("secrets.yaml", "secrets"),
        ("services/shop.yaml", "service"), ("services/far/shop.yml", "service"), ("runbooks/a b/ü.md", "runbook"),
        ("docs/x.md", "document"), ("queries/q.sql", "document"), ("routines/daily.md", "document"),
    ],
)  # fmt: skip
def test_a_path_tells_its_kind(path: str, kind: str) -> None:
    assert rules.kind_of(path) == kind


@pytest.mark.parametrize(
    "path",
    [
        "", "/", "..", "../x.yaml", "services/../../etc/passwd.yaml", "services//x.yaml", "/services/x.yaml",
        "services/./x.yaml", "services/.hidden.yaml", "services/#x.yaml", "tools/page.sh", "OPERATIONS_LOG.md",
        "runbooks/x.sh", "services/x.md", "services", "services/", ".git/config", "runbooks/.git/x.md", "ssh_config",
        "services/x.yaml\0.yaml", "services/x\n.yaml", "services\\x.yaml", "services/-x.yaml", "docs/" + "a/" * 130 + "x.md",
        ".watchkeeper/secret.key", "services/\ud800.yaml\n",
    ],
)  # fmt: skip
def test_everything_else_is_refused(path: str) -> None:
    with pytest.raises(Usage, match="no definition"):
        rules.kind_of(path)


def inventory_of(files: dict[str, bytes]):
    loaded = load(files, 0.0)
    assert loaded.inventory is not None, loaded.mistakes
    return loaded.inventory


def told(change: dict[str, bytes]) -> dict[tuple[str, str, str], tuple[str, ...]]:
    before, after = inventory_of(FILES), inventory_of(FILES | change)
    return {(each.how, each.noun, each.name): each.what for each in rules.differences(before, after)}


def test_nothing_differs_from_itself_and_words_do_not_count() -> None:
    assert told({}) == {}
    assert told({"services/shop.yaml": b"# a remark\n" + SHOP}) == {}


def test_a_changed_rule_says_what_it_does_to_open_incidents() -> None:
    found = told({"services/shop.yaml": SHOP.replace(b"free < 10%", b"free < 5%")})
    ((key, what),) = found.items()
    assert key == ("changed", "check", "shop/disk")
    assert "crit" in what and any("cannot be proven" in each for each in what)


def test_a_slower_question_changes_no_rule() -> None:
    found = told({"services/shop.yaml": SHOP.replace(b"every: 5s", b"every: 9s")})
    assert found[("changed", "check", "shop/web")] == ("every",)


def test_a_changed_byte_of_a_runbook_ends_its_grants() -> None:
    found = told({"runbooks/web.md": FILES["runbooks/web.md"] + b"\n"})
    ((key, what),) = found.items()
    assert key == ("changed", "runbook", "runbooks/web.md") and "grants" in what[0]


def test_what_comes_and_goes_is_named() -> None:
    found = told(
        {
            "services/shop.yaml": SHOP.replace(b'  - {name: web, tcp: "127.0.0.1:80", every: 5s}\n', b"").replace(
                b"[web]", b"[disk]"
            ),
            "services/new.yaml": b"service: new\nchecks: [{name: up, tcp: '127.0.0.1:81'}]\n",
            "hosts.yaml": b"hosts: {app1: {local: true}, app2: {local: true}}\n",
        }
    )
    assert set(found) == {
        ("removed", "check", "shop/web"), ("added", "service", "new"), ("added", "check", "new/up"),
        ("added", "host", "app2"), ("changed", "response", "shop/runbooks/web.md"),
    }  # fmt: skip


def test_the_first_inventory_is_all_new() -> None:
    nouns = {each.noun for each in rules.differences(None, inventory_of(FILES))}
    assert nouns == {"team", "host", "service", "check", "response", "runbook"}


def test_too_much_is_refused() -> None:
    with pytest.raises(Usage, match="1 MB"):
        rules.overlaid({}, {"docs/x.md": b"x" * (rules.LARGEST + 1)})
    with pytest.raises(Usage, match="at most"):
        rules.overlaid({}, {f"docs/{n}.md": b"" for n in range(rules.MOST + 1)})
