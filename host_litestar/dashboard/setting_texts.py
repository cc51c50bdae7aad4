"""The labels and hints of the settings of a sender, in the language of the page where the catalogue has them."""

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from host_litestar.dashboard.sentences import CORE
from host_litestar.dashboard.setting_fields import Setting
from host_litestar.dashboard.view import View

ENGLISH = "en"


class SettingTexts:
    """The texts of one kind of sender. The schema of a sender is in English: its texts stand in for missing ones.

    :param stored: the names of the secrets that are stored.
    """

    def __init__(self, view: View, kind: str, *, stored: Sequence[str]) -> None:
        self._view = view
        self._kind = kind
        self._stored = frozenset(stored)

    def label(self, setting: Setting) -> str:
        """Return the label of a setting."""
        return self._own(setting, "") or setting.title

    def hint(self, setting: Setting) -> str:
        """Return what a setting is for; for a secret also whether one is stored."""
        own = self._own(setting, ".hint") or self._in_english(setting.description)
        if not self.is_stored(setting):
            return own
        return Markup("{} {}").format(self._view.t("setting.stored"), own)

    def is_stored(self, setting: Setting) -> bool:
        """Return whether a secret is stored for a setting."""
        return setting.is_secret and setting.path == f"settings.{setting.name}" and setting.name in self._stored

    def _own(self, setting: Setting, ending: str) -> str:
        """Return the text of the catalogue; an empty one if it has none."""
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


def _keys_of(kind: str, setting: Setting) -> Iterator[str]:
    """Yield the keys of a setting's texts: of one inside of groups, by ever less of its path, then by its name."""
    names = [name for name in setting.path.split(".")[1:] if not name.isdecimal()]
    if len(names) == 1:
        yield from (f"setting.{kind}.{setting.name}", f"setting.{setting.name}")
        return
    yield from (f"setting.{kind}.{'.'.join(names[start:])}" for start in range(len(names) - 1))
    yield f"setting.{kind}.part.{setting.name}"
