"""The codes of gateways, of the sender for any HTTP API and of the sandbox in English.

The codes of gateways are without the kind that they begin with; ``{name}`` is the gateway's name.
"""

from collections.abc import Mapping
from typing import Final

_RETRIED: Final = "Wait: it is tried again by itself."
_CERTAINTY: Final = "Wait for a receipt, or resend it; the person may then get it twice."
_NUMBER: Final = "Correct the number in your file or contact book, then send to this person again."
_FILE: Final = "Check the type, the size and the link of the file, then send a new broadcast."
_READ: Final = "Read the provider's words in the details, correct the cause, then retry."
_NEW_CONTACTS: Final = (
    "Wait: messages to known contacts go out, those to other people when WhatsApp allows it. "
    "Send less to people who do not know the number."
)
_TOP_UP: Final = "Buy more messages at {name}, then resume the connection."
_COPY_IT: Final = "Copy the token from {name} into the connection's settings, then resume the connection."
_SLOWER: Final = "Wait: the pace slows down and recovers by itself."

SHARED: Final = {
    "463": ("WhatsApp blocks messages of this account to people it has never messaged, for a time.", _NEW_CONTACTS),
    "475": ("The account has reached WhatsApp's limit of new contacts for now.", _NEW_CONTACTS),
    "429": ("WhatsApp asked {name} to send more slowly.", _SLOWER),
    "???": (
        "WhatsApp refused the message with an error code and did not accept it.",
        f"{_RETRIED} If it fails again, read the details.",
    ),
    "undelivered": (
        "{name} took the message, but WhatsApp did not accept it.",
        "Check the number with the person and that the account is not restricted, then retry.",
    ),
    "refused": ("{name} refuses the message.", _READ),
    "type": ("{name} cannot send this type of message.", "Choose another type of message."),
    "caption": ("WhatsApp shows no caption with audio.", "Remove the text, or send it as a message of its own."),
    "media_type": (
        "{name} cannot send files of this type as this kind of message.",
        "Convert the file, or send it as a document.",
    ),
    "media_too_large": ("The file is larger than {name} accepts.", "Make the file smaller and send a new broadcast."),
    "too_large": ("{name} refuses a request of this size.", "Make the file smaller and send a new broadcast."),
    "not_found": (
        "{name} does not know what the request names, or is not at this address.",
        "Check baseUrl in the connection's settings, then resume the connection.",
    ),
    "no_id": ("The answer of {name} has no message id, so it is not known whether the message was sent.", _CERTAINTY),
}

OWN: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "waha": {
        "no_session": (
            "{name} has no session of this name.",
            "Correct session and baseUrl in the connection's settings, then resume the connection.",
        ),
        "413": ("{name} refuses a request of this size.", "Make the file smaller and send a new broadcast."),
        "501": (
            "The engine of this {name} server does not support this message.",
            "Choose another type of message, or another engine for WAHA.",
        ),
        "media": ("{name} cannot fetch the file from its address.", _FILE),
        "fault": ("{name} failed while it handled the message. The message may have been sent.", _CERTAINTY),
        "starting": ("The session is connecting to WhatsApp.", _RETRIED),
        "other_message": ("{name} returned another message than the one that was looked up.", _RETRIED),
    },
    "evolution": {
        "no_instance": (
            "{name} has no instance of this name.",
            "Correct instance and baseUrl in the connection's settings, then resume the connection.",
        ),
        "not_loaded": (
            "{name} has not started this instance.",
            "Restart the instance in Evolution, then resume the connection.",
        ),
        "connection_closed": (
            "The instance lost its link to WhatsApp for a moment; the message was not sent.",
            _RETRIED,
        ),
        "media": ("{name} cannot read or fetch the file.", _FILE),
        "invalid": ("{name} refuses a field of the request.", _READ),
        "fault": ("{name} failed while it handled the message. The message may have been sent.", _CERTAINTY),
    },
    "gowa": {
        "number": ("{name} refuses the number.", _NUMBER),
        "message": ("{name} refuses the message for every recipient.", _READ),
        "no_device": (
            "{name} has no device of this id.",
            "Correct deviceId in the connection's settings, then resume the connection.",
        ),
        "not_on_whatsapp": (
            "{name} did not find the number on WhatsApp; a fault of its network looks the same.",
            "Check the number with the person. Do not delete the contact for a single failure.",
        ),
        "no_ffmpeg": (
            "{name} needs the program ffmpeg for this type of message.",
            "Install ffmpeg on the gateway's host, then resume the broadcast.",
        ),
        "media": ("{name} could not fetch, prepare or upload the file.", f"{_RETRIED} If it lasts, check the file."),
    },
    "wuzapi": {
        "no_success": ("{name} answered neither with success nor with an error.", _CERTAINTY),
        "media": ("{name} could not read the file or upload it to WhatsApp.", _FILE),
        "number": ("{name} refuses the number.", _NUMBER),
        "message": ("{name} refuses the message for every recipient.", _READ),
    },
    "fonnte": {
        "token": ("{name} does not know the token.", _COPY_IT),
        "quota": ("The quota of the account at {name} is used up.", _TOP_UP),
        "expired": (
            "The plan at {name} has ended, or the message waited too long for a device that was disconnected.",
            "Renew the plan or reconnect the device at {name}, then retry.",
        ),
        "target": ("{name} refuses the number.", _NUMBER),
        "throttled": ("{name} asked to send more slowly.", _SLOWER),
        "file": ("{name} cannot fetch or send the file.", _FILE),
        "timeout": ("{name} gave up waiting, so it is not known whether the message was sent.", _CERTAINTY),
        "invalid": ("{name} reports that the number is invalid.", _NUMBER),
        "failed": ("{name} could not send the message.", _READ),
        "bad_answer": (
            "The answer is not in the form of {name}, so it is not known whether the message was sent.",
            _CERTAINTY,
        ),
    },
    "wablas": {
        "token": ("{name} refuses the token or the secret key.", _COPY_IT),
        "quota": ("The quota of the account at {name} is used up.", _TOP_UP),
        "closed": (
            "The account at {name} has expired, or this server is not on its whitelist.",
            "Renew the account or add this server's address to the whitelist at {name}, then resume the connection.",
        ),
        "throttled": ("{name} asked to send more slowly.", _SLOWER),
        "number": ("{name} refuses the number.", _NUMBER),
        "file": ("{name} refuses the file.", _FILE),
        "upload": ("The file could not be uploaded to {name}.", f"{_RETRIED} If it lasts, check the file."),
        "cancel": ("The message was cancelled at {name}.", "Look at the device in Wablas, then retry."),
        "reject": ("{name} could not send the message.", _READ),
        "bad_answer": (
            "The answer is not in the form of {name}, so it is not known whether the message was sent.",
            _CERTAINTY,
        ),
    },
}

HTTP: Final = {
    "no_variable": (
        "The recipient has no value for a variable that the request needs.",
        "Fill the column in your file, then send to this person again.",
    ),
    "unfit_value": (
        "A value of the recipient cannot be put into the request.",
        "Correct the recipient's values, then send to this person again.",
    ),
    "no_provider_id": (
        "The answer has no message id at the place that the settings name.",
        "Check the path of providerId in the settings. Resend the message only if it did not arrive.",
    ),
    "not_understood": (
        "The answer is neither the success nor a failure that the settings describe. The message may have been sent.",
        "Compare the details with send.success in the settings, and add a rule for this answer.",
    ),
    "not_accepted": ("The answer is not the success that the settings describe.", _READ),
    "no_body": (
        "The settings have no request for this type of message.",
        "Add the request to the settings, or choose another type of message.",
    ),
    "no_caption": (
        "The settings have no place for the text of a message with a file.",
        "Add the place to the settings, or remove the text.",
    ),
    "not_asked": ("The settings do not say how this is asked.", "Add findMessage or checkConnection to the settings."),
    "needs_a_link": (
        "The settings send files by link, and this message has an upload.",
        "Give a public link in place of the upload.",
    ),
}

_SANDBOX: Final = "Nothing needs to be done: the sandbox only simulates this, for its test numbers."

SANDBOX: Final = {
    "sandbox_temporary": ("The sandbox simulates a provider that cannot take the message now.", _SANDBOX),
    "sandbox_rejected": ("The sandbox simulates a provider that refuses this recipient.", _SANDBOX),
    "sandbox_opt_out": ("The sandbox simulates a recipient who has opted out.", _SANDBOX),
    "sandbox_bad_message": ("The sandbox simulates a provider that refuses the message for all recipients.", _SANDBOX),
    "sandbox_throttled": ("The sandbox simulates a provider that asks for a slower pace.", _SANDBOX),
    "sandbox_down": (
        "The sandbox simulates an account that was logged out.",
        "Resume the connection; take the number out of the audience.",
    ),
    "sandbox_no_answer": ("The sandbox simulates a provider that gives no answer.", _SANDBOX),
    "sandbox_undeliverable": ("The sandbox simulates a message that fails after it was accepted.", _SANDBOX),
}
