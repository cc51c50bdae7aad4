"""What is stored of a verified webhook call: what its sender parses later, and not the proof."""

from typing import Protocol, runtime_checkable

from wabroadcast_core.models.receipt import WebhookRequest

KEPT_HEADERS = frozenset({"content-type"})


@runtime_checkable
class KeepsCalls(Protocol):
    """A sender that chooses what is stored of a call, because its proof is in the body or it parses more."""

    def kept_call(self, request: WebhookRequest) -> WebhookRequest:
        """Return what ``parse_webhook`` needs of a verified call, without its proof.

        Called in the web process, after ``verify_webhook``: it must be quick.

        :param request: the call as it came.
        :returns: the call as ``parse_webhook`` gets it.
        :raises Exception: logged with the connection's name; the body and its type are stored.
        """
        ...


def kept_call(request: WebhookRequest) -> WebhookRequest:
    """Return a call without its query and its headers, in which most proofs are. The type of the body stays."""
    headers = {name: request.headers[name] for name in KEPT_HEADERS if name in request.headers}
    return WebhookRequest(request.method, {}, headers, request.body, request.form)
