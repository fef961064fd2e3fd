"""What is new is added to an ops repo; every line that was there stays, byte for byte."""

from __future__ import annotations

import difflib

import pytest
from tests.unit.core.discovery.answers import NOW, answers

from watchkeeper.core.discovery.grouping import draft
from watchkeeper.core.discovery.merging import Looked, Merge, inserted, merge
from watchkeeper.core.discovery.reading import read_facts
from watchkeeper.core.discovery.writing import known_keys
from watchkeeper.core.inventory.loading import load

EMPTY = {
    "watchkeeper.yaml": "team: T\n", "hosts.yaml": "# mine\nhosts: {}  # none yet\n", "databases.yaml": "databases: {}\n",
    "secrets.yaml": "secrets:\n  push: {env: PUSH}   # mine\n\n# the end\n", "runbooks/disk-full.md": "# Disk full\n",
}  # fmt: skip
EXTRA_UNIT = (
    b"Id=extra-two.service\nLoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nType=simple\n"
    b"FragmentPath=/etc/systemd/system/extra-two.service\n\n"
)
EXTRA_SITE = b"/etc/nginx/conf.d/new.conf:1:server { listen 8099; server_name docs.example.org; }\n"


def look(files: dict[str, str], said: dict[str, bytes], host: str = "app1", day: str = "2026-11-22") -> Merge:
    """One run of discovery over an ops repo."""
    made = draft(read_facts(said), host, NOW)
    looked = Looked(host, {"ssh": f"deploy@{host}.example.org"}, "wk init", True, day, ("id -u",))
    return merge(made, looked, files, "runbooks/disk-full.md")


def after(files: dict[str, str], result: Merge) -> dict[str, str]:
    """The ops repo with the changes; it loads without any mistake, and no old line is gone."""
    for path, text in result.files.items():
        if not path.startswith("discovered/"):
            removed = [
                line
                for line in difflib.ndiff(files.get(path, "").splitlines(), text.splitlines())
                if line.startswith("- ")
            ]
            assert not [line for line in removed if "{}" not in line], (path, removed)
    merged = {**files, **result.files}
    loaded = load({path: text.encode() for path, text in merged.items() if not path.startswith("discovered/")}, NOW)
    assert not loaded.mistakes, loaded.mistakes[:3]
    return merged


def test_the_first_look_fills_the_files_and_keeps_what_a_person_wrote() -> None:
    files = after(EMPTY, look(EMPTY, answers("order-desk")))
    assert files["hosts.yaml"].startswith("# mine\nhosts:  # none yet\n")
    assert "push: {env: PUSH}   # mine" in files["secrets.yaml"] and files["secrets.yaml"].endswith("\n\n# the end\n")
    assert "mode: propose" in files["services/app1.yaml"] and "sudo -n works there" in files["hosts.yaml"]


def test_the_second_look_changes_nothing() -> None:
    files = after(EMPTY, look(EMPTY, answers("order-desk")))
    again = look(files, answers("order-desk"))
    assert not again.new and not again.gone and not again.added and not again.files
    assert after(files, again) == files


def test_only_what_is_new_is_added_behind_a_person_s_edits() -> None:
    files = after(EMPTY, look(EMPTY, answers("order-desk")))
    files["services/docs.example.org.yaml"] = (
        files["services/docs.example.org.yaml"].replace("from: host", "from: host  # mine") + "tier: 1  # mine\n"
    )
    del files["services/shop.yaml"]
    said = answers("order-desk")
    said = {**said, "units": EXTRA_UNIT + said["units"], "nginx": said["nginx"] + EXTRA_SITE}
    result = look(files, said)
    assert sorted(result.new) == ["site:docs.example.org:8099", "unit:extra-two.service"]
    assert set(result.files) == {"services/extra-two.yaml", "services/docs.example.org.yaml", "discovered/app1.md"}
    merged = after(files, result)
    text = merged["services/docs.example.org.yaml"]
    assert text.index("site-docs.example.org-8099") < text.index("tier: 1  # mine") and text.count("# mine") > 1
    assert "services/shop.yaml" not in merged, "a deleted service stays deleted"


def test_what_is_gone_is_said_once_and_comes_back_as_new() -> None:
    said = answers("order-desk")
    fuller = {**said, "units": EXTRA_UNIT + said["units"]}
    files = after(EMPTY, look(EMPTY, fuller))
    first = look(files, said)
    assert first.gone == ["unit:extra-two.service"] and not first.new
    files = after(files, first)
    assert not look(files, said).gone
    back = look(files, fuller)
    assert back.new == ["unit:extra-two.service"]
    assert "services/extra-two.yaml" not in back.files, "its check is still there"


def test_a_second_host_with_the_same_services_gets_files_of_its_own() -> None:
    files = after(EMPTY, look(EMPTY, answers("order-desk")))
    merged = after(files, look(files, answers("order-desk"), "app2"))
    assert "services/shop-app2.yaml" in merged
    assert "depends_on: [nginx-app2]" in merged["services/shop-app2.yaml"]
    assert "wk ping shop-report-app2/heartbeat" in merged["services/shop-report-app2.yaml"]
    assert merged["services/shop.yaml"] == files["services/shop.yaml"]


def test_what_cannot_be_added_safely_is_handed_to_the_person() -> None:
    files = {**EMPTY, "hosts.yaml": "hosts: {db1: {ssh: db1.example.org}}\n"}
    result = look(files, answers("wiki"))
    assert "hosts.yaml" not in result.files
    ((path, text),) = [each for each in result.by_hand if each[0] == "hosts.yaml"]
    assert path == "hosts.yaml" and "app1: {ssh: deploy@app1.example.org}" in text


def test_notes_above_the_mark_and_known_keys_survive() -> None:
    files = after(EMPTY, look(EMPTY, answers("order-desk")))
    page = "discovered/app1.md"
    files[page] = files[page].replace("# What runs on app1\n", "# What runs on app1\n\nAsk Mira about the report.\n")
    said = answers("order-desk")
    merged = after(files, look(files, {**said, "units": EXTRA_UNIT + said["units"]}))
    assert "Ask Mira about the report." in merged[page]
    found, gone = known_keys(merged[page])
    assert "unit:shop.service" in found and "cron:/etc/cron.d/shop:15 1 * * *:pg_dump" in found and not gone


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("", "checks:\n  - new\n"),
        ("a: 1", "a: 1\nchecks:\n  - new\n"),
        ("checks: []   # none\nrespond: []\n", "checks:   # none\n  - new\nrespond: []\n"),
        ("checks:\n  - old\n", "checks:\n  - old\n  - new\n"),
        ("checks:\n- old\n- older\nz: 1\n", "checks:\n- old\n- older\n- new\nz: 1\n"),
        ("checks:\n    - name: a\n      x: 1\n    # said\n\n# after\nz: 1\n",
         "checks:\n    - name: a\n      x: 1\n    # said\n    - new\n\n# after\nz: 1\n"),
        ("checks: [{name: a}]\n", None),
        ("checks:\n  {name: a}\n", None),
        ("a: [\n", None),
    ],
)  # fmt: skip
def test_a_block_goes_to_the_end_of_its_section(before: str, expected: str | None) -> None:
    assert inserted(before, "checks", ["  - new"], True) == expected
