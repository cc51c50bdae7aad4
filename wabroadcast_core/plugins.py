"""The plugin manager: finds plugins, orders them, calls their hooks and contains their errors."""

import contextlib
import copy
import logging
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal, TypeVar

import pluggy

from wabroadcast_core.errors import BroadcastError, NotFoundError, PluginError, SendError
from wabroadcast_core.hookspecs import NAMESPACE, ContactSource, FinishedMessage, Hooks, Sender
from wabroadcast_core.models.broadcast import BroadcastSummary
from wabroadcast_core.models.message import OutgoingMessage
from wabroadcast_core.models.receipt import Inbound
from wabroadcast_core.plugin_faults import describe_fault
from wabroadcast_core.settings import Settings

log = logging.getLogger(__name__)

Kind = TypeVar("Kind", type[Sender], type[ContactSource])


@dataclass(frozen=True, slots=True)
class PluginFacts:
    """One plugin, as ``wabroadcast plugins`` lists it."""

    name: str
    origin: str
    hooks: tuple[str, ...]
    blocked: bool
    settings: tuple[str, ...] = ()
    """Environment variables of the plugin; the first one turns it on."""

    @property
    def state(self) -> Literal["active", "off", "blocked"]:
        """``off``: the setting that turns the plugin on is not given."""
        if self.blocked:
            return "blocked"
        return "active" if self.hooks else "off"


class Plugins:
    """All plugins of one application, with one typed method for each hook. Built by :func:`build_plugins`."""

    def __init__(self, manager: pluggy.PluginManager) -> None:
        self._manager = manager
        self._owners: dict[type[Any], str] = {}  # the plugins of the sender and contact source classes
        self.senders: Mapping[str, type[Sender]] = self._collect("sender", "wab_senders")
        self.contact_sources: Mapping[str, type[ContactSource]] = self._collect("contact source", "wab_contact_sources")
        self._before_send = self._implementations("wab_before_send")
        self._files = {file: name for name, file in self._source_files()}
        packages = {Path(file).parent: name for file, name in self._files.items()}
        self._packages = {str(path): name for path, name in packages.items() if (path / "__init__.py").exists()}

    def sender(self, kind: str) -> type[Sender]:
        """Return the sender class of a kind.

        :raises NotFoundError: no plugin provides this kind.
        """
        return _find(self.senders, kind, "sender")

    def contact_source(self, kind: str) -> type[ContactSource]:
        """Return the contact source class of a kind.

        :raises NotFoundError: no plugin provides this kind.
        """
        return _find(self.contact_sources, kind, "contact source")

    def blacklisted(self, numbers: Sequence[str]) -> dict[str, str]:
        """Return the numbers that must not be messaged, each with the reason.

        An exception of a plugin ends the call, so that no message is sent while a blacklist cannot answer.

        :raises PluginError: a plugin raised; the text names it.
        """
        reasons: dict[str, str] = {}
        for name, call in self._implementations("wab_blacklisted"):
            try:
                reasons.update(call(numbers=numbers) or {})
            except (Exception, SystemExit) as error:
                raise PluginError(f"plugin {name} failed in wab_blacklisted: {_describe(error)}") from error
        return reasons

    def validate_numbers(self, numbers: Sequence[str], *, connection: str) -> dict[str, str]:
        """Return the numbers that cannot be messaged, each with the reason.

        A plugin that raises is logged, and its result is left out.
        """
        reasons: dict[str, str] = {}
        for name, call in self._implementations("wab_validate_numbers"):
            with _contained(name, "wab_validate_numbers"):
                reasons.update(call(numbers=numbers, connection=connection) or {})
        return reasons

    @property
    def has_before_send_hooks(self) -> bool:
        """Whether any plugin implements ``wab_before_send``."""
        return bool(self._before_send)

    def before_send(self, message: OutgoingMessage) -> Sequence[str]:
        """Pass a message to the plugins before it is sent; they may change it.

        :returns: the plugins that changed it.
        :raises SendError: a plugin ends this attempt, as if the sender had raised the error.
        """
        changers: list[str] = []
        for name, call in self._before_send:
            with _contained(name, "wab_before_send", passing=SendError):
                before = copy.deepcopy(message)
                call(message=message)
                if message != before:
                    changers.append(name)
        return changers

    @property
    def has_blacklists(self) -> bool:
        """Whether any plugin implements ``wab_blacklisted``."""
        return bool(self._implementations("wab_blacklisted"))

    @property
    def has_finished_hooks(self) -> bool:
        """Whether any plugin implements ``wab_messages_finished``."""
        return bool(self._implementations("wab_messages_finished"))

    def messages_finished(self, results: Sequence[FinishedMessage]) -> None:
        """Notify the plugins that messages need no more work."""
        self._notify("wab_messages_finished", results=results)

    def broadcast_changed(self, broadcast: BroadcastSummary) -> None:
        """Notify the plugins that a broadcast has a new status."""
        self._notify("wab_broadcast_changed", broadcast=broadcast)

    def inbound(self, message: Inbound, *, connection: str) -> None:
        """Notify the plugins that a person wrote to a connection."""
        self._notify("wab_inbound", message=message, connection=connection)

    def owner_of(self, filename: str) -> str | None:
        """Return the name of the plugin that a source file belongs to; None if it is of no plugin.

        A file beside those of a plugin, in the same package, belongs to it too.
        """
        if filename in self._files:
            return self._files[filename]
        return self._packages.get(str(Path(filename).parent))

    def facts(self) -> list[PluginFacts]:
        """Return the installed plugins by name, the blocked ones included."""
        installed = {entry.name: entry.value for entry in entry_points(group=NAMESPACE)}
        present = [
            self._facts_of(name, plugin) for name, plugin in self._manager.list_name_plugin() if plugin is not None
        ]
        blocked = [
            PluginFacts(name=name, origin=installed.get(name, ""), hooks=(), blocked=True)
            for name, plugin in self._manager.list_name_plugin()
            if plugin is None
        ]
        return sorted(present + blocked, key=lambda fact: fact.name)

    def _facts_of(self, name: str, plugin: object) -> PluginFacts:
        origin = getattr(plugin, "__name__", type(plugin).__module__)
        return PluginFacts(
            name=name,
            origin=origin,
            hooks=tuple(sorted(caller.name for caller in self._manager.get_hookcallers(plugin) or [])),
            blocked=False,
            settings=tuple(getattr(sys.modules.get(origin), "SETTINGS", ())),
        )

    def _source_files(self) -> Iterator[tuple[str, str]]:
        """Yield each plugin's name with the files of its hooks, its senders and its contact sources."""
        for name, plugin in self._manager.list_name_plugin():
            for hook in self._manager.get_hookcallers(plugin) or [] if plugin is not None else []:
                for call in hook.get_hookimpls():
                    if call.plugin is plugin:
                        yield name, call.function.__code__.co_filename
        for plugin_class, name in self._owners.items():
            file = getattr(sys.modules.get(plugin_class.__module__), "__file__", None)
            if file is not None:
                yield name, file

    def _implementations(self, hook: str) -> list[tuple[str, Callable[..., Any]]]:
        calls = getattr(self._manager.hook, hook).get_hookimpls()
        return [(call.plugin_name, _take_arguments(call)) for call in reversed(calls)]

    def _notify(self, hook: str, **arguments: Any) -> None:
        for name, call in self._implementations(hook):
            with _contained(name, hook):
                call(**arguments)

    def _collect(self, what: str, hook: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, call in self._implementations(hook):
            for kind, plugin_class in _named_classes(name, hook, call):
                if kind in found:
                    raise PluginError(
                        f"two plugins provide the {what} kind {kind!r}: {self._owners[found[kind]]} and {name}; "
                        "block one of them with WABROADCAST_BLOCKED_PLUGINS"
                    )
                found[kind], self._owners[plugin_class] = plugin_class, name
        return found


def _named_classes(plugin: str, hook: str, call: Callable[..., Any]) -> list[tuple[str, Any]]:
    try:
        return [(plugin_class.kind, plugin_class) for plugin_class in call()]
    except Exception as error:
        raise PluginError(
            f"plugin {plugin} failed in {hook}: {type(error).__name__}: {error}; "
            "repair it or block it with WABROADCAST_BLOCKED_PLUGINS"
        ) from error


def build_plugins(
    extra: Iterable[object] = (),
    *,
    settings: Settings | None = None,
    blocked: Iterable[str] = (),
    discover: bool = True,
) -> Plugins:
    """Find the installed plugins (entry-point group ``wabroadcast``), add ``extra`` ones, and check them all.

    :param extra: plugins beside the installed ones: modules or objects.
    :param settings: passed to the plugins that are created; by default those of the environment.
    :param blocked: names of plugins that must not run.
    :param discover: whether installed plugins are loaded.
    :raises PluginError: a plugin has an unknown hook, two plugins provide one kind, or a plugin cannot be imported.
    :raises SetupError: a setting of a plugin is not valid.
    """
    settings = settings or Settings()
    manager = pluggy.PluginManager(NAMESPACE)
    manager.add_hookspecs(Hooks)
    for name in blocked:
        manager.set_blocked(name)
    try:
        if discover:
            _load_entry_points(manager, settings)
        for plugin in extra:
            manager.register(_create(_short_name(plugin), plugin, settings), name=getattr(plugin, "__name__", None))
        manager.check_pending()
    except (pluggy.PluginValidationError, ValueError) as error:  # a wrong signature or name; registered twice
        raise PluginError(str(error)) from error
    return Plugins(manager)


def _load_entry_points(manager: pluggy.PluginManager, settings: Settings) -> None:
    for entry in sorted(entry_points(group=NAMESPACE), key=lambda entry: entry.name):
        if manager.is_blocked(entry.name) or manager.has_plugin(entry.name):
            continue
        try:
            loaded = entry.load()
        except Exception as error:
            raise PluginError(
                f"plugin {entry.name} cannot be imported: {type(error).__name__}: {error}; "
                "repair it or block it with WABROADCAST_BLOCKED_PLUGINS"
            ) from error
        for plugin in getattr(loaded, "PLUGINS", (loaded,)):
            name = entry.name if plugin is loaded else f"{entry.name}.{_short_name(plugin)}"
            if not manager.is_blocked(name):
                manager.register(_create(name, plugin, settings), name=name)


class _TurnedOff:
    """The entry of a plugin that is off in the list of plugins. It has no hooks."""

    def __init__(self, plugin: object) -> None:
        self.__name__ = getattr(plugin, "__name__", type(plugin).__module__)


def _create(name: str, plugin: object, settings: Settings) -> object:
    """Return the object to register for a plugin.

    A plugin that needs settings has a function ``create_plugin(settings)``, which returns the object with the hooks,
    or None to stay off. ``settings`` are those of the core; the plugin reads its own settings itself.

    :raises PluginError: the function raised an error that is no BroadcastError.
    """
    create: Callable[[Settings], object | None] | None = getattr(plugin, "create_plugin", None)
    if create is None:
        return plugin
    try:
        created = create(settings)
    except BroadcastError:
        raise
    except Exception as error:
        raise PluginError(
            f"plugin {name} cannot be created: {_describe(error)}; repair it or block it with "
            "WABROADCAST_BLOCKED_PLUGINS"
        ) from error
    return _TurnedOff(plugin) if created is None else created


def _take_arguments(call: pluggy.HookImpl) -> Callable[..., Any]:
    """Return a function that accepts all arguments of the hook and passes on those that the implementation has."""
    names = call.argnames

    def run(**arguments: Any) -> Any:
        return call.function(*[arguments[name] for name in names])

    return run


def _short_name(plugin: object) -> str:
    return str(getattr(plugin, "__name__", type(plugin).__name__)).rpartition(".")[2]


def _describe(error: BaseException) -> str:
    """Return the type of an error, with its text if it may be shown to users, or else with its place."""
    return f"{type(error).__name__}: {error}" if isinstance(error, BroadcastError) else describe_fault(error)


def _find(kinds: Mapping[str, Kind], kind: str, what: str) -> Kind:
    try:
        return kinds[kind]
    except KeyError:
        raise NotFoundError(f"{what} kind", kind, hint="`wabroadcast plugins` lists the installed plugins") from None


@contextlib.contextmanager
def _contained(plugin: str, hook: str, *, passing: type[Exception] | tuple[()] = ()) -> Iterator[None]:
    """Log an exception with the name of the plugin and suppress it, except for those of type ``passing``."""
    try:
        yield
    except passing:
        raise
    except KeyboardInterrupt as error:
        if threading.current_thread() is threading.main_thread():
            raise  # a person pressed Ctrl-C
        _log_failure(plugin, hook, error)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, it ends no process and no other call
        _log_failure(plugin, hook, error)


def _log_failure(plugin: str, hook: str, error: BaseException) -> None:
    log.error("plugin %s failed in %s and is skipped for this call: %s", plugin, hook, describe_fault(error))
