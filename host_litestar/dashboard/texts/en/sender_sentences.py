"""The sentences of the built-in senders, as the API has them."""

from typing import Final

from wabroadcast_plugins.senders.sentences import SENDERS

TEXTS: Final = {f"sentence.{code}": text for code, text in SENDERS.items()}
