"""What a library makes of data that nobody vouches for: whatever it raises becomes one line that names the place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aha.errors import AhaError, BadInput

LONGEST = 240  # characters of a reason
SHORT = 3  # words that say little without the kind of the error


@contextmanager
def errors_at(place: str) -> Iterator[None]:
    """BadInput, in one line that begins with `place`, for whatever is raised inside; our own errors and interrupts pass.

    A panic of the Rust below tokenizers and safetensors is no `Exception`."""
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
    """Return the words of an error in one line, its kind before them where they mean little alone."""
    words = " ".join(str(error).split())
    words = words if len(words) <= LONGEST else words[:LONGEST] + " …"
    if not words:
        return type(error).__name__
    alone = len(words.split()) >= SHORT and not isinstance(error, LookupError)
    return words if alone else f"{type(error).__name__}: {words}"
