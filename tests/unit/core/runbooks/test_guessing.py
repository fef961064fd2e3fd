"""Which lines are commands: in fences without a language, behind prompts, and in fences that only say bash."""

from __future__ import annotations

import pytest

from watchkeeper.core.runbooks import Runbook, read_runbook


def document(body: str, info: str = "") -> Runbook:
    return read_runbook(f"## Diagnosis\n\n```{info}\n{body}\n```\n", "t.md")


def commands(body: str, info: str = "") -> list[str]:
    return [step.text for step in document(body, info).steps if step.language]


@pytest.mark.parametrize(
    "line",
    [
        "oc get po -n press",
        "openssl x509 -noout -in a.crt | tr -d :",
        "scp press1:/var/log/a.log .",
        "crictl ps | grep press",
        "gadgetctl list --all",
        "scripts/press/look.sh --quick",
        "/opt/press/bin/look",
        "/etc/init.d/press status",
        'PGOPTIONS="-c x=1" psql -c "select 1, 2"',
        'curl -d \'[{"a": 1}, {"b": 2}]\' https://press.example.org/',
        'press-sql -qtc "SELECT 1\nFROM sheets"',
    ],
)
def test_commands_without_a_language(line: str) -> None:
    assert commands(line) == [line]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("/srv/press/README.md\n/srv/press/plan.conf", "output"),
        ("/press-tools:look --file a", "output"),
        ("/label ~press", "output"),
        ("set lock_timeout to '1h';", "source"),
        ("select a, b from sheets;", "source"),
        ("UUID=1b-2c /srv/a ext4 defaults 0 0", "configuration"),
        ("git version 2.39.0 (x)", "output"),
        ("make sure the press is off.", "output"),
        ("sudo が必要です。", "unknown"),
        ("TypeError: press is not a function\n ❯ press/test.js:99:36\n ❯ press/other.js:1:2", "output"),
        ("press1   ready   2/2   Running   0", "output"),
        ("queryid -77,1,1,2", "output"),
    ],
)
def test_no_commands_without_a_language(body: str, kind: str) -> None:
    runbook = document(body)
    assert [fence.kind for fence in runbook.fences] == [kind] and runbook.steps == ()


def test_a_command_and_the_table_below_it() -> None:
    (step,) = document("kubectl get hpa -n press\nNAME   TARGETS   AGE\npress   47%/75%   11d").steps
    assert step.text == "kubectl get hpa -n press"
    assert step.proposed_expect == "NAME   TARGETS   AGE\npress   47%/75%   11d"


def test_prompts_of_hosts_and_arrows() -> None:
    assert commands("mara@press1:~$ uptime\n up 3 days\n:~$ df -h") == ["uptime\ndf -h"]
    assert commands("root@press1:/srv# ls -l\ntotal 0") == ["ls -l"]
    assert commands("$> ssh-keygen -lf a.pub\n256 SHA256:x") == ["ssh-keygen -lf a.pub"]
    assert commands("❯ ls -l\ntotal 0") == ["ls -l"]


def test_lines_of_steps_behind_prompts_point_into_the_document() -> None:
    runbook = document("$ uptime\n up 3 days\n\n# then\n$ df -h", "console")
    lines = {4: "uptime", 7: "# then", 8: "df -h"}
    assert runbook.steps
    assert all(step.text.split("\n")[0] == lines[step.line] for step in runbook.steps)


def test_a_foreign_prompt_does_not_continue_a_command() -> None:
    assert commands("$ press-console\n> Sheets.count") == ["press-console"]
    assert commands('$ for a in 1 2\n> do echo "$a"\n> done') == ['for a in 1 2\ndo echo "$a"\ndone']


def test_an_indented_block_is_judged_like_a_fence_without_a_language() -> None:
    runbook = read_runbook(
        "## Diagnosis\n\nLook:\n\n    df -h /srv\n\nand this is\n\n    only an example of text\n", "t.md"
    )
    assert [(fence.kind, len(fence.steps)) for fence in runbook.fences] == [("command", 1), ("output", 0)]


def test_a_script_without_a_language_is_shell_and_one_for_python_is_not() -> None:
    assert [fence.kind for fence in document("#!/bin/sh\nlet_us=1\nlookup press").fences] == ["command"]
    for info in ("bash", ""):
        assert [fence.kind for fence in document("#!/usr/bin/env python3\nimport os", info).fences] == ["source"]


@pytest.mark.parametrize(
    "body",
    [
        "services:\n  press:\n    image: press:1",
        "- press is off\n- tray is empty",
        "CREATE USER 'mara'@'localhost';\nFLUSH PRIVILEGES;",
        "pressdb=# show sheets;",
        "✅ press is well",
        "https://press.example.org/health",
        "[EXAMPLE_NEEDED: command]",
        "press   press-main-1   2/2   Running   0   43d",
        "Warning  Jammed  3m  press  0/6 trays are empty",
    ],
)
def test_a_fence_that_says_bash_and_holds_no_command_has_no_step(body: str) -> None:
    runbook = document(body, "bash")
    assert [fence.kind for fence in runbook.fences] == ["output"] and runbook.steps == ()


def test_stray_lines_never_run_and_a_person_looks_first() -> None:
    runbook = document("df -h /srv\npressdb=# show sheets;\nuptime", "bash")
    assert [step.unattended for step in runbook.steps] == [False] * len(runbook.steps)
    ran = [line for step in runbook.steps for line in step.text.split("\n") if not line.startswith("#")]
    assert ran == ["df -h /srv", "uptime"]
    assert any(finding.code == "stray-lines" and "1 lines" in finding.sentence for finding in runbook.findings)


@pytest.mark.parametrize(
    "body",
    [
        "cat > /srv/a.yml <<EOF\nservices:\n  press:\n- one\nEOF",
        ": ${X:=1}\nuptime",
        "press-admin check",
        "for f in a b; do\n  echo $f: done\ndone",
        "[ -f /srv/a ] && uptime",
        "localhost:5000/press --help",
        "NetworkManager --version",
        "ssh press1 'echo services:'",
    ],
)
def test_unknown_shell_text_of_a_tagged_fence_stays_a_command(body: str) -> None:
    (fence,) = document(body, "bash").fences
    assert fence.kind == "command" and "no commands" not in fence.why


def test_prose_in_other_letters_between_commands_does_not_run() -> None:
    (step,) = document("印刷機を見る\nrpm -qa | grep press\n消す\nyum erase -y press").steps[:1]
    runbook = document("印刷機を見る\nrpm -qa | grep press\n消す\nyum erase -y press")
    ran = [line for one in runbook.steps for line in one.text.split("\n") if not line.startswith("#")]
    assert ran == ["rpm -qa | grep press", "yum erase -y press"] and not step.unattended
    assert document("印刷機を見る\nこれは文です").steps == ()


def test_a_fence_that_is_indented_too_deep_is_read_as_a_fence() -> None:
    text = "## Diagnosis\n\nLook:\n\n    ```bash\n    df -h\n    uptime\n    ```\n"
    runbook = read_runbook(text, "t.md")
    assert [(fence.language, fence.kind, fence.line, fence.text) for fence in runbook.fences] == [
        ("bash", "command", 5, "df -h\nuptime")
    ]
    assert runbook.steps[0].line == 6


def test_words_of_a_key_value_store_are_no_set() -> None:
    assert commands("set user:1:name mara") == [] and commands("set -e\nuptime") == ["set -e\nuptime"]


def test_lines_of_a_here_document_do_not_decide() -> None:
    body = "pressctl create tray --quiet\npressctl apply -f - <<EOF\nkind: Tray\nname: one\nsize: 3\nEOF"
    assert commands(body) == [body]
    script = "cat > /srv/press.sh <<'SH'\nIt is a script.\nsleep 3\nSH\nchmod +x /srv/press.sh"
    assert commands(script) == [script]
