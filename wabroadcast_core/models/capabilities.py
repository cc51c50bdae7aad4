"""What a sender can do, as it declares it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from wabroadcast_core.models.base import MESSAGE_TYPES
from wabroadcast_core.models.connection import Limits


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a sender can do. Broadcasts are checked against it when they are submitted or previewed.

    Webhooks need no flag: a sender with ``verify_webhook`` and ``parse_webhook`` gets the calls of its provider.

    :param types: the types of messages that it sends: some of text, image, document, audio, video and template.
    :param text_length: the longest text, in characters.
    :param caption_length: the longest caption of a file, in characters.
    :param caption_types: the types of files with which the recipient sees a caption.
    :param upload_types: the types of messages that it sends also with an uploaded file, which it gets from
        :attr:`SenderContext.load_media`; with another type it sends only files that have a public address.
    :param media_bytes: the largest file by type, in bytes; a type that is left out has no limit.
    :param media_types: the MIME types of files by type of message; a type that is left out takes any.
    :param limits: the pace of a new connection whose operator gives none.
    :param ban_risk: whether it is an unofficial gateway, whose account WhatsApp may ban: a human pace is on by default.
    :param client_message_ids: whether the provider stores our message ids, so that a message can be looked up after a
        crash; it needs the method ``find_message``.
    :param number_check: whether it has the method ``check_numbers``.
    :param simulated: whether it reaches no real phone: a connection of another sender is preferred to it.
    :param test_numbers: how a message ends, by number in E.164, where that is simulated.
    """

    types: frozenset[str] = frozenset({"text"})
    text_length: int = 4_096
    caption_length: int = 1_024
    caption_types: frozenset[str] = frozenset({"image", "document", "video"})
    upload_types: frozenset[str] = MESSAGE_TYPES - {"text"}
    media_bytes: Mapping[str, int] = field(default_factory=dict)
    media_types: Mapping[str, frozenset[str]] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    ban_risk: bool = False
    client_message_ids: bool = False
    number_check: bool = False
    simulated: bool = False
    test_numbers: Mapping[str, str] = field(default_factory=dict)
