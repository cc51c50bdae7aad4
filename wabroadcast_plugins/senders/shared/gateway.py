"""What self-hosted and hosted gateways have in common: an address with paths below it, and a time to answer."""

from pydantic import Field

from wabroadcast_core import BadMessage, ConnectionDown, Model, Reply, SendError, error_of


class GatewaySettings(Model):
    base_url: str = Field(
        pattern=r"^https?://\S+$",
        max_length=2_048,
        description="Address of the gateway, with its base path if it has one.",
    )
    timeout_seconds: float = Field(30, gt=0, le=600, description="How long the gateway may take to answer.")

    def address_of(self, path: str) -> str:
        return f"{self.base_url.rstrip('/')}/{path.lstrip('/')}"


def error_by_status(reply: Reply, *, kind: str, is_gateways: bool) -> SendError:
    """What a refusal means that has no words to tell.

    :param kind: of the sender; reasons of errors begin with it.
    :param is_gateways: whether it is surely the gateway that answers, not a server in its place.
    """
    match reply.status:
        case 404 if not is_gateways:
            return ConnectionDown(f"{kind}_not_found", "there is no such gateway at this address")
        case 413:
            return BadMessage(f"{kind}_too_large", "the gateway takes no request of this size")
    return error_of(reply)
