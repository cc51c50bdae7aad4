"""Signatures of callbacks, as in Standard Webhooks: HMAC-SHA256 over the event's id, the time and the body."""

import base64
import hashlib
import hmac
from collections.abc import Sequence


def sign(event_id: str, body: bytes, *, at: float, secrets: Sequence[bytes]) -> dict[str, str]:
    """Return the headers of a callback.

    :param at: the time of this try (UNIX seconds, UTC).
    :param secrets: each makes a signature, so that a receiver may know either one while the secret is changed.
    """
    timestamp = str(int(at))
    signed = f"{event_id}.{timestamp}.".encode() + body
    signatures = [base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode() for secret in secrets]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
