"""How a command says that it cannot."""

REFUSED = 2  # the exit status of what was called wrongly or was refused


class RefusedError(Exception):
    """Ends a command with one line and exit status 2."""


class UnreachableError(RefusedError):
    """No server answers just now."""
