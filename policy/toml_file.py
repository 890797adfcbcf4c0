"""Reading a TOML file into a frozen model, with every problem in plain words.

Each line says file, key path, what was expected and what was there; an unknown key names
the nearest known one.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from policy.errors import ConfigError

LARGEST_BYTES = 1_000_000

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
        return tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: must be UTF-8, got byte 0x{content[error.start]:02x} at {error.start}"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: must be TOML: {error}") from error


def build(path: Path, model: type[Model], tables: Mapping[str, Any]) -> Model:
    """Return the model that the tables describe.

    Raises:
        ConfigError: With one line for each problem.
    """
    try:
        return model.model_validate(tables)
    except ValidationError as error:
        problems = tuple(
            line for problem in error.errors() for line in _in_words(path, model, problem).splitlines()
        )
        raise ConfigError(*problems) from error


def _in_words(path: Path, model: type[BaseModel], problem: Any) -> str:
    where = ".".join(_keys_in(problem["loc"]))
    prefix = f"{path.name}: {where}: " if where else f"{path.name}: "
    match problem["type"]:
        case "extra_forbidden":
            *parents, key = _keys_in(problem["loc"])
            near = difflib.get_close_matches(key, _fields(model, parents), n=1)
            return prefix + "unknown key" + (f', did you mean "{near[0]}"?' if near else "")
        case "missing":
            return prefix + "must be given, got nothing"
        case "value_error":
            return "\n".join(prefix + line for line in str(problem["ctx"]["error"]).splitlines())
    got = problem["input"]
    shown = f'"{got[:60]}"' if isinstance(got, str) else f"{got!r}"[:60]
    return f"{prefix}{_lower_first(problem['msg'])}, got {shown}"


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def _keys_in(location: Iterable[object]) -> list[str]:
    """Return the keys of a location; which member of a union was meant (`~name`) is no key."""
    return [str(part) for part in location if not str(part).startswith("~")]


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
