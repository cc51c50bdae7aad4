import asyncio

from customers import Customers

from wabroadcast_core import AsyncBroadcaster, Broadcaster, Settings

PROMO = {
    "name": "Promo",
    "message": {"type": "text", "text": "Halo {{ name }} di {{ city }}"},
    "source": {"type": "customers", "city": "Bandung"},
}


async def main():
    async with AsyncBroadcaster(Broadcaster(Settings(), plugins=[Customers]), work=True) as broadcaster:
        job = await broadcaster.submit(PROMO)
        async for event in broadcaster.live.listen(job.job_id):
            progress = event.content.broadcast
            if progress.status == "completed" and progress.counts.delivered == progress.total:
                print(progress.counts.delivered, "delivered")
                break


asyncio.run(main())
