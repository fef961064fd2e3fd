"""What is taken as a plain request h11 takes with the same meaning; whatever else comes is left to h11."""

from __future__ import annotations

import h11
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from watchkeeper.adapters.ping_plain import Plain, read_plain

HEAD_BYTES = 16_384
CURL = b"GET /ping/abc.def HTTP/1.1\r\nHost: 127.0.0.1:8799\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n"


def by_h11(data: bytes) -> Plain | None:
    """The one request that h11 reads in it, when it is there to the last byte and nothing follows."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)
    try:
        connection.receive_data(data)
        request = connection.next_event()
        if not isinstance(request, h11.Request):
            return None
        body = b""
        while isinstance(following := connection.next_event(), h11.Data):
            body += bytes(following.data)
    except h11.RemoteProtocolError:
        return None
    if not isinstance(following, h11.EndOfMessage) or connection.trailing_data[0]:
        return None
    return Plain(request.method, request.target, body, connection.their_state is not h11.DONE)


USUAL = [
    "Accept: */*", "Connection: close", "connection:keep-alive", "X-A:  b ", "User-Agent: a:b", "Content-Length: 3",
    "content-length:3 ", "Content-Length: 0", "Keep-Alive: 5", "X:",
]  # fmt: skip
UNUSUAL = [
    "Host: y", "Connection: close, x", "Connection: Upgrade", "Content-Length: 3, 3", "Content-Length: +3",
    "Content-Length: 03", "Content-Length: \u0663", "Content-Length : 3", "Content-Length: 3\t", "Content-Length:",
    "Content-Length: 1_0", "Transfer-Encoding: chunked", "Transfer-Encoding: identity", "Expect: 100-continue", "Upgrade: h2c",
    "TE: trailers", "Trailer: X", "X Y: 1", ": 1", "\tfolded", " folded", "X: a\x00b", "X: a\rb", "X:\ta", "H\xf6st: x",
    "X: \xe9",
]  # fmt: skip
FIRST = st.sampled_from(
    ["GET /ping/k", "POST /ping/k/3?rid=a", "HEAD /", "GET //x", "POST /ping/k"] * 3
    + ["get /", "PUT /", "OPTIONS *", "CONNECT x:1", "GET  /", "GET http://x/ping/k", "GET /\x7f", "GET /a b", "GET "]
)
BODIES = st.sampled_from([b"", b"", b"abc", b"abc", b"abcd", b"ab", b"0\r\n\r\n", b"3\r\nabc\r\n0\r\n\r\n"])


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Usual in most, unusual in one or two places."""
    lines = draw(st.lists(st.sampled_from(USUAL), max_size=3)) + draw(st.lists(st.sampled_from(UNUSUAL), max_size=1))
    lines = draw(st.permutations([*lines, *(["Host: x"] * draw(st.sampled_from([1, 1, 1, 0, 2])))]))
    version = draw(st.sampled_from(["HTTP/1.1"] * 6 + ["HTTP/1.0", "HTTP/2.0", "http/1.1", "HTTP/1.1 "]))
    end = draw(st.sampled_from(["\r\n"] * 8 + ["\n", "\r"]))
    head = end.join([f"{draw(FIRST)} {version}", *lines, "", ""])
    data = head.encode() + draw(BODIES)
    place = draw(st.one_of(st.just(len(data)), st.integers(0, len(data))))
    return data[:place] + draw(st.one_of(st.just(b""), st.just(b""), st.binary(max_size=2))) + data[place:]


@settings(max_examples=300, deadline=None)
@given(requests())
def test_h11_reads_the_same(data: bytes) -> None:
    plain = read_plain(data, HEAD_BYTES)
    event("plain" if plain else "left to h11")
    assert plain is None or plain == by_h11(data)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(CURL)), st.binary(max_size=4), st.integers(0, 3))
def test_one_change_of_a_usual_request_is_read_the_same_or_left(place: int, new: bytes, gone: int) -> None:
    data = CURL[:place] + new + CURL[place + gone :]
    plain = read_plain(data, HEAD_BYTES)
    assert plain is None or plain == by_h11(data)


def test_what_jobs_send_is_plain() -> None:
    assert read_plain(CURL, HEAD_BYTES) == Plain(b"GET", b"/ping/abc.def", b"", False)
    wget = b"GET /ping/k/start HTTP/1.1\r\nHost: x\r\nAccept-Encoding: identity\r\nConnection: Keep-Alive\r\n\r\n"
    assert read_plain(wget, HEAD_BYTES) == Plain(b"GET", b"/ping/k/start", b"", False)
    urllib = b"POST /ping/k/3 HTTP/1.1\r\nContent-Length: 3\r\nHost: x\r\nConnection: close\r\n\r\nbad"
    assert read_plain(urllib, HEAD_BYTES) == Plain(b"POST", b"/ping/k/3", b"bad", True)


@pytest.mark.parametrize("end", range(len(CURL)))
def test_a_part_of_a_request_is_not_plain(end: int) -> None:
    assert read_plain(CURL[:end], HEAD_BYTES) is None


@pytest.mark.parametrize(
    "data",
    [
        CURL + CURL, CURL + b"x", b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n" + CURL,
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: " + b"y" * 5000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 60 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: yyyyyyyyyy\r\n" * 1_000_000,
    ],
)  # fmt: skip
def test_large_and_several_ones_are_left(data: bytes) -> None:
    assert read_plain(data, HEAD_BYTES) is None
