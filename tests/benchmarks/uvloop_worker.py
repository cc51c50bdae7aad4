"""A worker process of the benchmarks whose event loops are uvloop's."""

import asyncio
import importlib

from tests import processes


def main() -> None:
    asyncio.set_event_loop_policy(importlib.import_module("uvloop").EventLoopPolicy())
    processes.main()
