"""How fast the source `database` reads a million rows, and how much memory its process takes for that."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wabroadcast_core import NamedQuery
from wabroadcast_core.testing import source_context
from wabroadcast_plugins.contact_sources.database import DatabaseSettings, DatabaseSource

ROWS = 1_000_000
MOST_MEGABYTES = 150
_PERSON = "'Budi Santoso' AS full_name, 'Bandung' AS city, 150000.5 AS total"
_COUNTED = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < :rows)"
QUERIES = {
    "sqlite": f"{_COUNTED} SELECT 6281200000000 + i AS phone, {_PERSON} FROM n",
    "postgresql": f"SELECT 6281200000000 + i AS phone, {_PERSON} FROM generate_series(1, :rows) AS i",
    "mariadb": f"SELECT 6281200000000 + seq AS phone, {_PERSON} FROM seq_1_to_{ROWS} WHERE seq <= :rows",
}


def make_url(kind: str, request: pytest.FixtureRequest, directory: Path) -> str:
    if kind == "sqlite":
        (directory / "empty.db").touch()
        return f"sqlite:///{directory / 'empty.db'}"
    url: str = request.getfixturevalue({"postgresql": "postgres"}.get(kind, kind)).new_database()
    return url


@pytest.mark.parametrize("kind", QUERIES)
def test_read(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    query = {
        "url": make_url(kind, request, tmp_path),
        "sql": QUERIES[kind],
        "parameters": {"rows": "integer"},
        "columns": {"phone": "number", "full_name": "name"},
    }

    child = [sys.executable, "-m", __name__]
    done = subprocess.run(child, input=json.dumps(query), capture_output=True, text=True, check=True)

    rows, seconds, before, peak = json.loads(done.stdout)
    print(f"\n{kind}: {rows:,} rows in {seconds:.1f} s, {rows / seconds:,.0f} a second, peak {peak:.0f} MB")
    print(f"{'':{len(kind)}}  of which {before:.0f} MB before the first row")
    assert rows == ROWS
    assert peak < MOST_MEGABYTES


def _peak_memory() -> float:
    """Of this very process: what getrusage says starts at what its parent had."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def _main() -> None:
    query = NamedQuery.model_validate_json(sys.stdin.read())
    settings = DatabaseSettings(query="bench", parameters={"rows": ROWS})
    before, start = _peak_memory(), time.perf_counter()
    rows = sum(1 for _ in DatabaseSource(settings, source_context(queries={"bench": query})).read())
    print(json.dumps([rows, time.perf_counter() - start, before, _peak_memory()]))


if __name__ == "__main__":
    _main()
