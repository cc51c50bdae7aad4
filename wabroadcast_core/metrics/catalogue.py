"""All metrics: their names, labels and meanings. Names follow Prometheus' conventions.

No label grows with recipients or broadcasts. The label ``connection`` has the name of a connection; in the processes
and in Redis its value is the connection's id.
"""

from dataclasses import dataclass
from typing import Literal

CONNECTION = "connection"

SHORT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)  # seconds
LONG = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)


@dataclass(frozen=True, slots=True, eq=False)  # each is one object: compared by that, which is fast
class Metric:
    """One metric.

    :param buckets: of a histogram: the upper bounds, without infinity.
    """

    kind: Literal["counter", "gauge", "histogram"]
    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


# --- measured by the processes and added up in Redis -----------------------------------------------------------

MESSAGES = Metric(
    "counter",
    "wabroadcast_messages_total",
    "Outcomes of claimed messages that were stored, by the new status; queued: returned unsent.",
    (CONNECTION, "status"),
)
CLAIMED = Metric("counter", "wabroadcast_claimed_messages_total", "Messages claimed for sending.", (CONNECTION,))
SLOTS_GIVEN = Metric("counter", "wabroadcast_slots_given_total", "Slots that the limiter gave.", (CONNECTION,))
SLOTS_GIVEN_UP = Metric(
    "counter", "wabroadcast_slots_given_up_total", "Slots at which no message started.", (CONNECTION,)
)
SLOW_DOWNS = Metric(
    "counter",
    "wabroadcast_slow_downs_total",
    "Times that the limiter lowered the rate for a new period, because the provider throttled.",
    (CONNECTION,),
)
SEND_DURATION = Metric(
    "histogram",
    "wabroadcast_send_duration_seconds",
    "Time of each attempt to send, by how it ended: accepted, temporary, rejected, bad_message, throttled, "
    "connection_down, unknown or plugin_error.",
    (CONNECTION, "outcome"),
    LONG,
)
CLAIM_DURATION = Metric(
    "histogram", "wabroadcast_claim_duration_seconds", "Time that a claim takes, with its commit.", buckets=SHORT
)
COMMIT_DURATION = Metric(
    "histogram",
    "wabroadcast_commit_duration_seconds",
    "Time that a transaction of a worker takes, with its commit.",
    buckets=SHORT,
)
LOOP_LAG = Metric(
    "histogram",
    "wabroadcast_event_loop_lag_seconds",
    "How much later than due the timers of a worker's event loop run.",
    buckets=SHORT,
)
CALLBACKS = Metric(
    "counter", "wabroadcast_callback_tries_total", "Calls of callback receivers: delivered or failed.", ("outcome",)
)
REQUEST_DURATION = Metric(
    "histogram",
    "wabroadcast_http_request_duration_seconds",
    "Time from the first byte of a request to the end of its response.",
    ("method", "route", "status"),
    LONG,
)

MEASURED = (
    MESSAGES,
    CLAIMED,
    SLOTS_GIVEN,
    SLOTS_GIVEN_UP,
    SLOW_DOWNS,
    SEND_DURATION,
    CLAIM_DURATION,
    COMMIT_DURATION,
    LOOP_LAG,
    CALLBACKS,
    REQUEST_DURATION,
)

# --- read from the store and Redis when they are requested ------------------------------------------------------

UP = Metric("gauge", "wabroadcast_up", "Whether the store and Redis could be read.", ("part",))
WAITING = Metric(
    "gauge",
    "wabroadcast_waiting_messages",
    "Messages of running broadcasts that wait to be sent, due or not, by status: queued or retry. The messages of a "
    "pool count for each of its connections.",
    (CONNECTION, "status"),
)
OLDEST_DUE = Metric(
    "gauge",
    "wabroadcast_oldest_due_message_age_seconds",
    "How long the oldest due message has been due; 0 if none is. Send windows and pauses are not considered.",
    (CONNECTION,),
)
LAST_START = Metric(
    "gauge",
    "wabroadcast_last_send_timestamp_seconds",
    "When the connection last started a message, to ten seconds.",
    (CONNECTION,),
)
ACTIVE = Metric("gauge", "wabroadcast_connection_active", "1 if the connection may send, 0 if paused.", (CONNECTION,))
RATE_LIMIT = Metric(
    "gauge", "wabroadcast_rate_limit_messages_per_second", "The rate that a connection may use.", (CONNECTION,)
)
RATE_FACTOR = Metric(
    "gauge",
    "wabroadcast_rate_factor",
    "Part of its rate that the connection uses: below 1 after its provider throttled.",
    (CONNECTION,),
)
COOL_DOWN = Metric(
    "gauge",
    "wabroadcast_cool_down_seconds",
    "For how long the connection sends nothing, because its provider throttled; 0 if it sends.",
    (CONNECTION,),
)
BROADCASTS = Metric("gauge", "wabroadcast_broadcasts", "Broadcasts that have not ended.", ("status",))
SCHEDULE_LAG = Metric(
    "gauge",
    "wabroadcast_schedule_lag_seconds",
    "How long the broadcast that should have started first has been due; 0 if none is due.",
)
WEBHOOKS = Metric(
    "gauge",
    "wabroadcast_webhook_backlog_calls",
    "Webhook calls that are stored and not processed, at most 10,000.",
    (CONNECTION,),
)
WEBHOOK_AGE = Metric(
    "gauge", "wabroadcast_webhook_backlog_age_seconds", "Age of the oldest webhook call that is not processed."
)
CALLBACK_BACKLOG = Metric("gauge", "wabroadcast_callback_backlog_events", "Callback events that are not delivered yet.")
CALLBACK_AGE = Metric(
    "gauge", "wabroadcast_callback_backlog_age_seconds", "Age of the oldest callback event that is not delivered yet."
)
TASKS = Metric("gauge", "wabroadcast_queue_tasks", "Tasks in the queue: ready, or scheduled for later.", ("state",))
WORKERS = Metric("gauge", "wabroadcast_workers_alive", "Worker processes whose lease has not expired.")
CLOCK_OFFSET = Metric(
    "gauge",
    "wabroadcast_host_clock_offset_seconds",
    "By how much the clock of a host is ahead of Redis' clock.",
    ("host",),
)

READ = (
    UP,
    WAITING,
    OLDEST_DUE,
    LAST_START,
    ACTIVE,
    RATE_LIMIT,
    RATE_FACTOR,
    COOL_DOWN,
    BROADCASTS,
    SCHEDULE_LAG,
    WEBHOOKS,
    WEBHOOK_AGE,
    CALLBACK_BACKLOG,
    CALLBACK_AGE,
    TASKS,
    WORKERS,
    CLOCK_OFFSET,
)
