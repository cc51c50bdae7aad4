"""The optional ability of senders whose provider calls one address with the news of several accounts."""

from typing import Protocol, runtime_checkable

from wabroadcast_core.hookspecs import ParsesWebhooks
from wabroadcast_core.models.receipt import WebhookRequest


@runtime_checkable
class SharesWebhook(ParsesWebhooks, Protocol):
    """A sender whose provider calls one address with the news of several accounts.

    A call that came to one connection's address is stored for each other connection of this kind too, if it concerns
    that connection and ``verify_webhook`` of that one accepts it. ``parse_webhook`` returns an account's own news only.
    """

    def concerned_by(self, request: WebhookRequest) -> bool:
        """Return whether a call to another connection's address has news of this account.

        Called in the web process, as ``verify_webhook`` is: it must be quick, and the call may be forged.

        :param request: the call as it came to the other connection's address.
        :returns: whether the call is to be verified and stored for this connection too.
        :raises Exception: logged with the connection's name; the call is not stored for this connection.
        """
        ...
