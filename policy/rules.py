"""What follows from a policy: pure functions over values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from policy.evidence import Heard
from policy.load import Policies
from policy.model import Consent, Policy
from policy.vocabulary import ConsentMode, Outcome

_STRICTNESS: Sequence[Outcome] = (
    Outcome.ANNOUNCED,
    Outcome.ACCEPTED,
    Outcome.NOT_REFUSED,
    Outcome.OUT_OF_SCOPE,
    Outcome.NOTICE_INCOMPLETE,
    Outcome.GATE_UNAVAILABLE,
    Outcome.ERROR,
    Outcome.CALLER_GONE,
    Outcome.REFUSED,
)


def deciding_key(consent: Consent) -> str | None:
    """Return the one digit that decides under this consent, or None where there is no choice."""
    match consent.mode:
        case ConsentMode.OPT_OUT:
            return consent.refuse_key
        case ConsentMode.OPT_IN:
            return consent.accept_key
        case ConsentMode.ANNOUNCE:
            return None
        case _:
            assert_never(consent.mode)


def outcome_of(consent: Consent, heard: Heard) -> Outcome:
    """Return what the caller's part in the conversation amounts to.

    Silence counts only after the notice played to its end and the reply window ran out;
    in doubt there is no recording (I9). Under `opt_in` silence is not acceptance, so it
    is `refused`.
    """
    key = deciding_key(consent)
    pressed = key is not None and heard.digit == key
    if consent.mode is ConsentMode.OPT_OUT and pressed:
        return Outcome.REFUSED
    if heard.hung_up:
        return Outcome.CALLER_GONE
    if consent.mode is ConsentMode.OPT_IN and pressed:
        return Outcome.ACCEPTED
    if not heard.finished:
        return Outcome.NOTICE_INCOMPLETE
    match consent.mode:
        case ConsentMode.ANNOUNCE:
            return Outcome.ANNOUNCED
        case ConsentMode.OPT_OUT:
            return Outcome.NOT_REFUSED if heard.window_over else Outcome.NOTICE_INCOMPLETE
        case ConsentMode.OPT_IN:
            return Outcome.REFUSED
        case _:
            assert_never(consent.mode)


def stricter(one: Outcome, other: Outcome) -> Outcome:
    """Return the outcome that permits less; a call that enters two gates keeps it."""
    return max(one, other, key=_STRICTNESS.index)


def select_policy(policies: Policies, *, number: str, named: str | None) -> Policy | Outcome:
    """Return the policy of a call, or the outcome when no recording may come of it.

    Args:
        policies: Every policy served.
        number: The number dialled.
        named: The argument of the administrator's Gosub, where the trunk delivers another number.

    Returns:
        The policy; `OUT_OF_SCOPE` when nothing claims the number; `ERROR` when number and
        argument disagree or the argument names no policy.
    """
    by_number = policies.for_number(number)
    if not named:
        return by_number if by_number is not None else Outcome.OUT_OF_SCOPE
    by_name = policies.by_name.get(named)
    if by_name is None or (by_number is not None and by_number is not by_name):
        return Outcome.ERROR
    return by_name


def due_at(policy: Policy, started_at: datetime) -> datetime:
    """Return when a recording of a call that started then has to be gone: never later."""
    return policy.retention.recording.after(started_at)


def call_data_due_at(policy: Policy, started_at: datetime) -> datetime:
    """Return when the data about a call have to be gone."""
    return policy.retention.call_data.after(started_at)
