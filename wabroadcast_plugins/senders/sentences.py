"""The sentences of the built-in senders in English, by their codes: what they say beside the provider's own words."""

from functools import partial
from typing import Final

from wabroadcast_core import make_sentence

SHARED: Final = {
    "refused_new_contacts": "WhatsApp refuses messages of this account to new contacts for now (reach-out timelock)",
    "refused_more_contacts": "this account has reached WhatsApp's limit of new contacts for now (message capping)",
    "refused_pace": "WhatsApp requires the gateway to slow down",
    "refused_with_code": "WhatsApp answered the gateway with error {number}",
    "not_accepted": "WhatsApp did not accept the message",
    "number_not_on_whatsapp": "the number is not on WhatsApp",
    "credentials_refused": "the credentials are refused ({detail}): correct them in the connection's settings",
    "gateway_missing": "there is no gateway at this address: check baseUrl",
    "request_too_large": "the gateway refuses a request of this size: send a smaller file",
    "type_not_sent": "this connection cannot send {type} messages: use another type",
    "audio_caption": "WhatsApp shows no caption with audio: remove the text",
    "file_type": "the file is {found}: send the {type} as {types}",
    "file_over_limit": "the {type} is too large: send a file of up to {size}",
    "file_not_fetched": "{name} cannot fetch the file from its address: check the link",
    "no_message_id": "the answer has no message id: {detail}",
    "answer_of_another_form": "the answer is not in the form of {name}: {detail}",
    "state_of_device": "the device's state at {name} is {state}: connect it at {name}, for example with its QR code",
    "with_code": "{code}: {advice}",
    "with_advice": "{detail}: {advice}",
}

CLOUD: Final = {
    "cloud_type": "the Cloud API cannot send {type} messages: use another type",
    "cloud_no_text": "the message has no text: write one",
    "cloud_no_file": "the message has no file: give a link or an upload",
    "cloud_no_template": "the template has no name or no language: give both",
    "cloud_link": "the link is not a valid address: correct it",
    "cloud_file_too_large": "the {type} is too large: Meta accepts up to {megabytes} MB",
    "cloud_file_type": "the file is {found}: Meta accepts {type} messages with {types}",
    "cloud_no_phone_number": "the answer does not describe a phone number: check phoneNumberId and baseUrl ({detail})",
    "cloud_no_media_id": "the answer has no media id: {detail}",
    "cloud_cannot_send": "Meta reports that the account cannot send: look it up in WhatsApp Manager",
    "cloud_number_down": "{summary}: look the phone number up in WhatsApp Manager",
    "cloud_no_reason": "Meta gave no reason",
}

HTTP: Final = {
    "http_no_body": "send has no body for {type} messages: add one to the connection's settings",
    "http_no_caption": "send does not use the caption of {type} messages: use media.caption in its body",
    "http_needs_link": "send uses media.url, but the message has an upload: give a link, or use media.file in send",
    "http_no_provider_id": "the answer has no id at the path of providerId: {detail}",
    "http_no_success": "the answer does not meet send.success: {detail}",
    "http_no_find_message": "the settings of this connection have no findMessage",
    "http_not_found_out": "the answer has no message and does not meet findMessage.missing: {detail}",
    "http_no_check": "checkConnection is not set: add it to the settings to test this connection",
    "http_not_up": "the answer does not meet checkConnection.up: {detail}",
}

SANDBOX: Final = {
    "sandbox_ready": "the sandbox is ready; it sends nothing to real numbers",
    "simulated": "{event}: simulated by the sandbox, as for every message to its test number ending in {ending}",
    "sandbox_first_fails": "a first attempt fails",
    "sandbox_all_fail": "every attempt fails",
    "sandbox_rejects": "the number is rejected",
    "sandbox_opts_out": "the recipient has opted out",
    "sandbox_refuses": "the message is refused for all recipients",
    "sandbox_throttles": "too many messages",
    "sandbox_throttles_recipient": "too many messages to this recipient",
    "sandbox_logged_out": "the account was logged out",
    "sandbox_no_answer": "no answer came",
    "sandbox_late_answer": "no answer came, but a receipt follows",
    "sandbox_has_bug": "the plugin fails",
    "sandbox_not_delivered": "the message was not delivered",
}

GATEWAYS: Final = {
    "evolution_connecting": "the instance is connecting to WhatsApp: test again in a few seconds, or scan its QR code",
    "evolution_close": "the instance is not connected to WhatsApp: connect it in Evolution by scanning its QR code",
    "evolution_state": "the state of the instance is {state}: look it up in Evolution",
    "evolution_link_lost": "the instance lost its link to WhatsApp, its state is {state}",
    "evolution_check_instance": "check instance and baseUrl",
    "evolution_not_loaded": "the server has not started this instance: restart the instance in Evolution",
    "fonnte_invalid": "Fonnte reports that the number is invalid",
    "fonnte_expired": "Fonnte dropped the message: its device was disconnected for too long",
    "fonnte_failed": "Fonnte could not send the message",
    "gowa_log_in": "log the device in at the gateway",
    "gowa_set_device": "set deviceId to a device of the gateway",
    "gowa_not_logged_in": "the device is not logged in to WhatsApp: log it in at the gateway",
    "gowa_not_connected": "the device is not connected to WhatsApp: reconnect it at the gateway",
    "gowa_no_link": "the device is not logged in or not connected to WhatsApp: log it in at the gateway",
    "gowa_no_ffmpeg": "the gateway needs ffmpeg for this type: install ffmpeg there",
    "gowa_file": "the gateway could not fetch, prepare or upload the file",
    "wablas_no_address": "Wablas accepted the file, but its answer has no address",
    "wablas_status": "Wablas reports the status {word}",
    "waha_starting": "the session is starting: test again in a few seconds",
    "waha_stopped": "the session is stopped: start it in WAHA",
    "waha_failed": "the session has failed: restart it in WAHA",
    "waha_scan_qr_code": "the session is not logged in to WhatsApp: scan its QR code in WAHA",
    "waha_passkey_required": "the session waits for a passkey: complete its login in WAHA",
    "waha_passkey_confirmation_required": "the session waits for the confirmation of a passkey: complete its login in "
    "WAHA",
    "waha_state": "the state of the session is {state}: look it up in WAHA",
    "waha_connecting": "the session is connecting to WhatsApp",
    "waha_no_session": "{detail}: check session",
    "waha_no_server": "{detail}: check session and baseUrl",
    "waha_not_found": "the server does not find this message, but it may not store messages at all",
    "waha_other_message": "the server returned another message than the requested one",
    "wuzapi_not_logged_in": "the account is not logged in to WhatsApp: scan its QR code in WuzAPI",
    "wuzapi_not_connected": "the account is not connected to WhatsApp: connect it in WuzAPI",
    "wuzapi_disconnected": "the account lost its link to WhatsApp: if this lasts, connect it in WuzAPI",
    "wuzapi_logged_out": "the account was logged out of WhatsApp: scan its QR code in WuzAPI",
    "wuzapi_connect_failure": "WhatsApp refuses to connect the account: read the log of WuzAPI",
    "wuzapi_client_outdated": "WhatsApp refuses this version of the gateway: update WuzAPI",
    "wuzapi_temporary_ban": "WhatsApp has banned the account for some time: wait until the ban ends",
    "wuzapi_connect": "connect the account in WuzAPI",
    "wuzapi_file": "the gateway could not upload the file to WhatsApp",
}

SENDERS: Final = {**SHARED, **CLOUD, **HTTP, **SANDBOX, **GATEWAYS}

say: Final = partial(make_sentence, SENDERS)
"""Return a sentence of a sender by its code."""
