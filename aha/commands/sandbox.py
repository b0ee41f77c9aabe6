"""`aha sandbox`: runs an untrusted program, attacks the tiers found here, or serves them to others."""

from __future__ import annotations

import os
import signal
import sys
import time
from argparse import ArgumentParser, Namespace
from base64 import b64encode
from collections.abc import Sequence
from contextlib import closing, suppress
from typing import Any, get_args

from aha.commands.serve import access_flags, access_rules
from aha.commands.terminal import FROM_ONE, PORT, SECONDS, Command, Terminal, refuse_rest
from aha.errors import BadInput, EndpointDown, FailedBar
from aha.grading.sandbox import open_sandbox, tiers
from aha.grading.sandbox.attacks import run_attacks
from aha.grading.sandbox.job import Job, Language, Limits, Outcome, Tier
from aha.grading.sandbox.remote import KEY
from aha.plain import plain

LOOK_S = 1.0
LARGEST_PROGRAM, LARGEST_STDIN = 4 * 1024 * 1024, 128 * 1024 * 1024  # bytes
EXTENSIONS: dict[str, Language] = {".py": "python", ".cpp": "cpp", ".cc": "cpp", ".cxx": "cpp", ".c++": "cpp"}
JSON = "print JSON on stdout, for programs"
TIERS = ("auto", *get_args(Tier))
ATTACKABLE: tuple[Tier, ...] = ("bwrap", "wasm", "remote")  # the tier unsafe contains nothing, and says so


def flags(parser: ArgumentParser) -> None:
    """Add the flags of each action."""
    kinds = parser.add_subparsers(dest="action", metavar="run | test | serve", required=True)
    usual = Limits()
    run = kinds.add_parser("run", help="run one program and report its verdict", allow_abbrev=False)
    run.add_argument("program", metavar="FILE", help="the program: a .py or .cpp file")
    run.add_argument(
        "--stdin",
        metavar="INPUT",
        default="",
        help="the program's input: the contents of a file if INPUT names one, else the text INPUT; -: this command's stdin",
    )
    run.add_argument("--language", choices=get_args(Language), help="the programming language (default: by the file's extension)")
    run.add_argument(
        "--cpu-s", type=SECONDS, default=usual.cpu_s, metavar="S", help=f"the limit on CPU time in seconds (default: {usual.cpu_s:g})"
    )
    run.add_argument(
        "--wall-s",
        type=SECONDS,
        default=usual.wall_s,
        metavar="S",
        help=f"the limit on wall-clock time in seconds (default: {usual.wall_s:g})",
    )
    run.add_argument(
        "--memory-mb", type=FROM_ONE, default=usual.memory_mb, metavar="MB", help=f"the memory limit in MiB (default: {usual.memory_mb})"
    )
    run.add_argument(
        "--output-bytes",
        type=FROM_ONE,
        default=usual.output_bytes,
        metavar="N",
        help=f"the most bytes of stdout, and of stderr (default: {usual.output_bytes})",
    )
    test = kinds.add_parser("test", help="test the sandbox tiers of this machine with attacks", allow_abbrev=False)
    serve = kinds.add_parser("serve", help="run programs over HTTP, with SandboxFusion's API", allow_abbrev=False)
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1, this machine only)")
    serve.add_argument("--port", type=PORT, default=8080, help="the port to listen on (default: 8080); 0: any free port")
    serve.add_argument(
        "--workers",
        type=FROM_ONE,
        default=os.cpu_count() or 2,
        metavar="N",
        help="how many programs run at once (default: the number of CPU cores)",
    )
    access_flags(serve)
    for subcommand in (run, test, serve):
        subcommand.add_argument(
            "--tier",
            choices=TIERS,
            default="auto",
            help="the sandbox tier; auto (default): the strongest one here, or for test all tiers here",
        )
        subcommand.add_argument("--json", action="store_true", help=JSON)


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Return the exit code: 0 once there is a verdict on a program, whatever it is; 1 for a breach; 75 if no sandbox ran it."""
    refuse_rest(rest)
    match arguments.action:
        case "run":
            return _run(arguments, terminal)
        case "test":
            return _test(arguments.tier, terminal)
        case _:
            return _serve(arguments, terminal)


# --- run --------------------------------------------------------------------------------------------------------------


def _run(arguments: Namespace, terminal: Terminal) -> int:
    job = Job(_source(arguments.program), _stdin(arguments.stdin), _language(arguments), _limits(arguments))
    with closing(open_sandbox(arguments.tier, workers=1)) as sandbox:
        outcome = sandbox.run(job)
    terminal.tell("sandbox", tier=sandbox.tier, **to_json(outcome))
    for line in outcome_lines(outcome, sandbox.tier):
        terminal.say(line)
    if outcome.verdict == "INFRA":
        raise EndpointDown(f"{arguments.program} was not judged by the tier {sandbox.tier}: {outcome.reason}")
    return 0


def to_json(outcome: Outcome) -> dict[str, Any]:
    """Return the outcome as JSON for a program. Output that is not UTF-8 is added in base64."""
    values: dict[str, Any] = {"verdict": outcome.verdict, "reason": outcome.reason, "exit_code": outcome.exit_code}
    values |= {"cpu_s": round(outcome.cpu_s, 6), "wall_s": round(outcome.wall_s, 6), "memory_mb": round(outcome.memory_mb, 3)}
    for name, data in (("stdout", outcome.stdout), ("stderr", outcome.stderr)):
        values[name] = data.decode("utf-8", "replace")
        if values[name].encode() != data:
            values[f"{name}_base64"] = b64encode(data).decode()
    return values


def outcome_lines(outcome: Outcome, tier: Tier) -> list[str]:
    """Return the outcome as lines for a person, the verdict first. Control characters are escaped."""
    usage = f"cpu {outcome.cpu_s:.3f} s, wall {outcome.wall_s:.3f} s, memory {outcome.memory_mb:.0f} MiB, exit code {outcome.exit_code}"
    lines = [f"{outcome.verdict}  {usage}  ({tier})", *([f"reason: {plain(outcome.reason)}"] if outcome.reason else [])]
    for name, data in (("stdout", outcome.stdout), ("stderr", outcome.stderr)):
        lines += [f"--- {name} ({len(data)} bytes)", plain(data.decode("utf-8", "backslashreplace")).rstrip("\n")] if data else []
    return lines


def _source(name: str) -> str:
    try:
        return _read(name, LARGEST_PROGRAM).decode("utf-8")
    except (OSError, ValueError) as error:
        words = "it is not UTF-8" if isinstance(error, ValueError) else getattr(error, "strerror", None) or str(error)
        raise BadInput(f"{name}: cannot be read as a program ({words}); name a .py or .cpp file") from error


def _read(name: str, most: int) -> bytes:
    """Return a file, which may be a pipe that a shell has opened. BadInput if it has more than `most` bytes, as a device has."""
    with open(name, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise BadInput(f"{name}: it has more than {most:,} bytes, the most that is read of such a file")
    return data


def _stdin(text: str) -> bytes:
    if text == "-":
        return sys.stdin.buffer.read(LARGEST_STDIN)
    try:
        return _read(text, LARGEST_STDIN) if os.path.isfile(text) else text.encode("utf-8", "surrogateescape")
    except OSError as error:
        raise BadInput(f"--stdin {text}: cannot be read ({error.strerror})") from error


def _language(arguments: Namespace) -> Language:
    extension = os.path.splitext(arguments.program)[1].lower()
    language: Language | None = arguments.language or EXTENSIONS.get(extension)
    if language is None:
        raise BadInput(f"{arguments.program}: its extension does not say what it is; give --language python or --language cpp")
    return language


def _limits(arguments: Namespace) -> Limits:
    return Limits(arguments.cpu_s, arguments.wall_s, arguments.memory_mb, arguments.output_bytes)


# --- test -------------------------------------------------------------------------------------------------------------


def _test(tier_name: str, terminal: Terminal) -> int:
    reasons = tiers()
    tiers_to_test: tuple[Tier, ...] = ATTACKABLE if tier_name == "auto" else tuple(name for name in reasons if name == tier_name)
    if all(reasons[name] is not None for name in tiers_to_test):
        raise BadInput("there is no sandbox to attack: " + "; ".join(f"{name}: {reasons[name]}" for name in tiers_to_test))
    breaches = []
    for tier in tiers_to_test:
        if (reason := reasons[tier]) is not None:
            terminal.tell("tier", tier=tier, present=False, reason=reason)
            terminal.say(f"{tier}: not available: {reason}")
        elif not _attack(tier, terminal):
            breaches.append(tier)
    if breaches:
        raise FailedBar(f"not every attack was contained in the tier {' and '.join(breaches)}: run no stranger's program there")
    return 0


def _attack(tier: Tier, terminal: Terminal) -> bool:
    assault = run_attacks(lambda: open_sandbox(tier))
    attacks, containments, compile_error = len(assault.came), assault.contained_count, assault.compile_error or None
    lines = [{"name": r.attack.name, "contained": r.is_contained, "verdict": r.outcome.verdict, "said": r.line} for r in assault.came]
    terminal.tell("tier", tier=tier, present=True, contained=containments, attacks=attacks, not_compiled=compile_error, each=lines)
    terminal.say(f"{tier}: {containments} of {attacks} attacks contained")
    if assault.compile_error:
        terminal.say(f"  no compiled program was among them: {plain(assault.compile_error)}")
    for result in assault.came:
        terminal.say(f"  {plain(result.line)}")
    return containments == attacks


# --- serve ------------------------------------------------------------------------------------------------------------


def _serve(arguments: Namespace, terminal: Terminal) -> int:
    if arguments.tier == "remote":
        raise BadInput("--tier remote: a server runs programs itself; choose bwrap, wasm or auto")
    key = os.environ.get(KEY) or None
    if arguments.tier == "unsafe" and key is None:
        raise BadInput(
            "--tier unsafe: it runs programs as you, with nothing around them, for every program and every web page that reaches the "
            f"port; set a key in {KEY}, or choose bwrap or wasm"
        )
    rules = access_rules(arguments, key)
    from aha.serving.access import is_loopback
    from aha.serving.sandbox import SandboxServer

    if key is None and not is_loopback(arguments.host):
        terminal.note(f"aha: anyone who can reach {arguments.host} can run programs here; set {KEY} to require a key")
    for number in (signal.SIGINT, signal.SIGTERM):  # also in a shell's background job, which ignores ctrl-C by default
        signal.signal(number, signal.default_int_handler)
    with (
        closing(open_sandbox(arguments.tier, workers=arguments.workers)) as sandbox,
        suppress(KeyboardInterrupt),
        SandboxServer(sandbox, arguments.host, arguments.port, arguments.workers, rules) as server,
    ):
        terminal.tell("serving", tier=sandbox.tier, host=arguments.host, port=server.port)
        terminal.say(f"http://{arguments.host}:{server.port} runs programs in the tier {sandbox.tier}; ctrl-C ends it")
        while True:
            time.sleep(LOOK_S)
    terminal.note("aha: stopped serving")
    return 0


COMMAND = Command(
    "run a program in a sandbox, test this machine's sandbox tiers with attacks, or serve one over HTTP",
    "serve",
    flags,
    run,
    dash_options=("--stdin",),
)
