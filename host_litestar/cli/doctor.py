"""``doctor``: what works, what does not, and what to do."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from host_litestar.cli.output import print_json
from host_litestar.cli.server import data_dir_option, read_settings

if TYPE_CHECKING:
    from host_litestar.doctor.findings import Finding

WIDTH = len("warning")


@click.command()
@click.option("--remote", is_flag=True, help="Examine the server at WABROADCAST_URL over its API, not this machine.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@data_dir_option
def doctor(data_dir: Path | None, *, remote: bool, as_json: bool) -> int:
    """Examine Redis, the store, workers, plugins, connections and the disk, and say what to do.

    It reads the settings of this machine and needs no running server. Each connection is tested with its provider;
    nothing is sent. Exit status: 0 if all is well, 1 with a warning, 2 with a fault.
    """
    from host_litestar.doctor.findings import exit_status

    findings = _examine_server() if remote else _examine_here(data_dir)
    found = list(findings if as_json else _printed(findings))
    if as_json:
        print_json({"findings": [finding.as_dict() for finding in found]})
    return exit_status(found)


def _examine_here(data_dir: Path | None) -> "Iterator[Finding]":
    import logging

    from host_litestar.doctor.examination import examine

    logging.getLogger("wabroadcast_core").setLevel(logging.CRITICAL)  # the findings say it
    yield from examine(read_settings(data_dir=data_dir))


def _examine_server() -> "Iterator[Finding]":
    from host_litestar.cli.client import Client
    from host_litestar.doctor.remote import examine_server

    with Client() as client:
        yield from examine_server(client)


def _printed(findings: "Iterable[Finding]") -> "Iterator[Finding]":
    """Print each finding when it comes: some take a while."""
    for finding in findings:
        remedy = f": {finding.remedy}" if finding.remedy else ""
        click.echo(f"{finding.level:<{WIDTH}}  {finding.part}: {finding.fact}{remedy}")
        yield finding
