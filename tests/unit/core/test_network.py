"""Where main listens: nothing opens to others without TLS or a trusted proxy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.core.errors import Usage
from watchkeeper.core.network import Network, host_name, is_loopback, is_within, network_of

FILES = {"certificate": "c.pem", "key": "k.pem"}


@pytest.mark.parametrize(
    "listen",
    ["0.0.0.0:8600", "192.0.2.10:443", "[::]:443", "[2001:db8::1]:8600", "127.0.0.1.:1", "::ffff:192.0.2.1:80"],
)
def test_others_come_by_tls_or_a_proxy_only(listen: str) -> None:
    with pytest.raises(Usage):
        network_of(listen)
    if "1.:" not in listen:
        assert network_of(listen, **FILES).is_open
        assert network_of(listen, proxies=("10.0.0.0/24",)).is_open


@pytest.mark.parametrize("listen", ["127.0.0.1:80", "localhost:80", "[::1]:8600", "127.9.9.9:0"])
def test_loopback_needs_nothing(listen: str) -> None:
    found = network_of(listen)
    assert not found.is_open and is_loopback(found.address)
    assert network_of(port=8600) == Network(port=8600)


@pytest.mark.parametrize(
    "words",
    [
        {"listen": "shop:80"}, {"listen": "127.0.0.1"}, {"listen": "127.0.0.1:x"}, {"listen": "127.0.0.1:70000"},
        {"listen": "127.0.0.1:1", "port": 2}, {"port": 70000}, {"certificate": "c.pem"}, {"key": "k.pem"},
        {"proxies": ("proxy",)}, {"proxies": ("0.0.0.0/0",)}, {"proxies": ("::/0",)}, {"proxies": ("",)},
        {"hosts": ("https://x",)}, {"hosts": ("a b",)}, {"hosts": ("x:80",)}, {"hosts": ("-x",)}, {"hosts": ("",)},
    ],
)  # fmt: skip
def test_what_does_not_hold_is_named(words: dict[str, object]) -> None:
    with pytest.raises(Usage):
        network_of(**words)  # type: ignore[arg-type]


def test_words_of_the_command_line_come_back() -> None:
    found = network_of("[::]:443", None, "c.pem", "k.pem", ("10.0.0.5",), ("Ops.Example.org",), "/run/agents")
    assert found.words() == [
        "--listen", "[::]:443", "--tls-cert", "c.pem", "--tls-key", "k.pem", "--trusted-proxy", "10.0.0.5/32",
        "--host", "ops.example.org", "--agent-socket", "/run/agents",
    ]  # fmt: skip
    assert found.url(443) == "https://ops.example.org:443"
    assert network_of("0.0.0.0:80", proxies=("10.0.0.5",)).url(80) == "http://127.0.0.1:80"
    assert network_of("[2001:db8::1]:80", **FILES).url(80) == "https://[2001:db8::1]:80"
    assert Network().url(8600) == "http://127.0.0.1:8600"


def test_an_address_within_networks() -> None:
    assert is_within("10.0.0.7", ("10.0.0.0/24",)) and is_within("::ffff:10.0.0.7", ("10.0.0.0/24",))
    assert not is_within("10.0.1.7", ("10.0.0.0/24",)) and not is_within("2001:db8::1", ("10.0.0.0/24",))
    assert (
        not is_within("", ("10.0.0.0/24",))
        and not is_within("unix", ("10.0.0.0/24",))
        and not is_within("10.0.0.7", ())
    )


@given(st.text(max_size=60))
def test_any_host_header_is_read(text: str) -> None:
    assert isinstance(host_name(text), str)


def test_names_in_host_headers() -> None:
    names = ["Ops.example.org:8600", "ops.example.org.", "127.0.0.1", "[::1]:80", "[::1]", "x:y", ""]
    assert [host_name(each) for each in names] == [
        "ops.example.org",
        "ops.example.org",
        "127.0.0.1",
        "::1",
        "::1",
        "",
        "",
    ]
