"""A process that runs programs inside WebAssembly, one after the other: `python worker.py COMPONENT`.

It imports nothing of the package, so that it starts in a fraction of a second; `python worker.py PORTABLE COMPILED` compiles instead. Each
program gets an instance of its own. CPU time, the clock and sleeping are counted in fuel, which no other process on the machine can
change.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
from collections.abc import Callable
from ctypes import byref, c_uint8, c_uint64
from dataclasses import dataclass, field
from errno import EFBIG
from pathlib import Path
from typing import Any, BinaryIO

from wasmtime import Config, Engine, ExitTrap, Store, WasiConfig, WasmtimeError, _bindings
from wasmtime.component import Component, Linker, LinkerInstance, Record

FUEL_PER_CPU_S = 30_000_000_000  # as in wasm.py
HOST_CALL = 200_000  # fuel: a call out of the program costs about 20 microseconds here
WASI = "@0.2.9"
LAUNCH_S = 1_767_225_600  # the date that programs see: the first second of 2026
STACK = 64 << 20  # half of it for a program: a recursion through C, as in a cached function, reaches Python's limits first
PAGE = resource.getpagesize()


def engine() -> Engine:
    """Return an engine configured as the component was compiled; another configuration does not load it."""
    config = Config()
    config.consume_fuel = True
    config.cranelift_nan_canonicalization = True  # the same bits on every machine
    _bindings.wasmtime_config_async_stack_size_set(config.ptr(), STACK)
    config.max_wasm_stack = STACK // 2
    return Engine(config)


@dataclass
class Meter:
    """The use of one program: fuel, time slept and bytes written."""

    fuel: int
    wall_ns: int
    output_bytes: int
    slept_ns: int = 0
    streams: dict[str, bytearray] = field(default_factory=lambda: {"stdout": bytearray(), "stderr": bytearray()})
    over: str = ""

    def write(self, stream: str) -> Callable[[bytes], int | None]:
        """Return the function that takes the bytes of a stream, up to the limit."""
        buffer = self.streams[stream]

        def take(data: bytes) -> int | None:
            room = self.output_bytes - len(buffer)
            buffer.extend(data[:room])
            if len(data) <= room:
                return None
            self.over = f"wrote more than {self.output_bytes} bytes to {stream}"
            return -EFBIG

        return take

    def now_ns(self, context: Any) -> int:
        """Return the nanoseconds since the program began, as it sees them; the call costs a little of its fuel."""
        fuel = c_uint64(0)
        _bindings.wasmtime_context_get_fuel(context, byref(fuel))
        _bindings.wasmtime_context_set_fuel(context, max(0, fuel.value - HOST_CALL))
        return (self.fuel - fuel.value) * 1_000_000_000 // FUEL_PER_CPU_S + self.slept_ns

    def pause(self, context: Any, nanoseconds: int) -> None:
        self.slept_ns += nanoseconds
        if self.now_ns(context) > self.wall_ns:
            self.over = "slept past its time"
            raise WasmtimeError(self.over)


class Programs:
    """A compiled component and the world as its programs see it: a clock of their own, fixed random numbers, no network, no file."""

    def __init__(self, component: Path) -> None:
        self.meter = Meter(0, 0, 0)
        self.engine = engine()
        self.component = Component.deserialize_file(self.engine, str(component))
        self.linker = Linker(self.engine)
        self.linker.allow_shadowing = True
        self.linker.add_wasip2()
        with self.linker.root() as root:
            root.add_func("pause", lambda store, nanoseconds: self.meter.pause(store._context(), nanoseconds))
            self._clocks(root)
            self._dice(root)
            self._network(root)

    def _clocks(self, root: LinkerInstance) -> None:
        with root.add_instance(f"wasi:clocks/monotonic-clock{WASI}") as clock:
            clock.add_func("now", lambda store: self.meter.now_ns(store._context()))
            clock.add_func("resolution", lambda store: 1)
            clock.add_func("subscribe-instant", waits)
            clock.add_func("subscribe-duration", waits)
        with root.add_instance(f"wasi:clocks/wall-clock{WASI}") as clock:
            clock.add_func("now", lambda store: date(self.meter.now_ns(store._context())))
            clock.add_func("resolution", lambda store: date(1))

    def _dice(self, root: LinkerInstance) -> None:
        with root.add_instance(f"wasi:random/random{WASI}") as dice:
            dice.add_func("get-random-bytes", lambda store, count: (b"\x2a\x91\x5c\xe7\x08\xb3\x4d\xf6" * (count // 8 + 1))[:count])
            dice.add_func("get-random-u64", lambda store: 0x2A915CE708B34DF6)

    def _network(self, root: LinkerInstance) -> None:
        for kind in ("tcp", "udp"):
            with root.add_instance(f"wasi:sockets/{kind}-create-socket{WASI}") as sockets:
                sockets.add_func(f"create-{kind}-socket", lambda store, family: "access-denied")

    def run(self, request: dict[str, Any], source: str, stdin: bytes) -> tuple[dict[str, Any], bytes, bytes]:
        """Run a program; return how it ended, and its stdout and stderr."""
        self.meter = meter = Meter(request["fuel"], request["wall_ns"], request["output_bytes"])
        before = resident()
        store = Store(self.engine)
        try:
            store.set_fuel(meter.fuel)
            store.set_limits(memory_size=request["memory_bytes"], memories=8, instances=64, tables=16)
            store.set_wasi(surroundings(meter, stdin))
            code, reason = self._call(store, source)
            fuel = meter.fuel - store.get_fuel()
            memory = max(0, resident() - before)
        finally:
            store.close()
        return (
            {"code": code, "reason": reason, "over": meter.over, "fuel": fuel, "slept_ns": meter.slept_ns, "memory": memory},
            bytes(meter.streams["stdout"]),
            bytes(meter.streams["stderr"]),
        )

    def _call(self, store: Store, source: str) -> tuple[int | None, str]:
        """Return the exit code, or None and why the program was cut off."""
        try:
            run = self.linker.instantiate(store, self.component).get_func(store, "run")
            if run is None:
                raise WasmtimeError("the component has no function run")
            return int(run(store, source)), ""
        except ExitTrap as end:
            return end.code, ""
        except WasmtimeError as error:
            return None, " ".join(str(error).rpartition("Caused by:")[2].split())


def surroundings(meter: Meter, stdin: bytes) -> WasiConfig:
    """Return the WASI configuration of a program: its input and its two outputs, no arguments, no variables, no folders."""
    wasi = WasiConfig()
    vector = _bindings.wasm_byte_vec_t()
    _bindings.wasm_byte_vec_new(byref(vector), len(stdin), (c_uint8 * len(stdin)).from_buffer_copy(stdin))
    _bindings.wasi_config_set_stdin_bytes(wasi.ptr(), byref(vector))
    wasi.stdout_custom = meter.write("stdout")
    wasi.stderr_custom = meter.write("stderr")
    return wasi


def date(nanoseconds: int) -> Record:
    """Return a date in WASI's form, so many nanoseconds after the first one."""
    moment = Record()
    vars(moment).update(seconds=LAUNCH_S + nanoseconds // 1_000_000_000, nanoseconds=nanoseconds % 1_000_000_000)
    return moment


def waits(store: object, nanoseconds: int) -> None:
    """Refuse to wait: there is no event that a program could wait for here."""
    raise WasmtimeError("the program waits for an event that never comes")


def resident() -> int:
    """Return the bytes of memory that this process holds; 0 if the system does not say."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * PAGE
    except OSError:
        return 0


# --- the pipe ---------------------------------------------------------------------------------------------------------


def frame(head: dict[str, Any], *bodies: bytes) -> bytes:
    """Return a message: the length of its head, the head as JSON, and the bodies."""
    line = json.dumps(head | {"bodies": [len(body) for body in bodies]}).encode()
    return len(line).to_bytes(4, "little") + line + b"".join(bodies)


def unframe(pipe: BinaryIO) -> tuple[dict[str, Any], list[bytes]] | None:
    """Return the next message, or None if the parent has gone."""
    length = pipe.read(4)
    if len(length) < 4:
        return None
    head = json.loads(pipe.read(int.from_bytes(length, "little")))
    return head, [pipe.read(count) for count in head["bodies"]]


def serve(component: Path) -> None:
    """Answer requests until the pipe is closed."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # the output of libraries must not mix with answers
    programs = Programs(component)
    answers.write(frame({"ready": True}))
    answers.flush()
    while (message := unframe(sys.stdin.buffer)) is not None:
        request, (source, stdin) = message
        answers.write(frame(*programs.run(request, source.decode("utf-8"), stdin)))
        answers.flush()
    os._exit(0)  # the engine's own threads do not end well with the interpreter


def compile_to(portable: Path, native: Path) -> None:
    """Compile a portable component to machine code for this processor."""
    native.write_bytes(Component.from_file(engine(), portable).serialize())


if __name__ == "__main__":
    if len(sys.argv) > 2:
        compile_to(Path(sys.argv[1]), Path(sys.argv[2]))
    else:
        threading.stack_size(STACK)
        threading.Thread(target=serve, args=(Path(sys.argv[1]),)).start()  # the main thread's stack is not ours to choose
