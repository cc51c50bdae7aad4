"""What the dashboard says, in each language: one flat catalogue, whose parts are a module for each room.

A text may have named places, as in ``"Send to {n} people"``. Where a language says something else of one, the key with
``.one`` at its end has it, and is chosen where ``n`` is 1.
"""

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Final

from markupsafe import Markup, escape

LANGUAGES: Final = ("id", "en")  # the first is the default
ONE: Final = ".one"


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Return all texts of a language by their keys.

    :raises ValueError: two rooms have the same key.
    """
    found: dict[str, str] = {}
    package = import_module(f"{__name__}.{language}")
    for module in iter_modules(package.__path__):
        texts: Mapping[str, str] = import_module(f"{package.__name__}.{module.name}").TEXTS
        if doubled := found.keys() & texts.keys():
            raise ValueError(f"texts of two rooms have the same key: {', '.join(sorted(doubled))}")
        found |= texts
    return found


class Texts:
    """The texts of one language.

    :param number: writes a number in this language.
    """

    def __init__(self, language: str, number: Callable[[float], str]) -> None:
        self.language = language
        self._texts = catalogue(language)
        self._number = number

    def __call__(self, key: str, **values: object) -> str:
        """Return a text with its places filled in. Numbers are written as the language does.

        If a value is markup, so is the text, with everything else escaped.

        :raises KeyError: there is no such text, or a place has no value.
        """
        text = self._texts[self._form(key, values.get("n"))]
        if not values:
            return text
        written = {name: self._written(value) for name, value in values.items()}
        if any(isinstance(value, Markup) for value in written.values()):
            return Markup(escape(text)).format_map(written)  # noqa: S704 - the text was escaped
        return text.format_map(written)

    def __contains__(self, key: str) -> bool:
        return key in self._texts

    def _form(self, key: str, n: object) -> str:
        return f"{key}{ONE}" if n == 1 and f"{key}{ONE}" in self._texts else key

    def _written(self, value: object) -> object:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return self._number(value) if is_number else value  # type: ignore[arg-type]  # it was checked
