"""Drafts: create, list, show, change, delete and submit them; copy and undo broadcasts."""

import re
from collections.abc import Collection
from contextlib import closing
from http import HTTPStatus
from typing import IO, Annotated, TypeAlias

from litestar import Response, delete, get, post, put
from litestar.exceptions import HTTPException
from litestar.params import HeaderParameter, PathParameter, QueryParameter

from host_litestar.openapi import DraftOperation, answers
from host_litestar.problems import problems
from host_litestar.request_bodies import body_pieces
from host_litestar.request_reading import STREAMS_BODY, AnyRequest
from host_litestar.routes.controller import ApiController
from host_litestar.routes.parameters import Actor, BroadcasterDep, JobId, PageNumber, PageSize, SearchText
from host_litestar.routes.submission import read_draft, read_recipients, spool_body
from host_litestar.threads import SUBMITS, UNDOS
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import Fault, InvalidInputError
from wabroadcast_core.models.broadcast import LONGEST_HOLD, BroadcastSummary
from wabroadcast_core.models.draft import DraftView, ListedDraft, UndoResult
from wabroadcast_core.models.page import Page
from wabroadcast_core.services.drafts import ANY_VERSION

DraftId: TypeAlias = Annotated[str, PathParameter(name="draftId", description="The id of the draft.")]
IfMatch: TypeAlias = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match",
        max_length=1_000,
        description="The `ETag` of the draft as it was read, or `*` for any; the response is 412 if it is another one.",
    ),
]
_ENTITY_TAG = re.compile(r'\s*(?:W/)?"([^"]*)"\s*')  # a proxy that compresses may weaken the tag
_VERSION = re.compile(r"[0-9]{1,18}", re.ASCII)


class DraftController(ApiController):
    """Routes under ``/drafts``."""

    path = "/drafts"
    tags = ("Drafts",)

    @get(operation_id="ListDrafts", sync_to_thread=True, responses=problems())
    def list_drafts(
        self,
        broadcaster: BroadcasterDep,
        search: SearchText = None,
        owner: Annotated[str | None, QueryParameter(max_length=200, description="Only drafts of this owner.")] = None,
        submitted: Annotated[bool, QueryParameter(description="List those that were submitted too.")] = False,  # noqa: FBT002 - a query parameter
        page: PageNumber = 1,
        page_size: PageSize = 50,
    ) -> Page[ListedDraft]:
        """List drafts, the one that was changed last first."""
        return broadcaster.drafts.list(owner=owner, query=search, submitted=submitted, page=page, page_size=page_size)

    @post(
        status_code=201,
        opt=STREAMS_BODY,
        operation_id="CreateDraft",
        operation_class=DraftOperation,
        responses=problems(413) | answers(201, DraftView),
    )
    async def create(self, request: AnyRequest, broadcaster: BroadcasterDep, actor: Actor) -> Response[DraftView]:
        """Create a draft: the body of a submit, in which every field may be missing or unfinished.

        The caller is its owner. A file that it names lives as long as it. The header `ETag` has its version.
        """
        body = await spool_body(body_pieces(request))
        made = await SUBMITS.run(_create, broadcaster, body, actor)
        return _shown(made, location=f"{request.url.path.rstrip('/')}/{made.draft_id}")

    @get(
        "/{draftId:str}",
        operation_id="GetDraft",
        sync_to_thread=True,
        responses=problems(404) | answers(200, DraftView),
    )
    def show(self, draft_id: DraftId, broadcaster: BroadcasterDep) -> Response[DraftView]:
        """Return a draft, with what a submit of it would refuse. The header `ETag` has its version."""
        return _shown(broadcaster.drafts.get(draft_id))

    @put(
        "/{draftId:str}",
        opt=STREAMS_BODY,
        operation_id="PutDraft",
        operation_class=DraftOperation,
        responses=problems(404, 409, 412, 413, 428) | answers(200, DraftView),
    )
    async def replace(
        self,
        request: AnyRequest,
        draft_id: DraftId,
        broadcaster: BroadcasterDep,
        actor: Actor,
        if_match: IfMatch = None,
    ) -> Response[DraftView]:
        """Replace a draft as a whole. `If-Match` is required, so that no change is lost.

        If another call has changed it meanwhile, the response is 412 and has both versions.
        """
        versions = _required_versions(if_match)
        body = await spool_body(body_pieces(request))
        return _shown(await SUBMITS.run(_replace, broadcaster, draft_id, body, versions, actor))

    @delete("/{draftId:str}", operation_id="DeleteDraft", sync_to_thread=True, responses=problems(404, 412))
    def delete(self, draft_id: DraftId, broadcaster: BroadcasterDep, actor: Actor, if_match: IfMatch = None) -> None:
        """Delete a draft with its files. A broadcast that it was submitted as stays."""
        broadcaster.drafts.delete(draft_id, versions=_read_versions(if_match), actor=actor)

    @post(
        "/{draftId:str}/submit",
        status_code=202,
        operation_id="SubmitDraft",
        responses=problems(404, 412) | answers(202, BroadcastSummary),
    )
    async def submit(
        self,
        request: AnyRequest,
        draft_id: DraftId,
        broadcaster: BroadcasterDep,
        actor: Actor,
        if_match: IfMatch = None,
        hold_seconds: Annotated[
            float | None,
            QueryParameter(
                name="holdSeconds",
                ge=0,
                le=LONGEST_HOLD,
                description="It starts no sooner than in so many seconds, so that it can be undone.",
            ),
        ] = None,
    ) -> Response[BroadcastSummary]:
        """Submit a draft as a broadcast. A repeated submit is the same broadcast.

        With `If-Match`, only the version that was reviewed is submitted.
        """
        versions = _read_versions(if_match)
        broadcast = await SUBMITS.run(
            broadcaster.drafts.submit, draft_id, versions=versions, hold_seconds=hold_seconds, actor=actor
        )
        root = request.url.path.partition("/drafts/")[0]
        return Response(broadcast, headers={"Location": f"{root}/broadcast/{broadcast.job_id}"})


class UndoController(ApiController):
    """Routes under ``/broadcast`` that make drafts of broadcasts."""

    path = "/broadcast"
    tags = ("Broadcasts",)

    @post(
        "/{jobId:str}/copy",
        status_code=201,
        operation_id="CopyBroadcast",
        sync_to_thread=True,
        responses=problems(404) | answers(201, DraftView),
    )
    def copy(
        self, request: AnyRequest, job_id: JobId, broadcaster: BroadcasterDep, actor: Actor
    ) -> Response[DraftView]:
        """Copy a broadcast into a new draft: message, audience and settings, without a start that is over."""
        made = broadcaster.drafts.copy(job_id, actor=actor)
        root = request.url.path.partition("/broadcast/")[0]
        return _shown(made, location=f"{root}/drafts/{made.draft_id}")

    @post("/undo/{jobId:str}", status_code=200, operation_id="UndoBroadcast", responses=problems(404, 409))
    @UNDOS
    def undo(self, job_id: JobId, broadcaster: BroadcasterDep, actor: Actor) -> UndoResult:
        """Turn a broadcast into a draft if none of its messages has left.

        Otherwise it is paused, and the response says how many have left. Claimed messages are awaited for some seconds.
        """
        return broadcaster.undo(job_id, actor=actor)


def _create(broadcaster: Broadcaster, body: IO[bytes], actor: str) -> DraftView:
    with closing(body):
        draft, has_recipients = read_draft(body)
        return broadcaster.drafts.create(draft, read_recipients(body) if has_recipients else None, actor=actor)


def _replace(
    broadcaster: Broadcaster, draft_id: str, body: IO[bytes], versions: Collection[int], actor: str
) -> DraftView:
    with closing(body):
        draft, has_recipients = read_draft(body)
        recipients = read_recipients(body) if has_recipients else None
        return broadcaster.drafts.save(draft_id, draft, recipients, versions=versions, actor=actor)


def _shown(draft: DraftView, *, location: str | None = None) -> Response[DraftView]:
    headers = {"ETag": f'"{draft.version}"'} | ({} if location is None else {"Location": location})
    return Response(draft, headers=headers)


def _required_versions(if_match: str | None) -> Collection[int]:
    if if_match is None:
        raise HTTPException(
            "the header If-Match is missing: send the ETag of the draft as you read it, or * to overwrite any version",
            status_code=HTTPStatus.PRECONDITION_REQUIRED,
        )
    return _read_versions(if_match)


def _read_versions(if_match: str | None) -> Collection[int]:
    """Return the versions that a header ``If-Match`` names.

    :raises InvalidInputError: it is no list of entity tags.
    """
    if if_match is None or if_match.strip() == "*":
        return ANY_VERSION
    tags = [_ENTITY_TAG.fullmatch(tag) for tag in if_match.split(",")]
    if None in tags:
        raise InvalidInputError([Fault("If-Match", 'not an ETag: write it with its quotes, as "3", or write *')])
    return {int(tag[1]) if _VERSION.fullmatch(tag[1]) else -1 for tag in tags if tag is not None}
