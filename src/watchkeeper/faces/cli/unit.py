"""The systemd unit of this installation: what `wk up --print-unit` finds out and prints."""

from __future__ import annotations

import os
import sys

from watchkeeper.core.errors import Invalid, Usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from watchkeeper.core.inventory.values import Inventory
    from watchkeeper.core.network import Network
    from watchkeeper.core.units import Installation

LIB = "/var/lib/"


def printed(ops: str, state: str, network: Network, user: str) -> str:
    """The unit for these places. Raises `Invalid` when hosts.yaml cannot be read: the hardening depends on it."""
    from watchkeeper.core.units import unit

    return unit(installation(inventory_of(ops), ops, state, network, user or owner_of(state)))


def inventory_of(ops: str) -> Inventory:
    """The inventory of an ops repo without mistakes."""
    from pathlib import Path

    from watchkeeper.bootstrap.once import load_ops

    loaded, _ = load_ops(Path(ops))
    if loaded.inventory is None:
        many = len(loaded.errors)
        raise Invalid(
            f"The ops repo {ops} has {many} mistake{'s' if many != 1 else ''}, and the unit depends on its hosts.",
            "See them: wk lint.",
        )
    return loaded.inventory


def installation(inventory: Inventory, ops: str, state: str, network: Network, user: str) -> Installation:
    """What the unit says of this clone, this ops repo and these hosts."""
    from watchkeeper.core.units import Installation, profile

    words = [program(), "--ops", ops, "--state", state, "up", *network.words()]
    below = state.removeprefix(LIB) if state.startswith(LIB) else ""
    backup = inventory.team.backup
    names = ("WATCHKEEPER_VENV",)
    return Installation(
        command=tuple(words),
        user=user,
        profile=profile(inventory, user),
        state=state,
        state_name=below,
        writes=(ops, *((backup.to,) if backup else ())),
        home=home_of(user) if any(secret.source == "command" for secret in inventory.secrets.values()) else "",
        environment=tuple((name, os.environ[name]) for name in names if os.environ.get(name)),
    )


def home_of(user: str) -> str:
    """The home directory of a user; "" for one this machine does not know (yet)."""
    import pwd

    try:
        return pwd.getpwnam(user).pw_dir
    except KeyError:
        return ""


def program() -> str:
    """The launcher of this clone; without a clone the installed command."""
    import watchkeeper

    clone = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(watchkeeper.__file__))))
    launcher = os.path.join(clone, "wk")
    if os.access(launcher, os.X_OK):
        return launcher
    return os.path.join(os.path.dirname(sys.executable), "wk")


def owner_of(state: str) -> str:
    """Whom the state directory belongs to, else who asks (behind sudo: who called it). Raises `Usage`."""
    import pwd

    try:
        number = os.stat(state).st_uid
    except OSError:
        called = os.environ.get("SUDO_USER", "")
        if called:
            return called
        number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        raise Usage(
            f"uid {number}, who owns {state}, has no name.", "Name the user of the service: --user NAME."
        ) from None
