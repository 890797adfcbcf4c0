"""Reports: who reads which, and what stands in it. Each is on the ledger before anything of it is shown.

Management information is read by the roles that the policy names, for the purpose that it names (E10, R8).
Who gives account reads every report, by law (AVG art. 5(2), 24). Nobody's number and nothing said in a call
is in any of them; small counts are hidden, but for who gives account and asks for exact ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, NoReturn

from casework.reviews import turns_of
from casework.ruling import Caseworker, Rule, refusal, worn
from policy.clock import to_iso
from policy.errors import ConsentlineError, RefusedByPolicy
from policy.model import Policy
from policy.reports import ACCOUNTABILITY, ReportName
from publish.reports.figures import By, Fact, Report, Table, Unit
from publish.reports.tables import WHOLE, hours, rate, spread, table
from store.figures import accesses, calls, keeping, work
from store.figures.period import Period
from store.files.archive import Archive
from store.logbook import ledger
from store.logbook.ledger import Json, Kind
from store.persons import people
from store.records import waiting

WAYS: Final[Mapping[ReportName, tuple[By, ...]]] = {
    ReportName.CALLS: (By.ALL, By.DAY, By.HOUR, By.QUEUE, By.AGENT),
    ReportName.CONSENT: (By.ALL, By.DAY, By.HOUR, By.QUEUE),
    ReportName.ACCESS: (By.ALL, By.DAY, By.HOUR, By.PURPOSE),
    ReportName.RETENTION: (By.ALL, By.DAY, By.HOUR),
    ReportName.CASEWORK: (By.ALL, By.DAY, By.HOUR),
    ReportName.COMPLIANCE: (By.ALL,),
    ReportName.BREACH: (By.ALL,),
}
"""How each report can be put together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody wants to read.

    Attributes:
        exact: Small counts too.
    """

    report: ReportName
    policy: Policy
    period: Period
    by: By = By.ALL
    exact: bool = False

    def to_json(self) -> dict[str, Json]:
        """Return what the ledger keeps of it."""
        return {
            "report": self.report.value,
            "policy": self.policy.name,
            "policy_hash": self.policy.content_hash,
            "from": to_iso(self.period.since),
            "to": to_iso(self.period.before),
            "by": self.by.value,
            "exact": self.exact,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who may read a report.

    Attributes:
        role: Under which hat.
        purpose: For which purpose.
    """

    by: Caseworker
    role: str
    purpose: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A report that nobody was shown yet.

    Attributes:
        made_at: When it was counted.
        hidden: How many counts are hidden.
    """

    tables: tuple[Table, ...]
    facts: tuple[Fact, ...]
    made_at: datetime
    hidden: int


def give(archive: Archive, wanted: Wanted, by: Caseworker) -> Report:
    """Return a report to somebody who may read it; errors as those of `permit`."""
    reader = permit(archive, wanted, by)
    return tell(archive, wanted, reader, make(archive, wanted, archive.clock.now()))


def make(archive: Archive, wanted: Wanted, now: datetime) -> Draft:
    """Count what a report holds; only reads.

    Raises:
        ConsentlineError: If it holds no tables: compliance and breach are made elsewhere.
    """
    if wanted.report not in _MADE:
        raise ConsentlineError(f"report {wanted.report.value}: must be asked for by its own question")
    smallest = 1 if wanted.exact else wanted.policy.reports.smallest_count
    tables, facts = _MADE[wanted.report](archive, wanted, now, smallest)
    hidden = sum(number for _, number in tables)
    return Draft(tables=tuple(one for one, _ in tables), facts=tuple(facts), made_at=now, hidden=hidden)


def tell(archive: Archive, wanted: Wanted, reader: Reader, draft: Draft) -> Report:
    """Put a report on the ledger, before anything of it is shown, and return it."""
    entry = note(archive, wanted.to_json() | {"hidden": draft.hidden}, reader)
    return Report(
        report=wanted.report,
        policy=wanted.policy.name,
        organisation=wanted.policy.identity.organisation,
        since=to_iso(wanted.period.since),
        before=to_iso(wanted.period.before),
        by=wanted.by,
        made_at=to_iso(draft.made_at),
        smallest=None if wanted.exact else wanted.policy.reports.smallest_count,
        hidden=draft.hidden,
        entry=entry,
        tables=draft.tables,
        facts=draft.facts,
    )


def permit(archive: Archive, wanted: Wanted, by: Caseworker) -> Reader:
    """Return who reads a report, under which role and purpose.

    Raises:
        RefusedByPolicy: If they may not, naming the rule; it is on the ledger.
        ConsentlineError: If it is never put together so.
    """
    ways = WAYS[wanted.report]
    if wanted.by not in ways:
        known = ", ".join(one.value for one in ways)
        got = wanted.by.value
        raise ConsentlineError(f"report {wanted.report.value}: --by must be one of {known}, got {got}")
    policy, reports = wanted.policy, wanted.policy.reports
    person = people.in_policy(archive.db, by.id, policy.name)
    now, name = archive.clock.now(), wanted.report
    accounts = Rule(
        roles=reports.accounted_by, says=f"report {name.value} is read by", source="AVG art. 5(2)"
    )
    reads = replace(accounts, roles=(*reports.read_by, *reports.accounted_by), source=reports.source)
    if wanted.by is By.AGENT and not reports.by_agent:
        says = "calls are not counted by agent: reports.by_agent, and the agreement of the works council"
        _refuse(archive, wanted, by, f"{policy.identity.organisation} {reports.source or 'reports'}: {says}")
    role = worn(policy, person, reports.accounted_by, now, held=False)
    if role is not None:
        return Reader(by=by, role=role, purpose=ACCOUNTABILITY)
    if wanted.exact:
        exactly = replace(accounts, says="exact small counts are read by")
        _refuse(archive, wanted, by, refusal(policy, exactly, by.id))
    role = worn(policy, person, reports.read_by, now, held=False) if name.manages else None
    if role is None or reports.purpose is None:
        _refuse(archive, wanted, by, refusal(policy, reads if name.manages else accounts, by.id))
    return Reader(by=by, role=role, purpose=reports.purpose)


def note(archive: Archive, asked: Mapping[str, Json], reader: Reader) -> int:
    """Put on the ledger that a report is shown, and return the entry's number."""
    who: dict[str, Json] = {"person": reader.by.id, "role": reader.role, "purpose": reader.purpose}
    with archive.db.write() as tx:
        at, told = archive.clock.now(), {**asked, **who, "result": "shown"}
        return ledger.append(tx, Kind.REPORT_GIVEN, at, actor=reader.by.actor, subject="", payload=told)


def _refuse(archive: Archive, wanted: Wanted, by: Caseworker, rule: str) -> NoReturn:
    told: dict[str, Json] = {
        **wanted.to_json(),
        "action": "report",
        "person": by.id,
        "result": "refused",
        "rule": rule,
    }
    with archive.db.write() as tx:
        at = archive.clock.now()
        ledger.append(tx, Kind.ACCESS_REFUSED, at, actor=by.actor, subject="", payload=told)
    raise RefusedByPolicy(rule)


Made = tuple[Sequence[tuple[Table, int]], Sequence[Fact]]


def _calls(archive: Archive, wanted: Wanted, now: datetime, smallest: int) -> Made:
    db, name = archive.db, wanted.policy.name
    tally = calls.answers(db, name, wanted.period, wanted.by)
    talked, waited = tally.histogram("talked"), tally.histogram("waited")
    measured = [
        rate(tally.parts, "answered_rate", "answered", ("answered", "in_vain")),
        spread(waited, "waited_median", 50, base=WHOLE),
        spread(waited, "waited_p90", 90, base=WHOLE, needs=2),
        spread(talked, "talked_median", 50, base="answered"),
        spread(talked, "talked_p90", 90, base="answered", needs=2),
        hours(talked, "talked_hours", base="answered"),
    ]
    made = table(
        "calls",
        wanted.by,
        calls.ANSWERS,
        tally.parts,
        smallest=smallest,
        measured=measured,
        charted=("answered", "in_vain", "waited_median", "waited_p90"),
    )
    unasked = calls.passed_unasked(db, name, wanted.period)
    return [made], [_count("passed_unasked", unasked, smallest), *_waiting_is_kept(wanted.policy)]


def _consent(archive: Archive, wanted: Wanted, now: datetime, smallest: int) -> Made:
    tally = calls.words(archive.db, wanted.policy.name, wanted.period, wanted.by)
    measured = [
        rate(tally.parts, "refusal_rate", "refused", ("recorded", "withdrawn", "refused")),
        rate(tally.parts, "withdrawal_rate", "withdrawn", ("recorded", "withdrawn")),
    ]
    made = table(
        "consent",
        wanted.by,
        calls.WORDS,
        tally.parts,
        smallest=smallest,
        measured=measured,
        charted=("recorded", "withdrawn", "refused", "refusal_rate", "withdrawal_rate"),
    )
    return [made], []


def _access(archive: Archive, wanted: Wanted, now: datetime, smallest: int) -> Made:
    db, name = archive.db, wanted.policy.name
    tally = accesses.accesses(db, name, wanted.period, wanted.by)
    refused = accesses.refusals(db, name, wanted.period)
    parts = [part for part in accesses.ACTIONS if any(part in counts for counts in tally.parts.values())]
    made = table(
        "access", wanted.by, parts or accesses.ACTIONS[:1], tally.parts, smallest=smallest, charted=parts
    )
    return [made], [_count("access_refused", refused.total(), smallest)]


def _retention(archive: Archive, wanted: Wanted, now: datetime, smallest: int) -> Made:
    db, name = archive.db, wanted.policy.name
    tally = keeping.erasures(db, name, wanted.period, wanted.by)
    late = tally.histogram("late")
    measured = [
        spread(late, "late_median", 50, base="due"),
        spread(late, "late_p90", 90, base="due", needs=2),
    ]
    made = table(
        "retention",
        wanted.by,
        keeping.ERASURES,
        tally.parts,
        smallest=smallest,
        measured=measured,
        charted=("due", "withdrawn", "requested", "late_median", "late_p90"),
    )
    exact = keeping.lateness(db, name, wanted.period)
    there = keeping.present(db, name, now)
    facts = [
        _seconds("latest_erasure", exact.latest_ms),
        Fact(key="erased_late", unit=Unit.COUNT, value=exact.late),
        Fact(key="erased_early", unit=Unit.COUNT, value=exact.early),
        _count("present", there.recordings, smallest),
        Fact(key="overdue", unit=Unit.COUNT, value=there.overdue),
        _count("held", there.held, smallest),
        _count("lost", there.lost, smallest),
        Fact(
            key="oldest", unit=Unit.MOMENT, value=None if there.oldest_at is None else to_iso(there.oldest_at)
        ),
    ]
    return [made], facts


def _casework(archive: Archive, wanted: Wanted, now: datetime, smallest: int) -> Made:
    db, name = archive.db, wanted.policy.name
    tally = work.incidents(db, name, wanted.period, wanted.by)
    made = table("incidents", wanted.by, work.STAGES, tally.parts, smallest=smallest, charted=work.STAGES)
    kinds = (
        ("holds", work.holds(db, name, wanted.period)),
        ("requests", work.requests(db, name, wanted.period)),
        ("handovers", work.handovers(db, name, wanted.period)),
        ("orders", work.orders(db, name, wanted.period)),
        ("reviews", work.reviews(db, name, wanted.period)),
    )
    facts = [
        _number("incidents_overdue", work.not_assessed(db, name, now)),
        _number("requests_overdue", work.requests_overdue(db, name, now)),
        _number("orders_overdue", work.orders_overdue(db, name, now)),
        _number("reviews_overdue", _reviews_overdue(archive, wanted.policy, now)),
        _number("notices_waiting", work.notices_waiting(db, name)),
    ]
    return [made, *(_placed(key, found, smallest) for key, found in kinds)], facts


def _reviews_overdue(archive: Archive, policy: Policy, now: datetime) -> int:
    """Return how many agents have not had their review in the policy's cadence."""
    if policy.reviews is None or policy.works_council is None or policy.reviews.at_least_every is None:
        return 0
    return sum(turn.overdue_at(now) for turn in turns_of(archive, policy, policy.reviews))


def _number(key: str, number: int) -> Fact:
    """Return a count of work that was not done: it is shown however small, for it is about nobody's call."""
    return Fact(key=key, unit=Unit.COUNT, value=number)


def _placed(key: str, placed: Mapping[str, int], smallest: int) -> tuple[Table, int]:
    groups = {reason: {"placed": number} for reason, number in placed.items()}
    return table(key, By.PURPOSE, ("placed",), groups, smallest=smallest)


_MADE: Final[Mapping[ReportName, Callable[[Archive, Wanted, datetime, int], Made]]] = {
    ReportName.CALLS: _calls,
    ReportName.CONSENT: _consent,
    ReportName.ACCESS: _access,
    ReportName.RETENTION: _retention,
    ReportName.CASEWORK: _casework,
}


def _waiting_is_kept(policy: Policy) -> Sequence[Fact]:
    if waiting.is_kept(policy):
        return ()
    return (Fact(key="waiting_not_kept", unit=Unit.TEXT, value="data.call_data"),)


def _count(key: str, number: int, smallest: int) -> Fact:
    return Fact(key=key, unit=Unit.COUNT, value=None if 0 < number < smallest else number)


def _seconds(key: str, duration_ms: int | None) -> Fact:
    return Fact(
        key=key, unit=Unit.SECONDS, value=None if duration_ms is None else round(duration_ms / 1000, 1)
    )
