from contextlib import asynccontextmanager

from customers import engine
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.orm import Session

from wabroadcast_core import AsyncBroadcaster, Broadcaster, Settings

THANKS = {"type": "text", "text": "Terima kasih, {{ name }}"}
broadcaster = AsyncBroadcaster(Broadcaster(Settings(), db_engine=engine), work=True)


@asynccontextmanager
async def lifespan(app):
    async with broadcaster:
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/orders/{number}", status_code=202)
def confirm_order(number: int):  # def, not async def: FastAPI runs it in a thread
    people = [{"number": "0812-0000-1001", "name": "Budi"}]
    with Session(engine) as session, session.begin():
        session.execute(text("UPDATE customers SET city = 'Jakarta' WHERE id = 1"))
        draft = {"name": f"Order {number}", "message": THANKS}
        return broadcaster.sync.submit(draft, people, conn=session.connection())


@app.get("/orders/{job_id}")
async def show_order(job_id: str):
    return await broadcaster.status(job_id)
