"""Which rule decided each thing about one call, and what will happen to it, when and why (X8)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from policy.access import Action
from policy.clock import LOCAL_ZONE, to_local
from policy.model import Policy
from policy.period import Period
from policy.retention import BackupMode, DataKind
from policy.rules import deciding_key, due_at
from policy.scope import AnsweredBy, TransferOutside
from policy.section import Section
from policy.terms import data_due_at
from policy.vocabulary import CallId, ConcludedBecause, Outcome, RecordingId, RecordingState
from publish.naming import title_of

NO_ARTICLE: Final = "no source given"


class About(Enum):
    """What a line of the explanation is about."""

    POLICY = "policy"
    SCOPE = "scope"
    NOTICE = "notice"
    OUTCOME = "outcome"
    HELD = "held by"
    RECORDING = "recording"
    RETENTION = "retention"
    WHAT_NEXT = "what next"
    LONGER = "longer"
    INCIDENT = "incident"
    WITHDRAWAL = "withdrawal"
    LISTENING = "who may hear"
    BACKUP = "backup"
    CALL_DATA = "call data"
    EVIDENCE = "evidence"
    DEVIATION = "deviation"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One decision of the call.

    Attributes:
        policy: The version whose gate it was, or None when it is not on record.
        words: What was played, or None when nothing was, or when it is not kept any more.
    """

    outcome: Outcome
    policy: Policy | None
    words: str | None
    language: str | None
    heard_ms: int
    duration_ms: int | None
    digit: str | None
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One recording of the call, gone or not.

    Attributes:
        policy: The version it was made under, or None when its text is not kept.
        rule: Why it is due then, in words, as stored when it began.
        promised_at: When it had to be gone by its term alone.
        kept_by: Each hold and extension that keeps it now, in words.
        closed: What closes it to nearly everybody now, such as `restricted`, and why.
        incident: What it was flagged for and what became of that, in words, or None.
        reached_from: The later call whose refusal took it back, or None.
        concluded: When and why it ended while its call went on, or None.
        ended_because: Why its end was decided, or None.
    """

    recording_id: RecordingId
    policy: Policy | None
    state: RecordingState
    due_at: datetime
    rule: str
    ended_because: str | None
    erased_at: datetime | None
    promised_at: datetime
    kept_by: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    incident: str | None = None
    reached_from: CallId | None = None
    concluded: tuple[datetime, ConcludedBecause] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Somebody had the call for a while.

    Attributes:
        person: Their id, or None when it is not known who was at that telephone.
        until: None while they have it.
    """

    person: str | None
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """What is on record about one call.

    Attributes:
        going_on: Whether it has not ended yet.
        reached_back: Earlier recordings that this call's refusal took back.
    """

    call_id: CallId
    number: str | None
    started_at: datetime
    going_on: bool
    outcome: Outcome | None
    asked: tuple[Asked, ...]
    kept: tuple[Kept, ...]
    data_due_at: datetime
    data_erased_at: datetime | None
    held: tuple[Held, ...] = ()
    reached_back: tuple[RecordingId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One thing about the call and the rule that decided it.

    Attributes:
        rule: Key of the policy, or the rule that every policy has.
        source: Its article.
    """

    about: About
    says: str
    rule: str
    source: str


def explain(
    facts: CallFacts, policy: Policy | None, *, now: datetime, running: Policy | None = None
) -> tuple[Reason, ...]:
    """Return every line about one call.

    Args:
        facts: What is on record.
        policy: The version that was in force for it; None when no policy served it.
        now: Aware.
        running: The version of that name that is served now, or None.
    """
    return tuple(_explain(facts, policy, now, running))


def _explain(
    facts: CallFacts, policy: Policy | None, now: datetime, running: Policy | None
) -> Iterator[Reason]:
    if policy is None:
        yield Reason(
            about=About.POLICY,
            says="no policy serves this call",
            rule="numbers",
            source="I9: in doubt, no recording",
        )
    else:
        yield from _of_policy(facts, policy, running)
        yield _scope(policy)
    yield from _of_notice(facts)
    yield _of_outcome(facts, policy)
    if facts.reached_back and policy is not None:
        names = ", ".join(recording_id[:8] for recording_id in facts.reached_back)
        yield _reached(f"this refusal took back what the same caller said before: {names}", policy)
    yield from _of_holders(facts, policy)
    for kept in facts.kept:
        if kept.policy is not None:
            yield from _of_recording(kept, kept.policy, facts, now)
    yield from _of_call_data(facts, policy, now)
    if policy is not None:
        yield from _evidence(facts, policy, now)
        yield from _deviations(policy, now)
        yield from _conflicts(policy)


def _of_policy(facts: CallFacts, policy: Policy, running: Policy | None) -> Iterator[Reason]:
    dialled = "" if facts.number is None else f", by the number {facts.number}"
    yield Reason(
        about=About.POLICY,
        says=f"{policy.name}, version {policy.content_hash[:12]}{dialled}, at {to_local(facts.started_at)}",
        rule="numbers",
        source=policy.sources.get("numbers") or policy.source or NO_ARTICLE,
    )
    if running is not None and running.content_hash != policy.content_hash:
        yield Reason(
            about=About.POLICY,
            says=f"served now: version {running.content_hash[:12]}; this call keeps its own promise",
            rule="version",
            source="X8",
        )


def _scope(policy: Policy) -> Reason:
    scope = policy.scope
    ways = ", ".join(way.value for way in scope.directions)
    who = "whoever answers" if scope.answered_by is AnsweredBy.ANYONE else "only while the KCC has the call"
    outside = {
        TransferOutside.STOP_AND_KEEP: "ends the recording and keeps it",
        TransferOutside.GO_ON: "goes on recording",
        TransferOutside.DROP: "ends the recording and erases it",
    }[scope.transfer_outside]
    return Reason(
        about=About.SCOPE,
        says=f"recorded are calls that are {ways}, {who}; a transfer outside the KCC {outside}",
        rule=f"scope.directions = {ways}; scope.answered_by = {scope.answered_by.value}",
        source=_source(scope, "directions"),
    )


def _of_notice(facts: CallFacts) -> Iterator[Reason]:
    for asked in facts.asked:
        source = NO_ARTICLE if asked.policy is None else _source(asked.policy.notice, "text")
        if asked.words is None:
            says = "no words are on record: nothing was played, or their term is over"
        else:
            whole = "" if asked.duration_ms is None else f" of {asked.duration_ms / 1000:.1f}"
            heard = f"{asked.heard_ms / 1000:.1f}{whole} s heard in {asked.language}"
            says = f'"{asked.words}" ({heard}, at {to_local(asked.decided_at)})'
        yield Reason(about=About.NOTICE, says=says, rule="notice.text", source=source)


def _of_outcome(facts: CallFacts, policy: Policy | None) -> Reason:
    if facts.outcome is None:
        return Reason(
            about=About.OUTCOME, says="the caller is still being asked", rule="consent.mode", source="I1"
        )
    # of several gates the strictest decides, so its own policy is the rule
    policy = next((one.policy for one in facts.asked if one.outcome is facts.outcome and one.policy), policy)
    recorded = "may be recorded" if facts.outcome.permits_recording else "not recorded"
    says = f"{facts.outcome.value}: {_why(facts.outcome, policy)}; {recorded}"
    if policy is None or facts.outcome in _IN_DOUBT:
        return Reason(about=About.OUTCOME, says=says, rule="in doubt, no recording", source="X2")
    return Reason(
        about=About.OUTCOME,
        says=says,
        rule=f"consent.mode = {policy.consent.mode.value}",
        source=_source(policy.consent, "mode"),
    )


_IN_DOUBT: Final = frozenset(
    {Outcome.NOTICE_INCOMPLETE, Outcome.GATE_UNAVAILABLE, Outcome.ERROR, Outcome.CALLER_GONE}
)


def _why(outcome: Outcome, policy: Policy | None) -> str:
    key = None if policy is None else deciding_key(policy.consent)
    window = "" if policy is None else f" {policy.consent.reply_window_ms / 1000:g} s"
    return {
        Outcome.NOT_REFUSED: f"the whole notice was heard, and no {key} came within{window} after it",
        Outcome.ACCEPTED: f"the caller pressed {key}",
        Outcome.ANNOUNCED: "the whole notice was heard, and there is no key to choose",
        Outcome.REFUSED: f"the caller refused (key {key})",
        Outcome.NOTICE_INCOMPLETE: "the notice was missing, failed, or was not heard to its end",
        Outcome.CALLER_GONE: "the caller hung up before anything was decided",
        Outcome.GATE_UNAVAILABLE: "the gate could not be reached, and the caller went on",
        Outcome.OUT_OF_SCOPE: "no policy serves the number dialled",
        Outcome.ERROR: "number and policy disagree, or something failed",
    }[outcome]


def _of_holders(facts: CallFacts, policy: Policy | None) -> Iterator[Reason]:
    roles = {} if policy is None or policy.access is None else policy.access.roles
    takes_calls = [(name, role) for name, role in roles.items() if role.takes_calls]
    rule, source = ("who held it", "X5")
    if takes_calls:
        ((name, role), *_) = takes_calls
        rule, source = f"access.roles.{name}", role.source
    for held in facts.held:
        who = held.person or "somebody who is on no agent's line"
        until = "who has it now" if held.until is None else f"until {to_local(held.until)}"
        says = f"{who}, from {to_local(held.since)}, {until}"
        yield Reason(about=About.HELD, says=says, rule=rule, source=source)


def _reached(says: str, policy: Policy) -> Reason:
    return Reason(
        about=About.WITHDRAWAL,
        says=says,
        rule=f"consent.refusal_reaches_back = {policy.consent.refusal_reaches_back}",
        source=_source(policy.consent, "refusal_reaches_back"),
    )


def _of_decisions(kept: Kept, policy: Policy) -> Iterator[Reason]:
    """Give what somebody decided about this very recording."""
    name = kept.recording_id[:8]
    if kept.reached_from is not None:
        yield _reached(f"{name}: taken back by the refusal in call {kept.reached_from}", policy)
    if kept.incident is not None:
        yield Reason(about=About.INCIDENT, says=f"{name}: {kept.incident}", rule="on the ledger", source="X6")
    for words in kept.closed:
        yield Reason(
            about=About.LISTENING,
            says=f"{name}: closed, but for the grants that say so: {words}",
            rule="access.grants: even_when",
            source="AVG art. 18(2) and 21(1)",
        )


def _why_concluded(name: str, policy: Policy, at: datetime, because: ConcludedBecause) -> Reason:
    ended = f"{name}: ended at {to_local(at)}, while the call went on"
    if because is ConcludedBecause.ANOTHER_GATE:
        says = f"{ended}: at a gate of another policy, which has a recording of its own"
        return Reason(about=About.RECORDING, says=says, rule="a recording for each policy", source="X7")
    return Reason(
        about=About.RECORDING,
        says=f"{ended}: somebody had the call who is no KCC",
        rule=f"scope.transfer_outside = {policy.scope.transfer_outside.value}",
        source=_source(policy.scope, "transfer_outside"),
    )


def _of_recording(kept: Kept, policy: Policy, facts: CallFacts, now: datetime) -> Iterator[Reason]:
    name = kept.recording_id[:8]
    source = _source(policy.retention, "recording")
    yield Reason(
        about=About.RECORDING,
        says=f"{name}: {kept.state.value}",
        rule=kept.rule,
        source=source,
    )
    yield from _of_decisions(kept, policy)
    if kept.concluded is not None:
        yield _why_concluded(name, policy, *kept.concluded)
    if kept.erased_at is not None:
        because = kept.ended_because or "no reason on record"
        yield Reason(
            about=About.WHAT_NEXT,
            says=f"{name}: gone since {to_local(kept.erased_at)} ({because}); only its receipt is left",
            rule=kept.rule if kept.ended_because == "due" else because,
            source=source if kept.ended_because == "due" else "X3",
        )
        return
    yield Reason(
        about=About.RETENTION,
        says=f"{name}: {_promise(kept, policy, facts)}, so due at {to_local(kept.promised_at)}",
        rule=f"retention.recording = {policy.retention.recording}",
        source=source,
    )
    yield Reason(about=About.WHAT_NEXT, says=f"{name}: {_next(kept, now)}", rule=kept.rule, source=source)
    for words in kept.kept_by:
        yield Reason(about=About.LONGER, says=f"{name}: {words}", rule="on the ledger", source="X6")
    if kept.ended_because is None:
        mode = policy.backups.mode
        where = "in no backup" if mode is BackupMode.NONE else "in a backup that erases with us"
        yield Reason(
            about=About.BACKUP,
            says=f"{name}: {where}",
            rule=f"backups.mode = {mode.value}",
            source=_source(policy.backups, "mode"),
        )
    if kept.ended_because is None and now < kept.due_at:
        yield from _longer(policy)
        yield from _withdrawal(policy, going_on=facts.going_on)
        yield from _listening(policy)


def _promise(kept: Kept, policy: Policy, facts: CallFacts) -> str:
    promised = f"kept at most {policy.retention.recording}"
    shortened = kept.promised_at < due_at(policy, facts.started_at)
    return f"{promised}, and shortened since ({kept.rule})" if shortened else promised


def _next(kept: Kept, now: datetime) -> str:
    if kept.ended_because is not None:
        return (
            f"its end is decided ({kept.ended_because}); the next purge or sweep takes key, file and copies"
        )
    if now >= kept.due_at:
        return "it is due now; the next purge takes key, file and copies, and writes a receipt"
    return f"at {to_local(kept.due_at)} the purge takes key, file and copies, and writes a receipt"


def _longer(policy: Policy) -> Iterator[Reason]:
    for extension in policy.extensions:
        asks, decides = (title_of(policy, role) for role in (extension.indicated_by, extension.decided_by))
        yield Reason(
            about=About.LONGER,
            says=f"once, {extension.lasts} more, when {asks} points it out and {decides} decides before that",
            rule=f"extensions.{extension.name}",
            source=extension.source or NO_ARTICLE,
        )
    for name, reason in policy.hold_reasons.items():
        decides = " or ".join(title_of(policy, role) for role in reason.decided_by)
        by_law = policy.retention.fixed_end and name not in policy.holds.reasons
        deviates = "; a deviation, for the text promises a fixed end" if by_law else ""
        described = reason.description.get("en", reason.description.get("nl", name))
        yield Reason(
            about=About.LONGER,
            says=f"by a hold of at most {reason.longest}: {described}; decided by {decides}{deviates}",
            rule=f"holds.reasons.{name}",
            source=reason.source or policy.holds.source or NO_ARTICLE,
        )


def _withdrawal(policy: Policy, *, going_on: bool) -> Iterator[Reason]:
    codes = (("withdraw_code", "the caller"), ("agent_withdraw_code", "the agent"))
    for key, who in codes:
        code = getattr(policy.consent, key)
        if going_on and code is not None:
            yield Reason(
                about=About.WITHDRAWAL,
                says=f"{who} can press {code} during the call, and it is erased",
                rule=f"consent.{key} = {code}",
                source=_source(policy.consent, key),
            )
    yield Reason(
        about=About.WITHDRAWAL,
        says=f"on a request, within {policy.rights.deadline}; while an incident is open: "
        f"{policy.consent.on_incident.value}",
        rule=f"consent.on_incident = {policy.consent.on_incident.value}",
        source=_source(policy.consent, "on_incident"),
    )


def _listening(policy: Policy) -> Iterator[Reason]:
    if policy.access is None:
        yield Reason(
            about=About.LISTENING, says="nobody: the policy grants no access", rule="access", source="X5"
        )
        return
    for name, grant in policy.access.grants.items():
        if {Action.LISTEN, Action.MONITOR, Action.HAND_OVER, Action.EXPORT} & set(grant.actions):
            yield Reason(
                about=About.LISTENING, says=grant.says, rule=f"access.grants.{name}", source=grant.source
            )
    for name, denial in policy.access.denials.items():
        yield Reason(
            about=About.LISTENING,
            says=f"never: {denial.says}",
            rule=f"access.denials.{name}",
            source=denial.source,
        )


def _of_call_data(facts: CallFacts, policy: Policy | None, now: datetime) -> Iterator[Reason]:
    if policy is None:
        rule, source = "a call that no policy serves", "assumed: text silent: not theirs"
    else:
        term: object = policy.retention.term(DataKind.CALL_DATA)
        rule = f"retention.call_data = {term}" if isinstance(term, Period) else f"retention.call_data: {term}"
        source = _source(policy.retention, "call_data")
    if facts.data_erased_at is not None:
        says = f"number, caller and channel are gone since {to_local(facts.data_erased_at)}"
    elif now >= facts.data_due_at:
        says = "number, caller and channel are due now; the next purge takes them"
    else:
        says = f"number, caller and channel go at {to_local(facts.data_due_at)}"
    yield Reason(about=About.CALL_DATA, says=says, rule=rule, source=source)


def _evidence(facts: CallFacts, policy: Policy, now: datetime) -> Iterator[Reason]:
    """Say when what vouches for the call goes: never before its recording (X8)."""
    for kind, what in _EVIDENCE.items():
        term = policy.retention.term(kind)
        due_at = data_due_at(policy, kind, facts.started_at)
        when = f"went at {to_local(due_at)}" if due_at <= now else f"go at {to_local(due_at)}"
        yield Reason(
            about=About.EVIDENCE,
            says=f"{what}: {when}, no earlier than the recording",
            rule=f"retention.{kind.value} = {term}",
            source=policy.retention.sources.get(kind.value) or _source(policy.retention, "call_data"),
        )


_EVIDENCE: Final = {
    DataKind.DECISIONS: "what was heard and decided",
    DataKind.NOTICE_VERSIONS: "the words of the notice, unless a later call heard them",
    DataKind.LEDGER_PAYLOADS: "the ledger's words about the call; its hashes stay",
}


def _deviations(policy: Policy, now: datetime) -> Iterator[Reason]:
    today = now.astimezone(LOCAL_ZONE).date()
    for deviation in policy.granted_deviations:
        if deviation.approved_on <= today <= deviation.until:
            yield Reason(
                about=About.DEVIATION,
                says=f"until {deviation.until}, approved by {deviation.approved_by} on"
                f" {deviation.approved_on}: {deviation.finding}",
                rule=deviation.deviates_from,
                source=deviation.source or NO_ARTICLE,
            )


def _conflicts(policy: Policy) -> Iterator[Reason]:
    for conflict in policy.conflicts:
        if conflict.about.split(".")[0] in ("consent", "retention", "access", "sharing"):
            yield Reason(
                about=About.CONFLICT,
                says=f'"{conflict.says}" but "{conflict.but}"; obeyed: {conflict.obeyed}',
                rule=conflict.about,
                source=conflict.source or NO_ARTICLE,
            )


def _source(section: Section, key: str) -> str:
    return section.source_of(key) or NO_ARTICLE
