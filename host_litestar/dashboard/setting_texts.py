"""The labels and hints of the settings of a sender: of a built-in one in the language of the page."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from host_litestar.dashboard.sentences import CORE
from host_litestar.dashboard.setting_fields import Setting
from host_litestar.dashboard.view import View

ENGLISH = "en"
BUILT_IN = "wabroadcast_plugins."  # the start of the names of their modules


class SettingTexts:
    """The texts of one kind of sender.

    The catalogue has those of the built-in senders; where it has none, and for the senders of other plugins, the title
    and the description of the schema are used, which are in English.

    :param stored: the names of the secrets that are stored.
    """

    def __init__(self, view: View, kind: str, *, stored: Sequence[str]) -> None:
        self._view = view
        self._kind = kind
        self._stored = frozenset(stored)
        self.is_built_in = view.broadcaster.plugins.senders[kind].__module__.startswith(BUILT_IN)

    def label(self, setting: Setting) -> str:
        """Return the label of a setting."""
        return self._own(setting, "") or setting.title

    def hint(self, setting: Setting) -> str:
        """Return what a setting is for; for a secret also whether one is stored."""
        own = self._own(setting, ".hint") or self._in_english(setting.description)
        if not self.is_stored(setting):
            return own
        return Markup("{} {}").format(self._view.t("setting_form.stored"), own)

    def option(self, value: Any) -> str:
        """Return the text of a value that can be chosen."""
        if isinstance(value, bool):
            return self._view.t("setting_form.yes" if value else "setting_form.no")
        return str(value)

    def nothing(self) -> str:
        """Return the text of a choice without a value."""
        return self._view.t("setting_form.not_set")

    def is_stored(self, setting: Setting) -> bool:
        """Return whether a secret is stored for a setting."""
        return setting.is_secret and setting.path == f"settings.{setting.name}" and setting.name in self._stored

    def _own(self, setting: Setting, ending: str) -> str:
        """Return the text of the catalogue; an empty one if it has none, or is not about this sender."""
        if not self.is_built_in:
            return ""
        if setting.path != f"settings.{setting.name}":
            keys = self._keys_of_part(setting, ending)
        else:
            keys = [f"setting.{self._kind}.{setting.name}{ending}", f"setting.{setting.name}{ending}"]
        return next((self._view.t(key) for key in keys if key in self._view.t), "")

    def _keys_of_part(self, setting: Setting, ending: str) -> list[str]:
        """Return the keys for a part of a group: of its whole path first, of its name last."""
        names = [name for name in setting.path.split(".")[1:] if not name.isdigit()]
        return [f"{CORE}setting.{self._kind}.{'.'.join(names[at:])}{ending}" for at in range(len(names))]

    def _in_english(self, text: str) -> str:
        if not text or self._view.choices.language == ENGLISH:
            return text
        return Markup('<span lang="en">{}</span>').format(text)
