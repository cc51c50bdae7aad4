"""Connections as pages show them: what is used of their limits, why they are slow, and what waits for them."""

from dataclasses import dataclass

from host_litestar.dashboard.causes import say_cause
from host_litestar.dashboard.limit_forms import say_period
from host_litestar.dashboard.view import View
from wabroadcast_core.models.connection import ConnectionView

ACCOUNT_SETTINGS = ("phoneNumberId", "instance", "session", "deviceId", "baseUrl")  # the first that is set is shown


@dataclass(frozen=True, slots=True)
class Use:
    """The use of one limit in words."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class ConnectionCard:
    """A connection with what is said of it.

    :param account: what identifies its account, and is no secret.
    :param cause: why its messages wait or leave slowly; empty if there is no such cause.
    :param waiting: messages of running broadcasts.
    """

    view: ConnectionView
    kind: str
    account: str
    cause: str
    waiting: int
    uses: list[Use]


def card_of(view: View, connection: ConnectionView, *, waiting: int) -> ConnectionCard:
    """Return a connection as pages show it."""
    return ConnectionCard(
        view=connection,
        kind=kind_name(view, connection.sender),
        account=account_of(connection),
        cause=say_cause(view, connection.waiting_for),
        waiting=waiting,
        uses=[*_uses(view, connection), *_slowness(view, connection)],
    )


def account_of(connection: ConnectionView) -> str:
    """Return what identifies the account of a connection, from its settings without secrets."""
    given = (connection.settings.get(name) for name in ACCOUNT_SETTINGS)
    return next((str(value) for value in given if value), "")


def kind_name(view: View, kind: str) -> str:
    """Return the name of a kind of sender; of a plugin that the catalogue does not know, the kind itself."""
    key = f"kind.{kind}"
    return view.t(key) if key in view.t else kind


def _uses(view: View, connection: ConnectionView) -> list[Use]:
    t, use = view.t, connection.use
    quotas = [
        Use(
            t("connections.quota", per=say_period(view, one.per_seconds)), t("connections.of", n=one.used, of=one.limit)
        )
        for one in use.quotas
    ]
    today = Use(t("connections.today"), t("connections.today_of", n=use.today))
    if use.rate is None:
        rate = Use(t("connections.rate"), t("connections.no_rate"))
    else:
        per = say_period(view, use.rate.per_seconds)
        rate = Use(t("connections.rate"), t("connections.rate_of", n=use.rate.used, of=use.rate.limit, per=per))
    return [today, *quotas, rate]


def _slowness(view: View, connection: ConnectionView) -> list[Use]:
    """Return what makes a connection slower than its rate: the warm-up, the provider's throttling, a cool-down."""
    t, use = view.t, connection.use
    found: list[Use] = []
    if (warm_up := use.warm_up) is not None:
        text = t("connections.warm_up_of", day=warm_up.day, n=warm_up.used, of=warm_up.limit)
        found.append(Use(t("connections.warm_up"), text))
    if use.factor is not None and use.factor < 1:
        found.append(Use(t("connections.factor"), t("connections.factor_of", factor=view.fmt.percent(use.factor, 1))))
    if use.cool_down_until is not None:
        found.append(
            Use(t("connections.cool_down"), t("connections.until", until=view.fmt.moment(use.cool_down_until)))
        )
    return found
