from customers import Customers

from wabroadcast_core import Broadcaster, Settings, Worker

PROMO = {
    "name": "Promo",
    "message": {"type": "text", "text": "Halo {{ name }} di {{ city }}"},
    "source": {"type": "customers", "city": "Bandung"},
}

with Broadcaster(Settings(), plugins=[Customers]) as broadcaster:
    job = broadcaster.submit(PROMO)
    Worker(broadcaster).run(burst=True)  # until no message is due
    print(broadcaster.status(job.job_id).counts.sent, "sent")
