"""A host that lies: nothing it says breaks out of a YAML string or a comment, adds a key, or becomes a command."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping

import pytest
from tests.unit.core.discovery.answers import NOW, answers

from watchkeeper.core.discovery.doors import doors, secure_doors
from watchkeeper.core.discovery.grouping import draft
from watchkeeper.core.discovery.merging import Looked, Merge, merge
from watchkeeper.core.discovery.questions import Door, knocking, shown_certificates
from watchkeeper.core.discovery.reading import read_facts
from watchkeeper.core.discovery.yaml_text import block, comment, flow, scalar
from watchkeeper.core.inventory.loading import load
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.core.inventory.yaml_reader import read_yaml

EVIL = [
    'x"\n  - name: pwned\n    command: touch /tmp/pwned', "a: b # c", "'single'", '"double"', "{flow: [map]}",
    "*alias &anchor !tag",
    "\x1b[2J\x07\x00bell", "\u202ereversed\u2028line\u2029par\x85nel", "$(touch /tmp/pwned)`id`;|&", "yes", "~", "0755",
    "12:30",
    "%YAML 1.1", "--- ", "...", "<<: *x", "\ufeffbom", "-", "? key", "\\", "\\n\\x41\"", "😀 café", "a" * 5000,
    "<!-- wk init writes everything below this line anew at each run; write your own notes above it -->", "```\n# heading",
]  # fmt: skip
EMPTY = {
    "watchkeeper.yaml": "team: T\n", "hosts.yaml": "hosts: {}\n", "databases.yaml": "databases: {}\n",
    "secrets.yaml": "secrets: {}\n", "runbooks/disk-full.md": "# Disk full\n",
}  # fmt: skip


def merged(said: Mapping[str, bytes]) -> tuple[Merge, Inventory]:
    """The files made of these answers in a new ops repo, and the inventory they load as; without any mistake."""
    made = draft(read_facts(said), "app1", NOW)
    packages = tuple(f"{each.when} {each.name}" for each in read_facts(said).packages)
    looked = Looked("app1", {"ssh": "deploy@app1.example.org"}, "wk init", False, "2026-11-22", ("id -u",), packages)
    result = merge(made, looked, EMPTY, "runbooks/disk-full.md")
    assert not result.by_hand
    files = {
        path: text.encode() for path, text in {**EMPTY, **result.files}.items() if not path.startswith("discovered/")
    }
    loaded = load(files, NOW)
    assert loaded.inventory is not None and not loaded.mistakes, loaded.mistakes[:3]
    return result, loaded.inventory


@pytest.mark.parametrize("text", EVIL)
def test_any_text_is_one_string_on_one_line(text: str) -> None:
    for written in (f"key: {scalar(text)}", f"key: {block(text)}", f"key: {flow({text: [text, True, 3]})}"):
        assert "\n" not in written and written.isprintable()
        document = read_yaml("x.yaml", written.encode())
        assert document.root is not None and not document.mistakes, (written, document.mistakes)
        assert list(document.root.keys()) == ["key"]
    kept = document.root.get("key")
    assert kept is not None and kept.is_map
    said = comment(text)
    assert "\n" not in said and said.isprintable() and len(said) <= 180
    plain = read_yaml("x.yaml", f"key: {scalar(text)}".encode()).root
    assert plain is not None
    assert str(plain.plain()["key"]) == "".join(each if each.isprintable() else "?" for each in text)[:300]


HOSTILE = {
    "units": b"Id=%s.service\nDescription=%s\nLoadState=loaded\nActiveState=active\nSubState=%s\nUnitFileState=enabled\n"
    b"FragmentPath=%s\nEnvironmentFiles=/srv/%s (ignore_errors=no)\n\nWK-timers\nId=%s.timer\nUnit=%s\nActiveState=active\n"
    b"UnitFileState=enabled\nTimersCalendar={ OnCalendar=%s ; next_elapse=x }\nFragmentPath=/etc/%s\n",
    "listeners": b'tcp LISTEN 0 5 127.0.0.1:99 0.0.0.0:* users:(("%s",pid=1234,fd=3))\n',
    "processes": b"1234 1 ? 99 root evil 0::/%s /bin/%s\n1235 1 ? 99 %s %s 0::/ %s\n",
    "cron": b"/etc/cron.d/%s:3:* * * * * root %s\n/etc/cron.d/x:4:@daily %s %s\nWK-folders\ndaily /etc/cron.daily/%s\n",
    "containers": b"WK-engine docker\n" + b"a" * 64 + b"|%s|%s|Up 3 days|127.0.0.1:80->80/tcp|%s|%s|%s\n",
    "compose": b"WK-file /srv/%s\n3:%s:\n",
    "supervisor": b"WK-config /etc/%s\n%s RUNNING pid 1234, uptime 1\nWK-line /etc/%s:1:[program:%s]\n",
    "nginx": b"/etc/nginx/%s:1:server { listen 80; server_name %s; ssl_certificate %s; proxy_pass http://%s; }\n",
    "apache": b"/etc/%s:1:<VirtualHost %s:80>\n/etc/a:2:ServerName %s\n/etc/a:3:</VirtualHost>\n",
    "caddy": b"/etc/caddy/%s:1:%s {\n/etc/caddy/x:2:}\n",
    "certificates": b"WK-file /etc/%s\nsubject=%s\nissuer=%s\nnotAfter=Nov 26 12:41:13 2026 GMT\n  DNS:%s\n"
    b"WK-unreadable /etc/%s\n",
    "databases": b"WK-postgresql /tmp/%s 5432\n%s\nWK-mysql\n%s\n",
    "files": b"WK-open /proc/1234/fd/3 /srv/%s.log\nWK-sqlite /srv/%s.db\n",
    "environments": b"WK-name 3 API_TOKEN /srv/%s.env\nWK-name 4 %s /srv/x.env\nWK-unreadable /srv/%s\n",
    "logs": b"WK-folder 900000\t/var/log/%s\nWK-file /var/log/%s\n",
    "packages": b"2026-11-20 06:10:11 upgrade %s 1 %s\n",
    "disks": b"WK-kilobytes\nhead\n%s ext4 1000 500 400 56%% /srv/%s\nWK-inodes\nhead\n/dev/x 100 40 60 40%% /srv/%s\n",
    "system": b"WK-release\nPRETTY_NAME=\"%s\"\nWK-kernel\n%s\nWK-name\n%s\nWK-zone\n/usr/share/zoneinfo/%s\n",
}  # fmt: skip


@pytest.mark.parametrize("text", EVIL)
def test_hostile_names_load_and_add_nothing(text: str) -> None:
    evil = text.encode("utf-8", "replace")
    said = {name: template.replace(b"%s", evil).replace(b"%%", b"%") for name, template in HOSTILE.items()}
    result, inventory = merged(said)
    assert list(inventory.hosts) == ["app1"]
    for check in inventory.checks.values():
        assert "pwned" not in check.name or check.probe.kind != "command"
        if check.probe.kind == "command":
            assert re.match(
                r"(?:supervisorctl -c /[\w./-]+ status [\w.:-]+|openssl x509 [\w /.-]+)\Z",
                str(check.probe.options["command"]),
            )
    for path, written in result.files.items():
        assert "\x1b" not in written and all(line.isprintable() for line in written.splitlines()), path


def test_one_evil_answer_among_true_ones_does_not_hide_them() -> None:
    said = answers("order-desk")
    for name, template in HOSTILE.items():
        changed = {**said, name: said[name] + template.replace(b"%s", EVIL[0].encode()).replace(b"%%", b"%")}
        _, inventory = merged(changed)
        assert {"nginx", "postgresql", "shop", "shop-worker", "mailer"} <= set(inventory.services), name


def test_damaged_answers_never_stop_discovery() -> None:
    """Bytes flipped, lines doubled and cut, in every answer at once; seeded, so that a failure comes back."""
    true = answers("order-desk")
    for seed in range(12):
        chance = random.Random(seed)
        said = {}
        for name, data in true.items():
            damaged = bytearray(data)
            for _ in range(len(damaged) // 40):
                damaged[chance.randrange(len(damaged))] = chance.choice(b"\x00\x1b\"'\\\n:#{}[]|<>*&%@`\xff\xc3 a0")
            said[name] = bytes(damaged[: chance.randrange(len(damaged) + 1)])
        merged(said)


def test_ten_thousand_lines_stay_bounded() -> None:
    many = b"".join(b"/etc/cron.d/x:%d:* * * * * root /opt/job-%d.sh\n" % (at, at) for at in range(10_000))
    units = b"\n".join(
        b"Id=u%d.service\nLoadState=loaded\nActiveState=active\nFragmentPath=/etc/systemd/u\n" % at
        for at in range(2_000)
    )
    made = draft(read_facts({"cron": many, "units": units}), "app1", NOW)
    assert len(made.services) == 1 + 300
    machine = made.services[-1]
    assert len([one for one in machine.checks if one.suggestion]) == 200
    assert any("more" in note for note in machine.notes)
    assert sum(each.kind == "cron job" for each in made.found.values()) == 10_000


def test_what_a_host_wrote_never_becomes_part_of_a_question() -> None:
    evil = [
        Door("127.0.0.1", 80, "x'; touch /tmp/pwned; '"),
        Door("$(id)", 80),
        Door("127.0.0.1", 0),
        Door("127.0.0.1", 80, "-oX"),
    ]
    assert not any(door.sound for door in evil)
    assert knocking(tuple(evil)).text == knocking(()).text
    assert shown_certificates(tuple(evil)).text == shown_certificates(()).text
    said = {**answers("order-desk")}
    said["nginx"] += (
        b"/etc/nginx/a:1:server { listen $(id):80; server_name a';id;'; }\n"
        b"/etc/nginx/a:2:server { listen 81; server_name `id`; }\n"
    )
    facts = read_facts(said)
    for question in (knocking(doors(facts)), shown_certificates(secure_doors(facts))):
        assert "id;" not in question.text and "`" not in question.text and "$(id)" not in question.text
