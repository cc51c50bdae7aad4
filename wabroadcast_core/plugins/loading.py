"""Loading of plugins: each is imported, created and checked on its own; one that cannot be used is quarantined."""

import inspect
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any, TypeVar

import pluggy

from wabroadcast_core.errors import BroadcastError, PluginError, SetupError
from wabroadcast_core.hookspecs import NAMESPACE, ContactSource, Hooks, Sender
from wabroadcast_core.plugin_faults import describe_fault
from wabroadcast_core.plugins.class_checks import faults_of_contact_source, faults_of_sender
from wabroadcast_core.plugins.entry_points import (
    BUILTIN,
    BUILTIN_PACKAGE,
    Origin,
    UnfitError,
    import_members,
    installed_entries,
    module_of,
    name_of,
)
from wabroadcast_core.plugins.failures import Failures
from wabroadcast_core.plugins.given_classes import misuse_of, plugin_of
from wabroadcast_core.plugins.guards import CLASS_HOOKS, guard_hooks
from wabroadcast_core.plugins.kept_logging import LoggingState
from wabroadcast_core.plugins.quarantine import (
    Quarantined,
    has_stop_hooks,
    mark_of,
    may_have_stop_hooks,
    unmarked_hooks,
)
from wabroadcast_core.plugins.threads import PluginThreads
from wabroadcast_core.plugins.time_limits import ExitError, TimeLimitError, run_limited
from wabroadcast_core.sentence_texts import say
from wabroadcast_core.settings import Settings

log = logging.getLogger(__name__)

T = TypeVar("T")


class TurnedOff:
    """The entry of a plugin that is off in the list of plugins. It has no hooks."""

    def __init__(self, plugin: object) -> None:
        self.__name__ = getattr(plugin, "__name__", type(plugin).__module__)


class _PluginManager(pluggy.PluginManager):
    """A plugin manager that inspects only those attributes of a module that are marked as hooks."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> pluggy.HookimplOpts | None:
        if isinstance(plugin, ModuleType) and mark_of(name, vars(plugin).get(name)) is None:
            return None
        return super().parse_hookimpl_opts(plugin, name)


class PluginLoader:
    """Loads plugins into a plugin manager, and collects their classes."""

    def __init__(self, settings: Settings, *, blocked: Iterable[str]) -> None:
        self.manager = _PluginManager(NAMESPACE)
        self.manager.add_hookspecs(Hooks)
        for name in blocked:
            self.manager.set_blocked(name)
        self.failures = Failures()
        self.threads = PluginThreads()
        self.quarantined: dict[str, Quarantined] = {}
        self.origins: dict[str, Origin] = {}
        self.senders: dict[str, type[Sender]] = {}
        self.contact_sources: dict[str, type[ContactSource]] = {}
        self.owners: dict[type[Any], str] = {}  # the plugins of these classes
        self._settings = settings
        self._hook_files: dict[str, str] = {}
        self._entries: dict[str, Origin] = {}  # by the names of their entry points
        self._installed: list[object] = []
        self._given: list[object] = []

    def load_installed(self) -> None:
        """Load the plugins that distributions offer as entry points, the built-in ones first."""
        for entry, origin in installed_entries():
            own_name = f"{entry.name}@{origin.distribution}"
            blocked = [name for name in (entry.name, own_name) if self.manager.is_blocked(name)]
            if blocked:
                self.origins |= dict.fromkeys(blocked, origin)
            else:
                self._load_entry(own_name if entry.name in self._entries else entry.name, entry, origin)
                self._entries.setdefault(entry.name, origin)

    def load_given(self, plugin: object) -> None:
        """Load a plugin that the host passed as an object, or a sender or contact source class by itself.

        One that is installed too, or a class that a loaded plugin offers, counts once.

        :raises PluginError: it was passed before, or it is a class in the place of an object, or the reverse.
        """
        if (misuse := misuse_of(plugin)) is not None:
            raise PluginError(misuse)
        if _contains(self._given, plugin):
            raise PluginError(f"the plugin {name_of(plugin)} is given twice: give it once")
        self._given.append(plugin)
        if _contains(self._installed, plugin) or _contains(self.owners, plugin):
            return
        name = self._free_name(name_of(plugin))
        self.origins[name] = Origin(module=module_of(plugin))
        if not self.manager.is_blocked(name):
            self._load(name, plugin_of(plugin))

    def check_required(self) -> None:
        """Quarantine each required plugin that is not installed or is off: nothing is sent without it."""
        for name in self._settings.required_plugins:
            plugin = self.manager.get_plugin(name)
            if name in self.quarantined:
                self.quarantined[name] = replace(self.quarantined[name], may_stop=True)
            elif not self.manager.is_blocked(name) and (plugin is None or isinstance(plugin, TurnedOff)):
                fact = "is not installed" if plugin is None else "is off, because its setting is not given"
                self._quarantine(name, UnfitError(f"it is required and {fact}"), Origin(), act="found", may_stop=True)

    def source_files(self) -> dict[str, str]:
        """Return the files of the hooks, senders and contact sources, each with the name of the plugin."""
        modules = {sys.modules.get(plugin_class.__module__): name for plugin_class, name in self.owners.items()}
        classes = {str(getattr(module, "__file__", "")): name for module, name in modules.items()}
        return {file: name for file, name in {**self._hook_files, **classes}.items() if file}

    # --- one plugin --------------------------------------------------------------------------------------------

    def _load_entry(self, name: str, entry: EntryPoint, origin: Origin) -> None:
        try:
            self._check_name(name, entry, origin)
            members = self._within_time(lambda: import_members(entry), "its import", name)
        except Exception as error:  # noqa: BLE001 - whatever it is, the others are loaded
            self._quarantine(name, error, origin, act="imported", may_stop=may_have_stop_hooks(entry))
            return
        for member in members:
            self._installed.append(member.plugin)
            full_name = f"{name}.{member.name}" if member.name else name
            self.origins[full_name] = replace(origin, module=member.module)
            if not self.manager.is_blocked(full_name):
                self._load(full_name, member.plugin)

    def _check_name(self, name: str, entry: EntryPoint, origin: Origin) -> None:
        """Check that the name of an entry point is its own.

        :raises UnfitError: it is reserved, or another distribution has it.
        """
        if entry.name.partition(".")[0] == BUILTIN and entry.value != BUILTIN_PACKAGE:
            raise UnfitError(f"its entry point is named {entry.name}, and this name is that of the built-in plugins")
        if name != entry.name:
            other, own = self._entries[entry.name].distribution, origin.distribution
            raise UnfitError(
                f"the distribution {other} has an entry point with the name {entry.name} too",
                repair=say("uninstall_one", other=other, own=own),
            )

    def _load(self, name: str, plugin: object) -> None:
        """Create, register and check a plugin.

        :raises SetupError: a setting of the plugin does not fit.
        """
        created = plugin
        try:
            created = self._within_time(lambda: _create(plugin, self._settings), "its creation", name)
            self._register(name, created)
            self._collect_classes(name, created)
        except SetupError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the others are loaded
            self._quarantine(name, error, self.origins[name], act="created", may_stop=_may_stop(created))

    def _register(self, name: str, plugin: object) -> None:
        """Register the hooks of a plugin.

        :raises UnfitError: it has no hook, or one that is unknown, is not marked or never runs, or its name is taken.
        """
        if unmarked := unmarked_hooks(plugin):
            raise UnfitError(f"its {unmarked[0]} is not marked as a hook: put @hookimpl above it")
        if self.manager.has_plugin(name):
            raise UnfitError(f"another plugin has the name {name} too, and only one of them can run")
        if (other := self.manager.get_name(plugin)) is not None:
            raise UnfitError(f"it is the same object as the plugin {other}")
        try:
            self.manager.register(plugin, name=name)
            self.manager.check_pending()
        except pluggy.PluginValidationError as error:
            self._unregister(name)
            raise UnfitError(f"its hooks do not fit: {_one_line(error)}") from error
        except Exception:
            self._unregister(name)
            raise
        if not isinstance(plugin, TurnedOff) and not self.manager.get_hookcallers(plugin):
            self._unregister(name)
            raise UnfitError("it has no hook: put @hookimpl above its functions, or correct its entry point")
        for hook, implementation in _implementations(self.manager, plugin):
            if (fault := _fault_of_hook(hook, implementation)) is not None:
                self._unregister(name)
                raise UnfitError(f"its hook {hook} {fault}")
            self._hook_files[_file_of(implementation.function)] = name
        seconds = self._settings.plugin_seconds
        guard_hooks(self.manager, plugin, name, seconds=seconds, failures=self.failures, threads=self.threads)

    def _collect_classes(self, name: str, plugin: object) -> None:
        """Check the sender and contact source classes of a registered plugin, and add them.

        :raises UnfitError: one of them cannot be used; then the plugin is unregistered and none is added.
        """
        try:
            senders = self._classes_of(name, plugin, "wab_senders")
            sources = self._classes_of(name, plugin, "wab_contact_sources")
            new_senders = self._checked(senders, faults_of_sender, name)
            new_sources = self._checked(sources, faults_of_contact_source, name)
            self._check_kinds("sender", new_senders, self.senders)
            self._check_kinds("contact source", new_sources, self.contact_sources)
        except UnfitError:
            self._unregister(name)
            raise
        self.senders |= new_senders
        self.contact_sources |= new_sources
        self.owners |= dict.fromkeys([*new_senders.values(), *new_sources.values()], name)

    def _classes_of(self, name: str, plugin: object, hook: str) -> list[Any]:
        """Return the classes that a plugin names in a hook, as the wrappers of other plugins return them.

        :raises UnfitError: the hook failed.
        """
        implementations = getattr(self.manager.hook, hook).get_hookimpls()
        providers = [one.plugin for one in implementations if not (one.wrapper or one.hookwrapper)]
        if plugin not in providers:
            return []
        call = self.manager.subset_hook_caller(hook, [other for other in providers if other is not plugin])
        try:
            return self._within_time(lambda: [one for classes in call() for one in classes], f"its hook {hook}", name)
        except UnfitError:
            raise
        except Exception as error:
            raise UnfitError(f"its hook {hook} failed: {_describe(error)}") from error

    def _checked(self, classes: list[Any], faults_of: Callable[[Any], list[str]], name: str) -> dict[str, Any]:
        """Check classes of a plugin, and return them by their kinds.

        :raises UnfitError: one of them is faulty, two have one kind, or their check did not end in time.
        """
        if not classes:
            return {}
        return self._within_time(lambda: _by_kind(classes, faults_of), "the check of its classes", name)

    def _check_kinds(self, what: str, new: Iterable[str], present: dict[str, Any]) -> None:
        for kind in new:
            if kind in present:
                owner = self.owners[present[kind]]
                raise UnfitError(f"its {what} kind {kind!r} is that of the plugin {owner} already")

    # --- helpers -----------------------------------------------------------------------------------------------

    def _within_time(self, work: Callable[[], T], what: str, name: str) -> T:
        """Run code of a plugin within the time of loading.

        The code of built-in plugins runs without a limit: the thread for it would take longer than the code.

        :raises UnfitError: it did not end in time.
        """
        if self.origins.get(name, Origin()).module.partition(".")[0] == BUILTIN_PACKAGE:
            return work()
        seconds, before = self._settings.plugin_load_seconds, LoggingState.read()
        try:
            return run_limited(work, seconds=seconds, owner=f"load-{name}")
        except TimeLimitError as error:
            raise UnfitError(f"{what} has not ended within {seconds:g} s") from error
        except ExitError as error:
            raise UnfitError(f"{what} tried to end the process: {error}") from error
        finally:
            if before.restore():
                fault = f"{what} changed the logging of the whole process, which is undone"
                self.failures.add(name, "loading", fault)
                log.warning("plugin %s: %s", name, fault)

    def _quarantine(self, name: str, error: Exception, origin: Origin, *, act: str, may_stop: bool) -> None:
        reason = str(error) if isinstance(error, UnfitError) else f"it cannot be {act}: {_describe(error)}"
        self.quarantined[name] = Quarantined(
            name=name,
            reason=reason,
            origin=origin.module,
            distribution=origin.distribution,
            version=origin.version,
            kinds=error.kinds if isinstance(error, UnfitError) else (),
            may_stop=may_stop,
            repair=error.repair if isinstance(error, UnfitError) else "",
        )

    def _unregister(self, name: str) -> None:
        if self.manager.has_plugin(name):
            self.manager.unregister(name=name)

    def _free_name(self, name: str) -> str:
        """Return a name that no plugin has: objects of one class are numbered."""
        names, number = {present for present, plugin in self.manager.list_name_plugin() if plugin is not None}, 2
        free = name
        while free in names or free in self.quarantined:
            free, number = f"{name}-{number}", number + 1
        return free


def _create(plugin: object, settings: Settings) -> object:
    """Return the object to register for a plugin.

    A plugin that needs settings has a function ``create_plugin(settings)``, which returns the object with the hooks,
    or None to stay off. ``settings`` are those of the core; the plugin reads its own settings itself.
    """
    create: Callable[[Settings], object | None] | None = getattr(plugin, "create_plugin", None)
    if create is None:
        return plugin
    created = create(settings)
    return TurnedOff(plugin) if created is None else created


def _implementations(manager: pluggy.PluginManager, plugin: object) -> Iterator[tuple[str, pluggy.HookImpl]]:
    """Yield the hooks of a registered plugin, by name."""
    for caller in manager.get_hookcallers(plugin) or []:
        for implementation in caller.get_hookimpls():
            if implementation.plugin is plugin:
                yield caller.name, implementation


def _fault_of_hook(hook: str, implementation: pluggy.HookImpl) -> str | None:
    """Return what keeps a hook from running; None if nothing does."""
    function = implementation.function
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return "is a coroutine function: define it with def"
    is_wrapper = implementation.wrapper or implementation.hookwrapper
    if inspect.isgeneratorfunction(function) and not is_wrapper and hook not in CLASS_HOOKS:
        return "is a generator function: return the result, or mark it with hookimpl(wrapper=True)"
    if _needs_object(implementation):
        return "is a method of a class that was given: give an object of the class"
    return None


def _needs_object(implementation: pluggy.HookImpl) -> bool:
    """Return whether a hook is a method without its object, because a class was given in the place of an object."""
    if not isinstance(implementation.plugin, type):
        return False
    first = next(iter(inspect.signature(implementation.function).parameters), None)
    return first is not None and first not in (*implementation.argnames, *implementation.kwargnames)


def _may_stop(plugin: object) -> bool:
    """Return whether a plugin is, or may be, a blacklist or a validator."""
    try:
        return has_stop_hooks(plugin)
    except Exception:  # noqa: BLE001 - an object that raises whatever is read of it
        return True


def _file_of(function: Callable[..., Any]) -> str:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return "" if code is None else str(code.co_filename)


def _by_kind(classes: Sequence[Any], faults_of: Callable[[Any], list[str]]) -> dict[str, Any]:
    """Return classes by their kinds.

    :raises UnfitError: one of them is faulty, or two have one kind.
    """
    found: dict[str, Any] = {}
    for each in classes:
        kind: Any = getattr(each, "kind", None)
        if faults := faults_of(each):
            name = getattr(each, "__name__", type(each).__name__)
            raise UnfitError(f"{name}: {'; '.join(faults)}", kinds=[kind] if isinstance(kind, str) else [])
        if kind in found:
            raise UnfitError(f"two of its classes have the kind {kind!r}")
        found[kind] = each
    return found


def _contains(objects: Iterable[object], one: object) -> bool:
    """Return whether an object itself, and not an equal one, is among others."""
    return any(each is one for each in objects)


def _describe(error: Exception) -> str:
    """Return the type of an error, with its text where that can hold no secret, or else with its place."""
    if isinstance(error, ImportError | SyntaxError | BroadcastError):
        return f"{type(error).__name__}: {error}"
    return describe_fault(error)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
