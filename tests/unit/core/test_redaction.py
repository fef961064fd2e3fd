from __future__ import annotations

import base64
import random
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.core.redaction import MARK, Redactor

SECRETS = [
    "hunter2secret",
    "s3cr3t with / space & more",
    'quo"te\\back',
    "abcdefgh",
    "efghijkl",
    "line one of it\nline two of it",
]


def whole(data: bytes, secrets: list[str] | None = None) -> bytes:
    redactor = Redactor(SECRETS if secrets is None else secrets)
    return redactor.feed(data) + redactor.flush()


def cut(data: bytes, sizes: list[int], secrets: list[str] | None = None) -> bytes:
    redactor = Redactor(SECRETS if secrets is None else secrets)
    out, place = b"", 0
    for size in sizes:
        out += redactor.feed(data[place : place + size])
        place += size
    return out + redactor.feed(data[place:]) + redactor.flush()


@pytest.mark.parametrize(("text", "redacted"), [
    ("export DB_PASSWORD=x1y2 next", "export DB_PASSWORD=[redacted] next"),
    ("password: x1y2\nnext: 1", "password: [redacted]\nnext: 1"),
    ('{"password": "a\\"b c", "x": 1}', '{"password": "[redacted]", "x": 1}'),
    ('{\\"api_key\\": \\"abc\\", \\"x\\": 1}', '{\\"api_key\\": \\"[redacted]\\", \\"x\\": 1}'),
    ("client_secret => 'abc d', x", "client_secret => '[redacted]', x"),
    ("Authorization: Bearer abc.def\nnext", "Authorization: [redacted]\nnext"),
    ("< Set-Cookie: id=5; path=/\r\nnext", "< Set-Cookie: [redacted]\r\nnext"),
    ("sent Bearer abcdef1234567890 ok", "sent Bearer [redacted] ok"),
    ("postgresql://joe:s3cr@t@db:5432/x", "postgresql://joe:[redacted]@db:5432/x"),
    ("redis://:pw@h/0", "redis://:[redacted]@h/0"),
    ("mysql --password x1y2 -u joe", "mysql --password [redacted] -u joe"),
    ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nafter",
     "-----BEGIN RSA PRIVATE KEY-----[redacted]\nafter"),
    ("key ghp_" + "a" * 36 + " end", "key ghp_[redacted] end"),
    ("AKIA" + "A1" * 8 + "!", "AKIA[redacted]!"),
    ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.abc end", "jwt eyJ[redacted] end"),
    ("Api-Key: x1y2z Access_key=5 PRIVATE-KEY=6", "Api-Key: [redacted] Access_key=[redacted] PRIVATE-KEY=[redacted]"),
    ("PassPhrase=a Auth-Key=b PWD=c Credential=d",
     "PassPhrase=[redacted] Auth-Key=[redacted] PWD=[redacted] Credential=[redacted]"),
    ("x-api-key: a b\nCookie: c", "x-api-key: [redacted]\nCookie: [redacted]"),
    ("t github_pat_" + "a" * 22 + " glpat-" + "b" * 20, "t github_pat_[redacted] glpat-[redacted]"),
    ("t xoxb-" + "1" * 16 + " sk-" + "c" * 20 + " npm_" + "d" * 30 + " hvs." + "e" * 20,
     "t xoxb-[redacted] sk-[redacted] npm_[redacted] hvs.[redacted]"),
    ("TOKEN=", "TOKEN="), ("password:\nnext", "password:\nnext"),
])  # fmt: skip
def test_what_looks_like_a_secret_is_taken_out_and_the_rest_stays(text: str, redacted: str) -> None:
    assert whole(text.encode()).decode() == redacted


@pytest.mark.parametrize("text", [
    "basic authentication failed", "the disk-usage-report-daily-and-more is fine", "http://host:8080/p?email=a@b.c",
    "PWD=/srv/shop", "max_tokens 5", "secret/shop created", "compass: north", "passed: 12", "tokens: 400",
    "monkey=banana",
])  # fmt: skip
def test_ordinary_output_stays(text: str) -> None:
    assert whole(text.encode()).decode() == text


@pytest.mark.parametrize("secret", SECRETS[:4])
def test_known_values_are_found_in_every_spelling(secret: str) -> None:
    import json

    for form in (
        secret,
        quote(secret),
        quote(secret, safe=""),
        base64.b64encode(secret.encode()).decode(),
        json.dumps(secret),
    ):
        out = whole(f"before <{form}> after".encode())
        assert MARK in out and out.startswith(b"before <") and out.rstrip(b"=").endswith(b"> after")
        assert secret.encode() not in out and form.strip('"=').encode() not in out


def test_overlapping_known_values_are_hidden_together() -> None:
    assert whole(b"x abcdefghijkl y") == b"x [redacted] y"


def test_each_line_of_a_secret_of_several_lines_is_known() -> None:
    assert whole(b"log: line two of it\n") == b"log: [redacted]\n"


def test_a_known_value_that_is_itself_a_telling_word_hides_no_less() -> None:
    out = whole(b"password=zzz password: yyy", ["password"])
    assert b"zzz" not in out and b"yyy" not in out


def test_short_values_do_not_hide_the_output() -> None:
    assert whole(b"1 of 1 done", ["1", "", "of"]) == b"1 of 1 done"


def test_a_key_block_without_an_end_does_not_hide_the_rest_for_ever() -> None:
    out = whole(b"-----BEGIN PRIVATE KEY-----\n" + b"x" * 100_000 + b" the end")
    assert out.endswith(b" the end") and len(out) < 40_000


PIECES = [
    b"hunter2secret", b"hunter2", b"secret", b"abcdefghijkl", b"abcdefgh", b"efghijkl", b" ", b"\n", b"password=",
    b"token: ",
    b'"password": "', b'"', b"'", b"\\", b"Authorization: Bearer ", b"bearer ", b"://joe:", b"@host/", b"pw",
    b"-----BEGIN ",
    b"RSA PRIVATE KEY-----", b"-----END RSA PRIVATE KEY-----", b"ghp_" + b"a" * 36, b"eyJabcdefghijklmnop",
    b"plain words here",
    b"\xff\x00", b"line one of it\nline two of it", b"--password ", b"x" * 450, b"[redacted]", b"=",
]  # fmt: skip
STREAMS = st.lists(st.sampled_from(PIECES), max_size=14).map(b"".join)


@settings(max_examples=400, deadline=None)
@given(STREAMS, st.lists(st.integers(0, 40), max_size=40))
def test_the_cuts_of_the_stream_change_nothing(data: bytes, sizes: list[int]) -> None:
    assert cut(data, sizes) == whole(data)


@settings(max_examples=300, deadline=None)
@given(STREAMS, STREAMS, st.lists(st.integers(1, 30), max_size=20), st.sampled_from(SECRETS))
def test_no_known_value_ever_comes_through(before: bytes, after: bytes, sizes: list[int], secret: str) -> None:
    out = cut(before + secret.encode() + after, sizes)
    for known in SECRETS:
        assert known.encode() not in out


@settings(max_examples=300, deadline=None)
@given(st.lists(STREAMS, max_size=4))
def test_a_text_is_a_stream_of_one_piece_and_leaves_nothing_to_the_next(texts: list[bytes]) -> None:
    redactor = Redactor(SECRETS)
    for data in texts:
        text = data.decode("utf-8", "surrogateescape")
        assert redactor.text(text).encode("utf-8", "surrogateescape") == whole(data)
        assert redactor.fresh().text(text).encode("utf-8", "surrogateescape") == whole(data)


def test_byte_by_byte_is_the_same_as_at_once() -> None:
    chance = random.Random(5)
    for _ in range(60):
        data = b"".join(chance.choices(PIECES, k=20))
        assert cut(data, [1] * len(data)) == whole(data)


def test_memory_is_bounded() -> None:
    redactor = Redactor(["a known secret value"])
    held = fed = given = 0
    for piece in (
        b"password=" + b"y" * 65_536,
        b"-----BEGIN PRIVATE KEY-----" + b"z" * 65_536,
        b"\n" * 65_536,
        b"w" * 65_536,
    ) * 4:
        given += len(redactor.feed(piece))
        fed += len(piece)
        held = max(held, len(redactor._known._buffer) + len(redactor._looks._buffer))
    assert held < 1000 and given < fed


def test_after_a_flush_the_next_stream_begins_fresh() -> None:
    redactor = Redactor(["hunter2secret"])
    assert redactor.feed(b"password=abc hunter2") + redactor.flush() == b"password=[redacted] hunter2"
    assert redactor.feed(b"secret and more") + redactor.flush() == b"secret and more"


def test_text_is_redacted_at_once() -> None:
    assert Redactor(["hunter2secret"]).text("cannot log in with hunter2secret: ü") == "cannot log in with [redacted]: ü"


def test_a_plain_line_is_given_back_at_once() -> None:
    redactor = Redactor(["correct horse battery staple"])
    assert redactor.feed(b"requeued 20 of 96\n") == b"requeued 20 of 96\n"
    assert redactor.feed(b"the correct hor") == b"the "
    assert redactor.feed(b"n is blown\nto") == b"correct horn is blown\n"
    assert redactor.feed(b"day\n") == b"today\n"
    assert redactor.flush() == b""
