"""The quarantine: plugins that cannot be used. The application works without them."""

import difflib
import importlib.util
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from types import FunctionType, MethodType, ModuleType
from typing import Any, Final

from wabroadcast_core.hookspecs import NAMESPACE, Hooks
from wabroadcast_core.sentence_texts import say
from wabroadcast_core.sentences import Sentence

BLACKLISTED: Final = "wab_blacklisted"
STOP_HOOKS: Final = (BLACKLISTED, "wab_validate_numbers")
"""The hooks of blacklists and validators: without them, a person who said stop could be messaged."""

_SEPARATE: Final = frozenset({"wabroadcast_plugins"})  # a package of plugins that have nothing in common
_CODE: Final = frozenset({".py", ".pyc", ".so", ".pyd"})
_FUNCTIONS: Final = (FunctionType, MethodType, classmethod, staticmethod)
_SIMILAR: Final = 0.7  # of 1: the name of an unknown hook is a misspelled one


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A plugin that is installed and cannot be used."""

    name: str
    reason: str
    """What is wrong. It has no text of an exception that may hold a secret."""
    origin: str = ""
    distribution: str = ""
    version: str = ""
    kinds: tuple[str, ...] = ()
    """The kinds of its senders and contact sources, as far as they are known."""
    may_stop: bool = False
    """Whether it is, or may be, a blacklist or a validator: then nothing is sent without it."""
    repair: str = ""
    """What an operator can do other than to repair the plugin."""

    @property
    def remedy(self) -> Sentence:
        """What an operator can do."""
        repair = self.repair or say("repair_and_restart")
        return say("repair_plugin_to_send" if self.may_stop else "repair_plugin", repair=repair, plugin=self.name)

    def __str__(self) -> str:
        return f"plugin {self.name} is quarantined: {self.reason}; {self.remedy}"


def has_stop_hooks(plugin: object) -> bool:
    """Return whether a plugin, which was imported, implements a stop hook, perhaps under a misspelled name.

    A module that creates its plugin later, or has no hook itself, is searched for the hooks' names, with its package.
    """
    marks = _marks_in(plugin).items()
    if hasattr(plugin, "create_plugin") or (isinstance(plugin, ModuleType) and not marks):
        return _creates_stop_hooks(str(getattr(plugin, "__name__", type(plugin).__module__)))
    named = [name if mark is None else mark.get("specname") or name for name, mark in marks]
    return any(_is_stop_hook(name) for name in named)


def unmarked_hooks(plugin: object) -> list[str]:
    """Return the functions of a plugin that have the name of a hook and not the mark of one: they are not called."""
    return [name for name, mark in _marks_in(plugin).items() if mark is None and hasattr(Hooks, name)]


def _marks_in(plugin: object) -> dict[str, dict[str, Any] | None]:
    """Return the functions of a plugin that are marked as hooks or named like one, each with its mark."""
    attributes: dict[str, Any]
    if isinstance(plugin, ModuleType):
        attributes = dict(vars(plugin))  # a thread of the plugin may change it meanwhile
    else:
        attributes = {name: inspect.getattr_static(plugin, name, None) for name in dir(plugin)}  # calls no property
    marks = {name: mark_of(name, each) for name, each in attributes.items()}
    named = {name for name, each in attributes.items() if name.startswith("wab_") and callable(each)}
    return {name: mark for name, mark in marks.items() if mark is not None or name in named}


def mark_of(name: str, attribute: object) -> dict[str, Any] | None:
    """Return the mark that an attribute of a plugin has if it is a hook; None if it has none.

    Only functions, and what is named like a hook, are inspected: another object may be a proxy, such as the request of
    a web framework, that does something or raises when one of its attributes is read.
    """
    if not (issubclass(type(attribute), _FUNCTIONS) or name.startswith("wab_")):
        return None
    mark = f"{NAMESPACE}_impl"
    inner = getattr(attribute, "__func__", None)  # a static or class method may be marked below its decorator
    return getattr(attribute, mark, None) or getattr(inner, mark, None)


def may_have_stop_hooks(entry: EntryPoint) -> bool:
    """Return whether the code of an entry point, which could not be imported, may implement a stop hook.

    Its files are searched for the hooks' names. Code that cannot be found may implement any hook.
    """
    files = set(_files_of(entry))
    return not files or any(_names_stop_hook(file) for file in files)


def _is_stop_hook(name: str) -> bool:
    return bool(difflib.get_close_matches(name, STOP_HOOKS, n=1, cutoff=_SIMILAR))


def _creates_stop_hooks(module: str) -> bool:
    top = module.partition(".")[0]
    files = set(_files_of_module(module if top in _SEPARATE else top))
    return not files or any(_names_stop_hook(file) for file in files)


def _files_of(entry: EntryPoint) -> Iterator[Path]:
    yield from _files_of_module(entry.module.partition(".")[0])  # finding a top-level module imports nothing
    for file in (entry.dist.files if entry.dist is not None else None) or ():
        path = Path(str(file.locate()))
        if path.suffix in _CODE and path.exists():
            yield path


def _files_of_module(name: str) -> Iterator[Path]:
    """Yield the files with the code of a module, or of a package with its folders."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return
    if spec is None:
        return
    if spec.origin is not None and Path(spec.origin).suffix in _CODE:
        yield Path(spec.origin)
    for folder in spec.submodule_search_locations or ():
        yield from (path for path in Path(folder).rglob("*") if path.suffix in _CODE)


def _names_stop_hook(file: Path) -> bool:
    try:
        code = file.read_bytes()
    except OSError:
        return True  # what cannot be read may be one
    return any(hook.encode() in code for hook in STOP_HOOKS)
