"""Calibration: several people score one call apart, and then see how far they lie apart (R3, R5).

Only of a call drawn for that purpose whose agents said yes to it, and for as long as they do: a yes that
is taken back ends the case and erases its forms. Nobody sees a score before the last scorer is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from casework.review_rules import agreed_reviews_of, drawing_role, drawn_for, out_of_order, refuse, source_of
from casework.ruling import Caseworker, worn
from policy import terms
from policy.access import Access, Grant
from policy.clock import from_ms, to_ms
from policy.errors import AccessRefused, NotFound, shown
from policy.model import Policy
from policy.permission import Because, Refused, Rule, may
from policy.retention import DataKind
from policy.review_form import Spread, compared, criteria
from policy.situation import PersonId
from policy.vocabulary import RecordingId
from store.access import door, draws
from store.access.door import Question
from store.cases import calibrations, reviews
from store.cases.calibrations import CaseRow, Opened
from store.files.archive import Archive
from store.logbook.ledger import Json
from store.persons import people

FEWEST_SCORERS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What came of a case."""

    case: CaseRow
    spreads: Sequence[Spread]

    def to_json(self) -> list[dict[str, Json]]:
        """Return one row a criterion, as a program gets it."""
        return [
            {
                "case": self.case.calibration_id,
                "recording_id": self.case.recording_id,
                "criterion": one.criterion.name,
                "judges": reviews.judges(one.criterion),
                "scores": dict(sorted(one.scores.items())),
                "lowest": one.lowest,
                "highest": one.highest,
                "spread": one.spread,
            }
            for one in self.spreads
        ]


def open_case(archive: Archive, question: Question, recording: str, scorers: Sequence[PersonId]) -> CaseRow:
    """Make a calibration case out of a drawn call with its agents' yes.

    Args:
        archive: Where it is.
        question: Of whoever opens it: to listen, for the purpose of the case.
        recording: The recording's id, or whatever was typed.
        scorers: Who scores it; the one who opens it only if they are among them.

    Raises:
        RefusedByPolicy: If the policy knows no such use, or not these people, or the agent said no yes (R5).
        NotFound: If there is no such recording, or it is not theirs to use; the same.
        StateConflict: If there is a case already, or too few scorers.
    """
    policy, by, now = (
        question.policy,
        Caseworker(id=question.person, actor=question.actor),
        archive.clock.now(),
    )
    settled = agreed_reviews_of(archive, policy, by, "calibrate")
    asked = door.enter(archive, question, now)
    drawing_role(archive, policy, by, question.purpose, "calibrate")
    grant = _grant(archive, question, by)
    calibrations.end_lapsed(archive.db, now)
    if not criteria(settled):
        says = "no form is filled in here, so nothing can be compared"
        refuse(
            archive, policy, by, "calibrate", Rule(name="reviews.form", source=source_of(settled), says=says)
        )
    chosen = tuple(sorted(set(scorers)))
    facts = door.look_up(archive, recording, asked, now)
    if facts is not None and policy.access is not None:
        decided = may(
            asked.person, question.action, facts.recording, question.purpose, facts.context, policy.access
        )
        if isinstance(decided, Refused) and decided.because is Because.NO_YES:
            refuse(archive, policy, by, "calibrate", decided.rule)  # it was drawn for this: they know of it
    door.decide(archive, question, recording, now)
    pick = draws.latest_pick(archive.db, policy.name, question.purpose, RecordingId(recording))
    assert facts is not None and pick is not None  # noqa: S101 - the door opens drawn calls alone
    _must_be_scorers(archive, policy, by, grant, chosen, facts.recording.agents)
    if calibrations.open_on(archive.db, pick.recording_id, question.purpose) is not None:
        says = "a call is one calibration case at a time"
        out_of_order(
            archive, policy, by, "calibrate", Rule(name="calibration", source=grant.source, says=says)
        )
    opened = Opened(
        policy=policy.name,
        purpose=question.purpose,
        recording_id=pick.recording_id,
        draw_id=pick.draw_id,
        agent=pick.agent,
        opened_by=by.id,
        scorers=chosen,
        reason=question.reason,
        due_at=terms.data_due_at(policy, DataKind.REVIEW_FORMS, from_ms(to_ms(facts.row.due_at))),
    )
    with archive.db.write() as tx:
        case_id = calibrations.open_case(tx, opened, at=now, actor=by.actor)
    return calibrations.get_case(archive.db, case_id)


def compare(archive: Archive, policy: Policy, by: Caseworker, case_id: int) -> Comparison:
    """Return how far the scorers of a case lie apart, once all of them are done; it is on the ledger first.

    Raises:
        NotFound: If there is no such case, or it is not theirs; the same.
        StateConflict: If somebody still has to score, or the case is over.
    """
    now = archive.clock.now()
    calibrations.end_lapsed(archive.db, now)
    case = calibrations.get_case(archive.db, case_id)
    if case.policy != policy.name or by.id not in (*case.scorers, case.opened_by):
        raise calibrations.no_such_case()
    person = people.in_policy(archive.db, by.id, policy.name)
    roles = [] if policy.access is None else list(_roles(policy.access, case))
    role = worn(policy, person, roles, now, held=False)
    if role is None:
        raise calibrations.no_such_case()
    source = _source(policy, case)
    if case.ended_because is not None:
        says = f"the case is over ({case.ended_because.value.replace('_', ' ')}), and its forms are erased"
        out_of_order(archive, policy, by, "calibrate", Rule(name="calibration", source=source, says=says))
    if not case.complete:
        says = f"scores are compared once all are in: {len(case.scored)} of {len(case.scorers)} are"
        out_of_order(archive, policy, by, "calibrate", Rule(name="calibration", source=source, says=says))
    forms = reviews.of_calibration(archive.db, case_id)
    with archive.db.write() as tx:
        for form in forms:
            reviews.note_shown(tx, form, to=by.id, role=role, at=now, actor=by.actor)
    return Comparison(case=case, spreads=compared({form.scored_by: form.scores for form in forms}))


def of_person(archive: Archive, policy: Policy, by: Caseworker) -> tuple[CaseRow, ...]:
    """Return the cases that somebody opened, scores, or whose call it is: who is done, and no scores."""
    calibrations.end_lapsed(archive.db, archive.clock.now())
    found = calibrations.of_policy(archive.db, policy.name)
    return tuple(case for case in found if by.id in (*case.scorers, case.opened_by, case.agent))


def _grant(archive: Archive, question: Question, by: Caseworker) -> Grant:
    """Return the grant that asks the agent; a use for which nobody is asked is no calibration (R5)."""
    policy = question.policy
    grants = [] if policy.access is None else list(drawn_for(policy.access, question.purpose))
    asking = next((grant for grant in grants if grant.agents_yes), None)
    if asking is None:
        assert policy.reviews is not None  # noqa: S101 - looked up before
        says = (
            f"a call is calibrated on after its agent was asked, and nobody is asked for {question.purpose}"
        )
        rule = Rule(name="calibration", source=source_of(policy.reviews), says=says)
        refuse(archive, policy, by, "calibrate", rule)
    return asking


def _must_be_scorers(  # noqa: PLR0917 - in the order in which it is said
    archive: Archive,
    policy: Policy,
    by: Caseworker,
    grant: Grant,
    scorers: Sequence[PersonId],
    agents: frozenset[PersonId],
) -> None:
    if len(scorers) < FEWEST_SCORERS:
        says = f"several score one call, at least {FEWEST_SCORERS}, and {len(scorers)} is named"
        out_of_order(
            archive, policy, by, "calibrate", Rule(name="calibration", source=grant.source, says=says)
        )
    now = archive.clock.now()
    for scorer in scorers:
        person = people.in_policy(archive.db, scorer, policy.name)
        if worn(policy, person, grant.roles, now, held=False) is None:
            raise NotFound(f"scorer {shown(scorer)}: does not listen for this under {policy.name}")
        if scorer in agents:
            raise AccessRefused(f"scorer {scorer}: nobody scores their own call")


def _roles(access: Access, case: CaseRow) -> Sequence[str]:
    return [role for grant in drawn_for(access, case.purpose) for role in grant.roles]


def _source(policy: Policy, case: CaseRow) -> str:
    grants = [] if policy.access is None else list(drawn_for(policy.access, case.purpose))
    return next((grant.source for grant in grants if grant.agents_yes), "access")
