"""What the codes of the built-in senders mean, and what to do: one file a language for Meta's, one for all others."""

from typing import Final

from wabroadcast_core import ReasonTexts
from wabroadcast_plugins.senders.reasons import cloud_english, cloud_indonesian, others_english, others_indonesian

CLOUD_REASONS: Final[ReasonTexts] = {"en": cloud_english.TEXTS, "id": cloud_indonesian.TEXTS}


def reasons_of(kind: str, *, name: str) -> ReasonTexts:
    """Return the texts of a gateway: its own and those that all gateways share.

    :param kind: of the sender; the codes begin with it.
    :param name: of the gateway, for people.
    """
    return {
        language: {
            f"{kind}_{code}": (meaning.format(name=name), action.format(name=name))
            for code, (meaning, action) in {**texts.SHARED, **texts.OWN[kind]}.items()
        }
        for language, texts in (("en", others_english), ("id", others_indonesian))
    }


HTTP_REASONS: Final[ReasonTexts] = {"en": others_english.HTTP, "id": others_indonesian.HTTP}
SANDBOX_REASONS: Final[ReasonTexts] = {"en": others_english.SANDBOX, "id": others_indonesian.SANDBOX}
