"""The keys of watchkeeper.yaml about how a message arrives: what they become, and what is refused with which words."""

from __future__ import annotations

import pytest

from watchkeeper.core.inventory.loading import load
from watchkeeper.core.inventory.values import Loaded

MAIL = "host: mail.example.org, from: watch@example.org, to: [duty@example.org]"


def loaded(text: str) -> Loaded:
    files = {"watchkeeper.yaml": f"team: T\n{text}\n".encode(), "secrets.yaml": b"secrets: {pw: {env: PW}}\n"}
    return load(files, 0.0)


def test_channels_carry_their_limits_and_options() -> None:
    channels = f"channels:\n  m: {{smtp: {{{MAIL}, user: w, password: 'secret:pw'}}, at_most: 3 per 10m}}\n"
    found = loaded(
        channels
        + "  r: {webhook: http://127.0.0.1:1/x}\n  s: {script: x.sh}\ngroup_within: 0s\nweb: {url: https://w.example.org/}"
    )
    assert found.inventory is not None and not found.mistakes
    mail, room, script = found.inventory.team.channels
    assert (mail.kind, mail.target, mail.at_most, mail.updates) == ("smtp", "mail.example.org", (3, 600.0), False)
    assert mail.options["port"] == 587 and mail.options["password"] == "secret:pw"
    assert (room.updates, script.updates, script.at_most) == (True, False, (30, 60.0))
    assert (found.inventory.team.group_s, found.inventory.team.web_url) == (0.0, "https://w.example.org")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"channels: {{m: {{smtp: {{{MAIL}, user: w, password: hunter2}}}}}}", "never stands in this file"),
        (
            f"channels: {{m: {{smtp: {{{MAIL}, tls: none, user: w, password: 'secret:pw'}}}}}}",
            "TLS where a password is sent",
        ),
        (f"channels: {{m: {{smtp: {{{MAIL}, user: w}}}}}}", "together"),
        (f"channels: {{m: {{smtp: {{{MAIL}}}, script: x.sh}}}}", "exactly one of"),
        ("channels: {m: {smtp: {host: 'a b', from: 'x', to: []}}}", "mail server"),
        ("channels: {m: {script: x.sh, at_most: 0 per 1m}}", "at least one message"),
        ("web: {url: http://watch.example.org}", "https"),
        ("web: {url: https://watch.example.org/page}", "without a path"),
    ],
)
def test_what_cannot_hold_is_refused_and_no_password_is_shown(text: str, words: str) -> None:
    mistakes = loaded(text).errors
    assert any(words in each.expected for each in mistakes), mistakes
    assert not any("hunter2" in repr(each) for each in mistakes)
