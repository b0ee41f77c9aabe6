"""Redaction: values that this process knows to be secret, and text in the form of a key, are not written to disk or shown.

A secret is known by the name of its variable, or by its place: in a URL before the `@`, in `.env`, `.netrc` or the hub's token file, or
from the code that reads a key. In records of a run known values are hidden and all else is unchanged, to the bit; from texts for people,
and from the manifest, all text in the form of a key is removed too.
"""

from __future__ import annotations

import base64
import html.entities
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, TextIO, cast
from urllib.parse import unquote

from aha.errors import DiskTrouble
from aha.lazy import lazy_pattern
from aha.plain import one_line, plain

HIDDEN = "[hidden]"
SHORTEST = 8  # shorter values occur in innocent text as well
LONG = 12
LARGEST_FILE = 65_536
CLIP_LETTERS = 1_000_000
TEXT_LOOK = 4096  # bytes among which a file that is not text has a zero

SECRET_NAME = lazy_pattern(r"(?i)secret|passw|api_?key|token(?!iz)|credential|(?:^|[_-])(?:key|auth|pass|pat|cookie|headers?)(?:[_-]|$)")
PAIR = lazy_pattern(r"""([\w.-]+)["']?[ \t]*[=: \t][ \t]*["']?([^\s"']+)""")  # of .env and of .netrc
EXPORT = lazy_pattern(r"(?m)^\s*export\s+")
USERINFO = lazy_pattern(r"""(?<=://)[^\s/@'"]+(?=@)""")
FORMS = lazy_pattern(
    r"""(?<=://)[^\s/@'"]+(?=@)"""
    r"|\b(?:sk|rk|pk)-[\w-]{16,}|\bhf_\w{16,}|\bgh[opsur]_\w{20,}|\bgithub_pat_\w{20,}|\bxox[abprs]-[\w-]{10,}|\bAKIA[0-9A-Z]{16}\b"
    r"|\bAIza[\w-]{30,}|(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}"
    r"""|(?i:(?<=bearer )|(?<=basic ))(?=[^\s"']*\d)[\w.~+/=-]{16,}"""
)
SECRET_ARGUMENT = lazy_pattern(
    r"""(?i)((?:api|access|secret|private)[_-]?key|passw(?:or)?d|secret|auth[_-]?token|authorization)(["']?\s*[:=]\s*)(["'])(.{4,}?)\3"""
)
FLAG = lazy_pattern(r"(?i)^--?(?:\S*[._-])?(?:api-?_?key|password|secret|token)(=|$)")
SETTING = lazy_pattern(r"(?i)(?:^|[._-])(?:api_?key|password|secret|access_token|auth_token)$")


class Secrets:
    """Values to hide, in every spelling that a file may use: plain, as JSON, in a URL, in HTML, in base64."""

    def __init__(self, values: Iterable[str]) -> None:
        self.values = frozenset(values)

    def __repr__(self) -> str:
        return f"Secrets({len(self.values)})"

    def and_also(self, values: Iterable[str]) -> Secrets:
        return Secrets({*self.values, *values})

    def hide(self, text: str) -> str:
        """Return the text with the values hidden; a text without any is returned as the same object."""
        for marker, pattern in self._patterns:
            if marker in text and pattern.search(text):
                text = pattern.sub(HIDDEN, text)
        return text

    def hide_bytes(self, data: bytes) -> bytes:
        """Return a file's bytes with the values hidden; compressed or other non-text data is unchanged."""
        if b"\0" in data[:TEXT_LOOK] or not any(marker in data for marker in self._markers):
            return data
        return self.hide(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    @cached_property
    def _patterns(self) -> list[tuple[str, re.Pattern[str]]]:
        """Pairs of a part common to all spellings, as a quick test, and the pattern; longest first, since one value may contain another."""
        spelled = [(_longest_word(value), _spellings(value)) for value in sorted(self.values, key=lambda secret: (-len(secret), secret))]
        encodings = [(text, re.escape(text)) for value in sorted(self.values) if len(value) >= LONG for text in _encodings(value)]
        return [(marker, re.compile(pattern)) for marker, pattern in (*spelled, *encodings)]

    @cached_property
    def _markers(self) -> list[bytes]:
        return [marker.encode("utf-8", "surrogateescape") for marker, _ in self._patterns]


def _longest_word(value: str) -> str:
    """Return the longest part that no encoding changes; empty if there is none."""
    return max(re.findall(r"[A-Za-z0-9]+", value), key=len, default="")


def _spellings(value: str) -> str:
    """Return a pattern for a value in which each character but ASCII letters and digits may be plain, behind backslashes, or encoded as in
    JSON, Python, a URL or HTML."""
    return "".join(letter if letter.isascii() and letter.isalnum() else _letter(letter) for letter in value)


def _letter(letter: str) -> str:
    octets = letter.encode("utf-8", "replace")
    units = [int.from_bytes(pair, "big") for pair in _pairs(letter.encode("utf-16-be", "replace"))]
    forms = [
        re.escape(letter),
        "(?i:" + "".join(f"%{byte:02x}" for byte in octets) + ")",
        "(?i:" + "".join(rf"\\+u{unit:04x}" for unit in units) + ")",
        "(?i:" + "".join(rf"\\+x{byte:02x}" for byte in octets) + ")",
        rf"&#0*{ord(letter)};|(?i:&#x0*{ord(letter):x};)",
        rf"\\+{re.escape(letter)}",
    ]
    forms += [f"&{name};?" for name, meaning in html.entities.html5.items() if meaning == letter and name.isalpha()]
    return f"(?:{'|'.join(forms)}{'|[+]' * (letter == ' ')})"


def _pairs(data: bytes) -> Iterator[bytes]:
    yield from (data[place : place + 2] for place in range(0, len(data), 2))


def _encodings(value: str) -> Iterator[str]:
    """Yield a value in hexadecimal digits, and in base64, alone or after the name in `user:key`."""
    octets = value.encode("utf-8", "replace")
    yield from (octets.hex(), octets.hex().upper())
    for start in range(3):  # base64 has three spellings, by the value's offset; the letters shared with its neighbours are cut off
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(b"\0" * start + octets).decode()[(0, 2, 3)[start] :].rstrip("=")[:-1]


# --- finding secrets --------------------------------------------------------------------------------------------------


def find_secrets(environ: Mapping[str, str], folder: Path, home: Path) -> Secrets:
    """Return the secrets of an environment, of `.env` in `folder`, and of the files in `home` that hold some."""
    values = {value for name, text in environ.items() for value in _of(name, text)}
    hub = Path(environ.get("HF_HOME", home / ".cache" / "huggingface"))
    token_files = (Path(environ.get("HF_TOKEN_PATH", hub / "token")), home / ".cache" / "huggingface" / "token")
    values |= {word for path in token_files for word in _read(path).split() if _is_secret(word)}
    pairs = (folder / ".env", folder / ".env.local", Path(environ.get("NETRC", home / ".netrc")), home / ".git-credentials")
    for text in (EXPORT.sub("", _read(path)) for path in pairs):
        values |= {value for name, secret in PAIR.findall(text) for value in _of(name, secret)}
        values |= set(_user_parts(text))
    return Secrets(values)


def _of(name: str, text: str) -> Iterator[str]:
    yield from _user_parts(text)
    if SECRET_NAME.search(name) and "://" not in text:
        yield from filter(_is_secret, {text.strip(), *re.split(r"[\s,;=]+", text)})


def _user_parts(text: str) -> Iterator[str]:
    for part in USERINFO.findall(text):
        user, _, password = part.partition(":")
        yield from filter(_is_secret, {password, unquote(password)} if password else {user})


def _is_secret(value: str) -> bool:
    """Return True if the value differs from any word, number, path or name that anybody may write."""
    plain = value.isalpha() and (value.islower() or value.isupper() or value.istitle()) and len(value) < LONG
    return len(value) >= SHORTEST and not plain and not value.replace(".", "").isdigit() and not value.startswith(("/", "~", "./"))


def _read(path: Path) -> str:
    try:
        with path.expanduser().open("rb") as file:
            return file.read(LARGEST_FILE).decode("utf-8", "replace")
    except (OSError, RuntimeError):  # the file is missing, not readable, or there is no home
        return ""


_values: set[str] = set()
_cache: list[Secrets] = []


def look(
    words: Iterable[str] = (), environ: Mapping[str, str] | None = None, folder: Path | None = None, home: Path | None = None
) -> Secrets:
    """Find the secrets of this process anew, as each command does at its start; `words` is its command line."""
    secrets = find_secrets(os.environ if environ is None else environ, folder or Path(), home or Path(os.path.expanduser("~")))
    _cache[:] = [secrets.and_also({*_values, *(value for word in words for value in _secret_forms(word))})]
    return _cache[0]


def learn(*values: str) -> None:
    """Add secret values from any source. A value shorter than a key (`EMPTY`, `none`) is not a secret."""
    _values.update(value for value in values if len(value) >= SHORTEST)
    _cache[:] = [all_secrets().and_also(_values)]


def learn_from(text: str) -> None:
    """Add every part of a text in the form of a key as a secret: of a recipe's source or a command line."""
    learn(*_secret_forms(text))


def _secret_forms(text: str) -> Iterator[str]:
    yield from _user_parts(text)
    yield from FORMS.findall(text)
    yield from (secret for _, _, _, secret in SECRET_ARGUMENT.findall(text))


def all_secrets() -> Secrets:
    """Return the secrets of this process."""
    return _cache[0] if _cache else look()


# --- hiding secrets ---------------------------------------------------------------------------------------------------


def hide(text: str) -> str:
    """Return the text with the known secrets hidden, otherwise unchanged."""
    return all_secrets().hide(text)


def hide_bytes(data: bytes) -> bytes:
    """Return a file's bytes with the known secrets hidden."""
    return all_secrets().hide_bytes(data)


def mask(text: str) -> str:
    """Return the text without the known secrets and without any text in the form of one."""
    return SECRET_ARGUMENT.sub(rf"\1\2\3{HIDDEN}\3", FORMS.sub(HIDDEN, hide(text)))


def clip(text: str, most: int = 200) -> str:
    """Return an outside text in one line for a message: masked before it is cut, so that no part of a secret is left. Only the first
    million letters are read if they suffice: fifty million took more than 20 s."""
    line = one_line(mask(text[:CLIP_LETTERS]), most)
    return line if len(line) >= most or len(text) <= CLIP_LETTERS else one_line(mask(text), most)


def mask_words(words: Iterable[str]) -> tuple[str, ...]:
    """Return a command line with the value after a flag such as `--api-key` hidden."""
    masked: list[str] = []
    follows = False  # True if the previous word is a flag whose value is a key
    for word in words:
        flag = FLAG.match(word)
        if flag and flag[1]:
            masked.append(f"{word.partition('=')[0]}={HIDDEN}")
        else:
            masked.append(HIDDEN if follows and not word.startswith("--") else mask(word))
        follows = flag is not None and not flag[1]
    return tuple(masked)


def mask_setting(path: str, value: Any) -> Any:
    """Return a setting's plain value as a manifest may show it."""
    match value:
        case str():
            return HIDDEN if value and SETTING.search(path) else mask(value)
        case list() | tuple():
            return [mask_setting(path, item) for item in value]
    return value


def hide_tree(value: Any) -> Any:
    """Return plain JSON values with the known secrets in their strings hidden."""
    match value:
        case str():
            return hide(value)
        case Mapping():
            return {hide(key): hide_tree(item) for key, item in value.items()}
        case list() | tuple():
            return [hide_tree(item) for item in value]
    return value


class _GuardedStream:
    """A stream that removes secrets and escapes control characters in each text; otherwise it acts as the stream behind it. DiskTrouble if
    nothing can be written to it, as on a full disk."""

    def __init__(self, stream: TextIO, rid: Callable[[str], str], name: str, styled: bool = False) -> None:
        self._stream, self._rid, self._name, self._has_style = stream, rid, name, styled

    def write(self, text: str) -> int:
        with self._mask_on_failure():
            self._stream.write(plain(self._rid(text), self._has_style))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        with self._mask_on_failure():
            self._stream.flush()

    def for_styles(self) -> _GuardedStream:
        """Return the stream for texts of our own, which may have colours."""
        return _GuardedStream(self._stream, self._rid, self._name, styled=True)

    @contextmanager
    def _mask_on_failure(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            raise DiskTrouble(f"{self._name}: {error.strerror}; what was to be written there is lost, and nothing else") from None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def with_styles(stream: TextIO) -> TextIO:
    """Return the stream for text that we colour ourselves."""
    return cast(TextIO, stream.for_styles()) if isinstance(stream, _GuardedStream) else stream


@contextmanager
def guarded_output(words: Iterable[str]) -> Iterator[None]:
    """Keep secrets off stdout and stderr in this context, whatever code prints them. Results, on stdout, lose only known values."""
    look(words)
    out, err = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = cast(TextIO, _GuardedStream(out, hide, "stdout")), cast(TextIO, _GuardedStream(err, mask, "stderr"))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = out, err
