"""Reading a TOML file into a frozen model, with every problem in plain words.

Each line says file, key path, what was expected and what was there; an unknown key names
the nearest known one.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from policy.errors import ConfigError, shown

LARGEST_BYTES = 1_000_000
_KEY_FIRST = re.compile(r"[a-z_]+(\.[a-z0-9_]+)*: ")

Model = TypeVar("Model", bound=BaseModel)


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a small text file.

    Raises:
        ConfigError: If it cannot be read, or is larger than a megabyte.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > LARGEST_BYTES:
        raise ConfigError(f"{path}: must be at most {LARGEST_BYTES} bytes, got more")
    return content


def parse(path: Path, content: bytes) -> dict[str, Any]:
    """Return the tables of a TOML file.

    Raises:
        ConfigError: If it is not UTF-8 or not TOML.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: must be UTF-8, got byte 0x{content[error.start]:02x} at {error.start}"
        ) from error
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ConfigError(f"{path}: must be TOML, got brackets within brackets without end") from error
    except ValueError as error:  # of tomllib, and of int() for a number of thousands of digits
        raise ConfigError(f"{path}: must be TOML: {_in_one_line(str(error))}") from error


def build(path: Path, model: type[Model], tables: Mapping[str, Any]) -> Model:
    """Return the model that the tables describe.

    Raises:
        ConfigError: With one line for each problem.
    """
    try:
        return model.model_validate(tables)
    except ValidationError as error:
        problems = [
            line
            for problem in _causes(model, error.errors())
            for line in _in_words(path, model, problem).split("\n")
        ]
        raise ConfigError(*problems) from error


def _causes(model: type[BaseModel], problems: Sequence[Any]) -> Iterator[Any]:
    """Leave out what only follows from another problem: one line for each thing to mend."""
    meant = {
        (*problem["loc"][:-1], near)
        for problem in problems
        if problem["type"] == "extra_forbidden" and (near := _nearest(model, problem["loc"]))
    }
    for problem in problems:
        where = problem["loc"]
        misspelt = problem["type"] == "missing" and where in meant
        emptied = problem["type"] == "too_short" and any(
            other["loc"][:-1] == where for other in problems if other is not problem
        )
        if not (misspelt or emptied):
            yield problem


def _nearest(model: type[BaseModel], location: Iterable[object]) -> str | None:
    """Return the known key that an unknown one was probably meant to be."""
    *parents, key = _keys_in(location)
    near = difflib.get_close_matches(key, _fields(model, parents), n=1)
    return near[0] if near else None


def _in_words(path: Path, model: type[BaseModel], problem: Any) -> str:
    where = ".".join(_keys_in(problem["loc"]))
    prefix = f"{path.name}: {where}: " if where else f"{path.name}: "
    got = _got(problem["input"])
    match problem["type"]:
        case "extra_forbidden":
            near = _nearest(model, problem["loc"])
            return prefix + "unknown key" + (f', did you mean "{near}"?' if near else "")
        case "missing":
            return prefix + "must be given, got nothing"
        case "value_error":
            return "\n".join(_below(path, where, line) for line in str(problem["ctx"]["error"]).split("\n"))
        case "tuple_type":
            return f"{prefix}must be a list, got {got}"
        case "dict_type" | "model_type":
            return f"{prefix}must be a table, got {got}"
        case "too_short":
            return f"{prefix}must hold at least one, got none"
    return f"{prefix}{_lower_first(problem['msg'])}, got {got}"


def _below(path: Path, where: str, line: str) -> str:
    """Return a line that a table told of itself; one that begins with a key goes on the table's path."""
    if not where:
        return f"{path.name}: {line}"
    return f"{path.name}: {where}.{line}" if _KEY_FIRST.match(line) else f"{path.name}: {where}: {line}"


def _in_one_line(text: str) -> str:
    """Return what tomllib says; it quotes single characters of the file as they are."""
    return "".join(shown(sign) for sign in text)


def _got(got: object) -> str:
    match got:
        case str():
            return f'"{shown(got)}"'
        case bool():
            return str(got).lower()
        case dict():
            return "a table"
        case list():
            return "a list"
    return str(got)[:60]


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def _keys_in(location: Iterable[object]) -> list[str]:
    """Return the keys of a location; which member of a union was meant (`~name`) is none."""
    return [shown(str(part)) for part in location if not str(part).startswith("~") and part != "[key]"]


def _fields(model: type[BaseModel], path: Iterable[str]) -> list[str]:
    """Return the keys known at a path below the model; empty when the path leaves the model."""
    here: list[type[BaseModel]] = [model]
    for part in path:
        fields = [field for table in here if (field := table.model_fields.get(part)) is not None]
        # an index of a list or a name of the organisation's own choosing is no field: stay
        here = [table for field in fields for table in tables_in(field.annotation)] if fields else here
    return [name for table in here for name in table.model_fields]


def tables_in(annotation: object) -> list[type[BaseModel]]:
    """Return the tables that a value of this type can hold: itself, or inside a list, table or choice."""
    if isinstance(annotation, type) and not get_args(annotation):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [table for part in get_args(annotation) for table in tables_in(part)]
