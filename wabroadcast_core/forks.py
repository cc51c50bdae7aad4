"""What the child of a fork does with the parts that it has from its parent.

A host's server may load the application before it forks its processes (``gunicorn --preload``). The child has copies
of all objects, but none of the threads, and must not use the parent's connections.
"""

import os
import weakref
from typing import Protocol


class Forked(Protocol):
    """A part with threads, locks or connections."""

    def after_fork(self) -> None:
        """Begin anew in the child: without the parent's threads and connections. It makes no calls."""
        ...


_parts: "weakref.WeakSet[Forked]" = weakref.WeakSet()


def renew_after_fork(part: Forked) -> None:
    """Call the ``after_fork`` of a part in each child that this process forks, as long as the part is in use."""
    _parts.add(part)


def _renew_parts() -> None:
    for part in list(_parts):
        part.after_fork()


if hasattr(os, "register_at_fork"):  # Windows has no forks
    os.register_at_fork(after_in_child=_renew_parts)
