"""A key goes to the server that it was meant for, and to no other."""

from __future__ import annotations

import pytest

from aha.errors import BadInput
from aha.redact import keys
from aha.redact.keys import is_here, key_for, name_hosts, own_variable

VALUE = "k3y-of-somebody"


@pytest.fixture(autouse=True)
def nobody_s_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AHA_API_KEY", "AHA_PLAIN_HTTP", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(keys, "_hosts", None)
    monkeypatch.setattr(keys, "_receivers", set[str]())


def test_the_variable_of_a_host_is_its_name_in_capitals():
    assert own_variable("api.my-lab.example") == "AHA_KEY_API_MY_LAB_EXAMPLE"
    assert own_variable("::1") == "AHA_KEY___1"


def test_a_host_s_own_key_goes_before_all_others(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AHA_KEY_A_EXAMPLE", VALUE)
    monkeypatch.setenv("SEAT", "s-at-the-table")
    monkeypatch.setenv("AHA_API_KEY", "any-other-key")
    name_hosts(["https://a.example/v1#m", "https://b.example/v1#m"])
    assert key_for("https://a.example/v1") == key_for("https://a.example/v1", "SEAT") == VALUE
    assert key_for("https://b.example/v1", "SEAT") == "s-at-the-table"


def test_an_empty_key_of_a_host_means_none(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AHA_KEY_10_0_0_5", "")
    monkeypatch.setenv("AHA_API_KEY", VALUE)
    assert key_for("http://10.0.0.5:8000/v1") == ""


@pytest.mark.parametrize(
    ("words", "address", "gets"),
    [
        (["--model", "https://a.example/v1#m"], "https://a.example/v1", True),
        (["--model=https://A.example/v1#m", "--judge", "http://127.0.0.1:8/v1"], "https://a.example/v1", True),
        (["--model=https://A.example/v1#m", "--judge", "http://127.0.0.1:8/v1"], "http://127.0.0.1:8/v1", False),
        (["--model", "http://127.0.0.1:8/v1"], "http://127.0.0.1:8/v1", True),
        (["https://a.example/v1", "https://a.example:444/v2#other"], "https://a.example:444/v2", True),
        (["https://a.example/v1", "https://b.example/v1"], "https://a.example/v1", None),
        (["--recipe", "mine.py"], "https://a.example/v1", None),
        (["https://a.example/v1"], "https://a.example.evil.example/v1", None),
    ],
)
def test_the_general_key_goes_to_the_one_remote_host_that_the_command_names(
    words: list[str], address: str, gets: bool | None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AHA_API_KEY", VALUE)
    name_hosts(words)
    if gets is None:
        with pytest.raises(BadInput, match="AHA_API_KEY goes to one remote host only"):
            key_for(address)
    else:
        assert key_for(address) == VALUE * gets


def test_within_a_program_the_general_key_stays_with_the_first_host(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AHA_API_KEY", VALUE)
    assert key_for("https://a.example/v1") == key_for("https://a.example/v1") == VALUE
    with pytest.raises(BadInput, match=r"2 \(a.example, b.example\) is named"):
        key_for("https://b.example/v1")


def test_a_known_host_has_its_own_tools_key_and_no_other_host_gets_that(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", VALUE)
    assert key_for("https://api.openai.com/v1") == VALUE
    assert key_for("https://api.openai.com.evil.example/v1") == ""


def test_no_key_goes_over_plain_http_but_within_this_machine_unless_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AHA_API_KEY", VALUE)
    name_hosts(["http://10.0.0.5:8000/v1"])
    with pytest.raises(BadInput, match=r"would go there unencrypted; use https, or name the host in \$AHA_PLAIN_HTTP"):
        key_for("http://10.0.0.5:8000/v1")
    monkeypatch.setenv("AHA_PLAIN_HTTP", "elsewhere, 10.0.0.5")
    assert key_for("http://10.0.0.5:8000/v1") == VALUE


@pytest.mark.parametrize(
    ("host", "here"),
    [("localhost", True), ("127.0.0.1", True), ("127.8.0.1", True), ("::1", True), ("0.0.0.0", False), ("localhost.evil.example", False)],
)
def test_this_machine_is_told_from_others(host: str, here: bool):
    assert is_here(host) is here
