"""The sentences of the core in English, by their codes. Other languages have the same codes and places."""

from functools import partial
from typing import Final

from wabroadcast_core.sentences import make_sentence

ACTS: Final = {
    "messages": "{n} messages",
    "messages.one": "{n} message",
    "import": "import {import_id}",
    "renamed": "to {name}",
    "tagged": "{n} contacts; added {added}",
    "tagged.one": "{n} contact; added {added}",
    "untagged": "{n} contacts; removed {removed}",
    "untagged.one": "{n} contact; removed {removed}",
    "retagged": "{n} contacts; added {added}; removed {removed}",
    "retagged.one": "{n} contact; added {added}; removed {removed}",
    "scopes": "{scopes}",
    "copied": "copy of broadcast {job_id}",
    "changed": "{fields}",
    "retried": "{n} {status}",
    "retried_with": "{n} {status} with {reason}",
    "batch": "batch {batch}",
    "message": "message {position}",
    "undo_late": "too late: {n} messages had left, {claimed} under way",
    "undo_late.one": "too late: {n} message had left, {claimed} under way",
    "undone": "undone before any message had left: it is a draft again",
}

PAUSES: Final = {
    "failure": "{reason}: {detail}",
    "failures_alike": "circuit breaker: too many messages fail alike ({reason})",
    "answers_lost": "circuit breaker: too many messages end without a certain answer ({reason})",
    "provider_lost": "{n} sends in a row ended without a certain answer (the last: {reason}): check that the provider "
    "works, then resume the connection; a retry of the unknown messages sends them again",
}

SENDS: Final = {
    "rehearsal_not_simulated": "connection '{connection}' has a sender that reaches real phones: rehearse again",
    "wrong_answer": "its sender answered with {type}",
    "changed_by_plugin": "{error}, after plugin {plugins} changed the message",
    "provider_unreachable": "the provider cannot be reached: {cause}",
    "answer_missing": "the request left, but no answer came: {error}",
    "url_invalid": "the URL is not valid ({error}): correct the connection's settings",
    "half_character_sent": "the message contains half a character: correct its text or the recipient's data",
    "upload_missing": "no upload {upload_id}: upload the file and use its new id",
    "store_unreachable": "the store cannot be reached",
    "media_not_public": "the media URL is not a public http or https address: use a public one, or upload the file",
    "media_unreachable": "the media URL cannot be fetched: {cause}",
    "media_answer": "the media URL answered HTTP {status}",
    "media_refused": "the media URL answered HTTP {status}: check that anyone can download the file from it",
    "media_too_large": "the file is larger than {megabytes} MB, which no provider accepts: use a smaller file",
    "settings_invalid": "settings of the sender {sender} are not valid ({fields}): correct and save the connection",
    "sender_not_created": "the sender plugin {sender} failed when it was created: {error}",
    "text_erased": "the person was erased, and the values with which the text was made",
}

NETWORK: Final = {
    "net_refused": "the connection was refused: nothing listens at this address and port",
    "net_no_route_to_host": "the host cannot be reached: no route leads to it",
    "net_no_route": "the network cannot be reached: this machine has no route to it",
    "net_down": "the network of this machine is down",
    "net_reset": "the connection was reset",
    "net_no_port": "this machine has no free local port left",
    "net_files_of_process": "this process has too many files open",
    "net_files_of_machine": "this machine has too many files open",
    "net_firewall": "this machine does not allow the connection (firewall)",
    "net_name_servers": "the name of the host cannot be looked up now: check the name servers of this machine",
    "net_no_tls": "the host speaks no TLS that this machine accepts: check https and the port",
    "net_proxy": "the proxy refuses the connection",
    "net_pool": "too many requests wait for a connection",
    "net_incomplete": "the connection ended before the whole request was sent",
    "net_no_host": "there is no host of this name: check the address for a mistyped name",
    "net_certificate": "the certificate of the host is not valid ({cause})",
    "net_silent": "no answer to the attempt to connect: the host is away, or a firewall drops what is sent to it",
}

CONNECTIONS: Final = {
    "test_silent": "the provider has not answered within {seconds} s: see whether its address answers at all",
    "test_blocked": "the sender plugin {sender} blocks its event loop and has not returned within {seconds} s",
    "test_exited": "the sender plugin {sender} tried to end the process: {error}",
    "test_failed": "the sender plugin {sender} failed: {error}",
    "test_impossible": "the sender {sender} cannot report the state of its account: send a message to test it",
    "test_reported": "the provider reports {state}",
}

PLUGINS: Final = {
    "repair_plugin": "{repair}, or block it with WABROADCAST_BLOCKED_PLUGINS={plugin}",
    "repair_plugin_to_send": "nothing is sent until then: {repair}, or block it with "
    "WABROADCAST_BLOCKED_PLUGINS={plugin}",
    "repair_and_restart": "repair the plugin and restart",
    "uninstall_one": "uninstall one of the two (pip uninstall {other}, or pip uninstall {own}) and restart",
}

CALLBACKS: Final = {
    "receiver_gone": "HTTP 410: the receiver wants no more callbacks of this broadcast",
    "receiver_redirects": "HTTP {status}: redirects are not followed, set the address that it leads to",
    "receiver_not_public": "the address is not of the public internet: allow its network with "
    "WABROADCAST_CALLBACK_NETWORKS",
    "receiver_address_invalid": "the address is not valid: correct callbackUrl or WABROADCAST_CALLBACK_URL",
    "receiver_unreachable": "the receiver cannot be reached: {cause}",
    "receiver_slow": "the receiver did not answer within {seconds} s: let it answer first and work afterwards",
    "receiver_silent": "the receiver did not answer: {error}",
    "receiver_trusts_all": "a call with a wrong signature was taken: refuse calls whose webhook-signature is not "
    "right, with 401",
}

REDIS: Final = {
    "redis_oom": "Redis refuses writes, because its memory limit is reached: raise its maxmemory, or free memory in it",
    "redis_readonly": "Redis is a read-only replica: set WABROADCAST_REDIS_URL to the primary, or make this one the "
    "primary",
    "redis_misconf": "Redis refuses writes, because it cannot save its data: free space on its disk, and see its log",
    "redis_loading": "Redis is loading its data: it answers when that is done",
    "redis_noreplicas": "Redis refuses writes, because it has too few replicas: start them, or lower "
    "min-replicas-to-write",
    "redis_masterdown": "Redis is a replica without its primary: set WABROADCAST_REDIS_URL to the primary",
    "redis_clusterdown": "the Redis cluster is down: see its log",
    "redis_cluster": "Redis is part of a cluster: set WABROADCAST_REDIS_URL to a Redis without cluster mode",
    "redis_busy": "Redis is busy with a script: wait for its end, or end it with SCRIPT KILL",
    "redis_noauth": "Redis requires a password: add it to WABROADCAST_REDIS_URL, as in redis://:password@host",
    "redis_wrongpass": "Redis refuses the user or the password: correct them in WABROADCAST_REDIS_URL",
    "redis_noperm": "the user of Redis lacks a permission: grant it all commands, and the keys and channels that begin "
    "with the namespace or with huey",
    "redis_silent": "Redis does not answer in time: check that it runs and that the network reaches it",
    "redis_unreachable": "Redis cannot be reached: start it, or correct WABROADCAST_REDIS_URL",
    "redis_refuses": "Redis refuses a call ({word}): see its log",
    "redis_of_another_store": "Redis and the store do not belong together: see the log",
}

STORE: Final = {
    "store_unusable": "the store cannot be used, {cause}",
    "store_away": "the store cannot be reached: see the log",
    "store_disk_full": "its disk is full: free space on it",
    "store_damaged": "its file is damaged: stop all processes and restore a backup, or save what can be read with "
    "`sqlite3 wabroadcast.db .recover | sqlite3 recovered.db`",
    "store_readonly": "its file cannot be written: grant this user write permission on it and its directory",
    "store_not_opened": "its file cannot be opened: grant this user permission on it and its directory",
    "store_disk_fails": "a read or a write of its disk failed: check the disk and the free space on it",
    "store_locked": "another process has locked it: end that process; or perhaps an open transaction of this program "
    "has: pass its connection as conn, or commit first",
    "store_standby": "it takes no writes, as a standby does: set WABROADCAST_DATABASE_URL to the primary server",
    "store_no_memory": "its server is out of memory: see the log of the server",
    "store_connections": "its server has too many connections: raise max_connections, or start fewer processes",
    "store_starting": "its server is starting or stopping: wait",
    "store_password": "its server refuses the user or the password: correct WABROADCAST_DATABASE_URL",
    "store_user": "its server refuses the user: correct WABROADCAST_DATABASE_URL, or allow the user in pg_hba.conf",
    "store_missing": "its database does not exist: create it, or correct WABROADCAST_DATABASE_URL",
    "store_permission": "its user lacks a permission: grant the user all rights on the tables",
    "store_data_damaged": "its data is damaged: see the log of the server, and restore a backup",
    "store_index_damaged": "an index is damaged: run REINDEX DATABASE on its server",
}

CORE: Final = {**ACTS, **PAUSES, **SENDS, **NETWORK, **CONNECTIONS, **PLUGINS, **CALLBACKS, **REDIS, **STORE}

say: Final = partial(make_sentence, CORE)
"""Return a sentence of the core by its code."""
