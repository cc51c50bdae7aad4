"""The catalogue of reasons: what a code means and what to do."""

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter

from host_litestar.languages import AcceptLanguage, Lang, choose_language
from host_litestar.problems import problems
from host_litestar.routes.controller import ApiController
from host_litestar.routes.parameters import BroadcasterDep, whole_list
from wabroadcast_core.models.page import Page
from wabroadcast_core.models.reason import Reason


class ReasonController(ApiController):
    """Routes under ``/reasons``."""

    path = "/reasons"
    tags = ("Reasons",)

    @get(operation_id="ListReasons", sync_to_thread=False, responses=problems())
    def list_reasons(
        self,
        broadcaster: BroadcasterDep,
        code: Annotated[
            str | None, QueryParameter(max_length=200, description="Only the entries of this code.")
        ] = None,
        sender: Annotated[
            str | None, QueryParameter(max_length=200, description="The kind of sender that gave the code.")
        ] = None,
        lang: Lang = None,
        accept_language: AcceptLanguage = None,
    ) -> Page[Reason]:
        """List what the codes of failures, of waiting and of problems mean, and what to do.

        With `code` the list has each entry of that code: the one that all senders share, then those of senders; with
        `sender` too, only the entry that counts for it. `known` is false if the catalogue does not have the code.
        """
        catalogue = broadcaster.reasons
        language = choose_language(lang, accept_language, available=catalogue.languages)
        if code is not None and sender is None:
            return whole_list(catalogue.explain_all(code, language=language))
        if code is not None:
            return whole_list([catalogue.explain(code, language=language, sender=sender)])
        return whole_list(catalogue.list(language=language, sender=sender))
