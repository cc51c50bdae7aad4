"""The codes of the core in English: what happened, and what to do. A ``?`` in a code stands for any character."""

from typing import Final

from wabroadcast_core.reasons.texts import Texts

_NOTHING: Final = "Nothing needs to be done."
_WAIT_OR_RESEND: Final = (
    "Wait some minutes: a receipt settles it, and a provider that can look it up is asked after one to two. "
    "Or resend it; the person may then get it twice."
)
_SEE_DETAIL: Final = "Read the provider's words in the details, correct the cause, then retry the failed messages."
_RECOVERS: Final = "Wait: the pace slows down and recovers by itself."

SKIPPED: Final[Texts] = {
    "invalid_number": (
        "The text in the audience is no phone number that can be messaged.",
        "Correct the number in your file or contact book, then send to this person again.",
    ),
    "duplicate": ("The number is in the audience more than once; it gets one message.", _NOTHING),
    "blacklisted": (
        "The person opted out or is on the blacklist.",
        "Send nothing more to this person. If the entry is a mistake, remove it from the blacklist.",
    ),
    "missing_variable": (
        "The recipient has no value for a variable of the text.",
        "Fill the column in your file, or give the variable a default in the text, then send again.",
    ),
    "bad_text": (
        "The text of this recipient is empty, too long or cannot be made from the recipient's values.",
        "Correct the values or shorten the text, then send again.",
    ),
    "no_consent": (
        "A consent column of the file says no.",
        "Send nothing to this person. If the column is read wrongly, leave it out of the file.",
    ),
    "not_on_whatsapp": (
        "The provider says that the number is not on WhatsApp.",
        "Check the number with the person, or reach the person in another way.",
    ),
}

MESSAGES: Final[Texts] = {
    "recipient_pace": ("The last message to the same person is too recent.", "Wait: the message goes out by itself."),
    "new_contacts_closed": (
        "WhatsApp lets this account message only people it has messaged before, for a time.",
        "Wait: the message goes out when WhatsApp allows it. Send less to people who do not know the number.",
    ),
    "not_found_yet": (
        "The number was not found on WhatsApp and is checked a second time.",
        "Wait: the second check decides.",
    ),
    "blacklist_away": (
        "A plugin that holds a blacklist failed, so no message is sent.",
        "Read the log of the worker and repair the plugin; sending goes on by itself.",
    ),
    "erased": ("The person was erased at their request.", _NOTHING),
    "failed": (
        "The provider reports a failure without a reason.",
        "Retry the message once; if it fails again, ask the provider.",
    ),
    "rehearsal_not_simulated": (
        "The connection of a rehearsal got a sender that reaches real phones, so nothing was sent.",
        "Rehearse again: a rehearsal takes a connection of the sandbox.",
    ),
    "other": ("The sum of all rarer reasons.", "List the failed messages to see the reason of each."),
    "lost": (
        "The worker ended while it sent the message, so it is not known whether the message left.",
        _WAIT_OR_RESEND,
    ),
    "crash": (
        "The worker ended while it sent the message, so it is not known whether the message left.",
        _WAIT_OR_RESEND,
    ),
    "plugin_error": (
        "The sender plugin has a bug: it raised an exception that is no answer of the provider.",
        "Report the details and the log of the worker to the plugin's author, then retry.",
    ),
    "bad_answer": (
        "The sender plugin gave back something that is no answer, so it is not known whether the message left.",
        "Report it to the plugin's author. Resend the message only if the person did not get it.",
    ),
    "temporary": (
        "The provider could not take the message at that moment.",
        "Wait: it is tried again by itself. If attempts are used up, retry it.",
    ),
    "rejected": ("The provider refuses this message to this recipient.", _SEE_DETAIL),
    "bad_message": (
        "The provider refuses this message for every recipient.",
        "Correct the message and submit it as a new broadcast; the paused one would fail for all.",
    ),
    "throttled": ("The provider asked to send more slowly.", _RECOVERS),
    "connection_down": (
        "The account cannot send until a person acts.",
        "Read the details, repair the account at the provider, then resume the connection.",
    ),
    "outcome_unknown": (
        "The request left but no clear answer came back. The message may have arrived.",
        _WAIT_OR_RESEND,
    ),
    "unknown": (
        "The request left but no clear answer came back. The message may have arrived.",
        _WAIT_OR_RESEND,
    ),
    "send": ("The message could not be sent.", _SEE_DETAIL),
}

TRANSPORT: Final[Texts] = {
    "unreachable": (
        "The provider could not be reached; the message did not leave.",
        "Wait: it is tried again by itself. If this lasts, check the network and the provider's address.",
    ),
    "no_answer": (
        "The request left but no answer came back. The message may have arrived.",
        _WAIT_OR_RESEND,
    ),
    "bad_address": (
        "The provider's address in the connection's settings cannot be used.",
        "Correct the address in the settings, then resume the connection.",
    ),
    "bad_settings": (
        "The settings of the connection are not valid or cannot be decrypted.",
        "Save the settings again, then resume the connection.",
    ),
    "no_sender": (
        "The plugin for this kind of connection is not installed or failed to start.",
        "Install or repair the plugin in every worker, then resume the connection.",
    ),
    "disconnected": (
        "The account lost its link to WhatsApp or was logged out.",
        "Log the account in again at the gateway, for example with its QR code. The connection resumes by itself.",
    ),
    "no_certain_answer": (
        "Several sends in a row got no clear answer from the provider.",
        "Check that the provider works, resume the connection, then decide whether to resend the uncertain messages.",
    ),
    "no_media": (
        "The file of the message does not exist or may not be read.",
        "Upload the file again, or give a link that anyone can open, then send a new broadcast.",
    ),
    "media_unreachable": (
        "The file of the message could not be fetched at that moment.",
        "Wait: it is tried again by itself. If this lasts, check the link.",
    ),
    "media_not_public": (
        "The link of the file points to a private address, which is not allowed.",
        "Upload the file, or give a public link.",
    ),
    "media_too_large": (
        "The file is larger than the provider accepts.",
        "Make the file smaller and send a new broadcast.",
    ),
    "http_401": (
        "The provider refuses the credentials.",
        "Correct the key or token in the connection's settings, then resume the connection.",
    ),
    "http_403": (
        "The provider does not allow the request.",
        "Check the rights of the key or token, then resume the connection.",
    ),
    "http_402": ("The provider asks for payment.", "Pay the provider, then resume the connection."),
    "http_404": (
        "The provider does not know the address of the request, or the recipient.",
        "If every message ends so, correct the address in the connection's settings, then resume the connection.",
    ),
    "http_405": (
        "The provider takes no messages at this address.",
        "Correct the address in the connection's settings, then resume the connection.",
    ),
    "http_408": (
        "The provider gave up waiting, so it is not known whether the message was sent.",
        _WAIT_OR_RESEND,
    ),
    "http_429": ("The provider asked to send more slowly.", _RECOVERS),
    "http_503": ("The provider is not available; the message was not sent.", "Wait: it is tried again by itself."),
    "http_3??": (
        "The provider's address redirects to another one.",
        "Put the final address into the connection's settings, then resume the connection.",
    ),
    "http_4??": ("The provider refuses the request.", _SEE_DETAIL),
    "http_5??": (
        "The provider failed while it handled the request. The message may have been sent.",
        _WAIT_OR_RESEND,
    ),
    "http_???": ("The provider gave an answer that is not a success.", _SEE_DETAIL),
}

WAITING: Final[Texts] = {
    "scheduled": ("The broadcast starts later.", _NOTHING),
    "hold": (
        "The start is held back for some seconds, so that it can be undone.",
        "Undo it, or wait: it starts by itself.",
    ),
    "preparing": ("The audience is being read, and no message is ready yet.", _NOTHING),
    "broadcast_paused": ("The broadcast is paused.", "Read why, correct the cause, then resume the broadcast."),
    "messages_paused": (
        "All messages that are left were paused one by one or with their batch.",
        "Resume their batch, or each of them.",
    ),
    "batch_interval": ("The next batch is not released yet.", _NOTHING),
    "broadcast_rate": ("The broadcast is sent as fast as its own rate allows.", _NOTHING),
    "higher_priority": ("The connection sends a broadcast of a higher priority first.", _NOTHING),
    "retry": ("The next attempt is later.", "Wait, or read why the attempt before did not succeed."),
    "recipient_gap": ("The last message to the same person is too recent.", "Wait: the message goes out by itself."),
    "new_contacts": (
        "WhatsApp lets this account message only people it has messaged before, for a time.",
        "Wait until WhatsApp allows it. Send less to people who do not know the number.",
    ),
    "number_check": (
        "The number was not found on WhatsApp and is checked a second time.",
        "Wait: the second check decides.",
    ),
    "sending": ("All messages that may start have started; the provider has not answered yet.", _NOTHING),
    "send_window": ("It is outside the hours in which messages may be sent.", "Wait, or change the send window."),
    "connection_paused": ("The connection is paused.", "Read why, repair the account, then resume the connection."),
    "quota": ("A quota of the connection is used up.", "Wait until it is free again, or add a connection to the pool."),
    "warm_up": (
        "The number is new, and its limit for today is used up.",
        "Wait until tomorrow: the limit grows each day and protects the number.",
    ),
    "cool_down": ("The provider asked for a pause.", "Wait: sending goes on by itself."),
    "rate": ("The connection sends as fast as its rate allows.", _NOTHING),
    "adaptive": (
        "The connection sends more slowly than its rate, because the provider throttled it.",
        "Wait: it recovers by itself. If it happens often, set a lower rate.",
    ),
    "no_worker": (
        "No worker is alive, so no message is sent.",
        "Start one with `wabroadcast worker` or `wabroadcast serve`.",
    ),
    "redis": (
        "Redis cannot be used, so no message is sent.",
        "Read the reason and the log, and start or repair Redis.",
    ),
    "store": (
        "The database takes no writes, so no message is sent.",
        "Read the reason and the log, and repair the database.",
    ),
    "starting": ("Nothing prevents the send: a worker begins it next.", _NOTHING),
}

PROBLEMS: Final[Texts] = {
    "error": ("The call failed.", "Read the details."),
    "invalid_input": (
        "The request has a field or parameter that is not valid.",
        "Correct the fields that `errors` names and send the request again.",
    ),
    "invalid_template": ("The text of the message is not a valid template.", "Correct the line that the details name."),
    "invalid_file": (
        "The file cannot be read as an audience or as contacts.",
        "Correct the row or column that the details name, or choose another file.",
    ),
    "not_found": ("The object that the call names does not exist.", "Check the id or the name."),
    "conflict": ("The present state does not allow the call.", "Read the present status, and do what the details say."),
    "idempotency_key_used": (
        "The `Idempotency-Key` belongs to an earlier call with another body.",
        "Send a new body with a new key. The same key with the same body returns the first broadcast.",
    ),
    "version_conflict": (
        "The object was changed by another call since it was read.",
        "Compare both versions in the answer, then send the change again with the present version.",
    ),
    "precondition_required": (
        "The call would overwrite the object without naming the version that it was made from.",
        "Send the header `If-Match` with the `ETag` of the object as it was read.",
    ),
    "audience_unreadable": (
        "The audience could not be read to its end.",
        "Correct the file or the query, then submit the broadcast again.",
    ),
    "webhook_refused": (
        "A webhook call did not have the provider's signature or token.",
        "Check that the secret at the provider and in the connection's settings are the same.",
    ),
    "plugin": (
        "A plugin is missing, failed, or does not fit another one.",
        "Read the details and the log, then repair or block the plugin.",
    ),
    "setup": ("The installation cannot start as it is configured.", "Change the setting that the details name."),
    "busy": (
        "As many calls of this kind are running as may run at once.",
        "Try again after the seconds of Retry-After.",
    ),
    "too_many_requests": (
        "Too many wrong API keys came from this address.",
        "Correct the key, wait for the seconds of Retry-After, and try again.",
    ),
    "unavailable": (
        "The database or Redis cannot be reached.",
        "Try again in a few seconds; if this lasts, read the server's log.",
    ),
    "worker_fault": (
        "A worker process takes no more work.",
        "It is started again by itself; read its log if this happens often.",
    ),
    "unauthorized": ("The API key is missing or unknown.", "Send the header `Authorization: Bearer` with a valid key."),
    "forbidden": ("The call is not allowed.", "Use a key that may do this."),
    "missing_scope": (
        "The API key does not allow this call.",
        "Use a key that has the scope which the answer names, or ask an administrator for one.",
    ),
    "csrf": (
        "The request of a session is not known to come from one of our own pages.",
        "Load the page again, then repeat what you did.",
    ),
    "method_not_allowed": (
        "The address does not take this HTTP method.",
        "Use one of the methods in the header `Allow`.",
    ),
    "too_large": (
        "The body of the request is larger than the limit.",
        "Send less at once, or upload the file with `POST /uploads`.",
    ),
    "unsupported_media_type": (
        "The body is not of a type that the call takes.",
        "Send JSON with `Content-Type: application/json`.",
    ),
    "internal": ("The server has a fault of its own.", "Read the server's log, and report the fault."),
}

UNKNOWN_CODE: Final = (
    "The provider gave a code that is not in the catalogue.",
    "Read the provider's words in the details, and look the code up in the provider's documentation.",
)

CORE: Final[Texts] = {**SKIPPED, **MESSAGES, **TRANSPORT, **WAITING, **PROBLEMS}
