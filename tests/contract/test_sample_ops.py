"""The sample's templates: every placeholder has a value, nothing is left over, the result is a valid ops repo."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from watchkeeper.adapters.sample.breaks import RESPONSES, SCENARIOS
from watchkeeper.adapters.sample.fleet import template_values
from watchkeeper.adapters.sample.places import PORTS, Places, free_ports
from watchkeeper.adapters.sample.rendering import LIBRARY, render, render_tree
from watchkeeper.core.errors import Invalid
from watchkeeper.core.inventory.loading import load
from watchkeeper.core.runbooks import read_runbook

PLACES = Places(Path("/srv/harbour"))
VALUES = template_values(PLACES, {name: 9000 + index for index, name in enumerate(PORTS)})
VALUES |= {"container": "harbour-cranes-1", "docker_socket": "/run/docker.sock"}


def rendered_ops() -> dict[str, bytes]:
    """The files of the rendered ops repo that an inventory is loaded from."""
    found = {}
    for source in (LIBRARY / "ops", LIBRARY / "ops-container"):
        for path in source.rglob("*"):
            if path.is_file():
                found[str(path.relative_to(source))] = render(path.read_text(), VALUES).encode()
    return found


def test_placeholders_are_replaced_and_unknown_ones_are_a_fault() -> None:
    assert render("a {{one}} b {{one}}{{two}}", {"one": "1", "two": "2"}) == "a 1 b 12"
    assert render("awk '{print $1}' ${x} { {one} }", {}) == "awk '{print $1}' ${x} { {one} }"
    with pytest.raises(KeyError):
        render("{{nobody}}", {"one": "1"})


def test_no_placeholder_is_left_in_any_file() -> None:
    for name, data in rendered_ops().items():
        assert not re.search(rb"\{\{[a-z_]+\}\}", data), name


def test_tree_keeps_names_makes_scripts_executable_and_hidden_files_hidden(tmp_path: Path) -> None:
    written = render_tree(LIBRARY / "ops", tmp_path, VALUES)
    names = {str(path.relative_to(tmp_path)) for path in written}
    assert {".gitignore", "watchkeeper.yaml", "services/shop.yaml", "runbooks/web-down.md", "tools/page.sh"} <= names
    assert (tmp_path / "tools" / "page.sh").stat().st_mode & 0o111
    assert not (tmp_path / "watchkeeper.yaml").stat().st_mode & 0o111


def test_the_sample_loads_without_a_mistake() -> None:
    loaded = load(rendered_ops(), now=0.0)
    assert list(loaded.errors) == []
    inventory = loaded.inventory
    assert inventory is not None and inventory.sample
    responses = {each.name: each for service in inventory.services.values() for each in service.respond}
    assert set(RESPONSES) == {name for name, each in responses.items() if each.mode == "auto"}
    assert {scenario.service for scenario in SCENARIOS.values() if not scenario.host} <= set(inventory.services)
    assert {scenario.host for scenario in SCENARIOS.values() if scenario.host} <= set(inventory.hosts)
    assert str(PLACES.settings_file) in inventory.services["shop"].config


def test_no_check_measures_the_persons_machine() -> None:
    inventory = load(rendered_ops(), now=0.0).inventory
    assert inventory is not None
    assert not {check.probe.kind for check in inventory.checks.values()} & {"disk", "memory", "cpu"}
    for check in inventory.checks.values():
        if check.probe.kind == "folder":
            assert str(check.probe.options["path"]).startswith(f"{PLACES.fleet}/")


@pytest.mark.parametrize("name", [response.partition("/")[2] for response in RESPONSES])
def test_what_acts_by_itself_needs_no_person(name: str) -> None:
    text = rendered_ops()[name].decode()
    steps = [step for step in read_runbook(text, name).steps if step.phase in ("diagnose", "fix", "verify")]
    assert {"diagnose", "fix", "verify"} == {step.phase for step in steps}
    for step in steps:
        assert step.unattended and not step.manual and not step.alternatives and not step.parameters, (name, step.id)
        assert (step.risk == "read") == (step.phase != "fix"), (name, step.id, step.risk)


def test_a_place_that_cannot_be_used_is_refused_with_the_way_out() -> None:
    for directory in ("/srv/my demo", "/srv/$HOME", "/srv/" + "long/" * 20):
        with pytest.raises(Invalid) as refused:
            Places.of(directory)
        assert "--dir" in refused.value.hint


def test_free_ports_differ() -> None:
    assert len(set(free_ports(6))) == 6
