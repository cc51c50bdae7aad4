"""The form of a connection, new or changed: its settings by the schema of its sender, and its limits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from host_litestar.dashboard.choices import FIRST_ZONES
from host_litestar.dashboard.connection_cards import kind_name
from host_litestar.dashboard.limit_forms import count_rows, read_limits, say_limits, write_limits
from host_litestar.dashboard.setting_fields import Setting, settings_of
from host_litestar.dashboard.setting_texts import SettingTexts
from host_litestar.dashboard.setting_values import Values, count_items, read_values, secrets_in, write_values
from host_litestar.dashboard.view import View
from wabroadcast_core.errors import UnavailableError
from wabroadcast_core.models.connection import ConnectionView

MORE_ROWS = 2  # empty rows of a list of quotas or steps
AGAIN: Final = "again."  # before the name of a secret that was typed, and must be entered again


@dataclass(frozen=True, slots=True)
class ConnectionForm:
    """The form of a connection.

    :param name: of the connection; empty for a new one.
    :param values: of the fields, as they are stored or as they were typed.
    :param stored: the settings that are stored, without secrets.
    :param texts: of the settings.
    :param defaults: the limits of the sender in words.
    :param shows_secrets: whether the secrets among the values are shown: those that were typed just now.
    :param lost: the names of the secrets that were typed and are not shown again.
    """

    name: str
    kind: str
    kind_name: str
    is_risky: bool
    settings: list[Setting]
    values: Values
    texts: SettingTexts
    defaults: dict[str, str]
    stored: Mapping[str, Any] = field(default_factory=dict)
    shows_secrets: bool = False
    lost: frozenset[str] = frozenset()
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
        form = _form(view, connection.name, connection.sender, values, secrets=secrets)
        return replace(form, stored=connection.settings)

    @classmethod
    def sent(cls, view: View, kind: str) -> "ConnectionForm":
        """Return the form of a new connection as it was sent.

        :raises NotFoundError: there is no sender of this kind.
        """
        return _form(view, "", kind, view.form.fields())

    @classmethod
    def changed(cls, view: View, connection: ConnectionView, *, secrets: Sequence[str]) -> "ConnectionForm":
        """Return the form of a stored connection as it was sent.

        :param secrets: the names of those that are stored.
        :raises NotFoundError: its sender is not installed.
        """
        form = _form(view, connection.name, connection.sender, view.form.fields(), secrets=secrets)
        return replace(form, stored=connection.settings)

    def after(self, error: Exception) -> "ConnectionForm":
        """Return the form as it is shown again. Where nothing is wrong with it, it can be sent as it is."""
        if isinstance(error, UnavailableError):
            return replace(self, shows_secrets=True)
        secrets = secrets_in(self.settings, self.values, with_unticked=True)
        return replace(self, lost=frozenset(one.path for one in secrets if self._is_lost(one) or self._has(one)))

    def missing_secrets(self) -> list[str]:
        """Return the names of the secrets that were typed before, were not shown again, and are empty now."""
        secrets = secrets_in(self.settings, self.values, with_unticked=False)
        return [one.path for one in secrets if self._is_lost(one) and not self._has(one)]

    def _is_lost(self, secret: Setting) -> bool:
        return f"{AGAIN}{secret.path}" in self.values

    def _has(self, setting: Setting) -> bool:
        return bool(self.values.get(setting.path))

    def draft(self) -> dict[str, Any]:
        """Return the connection as the form has it."""
        settings = read_values(self.settings, self.values, self.stored)
        return {"sender": self.kind, "settings": settings, **read_limits(self.values)}

    def text(self, setting: Setting) -> str:
        """Return what the field of a setting shows."""
        return self.values.get(setting.path, "") if self.shows_secrets or not setting.is_secret else ""

    def is_long(self, setting: Setting) -> bool:
        """Return whether a text may have several lines. The secrets of the built-in senders have one."""
        if setting.is_secret:
            return not self.texts.is_built_in
        return not {"\n", "\r"}.isdisjoint(f"{setting.default or ''}{self.text(setting)}")

    def options(self, setting: Setting) -> list[tuple[str, str]]:
        """Return the values of a choice, each with its text; an empty one where nothing is, or need be, chosen."""
        options = [(text, self.texts.option(value)) for text, value in setting.members.items()]
        may_be_empty = setting.is_nullable or setting.default is None or self.text(setting) not in setting.members
        return [("", self.texts.nothing()), *options] if may_be_empty else options

    def items(self, setting: Setting) -> list[Setting]:
        """Return the items of a list, and an empty one."""
        return [setting.item(at) for at in range(count_items(setting, self.values) + 1)]

    def blank(self, item: Setting) -> "ConnectionForm":
        """Return the form of an item that may be added to a list: its fields show their defaults."""
        return replace(self, values={**self.values, **write_values([item], {})})

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
