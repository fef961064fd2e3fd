"""Reading secrets where `secrets.yaml` says they are: environment, file, or the output of a command. Never kept on disk."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from watchkeeper.core.errors import Invalid, NotFound
from watchkeeper.core.inventory.values import Secret

KEPT_S = 60.0
COMMAND_DEADLINE_S = 10.0


class SecretReader:
    """Values by name, kept in memory for a minute so that a page does not wait for a password manager each time."""

    def __init__(self, ops: Path) -> None:
        self._ops = ops
        self._secrets: Mapping[str, Secret] = {}
        self._kept: dict[str, tuple[float, str]] = {}

    def replace(self, secrets: Mapping[str, Secret]) -> None:
        """Take over the names of a new inventory."""
        self._secrets = secrets
        self._kept.clear()

    def value(self, name: str) -> str:
        """The value of one secret; raises `NotFound` or `Invalid` with a sentence that never holds the value."""
        kept = self._kept.get(name)
        if kept is not None and time.monotonic() - kept[0] < KEPT_S:
            return kept[1]
        secret = self._secrets.get(name)
        if secret is None:
            raise NotFound(f"There is no secret {name}.", "Declare it in secrets.yaml with env:, file: or command:.")
        value = self._read(secret).strip("\r\n")
        if not value:
            raise Invalid(
                f"The secret {name} is empty ({secret.source}: {secret.reference}).", "Set it, then try again."
            )
        self._kept[name] = (time.monotonic(), value)
        return value

    def known(self) -> list[str]:
        """Every value that can be read now, for redaction; a secret that cannot be read cannot leak either."""
        values = []
        for name in self._secrets:
            try:
                values.append(self.value(name))
            except (NotFound, Invalid):
                continue
        return values

    def resolve(self, target: str) -> str:
        """A target that may be ``secret:NAME``."""
        return self.value(target.removeprefix("secret:")) if target.startswith("secret:") else target

    def _read(self, secret: Secret) -> str:
        if secret.source == "env":
            return os.environ.get(secret.reference, "")
        if secret.source == "file":
            return self._from_file(secret)
        return self._from_command(secret)

    def _from_file(self, secret: Secret) -> str:
        path = self._ops / Path(secret.reference).expanduser()
        try:
            return path.read_text(encoding="utf-8")[:65_536]
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "not text"
            raise Invalid(f"The secret {secret.name} cannot be read from {secret.reference}: {why}.") from error

    def _from_command(self, secret: Secret) -> str:
        try:
            done = subprocess.run(
                ["sh", "-c", secret.reference], capture_output=True, timeout=COMMAND_DEADLINE_S, cwd=self._ops,
                stdin=subprocess.DEVNULL, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise Invalid(
                f"The command of secret {secret.name} did not end within {COMMAND_DEADLINE_S:g} s."
            ) from error
        if done.returncode != 0:
            raise Invalid(f"The command of secret {secret.name} ended with exit code {done.returncode}.")
        return done.stdout.decode(errors="replace")[:65_536]
