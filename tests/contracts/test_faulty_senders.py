"""Each check of the suite of senders detects its fault, and says how to mend it; no other check fails."""

# ruff: noqa: ARG002 - the methods have the arguments that they are called with

import asyncio
import inspect
import logging
import re
import time
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, SecretStr

from tests.contracts.faults import faults_found
from wabroadcast_core import (
    Accepted,
    BadMessage,
    Capabilities,
    ConnectionEvent,
    NotFoundError,
    OutgoingMessage,
    Receipt,
    Rejected,
    Sender,
    SenderContext,
    SendError,
    WebhookRefusedError,
    WebhookRequest,
    read_json,
    send_request,
)
from wabroadcast_core.models.base import Model
from wabroadcast_core.testing import SenderContract, run_contract

SECRET = "open sesame"


class SoundSettings(Model):
    access_token: SecretStr = SecretStr(SECRET)


class SoundSender:
    """A sender without a fault that has all abilities."""

    kind: ClassVar[str] = "sound"
    Settings: ClassVar[type[BaseModel]] = SoundSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        types=frozenset({"text", "image"}), client_message_ids=True, number_check=True
    )

    def __init__(self, settings: SoundSettings, context: SenderContext) -> None:
        self.secret = settings.access_token.get_secret_value()
        self.context = context

    async def send(self, message: OutgoingMessage) -> Any:
        reply = await send_request(self.context.http, "POST", "https://provider.example/send", json={}, seconds=1)
        return Accepted(provider_id=reply.summary)

    async def check_numbers(self, numbers: Any) -> Any:
        return dict.fromkeys(numbers, True)

    async def find_message(self, message_id: str, number: str) -> Any:
        return None

    async def check_connection(self) -> Any:
        return ConnectionEvent("up")

    def verify_webhook(self, request: WebhookRequest) -> None:
        raise WebhookRefusedError("the token of the call is wrong: set webhookToken")

    def parse_webhook(self, request: WebhookRequest) -> Any:
        return [Receipt("read", 1.0, message_id=read_json(request.body)["id"])]


class SoundContract(SenderContract):
    __test__ = False  # run by the tests below
    sender_class: ClassVar[type[Sender]] = SoundSender

    def webhook_calls(self) -> list[WebhookRequest]:
        return [WebhookRequest("POST", {}, {}, b'{"id": "1"}')]


def fault_of(sender: type[Any], **attributes: Any) -> dict[str, str]:
    return faults_found(type("Contract", (SoundContract,), {"sender_class": sender, **attributes}))


def test_a_sound_sender_passes() -> None:
    assert fault_of(SoundSender) == {}


class BadKind(SoundSender):
    kind = "Sound Sender"


class BareSecret(SoundSender):
    class Settings(Model):
        access_token: str = SECRET

    def __init__(self, settings: Any, context: SenderContext) -> None:
        self.context = context


class ShownSecret(SoundSender):
    class Settings(SoundSettings):
        def __repr__(self) -> str:
            return self.access_token.get_secret_value()


class NoNumberCheck(SoundSender):
    capabilities = Capabilities(types=frozenset({"text"}), client_message_ids=True)


class OtherError(SoundSender):
    async def send(self, message: OutgoingMessage) -> Any:
        raise NotFoundError("person", "x")


class Exiting(SoundSender):
    async def send(self, message: OutgoingMessage) -> Any:
        raise SystemExit(1)


class OwnExit(BaseException):
    """An exception of a plugin that is no Exception."""


class RaisesOwnExit(SoundSender):
    async def send(self, message: OutgoingMessage) -> Any:
        raise OwnExit(message.number)


class OwnExitInCheck(SoundSender):
    async def check_connection(self) -> Any:
        raise OwnExit(self.secret)


class OwnExitInWebhook(SoundSender):
    def verify_webhook(self, request: WebhookRequest) -> None:
        raise OwnExit(self.secret)


class OwnExitInParse(SoundSender):
    def parse_webhook(self, request: WebhookRequest) -> Any:
        raise OwnExit(self.secret)


class CancelsItself(SoundSender):
    async def check_connection(self) -> Any:
        raise asyncio.CancelledError


class ClosesItself(SoundSender):
    async def find_message(self, message_id: str, number: str) -> Any:
        raise GeneratorExit


class ReasonsOfTexts(SoundSender):
    reasons: ClassVar[Any] = {"en": {"x": "just text"}, "zz": 5}


class BareSendError(SoundSender):
    async def send(self, message: OutgoingMessage) -> Any:
        raise SendError("failed")


class NumericReason(SoundSender):
    async def send(self, message: OutgoingMessage) -> Any:
        raise Rejected(404)  # type: ignore[arg-type]  # the fault


class ReturnsDict(SoundSender):
    async def send(self, message: OutgoingMessage) -> Any:
        return {"id": 1}


class NumericId(SoundSender):
    async def send(self, message: OutgoingMessage) -> Any:
        return Accepted(wa_id=17)  # type: ignore[arg-type]  # the fault


class NamesNumber(SoundSender):
    async def send(self, message: OutgoingMessage) -> Any:
        raise Rejected("no", f"{message.number.lstrip('+')}@s.whatsapp.net says no")


class NamesSecret(SoundSender):
    async def send(self, message: OutgoingMessage) -> Any:
        raise Rejected("no", "POST /send?token=open%20sesame was refused")


class LogsNumber(SoundSender):
    async def send(self, message: OutgoingMessage) -> Any:
        self.context.log.info("sending to %s", message.number)
        return Accepted()


class LogsText(SoundSender):
    async def send(self, message: OutgoingMessage) -> Any:
        logging.getLogger("anywhere").warning("cannot send %r", message.text)
        return Accepted()


class PrintsNumber(SoundSender):
    async def send(self, message: OutgoingMessage) -> Any:
        print("sending to", message.number)
        return Accepted()


class LogsSecret(SoundSender):
    async def send(self, message: OutgoingMessage) -> Any:
        self.context.log.debug("token %s", self.secret)
        return Accepted()


class LogsTraceback(SoundSender):
    async def send(self, message: OutgoingMessage) -> Any:
        try:
            raise ValueError(self.secret)  # noqa: TRY301 - the fault
        except ValueError:
            self.context.log.exception("the send failed")
        return Accepted()


class Sleeps(SoundSender):
    async def send(self, message: OutgoingMessage) -> Any:
        time.sleep(0.1)  # noqa: ASYNC251 - the fault
        return Accepted()


class Computes(SoundSender):
    async def send(self, message: OutgoingMessage) -> Any:
        re.match("(a+)+b", "a" * 21)  # holds the interpreter's lock
        return Accepted()


class IgnoresCancel(SoundSender):
    async def send(self, message: OutgoingMessage) -> Any:
        try:
            return await super().send(message)
        except asyncio.CancelledError:
            return Accepted()


class HidesCancel(SoundSender):
    async def send(self, message: OutgoingMessage) -> Any:
        try:
            return await super().send(message)
        except BaseException as error:
            raise Rejected("failed") from error


class Stubborn(SoundSender):
    async def send(self, message: OutgoingMessage) -> Any:
        for _ in range(2):
            try:
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                continue
        return Accepted()


class Endless(SoundSender):
    async def send(self, message: OutgoingMessage) -> Any:
        await asyncio.Event().wait()


class KeepsLock(SoundSender):
    def __init__(self, settings: SoundSettings, context: SenderContext) -> None:
        super().__init__(settings, context)
        self.lock = asyncio.Lock()

    async def send(self, message: OutgoingMessage) -> Any:
        await self.lock.acquire()
        await asyncio.sleep(0)
        self.lock.release()
        return Accepted()


class RefusesImage(SoundSender):
    async def send(self, message: OutgoingMessage) -> Any:
        return Accepted() if message.type == "text" else 1 / 0


class RefusesUpload(SoundSender):
    async def send(self, message: OutgoingMessage) -> Any:
        if "uploadId" in message.content.get("media", {}):
            raise BadMessage("needs_url")
        return Accepted()


class LeavesTask(SoundSender):
    async def send(self, message: OutgoingMessage) -> Any:
        self.task = asyncio.create_task(asyncio.sleep(60))
        return Accepted()


class ListOfNumbers(SoundSender):
    async def check_numbers(self, numbers: Any) -> Any:
        return list(numbers)


class OtherNumbers(SoundSender):
    async def check_numbers(self, numbers: Any) -> Any:
        return {number.lstrip("+"): True for number in numbers}


class WordyAnswers(SoundSender):
    async def check_numbers(self, numbers: Any) -> Any:
        return dict.fromkeys(numbers, "yes")


class FailingNumberCheck(SoundSender):
    async def check_numbers(self, numbers: Any) -> Any:
        raise KeyError(numbers[0])


class BlockingNumberCheck(SoundSender):
    async def check_numbers(self, numbers: Any) -> Any:
        time.sleep(0.6)  # noqa: ASYNC251 - the fault
        return {}


class LoggingNumberCheck(SoundSender):
    async def check_numbers(self, numbers: Any) -> Any:
        self.context.log.info("checking %s", numbers)
        return {}


class LeakyLookUp(SoundSender):
    async def find_message(self, message_id: str, number: str) -> Any:
        raise Rejected("no", f"GET /messages?to={number} was refused")


class LeakyConnectionCheck(SoundSender):
    async def check_connection(self) -> Any:
        raise Rejected("no", f"the token {self.secret} is wrong")


class LoggingWebhook(SoundSender):
    def parse_webhook(self, request: WebhookRequest) -> Any:
        self.context.log.debug("token %s", self.secret)
        return []


class FindsDict(SoundSender):
    async def find_message(self, message_id: str, number: str) -> Any:
        return {"status": "sent"}


class SaysUp(SoundSender):
    async def check_connection(self) -> Any:
        return "up"


class SaysFine(SoundSender):
    async def check_connection(self) -> Any:
        return ConnectionEvent("fine")  # type: ignore[arg-type]  # the fault


class TakesAllCalls(SoundSender):
    def verify_webhook(self, request: WebhookRequest) -> None:
        pass


class FailsOnCalls(SoundSender):
    def verify_webhook(self, request: WebhookRequest) -> None:
        request.headers["x-signature"]


class TellsSecret(SoundSender):
    def verify_webhook(self, request: WebhookRequest) -> None:
        raise WebhookRefusedError(f"the token is not {self.secret}")


class YieldsEvents(SoundSender):
    def parse_webhook(self, request: WebhookRequest) -> Any:
        yield from super().parse_webhook(request)


class RawEvents(SoundSender):
    def parse_webhook(self, request: WebhookRequest) -> Any:
        return [{"read": True}]


ENDS = "a send is accepted or ends in a send error"
TYPES = "each type that it declares can be sent"
LOG = "its log contains no secret no number and no text"
CANCEL = "a cancelled send ends as cancelled"
NUMBERS = "check numbers answers for the given numbers"
FORGED = "a webhook call without the proof is refused"
PARSED = "a webhook call is parsed into a list of events"
CONNECTION = "check connection returns an event"

FAULTS: Mapping[type[Any], tuple[set[str], str]] = {
    BadKind: ({"its kind is a short plain word", "its class can be registered"}, "kind is not a lower-case"),
    BareSecret: ({"its secrets are of a secret type"}, "declare them as SecretStr: access_token"),
    ShownSecret: ({"its settings never show a secret"}, "leave __repr__"),
    NoNumberCheck: (
        {"its capabilities are those of its methods"},
        "check_numbers is never called, because capabilities.number_check is not set: set it",
    ),
    OtherError: ({ENDS, TYPES}, r"NotFoundError at .*test_faulty_senders.py:\d+: raise a subclass of SendError"),
    Exiting: ({ENDS, TYPES}, r"SystemExit at .*test_faulty_senders.py:\d+"),
    RaisesOwnExit: (
        {ENDS, TYPES},
        r"send raised OwnExit at .*test_faulty_senders.py:\d+: raise a subclass of SendError",
    ),
    OwnExitInCheck: ({CONNECTION}, r"check_connection raised OwnExit at .*:\d+: raise a subclass of SendError"),
    OwnExitInWebhook: ({FORGED}, r"verify_webhook raised OwnExit at .*:\d+: raise WebhookRefusedError"),
    OwnExitInParse: ({PARSED}, r"the check ended with OwnExit at .*test_faulty_senders.py:\d+"),
    CancelsItself: ({CONNECTION}, r"the check ended with CancelledError at .*:\d+"),
    ClosesItself: ({"find message returns what it found or none"}, r"the check ended with GeneratorExit at .*:\d+"),
    ReasonsOfTexts: (
        {"its reasons are pairs of texts by language and code"},
        r"reasons\['en'\] has codes without a tuple of two texts: x .*; reasons\['zz'\] is not a mapping",
    ),
    BareSendError: ({ENDS, TYPES}, "SendError itself: raise one of its subclasses"),
    NumericReason: ({ENDS, TYPES}, "the reason or the detail of Rejected is not a text"),
    ReturnsDict: ({ENDS, TYPES}, "send returned dict: return Accepted"),
    NumericId: ({ENDS, TYPES}, "Accepted.wa_id is of the type int"),
    NamesNumber: ({"an error contains no secret and no number"}, "the text of an error contains a phone number"),
    NamesSecret: ({"an error contains no secret and no number"}, "contains a secret: leave it out"),
    LogsNumber: ({LOG}, "contains a phone number: leave it out, or mask it"),
    LogsText: ({LOG}, "contains the text of a message"),
    PrintsNumber: ({LOG}, "what is printed contains a phone number"),
    LogsSecret: ({LOG}, "the log contains a secret: log the name of the setting instead"),
    LogsTraceback: ({LOG}, "the log contains a secret"),
    IgnoresCancel: ({CANCEL}, "went on and returned or raised: let asyncio.CancelledError pass"),
    HidesCancel: ({CANCEL}, "let asyncio.CancelledError pass"),
    RefusesUpload: ({TYPES}, "capabilities.upload_types has 'image': implement it or remove it there; .*needs_url"),
    RefusesImage: ({TYPES}, "capabilities.types has 'image': implement it or remove it there; .*ZeroDivisionError"),
    LeavesTask: ({"no task outlives its close"}, "end it in aclose"),
    ListOfNumbers: ({NUMBERS}, "check_numbers returned list: return a dict"),
    OtherNumbers: ({NUMBERS}, "use the numbers as they were given"),
    WordyAnswers: ({NUMBERS}, "is not True or False"),
    FailingNumberCheck: ({NUMBERS}, r"check_numbers raised KeyError at .*:\d+.*: raise a subclass of SendError"),
    BlockingNumberCheck: ({NUMBERS}, r"held at contracts/test_faulty_senders.py:\d+ in check_numbers: .*to_thread"),
    LoggingNumberCheck: ({NUMBERS}, "contains a phone number: leave it out, or mask it"),
    LeakyLookUp: (
        {"find message returns what it found or none"},
        "an error of find_message contains a secret or a phone",
    ),
    LeakyConnectionCheck: ({CONNECTION}, "an error of check_connection contains a secret"),
    LoggingWebhook: ({PARSED}, "the log contains a secret"),
    FindsDict: ({"find message returns what it found or none"}, "find_message returned dict: return Accepted, or None"),
    SaysUp: ({CONNECTION}, "check_connection returned str: return a ConnectionEvent, 'up' or 'down'"),
    SaysFine: ({CONNECTION}, "a ConnectionEvent of another state: give it 'up' or 'down'"),
    TakesAllCalls: ({FORGED}, "raise WebhookRefusedError unless the signature or token is right"),
    FailsOnCalls: ({FORGED}, r"verify_webhook raised KeyError at .*: raise WebhookRefusedError"),
    TellsSecret: ({FORGED}, "the text of a WebhookRefusedError contains a secret"),
    YieldsEvents: ({PARSED}, "parse_webhook returned generator: return a list"),
    RawEvents: ({PARSED}, "parse_webhook returned dict: return Receipt, Inbound and ConnectionEvent"),
}


@pytest.mark.parametrize("sender", FAULTS, ids=lambda sender: sender.__name__)
def test_a_fault_is_detected_by_its_check_alone(sender: type[Any]) -> None:
    checks, text = FAULTS[sender]

    found = fault_of(sender)

    assert found.keys() == checks
    assert all(re.search(text, fault) for fault in found.values()), found
    assert not any(SECRET in fault or "+62" in fault for fault in found.values())


def test_capabilities_that_no_method_stands_behind_are_a_fault() -> None:
    class Boastful:
        kind = "boastful"
        Settings = SoundSettings
        capabilities = Capabilities(client_message_ids=True)
        __init__ = SoundSender.__init__
        send = SoundSender.send

    found = fault_of(Boastful)

    assert found.keys() == {"its capabilities are those of its methods"}
    assert "capabilities.client_message_ids is set and there is no find_message: add it" in "".join(found.values())


def test_unknown_capabilities_are_a_fault() -> None:
    class Pigeon(SoundSender):
        capabilities = Capabilities(types=frozenset({"text", "pigeon"}), client_message_ids=True, number_check=True)

    found = fault_of(Pigeon)

    assert found.keys() == {"its capabilities are known", "its class can be registered"}
    assert all("capabilities.types is not a set of some of audio" in fault for fault in found.values())


def test_a_lock_that_a_cancelled_send_keeps_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wabroadcast_core.testing.contracts.senders.SOON", 0.3)

    found = fault_of(KeepsLock)

    assert found.keys() == {"a cancelled send does no harm to other sends"}
    assert "did not end within 0.3 s after another one was cancelled: " in "".join(found.values())


def test_a_send_that_never_ends_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wabroadcast_core.testing.contracts.senders.ALL_SOON", 0.3)
    contract = type("Contract", (SoundContract,), {"sender_class": Endless})

    with pytest.raises(AssertionError, match=r"a send did not end within 0.3 s: give each request a time limit"):
        contract().test_a_send_is_accepted_or_ends_in_a_send_error()


@pytest.mark.parametrize("sender", [Sleeps, Computes])
def test_a_send_that_holds_the_event_loop_is_a_fault_and_its_line_is_named(sender: type[Any]) -> None:
    contract = type("Contract", (SoundContract,), {"sender_class": sender})
    line = f"test_faulty_senders.py:{inspect.getsourcelines(sender.send)[1] + 1} "

    with pytest.raises(
        AssertionError, match=r"held at contracts/test_faulty_senders.py:\d+ in send: .*to_thread"
    ) as raised:
        contract().test_a_send_does_not_hold_the_event_loop()

    assert line in str(raised.value)


def test_a_send_that_outlives_its_cancel_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wabroadcast_core.testing.contracts.senders.SOON", 0.3)
    contract = type("Contract", (SoundContract,), {"sender_class": Stubborn})

    with pytest.raises(AssertionError, match=r"did not end within 0.3 s: let asyncio.CancelledError pass"):
        contract().test_a_cancelled_send_ends_as_cancelled()


def test_a_parser_of_webhooks_without_a_call_to_parse_is_skipped_with_the_reason() -> None:
    class NoCalls(SoundContract):
        def webhook_calls(self) -> list[WebhookRequest]:
            return []

    skipped = {result.check: result.skipped for result in run_contract(NoCalls) if result.skipped}

    assert skipped.keys() == {PARSED}
    assert "override webhook_calls" in skipped[PARSED]
