"""What others ask over HTTP.

A request that gets no reply, and why.
"""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """A request is refused with an HTTP status. `param` names the parameter that is wrong, `code` the reason for a program."""

    def __init__(
        self, status: int, message: str, param: str | None = None, code: str | None = None, kind: str = "invalid_request_error"
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code, self.kind = status, message, param, code, kind

    def body(self) -> dict[str, Any]:
        """The error as JSON in OpenAI's form, with the message once more where SandboxFusion's clients look for it."""
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return {"error": error, "message": self.message}
