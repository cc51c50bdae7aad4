"""The router of the dashboard: its rooms, how their requests are read and how their answers are protected."""

from typing import Final

from litestar import Router
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from host_litestar.dashboard.activity import ActivityPages
from host_litestar.dashboard.api_keys import ApiKeyPages
from host_litestar.dashboard.broadcast import BroadcastPages
from host_litestar.dashboard.broadcasts import BroadcastsPages
from host_litestar.dashboard.callbacks import CallbackPages
from host_litestar.dashboard.compose import ComposePages
from host_litestar.dashboard.connection_saving import ConnectionSavingPages
from host_litestar.dashboard.connections import ConnectionPages
from host_litestar.dashboard.contact_imports import ImportPages
from host_litestar.dashboard.contacts import ContactPages
from host_litestar.dashboard.forms import read_page_request
from host_litestar.dashboard.message import MessagePages
from host_litestar.dashboard.opt_outs import OptOutPages
from host_litestar.dashboard.overview import OverviewPages
from host_litestar.dashboard.page_errors import PageErrors
from host_litestar.dashboard.page_headers import set_page_headers
from host_litestar.dashboard.person import PersonPages
from host_litestar.dashboard.review import ReviewPages
from host_litestar.dashboard.search import SearchPages
from host_litestar.dashboard.settings import SettingsPages
from host_litestar.dashboard.sign_in import SignInPages
from host_litestar.dashboard.static_files import StaticFiles
from host_litestar.dashboard.system import SystemPages
from host_litestar.dashboard.tags import TagPages
from host_litestar.dashboard.view import AnyRequest, View
from host_litestar.own_router import OwnRouter
from wabroadcast_core.broadcaster import Broadcaster

ROOMS: Final[tuple[ControllerRouterHandler, ...]] = (
    SignInPages,
    OverviewPages,
    BroadcastsPages,
    BroadcastPages,
    MessagePages,
    SearchPages,
    ConnectionPages,
    ConnectionSavingPages,
    SettingsPages,
    ApiKeyPages,
    CallbackPages,
    SystemPages,
    ActivityPages,
    ComposePages,
    ReviewPages,
    ContactPages,
    TagPages,
    ImportPages,
    PersonPages,
    OptOutPages,
    StaticFiles,
)


def dashboard_router(broadcaster: Broadcaster, errors: PageErrors, *, mount: str) -> Router:
    """Create the router of the dashboard.

    :param errors: creates the pages of errors.
    :param mount: the path of the routes inside the application.
    """

    def provide_view(request: AnyRequest) -> View:
        return View(request, broadcaster, mount=mount)

    return OwnRouter(
        "/",
        route_handlers=ROOMS,
        dependencies={"view": Provide(provide_view, sync_to_thread=False)},
        before_request=read_page_request,
        after_request=set_page_headers,
        exception_handlers={Exception: errors},
    )
