"""The activity: who did what, to which object."""

from typing import Annotated, Any, TypeAlias

from litestar import get
from litestar.params import QueryParameter

from host_litestar.file_streams import FileStream
from host_litestar.openapi import FILE_TYPES
from host_litestar.problems import problems
from host_litestar.routes.controller import ApiController
from host_litestar.routes.parameters import BroadcasterDep, Cursor, Since, Until, read_span
from wabroadcast_core.models.activity import Activity, ActObject
from wabroadcast_core.models.page import CursorPage

ObjectKind: TypeAlias = Annotated[ActObject | None, QueryParameter(description="Only acts on objects of this kind.")]
ObjectId: TypeAlias = Annotated[
    str | None, QueryParameter(name="objectId", max_length=200, description="jobId, name or number of one object.")
]
ActorName: TypeAlias = Annotated[
    str | None, QueryParameter(name="actor", max_length=200, description="The name of a key, or a component.")
]
Action: TypeAlias = Annotated[str | None, QueryParameter(max_length=200, description="As in the list: pause, save, …")]


class ActivityController(ApiController):
    """Routes under ``/activity``."""

    path = "/activity"
    tags = ("Activity",)

    @get(operation_id="ListActivity", sync_to_thread=True, responses=problems())
    def list_acts(
        self,
        broadcaster: BroadcasterDep,
        object: ObjectKind = None,  # noqa: A002 - the parameter's name
        object_id: ObjectId = None,
        actor_name: ActorName = None,
        action: Action = None,
        since: Since = None,
        until: Until = None,
        cursor: Cursor = None,
        page_size: Annotated[int, QueryParameter(name="pageSize", ge=1, le=1_000, description="Acts in a page.")] = 100,
    ) -> CursorPage[Activity]:
        """List the acts on all objects, the newest first: who did what, and when."""
        chosen = _filter(object, object_id, actor=actor_name, action=action, since=since, until=until)
        return broadcaster.activity.list(**chosen, cursor=cursor, limit=page_size)

    @get(
        "/export",
        operation_id="ExportActivity",
        media_type=FILE_TYPES["csv"],
        sync_to_thread=True,
        responses=problems(),
    )
    def export(
        self,
        broadcaster: BroadcasterDep,
        object: ObjectKind = None,  # noqa: A002 - the parameter's name
        object_id: ObjectId = None,
        actor_name: ActorName = None,
        action: Action = None,
        since: Since = None,
        until: Until = None,
    ) -> FileStream:
        """Export the acts that a list shows as CSV, the newest first."""
        chosen = _filter(object, object_id, actor=actor_name, action=action, since=since, until=until)
        headers = {"Content-Disposition": 'attachment; filename="activity.csv"'}
        return FileStream(broadcaster.activity.export(**chosen), media_type=FILE_TYPES["csv"], headers=headers)


def _filter(
    kind: ActObject | None, object_id: str | None, *, since: str | None, until: str | None, **fields: str | None
) -> dict[str, Any]:
    return {**fields, "object": kind, "object_id": object_id, **read_span(since, until).model_dump()}
