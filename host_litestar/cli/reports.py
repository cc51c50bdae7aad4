"""``report``: the messages of a broadcast as a file."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rich_click as click
from rich.console import Console

from host_litestar.cli.client import Client, without_none
from host_litestar.cli.job_ids import find_job, job_argument
from host_litestar.cli.messages import filter_options
from host_litestar.cli.output import file_format


@click.command()
@job_argument
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write, whose name ends in .csv or .xlsx.",
)
@filter_options
@click.option("--batch", type=click.IntRange(0), help="Only the batch with this number.")
@click.option("--delimiter", type=click.Choice([",", ";"]), help="Between the cells of a CSV file; by default a comma.")
def report(job: str, output: Path, **filters: Any) -> None:
    """Write the messages of a broadcast to a file, a row for each."""
    parameters = {"format": file_format(output), **without_none(filters)}
    with Client() as client:
        job_id = find_job(client, job)
        with _bar(client, job_id, parameters) as received:
            client.download(f"/broadcast/{job_id}/report", output, received=received, params=parameters)
    click.echo(f"the report was written to {output}")


@contextmanager
def _bar(client: Client, job_id: str, parameters: dict[str, str]) -> Iterator[Callable[[bytes], None]]:
    """Show a progress bar on a terminal.

    :returns: the function to be called with each piece of the file.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[size]}"))
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("report", total=_expected_rows(client, job_id, parameters), size="")
        size = 0

        def received(piece: bytes) -> None:
            nonlocal size
            size += len(piece)
            bar.update(task, advance=piece.count(b"\n"), size=f"{size / 1e6:.1f} MB")

        yield received


def _expected_rows(client: Client, job_id: str, parameters: dict[str, str]) -> int | None:
    """Return how many lines the file will have; None if only its making shows that."""
    if parameters["format"] != "csv" or parameters.keys() & {"reason", "q", "batch"}:
        return None
    progress = client.status(job_id)
    counts = progress.counts.model_dump()
    return 1 + (counts[parameters["status"]] if "status" in parameters else progress.total)
