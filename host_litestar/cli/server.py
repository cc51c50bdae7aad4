"""``serve`` and ``worker``: start the processes that serve the API and send."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from wabroadcast_core.errors import SetupError

if TYPE_CHECKING:
    from pydantic import SecretStr

    from wabroadcast_core.settings import Settings

BAD_REDIS_URL = (
    "WABROADCAST_REDIS_URL is not a Redis URL: write it as in redis://:password@host:6379/0, "
    "with the special characters of the password percent-encoded"
)

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Directory of the embedded Valkey and SQLite. [default: ./wabroadcast-data]",
)


@click.command()
@click.option("--host", help="Address to listen on; one that other machines reach needs API keys. [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 picks a free one. [default: 3004]")
@click.option("--workers", type=click.IntRange(0), help="Number of worker processes. [default: 1]")
@data_dir_option
@click.option(
    "--api-key",
    "api_keys",
    multiple=True,
    help="API key that callers must send; may be repeated. Other users of this machine see it in the list of processes:"
    " set WABROADCAST_API_KEYS instead where there are any.",
)
@click.option("--open", "open_browser", is_flag=True, help="Open the dashboard in a browser.")
def serve(
    host: str | None,
    port: int | None,
    workers: int | None,
    data_dir: Path | None,
    api_keys: tuple[str, ...],
    *,
    open_browser: bool,
) -> int:
    """Start everything: dashboard, API and workers, with an embedded Valkey and SQLite where no addresses are set."""
    from pydantic import SecretStr

    from host_litestar import standalone
    from host_litestar.logs import set_up_logging

    keys = [SecretStr(key) for key in api_keys] or None
    settings = read_settings(host=host, port=port, workers=workers, data_dir=data_dir, api_keys=keys)
    set_up_logging("serve", log_format=settings.log_format)
    return standalone.serve(settings, echo=click.echo, open_browser=open_browser)


@click.command()
@click.option("--processes", type=click.IntRange(1), default=1, show_default=True, help="Number of worker processes.")
@click.option("--threads", type=click.IntRange(1), help="Threads that take tasks, in each process. [default: 4]")
@click.option("--burst", is_flag=True, help="Exit as soon as no work is due.")
@data_dir_option
def worker(processes: int, threads: int | None, data_dir: Path | None, *, burst: bool) -> int:
    """Start workers without an API, beside a server or on other hosts."""
    from host_litestar import standalone
    from host_litestar.logs import set_up_logging

    settings = read_settings(threads=threads, data_dir=data_dir)
    set_up_logging("serve", log_format=settings.log_format)
    return standalone.work(settings, processes=processes, burst=burst)


def read_settings(**options: Any) -> "Settings":
    """Read the settings from the environment; options other than None take precedence.

    :raises SetupError: a setting is not valid; the text has the name of its environment variable.
    """
    from pydantic import ValidationError

    from wabroadcast_core.models.base import faults_of
    from wabroadcast_core.settings import Settings

    try:
        settings = Settings(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        faults = [f"WABROADCAST_{fault.path.upper()}: {fault.message}" for fault in faults_of(error)]
        raise SetupError("; ".join(faults)) from None
    _check_redis(settings.redis_url)
    return settings


def _check_redis(url: "SecretStr | None") -> None:
    from redis import ConnectionPool

    try:
        if url is not None:
            ConnectionPool.from_url(url.get_secret_value())
    except ValueError:  # its text may hold a part of the password
        raise SetupError(BAD_REDIS_URL) from None
