"""The form of the catalogue's texts."""

from collections.abc import Mapping
from typing import TypeAlias

Texts: TypeAlias = Mapping[str, tuple[str, str]]
"""What a code means and what to do, by code. A ``?`` in a code stands for any character."""
ReasonTexts: TypeAlias = Mapping[str, Texts]
"""The texts of a sender's codes by language (ISO 639-1): the optional attribute ``reasons`` of its class."""
