"""What the plugin class of a contact source implements, and what it gets."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel

from wabroadcast_core.errors import Fault
from wabroadcast_core.models.recipient import AudienceRow
from wabroadcast_core.queries import NamedQuery


class ReadsContacts(Protocol):
    """A function that streams contacts of the contact book in a stable order."""

    def __call__(self, tags: Sequence[str], match: str, without: Sequence[str] = (), /) -> Iterator[AudienceRow]:
        """Yield the contacts that have any or all of ``tags`` and none of ``without``; a tag may have no contacts.

        :param tags: names of tags; an empty sequence selects every contact.
        :param match: ``any`` or ``all``: how many of ``tags`` a contact must have.
        :param without: names of tags that exclude a contact.
        """
        ...


@dataclass(frozen=True, slots=True)
class SourceContext:
    """The functions and settings that a contact source receives."""

    open_upload: Callable[[str], BinaryIO]
    """Opens an upload by its id as a seekable binary file; raises NotFoundError if no upload has this id."""
    read_contacts: ReadsContacts
    """Streams contacts of the contact book."""
    workbook_seconds: float = 120
    """The longest time that opening one workbook may take, with the wait for others, in seconds."""
    workbook_megabytes: int = 512
    """The most memory that reading one workbook may take, in megabytes."""
    region: str = "ID"
    """The region (ISO 3166-1 alpha-2) of numbers without a country code."""
    is_over: Callable[[], bool] = bool
    """Returns whether to end the reading. A source that reads many rows without yielding one calls it repeatedly."""
    queries: Mapping[str, NamedQuery] = field(default_factory=dict)
    """The database queries that the operator allows to broadcasts, by name."""


@runtime_checkable
class ContactSource(Protocol):
    """A plugin class that yields the recipients of one broadcast.

    A new instance is made for each read, in a worker, and also in the web process when a broadcast is submitted or
    previewed. The constructor must therefore not call a database or a provider.
    """

    kind: ClassVar[str]
    """The ``type`` that a broadcast's ``source`` names; unique among all installed contact sources."""
    Settings: ClassVar[type[BaseModel]]
    """The fields that a broadcast's ``source`` has beside ``type``."""
    repeatable: ClassVar[bool]
    """Whether every read yields the same rows in the same order.

    A read that continues after a crash skips the rows that are stored already. If the order may change between two
    reads, set this to False: the audience is then copied before it is used.
    """

    def __init__(self, settings: Any, context: SourceContext) -> None: ...

    # Optional attributes: region (the country of its numbers without a country code), columns (how a table was read,
    # set with the first row), notes (what a user should know) and empty_reason (why it has no recipients).

    def read(self) -> Iterable[AudienceRow]:
        """Stream the rows of the audience.

        Called in a worker, and in the web process for a preview. The memory used must not grow with the number of
        rows.

        :returns: the rows in the order of the source.
        :raises SourceError: the audience cannot be read to its end; the broadcast fails with this text as its reason.
        :raises FileError: the file of the audience cannot be read; the broadcast fails in the same way.
        """
        ...


@runtime_checkable
class ChecksSettings(Protocol):
    """A contact source that can check more than its ``Settings`` model can, for example against its context."""

    def check_settings(self) -> Sequence[Fault]:
        """Check the settings of this source.

        Called in the web process when a broadcast is submitted, and in a worker before the audience is read. It must
        be quick: do not call a database or a provider here.

        :returns: the faults, each with its path in the settings, such as ``parameters.city``; if there are any, the
            broadcast is refused.
        :raises Exception: counts as a bug of the plugin: the submit fails, and in a worker the broadcast.
        """
        ...
