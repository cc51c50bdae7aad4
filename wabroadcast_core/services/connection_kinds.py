"""The installed kinds of sender, as people see them. They need neither the store nor Redis."""

from collections.abc import Mapping

from wabroadcast_core.hookspecs import Sender
from wabroadcast_core.models.connection import ConnectionKind


def describe_kinds(senders: Mapping[str, type[Sender]]) -> tuple[ConnectionKind, ...]:
    """Return the kinds of sender by name, each with the JSON schema of its settings.

    :param senders: the sender classes by kind.
    """
    return tuple(
        ConnectionKind(
            kind=kind,
            settings_schema=sender.Settings.model_json_schema(by_alias=True),
            takes_webhooks=hasattr(sender, "parse_webhook"),
            reports_state=hasattr(sender, "check_connection"),
        )
        for kind, sender in sorted(senders.items())
    )
