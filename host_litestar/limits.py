"""The limits on connections that no setting changes; bodies have theirs where they are read."""

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

HEAD_BYTES: Final = 64 * KIB  # of a request's head, of the trailers of a body
PIPELINED_REQUESTS: Final = 32  # that wait on one connection behind the one in progress
BODY_BYTES: Final = 4 * KIB  # that come at least in each ``body_seconds`` until a body is complete
ANSWER_SECONDS: Final = 60.0  # in which a client must go on reading an answer
NARROW_BYTES: Final = 16 * KIB  # of an event stream that are kept for a client that does not read
UNREAD_SECONDS: Final = 30.0  # in which the client of an event stream must read on, from the first byte that waits
RESERVED_FILES: Final = 256  # of the limit of open files: for the store, Redis, modules and logs
