"""The Django settings: where they point, and what they make in the state directory."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = (
    "import django, sys; django.setup(); from django.conf import settings; "
    "print(settings.DATABASES['default']['NAME'], settings.DEBUG, len(settings.SECRET_KEY) > 40, settings.SECRET_KEY)"
)


def setup(**environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name not in ("WATCHKEEPER_STATE", "DATABASE_URL")}
    clean |= {"PYTHONPATH": "src", "DJANGO_SETTINGS_MODULE": "watchkeeper.settings"}
    return subprocess.run([sys.executable, "-c", PROGRAM], env=clean | environment, capture_output=True, text=True)


def test_state_directory_and_key_are_private_and_made_once(tmp_path: Path) -> None:
    state = tmp_path / "state"
    first, second = (setup(WATCHKEEPER_STATE=str(state)) for _ in range(2))
    assert first.stdout == second.stdout
    assert first.stdout.startswith(f"{state / 'main.db'} False True ")
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert stat.S_IMODE((state / "secret.key").stat().st_mode) == 0o600
    assert [path.name for path in state.iterdir()] == ["secret.key"]


def test_a_database_url_names_another_place(tmp_path: Path) -> None:
    done = setup(WATCHKEEPER_STATE=str(tmp_path), DATABASE_URL="postgresql://wk:p%40s@db.example.org:5433/watch%20kept")
    assert done.stdout.startswith("watch kept False")


@pytest.mark.parametrize(("environment", "told"), [
    ({}, "WATCHKEEPER_STATE is not set"),
    ({"WATCHKEEPER_STATE": "{state}", "DATABASE_URL": "mysql://x:topsecret@y"}, "does not name a PostgreSQL database"),
])  # fmt: skip
def test_wrong_settings_are_named_without_their_secrets(tmp_path: Path, environment: dict[str, str], told: str) -> None:
    done = setup(**{name: value.replace("{state}", str(tmp_path)) for name, value in environment.items()})
    assert done.returncode == 1 and told in done.stderr and "topsecret" not in done.stderr


def test_a_damaged_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_text("short")
    assert "secret.key is damaged" in setup(WATCHKEEPER_STATE=str(tmp_path)).stderr
