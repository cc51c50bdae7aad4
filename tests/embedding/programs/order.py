from customers import engine
from sqlalchemy import text

from wabroadcast_core import Broadcaster, Settings

THANKS = {"type": "text", "text": "Terima kasih, {{ name }}"}

with Broadcaster(Settings(), db_engine=engine) as broadcaster:
    with engine.begin() as conn:
        conn.execute(text("UPDATE customers SET city = 'Jakarta' WHERE id = 1"))
        people = [{"number": "0812-0000-1001", "name": "Budi"}]
        job = broadcaster.submit({"name": "Order 17", "message": THANKS}, people, conn=conn)
    print(broadcaster.status(job.job_id).status)  # both are stored now, or neither
