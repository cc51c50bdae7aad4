"""What the process that the tests' processes are forked from has imported; see :mod:`tests.forked`."""

import host_litestar.cli
import host_litestar.standalone
import tests.processes
import wabroadcast_plugins

__all__ = ["host_litestar", "tests", "wabroadcast_plugins"]
