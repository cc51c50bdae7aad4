from django.db import transaction
from shop.models import Order

THANKS = {"type": "text", "text": "Terima kasih, {{ name }}"}


def confirm_order(customer):
    draft = {"name": f"Thanks to customer {customer.pk}", "message": THANKS}
    people = [{"number": customer.phone, "name": customer.name}]
    with transaction.atomic():
        order = Order.objects.create(draft=draft, people=people)  # with all that your order changes
        transaction.on_commit(lambda: submit_order(order), robust=True)


def submit_order(order):
    from shop.broadcasts import broadcaster

    job = broadcaster.start().submit(order.draft, order.people, idempotency_key=f"order-{order.pk}")
    Order.objects.filter(pk=order.pk).update(job_id=job.job_id)


def submit_missing():  # from a cron job: what a crash or an error has left
    for order in Order.objects.filter(job_id=""):
        submit_order(order)
