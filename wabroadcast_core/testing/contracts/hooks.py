"""The contract suites of blacklists and validators: plugins with a hook that returns reasons by number."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Final

import pluggy

from wabroadcast_core.hookspecs import NAMESPACE, Hooks
from wabroadcast_core.plugin_faults import describe_fault
from wabroadcast_core.plugins.time_limits import ExitError, TimeLimitError, run_limited
from wabroadcast_core.settings import Settings
from wabroadcast_core.testing.audiences import sample_number
from wabroadcast_core.testing.contracts.checking import LOGGED_NUMBER, captured_output, has_number, require, type_of
from wabroadcast_core.testing.contracts.loop_watch import line_in_package
from wabroadcast_core.testing.messages import SAMPLE_NUMBERS

CHUNK: Final = 5_000  # numbers, as many as an audience is prepared with at once
PAIRS: Final = 3  # of threads that call the hook at the same time


class _NumberHookContract:
    """The checks of a hook that gets numbers and returns reasons by number."""

    plugin: Any = None  # no ClassVar: type checkers refuse to set it to a module then
    """The plugin under test: a module or an object with the hook. Or override :meth:`make_plugin`."""
    blocked: ClassVar[Sequence[str]] = ()
    """Numbers, in E.164, that it must block; at least one."""
    allowed: ClassVar[Sequence[str]] = SAMPLE_NUMBERS[:3]
    """Numbers, in E.164, that it must not block."""
    chunk_seconds: ClassVar[float] = 5.0
    """The longest time that a call with 5,000 numbers may take."""

    hook: ClassVar[str]

    def make_plugin(self) -> object:
        """Create the plugin as the application does: ``create_plugin(settings)``, if it has this function."""
        create = getattr(self.plugin, "create_plugin", None)
        created: object = self.plugin if create is None else create(Settings())
        require(created is not None, "the plugin is off: set its environment variable in the test (monkeypatch.setenv)")
        return created

    def ask(self, numbers: Sequence[str]) -> Any:
        """Call the hook of a new plugin with these numbers and return its result."""
        return self._caller()(numbers)

    def test_its_hook_can_be_registered(self) -> None:
        require(
            self._manager(self.make_plugin()).get_hookcallers(self._made),
            "it has no hook: mark its functions with hookimpl",
        )
        require(
            self._hook().get_hookimpls(),
            f"it does not implement {self.hook}: name the function so, and mark it with hookimpl",
        )

    def test_it_blocks_what_it_must_and_nothing_else(self) -> None:
        reasons = self._reasons([*self.blocked, *self.allowed])

        missing = [str(place) for place, number in enumerate(self.blocked, 1) if number not in reasons]
        wrong = [str(place) for place, number in enumerate(self.allowed, 1) if number in reasons]
        require(self.blocked, "set `blocked` in the test: numbers that the plugin must block")
        require(not missing, f"entry {', '.join(missing)} of `blocked` is not in its result")
        require(not wrong, f"entry {', '.join(wrong)} of `allowed` is in its result")

    def test_its_result_has_a_text_for_numbers_that_it_was_given(self) -> None:
        given = [*self.blocked, *self.allowed]
        reasons = self._reasons(given)

        require(set(reasons) <= set(given), "its result has numbers that it was not given: use the given ones")
        texts: list[object] = list(reasons.values())
        plain = all(isinstance(text, str) and text.strip() for text in texts)
        require(plain, "a reason is not a text, or empty: say in a few words why the number is blocked")

    def test_a_reason_contains_no_number(self) -> None:
        given = [*self.blocked, *self.allowed]
        reasons = self._reasons(given)

        shown = "\n".join(map(str, reasons.values()))
        require(not has_number(shown, given), "a reason contains a phone number: the reason is logged and counted")

    def test_it_takes_any_sequence_and_leaves_it_unchanged(self) -> None:
        given = [*self.blocked, *self.allowed]
        before = list(given)
        from_list, from_tuple = self._reasons(given), self._reasons(tuple(given))

        require(given == before, "it changes the sequence of numbers that it is given: make a copy")
        require(from_list == from_tuple, "its result differs between a list and a tuple of the same numbers")

    def test_it_takes_no_number_and_one_number(self) -> None:
        require(not self._reasons([]), "its result for no number is not empty")
        for number in self.blocked[:1]:
            require(number in self._reasons([number]), "a blocked number is not in the result if it is the only one")

    def test_a_second_call_gives_the_same_result(self) -> None:
        call, given = self._caller(), [*self.blocked, *self.allowed]
        first, second = self._checked(call(given)), self._checked(call(given))

        require(
            first == second,
            "a second call gives another result: keep no iterator and no open file between calls",
        )

    def test_calls_in_several_threads_give_the_same_result(self) -> None:
        """Call the hook in threads, as processes do that prepare several broadcasts, with different numbers."""
        call, chunks = self._caller(), [list(self.blocked), list(self.allowed)] * PAIRS
        expected = [self._reasons(chunk) for chunk in chunks]
        with ThreadPoolExecutor(len(chunks)) as threads:
            found = list(threads.map(call, chunks))

        require(
            found == expected,
            "calls at the same time give other results than one after the other: use a lock, or keep no state",
        )

    def test_a_large_chunk_is_answered_quickly(self) -> None:
        """Call the hook with as many numbers as an audience is prepared with at once."""
        numbers = [*self.blocked, *map(sample_number, range(CHUNK - len(self.blocked)))]
        place = self._slow_place(numbers)

        require(
            place is None,
            f"a call with {CHUNK:,} numbers takes longer than {self.chunk_seconds:g} s, and is at {place}: look all "
            "numbers up with one query or in a set, not one after the other",
        )

    def test_its_log_contains_no_number(self) -> None:
        given = [*self.blocked, *self.allowed]
        with captured_output() as output:
            self._reasons(given)

        require(not has_number(output.shown, given), LOGGED_NUMBER)

    def _manager(self, plugin: object) -> pluggy.PluginManager:
        """Return a plugin manager that has only this plugin.

        :raises AssertionError: a hook is unknown or gets an argument that it does not have.
        """
        self._made = plugin
        self._pluggy = pluggy.PluginManager(NAMESPACE)
        self._pluggy.add_hookspecs(Hooks)
        try:
            self._pluggy.register(plugin)
            self._pluggy.check_pending()
        except pluggy.PluginValidationError as error:
            text = " ".join(str(error).split())
            raise AssertionError(f"its hooks do not fit: {text}: see wabroadcast_core.Hooks") from error
        return self._pluggy

    def _hook(self) -> Any:
        return getattr(self._pluggy.hook, self.hook)

    def _arguments(self, numbers: Sequence[str]) -> dict[str, Any]:
        return {"numbers": numbers}

    def _caller(self) -> Callable[[Sequence[str]], Any]:
        """Return a function that calls the hook of a new plugin."""
        self._manager(self.make_plugin())
        hook = self._hook()

        def call(numbers: Sequence[str]) -> Any:
            try:
                results = hook(**self._arguments(numbers))
            except BaseException as error:
                raise AssertionError(
                    f"{self.hook} raised {describe_fault(error)}: return a dict; raise PluginError only where the data "
                    "cannot be read"
                ) from error
            return results[0] if results else {}

        return call

    def _reasons(self, numbers: Sequence[str]) -> Mapping[str, str]:
        return self._checked(self.ask(numbers))

    def _checked(self, result: Any) -> Mapping[str, str]:
        """Return a result of the hook.

        :raises AssertionError: it is no mapping.
        """
        if isinstance(result, Mapping):
            return dict(result)
        raise AssertionError(f"{self.hook} returned {type_of(result)}: return a dict of reasons by number")

    def _slow_place(self, numbers: Sequence[str]) -> str | None:
        """Call the hook. Return the line at which it is when its time is over; None if it returns in time."""
        call, thread_ids = self._caller(), list[int]()

        def work() -> object:
            thread_ids.append(threading.get_ident())
            return call(numbers)

        try:
            run_limited(work, seconds=self.chunk_seconds, owner="contract")
        except TimeLimitError:
            return self._line_of(thread_ids[0])
        except ExitError as error:
            raise AssertionError(f"{self.hook} tried to end the process: {error}") from error
        return None

    def _line_of(self, thread_id: int) -> str:
        module = getattr(self._made, "__name__", type(self._made).__module__)
        return line_in_package(thread_id, str(module).partition(".")[0]) or "an unknown line"


class BlacklistContract(_NumberHookContract):
    """The contract of blacklists, plugins with the hook ``wab_blacklisted``.

    Set ``plugin`` and ``blocked``, or override :meth:`make_plugin` if the plugin needs settings or files.
    """

    hook = "wab_blacklisted"


class ValidatorContract(_NumberHookContract):
    """The contract of validators, plugins with the hook ``wab_validate_numbers``.

    Set ``plugin`` and ``blocked``, or override :meth:`make_plugin` if the plugin needs settings or files.
    """

    hook = "wab_validate_numbers"
    connection: ClassVar[str] = "main"
    """The name of the connection that the hook gets."""

    def _arguments(self, numbers: Sequence[str]) -> dict[str, Any]:
        return {"numbers": numbers, "connection": self.connection}
