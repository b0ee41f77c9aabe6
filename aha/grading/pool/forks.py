"""What a forked child must not share with its parent: sockets, and locks that another thread may have held."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Forgets(Protocol):
    """Owns something live that stays the parent's."""

    def forget(self) -> None:
        """In a forked child: as if it had never been opened; what the parent has stays untouched."""
        ...


_OWNERS: WeakSet[Forgets] = WeakSet()


def forget_in_children(owner: Forgets) -> None:
    """From now on a fork calls `owner.forget()` in the child."""
    _OWNERS.add(owner)


def _forget_handles() -> None:
    for owner in list(_OWNERS):
        owner.forget()


os.register_at_fork(after_in_child=_forget_handles)
