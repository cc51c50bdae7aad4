"""Alembic's entry: runs on the connection that the caller holds, inside its transaction."""

from alembic import context

from wabroadcast_core.store.tables import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
