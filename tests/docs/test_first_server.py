"""docs/tutorial-first-server.md, done word by word against a server of the lab."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest
from tests.docs.pages import DOCS, fences
from tests.docs.reader import Reader
from tests.lab.harbour_server import furnish
from tests.lab.machines import MachineLab


class Visitor(Reader):
    """A reader whose server has another address."""

    address = ""

    def own(self, text: str) -> str:
        return super().own(text).replace("app1.example.org", self.address)


@pytest.mark.needs("machines", "systemd", "nginx", "cron", "supervisor", "postgresql", "sudo")
def test_the_first_server_can_be_followed_word_by_word() -> None:
    with tempfile.TemporaryDirectory(prefix="wk") as place, MachineLab(Path(place) / "lab") as lab:
        machine = lab.add("harbour1", init="systemd")
        furnish(machine)
        reader = Visitor(Path(place) / "home", columns=160)
        reader.root = lab.home(reader.root, known=False)
        reader.address = machine.address
        launcher = reader.root / "wk"
        launcher.write_text(f'#!/bin/sh\nexec {Path(sys.executable).parent}/wk "$@"\n')
        launcher.chmod(0o755)
        followed = list(fences(DOCS / "tutorial-first-server.md"))
        assert len([one for one in followed if one.kind == "printed"]) >= 6
        for fence in followed:
            reader.follow(fence)
