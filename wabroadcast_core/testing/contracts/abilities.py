"""The checks of what a sender declares: its capabilities, its optional methods and its webhook."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final
from unittest import SkipTest

from wabroadcast_core.errors import SendError, WebhookRefusedError
from wabroadcast_core.hookspecs import ChecksConnection, ChecksNumbers, FindsMessages, ParsesWebhooks, Sender
from wabroadcast_core.models.capabilities import Capabilities
from wabroadcast_core.models.message import Accepted
from wabroadcast_core.models.receipt import ConnectionEvent, Inbound, Receipt, WebhookRequest
from wabroadcast_core.plugin_faults import LOOP_ENDS, describe_fault
from wabroadcast_core.plugins.answer_checks import fault_of_event
from wabroadcast_core.plugins.class_checks import faults_of_capabilities, faults_of_reasons
from wabroadcast_core.testing.contracts.checking import (
    LOGGED_NUMBER,
    LOGGED_SECRET,
    captured_output,
    has_number,
    has_secret,
    require,
    require_no_faults,
    type_of,
)
from wabroadcast_core.testing.contracts.loop_watch import require_free_loop, run_watched
from wabroadcast_core.testing.contracts.plugin_class import PluginClassContract
from wabroadcast_core.testing.messages import SAMPLE_NUMBERS

_FLAGS: Final = {"number_check": "check_numbers", "client_message_ids": "find_message"}
_FORGED: Final = (
    WebhookRequest("POST", {}, {"content-type": "application/json"}, b'{"forged": true}'),
    WebhookRequest("POST", {"token": "guess"}, {"content-type": "application/json", "authorization": "Bearer guess"}),
)


class SenderAbilities(PluginClassContract):
    """The checks of what a sender declares. A check of an ability that a sender lacks passes."""

    @property
    def capabilities(self) -> Capabilities:
        """What the sender declares."""
        raise NotImplementedError

    def make_sender(self, **changed: Any) -> Sender:
        """Create the sender."""
        raise NotImplementedError

    async def close(self, sender: Sender) -> None:
        """Close a sender."""
        raise NotImplementedError

    def webhook_calls(self) -> Sequence[WebhookRequest]:
        """Return calls that the provider makes, as they are stored.

        Without any (the default), whether they are parsed is not checked.
        """
        return ()

    def test_its_capabilities_are_known(self) -> None:
        require_no_faults(faults_of_capabilities(self.capabilities))

    def test_its_reasons_are_pairs_of_texts_by_language_and_code(self) -> None:
        require_no_faults(faults_of_reasons(getattr(self.plugin_class, "reasons", {})))

    def test_its_capabilities_are_those_of_its_methods(self) -> None:
        for flag, method in _FLAGS.items():
            declares, has = bool(getattr(self.capabilities, flag)), hasattr(self.plugin_class, method)
            require(
                has or not declares, f"capabilities.{flag} is set and there is no {method}: add it, or clear {flag}"
            )
            require(declares or not has, f"{method} is never called, because capabilities.{flag} is not set: set it")

    def test_check_numbers_answers_for_the_given_numbers(self) -> None:
        async def ask(sender: Any) -> None:
            found = await self._answer_of(lambda: sender.check_numbers(SAMPLE_NUMBERS), "check_numbers")
            if not isinstance(found, SendError):
                _require_answers(found)

        self._try_ability(ChecksNumbers, ask)

    def test_find_message_returns_what_it_found_or_none(self) -> None:
        async def ask(sender: Any) -> None:
            found = await self._answer_of(
                lambda: sender.find_message("test-unknown", SAMPLE_NUMBERS[0]), "find_message"
            )
            require(
                found is None or isinstance(found, Accepted | SendError),
                f"find_message returned {type_of(found)}: return Accepted, or None if the message never arrived",
            )

        self._try_ability(FindsMessages, ask)

    def test_check_connection_returns_an_event(self) -> None:
        async def ask(sender: Any) -> None:
            found = await self._answer_of(sender.check_connection, "check_connection")
            fault = None if isinstance(found, SendError) else fault_of_event(found)
            require(fault is None, str(fault))

        self._try_ability(ChecksConnection, ask)

    def test_a_webhook_call_without_the_proof_is_refused(self) -> None:
        async def call(sender: Any) -> None:
            for request in _FORGED:
                self._require_refusal(sender, request)

        self._try_ability(ParsesWebhooks, call)

    def test_a_webhook_call_is_parsed_into_a_list_of_events(self) -> None:
        async def call(sender: Any) -> None:
            calls = self.webhook_calls()
            if not calls:
                raise SkipTest("parse_webhook is not checked: override webhook_calls to return calls of the provider")
            for request in calls:
                _require_events(sender.parse_webhook(request))

        self._try_ability(ParsesWebhooks, call)

    def _try_ability(self, ability: type[Any], use: Callable[[Any], Awaitable[None]]) -> None:
        """Use an optional ability of a new sender, if it has it, on a watched event loop."""

        async def use_and_close() -> None:
            sender = self.make_sender()
            try:
                if isinstance(sender, ability):
                    await use(sender)
            finally:
                await self.close(sender)

        with captured_output() as output:
            _, line = run_watched(use_and_close(), package=self.package)
        require_free_loop(line)
        require(not has_secret(output.whole, self.make_settings()), LOGGED_SECRET)
        require(not has_number(output.shown, SAMPLE_NUMBERS), LOGGED_NUMBER)

    async def _answer_of(self, ask: Callable[[], Awaitable[object]], method: str) -> object:
        """Return the result of a method, or the SendError that it raised.

        :raises AssertionError: it raised anything else, or the text of the error shows too much.
        """
        try:
            return await ask()
        except SendError as error:
            text = f"{error} {error.reason} {error.detail}"
            is_private = has_secret(text, self.make_settings()) or has_number(text, SAMPLE_NUMBERS)
            require(
                not is_private, f"the text of an error of {method} contains a secret or a phone number: leave it out"
            )
            return error
        except LOOP_ENDS:
            raise
        except BaseException as error:
            raise AssertionError(f"{method} raised {describe_fault(error)}: raise a subclass of SendError") from error

    def _require_refusal(self, sender: ParsesWebhooks, request: WebhookRequest) -> None:
        try:
            sender.verify_webhook(request)
        except WebhookRefusedError as error:
            require(
                not has_secret(str(error), self.make_settings()),
                "the text of a WebhookRefusedError contains a secret: name the setting instead",
            )
        except BaseException as error:  # noqa: BLE001 - the fault is the result
            require(False, f"verify_webhook raised {describe_fault(error)}: raise WebhookRefusedError")
        else:
            require(
                False,
                "verify_webhook takes a call without the provider's proof, so any caller can report receipts: raise "
                "WebhookRefusedError unless the signature or token is right, and where none is configured",
            )


def _require_answers(found: object) -> None:
    """Check the result of ``check_numbers``."""
    answers = found if isinstance(found, Mapping) else None
    require(answers is not None, f"check_numbers returned {type_of(found)}: return a dict of True or False by number")
    require(
        set(answers or ()) <= set(SAMPLE_NUMBERS),
        "check_numbers answers for numbers that it was not given: use the numbers as they were given, in E.164",
    )
    require(
        all(isinstance(answer, bool) for answer in (answers or {}).values()),
        "an answer of check_numbers is not True or False: leave a number out whose answer is not known",
    )


def _require_events(events: object) -> None:
    found = events if isinstance(events, list) else None
    require(found is not None, f"parse_webhook returned {type_of(events)}: return a list, empty if there is no event")
    strange = sorted({type_of(one) for one in found or () if not isinstance(one, Receipt | Inbound | ConnectionEvent)})
    require(not strange, f"parse_webhook returned {', '.join(strange)}: return Receipt, Inbound and ConnectionEvent")
