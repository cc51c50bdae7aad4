from contextlib import asynccontextmanager

from customers import Customers
from fastapi import FastAPI, Response
from listener import Listener

from wabroadcast_core import (
    AsyncBroadcaster,
    Broadcaster,
    BroadcastError,
    Settings,
    describe_error,
    health_app,
    webhook_app,
)

PROMO = {
    "name": "Promo",
    "message": {"type": "text", "text": "Halo {{ name }} di {{ city }}"},
    "source": {"type": "customers", "city": "Bandung"},
}
broadcaster = AsyncBroadcaster(Broadcaster(Settings(), plugins=[Customers, Listener()]), work=True)


@asynccontextmanager
async def lifespan(app):
    async with broadcaster:
        yield


app = FastAPI(lifespan=lifespan)
app.mount("/webhooks", webhook_app(broadcaster.sync))
app.mount("/health", health_app(broadcaster.sync))


@app.exception_handler(BroadcastError)
async def show_problem(request, error):
    problem = describe_error(error)
    return Response(problem.body, problem.status, problem.headers)


@app.post("/promo", status_code=202)
async def send_promo():
    return await broadcaster.submit(PROMO)


@app.get("/promo/{job_id}")
async def show_promo(job_id: str):
    return await broadcaster.status(job_id)
