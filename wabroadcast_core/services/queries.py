"""The named queries that a broadcast may use as its audience."""

from wabroadcast_core.context import Context
from wabroadcast_core.queries import QueryView


class Queries:
    """``broadcaster.queries``: what the operator lets broadcasts ask the main database."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def list(self) -> list[QueryView]:
        """Return the named queries with the parameters that each requires."""
        return [
            QueryView(name=name, description=query.description, parameters=query.parameters)
            for name, query in self._context.queries.items()
        ]
