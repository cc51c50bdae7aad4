"""The settings: the choices of this browser, and those of the installation with the variables that change them."""

from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from host_litestar.dashboard.choices import THEMES, zones
from host_litestar.dashboard.controller import PageController, page
from host_litestar.dashboard.view import Page, View, ViewDep
from wabroadcast_core.settings import Settings

NOTHING = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class InstalledSetting:
    """A setting of the installation.

    :param variable: the environment variable that changes it.
    :param value: as text; of a secret only whether it is set.
    """

    variable: str
    value: str
    meaning: str


class SettingsPages(PageController):
    """Routes ``/ui/settings``."""

    path = "/ui/settings"

    @page("")
    def show(self, view: ViewDep) -> Page:
        """Show the choices of this browser and the settings of the installation."""
        return view.page(
            "settings.html",
            languages=[("id", "Bahasa Indonesia"), ("en", "English")],
            themes=[(theme, view.t(f"settings.theme.{theme}")) for theme in THEMES],
            keys=[(choice, view.t(f"settings.keys.{choice}")) for choice in ("on", "off")],
            zones=zones(),
            installed=_installed(view),
            undo=view.broadcaster.settings.undo_seconds,
        )


def _installed(view: View) -> list[InstalledSetting]:
    settings = view.broadcaster.settings
    return [
        InstalledSetting(
            f"WABROADCAST_{name.upper()}", _shown(view, getattr(settings, name)), view.t(f"installed.{name}")
        )
        for name in Settings.model_fields
    ]


def _shown(view: View, value: Any) -> str:
    match value:
        case None | "" | []:
            return NOTHING
        case SecretStr() | [SecretStr(), *_]:
            return view.t("settings.secret_set")
        case bool():
            return view.t("settings.yes" if value else "settings.no")
        case list():
            return ", ".join(map(str, value))
        case int() | float():
            return view.fmt.number(value, digits=3)
        case _:
            return str(value)
