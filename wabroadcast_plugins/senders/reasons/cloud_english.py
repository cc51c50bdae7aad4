"""The codes of Meta's Cloud API in English: what happened, and what to do."""

from typing import Final

_NEW_KEY: Final = "Create a new access token, save it in the connection's settings, then resume the connection."
_RESUME: Final = "then resume the connection."
_SLOWER: Final = "Wait: the pace slows down and recovers by itself."
_RETRIED: Final = "Wait: it is tried again by itself."
_VALUES: Final = "Correct the recipient's values in your file, then send to this person again."
_TEMPLATE: Final = "Correct the template or choose another one, then submit a new broadcast."
_REGISTER: Final = f"Register the number in WhatsApp Manager, {_RESUME}"
_CERTAINTY: Final = "Wait for a receipt, or resend it; the person may then get it twice."

ACCOUNT: Final = {
    "0": ("Meta refuses the access token: it is invalid or has expired.", _NEW_KEY),
    "3": (
        "The Meta app may not do this.",
        f"Give the app the permission whatsapp_business_messaging, {_RESUME}",
    ),
    "10": (
        "A permission of the app or of the token is missing or was removed.",
        f"Give the token the missing permission, {_RESUME}",
    ),
    "33": (
        "The sending number was deleted, or its id is wrong.",
        f"Correct phoneNumberId in the connection's settings, {_RESUME}",
    ),
    "104": ("The request had no access token.", _NEW_KEY),
    "190": ("The access token is invalid or has expired.", _NEW_KEY),
    "2??": (
        "A permission of the app or of the token is missing or was removed.",
        f"Give the token the missing permission, {_RESUME}",
    ),
    "368": (
        "Meta blocked the account for a time because of its policies.",
        f"Read the notice in WhatsApp Manager and appeal or wait, {_RESUME}",
    ),
    "131005": ("Meta denies access.", f"Check the permissions of the token and the access to the number, {_RESUME}"),
    "131031": (
        "The account is locked, because of its policies or because data such as the PIN did not match.",
        f"Read the notice in WhatsApp Manager and have the account unlocked, {_RESUME}",
    ),
    "131037": (
        "The display name of the number is not approved.",
        f"Have the display name approved in WhatsApp Manager, {_RESUME}",
    ),
    "131042": (
        "Meta cannot charge for messages: there is a problem with the payment method.",
        f"Correct the payment method in WhatsApp Manager, {_RESUME}",
    ),
    "131044": (
        "Meta cannot charge for messages: there is a problem with the payment method.",
        f"Correct the payment method in WhatsApp Manager, {_RESUME}",
    ),
    "131045": ("The registration or the certificate of the number is faulty.", _REGISTER),
    "131064": (
        "Meta limits the account because templates were in a wrong category.",
        f"Correct the categories in WhatsApp Manager and wait until the limit ends, {_RESUME}",
    ),
    "133000": ("The number could not be registered or deregistered.", _REGISTER),
    "133005": ("The PIN of the two-step verification is wrong.", f"Register the number with the right PIN, {_RESUME}"),
    "133006": (
        "The number must be verified before it can be registered.",
        f"Verify the number, register it, {_RESUME}",
    ),
    "133008": (
        "The PIN of the two-step verification was wrong too often.",
        f"Wait for the time that Meta names, register the number, {_RESUME}",
    ),
    "133009": (
        "The PIN of the two-step verification was entered too quickly.",
        f"Wait for the time that Meta names, register the number, {_RESUME}",
    ),
    "133010": ("The sending number is not registered.", _REGISTER),
    "133015": (
        "The number was deleted recently, and its deletion is not complete.",
        f"Wait some minutes, register the number again, {_RESUME}",
    ),
    "133016": (
        "The number was registered and deregistered too often.",
        f"Wait for the time that Meta names, register the number again, {_RESUME}",
    ),
    "no_phone_number": (
        "Meta knows no sending number with this id.",
        f"Correct phoneNumberId in the connection's settings, {_RESUME}",
    ),
}

PACE: Final = {
    "4": ("The app made too many calls.", _SLOWER),
    "613": ("The app made too many calls of the Graph API.", _SLOWER),
    "80007": ("The business account made too many calls.", _SLOWER),
    "130429": (
        "The number sends faster than Meta allows.",
        f"{_SLOWER} If it happens often, set a lower rate for the connection.",
    ),
    "131048": (
        "Too many people blocked or reported the number, so Meta limits it.",
        "Stop promotions for some days, check the quality in WhatsApp Manager, and message only people who agreed.",
    ),
    "131056": ("Too many messages went to this person in a short time.", "Wait: the message goes out later by itself."),
    "131057": ("The account is in maintenance, which ends within minutes.", "Wait: sending goes on by itself."),
    "132069": (
        "The flow of the template is throttled to a few messages an hour.",
        "Repair the flow in WhatsApp Manager.",
    ),
    "1": (
        "The request is not valid, or Meta's server has a fault.",
        "Wait: it is tried again. If it fails for all, check the message and Meta's status page.",
    ),
    "2": ("Meta's service is down or overloaded.", f"{_RETRIED} If it lasts, look at Meta's status page."),
    "131000": ("Meta reports an unknown fault.", f"{_RETRIED} If it fails again, retry it later."),
    "131016": ("Meta's service is not available at the moment.", _RETRIED),
    "133004": ("Meta's registration server is not available at the moment.", _RETRIED),
    "135000": (
        "Meta refuses the request without naming the cause.",
        "Check the values of the template; if it fails for all, choose another template.",
    ),
}

RECIPIENTS: Final = {
    "100": (
        "A parameter of the request is not valid; it may be the number.",
        "Read the provider's words in the details, correct the number or the values, then retry.",
    ),
    "130472": (
        "Meta keeps this person in an experiment and delivers no marketing messages to them.",
        "Do not send it again soon. Use another channel, or send a utility template.",
    ),
    "130497": (
        "The account may not message people in this country.",
        "Leave this country out, or ask Meta for permission.",
    ),
    "131008": ("A value that the message needs is missing.", _VALUES),
    "131009": ("A value of the message is not valid.", _VALUES),
    "131021": ("The recipient is the sending number itself.", "Take the number out of the audience."),
    "131026": (
        "The message cannot be delivered: the person is not on WhatsApp, has an old version or accepted no terms.",
        "Check the number with the person. Do not delete the contact for a single failure.",
    ),
    "131030": (
        "The sending number is a test number, and the recipient is not on its list.",
        "Add the recipient to the list in Meta's developer pages, or send from a real number.",
    ),
    "131043": ("The message expired before it could be delivered.", "Send it again when the person can be reached."),
    "131047": (
        "The person last wrote more than 24 hours ago, so only templates may be sent.",
        "Send an approved template in place of a free text.",
    ),
    "131049": (
        "WhatsApp limits promotions to this person, so the message was not delivered. The number is not at fault.",
        "Wait at least 24 hours before you send it again, longer each time; do not retry at once.",
    ),
    "131050": (
        "The person stopped marketing messages from you.",
        "Send no more promotions to this person; the number is on the blacklist now.",
    ),
    "131052": ("Media that a person sent could not be downloaded.", "Ask the person to send it again."),
    "131053": (
        "The file could not be uploaded to Meta or fetched by it.",
        "Check type, size and link of the file, then retry.",
    ),
    "131062": (
        "The recipient is a user id where only a phone number is possible.",
        "Send to the phone number of this person.",
    ),
    "132005": ("The filled template is too long.", "Shorten the recipient's values, then send to this person again."),
    "132008": ("The format of a value of the template is not allowed.", _VALUES),
    "132012": ("The format of a value of the template does not fit.", _VALUES),
    "132018": (
        "A value of the template has a line break, a tab or more than 4 spaces in a row.",
        _VALUES,
    ),
    "137000": (
        "The identity of the recipient has changed: the person may have a new phone.",
        "Confirm with the person that the number is still theirs, then retry.",
    ),
}

MESSAGE: Final = {
    "131051": ("The Cloud API does not know this type of message.", "Choose another type of message."),
    "131063": (
        "Marketing templates may not be sent through this API for the account.",
        "Enable them in WhatsApp Manager, or send through Meta's Marketing Messages API.",
    ),
    "132000": (
        "The number of values differs from the number of variables of the template.",
        "Give a value for each variable of the template, then submit a new broadcast.",
    ),
    "132001": (
        "There is no approved template with this name in this language.",
        "Check the name and the language of the template and its approval, then submit a new broadcast.",
    ),
    "132007": ("The template violates WhatsApp's content policy.", _TEMPLATE),
    "132015": (
        "Meta paused the template because of its low quality.",
        "Improve the template and have it released in WhatsApp Manager, or choose another one.",
    ),
    "132016": ("Meta disabled the template for good, because it was paused too often.", "Create a new template."),
    "132068": ("The flow of the template is blocked.", "Repair the flow in WhatsApp Manager."),
    "unsupported_type": ("The Cloud API cannot send this type of message.", "Choose another type of message."),
    "no_text": ("The message has no text.", "Write a text and submit a new broadcast."),
    "no_template": ("The template has no name or no language.", "Give both and submit a new broadcast."),
    "media_type": (
        "Meta does not accept files of this type for this kind of message.",
        "Convert the file, or send it as a document, in a new broadcast.",
    ),
    "no_media_id": ("Meta accepted the file, but its answer has no id.", _RETRIED),
    "no_id": ("Meta's answer has no message id, so it is not known whether the message was sent.", _CERTAINTY),
}

TEXTS: Final = {**ACCOUNT, **PACE, **RECIPIENTS, **MESSAGE}
