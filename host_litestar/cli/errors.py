"""Errors that end a command."""

REFUSED = 2  # exit status of a wrong command line, or a call that was refused


class RefusedError(Exception):
    """The command cannot be done. Its text is printed as one line; the exit status is 2."""


class UnreachableError(RefusedError):
    """The server does not answer at the moment."""
