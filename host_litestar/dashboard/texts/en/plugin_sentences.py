"""The sentences of the built-in plugins, as the API has them."""

from typing import Final

from wabroadcast_plugins.senders.sentences import SENDERS
from wabroadcast_plugins.sentences import CHECKS

TEXTS: Final = {f"sentence.{code}": text for code, text in {**SENDERS, **CHECKS}.items()}
