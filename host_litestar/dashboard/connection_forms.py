"""The form of a connection, new or changed: its settings by the schema of its sender, and its limits."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from host_litestar.dashboard.choices import FIRST_ZONES
from host_litestar.dashboard.connection_cards import kind_name
from host_litestar.dashboard.limit_forms import count_rows, read_limits, say_limits, write_limits
from host_litestar.dashboard.setting_fields import Setting, settings_of
from host_litestar.dashboard.setting_texts import SettingTexts
from host_litestar.dashboard.setting_values import Values, count_items, read_values, write_values
from host_litestar.dashboard.view import View
from wabroadcast_core.errors import UnavailableError
from wabroadcast_core.models.connection import ConnectionView

MORE_ROWS = 2  # empty rows of a list of quotas or steps


@dataclass(frozen=True, slots=True)
class ConnectionForm:
    """The form of a connection.

    :param name: of the connection; empty for a new one.
    :param values: of the fields, as they are stored or as they were typed.
    :param texts: of the settings.
    :param defaults: the limits of the sender in words.
    :param shows_secrets: whether the secrets among the values are shown: those that were typed just now.
    """

    name: str
    kind: str
    kind_name: str
    is_risky: bool
    settings: list[Setting]
    values: Values
    texts: SettingTexts
    defaults: dict[str, str]
    shows_secrets: bool = False
    zones: Sequence[str] = FIRST_ZONES  # that are offered

    @classmethod
    def new(cls, view: View, kind: str) -> "ConnectionForm":
        """Return the empty form of a kind of sender.

        :raises NotFoundError: there is no sender of this kind.
        """
        defaults = view.broadcaster.connections.default_limits(kind)
        settings = settings_of(_schema(view, kind))
        return _form(view, "", kind, {**write_values(settings, {}), **write_limits(defaults, defaults)})

    @classmethod
    def of(cls, view: View, connection: ConnectionView, *, secrets: list[str]) -> "ConnectionForm":
        """Return the form of a stored connection, without its secrets.

        :param secrets: the names of those that are stored.
        """
        defaults = view.broadcaster.connections.default_limits(connection.sender)
        settings = settings_of(_schema(view, connection.sender))
        values = {**write_values(settings, connection.settings), **write_limits(connection, defaults)}
        return _form(view, connection.name, connection.sender, values, secrets=secrets)

    @classmethod
    def sent(cls, view: View, kind: str, *, name: str = "", secrets: Sequence[str] = ()) -> "ConnectionForm":
        """Return the form as it was sent.

        :param secrets: the names of those that are stored.
        :raises NotFoundError: there is no sender of this kind.
        """
        return _form(view, name, kind, view.form.fields(), secrets=secrets)

    def after(self, error: Exception) -> "ConnectionForm":
        """Return the form as it is shown again. Where nothing is wrong with it, it can be sent as it is."""
        return replace(self, shows_secrets=isinstance(error, UnavailableError))

    def draft(self) -> dict[str, Any]:
        """Return the connection as the form has it."""
        return {"sender": self.kind, "settings": read_values(self.settings, self.values), **read_limits(self.values)}

    def items(self, setting: Setting) -> list[Setting]:
        """Return the items of a list, and an empty one."""
        return [setting.item(at) for at in range(count_items(setting, self.values) + 1)]

    def rows(self, name: str, most: int) -> range:
        """Return the rows of a list of limits, and some that are empty."""
        return range(min(most, count_rows(name, self.values) + MORE_ROWS))


def _form(view: View, name: str, kind: str, values: Values, *, secrets: Sequence[str] = ()) -> ConnectionForm:
    service = view.broadcaster.connections
    return ConnectionForm(
        name=name,
        kind=kind,
        kind_name=kind_name(view, kind),
        defaults=say_limits(view, service.default_limits(kind)),
        settings=settings_of(_schema(view, kind)),
        values=values,
        texts=SettingTexts(view, kind, stored=secrets),
        is_risky=view.broadcaster.plugins.senders[kind].capabilities.ban_risk,
    )


def _schema(view: View, kind: str) -> dict[str, Any]:
    return next(one.settings_schema for one in view.broadcaster.connections.kinds() if one.kind == kind)
