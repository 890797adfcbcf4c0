"""What follows from a policy: pure functions over values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from policy.evidence import Heard
from policy.load import Policies
from policy.model import Consent, Policy
from policy.numbers import normalise
from policy.purposes import Ground
from policy.rights import Right
from policy.scope import Answered, AnsweredBy, Direction, KccMember
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
    return policy.retention.recording.after(started_at, policy.working_days)


def call_data_due_at(policy: Policy, started_at: datetime) -> datetime:
    """Return when the data about a call have to be gone."""
    return policy.retention.call_data.after(started_at, policy.working_days)


def in_scope(policy: Policy, direction: Direction) -> bool:
    """Return whether calls of this direction may be recorded; others hear no notice (N1)."""
    return direction in policy.scope.directions


def counts_as_kcc(policy: Policy, answered: Answered, at: datetime) -> bool:
    """Return whether whoever answered counts as KCC at that moment."""
    if policy.scope.answered_by is AnsweredBy.ANYONE:
        return True
    return any(member.counts_at(at) and _is(member, answered) for member in policy.scope.kcc)


def _is(member: KccMember, answered: Answered) -> bool:
    if member.dialled is not None:
        return answered.dialled is not None and normalise(answered.dialled) == normalise(member.dialled)
    pairs = (
        (member.endpoint, answered.endpoint),
        (member.queue, answered.queue),
        (member.queue_member, answered.queue_member),
    )
    return any(listed is not None and listed == seen for listed, seen in pairs)


def rights_of(policy: Policy) -> frozenset[Right]:
    """Return every right that data subjects have here: those named, and the law's own (X11).

    Source: AVG art. 7(3), 13 to 18, 20, 21 and 77.
    """
    rights = {
        Right.INFORMATION,
        Right.ACCESS,
        Right.RECTIFICATION,
        Right.ERASURE,
        Right.RESTRICTION,
        Right.COMPLAINT,
        *policy.rights.named,
    }
    if not policy.purposes or policy.grounds & {Ground.PUBLIC_TASK, Ground.LEGITIMATE_INTEREST}:
        rights.add(Right.OBJECTION)
    if Ground.CONSENT in policy.grounds:
        rights.add(Right.WITHDRAWAL)
    if policy.grounds & {Ground.CONSENT, Ground.AGREEMENT}:
        rights.add(Right.PORTABILITY)
    return frozenset(rights)


def objection_is_withdrawal(policy: Policy) -> bool:
    """Return whether an objection to a recording erases it like a withdrawal: its ground is consent."""
    return Ground.CONSENT in policy.recording_grounds


def heard_as(policy: Policy, right: Right) -> Right:
    """Return as what a request about a recording is answered, by the ground on which it was made.

    Whoever objects to what rests on their consent withdraws it, and whoever withdraws a consent that
    was never asked for objects; nobody has to know which of the two words is the law's.

    Source: AVG art. 7(3) and 21(1).
    """
    consent = objection_is_withdrawal(policy)
    if right is Right.OBJECTION and consent:
        return Right.WITHDRAWAL
    if right is Right.WITHDRAWAL and not consent:
        return Right.OBJECTION
    return right


def portable(policy: Policy) -> bool:
    """Return whether the right to portability reaches a recording: made on consent or agreement.

    Source: AVG art. 20(1)(a).
    """
    return bool(policy.recording_grounds & {Ground.CONSENT, Ground.AGREEMENT})
