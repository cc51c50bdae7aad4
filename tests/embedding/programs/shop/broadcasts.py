import atexit

from django.conf import settings
from django.db import connection
from shop.models import Customer, Fact

from wabroadcast_core import AudienceRow, Broadcaster, Model, Settings, hookimpl


class CustomerSettings(Model):
    city: str


class Customers:
    kind, Settings, repeatable = "customers", CustomerSettings, True

    def __init__(self, settings, context):
        self.city = settings.city

    def read(self):
        try:
            for one in Customer.objects.filter(city=self.city).order_by("pk").iterator():
                yield AudienceRow(number=one.phone, name=one.name, variables={"city": one.city})
        finally:
            connection.close()  # of this thread: no request ends in it


class Listener:
    @hookimpl
    def wab_messages_finished(self, results):
        store_facts((one, one.status) for one in results)

    @hookimpl
    def wab_receipts(self, receipts):
        store_facts((one, one.kind) for one in receipts)


def store_facts(facts):
    names = ("job_id", "message_id", "number")
    rows = [
        Fact(fact=fact, reason=one.reason or "", **{name: getattr(one, name) for name in names}) for one, fact in facts
    ]
    try:
        Fact.objects.bulk_create(rows)
    finally:
        connection.close()


broadcaster = Broadcaster(Settings(**settings.BROADCASTS), plugins=[Customers, Listener()])  # opens nothing yet
atexit.register(broadcaster.close)
