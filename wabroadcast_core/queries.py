"""The named database queries that broadcasts may use as their audience. The operator writes them into a TOML file.

    [queries.active_customers]
    description = "Active customers of a city"
    url = "postgresql+psycopg://reader:${SHOP_PASSWORD}@db.example/shop"
    sql = "SELECT phone, full_name, city FROM customers WHERE city = :city AND active"
    parameters = { city = "text" }
    columns = { phone = "number", full_name = "name" }

The file is read once, when the broadcaster starts; a fault in it is reported then.
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
from wabroadcast_core.sentences import Sentence

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
    "integer": TypeAdapter(Annotated[int, Field(ge=-(2**63), lt=2**63)]),  # a BIGINT
    "number": TypeAdapter(Annotated[float, Field(allow_inf_nan=False)]),
    "boolean": TypeAdapter(bool),
    "date": TypeAdapter(date),
}
_IGNORED_SQL: Final = re.compile(
    r"""
      --[^\n]*  |  /\*.*?\*/                                     # comments
    | '(?:[^'\\]|\\.)*'  |  "[^"]*"  |  `[^`]*`  |  (\$\w*\$).*?\1  # texts and names, as the databases quote them
    """,
    re.VERBOSE | re.DOTALL,
)


class NamedQuery(Model):
    """One query: its database, its SQL, its parameters and the meaning of its columns."""

    model_config = ConfigDict(frozen=True)

    description: str = ""
    url: SecretStr = Field(description="SQLAlchemy URL; ${NAME} stands for an environment variable.")
    parameters: dict[str, ParameterKind] = Field(default_factory=dict)
    columns: dict[str, str] = Field(
        description="Meaning by column: number, name, the name of a variable, or an empty text to leave it out."
    )
    seconds: float = Field(default=300, gt=0, le=LONGEST_SECONDS, description="Longest time that the query may run.")
    sql: str

    @field_validator("url")
    @classmethod
    def _complete_url(cls, url: SecretStr, info: ValidationInfo) -> SecretStr:
        environment: Mapping[str, str] = info.context or {}
        return SecretStr(_check_url(_fill_url(url.get_secret_value(), environment)))

    @field_validator("columns")
    @classmethod
    def _check_columns(cls, columns: dict[str, str]) -> dict[str, str]:
        meanings = Counter(meaning for meaning in columns.values() if meaning)
        if NUMBER not in meanings:
            raise ValueError(f'no column is "{NUMBER}": set it for the column with the phone numbers')
        for meaning, count in meanings.items():
            if count > 1:
                raise ValueError(f"{count} columns are {meaning!r}: only one may be")
            if make_slug(meaning) != meaning:
                raise ValueError(
                    f"{meaning!r} is no valid variable name: use small letters, digits and _, beginning with a letter"
                )
        return columns

    @field_validator("sql")
    @classmethod
    def _check_sql(cls, sql: str, info: ValidationInfo) -> str:
        _check_one_statement(sql)
        if "parameters" in info.data:
            _compare_parameters(used=set(text(sql).compile().params), declared=set(info.data["parameters"]))
        return sql

    def bind(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of the query's parameters, by name.

        :param given: the values of a broadcast, by name.
        :raises InvalidInputError: a parameter is missing, unknown or of another type.
        """
        faults = [
            Fault(f"parameters.{name}", Sentence("no_parameter", "the query has no such parameter"))
            for name in given
            if name not in self.parameters
        ]
        values = {}
        for name, kind in self.parameters.items():
            try:
                values[name] = _read_value(kind, given[name])
            except KeyError:
                missing = Sentence("parameter_missing", "missing: give a value of type {kind}", kind=kind)
                faults.append(Fault(f"parameters.{name}", missing))
            except ValidationError as error:
                faults += faults_of(error, prefix=f"parameters.{name}")
        if faults:
            raise InvalidInputError(faults)
        return values


class QueryView(Model):
    """A query as users see it. Its SQL and its database are not shown."""

    name: str = Field(description="The name of the query, as `query` of a source of the type database.")
    description: str = Field(description="What the query selects, in the operator's words.")
    parameters: dict[str, ParameterKind] = Field(description="Parameters that a broadcast must give, with their types.")


class _QueryFile(Model):
    queries: dict[QueryName, NamedQuery] = Field(default_factory=dict)


def load_queries(path: Path, *, environment: Mapping[str, str]) -> dict[str, NamedQuery]:
    """Return the queries of a file, by name.

    :param environment: the variables that ``${NAME}`` in a URL may name.
    :raises SetupError: the file cannot be used; the text is one line with every fault and its place.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        return _QueryFile.model_validate(tables, context=environment).queries
    except OSError as error:
        raise SetupError(f"the query file {path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise SetupError(f"the query file {path}: {InvalidInputError(faults_of(error))}") from None
    except ValueError as error:
        raise SetupError(f"the query file {path} is not valid TOML: {error}") from error


def _fill_url(url: str, environment: Mapping[str, str]) -> str:
    """Replace ``${NAME}`` by the variables of the environment.

    Before the @, values are percent-encoded here: so a password is given as it is.
    """
    login, at, address = url.rpartition("@")

    def value_of(match: re.Match[str]) -> str:
        if match[1] not in environment:
            raise ValueError(f"the environment variable {match[1]} is not set")
        return environment[match[1]]

    return _VARIABLE.sub(lambda match: quote(value_of(match), safe=""), login) + at + _VARIABLE.sub(value_of, address)


def _check_url(given: str) -> str:
    """Return the URL with its driver.

    :raises ValueError: the URL cannot be used; the text does not repeat it, because it may hold a password.
    """
    try:
        url = make_url(given)
        url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
        dialect = url.get_dialect()
        dialect.import_dbapi()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise ValueError("not a database URL that SQLAlchemy knows") from None
    except ImportError as error:
        driver = error.name or "of this URL"
        raise ValueError(f"the driver {driver} is missing: install {_EXTRAS.get(driver, driver)}") from None
    if dialect.is_async:
        raise ValueError("the driver is asynchronous: name a synchronous one")
    if url.get_backend_name() == "sqlite" and (url.host or url.database in {None, "", ":memory:"}):
        raise ValueError("the SQLite URL has no file path: write it as in sqlite:////var/lib/shop.db")
    return url.render_as_string(hide_password=False)


def _check_one_statement(sql: str) -> None:
    """Check that there is exactly one statement.

    The drivers refuse several statements too, but only when a broadcast runs the query.

    :raises ValueError: there is none, or several.
    """
    bare = _IGNORED_SQL.sub(" ", sql).strip(" \t\r\n;")
    if not bare:
        raise ValueError("there is no statement in it")
    if ";" in bare:
        raise ValueError("there are several statements in it: keep one")


def _compare_parameters(*, used: set[str], declared: set[str]) -> None:
    for name in sorted(used - declared):
        raise ValueError(
            f"the parameter :{name} is not declared: add it to parameters, or write \\: for a colon that begins none"
        )
    for name in sorted(declared - used):
        raise ValueError(f"the parameter {name} is declared but not used: remove it, or write :{name} in the SQL")


def _read_value(kind: ParameterKind, value: object) -> Any:
    """Return a JSON value as exactly this type.

    :raises ValidationError: the value is of another type.
    """
    return _READERS[kind].validate_json(json.dumps(value, default=str), strict=True)
