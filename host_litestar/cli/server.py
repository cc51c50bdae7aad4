"""``serve`` and ``worker``: the processes that do the work."""

from pathlib import Path
from typing import Any

import rich_click as click
from pydantic import SecretStr, ValidationError
from redis import ConnectionPool

from host_litestar.logs import set_up_logging
from wabroadcast_core.errors import SetupError
from wabroadcast_core.models.base import faults_of
from wabroadcast_core.settings import Settings

data_dir_option = click.option(
    "--data-dir", type=click.Path(path_type=Path), help="Home of the embedded Valkey and SQLite. [./wabroadcast-data]"
)


@click.command()
@click.option("--host", help="Address to listen on; others than this machine only with API keys. [127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 picks a free one. [3004]")
@click.option("--workers", type=click.IntRange(0), help="Worker processes. [1]")
@data_dir_option
@click.option("--api-key", "api_keys", multiple=True, help="A key that callers must send; may be repeated.")
def serve(
    host: str | None, port: int | None, workers: int | None, data_dir: Path | None, api_keys: tuple[str, ...]
) -> int:
    """Start everything: API, workers, and an embedded Valkey and SQLite where no addresses are set."""
    from host_litestar import standalone

    keys = [SecretStr(key) for key in api_keys] or None
    settings = read_settings(host=host, port=port, workers=workers, data_dir=data_dir, api_keys=keys)
    set_up_logging("serve")
    return standalone.serve(settings, say=click.echo)


@click.command()
@click.option("--processes", type=click.IntRange(1), default=1, show_default=True, help="Worker processes.")
@click.option("--threads", type=click.IntRange(1), help="Threads in each that take tasks. [4]")
@click.option("--burst", is_flag=True, help="Work through what is due, then exit.")
@data_dir_option
def worker(processes: int, threads: int | None, data_dir: Path | None, *, burst: bool) -> int:
    """Start workers alone, beside a server or on other hosts."""
    from host_litestar import standalone

    settings = read_settings(threads=threads, data_dir=data_dir)
    set_up_logging("serve")
    return standalone.work(settings, processes=processes, burst=burst)


def read_settings(**given: Any) -> Settings:
    """The settings of the environment, and over them those that were given.

    :raises SetupError: one does not fit; its environment name is in the text.
    """
    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        faults = [f"WABROADCAST_{fault.path.upper()}: {fault.message}" for fault in faults_of(error)]
        raise SetupError("; ".join(faults)) from None
    _check_redis(settings.redis_url)
    return settings


def _check_redis(url: SecretStr | None) -> None:
    try:
        if url is not None:
            ConnectionPool.from_url(url.get_secret_value())
    except ValueError as error:
        raise SetupError(f"WABROADCAST_REDIS_URL: {error}") from None


COMMANDS = (serve, worker)
