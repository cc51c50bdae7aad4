"""The limits on requests that no setting changes."""

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

FORM_BYTES: Final = 1 * MIB  # of a webhook call that is a form
FIELDS: Final = 1_000  # of a webhook call's form, and of its query string
WEBHOOK_BYTES_AT_ONCE: Final = 64 * MIB  # of the bodies of webhook calls that are being received, all together
