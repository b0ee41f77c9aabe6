"""The command `aha`: it parses the command line, runs the command, and turns an error into one line and an exit code."""

from __future__ import annotations

import os
import signal
import sys
from argparse import SUPPRESS, Action, ArgumentParser
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import NoReturn

from aha.commands.catalog import COMMANDS
from aha.commands.choose import own_mistake
from aha.commands.terminal import GROUPS, Terminal, closed_streams, leave
from aha.durable.files import check_name
from aha.errors import AhaError, BadInput, DiskTrouble, OutOfMemory
from aha.redact import guarded_output
from aha.redact.keys import name_hosts
from aha.settings import nearest

PIPE = 128 + signal.SIGPIPE
EXTRAS = {
    "datasets": "data",
    "matplotlib": "report",
    "jinja2": "report",
    "ray": "cluster",
    "openai": "api",
    "peft": "lora",
    "tensorboard": "tensorboard",
    "wandb": "wandb",
    "httpx2": "api",
} | dict.fromkeys(("nltk", "punkt", "langdetect"), "ifeval")
ABOUT = "Trains a language model to reason the way DeepSeek-R1 was trained."
SETTINGS = "Any setting can follow as --path value, for example --loss.kl 0.01 --questions 32; `aha show RECIPE` lists them."


class VersionAction(Action):
    """The flag `--version`. The version is looked up only when it is asked for, since that takes as long as a command's own work."""

    def __call__(self, parser: ArgumentParser, *_: object) -> NoReturn:
        from importlib import metadata

        try:
            version = metadata.version("aha")
        except metadata.PackageNotFoundError:
            version = "from a folder, not installed"
        print(f"aha {version}")
        parser.exit()


class Parser(ArgumentParser):
    """An argument parser that reports errors in one line."""

    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{message}; `{self.prog} --help` says more")


class TopParser(Parser):
    """The parser of `aha` itself, whose help lists the commands by group."""

    def format_help(self) -> str:
        lines = ["usage: aha COMMAND ...", "", ABOUT]
        for group in GROUPS:
            lines += ["", f"{group}:"]
            lines += [f"  {name:13} {command.help}" for name, command in COMMANDS.items() if command.group == group]
        return "\n".join([*lines, "", "`aha COMMAND --help` lists a command's flags; `aha --version` prints the version.", ""])


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; the guide lists the codes."""
    words = list(sys.argv[1:] if argv is None else argv)
    if closed_names := closed_streams():
        with suppress(OSError):
            print(f"aha: {closed_names}", file=sys.stderr, flush=True)
        return DiskTrouble.exit_code
    name_hosts(words)
    with guarded_output(words):
        try:
            return _main(words)
        finally:
            leave(sys.stdout)
            leave(sys.stderr)


def _main(words: list[str]) -> int:
    terminal = Terminal(json="--json" in words)
    sys.excepthook = terminal.report_crash
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # the libraries' progress bars would break our own lines
    try:
        check_words(words)
        code = run_command(words, terminal)
        sys.stdout.flush()
    except AhaError as error:
        terminal.complain(error)
        return error.exit_code
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        if package not in EXTRAS:
            raise
        terminal.note(f"aha: this needs the package {package}, which is not installed: pip install 'aha[{EXTRAS[package]}]'")
        return BadInput.exit_code
    except BrokenPipeError:
        return PIPE
    except OSError as error:  # of the machine, wherever it was raised
        trouble = machine_trouble(error)
        terminal.complain(trouble)
        return trouble.exit_code
    except KeyboardInterrupt:
        terminal.note("aha: stopped")
        return 130
    except BaseException as error:  # sys.exit among them, which no code of ours calls: a run that it ends is not finished
        ends = isinstance(error, SystemExit)
        line = own_mistake(error, anywhere=ends) or (f"code that was called ended the program: {error!r}" if ends else unknown_place(error))
        if line:
            terminal.complain(BadInput(line))
            return BadInput.exit_code
        if isinstance(error, MemoryError):
            terminal.complain(OutOfMemory("memory ran out: this machine, or a limit that a shell set, has no more for it"))
            return OutOfMemory.exit_code
        raise
    return code


def check_words(words: Sequence[str]) -> None:
    """Raise BadInput for a word that no file name can hold: one with a zero byte or half a letter."""
    for word in words:
        try:
            sound = b"\0" not in os.fsencode(word)
        except UnicodeEncodeError:
            sound = False
        if not sound:
            raise BadInput(f"{word[:80]}: an argument cannot hold a zero byte or half a letter")


def machine_trouble(error: OSError) -> AhaError:
    """Return the error for a failure of the machine that no other code has reported."""
    try:
        check_name(error, error.filename)
    except BadInput as bad:
        return bad
    return DiskTrouble(f"{error.filename or 'the machine'}: {error.strerror or error}")


def unknown_place(error: BaseException) -> str:
    """Return the line for a path that leads nowhere, for which `pathlib` raises RuntimeError; empty for every other error."""
    text = str(error) if type(error) is RuntimeError else ""
    if text.startswith("Could not determine home directory"):
        return "a path begins with ~ and the name of nobody who has a home here; write it out, or with ./ before it"
    return f"{text[:200]}: a link that leads back to itself" if text.startswith("Symlink loop from") else ""


def run_command(words: list[str], terminal: Terminal) -> int:
    """Run one command and return its exit code."""
    name = words[0] if words else "--help"
    if not name.startswith("-") and name not in COMMANDS:
        raise BadInput(f"{name}: there is no such command; there are {', '.join(COMMANDS)}{nearest(name, list(COMMANDS))}")
    if name in COMMANDS:
        words = COMMANDS[name].join_dash_options(words)
    parser = build_parser([name] if name in COMMANDS else COMMANDS)
    try:
        arguments, rest = parser.parse_known_args(words or ["--help"])
    except SystemExit as exit:  # --help and --version
        return int(exit.code or 0)
    if arguments.command is None:
        raise BadInput(f"name a command: {', '.join(COMMANDS)}")
    _refuse_two_sources(words)
    if rest and not COMMANDS[arguments.command].settings:
        _refuse_rest(parser, rest[0], arguments.command)
    arguments.argv, arguments.build_parser = ("aha", *words), build_parser
    return COMMANDS[arguments.command].run(arguments, rest, terminal)


def _refuse_two_sources(words: Sequence[str]) -> None:
    """Raise BadInput for data that are named twice: both are meant, and the parser would forget the first."""
    for flag in ("--data", "--problems"):
        pairs = pairwise([*words, ""])
        values = [after if word == flag else word.partition("=")[2] for word, after in pairs if word.partition("=")[0] == flag]
        if len(set(values)) > 1:
            raise BadInput(f"{flag} is given twice, {values[0]!r} and {values[1]!r}: write one, or several with commas between them")


def _refuse_rest(parser: ArgumentParser, word: str, command: str) -> None:
    """Raise BadInput for a word that a command without settings does not take, with a similar flag of the command."""
    subparsers = next(action for action in parser._actions if isinstance(action.choices, dict))
    assert isinstance(subparsers.choices, dict)
    actions = subparsers.choices[command]._actions
    flags = [flag for action in actions for flag in action.option_strings if flag.startswith("--") and action.help != SUPPRESS]
    advice = nearest(word.partition("=")[0], flags) if word.startswith("--") else ""
    raise BadInput(f"{word}: this command takes no more than that{advice or f'; `aha {command} --help` lists its flags'}")


def build_parser(names: Iterable[str] = COMMANDS) -> ArgumentParser:
    """Return the parser of these commands with their flags; settings by their path are read apart."""
    parser = TopParser("aha", description=ABOUT, allow_abbrev=False)
    parser.add_argument("--version", action=VersionAction, nargs=0, help="print the version and leave")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for name in names:
        command = COMMANDS[name]
        epilog = SETTINGS if command.settings else None
        subparser = subparsers.add_parser(name, help=command.help, description=command.help, epilog=epilog, allow_abbrev=False)
        command.flags(subparser)
        subparser.add_argument("--json", action="store_true", default=SUPPRESS, help="print JSON on stdout, for programs")
    return parser
