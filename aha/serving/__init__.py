"""The servers that answer over HTTP, and the error for a request that they refuse."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """A request is refused with an HTTP status. `param` names the wrong parameter, `code` gives a program the reason."""

    def __init__(
        self, status: int, message: str, param: str | None = None, code: str | None = None, kind: str = "invalid_request_error"
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code, self.kind = status, message, param, code, kind

    def body(self) -> dict[str, Any]:
        """Return the error as JSON in OpenAI's form, with the message a second time where SandboxFusion's clients look for it."""
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return {"error": error, "message": self.message}
