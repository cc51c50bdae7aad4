"""Tags of contacts: list, rename, merge, delete, put on many and take off many."""

from litestar import Controller, delete, get, post, put
from litestar.params import JSONBody

from host_litestar.openapi import TagContactsOperation
from host_litestar.problems import problems
from host_litestar.routes.parameters import BroadcasterDep, TagName, read_tag, whole_list
from wabroadcast_core.models.contact import Tagging, TaggingReport, TagMerge, TagPatch, TagView
from wabroadcast_core.models.page import Page


class TagController(Controller):
    path = "/contacts"
    tags = ("Tags",)

    @get("/tags", operation_id="ListTags", sync_to_thread=True, responses=problems())
    def tag_list(self, broadcaster: BroadcasterDep) -> Page[TagView]:
        """All tags by name, each with how many contacts have it."""
        return whole_list(broadcaster.tags.list())

    @post(
        "/tag",
        status_code=200,
        operation_id="TagContacts",
        operation_class=TagContactsOperation,
        sync_to_thread=True,
        responses=problems(),
    )
    def tag_contacts(self, data: JSONBody[Tagging], broadcaster: BroadcasterDep) -> TaggingReport:
        """Put tags on contacts and take others off them, by their numbers or by a filter."""
        return broadcaster.tags.tag_contacts(data)

    @put("/tags/{tag:str}", operation_id="RenameTag", sync_to_thread=True, responses=problems(404, 409))
    def rename(self, tag: TagName, data: JSONBody[TagPatch], broadcaster: BroadcasterDep) -> TagView:
        """Rename a tag. To a name that is taken: 409, merge the two instead."""
        return broadcaster.tags.rename(read_tag(tag), to=data.name)

    @post(
        "/tags/{tag:str}/merge",
        status_code=200,
        operation_id="MergeTags",
        sync_to_thread=True,
        responses=problems(404),
    )
    def merge(self, tag: TagName, data: JSONBody[TagMerge], broadcaster: BroadcasterDep) -> TagView:
        """Let everyone who has one of the tags `from` have this one instead; those are gone then."""
        return broadcaster.tags.merge(read_tag(tag), data.sources)

    @delete("/tags/{tag:str}", operation_id="DeleteTag", sync_to_thread=True, responses=problems(404))
    def delete(self, tag: TagName, broadcaster: BroadcasterDep) -> None:
        """Take a tag off everyone; the contacts stay."""
        broadcaster.tags.delete(read_tag(tag))
