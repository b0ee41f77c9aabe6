"""Where a server is, what its model is called, and the key it wants: from a name that a person typed and the environment."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from aha.errors import BadInput
from aha.protocols import ChatOptions
from aha.redact import mask
from aha.redact.keys import host_of, is_here, key_for, own_variable

FORM = "a server is written http://host:port/v1#name-of-the-model"


@dataclass(frozen=True)
class Endpoint:
    """`url` ends where `/chat/completions` follows; `model` is empty where the server's only one is meant."""

    url: str
    model: str = ""

    @classmethod
    def read(cls, name: str) -> Endpoint:
        """From `http://host:port/v1#name-of-the-model`. BadInput where it is none, or where a key stands in it."""
        address, _, model = name.partition("#")
        try:
            parts = urlsplit(address)
            port = parts.port
        except ValueError as error:
            raise BadInput(f"{mask(address)}: {error}; {FORM}") from None
        if parts.username or parts.password:
            variable = own_variable(parts.hostname or "")
            raise BadInput(
                f"{mask(address)}: a name or a key stands in it, where logs and process lists show it; put the key into ${variable}"
            )
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or port == 0:
            raise BadInput(f"{mask(address)}: no server's address; {FORM}")
        path = parts.path.rstrip("/").removesuffix("/chat/completions")
        return cls(f"{parts.scheme}://{parts.netloc}{path or '/v1'}", model)

    @property
    def root(self) -> str:
        """Where what stands beside the API begins."""
        return self.url.removesuffix("/v1")

    @property
    def host(self) -> str:
        return host_of(self.url)

    @property
    def is_here(self) -> bool:
        """Whether it is this machine, so that no proxy can help."""
        return is_here(self.host)

    def key(self, options: ChatOptions) -> str:
        """The server's key, from the environment only; empty where there is none. BadInput where one was meant and cannot be sent."""
        return key_for(self.url, options.key_variable)
