"""Which connections send through the same account: together they would pass its limits.

The identity of an account may hold a secret. It is only compared, never shown.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from pydantic import ValidationError
from sqlalchemy import RowMapping

from wabroadcast_core.context import Context
from wabroadcast_core.errors import SetupError
from wabroadcast_core.plugin_faults import describe_fault
from wabroadcast_core.sentences import Sentence

log = logging.getLogger(__name__)

Account: TypeAlias = tuple[str, str]  # the kind of sender, and the identity that it gives


def account_of(context: Context, kind: str, settings: Mapping[str, Any]) -> Account | None:
    """Return the account of a connection's settings; None if its sender cannot identify it."""
    sender = context.plugins.senders.get(kind)
    identify = getattr(sender, "account_of", None)
    if sender is None or identify is None:
        return None
    try:
        identity = identify(sender.Settings.model_validate(settings))
    except ValidationError:
        return None  # settings of an earlier version: the connection says so itself
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a bug of a plugin prevents no save
        log.error("sender %s failed to identify an account: %s", kind, describe_fault(error))  # noqa: TRY400 - its text may hold anything
        return None
    return (kind, identity) if isinstance(identity, str) and identity else None


def names_by_account(context: Context, rows: Iterable[RowMapping]) -> dict[Account, list[str]]:
    """Return the names of connections by their account, without those whose account is not known.

    :param rows: of the table ``connections``.
    """
    names: dict[Account, list[str]] = defaultdict(list)
    for row in rows:
        try:
            account = account_of(context, row["sender"], context.vault.open(row["settings"]))
        except SetupError:  # another secret key sealed them
            continue
        if account is not None:
            names[account].append(row["name"])
    return names


def problem_of(name: str, sharing: Mapping[Account, Sequence[str]]) -> Sentence | None:
    """Return why a connection is a problem: others send through its account. None if none does."""
    others = [other for names in sharing.values() if name in names for other in names if other != name]
    if not others:
        return None
    text = "its account is also that of {names}: together they pass its limits; pause or delete all of them but one"
    return Sentence("account_shared", text, names=", ".join(map(repr, others)))
