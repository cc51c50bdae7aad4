import asyncio
import os

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from wabroadcast_core import AsyncBroadcaster

PROMO = {"type": "text", "text": "Halo {{ name }} di {{ city }}"}
engine = create_async_engine(os.environ["DATABASE"])


async def read_customers():
    async with engine.connect() as conn:
        async for row in await conn.stream(text("SELECT phone, name, city FROM customers ORDER BY id")):
            yield {"number": row.phone, "name": row.name, "variables": {"city": row.city}}


async def main():
    async with AsyncBroadcaster() as broadcaster:
        job = await broadcaster.submit({"name": "Promo", "message": PROMO}, read_customers())
        print(job.status)


asyncio.run(main())
