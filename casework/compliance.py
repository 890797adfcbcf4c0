"""The compliance report: each promise of a policy with what a period shows of it.

A promise is a key of the policy file that an article stands behind. What is found is counted in the records;
a promise of which nothing is counted here says so, and nobody's word is put in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from policy.access import Action, Calls, Denial, Grant, PurposeName, RoleName
from policy.cited import Citation, sources
from policy.clock import from_ms, to_iso, to_ms
from policy.errors import ConsentlineError
from policy.identity import DataCategory
from policy.model import Policy
from policy.retention import BackupMode
from policy.sharing import PoliceWhen
from publish.reports.compliance import Compliance, Deviation, Kept, Line
from publish.reports.figures import Fact, Unit
from store.cases import orders
from store.db import Db
from store.figures import keeping, work
from store.figures.evidence import Evidence
from store.figures.period import Period
from store.files import backup_mark
from store.files.archive import Archive
from store.logbook import checkpoints, ledger
from store.persons import informed
from store.proof import verification

Found = tuple[tuple[Fact, ...], Kept]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """What a promise is held against."""

    evidence: Evidence
    policy: Policy
    key: str
    value: object

    @property
    def name(self) -> str:
        """The second word of the key: of `access.grants.safety.roles` it is `grants`."""
        return self.key.split(".")[1]


Look = Callable[[_Case], Found]

_NO_PROMISE: Final = (
    *(
        "identity.organisation",
        "identity.title",
        "identity.statement",
        "identity.controller",
        "identity.date",
    ),
    *("identity.reference", "identity.contacts", "numbers", "aliases", "conflicts"),
)
"""Who somebody is and how they are reached is no promise; contradictions stand in what is published."""


def make(
    db: Db, archive: Archive, policy: Policy, period: Period, *, now: datetime, verify: bool
) -> Compliance:
    """Count what shows that promises were kept; only reads.

    Args:
        db: To read through.
        archive: Whose vault and folders are looked at.
        policy: As it runs.
        period: The evidence's.
        now: For what is there now.
        verify: Whether the whole ledger is verified as well: half a minute for a year.
    """
    evidence = Evidence(db=db, policy=policy.name, period=period, now=now)
    return Compliance(
        policy=policy.name,
        organisation=policy.identity.organisation,
        title=policy.identity.title,
        since=to_iso(period.since),
        before=to_iso(period.before),
        made_at=to_iso(now),
        versions=evidence.versions(),
        lines=tuple(_line(evidence, policy, one) for one in promised(policy)),
        general=(*_ledger(db, archive, verify), *_keys(evidence), _marks(archive, policy)),
        deviations=tuple(_deviations(db, policy, evidence)),
    )


def promised(policy: Policy) -> tuple[Citation, ...]:
    """Return what a policy promises by an article: not who it is, nor what was assumed."""
    return tuple(
        one
        for one in sources(policy)
        if not one.assumed and not any(_is_under(one.key, prefix) for prefix in _NO_PROMISE)
    )


def _line(evidence: Evidence, policy: Policy, citation: Citation) -> Line:
    case = _Case(evidence=evidence, policy=policy, key=citation.key, value=citation.value)
    look = next((look for prefix, look in _LOOKS if _is_under(citation.key, prefix)), _nothing)
    facts, kept = look(case)
    return Line(
        promise=citation.key,
        value=" ".join(citation.written.split())[:400],
        source=citation.source,
        evidence=facts,
        kept=kept,
    )


def _is_under(key: str, prefix: str) -> bool:
    return key == prefix or key.startswith(f"{prefix}.")


def _nothing(_: _Case) -> Found:
    return (), Kept.NOT_BY_MACHINE


def _count(key: str, number: int) -> Fact:
    return Fact(key=key, unit=Unit.COUNT, value=number)


def _text(key: str, text: str) -> Fact:
    return Fact(key=key, unit=Unit.TEXT, value=text)


def _moment(key: str, at: datetime | None) -> Fact:
    return Fact(key=key, unit=Unit.MOMENT, value=None if at is None else to_iso(at))


def _kept(holds: bool) -> Kept:
    return Kept.YES if holds else Kept.NO


# --- each promise -----------------------------------------------------------------------------------


def _recordings_kept(case: _Case) -> Found:
    evidence = case.evidence
    exact = keeping.lateness(evidence.db, evidence.policy, evidence.period)
    there = keeping.present(evidence.db, evidence.policy, evidence.now)
    overdue = evidence.overdue()
    facts = (
        _count("present", there.recordings),
        _moment("oldest", there.oldest_at),
        _count("erased_due", exact.erased),
        _moment("last_erasure", exact.last_at),
        Fact(
            key="latest_erasure",
            unit=Unit.SECONDS,
            value=None if exact.latest_ms is None else round(exact.latest_ms / 1000, 1),
        ),
        _count("erased_late", exact.late),
        _count("erased_early", exact.early),
        _count("overdue", overdue),
        _count("held", there.held),
    )
    return facts, _kept(not (exact.late or exact.early or overdue))


def _call_data_kept(case: _Case) -> Found:
    overdue = case.evidence.calls_overdue()
    facts = (_moment("oldest_call", case.evidence.oldest_call_data()), _count("calls_overdue", overdue))
    return facts, _kept(not overdue)


def _asked_first(case: _Case) -> Found:
    words, against = case.evidence.words(), case.evidence.recorded_against_a_word()
    permitted = sum(words[one] for one in ("not_refused", "accepted", "announced"))
    facts = (
        _count("permitted", permitted),
        _count("refused", words["refused"]),
        _count("recorded_after_refusal", against),
    )
    return facts, _kept(not against)


def _notice_heard(case: _Case) -> Found:
    unheard = case.evidence.recorded_unheard()
    return (_count("recorded_unheard", unheard),), _kept(not unheard)


def _withdrawn(case: _Case) -> Found:
    evidence = case.evidence
    there, gone = evidence.withdrawn_and_there(), evidence.erased_because()["withdrawn"]
    slowest = Fact(
        key="slowest_withdrawal", unit=Unit.SECONDS, value=round(evidence.slowest_withdrawal_ms() / 1000, 1)
    )
    facts = (_count("withdrawn", gone), *((slowest,) if gone else ()), _count("withdrawn_and_there", there))
    return facts, _kept(not there)


def _in_scope(case: _Case) -> Found:
    dropped, there = case.evidence.erased_because()["out_of_scope"], case.evidence.out_of_scope_and_there()
    facts = (_count("dropped_out_of_scope", dropped), _count("out_of_scope_and_there", there))
    return facts, _kept(not there)


def _purpose_served(case: _Case) -> Found:
    found = case.evidence.accesses_by("purpose")
    strange = sum(number for name, number in found.items() if name not in case.policy.all_purposes)
    facts = (_count("accesses_for_it", found[case.name]), _count("accesses_for_no_purpose", strange))
    return facts, _kept(not strange)


def _held(case: _Case) -> Found:
    found, past = case.evidence.holds_by_reason(), case.evidence.holds_past_their_end()
    strange = sorted(set(found) - set(case.policy.hold_reasons))
    facts = (
        _count("holds_placed", found.total()),
        *(_count("holds_for_no_reason", found[one]) for one in strange),
        _count("holds_past_end", past),
    )
    return facts, _kept(not (strange or past))


def _extended(case: _Case) -> Found:
    past = case.evidence.extensions_past_their_end()
    return (_count("extended", case.evidence.extensions()), _count("extended_past_end", past)), _kept(
        not past
    )


def _assessed(case: _Case) -> Found:
    evidence = case.evidence
    found = evidence.incidents()
    overdue = work.not_assessed(evidence.db, evidence.policy, evidence.now)
    stages = tuple(_count(stage, found[stage]) for stage in work.STAGES)
    return (*stages, _count("incidents_overdue", overdue)), _kept(not overdue)


def _answered(case: _Case) -> Found:
    evidence = case.evidence
    taken = sum(work.requests(evidence.db, evidence.policy, evidence.period).values())
    overdue = work.requests_overdue(evidence.db, evidence.policy, evidence.now)
    facts = (_count("requests_taken", taken), _count("requests_overdue", overdue))
    return facts, _kept(not overdue) if case.key == "rights.deadline" else Kept.NOT_BY_MACHINE


def _accessed(case: _Case) -> Found:
    rules = case.evidence.accesses_by("rule")
    if case.name == "grants":
        name = case.key.split(".")[2]
        return _under_grant(case, name, rules[name])
    if case.name == "denials":
        return _under_denial(case, case.key.split(".")[2])
    strange = sum(number for rule, number in rules.items() if rule not in _grants(case.policy))
    facts = (
        _count("accesses", rules.total()),
        _count("access_refused", case.evidence.refusals().total()),
        _count("accesses_by_no_grant", strange),
    )
    return facts, _kept(not strange)


def _under_grant(case: _Case, name: str, accesses: int) -> Found:
    grant = _grants(case.policy).get(name)
    facts = [_count("accesses_by_it", accesses)]
    undrawn = 0
    if grant is not None and Calls.SAMPLED in grant.calls:
        undrawn = case.evidence.heard_undrawn(name)
        facts.append(_count("heard_undrawn", undrawn))
    return tuple(facts), _kept(not undrawn)


def _under_denial(case: _Case, name: str) -> Found:
    denial: Denial | None = None if case.policy.access is None else case.policy.access.denials.get(name)
    against = 0
    if denial is not None:
        against = sum(
            number
            for (role, purpose, action), number in case.evidence.accesses_in_detail().items()
            if denial.covers(RoleName(role), PurposeName(purpose), Action(action))
        )
    facts = (
        _count("refused_by_it", case.evidence.refusals()[name]),
        _count("accesses_against_it", against),
    )
    return facts, _kept(not against)


def _grants(policy: Policy) -> Mapping[str, Grant]:
    return {} if policy.access is None else policy.access.grants


def _shared(case: _Case) -> Found:
    handed = case.evidence.accesses_by("action")["hand_over"]
    never = case.policy.sharing.police.when is PoliceWhen.NEVER and _is_under(case.key, "sharing.police")
    return (_count("handed_over", handed),), _kept(not handed) if never else Kept.NOT_BY_MACHINE


def _drawn(case: _Case) -> Found:
    return (_count("draws", case.evidence.draws()),), Kept.NOT_BY_MACHINE


def _told(case: _Case) -> Found:
    lacking = len(informed.not_informed(case.evidence.db, case.policy, case.evidence.now))
    return (_count("agents_not_told", lacking),), _kept(not lacking)


def _call_data(case: _Case) -> Found:
    if not case.key.endswith("call_data"):
        return _nothing(case)
    names = DataCategory.WAITING_TIME in case.policy.data.call_data
    unnamed = case.evidence.unnamed_waiting()
    return (_count("unnamed_waiting", unnamed),), _kept(names or not unnamed)


_LOOKS: Final[Sequence[tuple[str, Look]]] = (
    ("scope", _in_scope),
    ("consent.withdraw_code", _withdrawn),
    ("consent.agent_withdraw_code", _withdrawn),
    ("consent.on_incident", _withdrawn),
    ("consent", _asked_first),
    ("notice", _notice_heard),
    ("withdrawn", _withdrawn),
    ("purposes", _purpose_served),
    ("data", _call_data),
    ("retention.recording", _recordings_kept),
    ("retention.fixed_end", _recordings_kept),
    ("retention.call_data", _call_data_kept),
    ("extensions", _extended),
    ("holds", _held),
    ("sharing", _shared),
    ("incidents", _assessed),
    ("rights", _answered),
    ("access", _accessed),
    ("reviews", _drawn),
    ("staff", _told),
)
"""What shows each promise, the narrowest key first; a key that stands under none has no machine evidence."""


# --- what holds for all of them ---------------------------------------------------------------------


def _ledger(db: Db, archive: Archive, verify: bool) -> tuple[Line, ...]:
    last = checkpoints.last(db)
    facts = [_count("ledger_entries", ledger.head(db).size)]
    facts.append(_count("checkpoint_entries", 0 if last is None else last.checkpoint.size))
    kept = Kept.NOT_BY_MACHINE
    if verify:
        try:
            broken = verification.verify(db, vault=archive.vault).report.breaks
            facts += [_count("ledger_breaks", len(broken))]
            facts += [_text("ledger_breaks_at", one.text) for one in broken[:3]]
            kept = _kept(not broken)
        except ConsentlineError as error:
            facts.append(_text("ledger_not_verified", error.text))
            kept = Kept.NO
    else:
        facts.append(_text("ledger_not_verified", "ledger verify"))
    return (_general("ledger", "X4, AVG art. 5(2)", facts, kept),)


def _keys(evidence: Evidence) -> tuple[Line, ...]:
    lacking, custody = evidence.keys_without_holder(), evidence.keys_in_custody()
    facts = [_count("keys_without_holder", lacking), _count("keys_in_custody", custody)]
    return (_general("keys", "X5, AVG art. 32", facts, _kept(not lacking and not custody)),)


def _marks(archive: Archive, policy: Policy) -> Line:
    unmarked = sum(not backup_mark.is_there(folder) for folder in archive.kept_from_backups)
    facts = [_text("backup_mode", policy.backups.mode.value), _count("folders_unmarked", unmarked)]
    source = policy.backups.source or "X3"
    kept = _kept(not unmarked) if policy.backups.mode is BackupMode.NONE else Kept.NOT_BY_MACHINE
    return _general("backups", source, facts, kept)


def _general(key: str, source: str, facts: Sequence[Fact], kept: Kept) -> Line:
    return Line(promise=key, value="", source=source, evidence=tuple(facts), kept=kept)


def _deviations(db: Db, policy: Policy, evidence: Evidence) -> Sequence[Deviation]:
    granted = [
        Deviation(
            what="hardship",
            about=one.deviates_from,
            why=one.finding,
            decided_by=one.approved_by,
            until=one.until.isoformat(),
        )
        for one in policy.granted_deviations
    ]
    found = db.rows(
        "SELECT h.reason, h.role, h.until_at FROM holds h JOIN recordings r USING (recording_id)"
        " WHERE r.policy = ? AND h.deviates AND (h.over_at IS NULL OR h.over_at >= ?) AND h.placed_at < ?"
        " ORDER BY h.hold_id",
        (policy.name, to_ms(evidence.period.since), to_ms(evidence.period.before)),
    )
    held = [
        Deviation(
            what="hold_against_the_text",
            about=row["reason"],
            why=row["reason"],
            decided_by=row["role"],
            until=to_iso(from_ms(row["until_at"])),
        )
        for row in found
    ]
    return [*granted, *held, *_orders(db, policy, evidence)]


def _orders(db: Db, policy: Policy, evidence: Evidence) -> Iterator[Deviation]:
    """Yield each compulsory order of the period, with the deviation by which it was obeyed, if any."""
    for order in orders.between(db, policy.name, evidence.period.since, evidence.period.before):
        deviation = order.deviation
        yield Deviation(
            what="order",
            about=f"{order.reference} ({order.legal_basis}), {order.stage}",
            why="no deviation is on record" if deviation is None else deviation.finding,
            decided_by="" if deviation is None else deviation.approved_by,
            until=None if deviation is None else to_iso(deviation.until),
        )
