"""What the child of a fork does with the parts that it has from its parent.

A host's server may load the application before it forks its processes (``gunicorn --preload``). The child has copies
of all objects, but none of the threads, and must not use the parent's connections.
"""

import os
import weakref
from collections.abc import Callable

_renewals: "set[weakref.WeakMethod[Callable[[], None]]]" = set()


def renew_after_fork(renew: Callable[[], None]) -> None:
    """Call a method in each child that this process forks, as long as its object is in use.

    :param renew: lets the object begin anew in the child, without the parent's threads and connections.
    """
    _renewals.add(weakref.WeakMethod(renew, _renewals.discard))


def _renew_all() -> None:
    for reference in list(_renewals):
        if (renew := reference()) is not None:
            renew()


if hasattr(os, "register_at_fork"):  # Windows has no forks
    os.register_at_fork(after_in_child=_renew_all)
