"""Tags of contacts: list, rename, merge, delete, add to and remove from many contacts."""

from litestar import delete, get, post, put
from litestar.params import JSONBody

from host_litestar.openapi import TagContactsOperation
from host_litestar.problems import problems
from host_litestar.request_reading import LARGE_JSON
from host_litestar.routes.controller import ApiController
from host_litestar.routes.parameters import Actor, BroadcasterDep, TagName, read_tag, whole_list
from wabroadcast_core.models.contact import Tagging, TaggingReport, TagMerge, TagPatch, TagView
from wabroadcast_core.models.page import Page


class TagController(ApiController):
    """Routes under ``/contacts/tag`` and ``/contacts/tags``."""

    path = "/contacts"
    tags = ("Tags",)

    @get("/tags", operation_id="ListTags", sync_to_thread=True, responses=problems())
    def list_tags(self, broadcaster: BroadcasterDep) -> Page[TagView]:
        """List all tags by name, each with the number of its contacts."""
        return whole_list(broadcaster.tags.list())

    @post(
        "/tag",
        status_code=200,
        opt=LARGE_JSON,
        operation_id="TagContacts",
        operation_class=TagContactsOperation,
        sync_to_thread=True,
        responses=problems(),
    )
    def tag_contacts(self, data: JSONBody[Tagging], broadcaster: BroadcasterDep, actor: Actor) -> TaggingReport:
        """Add tags to contacts and remove others, for given numbers or for all contacts that a filter matches."""
        return broadcaster.tags.tag_contacts(data, actor=actor)

    @put("/tags/{tag:str}", operation_id="RenameTag", sync_to_thread=True, responses=problems(404, 409))
    def rename(self, tag: TagName, data: JSONBody[TagPatch], broadcaster: BroadcasterDep, actor: Actor) -> TagView:
        """Rename a tag. If the new name exists already, the response is 409: merge the two tags instead."""
        return broadcaster.tags.rename(read_tag(tag), to=data.name, actor=actor)

    @post(
        "/tags/{tag:str}/merge",
        status_code=200,
        operation_id="MergeTags",
        sync_to_thread=True,
        responses=problems(404),
    )
    def merge(self, tag: TagName, data: JSONBody[TagMerge], broadcaster: BroadcasterDep, actor: Actor) -> TagView:
        """Merge the tags in `from` into this one: their contacts get this tag, and the merged tags are deleted."""
        return broadcaster.tags.merge(read_tag(tag), data.sources, actor=actor)

    @delete("/tags/{tag:str}", operation_id="DeleteTag", sync_to_thread=True, responses=problems(404))
    def delete(self, tag: TagName, broadcaster: BroadcasterDep, actor: Actor) -> None:
        """Delete a tag. Its contacts stay in the contact book."""
        broadcaster.tags.delete(read_tag(tag), actor=actor)
