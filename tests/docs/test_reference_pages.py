"""The reference pages are current, and what they show works."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from watchkeeper.adapters.sample.breaks.reference import drills_page
from watchkeeper.core.checks.kinds import KINDS
from watchkeeper.core.conditions import parse_rule
from watchkeeper.core.inventory.loading import load
from watchkeeper.core.inventory.reference import checks_page, file_examples, ops_repo_page, probe_examples
from watchkeeper.core.inventory.schema import schemas
from watchkeeper.core.runbooks.lint.reference import lint_page
from watchkeeper.core.runbooks.reference import ATTRIBUTES, runbooks_page

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("checks.md", checks_page),
        ("ops-repo.md", ops_repo_page),
        ("drills.md", drills_page),
        ("lint.md", lint_page),
        ("runbooks.md", runbooks_page),
    ],
)
def test_the_page_is_current(name: str, page: object) -> None:
    assert callable(page)
    assert (REFERENCE / name).read_text(encoding="utf-8") == page(), "run: python tools/reference.py"


def example_files() -> dict[str, bytes]:
    files = {name: text.encode() for name, text in file_examples().items()}
    return {**files, "runbooks/web-down.md": b"# Web down\n"}


def test_the_file_examples_load() -> None:
    result = load(example_files(), 0.0)
    assert result.inventory is not None, result.mistakes
    assert result.inventory.services["shop"].checks


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_probe_examples_load(kind: str) -> None:
    rule = "\n    crit: value > 9" if kind == "sql" else ""
    text = f"hosts: [app1]\nchecks:\n  - name: a\n    {probe_examples()[kind]}\n    from: host{rule}\n"
    result = load({**example_files(), "services/a.yaml": text.encode()}, 0.0)
    assert result.inventory is not None, result.mistakes
    assert result.inventory.services["a"].checks[0].probe.kind == kind


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_measured_name_has_an_example_that_reads_it(kind: str) -> None:
    page = (REFERENCE / "checks.md").read_text(encoding="utf-8")
    for name, measure in KINDS[kind].values.items():
        example = measure.example(name)
        assert parse_rule(example, kind).condition.names == {name}
        assert f"| `{example}` |" in page


def test_the_rules_on_the_page_are_the_rules_in_force() -> None:
    page = (REFERENCE / "checks.md").read_text(encoding="utf-8")
    for name, kind in KINDS.items():
        assert f"### {name}\n" in page
        for rule in (kind.ok, kind.warn, kind.crit):
            assert not rule or rule in page


def test_schemas_are_json_and_know_every_key() -> None:
    found = json.loads(json.dumps(schemas()))
    assert set(found) == {"watchkeeper", "hosts", "databases", "secrets", "service"}
    check = found["service"]["$defs"]["CheckModel"]
    assert {"name", "from", "crit", *KINDS} <= set(check["properties"])
    assert check["additionalProperties"] is False
    assert {"type": "string"} in found["service"]["$defs"]["HttpProbe"]["anyOf"]


def test_every_attribute_that_the_reader_asks_for_is_on_the_page() -> None:
    folder = Path(__file__).parents[2] / "src" / "watchkeeper" / "core" / "runbooks"
    texts = "\n".join((folder / name).read_text(encoding="utf-8") for name in ("steps.py", "attendance.py"))
    asked = set(re.findall(r"""attributes(?:\.get\(|, )"([A-Za-z]+)\"""", texts)) | set(
        re.findall(r"""\.attributes, "([A-Za-z]+)\"""", texts)
    )
    assert len(asked) > 12 and asked <= {name for names, _ in ATTRIBUTES for name in names}
