"""`aha chat`: a conversation in the terminal, with the model's thoughts dim and apart from its answers."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from aha.commands.arguments import local_backend
from aha.commands.serve import check, model_flags
from aha.commands.terminal import Command, Terminal, refuse_rest
from aha.errors import AhaError, BadInput
from aha.plain import plain
from aha.protocols import Chat, ChatOptions, Compute, Sampling, is_endpoint
from aha.redact import with_styles
from aha.sampling.scheduler import RowSettings
from aha.serving import Refusal
from aha.serving.chat.jobs import ChatJob, EngineThread, NextToken, QueuePost
from aha.serving.chat.model import ServedModel, open_model
from aha.serving.chat.reader import Kind, Piece, ReplyReader
from aha.types import Conversation, Message

DIM, PLAIN = "\x1b[2m", "\x1b[0m"
NEW = "/new"
END_S = 10.0
Pieces = Generator[Piece, None, None]
Talk = Callable[[Conversation, int], Pieces]


def flags(parser: ArgumentParser) -> None:
    """Add the flags for the model and the conversation."""
    parser.add_argument(
        "--model",
        metavar="DIR|URL",
        required=True,
        help="a model folder, a hub name, tiny, or a server as http://host:port/v1#name-of-the-model",
    )
    parser.add_argument("--system", metavar="TEXT", help="the system prompt")
    model_flags(parser, 4096)  # a server may refuse more than its model's context allows


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Talk until the input ends (ctrl-D); ctrl-C exits with 130."""
    refuse_rest(rest)
    sampling = Sampling(arguments.temperature, arguments.top_p, arguments.max_tokens)
    if is_endpoint(arguments.model):
        chat = local_backend().chat(arguments.model, ChatOptions(seed=arguments.seed))
        try:
            return _converse(lambda conversation, turn: _pieces_from_chat(chat, conversation, sampling), arguments.system, terminal)
        finally:
            chat.close()
    check(arguments)
    model = open_model(arguments.model, Compute(device=arguments.device, dtype=arguments.dtype), arguments.template, sampling)
    post = QueuePost()
    engine = EngineThread(model.engine, post.send)
    try:
        return _converse(
            lambda conversation, turn: pieces_from_engine(model, engine, post, conversation, arguments.seed + turn),
            arguments.system,
            terminal,
        )
    finally:
        engine.close(END_S)


def pieces_from_engine(model: ServedModel, engine: EngineThread, post: QueuePost, conversation: Conversation, seed: int) -> Pieces:
    """Yield a reply of our own engine, token by token. Closing the generator stops the engine's work on it."""
    try:
        prompt, usual, stop = model.prompt(conversation), model.usual, model.tokenizer.stop
        settings = RowSettings(usual.temperature, usual.top_p, model.room(len(prompt.tokens), None), stop=stop)
        job = ChatJob(prompt.tokens, settings, (seed,), live=True)
        engine.put(job)
        reader = ReplyReader(model.tokenizer, prompt.opened, silent=frozenset(stop))
        try:
            for event in post.events(job):
                yield from reader.take(event.token) if isinstance(event, NextToken) else reader.end()
        finally:
            engine.let_go(job)
    except Refusal as refusal:
        raise BadInput(refusal.message) from refusal


def _pieces_from_chat(chat: Chat, conversation: Conversation, sampling: Sampling) -> Pieces:
    """Yield a server's whole reply."""
    for _, (reply,) in chat.reply([conversation], sampling):
        pieces: list[Piece] = [("thought", reply.thought or ""), ("said", reply.text)]
        yield from [(kind, text) for kind, text in pieces if text]


@dataclass
class ReplyPrinter:
    """Prints one reply as it comes: the thought is dim on a terminal; elsewhere each part is under its name."""

    terminal: Terminal
    is_coloured: bool
    kind: Kind | None = None

    def take(self, kind: Kind, text: str) -> None:
        """Print one more piece."""
        if self.terminal.json:
            return
        if kind != self.kind:
            self._put(("" if self.kind is None else f"{PLAIN}\n\n" if self.is_coloured else "\n") + self._begin(kind))
            self.kind = kind
        self._put(plain(text))

    def end(self) -> None:
        """Finish the output after a reply that is complete or was interrupted."""
        if not self.terminal.json:
            self._put(PLAIN * self.is_coloured + "\n")

    def _begin(self, kind: Kind) -> str:
        if self.is_coloured:
            return DIM if kind == "thought" else ""
        return "[thought]\n" if kind == "thought" else "[answer]\n"

    def _put(self, text: str) -> None:
        out = with_styles(sys.stdout)
        out.write(text)
        out.flush()


def _converse(talk: Talk, system: str | None, terminal: Terminal) -> int:
    is_terminal = sys.stdin.isatty()
    messages_before = (Message("system", system),) if system else ()
    messages, turn = messages_before, 0
    for line in _lines(is_terminal, terminal):
        if line == NEW:
            messages = messages_before
            continue
        messages_now = (*messages, Message("user", line))
        try:
            reply = _reply(talk, Conversation(messages_now), turn, terminal)
        except AhaError as error:
            if not is_terminal:
                raise
            terminal.note(f"aha: {' '.join(str(error).split())}; {NEW} starts a new conversation")
            continue
        messages, turn = (*messages_now, Message("assistant", reply)), turn + 1
    return 0


def _reply(talk: Talk, conversation: Conversation, turn: int, terminal: Terminal) -> str:
    """Return the answer; the thought is not kept in the conversation, as the model was taught."""
    texts: dict[Kind, str] = {"thought": "", "said": ""}
    printer = ReplyPrinter(terminal, sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    with closing(talk(conversation, turn)) as pieces:
        try:
            for kind, text in pieces:
                texts[kind] += text
                printer.take(kind, text)
        finally:
            printer.end()
    terminal.tell("reply", thought=texts["thought"], answer=texts["said"])
    return texts["said"]


def _lines(is_terminal: bool, terminal: Terminal) -> Iterator[str]:
    """Yield the lines of the input, typed or piped, without empty ones."""
    if is_terminal:
        import readline  # noqa: F401  # arrow keys and history while typing

        terminal.note(f"aha: ctrl-D ends the chat, {NEW} starts a new conversation")
    while True:
        try:
            line = input("> " if is_terminal and not terminal.json else "").strip()
        except EOFError:
            return
        except UnicodeDecodeError as error:
            raise BadInput(f"the input is not UTF-8 ({error.reason}): write it in UTF-8") from error
        if any("\ud800" <= sign <= "\udfff" for sign in line):  # in the C locale, Python keeps such bytes as halves of pairs
            raise BadInput("the input is not UTF-8: write it in UTF-8")
        if line:
            yield line


COMMAND = Command("chat with a model in the terminal; its thinking is shown apart from its answer", "serve", flags, run)
