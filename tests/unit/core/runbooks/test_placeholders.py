"""Parameters: found in the text, typed, bound, never interpreted."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.core.errors import Usage
from watchkeeper.core.runbooks import Step, bind, missing, read_runbook
from watchkeeper.core.runbooks.placeholders import inert


def one(body: str, front: str = "", info: str = "bash") -> Step:
    (step,) = read_runbook(f"{front}# T\n\n## Resolution\n\n```{info}\n{body}\n```\n", "t.md").steps
    return step


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("cp <file> /tmp", ["file"]),
        ("kubectl logs <pod-name> -n <name space>", ["pod_name", "name_space"]),
        ("cp a-YYYYMMDD.sql b", ["yyyymmdd"]),
        ("cp a-TIMESTAMP.tgz b", ["timestamp"]),
        ("cp a_YYYY-MM-DD_HHMMSS.tgz b", ["yyyy_mm_dd_hhmmss"]),
        ("docker pull your-registry/x:1", ["your_registry"]),
        ("curl http://YOUR_HOST/x", ["your_host"]),
        ("echo [SERVER]", ["server"]),
        ("echo [BACKUP NAME]", ["backup_name"]),
        ("kill PID", ["pid"]),
        ("rm $TARGET", ["TARGET"]),
        ('rm "${TARGET}/x"', ["TARGET"]),
        ("curl http://127.0.0.1/{job_id}", ["job_id"]),
        ("cp {{ file }} /b", ["file"]),
        ("echo CHANGE_ME", ["change_me"]),
        ("docker logs CONTAINER_ID", ["container_id"]),
        ("ssh app1 'cp <a> <b>'", ["a", "b"]),
        ("cp <バックアップ> /b", ["u30d030c330af30a230c330d7"]),
    ],
)
def test_placeholders_are_parameters(body: str, names: list[str]) -> None:
    step = one(body)
    assert [parameter.name for parameter in step.parameters] == names
    assert missing(step, {}) == tuple(names)
    with pytest.raises(Usage):
        bind(step, {})


@pytest.mark.parametrize(
    "body",
    [
        "cat <<EOF\nx\nEOF",
        "diff <(ls a) <(ls b)",
        "sort < file > out",
        "cat <<'EOF' > x\n$HOME\nEOF",
        "echo $HOME $USER $? $$ $RANDOM",
        'for f in a b; do cp "$f" /b; done',
        "A=1; echo $A",
        "echo ${A:-1}",
        "read -r a b < f; echo $a $b",
        "awk '{print $1}' f",
        "grep -P '(?<name>x)' f",
        "docker ps --format '{{.Names}}'",
        "ls [A-Z]*",
        "[ -f x ] && cp x y",
        "[[ -f x ]] && cp x y",
        'echo "[INFO] go"',
        "mktemp /b/x.XXXXXX",
        'echo "<b>x</b>"',
        "docker images | grep '<none>'",
        "# cp <file> /b\ncp a b",
        "cp a b  # was <file>",
        "kill -HUP 1",
        "echo 'x $Y'",
        "curl -w '%{http_code}' http://127.0.0.1/",
        'psql -c "select CURRENT_TIMESTAMP"',
        "date +%Y%m%d",
        "while read -r line; do echo $line; done < f",
    ],
)
def test_what_is_no_placeholder(body: str) -> None:
    step = one(body)
    assert step.parameters == ()
    assert bind(step, {}).text == step.text


def test_angle_placeholders_are_not_redirections() -> None:
    step = one("cp <file> /tmp")
    assert step.text == "cp <file> /tmp" and bind(step, {"file": "report.pdf"}).text == "cp report.pdf /tmp"


def test_defaults_and_patterns_come_from_the_front_matter() -> None:
    front = "---\nwatchkeeper: {params: {count: 3, title: {pattern: '[a-z ]+', ask: Which title}}}\n---\n"
    step = one("./x.sh --n $count --t <title>", front)
    assert missing(step, {}) == ("title",)
    bound = bind(step, {"title": "two words"})
    assert bound.text == './x.sh --n $count --t "${title}"' and dict(bound.environment) == {
        "count": "3",
        "title": "two words",
    }


@pytest.mark.parametrize(
    "value",
    [
        "a b",
        "a;b",
        "$(id)",
        "`id`",
        "a'b",
        'a"b',
        "",
        "-rf",
        "../x",
        "a/../../x",
        "a\nb",
        "x" * 5000,
        "a\0b",
        "*",
        "~",
        "é",
    ],
)
def test_values_outside_the_type_are_refused(value: str) -> None:
    for body in ("cp <file> /b", "rm $file"):
        with pytest.raises(Usage):
            bind(one(body), {"file": value})


@given(st.text(alphabet="abc .;$`'\"\\|&<>(){}*?~!#\n-", max_size=20))
@settings(deadline=None)
def test_a_value_of_a_wide_type_is_never_interpreted(value: str) -> None:
    """Whatever the value, a real shell hands it to the program as one word, or binding refuses."""
    front = "---\nwatchkeeper: {params: {x: {pattern: '(?s).*'}}}\n---\n"
    for body in ("printf %s <x>", 'printf %s "<x>"', "printf %s pre<x>", 'printf %s "$x"'):
        bound = bind(one(body, front), {"x": value})
        done = subprocess.run(
            ["sh", "-c", bound.text],
            capture_output=True,
            env={"PATH": "/usr/bin:/bin", **bound.environment},
            check=False,
        )
        assert done.stdout.decode().removeprefix("pre") == value or done.stdout.decode() == value


@pytest.mark.parametrize("body", ["ssh app1 'cp <x> /b'", 'bash -c "cp <x> /b"', "echo '<x>'", "cat <<'EOF'\n<x>\nEOF"])
def test_a_wide_value_is_refused_where_another_program_would_read_it(body: str) -> None:
    front = "---\nwatchkeeper: {params: {x: {pattern: '.*'}}}\n---\n"
    with pytest.raises(Usage):
        bind(one(body, front), {"x": "a; id"})
    assert "/srv/a" in bind(one(body, front), {"x": "/srv/a"}).text


def test_runme_prompts_become_parameters() -> None:
    step = one('export NAME=Enter your name\nexport PORT="80"\necho $NAME $PORT', info='bash {"promptEnv":"yes"}')
    assert [(one.name, one.default) for one in step.parameters] == [("NAME", None), ("PORT", "80")]
    bound = bind(step, {"NAME": "ada"})
    assert bound.text == "export NAME\nexport PORT\necho $NAME $PORT" and dict(bound.environment) == {
        "NAME": "ada",
        "PORT": "80",
    }
    assert one('export KUBECONFIG="/etc/k"\nls').parameters == ()


def test_a_captured_value_is_not_asked_for() -> None:
    text = '## Resolution\n\n```bash {"capture":"JOB"}\n./first.sh\n```\n\n```bash\n./second.sh $JOB\n```\n'
    assert read_runbook(text, "a.md").steps[1].parameters == ()


@given(st.text(max_size=200))
@settings(deadline=None)
def test_parsing_text_keeps_its_length(text: str) -> None:
    assert len(inert(text)) == len(text)
