"""The optional ability of a sender to identify the account that it sends through."""

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class IdentifiesAccount(Protocol):
    """A sender that identifies the account of a connection by the connection's settings."""

    @classmethod
    def account_of(cls, settings: Any) -> str | None:
        """Return the identity of the account: the same text for all settings that send through it.

        Called in the web process when a connection is saved or shown: a second connection of the same account is
        refused, because the two would pass its limits together. Do not call the provider here.

        :param settings: an instance of the sender's ``Settings``.
        :returns: the identity, which is only compared and never shown; None if the settings do not show it.
        :raises Exception: logged with the kind of sender; the connection is saved as if the identity were None.
        """
        ...
