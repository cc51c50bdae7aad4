import signal
import threading

from django.core.management.base import BaseCommand
from shop.broadcasts import broadcaster

from wabroadcast_core import Worker


class Command(BaseCommand):
    help = "Send broadcasts until SIGTERM or Ctrl-C."

    def handle(self, **options):
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        with broadcaster:
            Worker(broadcaster).run(stop=stop)
