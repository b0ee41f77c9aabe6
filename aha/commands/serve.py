"""`aha serve`: a model behind HTTP in OpenAI's form, for any client that speaks it."""

from __future__ import annotations

import os
import queue
import signal
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from aha.commands.arguments import check_model
from aha.commands.terminal import COUNT, FROM_ONE, PORT, Command, NumberFlag, Terminal, refuse_rest
from aha.errors import LARGEST, BadInput, Between, Interruption
from aha.protocols import Compute, Sampling
from aha.serving.chat.model import open_model

if TYPE_CHECKING:
    from aha.serving.access import AccessRules

KEY = "AHA_SERVE_KEY"
EXIT = {signal.SIGINT: 130, signal.SIGTERM: 143}
LOOK_S = 0.5
FORMS = ("auto", "chat", "short", "r1-zero")


def model_flags(parser: ArgumentParser, most: int = 32_768) -> None:
    """Add the flags for the prompt template, the sampling and the device."""
    parser.add_argument(
        "--template", choices=FORMS, default="auto", help="the prompt template; auto (default): the model's own chat template"
    )
    parser.add_argument(
        "--max-tokens",
        type=FROM_ONE,
        default=most,
        metavar="N",
        help=f"the most tokens of a reply, if the request sets no limit (default: {most})",
    )
    parser.add_argument(
        "--temperature",
        type=NumberFlag(Between(0, 2)),
        default=0.6,
        metavar="T",
        help="the sampling temperature, if the request sets none (default: 0.6)",
    )
    parser.add_argument(
        "--top-p",
        type=NumberFlag(Between(0, 1), above=True),
        default=0.95,
        metavar="P",
        help="top-p of the sampling, if the request sets none (default: 0.95)",
    )
    parser.add_argument("--device", default="auto", help="the device: auto (default), cpu or cuda")
    parser.add_argument(
        "--dtype", choices=("float32", "bfloat16"), default="float32", help="the data type of the computation (default: float32)"
    )
    parser.add_argument("--seed", type=COUNT, default=0, metavar="N", help="the random seed, if the request sets none (default: 0)")


def flags(parser: ArgumentParser) -> None:
    """Add the flags of the server."""
    parser.add_argument("--model", metavar="DIR", required=True, help="a folder with a Hugging Face model, a hub name, or tiny")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1, this machine only)")
    parser.add_argument("--port", type=PORT, default=8000, help="the port to listen on (default: 8000); 0: any free port")
    parser.add_argument("--rows", type=FROM_ONE, default=256, metavar="N", help="the most replies sampled at a time (default: 256)")
    parser.add_argument(
        "--cache-tokens",
        type=COUNT,
        default=0,
        metavar="N",
        help="the most tokens of running replies and their prompts (default: 0, as many as fit in a quarter of the free memory)",
    )
    parser.add_argument(
        "--queue",
        type=FROM_ONE,
        default=256,
        metavar="N",
        help="the most replies that wait in the queue; further requests are told to retry later (default: 256)",
    )
    parser.add_argument(
        "--drain-s",
        type=NumberFlag(Between(0, LARGEST)),
        default=600.0,
        metavar="S",
        help="seconds that shutdown waits for running replies (default: 600)",
    )
    access_flags(parser)
    model_flags(parser)


def access_flags(parser: ArgumentParser) -> None:
    """Add the flags for the web pages and host names that a server answers to."""
    parser.add_argument(
        "--cors",
        metavar="ORIGIN",
        action="append",
        default=[],
        help="allow web pages from this origin, http://host:port; *: all origins (default: none)",
    )
    parser.add_argument(
        "--allowed-host", metavar="NAME", action="append", default=[], help="another host name to accept, besides this machine's own names"
    )


def access_rules(arguments: Namespace, key: str | None) -> AccessRules:
    """Return the rules for access. BadInput for an invalid origin, or if the packages of a server are missing."""
    try:
        from aha.serving.access import AccessRules, own_names
    except ModuleNotFoundError as error:
        raise BadInput(f"a server needs the package {error.name}: pip install 'aha[serve]'") from None
    return AccessRules(own_names(arguments.host, arguments.allowed_host), tuple(arguments.cors), key)


def check(arguments: Namespace) -> None:
    """Raise BadInput for settings that cannot work, before torch is loaded."""
    check_model(arguments.model)
    if 0 != getattr(arguments, "cache_tokens", 0) < 2:
        raise BadInput(f"--cache-tokens {arguments.cache_tokens}: 2 or more, or 0")


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Serve until ctrl-C (exit code 130) or SIGTERM (143), then refuse new requests and answer those already accepted."""
    refuse_rest(rest)
    check(arguments)
    key = os.environ.get(KEY) or None
    rules = access_rules(arguments, key)
    from aha.serving.access import is_loopback
    from aha.serving.chat.server import ChatServer, ServerSettings

    with _asked_to_end() as ends:
        if key is None and not is_loopback(arguments.host):
            terminal.note(f"aha: anyone who can reach {arguments.host} can use this model; set {KEY} to require a key")
        compute = Compute(device=arguments.device, dtype=arguments.dtype, rows=arguments.rows)
        usual = Sampling(arguments.temperature, arguments.top_p, arguments.max_tokens)
        model = open_model(arguments.model, compute, arguments.template, usual)
        cache_tokens = arguments.cache_tokens or model.engine.affordable_tokens()
        settings = ServerSettings(arguments.rows, cache_tokens, arguments.queue, arguments.seed)
        with ChatServer(model, arguments.host, arguments.port, rules, settings) as server:
            address = f"http://{arguments.host}:{server.port}/v1"
            places = {"host": arguments.host, "port": server.port, "template": model.form, "cache_tokens": cache_tokens}
            terminal.tell("serving", model=model.name, url=address, **places)
            draws = f"temperature {usual.temperature:g} and top-p {usual.top_p:g} where a request names none"
            terminal.say(
                f"{address}#{model.name} answers (template {model.form}, {cache_tokens:,} tokens at a time, {draws}); ctrl-C ends it"
            )
            number = _end(ends, lambda: server.engine.alive)
            terminal.note("aha: finishing the accepted requests; ctrl-C again stops at once")
            whole = server.drain(arguments.drain_s)
        requests, steps = server.engine.reply_count, server.engine.steps
        terminal.tell("served", requests=requests, steps=steps, whole=whole)
    note = "all accepted requests were answered" if whole else "some requests were not answered in time"
    raise Interruption(f"stopped serving; {note} ({requests} in {steps} steps)", EXIT[number])


def _end(ends: queue.SimpleQueue[signal.Signals], alive: Callable[[], bool]) -> signal.Signals:
    while True:
        try:
            return ends.get(timeout=LOOK_S)
        except queue.Empty:
            if not alive():
                raise Interruption("the engine ended by itself; its last output is above", 1) from None


@contextmanager
def _asked_to_end() -> Iterator[queue.SimpleQueue[signal.Signals]]:
    """Yield a queue that gets the first signal; a second one stops the process at once."""
    ends: queue.SimpleQueue[signal.Signals] = queue.SimpleQueue()
    signals = list[signal.Signals]()

    def on_signal(number: int, frame: FrameType | None) -> None:
        if signals:
            os._exit(EXIT[signal.Signals(number)])
        signals.append(signal.Signals(number))
        ends.put(signals[0])

    before = {number: signal.signal(number, on_signal) for number in EXIT}
    try:
        yield ends
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


COMMAND = Command("serve a model over HTTP with OpenAI's API; its thinking is separate from its answer", "serve", flags, run)
