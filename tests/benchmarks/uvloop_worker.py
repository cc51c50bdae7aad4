"""A worker process of the tests whose loops are uvloop's."""

import asyncio
import importlib

from tests import processes

if __name__ == "__main__":
    asyncio.set_event_loop_policy(importlib.import_module("uvloop").EventLoopPolicy())
    processes.main()
