"""The HTTP API, one module a noun. Routes only translate between HTTP and the broadcaster, which decides."""

from litestar.types import ControllerRouterHandler

from host_litestar.routes.activity import ActivityController
from host_litestar.routes.blacklist import BlacklistController
from host_litestar.routes.broadcasts import BroadcastController
from host_litestar.routes.callbacks import CallbackController
from host_litestar.routes.connections import ConnectionController
from host_litestar.routes.contacts import ContactController
from host_litestar.routes.drafts import DraftController, UndoController
from host_litestar.routes.events import EventController
from host_litestar.routes.health import HealthController
from host_litestar.routes.keys import KeyController
from host_litestar.routes.message_search import MessageSearchController
from host_litestar.routes.messages import MessageController
from host_litestar.routes.reasons import ReasonController
from host_litestar.routes.reports import ReportController
from host_litestar.routes.sessions import SessionController
from host_litestar.routes.tags import TagController
from host_litestar.routes.trials import TrialController
from host_litestar.routes.uploads import UploadController

HANDLERS: tuple[ControllerRouterHandler, ...] = (
    BroadcastController,
    TrialController,
    DraftController,
    UndoController,
    MessageController,
    MessageSearchController,
    ReasonController,
    ReportController,
    EventController,
    ContactController,
    TagController,
    BlacklistController,
    ConnectionController,
    UploadController,
    KeyController,
    SessionController,
    ActivityController,
    CallbackController,
    HealthController,
)
