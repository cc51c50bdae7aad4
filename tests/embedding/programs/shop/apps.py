import atexit

from django.apps import AppConfig
from django.conf import settings
from django.db import close_old_connections

from wabroadcast_core import AudienceRow, Broadcaster, Model, Settings


class Customers:
    kind, Settings, repeatable = "customers", Model, True

    def __init__(self, settings, context): ...

    def read(self):
        from shop.models import Customer

        close_old_connections()  # of this thread, which lives for long
        for one in Customer.objects.order_by("pk").iterator():
            yield AudienceRow(number=one.phone, name=one.name, variables={"city": one.city})


class ShopConfig(AppConfig):
    name = "shop"

    def ready(self):
        self.broadcaster = Broadcaster(Settings(**settings.BROADCASTS), plugins=[Customers])  # opens nothing yet
        atexit.register(self.broadcaster.close)
