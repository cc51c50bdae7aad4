"""Database servers of the tests, real ones: each on a Unix socket, with its data in a directory that goes with it."""

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import NullPool, create_engine, make_url

from tests.stores import migrate_store
from tests.waiting import wait_for

# Empties the tables of a database. To truncate one makes new files for it and its indexes, which takes longer than to
# delete some rows.
_EMPTY = """
DO $$
DECLARE used record;
BEGIN
  SET LOCAL session_replication_role = replica; -- references to deleted rows are deleted too
  FOR used IN
    SELECT quote_ident(relname) AS name, pg_relation_size(oid) AS size FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'wabroadcast_version'
  LOOP
    IF used.size > 500000 THEN
      EXECUTE 'TRUNCATE ' || used.name || ' CASCADE';
    ELSIF used.size > 0 THEN
      EXECUTE 'DELETE FROM ' || used.name;
    END IF;
  END LOOP;
  PERFORM setval(oid, 1, false) FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace;
END $$
"""


class PostgresCluster:
    """A PostgreSQL server."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self._directory = Path("/tmp") / f"wab-pg-{os.getpid()}"  # a socket's path must be short
        shutil.rmtree(self._directory, ignore_errors=True)
        self._directory.mkdir(mode=0o755)
        self._user = "postgres" if os.getuid() == 0 else None  # PostgreSQL refuses to run as root
        if self._user:
            shutil.chown(self._directory, self._user)
        self._databases = 0
        self._free_stores: list[str] = []
        self._emptying: dict[str, Any] = {}  # psycopg's connections by URL: a new one costs more than to empty a store

    def start(self) -> None:
        data = self._directory / "data"
        if not data.exists():
            self._run("initdb", "-D", str(data), "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8")
        quick = "-c fsync=off -c full_page_writes=off"  # processes are killed here, hosts are not
        options = f"-c listen_addresses='' -k {self._directory} -c max_connections=200 {quick}"
        log = str(self._directory / "log")
        self._run("pg_ctl", "-D", str(data), "-l", log, "-o", options, "-w", "start")

    def stop(self) -> None:
        for conn in self._emptying.values():
            conn.close()
        self.kill()
        shutil.rmtree(self._directory, ignore_errors=True)

    def kill(self) -> None:
        """End it as a crash would; :meth:`start` brings it back."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-D", str(self._directory / "data"), "-m", "immediate", "-w", "stop")

    def new_database(self) -> str:
        """Create an empty database, and return its URL."""
        self._databases += 1
        name = f"test_{self._databases}"
        self._execute("postgres", f"CREATE DATABASE {name}")
        return self._url(name)

    @contextlib.contextmanager
    def lend_store(self) -> Iterator[str]:
        """Yield the URL of a database with our tables, all empty, that no one else uses meanwhile."""
        if self._free_stores:
            url = self._free_stores.pop()
            self._empty(url)
        else:
            url = self.new_database()
            migrate_store(url, sqlite_path=self._directory)
        yield url
        self._free_stores.append(url)

    @contextlib.contextmanager
    def read_only(self, url: str) -> Iterator[None]:
        """Let a database take no writes meanwhile, as a standby does; its sessions lose their connection."""
        name = str(make_url(url).database)
        end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        self._execute("postgres", f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        self._execute("postgres", end)
        yield
        self._execute("postgres", f"ALTER DATABASE {name} RESET default_transaction_read_only")
        self._execute("postgres", end)

    def _empty(self, url: str) -> None:
        """Empty the tables that were written to; whatever is still connected loses its connection."""
        import psycopg

        others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        while True:
            if url not in self._emptying:
                place = f"host={self._directory} user=postgres dbname={make_url(url).database}"
                self._emptying[url] = psycopg.connect(place, autocommit=True)
            try:
                self._emptying[url].execute(f"SELECT pg_terminate_backend(pid) {others}")
                self._emptying[url].execute(_EMPTY)
            except psycopg.OperationalError:  # a test has ended the server or its sessions
                self._emptying.pop(url).close()
            else:
                return

    def _execute(self, database: str, *statements: str) -> None:
        db_engine = create_engine(self._url(database), isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with db_engine.connect() as conn:
            for statement in statements:
                conn.exec_driver_sql(statement)

    def _url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self._directory}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._binaries / program), *arguments]
        subprocess.run(command, check=True, user=self._user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class MariaServer:
    """A MariaDB server."""

    PROGRAM = Path("/usr/sbin/mariadbd")

    def __init__(self) -> None:
        self._directory = Path("/tmp") / f"wab-my-{os.getpid()}"
        self._user = "mysql" if os.getuid() == 0 else None  # MariaDB refuses to run as root
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0

    def start(self) -> None:
        shutil.rmtree(self._directory, ignore_errors=True)
        self._directory.mkdir(mode=0o755)
        if self._user:
            shutil.chown(self._directory, self._user)
        data = ("--no-defaults", f"--datadir={self._directory / 'data'}")
        install = ["mariadb-install-db", *data, "--auth-root-authentication-method=normal", "--skip-test-db"]
        own_files = {**os.environ, "TMPDIR": str(self._directory)}  # its user may not be let into that of the tests
        subprocess.run(
            install,
            check=True,
            user=self._user,
            env=own_files,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        quick = ("--skip-log-bin", "--sync-frm=0", "--innodb-flush-method=nosync", "--innodb-file-per-table=0")
        serve = [str(self.PROGRAM), *data, f"--socket={self._directory / 'socket'}", "--skip-networking", *quick]
        with (self._directory / "log").open("wb") as log:
            self._process = subprocess.Popen(serve, user=self._user, env=own_files, stdout=log, stderr=log)
        wait_for(self._answers, what="MariaDB's start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._directory, ignore_errors=True)

    def new_database(self) -> str:
        """Create an empty database, and return its URL."""
        self._databases += 1
        self.execute(f"CREATE DATABASE test_{self._databases} CHARACTER SET utf8mb4")
        return self.url(f"test_{self._databases}")

    def execute(self, statement: str) -> None:
        engine = create_engine(self.url("mysql"), poolclass=NullPool)
        with engine.connect() as conn:
            conn.exec_driver_sql(statement)

    def url(self, database: str) -> str:
        # to prepare for TLS takes the driver longer than most tests' queries
        return f"mysql+pymysql://root@/{database}?unix_socket={self._directory / 'socket'}&ssl_disabled=true"

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as door:
            return door.connect_ex(str(self._directory / "socket")) == 0
