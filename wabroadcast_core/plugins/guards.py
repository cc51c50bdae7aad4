"""Guards around the hooks of plugins: pluggy calls the guard, which calls the hook, contains and names its failures."""

import copy
import inspect
import logging
import re
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

import pluggy

from wabroadcast_core.errors import BroadcastError, SendError
from wabroadcast_core.plugin_faults import PLUGIN_FAULTS, describe_fault, trace_fault
from wabroadcast_core.plugins.failures import Failures
from wabroadcast_core.plugins.quarantine import BLACKLISTED, STOP_HOOKS
from wabroadcast_core.plugins.threads import PluginThreads
from wabroadcast_core.plugins.time_limits import ExitError, HookLimit, TimeLimitError

log = logging.getLogger(__name__)

BEFORE_SEND: Final = "wab_before_send"  # called on the event loop, without a thread: the watchdog names one that hangs
_E164: Final = re.compile(r"\+[1-9][0-9]*")
CLASS_HOOKS: Final = ("wab_senders", "wab_contact_sources")  # called once, when a plugin is loaded, within its time


class NonsenseError(Exception):
    """A hook returned something of the wrong type. The text names the type only."""


_PLAIN_ERRORS: Final = (TimeLimitError, ExitError, NonsenseError)  # of ours: their texts may be logged


@dataclass(slots=True)
class HookRun:
    """The notes of the guards on one call of a hook."""

    failures: list[str] = field(default_factory=list)
    """For each plugin that failed, its name with what happened."""
    hung: list[str] = field(default_factory=list)
    """The same for plugins that have not returned in time."""
    changers: list[str] = field(default_factory=list)
    """The plugins that changed the message, in ``wab_before_send``."""


CURRENT_RUN: ContextVar[HookRun | None] = ContextVar("CURRENT_RUN", default=None)


class Guard:
    """Calls one hook of one plugin. Whatever the hook does, the calls of the other plugins go on.

    :param limit: the time limit; None for a hook that is called on the thread of its caller.
    """

    def __init__(
        self, plugin: str, hook: str, function: Callable[..., Any], *, limit: HookLimit | None, failures: Failures
    ) -> None:
        self.plugin = plugin
        self.hook = hook
        self.function = function
        self._limit = limit
        self._failures = failures

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call the hook and return its result; None if it failed."""
        try:
            return self._checked(self._call(lambda: self.function(*arguments, **named)))
        except SendError as error:
            if self.hook == BEFORE_SEND:
                raise
            self.note(error)
        except KeyboardInterrupt as error:
            if threading.current_thread() is threading.main_thread():
                raise  # a person pressed Ctrl-C
            self.note(error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, it ends no process and no other call
            self.note(error)
        return None

    def _call(self, work: Callable[[], Any]) -> Any:
        return work() if self._limit is None else self._limit.run(work)

    def _checked(self, result: Any) -> Any:
        """Return the result of the hook if it is of the right type.

        :raises NonsenseError: it is not.
        """
        if result is None:
            return None
        if inspect.isawaitable(result) or inspect.isgenerator(result) or inspect.isasyncgen(result):
            _discard(result)
            raise NonsenseError(
                f"it returned {type(result).__name__}, so nothing of it ran: use neither async nor yield"
            )
        if self.hook not in STOP_HOOKS:
            return result
        if not isinstance(result, Mapping):
            raise NonsenseError(f"a result of the type {type(result).__name__} instead of a dict of reasons by number")
        return _reasons_of(result)

    def note(self, error: BaseException) -> None:
        """Count, log and record a failure."""
        fault = str(error) if isinstance(error, _PLAIN_ERRORS) else describe_fault(error)
        self._failures.add(self.plugin, self.hook, fault)
        log.debug("plugin %s failed in %s through these calls: %s", self.plugin, self.hook, trace_fault(error))
        is_hung, run = isinstance(error, TimeLimitError), CURRENT_RUN.get() or HookRun()
        shown = f"{type(error).__name__}: {error}" if isinstance(error, BroadcastError) else fault
        (run.hung if is_hung else run.failures).append(f"plugin {self.plugin} failed in {self.hook}: {shown}")
        if self.hook == BLACKLISTED or (is_hung and self.hook in STOP_HOOKS):
            return  # the caller gets an error, and logs it
        log.error("plugin %s failed in %s and is skipped for this call: %s", self.plugin, self.hook, fault)


def _as_text(reason: object) -> str:
    """Return a reason as a text; a sentence stays one."""
    return reason if isinstance(reason, str) else str(reason)


class WatchedGuard(Guard):
    """The guard of ``wab_before_send``, which also notes whether the plugin changed the message."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        message = arguments[0] if arguments else None
        before = copy.deepcopy(message)
        super().__call__(*arguments, **named)
        run = CURRENT_RUN.get()
        if run is not None and message != before:
            run.changers.append(self.plugin)


def guard_hooks(
    manager: pluggy.PluginManager,
    plugin: object,
    name: str,
    *,
    seconds: float,
    failures: Failures,
    threads: PluginThreads,
) -> None:
    """Set guards around all hooks of a registered plugin.

    :param seconds: the time limit of a call.
    :param threads: in which hooks with a time limit run.
    """
    for caller in manager.get_hookcallers(plugin) or []:
        for implementation in caller.get_hookimpls():
            if implementation.plugin is plugin:
                limit = None if caller.name == BEFORE_SEND else HookLimit(seconds, owner=name, threads=threads)
                guard_class = WatchedGuard if caller.name == BEFORE_SEND else Guard
                guard = guard_class(name, caller.name, implementation.function, limit=limit, failures=failures)
                _set_guard(implementation, guard)


def _set_guard(implementation: pluggy.HookImpl, guard: Guard) -> None:
    if implementation.wrapper or implementation.hookwrapper:
        guarded: Callable[..., Any] = _guarded_wrapper(guard, returns_result=implementation.wrapper)
    elif guard.hook in CLASS_HOOKS:
        return  # what it raises quarantines the plugin
    else:
        guarded = guard
    implementation.function = guarded  # type: ignore[misc]  # what pluggy calls


def _guarded_wrapper(guard: Guard, *, returns_result: bool) -> Callable[..., Generator[None, Any, Any]]:
    """Return a hook wrapper that contains the failures of another: then the hook runs as if that one were not there.

    :param returns_result: whether the wrapper returns the result of the hook, as those of the new style do.
    """

    def run(*arguments: Any, **named: Any) -> Generator[None, Any, Any]:
        wrapper = _start(guard, arguments, named)
        try:
            result = yield
        except SendError as error:  # the only exception that leaves a guarded hook
            if wrapper is None:
                raise
            return wrapper.throw(error)
        return result if wrapper is None else _finish(guard, wrapper, result, returns_result=returns_result)

    return run


def _start(guard: Guard, arguments: Sequence[Any], named: Mapping[str, Any]) -> Generator[None, Any, Any] | None:
    """Run a wrapper up to its ``yield``. Return None if it failed."""
    try:
        wrapper: Generator[None, Any, Any] = guard.function(*arguments, **named)
        next(wrapper)
    except PLUGIN_FAULTS as error:
        _note_or_raise(guard, error)
        return None
    return wrapper


def _finish(guard: Guard, wrapper: Generator[None, Any, Any], result: Any, *, returns_result: bool) -> Any:
    """Run a wrapper to its end. Return its result, or that of the hook if it failed."""
    try:
        wrapper.send(result)
    except StopIteration as end:
        if not returns_result or _is_list_of_results(end.value, guard.hook):
            return end.value
        guard.note(NonsenseError(f"the wrapper returned {type(end.value).__name__} instead of the list of results"))
    except PLUGIN_FAULTS as error:
        _note_or_raise(guard, error)
    return result


def _reasons_of(result: Mapping[Any, Any]) -> dict[str, str]:
    """Return the reasons of a blacklist or a validator by number.

    :raises NonsenseError: a reason is missing, or a number has another spelling than the given ones: it would block no
        message.
    """
    reasons = {str(number): _as_text(reason) for number, reason in result.items()}
    if any(reason is None or isinstance(reason, bool) for reason in result.values()) or "" in reasons.values():
        raise NonsenseError("a number without a reason: return only the numbers that must not be messaged")
    if odd := sum(_E164.fullmatch(number) is None for number in reasons):
        raise NonsenseError(f"numbers in another spelling than the given ones ({odd}): return them as they are given")
    return reasons


def _is_list_of_results(value: object, hook: str) -> bool:
    return isinstance(value, list) and (hook not in STOP_HOOKS or all(isinstance(each, Mapping) for each in value))


def _discard(result: Any) -> None:
    """Close a coroutine or a generator that will not run, so that Python does not warn of it later."""
    if inspect.iscoroutine(result) or inspect.isgenerator(result):
        result.close()


def _note_or_raise(guard: Guard, error: BaseException) -> None:
    """Note a failure of a wrapper.

    :raises SendError: it ends a send, as a hook may.
    """
    if isinstance(error, SendError) and guard.hook == BEFORE_SEND:
        raise error
    guard.note(error)
