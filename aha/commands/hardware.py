"""`--hardware`: on which machine a recipe runs. It changes nothing about what is learned, beyond rounding."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from aha.errors import BadInput
from aha.protocols import Backend, Compute

if TYPE_CHECKING:
    from aha.backends.local_backend import LocalBackend

STALL_S = 1800.0  # of `aha eval`; `aha run` has a flag
KINDS = ("laptop", "node", "cluster")
HELP = "laptop (one process), node (started with torchrun), or cluster, as in 'cluster(engines=2,ranks=2)'"


@dataclass(frozen=True)
class Hardware:
    """`kind` is one of `KINDS`. Of a cluster: how many `engines` sample, `ranks` learn and `graders` judge (0: the driver does it), and the
    `address` of a Ray cluster that runs already (empty: one is started on this machine)."""

    kind: str = "laptop"
    engines: int = 1
    ranks: int = 1
    graders: int = 0
    address: str = ""


def read_hardware(text: str) -> Hardware:
    """Return what `--hardware` says. BadInput where it is nothing that there is."""
    match = re.fullmatch(r"(\w+)(?:\((.*)\))?", text.strip())
    if match is None or match[1] not in KINDS:
        raise BadInput(f"--hardware {text}: it is {HELP}")
    words = [word.strip() for word in (match[2] or "").split(",") if word.strip()]
    if words and match[1] != "cluster":
        raise BadInput(f"--hardware {text}: {match[1]} has no settings; those are of cluster(engines=2,ranks=2)")
    return replace(Hardware(match[1]), **dict[str, Any](_setting(text, word) for word in words))


def _setting(text: str, word: str) -> tuple[str, int | str]:
    names = [field.name for field in fields(Hardware) if field.name != "kind"]
    name, equals, value = (part.strip() for part in word.partition("="))
    if not equals or name not in names:
        raise BadInput(f"--hardware {text}: {word!r} is no setting of it; those are {', '.join(names)}, as in engines=2")
    if name == "address":
        return name, value
    least = 0 if name == "graders" else 1
    if not value.isdigit() or int(value) < least:
        raise BadInput(f"--hardware {text}: {name} is {value!r}: it is a number, {least} or more")
    return name, int(value)


@contextmanager
def machine(
    hardware: Hardware, compute: Compute, settings: Mapping[str, object], stall_s: float, say: Callable[[str], None]
) -> Iterator[Backend | None]:
    """Yield the backend to run on; None where this process is one that another drives, and its work is done. `say` tells a person what a
    cluster replaced."""
    if hardware.kind == "node":
        from aha.backends.node import join_ranks

        with join_ranks(compute, settings, stall_s) as node:
            yield cast("Backend | None", node)
        return
    if hardware.kind == "cluster":
        from aha.backends.ray_cluster import connect

        counts = (hardware.engines, hardware.ranks, hardware.graders)
        with connect(compute, counts, hardware.address, stall_s, Path.cwd(), say) as cluster:
            yield cluster
        return
    from aha.backends.local_backend import LocalBackend as OneProcess

    yield OneProcess(compute)


@contextmanager
def sampling_machine(hardware: Hardware, compute: Compute, say: Callable[[str], None]) -> Iterator[LocalBackend]:
    """Yield the backend to sample on, which learns nothing: this process, or a cluster of engines alone."""
    if hardware.kind == "node":
        raise BadInput("--hardware node: it divides a model that learns; to sample on several engines say --hardware 'cluster(engines=2)'")
    if hardware.kind == "cluster":
        from aha.backends.ray_cluster import connect

        with connect(compute, (hardware.engines, 0, 0), hardware.address, STALL_S, Path.cwd(), say) as cluster:
            yield cluster
        return
    from aha.backends.local_backend import LocalBackend as OneProcess

    yield OneProcess(compute)
