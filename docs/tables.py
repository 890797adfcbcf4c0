"""The generated tables of the docs; `make docs` writes them, `make check` compares them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ivr.state import MEANING
from policy.alarm_kinds import GUIDES
from policy.cited import Citation, sources
from policy.config import Config, ListeningHost
from policy.holds import HOLDS_BY_LAW
from policy.identity import DataCategory
from policy.load import load_policy
from policy.model import Policy
from policy.period import Period
from policy.retention import DataKind
from policy.rights import Right
from policy.section import CITING
from policy.toml_file import tables_in
from policy.vocabulary import ErasedBecause, Outcome, RecordingState
from policy.working_days import NATIONAL

OUTCOME_MEANING = {
    Outcome.NOT_REFUSED: "the whole notice was heard, the reply window ran out, no refusal (`opt_out`)",
    Outcome.ACCEPTED: "the accept key was pressed (`opt_in`)",
    Outcome.ANNOUNCED: "the whole notice was heard (`announce`)",
    Outcome.REFUSED: "the refuse key was pressed; under `opt_in`: the accept key was not",
    Outcome.NOTICE_INCOMPLETE: "the notice was missing, failed, or did not play to its end",
    Outcome.CALLER_GONE: "the caller hung up before anything was decided",
    Outcome.GATE_UNAVAILABLE: "the daemon was away, or the dead-man switch freed the caller",
    Outcome.OUT_OF_SCOPE: "no policy serves the number dialled, or its `scope` leaves the call out",
    Outcome.ERROR: "number and argument disagree, or something failed; there is an alarm",
}
STATE_MEANING = {
    RecordingState.RECORDING: "the call is going on",
    RecordingState.CAPTURED: "the call is over; the audio waits to be sealed",
    RecordingState.SEALED: "sealed in the vault; the plaintext is gone",
    RecordingState.EMPTY: "nobody spoke; nothing is kept",
    RecordingState.WITHDRAWN: "somebody said stop; `erased_at` says when it was gone",
    RecordingState.PURGING: "its end is decided and on its way",
    RecordingState.PURGED: "gone, with a receipt on the ledger",
    RecordingState.LOST: "the bytes are gone without our doing; there is an alarm",
}
BECAUSE_MEANING = {
    ErasedBecause.DUE: "its term was over",
    ErasedBecause.WITHDRAWN: "withdrawn by caller, agent or operator",
    ErasedBecause.REQUEST: "a request of the data subject",
    ErasedBecause.OBJECTION: "an objection of the data subject",
    ErasedBecause.OUT_OF_SCOPE: "it should not have been recorded",
    ErasedBecause.INCIDENT_DROPPED: "an incident was assessed and dropped",
    ErasedBecause.CONTROLLER_LOST: "the daemon was away while it was made, and the policy drops such",
    ErasedBecause.EMPTY: "nobody spoke",
    ErasedBecause.GHOST: "a capture that no decision permitted, or that ended for no known reason",
}

LONG_SETS: Mapping[type[Enum], str] = {
    DataCategory: "category of data",
    DataKind: "kind of data",
    Right: "right",
}
"""Closed sets too long for a cell; they are listed apart."""

ROOT = Path(__file__).resolve().parent.parent

_PLAIN_TYPES: Mapping[object, str] = {
    int: "number",
    bool: "true or false",
    date: "date",
    datetime: "date and time",
}
_ATTRIBUTE = re.compile(r"^    (\w+(?:, \w+)*): (.*)$")


def phases() -> str:
    """Return the phases of the consent conversation."""
    return _table(("phase", "meaning"), ((f"`{phase.value}`", text) for phase, text in MEANING.items()))


def outcomes() -> str:
    """Return the closed list of outcomes."""
    rows = (
        (f"`{outcome.value}`", "yes" if outcome.permits_recording else "no", OUTCOME_MEANING[outcome])
        for outcome in Outcome
    )
    return _table(("outcome", "recorded", "meaning"), rows)


def states() -> str:
    """Return the states of a recording."""
    return _table(
        ("state", "meaning"), ((f"`{state.value}`", STATE_MEANING[state]) for state in RecordingState)
    )


def reasons() -> str:
    """Return why recordings go."""
    rows = ((f"`{because.value}`", BECAUSE_MEANING[because]) for because in ErasedBecause)
    return _table(("`erased_because`", "meaning"), rows)


def alarms() -> str:
    """Return every kind of alarm."""
    rows = (
        (f"`{guide.kind}`", guide.meaning, guide.advice, " or ".join(ending.value for ending in guide.ends))
        for guide in GUIDES
    )
    return _table(
        ("kind", "what it means", "what to do", "over by itself when"),
        ((kind, meaning, advice, ends or "never: settle it") for kind, meaning, advice, ends in rows),
    )


def policy_keys() -> str:
    """Return every key of a policy file, with what one of the published texts makes of it."""
    used = _used()
    rows = (
        (f"`{key}`", kind, default, *_example(key, used), meaning)
        for key, kind, default, meaning in _rows(Policy, "", ("name", "content_hash"))
    )
    return _table(("key", "type", "default", "example", "article", "meaning"), rows)


def policy_table_names() -> list[str]:
    """Return the path of every key of a policy file, as `policy_keys` writes it."""
    return [key for key, *_ in _rows(Policy, "", ("name", "content_hash"))]


def hold_reasons_by_law() -> str:
    """Return the holds that every policy has."""
    rows = (
        (f"`{name}`", str(reason.longest), reason.source or "", reason.description["en"])
        for name, reason in HOLDS_BY_LAW.items()
    )
    return _table(("reason", "at most", "by", "meaning"), rows)


def long_sets() -> str:
    """Return the closed sets that are too long for a cell."""
    rows = (
        (name, ", ".join(f"`{member.value}`" for member in members)) for members, name in LONG_SETS.items()
    )
    return _table(("set", "words"), rows)


def free_days() -> str:
    """Return the days of 2026 that are no working days although no weekend."""
    days = (date(2026, 1, 1) + timedelta(days=number) for number in range(365))
    rows = (
        (day.isoformat(), day.strftime("%A"))
        for day in days
        if day.weekday() < 5 and not NATIONAL.is_working_day(day)
    )
    return _table(("day", ""), rows)


def config_keys() -> str:
    """Return every key of the config file."""
    return _keys_of(Config)


def listening_keys() -> str:
    """Return every key of a listening host's config file."""
    return _keys_of(ListeningHost)


def _keys_of(model: type[BaseModel]) -> str:
    rows = ((f"`{key}`", *rest) for key, *rest in _rows(model, "", ("home",)))
    return _table(("key", "type", "default", "meaning"), rows)


def _rows(model: type[BaseModel], prefix: str, hidden: Sequence[str]) -> Iterator[tuple[str, str, str, str]]:
    meanings = _meanings(model)
    in_place_of_a_value: dict[type[BaseModel], None] = {}
    for name, field in model.model_fields.items():
        if (prefix and name in CITING) or (not prefix and name in hidden):
            continue
        kind, inner = _type(field.annotation), tables_in(field.annotation)
        if kind and inner:
            in_place_of_a_value.update(dict.fromkeys(inner))
            kind += " or table"
        if kind:
            yield f"{prefix}{name}", kind, _default(field), meanings.get(name, "")
        else:
            for table in inner:
                yield from _rows(table, f"{prefix}{name}{_between(field.annotation)}", hidden)
    for table in in_place_of_a_value:
        yield from _rows(table, f"{prefix}KIND.", hidden)


def _between(annotation: Any) -> str:
    """Return what stands between the name of a table, of a list of tables or of named tables and a key."""
    origins = [get_origin(part) for part in (annotation, *get_args(annotation))]
    return "[]." if tuple in origins else ".NAME." if dict in origins else "."


def _used() -> list[tuple[str, Citation]]:
    """Return every key that a policy at hand uses: those of the five published texts first."""
    folders = (ROOT / "policies", ROOT / "docs", ROOT / "sandbox" / "policies")
    published, *others = ([load_policy(path) for path in sorted(folder.glob("*.toml"))] for folder in folders)
    cited = [
        (f"{policy.name}: {citation.source}", citation)
        for policy in published
        for citation in sources(policy)
        if citation.in_file
    ]
    cited.sort(key=lambda pair: pair[1].assumed)
    return cited + [
        ("none of the five", citation)
        for policies in others
        for policy in policies
        for citation in sources(policy)
        if citation.in_file
    ]


def _example(key: str, used: Sequence[tuple[str, Citation]]) -> tuple[str, str]:
    """Return what a policy says under a key, and by which article."""
    if key in CITING:
        return {"source": '`"G4, art. 6"`', "sources": '`{ numbers = "N1" }`'}[key], ""
    words = re.escape(key).replace("NAME", "[^.]+").replace("KIND", "[^.]+").replace(r"\[\]", r"\.[0-9]+")
    pattern = re.compile(words)
    for article, citation in used:
        if pattern.fullmatch(citation.key):
            return f"`{_toml(citation.value)}`", _cell(article)
    return "", ""


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Enum):
        return _toml(value.value)
    if isinstance(value, tuple):
        return _cell("[" + ", ".join(_toml(part) for part in value) + "]")
    if isinstance(value, dict):
        return _cell("{ " + ", ".join(f"{key} = {_toml(part)}" for key, part in value.items()) + " }")
    if isinstance(value, int | date):
        return str(value)
    return f'"{_cell(str(value if value is not None else "none"))}"'


def _cell(text: str) -> str:
    """Return text that fits a cell of a table."""
    text = " ".join(text.split()).replace("|", "/").replace("`", "'")
    return text if len(text) <= 70 else text[:67] + "..."


def _meanings(model: type[BaseModel]) -> dict[str, str]:
    """Return what the docstrings of a model and its parents say of each attribute."""
    found: dict[str, str] = {}
    for parent in reversed(model.__mro__):
        name = ""
        for line in inspect.cleandoc(parent.__doc__ or "").splitlines():
            if match := _ATTRIBUTE.match(line):
                name = match[1]
                found[name] = match[2]
            elif name and line.startswith("        "):
                found[name] += " " + line.strip()
            else:
                name = ""
    return found


def _type(annotation: Any) -> str:
    """Return what a key holds, in words; nothing when it holds tables only."""
    if annotation is Period:
        return "period"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        if annotation in LONG_SETS:
            return LONG_SETS[annotation]
        return " or ".join(f'"{member.value}"' for member in annotation)
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(word for part in parts if (word := _type(part))))
    if origin is tuple:
        return f"list of {word}" if (word := _type(parts[0])) else ""
    if origin is dict:
        return "" if tables_in(parts[1]) else "text by key" if parts[0] is str else "text by language"
    if origin is not None:
        return _type(parts[0])
    if annotation is type(None) or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return ""
    return _PLAIN_TYPES.get(annotation, "text")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, Enum):
        value = value.value
    return (
        "none"
        if value in (None, {}, ())
        else f"`{_toml(value) if isinstance(value, tuple | bool) else value}`"
    )


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"
