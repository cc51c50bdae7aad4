from customers import Customers

from wabroadcast_core import Broadcaster, Settings, Worker

PROMO = {"type": "text", "text": "Halo {{ name }} di {{ city }}"}

with Broadcaster(Settings(), plugins=[Customers]) as broadcaster:
    job = broadcaster.submit({"name": "Promo", "message": PROMO, "source": {"type": "customers"}})
    Worker(broadcaster).run(burst=True)  # until no message is due
    print(broadcaster.status(job.job_id).counts.sent, "sent")
