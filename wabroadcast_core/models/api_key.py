"""API keys: what a caller of the API is named, and what it may do."""

import re
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, TypeAlias

from pydantic import Field, field_validator

from wabroadcast_core.models.base import DEFAULT_ACTOR, Model, matching
from wabroadcast_core.sentences import Sentence

NameOfKey: TypeAlias = Annotated[
    str,
    *matching(
        r"^[A-Za-z0-9]([A-Za-z0-9 ._@-]{0,61}[A-Za-z0-9])?$",
        Sentence(
            "no_key_name",
            "not a name for a key: give 1 to 63 letters, digits, blanks and . _ @ -, "
            "with a letter or digit at both ends",
        ),
    ),
]
LOCAL_ACTOR = "cli"  # the actor of a command that works on the store without a server
_OTHER_ACTORS = frozenset({DEFAULT_ACTOR, LOCAL_ACTOR, "engine", "inbound"})
_DIGEST_ACTOR = re.compile("[0-9a-f]{6}")  # the actor of a key in WABROADCAST_API_KEYS


class Scope(StrEnum):
    """What a key may do. Each scope includes those before it."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"

    def includes(self, needed: "Scope") -> bool:
        """Return whether this scope is enough where ``needed`` is required."""
        from_least = list(Scope)
        return from_least.index(self) >= from_least.index(needed)


def are_enough(scopes: Iterable[Scope], needed: Scope) -> bool:
    """Return whether one of the scopes includes the one that is needed."""
    return any(scope.includes(needed) for scope in scopes)


class ApiKeyDraft(Model):
    """An API key to create."""

    name: NameOfKey = Field(description="The actor of all that is done with the key.")
    scopes: list[Scope] = Field(
        min_length=1,
        max_length=len(Scope),
        description="read: see everything; operate: also send and change contacts; admin: also connections and keys.",
    )

    @field_validator("name")
    @classmethod
    def _check_actor(cls, name: str) -> str:
        if name.lower() in _OTHER_ACTORS or _DIGEST_ACTOR.fullmatch(name):
            raise ValueError(Sentence("actor_taken", "the history has another actor of this name: choose another"))
        return name

    @field_validator("scopes")
    @classmethod
    def _order_scopes(cls, scopes: list[Scope]) -> list[Scope]:
        return [scope for scope in Scope if scope in scopes]


class ApiKeyView(Model):
    """An API key, without the key itself."""

    name: str = Field(description="The actor of all that is done with the key.")
    start: str = Field(description="The first characters of the key, to recognise it by.")
    scopes: list[Scope] = Field(description="What the key may do; each scope includes those before it.")
    created_at: datetime = Field(description="When the key was made (UTC).")
    created_by: str = Field(description="The API key or component that made it.")
    last_used_at: datetime | None = Field(description="The last use, up to a minute late; null: not used yet.")
    revoked_at: datetime | None = Field(description="When the key was revoked (UTC); null: it is valid.")


class NewApiKey(ApiKeyView):
    """A new API key. Only this answer has the key: it is stored as a digest."""

    key: str = Field(description="The key, to be sent as `Authorization: Bearer <key>`.")
