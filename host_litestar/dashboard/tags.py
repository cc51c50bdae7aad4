"""Tags: their list, and for one of them rename, merge and delete."""

from http import HTTPStatus
from typing import Any, Final

from host_litestar.dashboard.contacts import OFFERED_TAGS, ROOM
from host_litestar.dashboard.controller import PageController, act, page
from host_litestar.dashboard.notices import Notice
from host_litestar.dashboard.view import Page, View, ViewDep
from host_litestar.threads import FILES
from wabroadcast_core.errors import ConflictError, Fault, InvalidInputError, NotFoundError
from wabroadcast_core.models.contact import TagView, fold_tag
from wabroadcast_core.models.page import Page as ListPage

TAGS: Final = f"{ROOM}/tags"
PAGE_SIZE: Final = 100


class TagPages(PageController):
    """Routes under ``/ui/contacts/tags``. A tag is a parameter, not a part of a path: it may hold any sign."""

    path = TAGS

    @page("/")
    def show(self, view: ViewDep) -> Page:
        """Show all tags, and the forms of the chosen one."""
        return _tags(view, view.query("tag"))

    @act("/rename", threads=FILES)
    def rename(self, view: ViewDep) -> Page:
        """Rename a tag."""
        tag = view.form.text("tag")
        try:
            renamed = view.broadcaster.tags.rename(tag, to=view.form.text("name"), actor=view.actor)
        except InvalidInputError as error:
            return _tags(view, tag, faults=[Fault("name", fault.message) for fault in error.faults])
        except ConflictError:
            return _tags(view, tag, faults=[view.fault("name", "tags.exists", name=view.form.text("name"))])
        return view.redirect(view.link(TAGS), Notice("tags.renamed", {"tag": tag, "name": renamed.name}))

    @act("/merge", threads=FILES)
    def merge(self, view: ViewDep) -> Page:
        """Merge a tag into another one."""
        tag, into = view.form.text("tag"), view.form.text("into")
        if fold_tag(tag) == fold_tag(into):
            return _tags(view, tag, faults=[view.fault("into", "tags.merge_itself")])
        try:
            merged = view.broadcaster.tags.merge(into, [tag], actor=view.actor)
        except NotFoundError:
            return _tags(view, tag, faults=[view.fault("into", "tags.unknown", name=into)])
        return view.redirect(
            view.link(TAGS), Notice("tags.merged", {"tag": tag, "name": merged.name, "n": merged.contacts})
        )

    @act("/delete", threads=FILES)
    def delete(self, view: ViewDep) -> Page:
        """Delete a tag. Its contacts stay."""
        tag = view.form.text("tag")
        view.broadcaster.tags.delete(tag, actor=view.actor)
        return view.redirect(view.link(TAGS), Notice("tags.deleted", {"tag": tag}))


def _tags(view: View, chosen: str, *, faults: list[Fault] | None = None, **context: Any) -> Page:
    """Show the tags.

    :raises NotFoundError: the chosen tag does not exist.
    """
    tags = view.broadcaster.tags.list()
    number = view.page_number()
    start = (number - 1) * PAGE_SIZE
    return view.page(
        "tags.html",
        status=HTTPStatus.BAD_REQUEST if faults else HTTPStatus.OK,
        faults=faults or (),
        found=ListPage(items=list(tags[start : start + PAGE_SIZE]), total=len(tags), page=number, page_size=PAGE_SIZE),
        chosen=_find(tags, chosen) if chosen else None,
        offered=tags[:OFFERED_TAGS],
        **context,
    )


def _find(tags: Any, name: str) -> TagView:
    folded = fold_tag(name)
    found: TagView | None = next((tag for tag in tags if fold_tag(tag.name) == folded), None)
    if found is None:
        raise NotFoundError("tag", name)
    return found
