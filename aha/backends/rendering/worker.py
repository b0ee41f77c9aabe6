"""The worker process for the programs in a model's files other than its weights. It is run by path and imports nothing of the package.

`worker.py MEMORY` renders chat templates, one request after another, until its input ends.

A request and an answer are each four bytes with a length, and so many bytes of JSON: `{"template", "values", "seconds", "letters"}`, then
`{"text"}` or `{"error"}`; without values `{"names"}`, the variables that the template reads. The kernel kills a process that takes more
processor time than `seconds`.

`worker.py MEMORY SECONDS FILE` tries a tokenizer.json, which is in effect a program: a step of it may write a page for each letter, and a
table of it may make the library end the process. The answer is a line of JSON, a text that names the problem, or null; there is none if the
process was killed.
"""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

from jinja2 import Environment, Template, TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.meta import find_undeclared_variables
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

# Some templates write today's date: a run resumed tomorrow would have other prompts. Here the date is always the one that
# Llama 3's templates write without a clock; a template with an option for the date can get another one.
DAY = datetime(2024, 7, 26, tzinfo=UTC)
GROWTH = 64  # letters that steps may write for one letter
PREFIX = 1_000  # the most letters, or tokens, put before every text
PROBE = "Hello, world! it's 3.14159\t\n\n    x = [a_b, {}]\r\n你好 Привет مرحبا é e\u0301 ﬁ ﷺ \u200b\u00a0 👩‍👩‍👧 <|end|> " + "a" * 200


class TooLong(Exception):
    """The error of a template that writes more than the limit."""


class Generation(Extension):
    """The tag `{% generation %}`, which marks the assistant's text for training masks; here only its body is written."""

    tags = frozenset({"generation"})  # type: ignore[assignment]

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class Notes(Namespace):
    """The `namespace()` of templates, without access to Python's own names."""

    def __init__(*args: Any, **values: Any) -> None:
        Namespace.__init__(*args, **values)
        for name in dict(*args[1:], **values):
            _refuse_private(name)

    def __setitem__(self, name: str, value: Any) -> None:
        _refuse_private(name)
        super().__setitem__(name, value)


def _refuse_private(name: object) -> None:
    if str(name).startswith("_"):
        raise SecurityError(f"a namespace holds no {name!r}")


def _raise(message: object) -> NoReturn:
    raise TemplateError(str(message))


def _json(value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _day(form: str) -> str:
    return DAY.strftime(form)


def environment() -> Environment:
    """Return the environment that a chat template can expect, as in transformers."""
    sandbox = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    sandbox.filters["tojson"] = _json
    sandbox.globals |= {"raise_exception": _raise, "strftime_now": _day, "namespace": Notes}
    return sandbox


@lru_cache(maxsize=8)
def compile_template(text: str) -> Template:
    """Return the compiled template; each is compiled once."""
    return environment().from_string(text)


def write(template: str, values: dict[str, Any], letters: int) -> str:
    """Return the output of a template. TooLong if it has more than so many letters."""
    pieces, size = list[str](), 0
    for piece in compile_template(template).generate(values):
        size += len(piece)
        if size > letters:
            raise TooLong(f"it writes more than {letters:,} letters")
        pieces.append(piece)
    return "".join(pieces)


def names(template: str) -> list[str]:
    """Return the variables that a template reads and does not set."""
    return sorted(find_undeclared_variables(environment().parse(template)))


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Return the text, or the reason why there is none: a template may raise anything."""
    signal.setitimer(signal.ITIMER_PROF, request["seconds"])
    try:
        if "values" not in request:
            return {"names": names(request["template"])}
        return {"text": write(request["template"], request["values"], request["letters"])}
    except (TemplateError, TooLong) as error:
        return {"error": str(error)}
    except MemoryError:
        return {"error": "it takes more memory than it may"}
    except BaseException as error:
        return {"error": f"{type(error).__name__}: {error}"}
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def warm_up() -> None:
    """Use every filter and every way to fail once: after `confine`, Python and jinja can no longer open what they load on first use."""
    _day("%c")
    filters = [f"{{{{ x | {name} }}}}" for name in environment().filters]
    for text in (
        *filters,
        "{{ '\\n' }}",
        "{{ 1 / 0 }}",
        "{{ raise_exception('') }}",
        "{% if %}",
        "{% for a in x %}{% break %}{% endfor %}",
    ):
        answer({"template": text, "values": {"x": "a b"}, "seconds": 1, "letters": 99})
    names("{{ x }}")


def confine(memory: int) -> None:
    """Limit the memory to so many bytes, and open nothing from now on: no file, no socket, no program."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    for limit, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_NOFILE, 3)):
        resource.setrlimit(limit, (most, most))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C is for the parent; this process ends with its input


def read(size: int) -> bytes:
    """Return so many bytes of the input, fewer at its end."""
    data = b""
    while len(data) < size and (piece := os.read(0, size - len(data))):
        data += piece
    return data


# --- tokenizers -------------------------------------------------------------------------------------------------------


class Unusable(Exception):
    """The error of a tokenizer that would do more than any tokenizer should."""


def steps(step: Any) -> Iterator[dict[str, Any]]:
    """Yield the steps of a normalizer or decoder, including those within a sequence."""
    if not isinstance(step, dict):
        return
    inner = next((step[name] for name in ("normalizers", "decoders") if isinstance(step.get(name), list)), None)
    if inner is None:
        yield step
    for part in inner or ():
        yield from steps(part)


def growth(step: dict[str, Any]) -> float:
    """Return the most letters that a step may write for one."""
    content, pattern = step.get("content"), step.get("pattern")
    if step.get("type") != "Replace" or not isinstance(content, str) or not isinstance(pattern, dict):
        return 1.0
    if isinstance(text := pattern.get("String"), str) and text:
        return max(1.0, len(content) / len(text))
    return max(1.0, len(content)) + (len(content) if matches_nothing(pattern.get("Regex")) else 0)


def matches_nothing(pattern: object) -> bool:
    """Return True if an expression may match the empty text, as far as is known."""
    try:
        return re.search(str(pattern), "") is not None
    except (re.error, OverflowError, RecursionError):
        return True


def check_steps(name: str, step: Any) -> None:
    """Refuse steps that write many letters for one, or many before the text."""
    times, before = 1.0, 0
    for part in steps(step):
        times *= growth(part)
        before += len(str(part.get("prepend", "")))
        if times > GROWTH:
            raise Unusable(f"its {name} may write more than {GROWTH} letters for one")
        if before > PREFIX:
            raise Unusable(f"its {name} writes more than {PREFIX:,} letters before a text")


def check_model(model: object) -> None:
    """Refuse a model with random results."""
    if isinstance(model, dict) and model.get("dropout"):
        raise Unusable("its model has a dropout: it would tokenize the same text differently each time; set it to null")


def check_use(text: str) -> None:
    """Refuse a tokenizer that cannot encode and decode a text."""
    from tokenizers import Tokenizer  # loaded late: heavy, and not needed for templates

    tokenizer = Tokenizer.from_str(text)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if len(tokenizer.encode("").ids) > PREFIX:
        raise Unusable(f"it puts more than {PREFIX:,} tokens before or after every text")
    for probe in ("a", PROBE):
        tokenizer.decode(tokenizer.encode(probe).ids, skip_special_tokens=False)


def trouble(path: Path) -> str | None:
    """Return the problem of the tokenizer in a file; None if there is none."""
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text)
        if not isinstance(document, dict):
            raise Unusable("it is no JSON object")
        for name in ("normalizer", "decoder"):
            check_steps(name, document.get(name))
        check_model(document.get("model"))
        del document
        check_use(text)
    except MemoryError:
        return "it takes more memory than it may"
    except Unusable as error:
        return str(error)
    except Exception as error:
        return str(error) or type(error).__name__
    except BaseException as panic:  # a panic of the Rust code
        return f"{type(panic).__name__}: {panic}"
    return None


def try_tokenizer(memory: int, seconds: int, path: Path) -> None:
    """Write the problem of a tokenizer, found within the limits."""
    for limit, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0)):
        set_before = resource.getrlimit(limit)[1]
        least = most if set_before == resource.RLIM_INFINITY else min(most, set_before)
        resource.setrlimit(limit, (least, least))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print(json.dumps(trouble(path)), flush=True)


def render_all(memory: int) -> None:
    """Answer until the input ends."""
    warm_up()
    confine(memory)
    while len(head := read(4)) == 4:
        request = json.loads(read(int.from_bytes(head, "big")))
        data = json.dumps(answer(request)).encode()
        view = memoryview(len(data).to_bytes(4, "big") + data)
        while view:
            view = view[os.write(1, view) :]


def main() -> None:
    """Try a tokenizer, or render until the input ends."""
    if len(sys.argv) > 2:
        try_tokenizer(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
    else:
        render_all(int(sys.argv[1]))


if __name__ == "__main__":
    main()
