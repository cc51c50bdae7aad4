"""What the engine lends to contact sources."""

import functools

from wabroadcast_core.context import Context
from wabroadcast_core.hookspecs import SourceContext
from wabroadcast_core.store.contacts import read_contacts
from wabroadcast_core.store.uploads import open_upload


def source_context(context: Context) -> SourceContext:
    return SourceContext(
        open_upload=functools.partial(open_upload, context.database),
        read_contacts=functools.partial(read_contacts, context.database),
        region=context.settings.default_region,
        workbook_seconds=context.settings.workbook_seconds,
        workbook_megabytes=context.settings.workbook_megabytes,
    )
