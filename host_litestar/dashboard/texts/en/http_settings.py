"""The parts of the settings of the sender for any HTTP API: its calls, conditions and webhook."""

from typing import Final

CALLS: Final = ("send", "checkNumber", "findMessage", "checkConnection")

TEXTS: Final = {
    # calls
    "setting.http.part.method": "Method",
    **{f"setting.http.{call}.path": "Path" for call in CALLS},
    **{f"setting.http.{call}.path.hint": "Path below the server address, without a query." for call in CALLS},
    "setting.http.part.query": "Query",
    "setting.http.part.headers": "Headers",
    "setting.http.part.format": "Format",
    "setting.http.part.format.hint": "Format of the body.",
    "setting.http.part.body": "Body",
    "setting.http.part.bodies": "Bodies",
    "setting.http.part.bodies.hint": "Bodies for single message types; media stands for image, document, audio and "
    "video.",
    "setting.http.part.success": "Success",
    "setting.http.part.success.hint": "Which answers mean that the message was accepted; if not given, every "
    "status 2xx.",
    "setting.http.part.providerId": "Provider id",
    "setting.http.part.providerId.hint": "Path of the API's message id.",
    "setting.http.send.providerId.hint": "Path of the API's message id in the answer.",
    "setting.http.findMessage.providerId.hint": "Path of the API's message id, in an answer that has the message.",
    "setting.http.part.missing": "Missing",
    "setting.http.part.missing.hint": "Answers that mean that the API certainly never received the message; it is then "
    "sent again.",
    "setting.http.part.answer": "Answer",
    "setting.http.part.answer.hint": "Path of the result in the answer.",
    "setting.http.part.yes": "Yes",
    "setting.http.part.yes.hint": "Results for a number on WhatsApp.",
    "setting.http.part.no": "No",
    "setting.http.part.no.hint": "Results for a number that is not on WhatsApp.",
    "setting.http.part.up": "Can send",
    "setting.http.part.up.hint": "Answers that mean that the account can send; if not given, every status 2xx.",
    # conditions and failure rules
    "setting.http.part.equals": "Equals",
    "setting.http.part.equals.hint": "The value must equal this, or one of these; compared as texts.",
    "setting.http.part.contains": "Contains",
    "setting.http.part.contains.hint": "The value must contain this text, or one of these, in upper or lower case.",
    "setting.http.part.status": "Status",
    "setting.http.part.status.hint": "200, 4xx, 500-504, or a list of these.",
    "setting.http.part.path": "Path",
    "setting.http.part.path.hint": "Path of the value.",
    "setting.http.part.means": "Means",
    "setting.http.part.means.hint": "temporary: certainly not accepted, may work later. rejected: this recipient can "
    "never receive it. bad_message: no recipient can. throttled: too fast. connection_down: a person must act. "
    "unknown: it may have been accepted.",
    "setting.http.part.reason": "Reason",
    "setting.http.failures.reason.hint": "A short code of your choice for this failure.",
    "setting.http.checkConnection.reason.hint": "Path of the reason why it cannot.",
    "setting.http.receipts.reason.hint": "Path of the reason of a failure.",
    "setting.http.part.retryAfter": "Retry after",
    "setting.http.part.retryAfter.hint": "Path of the seconds to wait; if not given, the header Retry-After counts.",
    "setting.http.part.scope": "Scope",
    "setting.http.part.scope.hint": "With throttled: which messages wait.",
    "setting.http.part.optOut": "Opt-out",
    "setting.http.part.optOut.hint": "With rejected: the recipient has opted out.",
    # the webhook
    "setting.http.part.proof": "Proof",
    "setting.http.part.proof.hint": "How a call proves that it is the API's; without proof, anyone could make calls.",
    "setting.http.part.kind": "Kind",
    "setting.http.part.header": "Header",
    "setting.http.part.prefix": "Prefix",
    "setting.http.part.prefix.hint": "Text before the secret, such as `Bearer `.",
    "setting.http.part.secret": "Secret",
    "setting.http.part.secret.hint": "The name of one of the secrets.",
    "setting.http.part.algorithm": "Algorithm",
    "setting.http.part.parameter": "Parameter",
    "setting.http.part.receipts": "Receipts",
    "setting.http.part.receipts.hint": "The events that are receipts.",
    "setting.http.part.inbound": "Inbound messages",
    "setting.http.part.inbound.hint": "The events that are messages from people.",
    "setting.http.part.events": "Events",
    "setting.http.part.events.hint": "Path of the events, with `*` for every item of a list: entry.*.statuses.*; if "
    "not given, the whole call is one event.",
    "setting.http.part.when": "When",
    "setting.http.part.when.hint": "Only events for which all of these conditions hold.",
    "setting.http.part.unless": "Unless",
    "setting.http.part.unless.hint": "Only events for which none of these conditions holds.",
    "setting.http.part.time": "Time",
    "setting.http.part.time.hint": "Path of the time: seconds, milliseconds or a date; if not given, the time of the "
    "call.",
    "setting.http.part.messageId": "Message id",
    "setting.http.part.messageId.hint": "Path of our message id, if the API returns it.",
    "setting.http.receipts.status.hint": "Path of the status.",
    "setting.http.part.statuses": "Statuses",
    "setting.http.part.statuses.hint": "The meaning of each status, in upper or lower case; other statuses are "
    "ignored.",
    "setting.http.part.number": "Number",
    "setting.http.part.number.hint": "Path of the person's number.",
    "setting.http.part.text": "Text",
    "setting.http.part.text.hint": "Path of the text.",
    "setting.http.part.replyTo": "Reply to",
    "setting.http.part.replyTo.hint": "Path of the API's id of the message that is answered.",
}
