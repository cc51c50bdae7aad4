"""Use cases of named queries, which a broadcast may use as its audience."""

from wabroadcast_core.context import Context
from wabroadcast_core.queries import QueryView


class Queries:
    """``broadcaster.queries``: the database queries that the operator allows to broadcasts."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def list(self) -> list[QueryView]:
        """Return the named queries with the parameters that each requires."""
        return [
            QueryView(name=name, description=query.description, parameters=query.parameters)
            for name, query in self._context.queries.items()
        ]
