"""Reviews: drawn at random, listened to, scored on the policy's form, shown to agent and coach (H3, N8, R4).

    draw    for each agent, no sooner than the policy says or with a reason; the seed is the machine's
    listen  through the door, for the draw's purpose (`store/access/door.py`); nothing here opens anything
    fill    by who listened, about a drawn call; where the policy has no form, listening is the review
    show    to whom the policy names, and never more than it says

Each out of its order is refused in one line that names the rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from casework.review_rules import (
    agents_of,
    agreed_reviews_of,
    drawing_role,
    drawn_for,
    out_of_order,
    refuse,
    refuse_scores,
    reviews_of,
    scoring_role,
    seen_by,
    source_of,
)
from casework.ruling import Caseworker
from policy import cadence, terms
from policy.access import RoleName
from policy.cadence import Turn
from policy.clock import to_iso
from policy.errors import AccessRefused, ConsentlineError, NotFound, shown
from policy.model import Policy
from policy.permission import Rule
from policy.retention import DataKind
from policy.review_form import LARGEST_WORDS_CHARACTERS, checked, criteria
from policy.reviews import Drawn, Form, Reviews, Seen
from policy.situation import PersonId
from policy.vocabulary import ErasedBecause, RecordingId
from store.access import accesses, door, draws, situation
from store.access.door import Question
from store.access.draws import Draw, DrawRow, PickRow
from store.access.situation import Facts
from store.cases import calibrations, reviews
from store.cases.calibrations import CaseRow
from store.cases.reviews import Filled, FormRow
from store.files.archive import Archive
from store.logbook import ledger
from store.logbook.ledger import Json

MOST_CALLS_PER_AGENT = 100
_NOTHING = (
    "there is no call to be drawn: none that is sealed, in its term, of an agent known, and neither held,"
    " restricted, objected to, of an incident, nor drawn before"
)
_USE_IS_OVER = frozenset({ErasedBecause.WITHDRAWN, ErasedBecause.REQUEST, ErasedBecause.OBJECTION})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be drawn.

    Attributes:
        agents: Whose calls; none: of everybody whose turn it is.
        per_agent: How many of each; None: as many as the policy says.
        again: Why so soon after the draw before; None: only those whose turn it is.
    """

    agents: Sequence[PersonId] = ()
    per_agent: int | None = None
    again: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A draw with all that it takes to draw it again.

    Attributes:
        told: What the ledger says of it; None once that expired.
    """

    row: DrawRow
    population: Mapping[PersonId, Sequence[RecordingId]]
    picks: Mapping[PersonId, Sequence[RecordingId]]
    told: Mapping[str, Json] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A drawn call, and how far its review is.

    Attributes:
        listeners: Who heard it since, for this purpose.
        forms: What was filled in about it.
    """

    pick: PickRow
    listeners: Sequence[PersonId]
    forms: Sequence[FormRow]

    def to_json(self) -> dict[str, Json]:
        """Return the call as a program gets it; no scores."""
        state = (
            "filled"
            if self.forms
            else "listened"
            if self.listeners
            else "gone"
            if self.pick.gone
            else "drawn"
        )
        return {
            "draw": self.pick.draw_id,
            "purpose": self.pick.purpose,
            "recording_id": self.pick.recording_id,
            "agent": self.pick.agent,
            "drawn_by": self.pick.drawn_by,
            "drawn_at": to_iso(self.pick.drawn_at),
            "until_at": to_iso(self.pick.until),
            "state": state,
            "listened_by": ", ".join(self.listeners) or None,
            "forms": ", ".join(str(form.form_id) for form in self.forms) or None,
        }


def draw(archive: Archive, question: Question, wanted: Wanted) -> Sample:
    """Draw calls for review, at random, and put it on record.

    Raises:
        RefusedByPolicy: If the policy has no reviews, no works council, or not this person for this purpose.
        NotFound: If somebody named takes no calls here.
        StateConflict: If it is too soon, nothing can be drawn, or forms could not be kept (R4).
    """
    policy, by, now = question.policy, _asker(question), archive.clock.now()
    settled = agreed_reviews_of(archive, policy, by, "review")
    door.enter(archive, question, now)
    drawing_role(archive, policy, by, question.purpose, "review")
    if settled.drawn is Drawn.PICKED:
        says = "the reviewer picks calls, and nothing is drawn"
        refuse(archive, policy, by, "review", Rule(name="reviews", source=source_of(settled), says=says))
    ends = cadence.draw_ends(policy, settled, now)
    due_at = terms.data_due_at(policy, DataKind.REVIEW_FORMS, ends)
    per_agent = _per_agent(settled, policy, wanted)
    turns = _turns(archive, question, wanted)
    population = draws.drawable(archive.db, policy.name, question.purpose, turns.now, now)
    nothing = not any(population.values())
    if turns.too_soon and (wanted.agents or nothing):
        hint = 'say why it is drawn again: --again "..."'
        out_of_order(archive, policy, by, "review", _too_soon(settled, turns), hint)
    if nothing:
        rule = Rule(name="reviews.drawn", source=source_of(settled), says=_NOTHING)
        out_of_order(archive, policy, by, "review", rule)
    drawn = Draw(
        policy=policy.name,
        purpose=question.purpose,
        drawn_by=question.person,
        seed=archive.randomness.token(draws.SEED_BYTES),
        population=population,
        per_agent=per_agent,
        until=ends,
        due_at=due_at,
        reason=question.reason,
        again=None if wanted.again is None else door.checked_reason(wanted.again),
    )
    with archive.db.write() as tx:
        draw_id = draws.record(tx, drawn, at=now, actor=question.actor)
    return _drawn(archive, draws.get_draw(archive.db, draw_id))


def drawn(archive: Archive, policy: Policy, by: Caseworker, draw_id: int) -> Sample:
    """Return a draw with all that it takes to draw it again, to who could have drawn it.

    Raises:
        RefusedByPolicy: If this person draws nothing for that purpose.
        NotFound: If there is no such draw under this policy.
    """
    reviews_of(archive, policy, by, "review")
    row = draws.get_draw(archive.db, draw_id)
    if row.policy != policy.name:
        raise NotFound(f"no draw {draw_id}, or not yours")
    drawing_role(archive, policy, by, row.purpose, "review")
    return _drawn(archive, row)


def fill(
    archive: Archive, question: Question, recording: str, given: Mapping[str, object], remark: str
) -> FormRow:
    """Store what somebody scored on a drawn call that they listened to.

    Raises:
        RefusedByPolicy: If the policy has no reviews, no works council, no form, or not this scorer.
        StateConflict: If the call was not drawn, not listened to, is not to be used any more, or its
            agent was not asked (R5); naming the rule.
        AccessRefused: If it is their own call.
        ConsentlineError: If a field is missing or no such score.
    """
    policy, by, now = question.policy, _asker(question), archive.clock.now()
    settled = agreed_reviews_of(archive, policy, by, "review")
    asked = door.enter(archive, question, now)
    calibrations.end_lapsed(archive.db, now)
    source = source_of(settled)
    if settled.form is Form.NONE:
        says = "no form is filled in here: listening is the review"
        refuse(archive, policy, by, "review", Rule(name="reviews.form", source=source, says=says))
    drawing_role(archive, policy, by, question.purpose, "review")
    pick = draws.latest_pick(archive.db, policy.name, question.purpose, RecordingId(recording))
    if pick is None:
        says = (
            f'only a call that was drawn for {question.purpose} is scored, and "{shown(recording)}" was not'
        )
        out_of_order(archive, policy, by, "review", Rule(name="reviews.drawn", source=source, says=says))
    case, role = _case_or_role(archive, question, pick)
    facts = situation.look_up(archive.db, (pick.recording_id,), asked, now)[pick.recording_id]
    _must_be_usable(archive, question, facts)
    since = pick.drawn_at if case is None else case.opened_at
    if not accesses.heard_since(archive.db, pick.recording_id, by.id, question.purpose, since):
        says = f"a call is scored by who listened to it, and {by.id} did not since it was " + (
            "drawn" if case is None else "made a calibration case"
        )
        hint = f"consentline listen {pick.recording_id} --purpose {question.purpose} --reason ..."
        rule = Rule(name="reviews.listened", source=source, says=says)
        out_of_order(archive, policy, by, "review", rule, hint)
    scores = checked(criteria(settled), given)
    filled = Filled(
        policy=policy.name,
        purpose=question.purpose,
        recording_id=pick.recording_id,
        draw_id=pick.draw_id,
        calibration_id=None if case is None else case.calibration_id,
        agent=pick.agent,
        form=settled.form,
        scored_by=by.id,
        role=role,
        remark=checked_words("remark", remark),
        scores=scores,
        due_at=terms.data_due_at(policy, DataKind.REVIEW_FORMS, now),
    )
    with archive.db.write() as tx:
        form_id = reviews.fill(tx, filled, at=now, actor=question.actor)
    archive.db.forget_deleted()
    return reviews.get_form(archive.db, form_id)


def listed(archive: Archive, policy: Policy, by: Caseworker) -> tuple[Listed, ...]:
    """Return the drawn calls that somebody may know of, with how far their review is: the latest draw first.

    Raises:
        RefusedByPolicy: If they see nothing of reviews but a note, or nothing at all.
    """
    reviews_of(archive, policy, by, "review")
    everybodys, own = (seen_by(archive, policy, by, own=own) for own in (False, True))
    agent: PersonId | None = None
    if everybodys is None or everybodys[0] is not Seen.SCORES:
        if own is None or own[0] is not Seen.SCORES:
            refuse_scores(archive, policy, by, "review")
        agent = by.id
    heard = accesses.listeners(archive.db, policy.name)
    forms: dict[tuple[int, RecordingId], list[FormRow]] = {}
    for form in reviews.of_policy(archive.db, policy.name, agent=agent):
        forms.setdefault((form.draw_id, form.recording_id), []).append(form)
    picked = draws.picks(archive.db, policy.name, agent=agent)
    return tuple(
        Listed(
            pick=pick,
            listeners=heard.get((pick.recording_id, pick.purpose), ()),
            forms=forms.get((pick.draw_id, pick.recording_id), ()),
        )
        for pick in picked
    )


def show(archive: Archive, policy: Policy, by: Caseworker, form_id: int) -> FormRow:
    """Return a form with its scores, to its agent and to whom the policy names; it is on the ledger first.

    Raises:
        RefusedByPolicy: If they see no scores of anybody.
        NotFound: If there is no such form, or it is somebody else's; the same.
    """
    reviews_of(archive, policy, by, "review")
    if not any(
        seen is not None and seen[0] is Seen.SCORES
        for seen in (seen_by(archive, policy, by, own=own) for own in (False, True))
    ):
        refuse_scores(archive, policy, by, "review")
    form = reviews.get_form(archive.db, form_id)
    seen = seen_by(archive, policy, by, own=form.agent == by.id)
    if (
        form.policy != policy.name
        or form.calibration_id is not None
        or seen is None
        or seen[0] is not Seen.SCORES
    ):
        raise reviews.no_such_form()
    with archive.db.write() as tx:
        reviews.note_shown(tx, form, to=by.id, role=seen[1], at=archive.clock.now(), actor=by.actor)
    return form


def overdue(archive: Archive, policy: Policy, by: Caseworker, *, every: bool = False) -> tuple[Turn, ...]:
    """Return the agents who have not had their review in the policy's cadence, the longest first.

    Args:
        archive: Where everything is.
        policy: Whose agents.
        by: Who asks: who scores.
        every: Also those whose review is still to come.

    Raises:
        RefusedByPolicy: If the policy has no reviews, no works council, no cadence, or not this person.
    """
    settled = agreed_reviews_of(archive, policy, by, "review")
    scoring_role(archive, policy, by, "review")
    if settled.at_least_every is None:
        says = "the text names no cadence, so nobody is overdue"
        refuse(archive, policy, by, "review", Rule(name="reviews", source=source_of(settled), says=says))
    now = archive.clock.now()
    turns = [turn for turn in turns_of(archive, policy, settled) if every or turn.overdue_at(now)]
    return tuple(sorted(turns, key=lambda turn: (turn.latest_at, turn.agent)))


def turns_of(archive: Archive, policy: Policy, settled: Reviews) -> Iterator[Turn]:
    """Yield until when each agent has to have their next review; nobody asks for it by name."""
    now, last = archive.clock.now(), _last_reviews(archive, policy, settled)
    for agent, person in agents_of(archive, policy).items():
        began_at = min(hat.since for hat in person.hats if hat.worn_at(now))
        turn = cadence.turn(policy, settled, agent, began_at=began_at, last_at=last.get(agent))
        if turn is not None:
            yield turn


def checked_words(what: str, words: str) -> str:
    """Return words that are kept with a review; long numbers in them are masked.

    Raises:
        ConsentlineError: If there are too many.
    """
    text = " ".join(words.split())
    if len(text) > LARGEST_WORDS_CHARACTERS or not (text.isprintable() or not text):
        raise ConsentlineError(
            f"{what}: must be at most {LARGEST_WORDS_CHARACTERS} characters, got {len(text)}"
        )
    return door.masked(text)


def _asker(question: Question) -> Caseworker:
    return Caseworker(id=question.person, actor=question.actor)


def _per_agent(settled: Reviews, policy: Policy, wanted: Wanted) -> int:
    said, number = settled.calls_per_agent, wanted.per_agent
    if said is not None and number not in (None, said):
        raise ConsentlineError(f"calls: must be {said} for each agent ({policy.name}.toml), got {number}")
    chosen = said if said is not None else number
    if chosen is None:
        raise ConsentlineError(
            f"calls: must be how many for each agent, {policy.name}.toml leaves it to you, got none",
            hint="add --calls 3",
        )
    if not 1 <= chosen <= MOST_CALLS_PER_AGENT:
        raise ConsentlineError(f"calls: must be 1 to {MOST_CALLS_PER_AGENT} for each agent, got {chosen}")
    return chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turns:
    """Whose turn it is to be drawn for.

    Attributes:
        now: Whose it is.
        too_soon: Of whom a draw still runs, and until when.
    """

    now: Sequence[PersonId]
    too_soon: Mapping[PersonId, datetime]


def _turns(archive: Archive, question: Question, wanted: Wanted) -> _Turns:
    """Return whose turn it is: never the reviewer's own."""
    policy, now = question.policy, archive.clock.now()
    known = agents_of(archive, policy).keys() - {question.person}
    for agent in wanted.agents:
        if agent not in known:
            raise NotFound(f"agent {shown(agent)}: takes no calls under {policy.name}, or draws their own")
    chosen = sorted(set(wanted.agents) or known)
    if wanted.again is not None:
        return _Turns(now=chosen, too_soon={})
    running = draws.running_until(archive.db, policy.name, question.purpose, now)
    soon = {agent: running[agent] for agent in chosen if agent in running}
    return _Turns(now=[agent for agent in chosen if agent not in soon], too_soon=soon)


def _too_soon(settled: Reviews, turns: _Turns) -> Rule:
    agent, until = min(turns.too_soon.items(), key=lambda one: one[1])
    often = (
        "once, while a draw runs"
        if settled.at_most_every is None
        else f"at most every {settled.at_most_every}"
    )
    says = f"calls are drawn {often}, and a draw of {agent} runs until {to_iso(until)}"
    return Rule(name="reviews.at_most_every", source=source_of(settled), says=says)


def _case_or_role(archive: Archive, question: Question, pick: PickRow) -> tuple[CaseRow | None, RoleName]:
    """Return the calibration case that a form is for, if any, and the hat under which it is filled in."""
    policy, by = question.policy, _asker(question)
    assert policy.access is not None  # noqa: S101 - the door let them in
    if pick.agent == by.id:
        raise AccessRefused(f"recording {pick.recording_id}: nobody scores their own call")
    grants = list(drawn_for(policy.access, question.purpose))
    if not all(grant.agents_yes for grant in grants):
        return None, scoring_role(archive, policy, by, "review")
    case = calibrations.open_on(archive.db, pick.recording_id, question.purpose)
    source = grants[0].source
    if case is None:
        says = f"for {question.purpose} a call is scored in a calibration case, once its agent said yes"
        rule = Rule(name="calibration", source=source, says=says)
        hint = f"consentline review calibrate {pick.recording_id} --purpose {question.purpose} ..."
        out_of_order(archive, policy, by, "review", rule, hint)
    if by.id not in case.scorers:
        says = f"the case is scored by {', '.join(case.scorers)}, and {by.id} is none of them"
        refuse(archive, policy, by, "review", Rule(name="calibration", source=source, says=says))
    if by.id in case.scored:
        says = "each scores once, before anything is compared"
        out_of_order(archive, policy, by, "review", Rule(name="calibration", source=source, says=says))
    return case, drawing_role(archive, policy, by, question.purpose, "review")


def _must_be_usable(archive: Archive, question: Question, facts: Facts) -> None:
    """Refuse what was withdrawn, restricted, objected to or erased at a request since it was drawn."""
    because = facts.row.erased_because
    if not (facts.context.restricted or facts.context.objected or because in _USE_IS_OVER):
        return
    says = "what was withdrawn, restricted, objected to or erased at a request is not used any more"
    rule = Rule(name="closed", source="AVG art. 18(2) and 21(1)", says=says)
    out_of_order(archive, question.policy, _asker(question), "review", rule)


def _drawn(archive: Archive, row: DrawRow) -> Sample:
    entry = None if row.entry is None else ledger.show(archive.db, from_seq=row.entry, limit=1)[0]
    return Sample(
        row=row,
        population=draws.population_of(archive.db, row.draw_id),
        picks=draws.picks_of_draw(archive.db, row.draw_id),
        told=None if entry is None else entry.payload,
    )


def _last_reviews(archive: Archive, policy: Policy, settled: Reviews) -> dict[PersonId, datetime]:
    """Return when each agent was reviewed last: a form, or a drawn call heard where there is none."""
    if settled.form is not Form.NONE:
        forms = reviews.of_policy(archive.db, policy.name)
        return {form.agent: form.filled_at for form in sorted(forms, key=lambda form: form.filled_at)}
    heard = accesses.listeners(archive.db, policy.name)
    picked = reversed(draws.picks(archive.db, policy.name))
    return {pick.agent: pick.drawn_at for pick in picked if (pick.recording_id, pick.purpose) in heard}
