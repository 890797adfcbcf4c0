"""The generated tables of the docs; `make docs` writes them, `make check` compares them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from enum import Enum
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ivr.state import MEANING
from policy.alarm_kinds import GUIDES
from policy.config import Config
from policy.model import Policy
from policy.period import Period
from policy.vocabulary import ErasedBecause, Outcome, RecordingState

OUTCOME_MEANING = {
    Outcome.NOT_REFUSED: "the whole notice was heard, the reply window ran out, no refusal (`opt_out`)",
    Outcome.ACCEPTED: "the accept key was pressed (`opt_in`)",
    Outcome.ANNOUNCED: "the whole notice was heard (`announce`)",
    Outcome.REFUSED: "the refuse key was pressed; under `opt_in`: the accept key was not",
    Outcome.NOTICE_INCOMPLETE: "the notice was missing, failed, or did not play to its end",
    Outcome.CALLER_GONE: "the caller hung up before anything was decided",
    Outcome.GATE_UNAVAILABLE: "the daemon was away, or the dead-man switch freed the caller",
    Outcome.OUT_OF_SCOPE: "no policy serves the number dialled",
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
    """Return every key of a policy file."""
    return _keys(Policy, hidden=("name", "content_hash"))


def config_keys() -> str:
    """Return every key of the config file."""
    return _keys(Config, hidden=("home",))


def _keys(model: type[BaseModel], *, hidden: Sequence[str]) -> str:
    return _table(("key", "type", "default", "meaning"), _rows(model, "", hidden))


def _rows(model: type[BaseModel], prefix: str, hidden: Sequence[str]) -> Iterator[tuple[str, str, str, str]]:
    meanings = _meanings(model)
    for name, field in model.model_fields.items():
        if name in hidden or (name == "source" and prefix):
            continue
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _rows(inner, f"{prefix}{name}.", hidden)
        else:
            yield f"`{prefix}{name}`", _type(inner), _default(field), meanings.get(name, "")


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
    if annotation is Period:
        return "period"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(f'"{member.value}"' for member in annotation)
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return " or ".join(_type(part) for part in get_args(annotation) if part is not type(None))
    if origin is tuple:
        return f"list of {_type(get_args(annotation)[0])}"
    if origin is dict:
        return "text by language"
    if origin is not None:
        return _type(get_args(annotation)[0])
    return {"str": "text", "int": "number", "bool": "true or false"}.get(annotation.__name__, "text")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, Enum):
        value = value.value
    return "none" if value in (None, {}, ()) else f"`{list(value) if isinstance(value, tuple) else value}`"


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"
