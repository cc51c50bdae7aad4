"""The named queries that broadcasts may run for their audience: an operator writes them into a TOML file.

    [queries.active_customers]
    description = "Active customers of a city"
    url = "postgresql+psycopg://reader:${SHOP_PASSWORD}@db.example/shop"
    sql = "SELECT phone, full_name, city FROM customers WHERE city = :city AND active"
    parameters = { city = "text" }
    columns = { phone = "number", full_name = "name" }

The file is read once, when the engine starts, and whatever is wrong with it is said then.
"""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias
from urllib.parse import quote

from pydantic import (
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from sqlalchemy import make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from wabroadcast_core.errors import Fault, InvalidInputError, SetupError
from wabroadcast_core.models.base import Model, faults_of
from wabroadcast_core.models.slug import make_slug

LONGEST_SECONDS: Final = 86_400
NUMBER, NAME = "number", "name"

QueryName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")]
ParameterKind: TypeAlias = Literal["text", "integer", "number", "boolean", "date"]

_VARIABLE: Final = re.compile(r"\$\{(\w+)\}")
_DRIVERS: Final = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
_EXTRAS: Final = {"psycopg": "wabroadcast[postgres]", "pymysql": "wabroadcast[mysql]"}
_READERS: Final[Mapping[ParameterKind, TypeAdapter[Any]]] = {
    "text": TypeAdapter(str),
    "integer": TypeAdapter(Annotated[int, Field(ge=-(2**63), lt=2**63)]),  # what databases call a big one
    "number": TypeAdapter(Annotated[float, Field(allow_inf_nan=False)]),
    "boolean": TypeAdapter(bool),
    "date": TypeAdapter(date),
}
_NO_STATEMENT: Final = re.compile(
    r"""
      --[^\n]*  |  /\*.*?\*/                                     # comments
    | '(?:[^'\\]|\\.)*'  |  "[^"]*"  |  `[^`]*`  |  (\$\w*\$).*?\1  # texts and names, as the databases quote them
    """,
    re.VERBOSE | re.DOTALL,
)


class NamedQuery(Model):
    """One query: where it runs, what it asks, what its parameters and columns are."""

    model_config = ConfigDict(frozen=True)

    description: str = ""
    url: SecretStr = Field(description="SQLAlchemy URL; ${NAME} stands for an environment variable.")
    parameters: dict[str, ParameterKind] = Field(default_factory=dict)
    columns: dict[str, str] = Field(
        description="Column to meaning: number, name, a variable's name, or nothing to leave it out."
    )
    seconds: float = Field(300, gt=0, le=LONGEST_SECONDS, description="Longest that the database may work on it.")
    sql: str

    @field_validator("url")
    @classmethod
    def _is_usable(cls, url: SecretStr, info: ValidationInfo) -> SecretStr:
        environment: Mapping[str, str] = info.context or {}
        return SecretStr(_check_url(_fill_url(url.get_secret_value(), environment)))

    @field_validator("columns")
    @classmethod
    def _mean_something(cls, columns: dict[str, str]) -> dict[str, str]:
        meanings = Counter(meaning for meaning in columns.values() if meaning)
        if NUMBER not in meanings:
            raise ValueError(f'one column has to be "{NUMBER}"')
        for meaning, count in meanings.items():
            if count > 1:
                raise ValueError(f"two columns cannot both be {meaning!r}")
            if make_slug(meaning) != meaning:
                raise ValueError(f"{meaning!r} is no name of a variable: small letters, digits and _")
        return columns

    @field_validator("sql")
    @classmethod
    def _asks_one_thing(cls, sql: str, info: ValidationInfo) -> str:
        _refuse_several(sql)
        if "parameters" in info.data:
            _compare_parameters(used=set(text(sql).compile().params), declared=set(info.data["parameters"]))
        return sql

    def bind(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The values to run it with, by parameter.

        :raises InvalidInputError: one is missing, not known, or of another type.
        """
        faults = [Fault(f"parameters.{name}", "not known") for name in given if name not in self.parameters]
        values = {}
        for name, kind in self.parameters.items():
            try:
                values[name] = _read_value(kind, given[name])
            except KeyError:
                faults.append(Fault(f"parameters.{name}", f"required: {kind}"))
            except ValidationError as error:
                faults += faults_of(error, prefix=f"parameters.{name}")
        if faults:
            raise InvalidInputError(faults)
        return values


class QueryView(Model):
    """A query as a user may choose it: neither its SQL nor where it runs is shown."""

    name: str
    description: str
    parameters: dict[str, ParameterKind] = Field(description="What a broadcast has to give, each with its type.")


class _QueryFile(Model):
    queries: dict[QueryName, NamedQuery] = Field(default_factory=dict)


def load_queries(path: Path, *, environment: Mapping[str, str]) -> dict[str, NamedQuery]:
    """The queries of a file, by name.

    :param environment: what ``${NAME}`` in a URL stands for.
    :raises SetupError: the file cannot be used; one line names each query and what is wrong with it.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        return _QueryFile.model_validate(tables, context=environment).queries
    except OSError as error:
        raise SetupError(f"the queries in {path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise SetupError(f"the queries in {path}: {InvalidInputError(faults_of(error))}") from None
    except ValueError as error:
        raise SetupError(f"the queries in {path} are no TOML: {error}") from error


def _fill_url(url: str, environment: Mapping[str, str]) -> str:
    """Put variables in. A password is taken as it is: in front of the @ nothing of it has to be percent-encoded."""
    login, at, place = url.rpartition("@")

    def value_of(match: re.Match[str]) -> str:
        if match[1] not in environment:
            raise ValueError(f"the environment has no variable {match[1]}")
        return environment[match[1]]

    return _VARIABLE.sub(lambda match: quote(value_of(match), safe=""), login) + at + _VARIABLE.sub(value_of, place)


def _check_url(given: str) -> str:
    """:returns: the URL with its driver. :raises ValueError: it cannot be used; the text does not repeat it."""
    try:
        url = make_url(given)
        url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
        dialect = url.get_dialect()
        dialect.import_dbapi()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise ValueError("no database URL that SQLAlchemy knows") from None
    except ImportError as error:
        driver = error.name or "of this URL"
        raise ValueError(f"the driver {driver} is missing: install {_EXTRAS.get(driver, driver)}") from None
    if dialect.is_async:
        raise ValueError("the driver is an asynchronous one; name another")
    if url.get_backend_name() == "sqlite" and (url.host or url.database in {None, "", ":memory:"}):
        raise ValueError("SQLite wants the path of a file, as in sqlite:////var/lib/shop.db")
    return url.render_as_string(hide_password=False)


def _refuse_several(sql: str) -> None:
    """No driver runs several statements at once either; here it is said before any broadcast asks."""
    bare = _NO_STATEMENT.sub(" ", sql).strip(" \t\r\n;")
    if not bare:
        raise ValueError("it holds no statement")
    if ";" in bare:
        raise ValueError("it holds several statements, one is wanted")


def _compare_parameters(*, used: set[str], declared: set[str]) -> None:
    for name in sorted(used - declared):
        raise ValueError(f"the parameter :{name} is not declared (a colon that begins none is written \\:)")
    for name in sorted(declared - used):
        raise ValueError(f"the parameter {name} is declared and not used")


def _read_value(kind: ParameterKind, value: object) -> Any:
    """A value as JSON has it, of just this type. :raises ValidationError: it is of another."""
    return _READERS[kind].validate_json(json.dumps(value, default=str), strict=True)
