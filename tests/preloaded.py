"""What the process that the tests' processes are forked from has imported; see :mod:`tests.forked`."""

import uvicorn.lifespan.on
import uvicorn.protocols.http.httptools_impl

import host_litestar.app
import host_litestar.cli
import host_litestar.standalone
import tests.processes
import wabroadcast_plugins

__all__ = ["host_litestar", "tests", "uvicorn", "wabroadcast_plugins"]
