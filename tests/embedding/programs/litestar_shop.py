from customers import Customers
from litestar import Litestar, get
from litestar.exceptions import NotAuthorizedException

from host_litestar.plugin import WABroadcastPlugin
from wabroadcast_core import Broadcaster, Settings


@get("/", sync_to_thread=False)
def index() -> str:
    return "the shop"


def staff_only(connection, handler):
    if connection.headers.get("x-staff") != "yes":
        raise NotAuthorizedException("only for staff")


broadcaster = Broadcaster(Settings(), plugins=[Customers])
app = Litestar([index], plugins=[WABroadcastPlugin(broadcaster, path="/messages", guards=[staff_only], work=True)])
