"""The strongest tier: bubblewrap's namespaces around a warm fork server that runs one locked child per program."""

from __future__ import annotations

import os
import queue
import shutil
import weakref
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from aha.errors import BadInput
from aha.grading.sandbox.compiled import BUILD, COMPILE_LIMITS, COMPILERS, CompileCache
from aha.grading.sandbox.job import Job, Limits, Outcome, RunFacts, Streams, Tier, infrastructure, outcome_of_compile, outcome_of_run
from aha.grading.sandbox.namespace import SandboxUser, interpreter, seccomp_why_not, ways
from aha.grading.sandbox.slot import Kind, Order, Slot, SlotError, memory_file

MIB = 1 << 20
WAIT_FACTOR = 3  # a program that waits for a processor gets at most so many times its wall-clock limit
PATIENCE_S = 600.0  # to wait for a free slot
CLOSING_S = 10.0
EIGHT_THREADS = """import threading
threads = [threading.Thread(target=int) for _ in range(8)]
[each.start() for each in threads]
[each.join() for each in threads]
print(1 + 2)
"""


def why_not() -> str | None:
    """Return why this tier does not work here, or None if a test program that starts eight threads runs."""
    try:
        sandbox = BwrapSandbox(workers=1)
    except BadInput as error:
        return str(error)
    try:
        outcome = sandbox.run(Job(EIGHT_THREADS))
        return None if outcome.stdout == b"3\n" else f"a harmless program ends with {outcome.verdict}: {outcome.reason}"
    finally:
        sandbox.close()


class BwrapSandbox:
    """A sandbox of `workers` slots, each with a fork server in its own namespaces. A broken slot is replaced and its program is run once
    more; a second failure is `INFRA`."""

    tier: Tier = "bwrap"

    def __init__(self, workers: int = 2, python: Path | None = None) -> None:
        """Start the first slot. `python` is the interpreter inside, by default ours. `BadInput` if this machine cannot do it."""
        reason = _why_unavailable()
        if reason is not None:
            raise BadInput(reason)
        self.workers = workers
        self._python = interpreter(python)
        self._compiler = next((compiler for compiler in COMPILERS if os.access(compiler, os.X_OK)), None)
        self._live: set[Slot] = set()
        self._begin()
        self._finalizer = weakref.finalize(self, _end, self._live)
        try:
            self._choice, first = self._first()
        except SlotError as error:
            self._keeper.shutdown(wait=False)
            raise BadInput(f"{error}{_hint()}") from error
        self._free.get_nowait()
        self._free.put((0, first))
        _OPEN.add(self)

    def run(self, job: Job) -> Outcome:
        try:
            return self._run_native(job) if job.language == "cpp" else self._run_python(job)
        except (OSError, SlotError) as error:
            return infrastructure(str(error))

    def close(self) -> None:
        """End all programs and slots; threads that are in `run` get the outcome `INFRA`."""
        self._closed = True
        for slot in list(self._live):
            slot.kill()
        places: list[tuple[int, Slot | None]] = []
        with suppress(queue.Empty):
            while len(places) < self.workers:
                places.append(self._free.get(timeout=CLOSING_S))
        for number, place in places:
            self._end(place)
            self._free.put((number, None))  # so that waiting threads learn of it
        self._cache.close()
        self._keeper.shutdown()

    # --- one program --------------------------------------------------------------------------------------------------

    def _run_python(self, job: Job) -> Outcome:
        with _file(job.source.encode("utf-8", "surrogatepass")) as program:
            facts, streams, _ = self._ask("python", program, job.stdin, job.limits)
        return outcome_of_run(facts, streams, job.limits)

    def _run_native(self, job: Job) -> Outcome:
        if self._compiler is None:
            return infrastructure("no C++ compiler: apt-get install g++")
        program = self._cache.get(job.source, lambda: self._compile(job.source), PATIENCE_S)
        if not isinstance(program, int):
            return program or infrastructure("another thread compiles this program and does not come to an end")
        try:
            facts, streams, _ = self._ask("native", program, job.stdin, job.limits)
        finally:
            os.close(program)
        return outcome_of_run(facts, streams, job.limits)

    def _compile(self, source: str) -> int | Outcome:
        with _file(source.encode("utf-8", "surrogatepass")) as program:
            facts, streams, program_fd = self._ask("compile", program, b"", COMPILE_LIMITS)
        if program_fd is not None and not facts.stop_reason:
            return program_fd
        if program_fd is not None:
            os.close(program_fd)
        return outcome_of_compile(facts, streams, COMPILE_LIMITS)

    def _ask(self, kind: Kind, program: int, stdin: bytes, limits: Limits) -> tuple[RunFacts, Streams, int | None]:
        try:
            return self._once(kind, program, stdin, limits)
        except SlotError:
            return self._once(kind, program, stdin, limits)

    def _once(self, kind: Kind, program: int, stdin: bytes, limits: Limits) -> tuple[RunFacts, Streams, int | None]:
        """Send an order to a free slot. Its input is a new file each time, since a file's read position is shared by all who hold it."""
        with self._slot() as slot, _file(stdin) as reads:
            return slot.run(_order(kind, program, reads, limits))

    # --- the slots ----------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Begin without slots; each is started when it is first needed."""
        self._closed = False
        self._cache = CompileCache()
        self._keeper: Executor = ThreadPoolExecutor(1, thread_name_prefix="sandbox")
        self._free: queue.LifoQueue[tuple[int, Slot | None]] = queue.LifoQueue()
        for number in reversed(range(self.workers)):
            self._free.put((number, None))

    @contextmanager
    def _slot(self) -> Iterator[Slot]:
        """Yield a slot for the caller alone. A slot in which anything went wrong is not used again. SlotError if none becomes free."""
        try:
            number, slot = self._free.get(timeout=PATIENCE_S)
        except queue.Empty as error:
            raise SlotError(f"no slot was free for {PATIENCE_S:g} s") from error
        whole = False
        try:
            slot = slot or self._start(ways(number)[self._choice])
            yield slot
            whole = True
        finally:
            if not whole:
                self._end(slot)
            self._free.put((number, slot if whole else None))

    def _first(self) -> tuple[int, Slot]:
        """Start a slot in the first way that works here; return the number of that way and the slot. SlotError of the best way if none
        works."""
        complaints = []
        for choice, way in enumerate(ways(0)):
            try:
                return choice, self._start(way)
            except SlotError as error:
                complaints.append(error)
        raise complaints[0]

    def _start(self, way: SandboxUser) -> Slot:
        if self._closed:
            raise SlotError("the sandbox is closed")
        slot = Slot(_bwrap(), way, self._python, BUILD.format(self._compiler), self._keeper)
        self._live.add(slot)
        return slot

    def _end(self, slot: Slot | None) -> None:
        if slot is not None:
            self._live.discard(slot)
            slot.close()

    def _after_fork(self) -> None:
        """Forget the parent's slots in a forked child, which then starts its own."""
        for slot in self._live:
            slot.forget()
        self._live.clear()
        self._begin()


_OPEN: weakref.WeakSet[BwrapSandbox] = weakref.WeakSet()


def _after_fork() -> None:
    for sandbox in list(_OPEN):
        sandbox._after_fork()


os.register_at_fork(after_in_child=_after_fork)


def _end(live: set[Slot]) -> None:
    for slot in list(live):
        slot.close()


@contextmanager
def _file(content: bytes) -> Iterator[int]:
    fd = memory_file(content)
    try:
        yield fd
    finally:
        os.close(fd)


def _order(kind: Kind, program: int, stdin: int, limits: Limits) -> Order:
    longest_s = WAIT_FACTOR * limits.wall_s
    return Order(kind, program, stdin, limits.cpu_s, limits.wall_s, longest_s, limits.memory_mb * MIB, limits.output_bytes)


def _bwrap() -> str:
    return shutil.which("bwrap", path=f"{os.environ.get('PATH', '')}:/usr/bin") or ""


def _why_unavailable() -> str | None:
    reason = seccomp_why_not()
    if reason is None and not _bwrap():
        return "bubblewrap is missing: apt-get install bubblewrap (Fedora: dnf install bubblewrap; Arch: pacman -S bubblewrap)"
    return reason


def _hint() -> str:
    """Return a hint, from the kernel's settings, why ordinary users may not make namespaces."""
    switches = {
        "kernel/unprivileged_userns_clone": ("0", "sysctl kernel.unprivileged_userns_clone=1"),
        "kernel/apparmor_restrict_unprivileged_userns": ("1", "sysctl kernel.apparmor_restrict_unprivileged_userns=0"),
        "user/max_user_namespaces": ("0", "sysctl user.max_user_namespaces=10000"),
    }
    for name, (forbids, remedy) in switches.items():
        with suppress(OSError):
            if Path("/proc/sys", name).read_text(encoding="ascii").strip() == forbids:
                return f"; this kernel forbids namespaces to ordinary users: as root, {remedy}"
    return "; in a container, it has to be started with the right to make namespaces (docker run --security-opt seccomp=unconfined)"
