"""The settings of one installation. Each can be set by an environment variable, ``WABROADCAST_<NAME>``."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias, TypeVar

from pydantic import BeforeValidator, Field, HttpUrl, IPvAnyNetwork, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from wabroadcast_core.models.base import TimeZone
from wabroadcast_core.models.callback import CallbackEvent, parse_secret
from wabroadcast_core.provider_addresses import ProviderAddresses

MEGABYTE = 1024 * 1024
STOP_WORDS = (
    # English, with the texts of WhatsApp's own buttons
    "stop",
    "stop all",
    "stopall",
    "stop promo",
    "stop promos",
    "stop promotion",
    "stop promotions",
    "stop marketing",
    "stop marketing messages",
    "stop offers",
    "stop ads",
    "stop message",
    "stop messages",
    "stop messaging me",
    "stop sending",
    "stop sending me messages",
    "please stop",
    "stop please",
    "unsubscribe",
    "unsubscribe me",
    "unsubscribe all",
    "unsubscribe from all",
    "unsubscribe from promotions",
    "unsub",
    "opt out",
    "optout",
    "opt me out",
    "opt out all",
    "opt out of all",
    "opt out from all",
    "opt out of promotions",
    "remove me",
    "remove my number",
    "do not contact me",
    "no more messages",
    # Indonesian; UNREG is what people know from SMS
    "unreg",
    "unreg all",
    "unreg semua",
    "unreg promo",
    "unreg promosi",
    "stop semua",
    "stop promosi",
    "stop iklan",
    "stop pesan",
    "stop pesan promosi",
    "stop broadcast",
    "stop kirim",
    "stop kirim pesan",
    "stop kirim promo",
    "stop kirim promosi",
    "stop langganan",
    "stop berlangganan",
    "tolong stop",
    "berhenti",
    "berhenti promo",
    "berhenti promosi",
    "berhenti dari semua",
    "berhenti langganan",
    "berhenti langganan semua",
    "berhenti berlangganan",
    "berhenti berlangganan semua",
    "berhenti berlangganan dari semua",
    "berhenti kirim pesan",
    "berhenti mengirim pesan",
    "tolong berhenti",
    "batal langganan",
    "batal berlangganan",
    "batalkan langganan",
    "hentikan",
    "hentikan semua",
    "hentikan promo",
    "hentikan promosi",
    "hentikan iklan",
    "hentikan pesan",
    "hentikan langganan",
    "tolong hentikan",
    "jangan kirim lagi",
    "jangan kirim pesan lagi",
    "jangan kirim promo lagi",
    "jangan kirim promosi lagi",
    "jangan hubungi saya",
    "jangan hubungi saya lagi",
    "hapus nomor saya",
)
START_WORDS = ("start", "unstop", "subscribe", "opt in", "mulai", "mulai lagi", "langganan", "berlangganan")

Item = TypeVar("Item")
AnySettings = TypeVar("AnySettings", bound=BaseSettings)


def _split_commas(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Listed: TypeAlias = Annotated[list[Item], NoDecode, BeforeValidator(_split_commas)]
"""A list that is comma-separated in the environment."""


def _with_fields_in_help(settings: type[AnySettings]) -> type[AnySettings]:
    """Add the descriptions of the fields to the docstring of a class, where ``help`` shows them."""
    fields = (f":param {name}: {field.description}" for name, field in settings.model_fields.items())
    settings.__doc__ = "\n".join([f"{settings.__doc__}\n", *fields])
    return settings


@_with_fields_in_help
class Settings(BaseSettings):
    """The settings of one installation. Durations are in seconds."""

    model_config = SettingsConfigDict(
        env_prefix="WABROADCAST_",
        extra="forbid",
        env_ignore_empty=True,
        hide_input_in_errors=True,  # a value that is not valid may be a secret
    )

    # places
    data_dir: Path = Field(default=Path("wabroadcast-data"), description="Directory of the embedded Valkey and SQLite.")
    database_url: SecretStr | None = Field(
        default=None, description="SQLAlchemy URL of the database; SQLite in the data directory if not set."
    )
    database_schema: str | None = Field(
        default=None,
        pattern=r"^[a-z_][a-z0-9_]{0,62}$",
        description="PostgreSQL schema of the tables; created if needed. By default that of the database user.",
    )
    migrate: bool = Field(
        default=True, description="Whether each start migrates the tables; otherwise `wabroadcast migrate` does."
    )
    redis_url: SecretStr | None = Field(
        default=None, description="URL of Redis or Valkey; an embedded Valkey is started if not set."
    )
    namespace: str = Field(default="wabroadcast", pattern=r"^[A-Za-z0-9_-]+$", description="Prefix of every Redis key.")
    secret_key: SecretStr | None = Field(
        default=None,
        description="Key that encrypts secrets; generated in the data directory if not set; `new,old` to change it.",
    )

    # the HTTP server
    host: str = Field(default="127.0.0.1", description="Address that `serve` listens on.")
    port: int = Field(default=3004, ge=0, le=65535, description="Port that `serve` listens on.")
    api_keys: Listed[SecretStr] = Field(
        default_factory=list,
        description="Keys with all scopes, comma-separated; 16 characters for other machines. See `wabroadcast keys`.",
    )
    log_format: Literal["text", "json"] = Field(
        default="text",
        description="Form of the log on standard error: lines of `text`, or of `json` for a log collector.",
    )
    metrics_access: Literal["key", "public"] = Field(
        default="key", description="Who may read `/metrics`: callers with a key, or `public`: every caller."
    )
    metrics_key: SecretStr | None = Field(
        default=None,
        description="Key that opens only `/metrics`, for a Prometheus that shall not have a key of the API.",
    )
    max_body_bytes: int = Field(
        default=256 * MEGABYTE, gt=0, description="Largest request body in bytes; a larger one is answered with 413."
    )
    max_connections: int = Field(
        default=2_000,
        ge=16,
        description="Most open connections; one more closes the one that has waited longest for its client.",
    )
    head_seconds: float = Field(
        default=15, gt=0, description="Longest time in which a client sends the head of a request."
    )
    body_seconds: float = Field(
        default=20,
        gt=0,
        description="Time in which at least 4 KiB of a request's body come; then it is answered with 408.",
    )
    max_webhook_bytes: int = Field(
        default=4 * MEGABYTE, gt=0, description="Largest body of a webhook call in bytes; Meta's have up to 3 MB."
    )

    # providers
    provider_networks: Listed[IPvAnyNetwork] = Field(
        default_factory=list,
        description="The only networks that requests to providers go to, such as `10.1.0.0/16`, comma-separated; if not"
        " set, all but link-local ones.",
    )

    # callbacks
    callback_url: HttpUrl | None = Field(
        default=None,
        description="Where callbacks of broadcasts go that name no `callbackUrl`; they make none if not set.",
    )
    callback_secret: SecretStr | None = Field(
        default=None,
        description="Secret that signs callbacks, `whsec_` and base64; `new,old` signs with both, to change it.",
    )
    callback_events: Listed[CallbackEvent] = Field(
        default=[CallbackEvent.BROADCAST_CHANGED],
        description="What callbacks report, comma-separated: `broadcast.changed`, `message.results`.",
    )
    callback_networks: Listed[IPvAnyNetwork] = Field(
        default_factory=list,
        description="Networks that callbacks may go to beside the public internet, such as `10.1.0.0/16`,"
        " comma-separated.",
    )
    callback_seconds: float = Field(default=15, gt=0, le=60, description="Longest time in which a receiver answers.")
    keep_callbacks_days: float = Field(
        default=30, ge=0, description="Days that callbacks are kept after they were delivered or given up."
    )

    # the dashboard
    undo_seconds: int | None = Field(
        default=None,
        ge=0,
        le=120,
        description="Seconds for which a broadcast sent from a page can be undone: 10, and 30 from 1,000 people, if not"
        " set.",
    )

    # the audience
    default_region: str = Field(
        default="ID", pattern=r"^[A-Z]{2}$", description="Region of numbers without a country code."
    )
    timezone: TimeZone = Field(
        default="Asia/Jakarta",
        description="Time zone of send windows and of `send --at` where none is named, and of a day's count.",
    )
    keep_files_days: float = Field(
        default=7,
        ge=0,
        description="Days that uploads are kept after the last broadcast or import that needs them, and rejected rows"
        " of imports.",
    )
    prepare_chunk: int = Field(default=5_000, ge=1, le=50_000, description="Recipients stored in one transaction.")
    queries: Path | None = Field(
        default=None, description="TOML file of the queries that the source `database` may run."
    )
    workbook_seconds: float = Field(
        default=120, gt=0, description="Longest time that opening one workbook may take, with the wait for others."
    )
    workbook_megabytes: int = Field(
        default=512, gt=0, description="Most memory that reading one workbook may take; a process reads two at once."
    )

    # the workers
    workers: int = Field(default=1, ge=0, description="Worker processes that `serve` starts.")
    threads: int = Field(default=4, ge=1, description="Huey threads in a worker process.")
    turns: int = Field(default=512, ge=1, description="Most turns that one worker process runs at once.")
    turn_seconds: float = Field(
        default=3, gt=0, description="Length of a turn before its connection goes back to the queue."
    )
    claim_size: int = Field(default=1_000, ge=1, le=5_000, description="Most messages claimed at once.")
    in_flight: int = Field(default=4_096, ge=1, description="Most requests in flight on one connection in one process.")
    heartbeat_seconds: float = Field(default=2, gt=0, description="Interval at which a worker renews its lease.")
    lease_seconds: float = Field(
        default=10, gt=0, description="Time without a renewal after which a worker counts as dead."
    )
    recover_seconds: float = Field(default=30, gt=0, description="Interval at which lost work is searched for.")
    send_seconds: float = Field(
        default=120, gt=0, description="Longest time that one send may take; after it the outcome counts as unknown."
    )
    resend_seconds: float = Field(
        default=600,
        ge=0,
        description="Time before an unknown message is sent again, where its broadcast has `onUnknown: resend`.",
    )
    loop_warn_seconds: float = Field(
        default=2,
        gt=0,
        description="Time after which a plugin that holds the event loop of a worker is named in the log.",
    )
    loop_restart_seconds: float = Field(
        default=30, gt=0, description="Time after which a worker whose event loop is held ends and is started again."
    )
    stop_seconds: float = Field(
        default=20, gt=0, description="Longest time that a stopping worker waits for its requests in flight."
    )

    # messages from people
    stop_words: Listed[str] = Field(
        default=list(STOP_WORDS), description="A person who writes exactly one of these is opted out."
    )
    start_words: Listed[str] = Field(
        default=list(START_WORDS), description="A person who writes exactly one of these is opted in again."
    )
    stop_reply: str | None = Field(default=None, max_length=4_096, description="Reply to a person who opts out.")
    start_reply: str | None = Field(default=None, max_length=4_096, description="Reply to a person who opts in again.")

    # plugins
    blocked_plugins: Listed[str] = Field(
        default_factory=list, description="Names of plugins that must not run, comma-separated."
    )
    required_plugins: Listed[str] = Field(
        default_factory=list,
        description="Names of plugins without which nothing is sent, comma-separated.",
    )
    plugins_strict: bool = Field(
        default=False, description="Whether a plugin that cannot be used keeps everything from starting."
    )
    plugin_load_seconds: float = Field(
        default=30,
        gt=0,
        description="Longest time that the import of a plugin may take, and each other step of its start.",
    )
    plugin_seconds: float = Field(
        default=10,
        gt=0,
        description="Longest time that a call of a plugin's hook may take, except for `wab_before_send`.",
    )
    source_seconds: float = Field(
        default=300, gt=0, description="Longest time that a contact source may take for its next row."
    )

    @field_validator("callback_url")
    @classmethod
    def _check_address(cls, url: HttpUrl | None) -> HttpUrl | None:
        if url is not None and (url.username or url.password):
            raise ValueError("the address has a user or a password: leave them out, and verify the signature")
        return url

    @field_validator("callback_secret")
    @classmethod
    def _check_secrets(cls, secrets: SecretStr | None) -> SecretStr | None:
        for secret in [] if secrets is None else secrets.get_secret_value().split(","):
            parse_secret(secret.strip())
        return secrets

    @property
    def callback_secrets(self) -> list[bytes]:
        """The secrets that sign callbacks, the newest first; empty if none is set."""
        given = "" if self.callback_secret is None else self.callback_secret.get_secret_value()
        return [parse_secret(secret.strip()) for secret in given.split(",") if secret]

    @property
    def provider_addresses(self) -> ProviderAddresses:
        """Where requests to providers may go."""
        return ProviderAddresses([*self.provider_networks])

    @property
    def sqlite_path(self) -> Path:
        """Where the SQLite database is, if no database URL is set."""
        return self.data_dir / "wabroadcast.db"
