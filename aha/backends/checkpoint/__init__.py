"""A model's files, read as untrusted data: they are checked as a whole before the first number of a weight is read.

Libraries that read untrusted files may raise any exception: `errors_at` makes one line of it that names the place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aha.errors import AhaError, BadInput

LONGEST = 240  # characters of a reason
SHORT = 3  # a message of so few words says little without the kind of the error


@contextmanager
def errors_at(place: str) -> Iterator[None]:
    """Raise BadInput, in one line that begins with `place`, for any exception in this context; our own errors and interrupts pass.

    A panic in the Rust code of tokenizers and safetensors is not an `Exception`."""
    try:
        yield
    except AhaError:
        raise
    except Exception as error:
        raise BadInput(f"{place}: {reason(error)}") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise BadInput(f"{place}: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """Return an error's message in one line, after its kind if the message alone says little."""
    words = " ".join(str(error).split())
    words = words if len(words) <= LONGEST else words[:LONGEST] + " …"
    if not words:
        return type(error).__name__
    alone = len(words.split()) >= SHORT and not isinstance(error, LookupError)
    return words if alone else f"{type(error).__name__}: {words}"
