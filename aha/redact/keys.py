"""The API key for a server: one that is meant for it, from the environment, sent only over a connection that others cannot read.

`AHA_KEY_<HOST>` is the key of one host (upper case, every other character `_`); set and empty, it says that the host gets none. Next come
the variable that a seat names and, for some hosts, the variable that the host's own tools read. `AHA_API_KEY` names no host: it goes to the
one remote host that a command names, or to this machine if it names none.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from aha.errors import BadInput
from aha.lazy import lazy_pattern
from aha.redact import learn

ANY_HOST = "AHA_API_KEY"
OF_HOST = "AHA_KEY_"
PLAIN_HTTP = "AHA_PLAIN_HTTP"
VARIABLES = {  # host -> the variable that its own tools read
    "api.openai.com": "OPENAI_API_KEY",
    "api.deepseek.com": "DEEPSEEK_API_KEY",
    "openrouter.ai": "OPENROUTER_API_KEY",
}
_ADDRESS = lazy_pattern(r"https?://[^\s,;'\"<>]+", re.IGNORECASE)
_hosts: set[str] | None = None  # the hosts that the running command names; None outside a command
_receivers: set[str] = set()  # the hosts that AHA_API_KEY was sent to outside a command


def name_hosts(words: Iterable[str]) -> None:
    """Record the remote hosts in a command's words as the hosts that it names."""
    global _hosts
    hosts = (host_of(address) for word in words for address in _ADDRESS.findall(word))
    _hosts = {host for host in hosts if host and not is_here(host)}


def host_of(address: str) -> str:
    """Return the host of an address in lower case; empty if it has none."""
    try:
        return (urlsplit(address).hostname or "").rstrip(".")
    except ValueError:
        return ""


def is_here(host: str) -> bool:
    """Return True if the host is this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def key_for(address: str, variable: str = "", general: str = ANY_HOST, among: Iterable[str] | None = None) -> str:
    """Return the key for a server, or an empty text. `variable`: the seat's own variable; `general`: the variable that names no host, and
    `among` the hosts that it may be meant for. BadInput, in one line, if a key is meant for the server and cannot be sent."""
    host = host_of(address)
    name = _variable(address, host, variable, general, among)
    key = os.environ.get(name, "").strip()
    if variable and name == variable and not key:
        raise BadInput(f"${variable} is not set: it should hold the key for {address}")
    if not key.isascii() or not key.isprintable():
        raise BadInput(f"${name} holds no key: it has letters that an HTTP header cannot carry")
    learn(key)
    if key:
        check_connection(address, f"the key in ${name}")
    return key


def own_variable(host: str) -> str:
    """Return the variable with one host's key."""
    return OF_HOST + re.sub(r"[^A-Z0-9]", "_", host.upper())


def check_connection(address: str, purpose: str) -> None:
    """Raise BadInput if a secret would cross a network that others can read."""
    host = host_of(address)
    allowed_hosts = {name.strip().lower() for name in os.environ.get(PLAIN_HTTP, "").split(",")}
    if address.lower().startswith("http://") and not is_here(host) and host not in allowed_hosts:
        raise BadInput(
            f"{address}: {purpose} would go there unencrypted; use https, or name the host in ${PLAIN_HTTP}; a server that wants no key: "
            f"set ${own_variable(host)} to nothing"
        )


def _variable(address: str, host: str, variable: str, general: str, among: Iterable[str] | None) -> str:
    if (own_name := own_variable(host)) in os.environ:
        return own_name
    if variable:
        return variable
    standard = VARIABLES.get(host, "")
    if not os.environ.get(general):
        return standard or general
    hosts = _target_hosts(host) if among is None else {name for name in among if not is_here(name)}
    if (hosts == {host}) or (is_here(host) and not hosts):
        return general
    if standard in os.environ or is_here(host):
        return standard
    count = f"{len(hosts)} ({', '.join(sorted(hosts))})" if hosts else "none"
    raise BadInput(
        f"{address}: ${general} goes to one remote host only, and {count} is named: put the key for this one into ${own_name}, "
        "which may be empty where the server wants none"
    )


def _target_hosts(host: str) -> set[str]:
    """Return the remote hosts that `AHA_API_KEY` may be for: the command's, or, within a program, the first that requested it."""
    if _hosts is not None:
        return _hosts
    if not is_here(host):
        _receivers.add(host)
    return _receivers
