"""What must not be written down: values that this process knows to be secret, and text that has the form of a key.

A value is known by the name of the variable that holds it, or by where it stands: in a URL before the `@`, in `.env`, `.netrc` or the
hub's token file, or because a key's reader said so. Records of a run have known values hidden and are otherwise as they were, to the bit;
what is told to a person, and the manifest, lose whatever looks like a key as well.
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
from aha.plain import one_line, plain

HIDDEN = "[hidden]"
SHORTEST = 8  # what is shorter stands in innocent text as well
LONG = 12
LARGEST_FILE = 65_536
CLIP_LETTERS = 1_000_000
TEXT_LOOK = 4096  # bytes in which a file that is no text has a zero

SECRET_NAME = re.compile(r"(?i)secret|passw|api_?key|token(?!iz)|credential|(?:^|[_-])(?:key|auth|pass|pat|cookie|headers?)(?:[_-]|$)")
PAIR = re.compile(r"""([\w.-]+)["']?[ \t]*[=: \t][ \t]*["']?([^\s"']+)""")  # of .env and of .netrc
EXPORT = re.compile(r"(?m)^\s*export\s+")
USERINFO = re.compile(r"""(?<=://)[^\s/@'"]+(?=@)""")
FORMS = re.compile(
    r"""(?<=://)[^\s/@'"]+(?=@)"""
    r"|\b(?:sk|rk|pk)-[\w-]{16,}|\bhf_\w{16,}|\bgh[opsur]_\w{20,}|\bgithub_pat_\w{20,}|\bxox[abprs]-[\w-]{10,}|\bAKIA[0-9A-Z]{16}\b"
    r"|\bAIza[\w-]{30,}|(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}"
    r"""|(?i:(?<=bearer )|(?<=basic ))(?=[^\s"']*\d)[\w.~+/=-]{16,}"""
)
SECRET_ARGUMENT = re.compile(
    r"""(?i)((?:api|access|secret|private)[_-]?key|passw(?:or)?d|secret|auth[_-]?token|authorization)(["']?\s*[:=]\s*)(["'])(.{4,}?)\3"""
)
FLAG = re.compile(r"(?i)^--?(?:\S*[._-])?(?:api-?_?key|password|secret|token)(=|$)")
SETTING = re.compile(r"(?i)(?:^|[._-])(?:api_?key|password|secret|access_token|auth_token)$")


class Secrets:
    """Values to hide, in every spelling in which a file may hold them: as they are, as JSON, in a URL, in HTML, in base64."""

    def __init__(self, values: Iterable[str]) -> None:
        self.values = frozenset(values)

    def __repr__(self) -> str:
        return f"Secrets({len(self.values)})"

    def and_also(self, values: Iterable[str]) -> Secrets:
        return Secrets({*self.values, *values})

    def hide(self, text: str) -> str:
        """The same text, the same object even, where it holds none of them."""
        for marker, pattern in self._patterns:
            if marker in text and pattern.search(text):
                text = pattern.sub(HIDDEN, text)
        return text

    def hide_bytes(self, data: bytes) -> bytes:
        """The same of what is to stand in a file; what is packed or no text is as it was."""
        if b"\0" in data[:TEXT_LOOK] or not any(marker in data for marker in self._markers):
            return data
        return self.hide(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    @cached_property
    def _patterns(self) -> list[tuple[str, re.Pattern[str]]]:
        """A part that every spelling has in common, by which most texts are done with, and the pattern; longest first, since one value
        may hold another."""
        spelled = [(_longest_word(value), _spellings(value)) for value in sorted(self.values, key=lambda secret: (-len(secret), secret))]
        coded = [(text, re.escape(text)) for value in sorted(self.values) if len(value) >= LONG for text in _encodings(value)]
        return [(marker, re.compile(pattern)) for marker, pattern in (*spelled, *coded)]

    @cached_property
    def _markers(self) -> list[bytes]:
        return [marker.encode("utf-8", "surrogateescape") for marker, _ in self._patterns]


def _longest_word(value: str) -> str:
    """Return the longest part that no encoder writes otherwise; empty where there is none."""
    return max(re.findall(r"[A-Za-z0-9]+", value), key=len, default="")


def _spellings(value: str) -> str:
    """Return a pattern for a value of which each sign that is no letter may be written in its own way: as it is, behind backslashes, as
    JSON, Python, a URL or HTML has it."""
    return "".join(letter if letter.isascii() and letter.isalnum() else _letter(letter) for letter in value)


def _letter(letter: str) -> str:
    coded = letter.encode("utf-8", "replace")
    units = [int.from_bytes(pair, "big") for pair in _pairs(letter.encode("utf-16-be", "replace"))]
    forms = [
        re.escape(letter),
        "(?i:" + "".join(f"%{byte:02x}" for byte in coded) + ")",
        "(?i:" + "".join(rf"\\+u{unit:04x}" for unit in units) + ")",
        "(?i:" + "".join(rf"\\+x{byte:02x}" for byte in coded) + ")",
        rf"&#0*{ord(letter)};|(?i:&#x0*{ord(letter):x};)",
        rf"\\+{re.escape(letter)}",
    ]
    forms += [f"&{name};?" for name, meaning in html.entities.html5.items() if meaning == letter and name.isalpha()]
    return f"(?:{'|'.join(forms)}{'|[+]' * (letter == ' ')})"


def _pairs(data: bytes) -> Iterator[bytes]:
    yield from (data[place : place + 2] for place in range(0, len(data), 2))


def _encodings(value: str) -> Iterator[str]:
    """Yield a value in hexadecimal digits, and in base64, alone or behind the name of `user:key`."""
    coded = value.encode("utf-8", "replace")
    yield from (coded.hex(), coded.hex().upper())
    for start in range(3):  # base64 has three spellings, by where the value begins; what its neighbours share in is cut off
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(b"\0" * start + coded).decode()[(0, 2, 3)[start] :].rstrip("=")[:-1]


# --- where they are found ---------------------------------------------------------------------------------------------


def find_secrets(environ: Mapping[str, str], folder: Path, home: Path) -> Secrets:
    """The secrets of an environment, of `.env` in `folder`, and of the files in `home` that hold some."""
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
    """Whether it can be told from a word, a number, a path or a name that anybody may write."""
    plain = value.isalpha() and (value.islower() or value.isupper() or value.istitle()) and len(value) < LONG
    return len(value) >= SHORTEST and not plain and not value.replace(".", "").isdigit() and not value.startswith(("/", "~", "./"))


def _read(path: Path) -> str:
    try:
        with path.expanduser().open("rb") as file:
            return file.read(LARGEST_FILE).decode("utf-8", "replace")
    except (OSError, RuntimeError):  # none there, or not ours to read, or no home
        return ""


_values: set[str] = set()
_cache: list[Secrets] = []


def look(
    words: Iterable[str] = (), environ: Mapping[str, str] | None = None, folder: Path | None = None, home: Path | None = None
) -> Secrets:
    """Looks again for what this process has to keep to itself, as a command does when it starts; `words` are its own."""
    secrets = find_secrets(os.environ if environ is None else environ, folder or Path(), home or Path(os.path.expanduser("~")))
    _cache[:] = [secrets.and_also({*_values, *(value for word in words for value in _secret_forms(word))})]
    return _cache[0]


def learn(*values: str) -> None:
    """These are secret too, wherever they came from. What is shorter than a key (`EMPTY`, `none`) is none."""
    _values.update(value for value in values if len(value) >= SHORTEST)
    _cache[:] = [all_secrets().and_also(_values)]


def learn_from(text: str) -> None:
    """Whatever in it has the form of a key is secret: a recipe's source, a command line."""
    learn(*_secret_forms(text))


def _secret_forms(text: str) -> Iterator[str]:
    yield from _user_parts(text)
    yield from FORMS.findall(text)
    yield from (secret for _, _, _, secret in SECRET_ARGUMENT.findall(text))


def all_secrets() -> Secrets:
    """What this process has to keep to itself."""
    return _cache[0] if _cache else look()


# --- what is done with them -------------------------------------------------------------------------------------------


def hide(text: str) -> str:
    """Without the values that are known to be secret; otherwise as it was."""
    return all_secrets().hide(text)


def hide_bytes(data: bytes) -> bytes:
    """The same of the bytes of a file."""
    return all_secrets().hide_bytes(data)


def mask(text: str) -> str:
    """Without what is known to be secret and without what has the form of it."""
    return SECRET_ARGUMENT.sub(rf"\1\2\3{HIDDEN}\3", FORMS.sub(HIDDEN, hide(text)))


def clip(text: str, most: int = 200) -> str:
    """A text from outside as a message may hold it: rid of secrets before it is cut, so that no part of one is left; in one line. Of a
    longer text only the first million letters are looked at, where they come to so many: fifty million took more than 20 s."""
    line = one_line(mask(text[:CLIP_LETTERS]), most)
    return line if len(line) >= most or len(text) <= CLIP_LETTERS else one_line(mask(text), most)


def mask_words(words: Iterable[str]) -> tuple[str, ...]:
    """A command line, the value after a flag such as `--api-key` hidden."""
    masked: list[str] = []
    follows = False  # whether the word before is a flag whose value is a key
    for word in words:
        flag = FLAG.match(word)
        if flag and flag[1]:
            masked.append(f"{word.partition('=')[0]}={HIDDEN}")
        else:
            masked.append(HIDDEN if follows and not word.startswith("--") else mask(word))
        follows = flag is not None and not flag[1]
    return tuple(masked)


def mask_setting(path: str, value: Any) -> Any:
    """A setting's plain value as a manifest may show it."""
    match value:
        case str():
            return HIDDEN if value and SETTING.search(path) else mask(value)
        case list() | tuple():
            return [mask_setting(path, item) for item in value]
    return value


def hide_tree(value: Any) -> Any:
    """Plain JSON values with the known secrets in their strings hidden."""
    match value:
        case str():
            return hide(value)
        case Mapping():
            return {hide(key): hide_tree(item) for key, item in value.items()}
        case list() | tuple():
            return [hide_tree(item) for item in value]
    return value


class _GuardedStream:
    """A stream that rids each text of what is secret and spells out what a terminal would obey; in all else the stream it stands for.
    DiskTrouble where nothing can be written to it, as on a full disk."""

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
        """The same for texts of our own, which may have colours."""
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
    """The stream for what we colour ourselves."""
    return cast(TextIO, stream.for_styles()) if isinstance(stream, _GuardedStream) else stream


@contextmanager
def guarded_output(words: Iterable[str]) -> Iterator[None]:
    """While it lasts, nothing secret leaves through stdout or stderr, whoever prints it. Results, on stdout, are changed by nothing but
    known values."""
    look(words)
    out, err = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = cast(TextIO, _GuardedStream(out, hide, "stdout")), cast(TextIO, _GuardedStream(err, mask, "stderr"))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = out, err
