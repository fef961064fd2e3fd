"""Files of the ops repo are kept packed: what is unpacked is what was read, with every position, and is nobody else's."""

from __future__ import annotations

import pytest

from watchkeeper.core.inventory.loading import load
from watchkeeper.core.inventory.packing import read_packed
from watchkeeper.core.inventory.yaml_reader import read_yaml

TEXT = b"""service: shop
hosts: [app1]
checks:
  - name: web
    http: "http://127.0.0.1:8801/health"
    ok: >
      status == 200
"""


def test_what_is_unpacked_is_what_was_read() -> None:
    packed = read_packed("services/shop.yaml", TEXT)
    assert packed.mistakes == () and packed.root == read_yaml("services/shop.yaml", TEXT).root
    url = packed.root.get("checks").content[0].get("http") if packed.root else None  # type: ignore[union-attr]
    assert url is not None and (url.line, url.column, url.quoted) == (5, 11, True)
    assert packed.root is not packed.root  # whoever changes it changes his own


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "an empty file"),
        (b"- one\n", "a list"),
        (b"a: on\n", "'on'"),
        (b"a: [1\n", ""),
        (b"# nothing yet\n", None),
    ],
)
def test_what_is_wrong_is_kept_beside_the_tree(data: bytes, found: str | None) -> None:
    packed = read_packed("services/shop.yaml", data)
    if found is None:  # comments only: a file without keys, which is fine
        assert packed.mistakes == () and packed.root is not None and packed.root.content == {}
    else:
        assert packed.mistakes and found in packed.mistakes[0].found


def test_checks_that_say_the_same_share_one_rule() -> None:
    check = "  - name: {}\n    http: http://127.0.0.1:8801/{}\n    from: host\n    crit: {{when: status != 200, for: 2 of 3}}\n"
    text = "service: shop\nhosts: [app1]\nchecks:\n" + "".join(check.format(name, name) for name in ("a", "b"))
    files = {
        "watchkeeper.yaml": b"team: Harbour\n",
        "hosts.yaml": b"hosts: {app1: {local: true}}\n",
        "services/shop.yaml": text.encode(),
    }
    inventory = load(files, 0.0).inventory
    assert inventory is not None and set(inventory.checks) == {"shop/a", "shop/b"}
    first, second = inventory.checks["shop/a"], inventory.checks["shop/b"]
    assert first.crit is second.crit and first.rule_hash != second.rule_hash
    assert inventory.checks is inventory.checks  # made once, not at each look
