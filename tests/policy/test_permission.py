"""`may()` beyond the tables: two hats, recorded words that do not count, and laws for any context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.access import Access, Action, Grant, IncidentKind, PurposeName, RoleName
from policy.permission import Allowed, Because, Refused, excluding_roles, may, refused_at_once
from policy.situation import (
    Context,
    Hat,
    Hold,
    Incident,
    IncidentStage,
    Person,
    PersonId,
    Recording,
    Word,
    Yes,
)
from tests.policy.situations import ACTOR, HOLDER, NOW, PAST, SOON, person
from tests.policy.test_access_tables import NAMES, access_of

GRONINGEN, NUNSPEET, RVO = access_of("groningen"), access_of("nunspeet"), access_of("rvo")
AGGRESSION, QUALITY = PurposeName("aggression"), PurposeName("quality")
FLAGGED = Recording(
    agents=frozenset({ACTOR}),
    due_at=SOON,
    incident=Incident(kind=IncidentKind.AGGRESSION, stage=IncidentStage.FLAGGED),
)
OTHERS_CALL = Recording(agents=frozenset({HOLDER}), due_at=SOON)
OWN_CALL = Recording(agents=frozenset({ACTOR}), due_at=SOON)
NOTHING = Context(now=NOW)


def because(decided: Allowed | Refused) -> Because | None:
    return decided.because if isinstance(decided, Refused) else None


def word(by: Person, action: Action, purpose: PurposeName = QUALITY, to: PersonId = ACTOR) -> Word:
    return Word(by=by, to=to, action=action, purpose=purpose, until=SOON)


# ---------------------------------------------------------------- persons and hats


def test_one_person_who_is_head_and_agent_does_not_count_as_two() -> None:
    both = person(ACTOR, "agent", "head")
    alone = may(both, Action.LISTEN, FLAGGED, AGGRESSION, NOTHING, GRONINGEN)
    doubled = replace(NOTHING, present=(both, person(ACTOR, "head")))
    assert because(alone) is Because.ALONE
    assert because(may(both, Action.LISTEN, FLAGGED, AGGRESSION, doubled, GRONINGEN)) is Because.ALONE


def test_two_companions_are_two_persons_whatever_each_of_them_wears() -> None:
    needs_two = grant_with(GRONINGEN, "agent_with_head", together_with=("head", "aggression_coordinator"))
    head, both = person("h", "head"), person("b", "head", "aggression_coordinator")
    agent = person(ACTOR, "agent")

    def with_(*present: Person) -> Because | None:
        context = replace(NOTHING, present=present)
        return because(may(agent, Action.LISTEN, FLAGGED, AGGRESSION, context, needs_two))

    assert with_(both) is Because.ALONE
    assert with_(both, person("b", "head", "aggression_coordinator")) is Because.ALONE
    assert with_(both, head) is None
    assert with_(head, both) is None


def test_the_head_hears_a_call_with_its_own_agent_and_with_no_other() -> None:
    head = person("h", "head")
    for agent, expected in ((ACTOR, None), ("somebody", Because.NOT_ADMITTED)):
        context = replace(NOTHING, present=(person(agent, "agent"),))
        assert because(may(head, Action.LISTEN, FLAGGED, AGGRESSION, context, GRONINGEN)) is expected


def test_a_line_manager_is_never_a_coach_on_any_hat_and_the_answer_says_so() -> None:
    decided = may(
        person("x", "coach", "line_manager"), Action.LISTEN, OTHERS_CALL, QUALITY, NOTHING, NUNSPEET
    )
    assert because(decided) is Because.EXCLUDED
    assert decided.rule.in_words("Nunspeet") == (
        "Nunspeet N5, section 2: the coach is never the line manager as well, on any hat"
    )
    assert excluding_roles([RoleName("coach"), RoleName("agent")], NUNSPEET) is None


def test_who_wears_excluding_hats_is_no_companion_opener_or_asker_either() -> None:
    bad_coach = person("x", "coach", "line_manager")
    agent = person(ACTOR, "agent")
    opened = replace(NOTHING, openings=(word(bad_coach, Action.LISTEN),))
    attended = replace(NOTHING, openings=(word(person("c", "coach"), Action.LISTEN),), present=(bad_coach,))
    assert because(may(agent, Action.LISTEN, OWN_CALL, QUALITY, opened, NUNSPEET)) is Because.NOT_OPENED
    assert because(may(agent, Action.LISTEN, OWN_CALL, QUALITY, attended, NUNSPEET)) is Because.NOT_ADMITTED


def test_the_line_manager_has_no_access_and_the_refusal_quotes_the_text() -> None:
    decided = may(person("m", "line_manager"), Action.LISTEN, OTHERS_CALL, QUALITY, NOTHING, NUNSPEET)
    assert decided.rule.in_words("Nunspeet") == (
        "Nunspeet N6, section 2: the line manager has no access to the recordings "
        '("De leidinggevende heeft geen toegang tot de opnames en de opnames mogen niet gebruikt '
        'worden bij een beoordelingsgesprek.")'
    )


def test_a_hat_counts_only_while_it_is_worn() -> None:
    draw = replace(NOTHING, drawn_until=SOON)
    for since, until, allowed in (
        (PAST, None, True),
        (NOW, SOON, True),
        (PAST, NOW, False),
        (SOON, None, False),
    ):
        coach = Person(id=ACTOR, hats=(Hat(role=RoleName("coach"), since=since, until=until),))
        decided = may(coach, Action.LISTEN, OTHERS_CALL, QUALITY, draw, NUNSPEET)
        assert because(decided) is (None if allowed else Because.NO_ROLE)


def test_a_role_of_another_policy_is_no_role_here() -> None:
    decided = may(person("x", "aggression_coordinator"), Action.FIND, OTHERS_CALL, QUALITY, NOTHING, NUNSPEET)
    assert because(decided) is Because.NO_ROLE


# ---------------------------------------------------------------- words, yes and time


@pytest.mark.parametrize(
    "spoilt",
    [
        {"to": PersonId("somebody")},
        {"by": person("m", "line_manager")},
        {"by": person(ACTOR, "coach")},
        {"action": Action.EXPORT},
        {"purpose": PurposeName("data_subject_request")},
        {"until": NOW},
    ],
)
def test_a_recorded_word_counts_for_one_person_action_purpose_and_time(spoilt: dict[str, object]) -> None:
    agent = person(ACTOR, "agent")
    good = word(person("c", "coach"), Action.LISTEN)
    assert may_open(agent, good) is None
    assert may_open(agent, replace(good, **spoilt)) is Because.NOT_OPENED  # type: ignore[arg-type]  # by case


def may_open(agent: Person, opening: Word) -> Because | None:
    context = replace(NOTHING, openings=(opening,))
    return because(may(agent, Action.LISTEN, OWN_CALL, QUALITY, context, NUNSPEET))


def test_calibration_needs_the_yes_of_every_agent_who_held_the_call_for_that_purpose() -> None:
    coach, calibration = person("c", "coach"), PurposeName("coach_training")
    transferred = replace(OTHERS_CALL, agents=frozenset({HOLDER, ACTOR}))

    def decided(recording: Recording, *yes: Yes) -> Because | None:
        context = replace(NOTHING, drawn_until=SOON, yes=yes)
        return because(may(coach, Action.LISTEN, recording, calibration, context, RVO))

    one = Yes(by=HOLDER, purpose=calibration, until=SOON)
    other = replace(one, by=ACTOR)
    assert decided(transferred, one) is Because.NO_YES
    assert decided(transferred, one, other) is None
    assert decided(transferred, one, replace(other, until=NOW)) is Because.NO_YES
    assert decided(transferred, one, replace(other, purpose=QUALITY)) is Because.NO_YES
    assert decided(replace(OTHERS_CALL, agents=frozenset()), one) is Because.NO_YES


def test_after_the_last_term_nobody_has_access_even_when_the_purge_is_late() -> None:
    coach = person("c", "coach")
    for due_at, expected in ((NOW + timedelta(seconds=1), None), (NOW, Because.TERM_OVER)):
        recording = replace(OTHERS_CALL, due_at=due_at)
        context = replace(NOTHING, drawn_until=SOON)
        assert because(may(coach, Action.LISTEN, recording, QUALITY, context, NUNSPEET)) is expected


def test_what_a_refusal_may_tell_is_decided_before_any_look_up() -> None:
    for action in Action:
        early = refused_at_once(person("m", "line_manager"), action, QUALITY, NOW, NUNSPEET)
        assert early is not None
        assert early.because.known_before_look_up
    assert refused_at_once(person("c", "coach"), Action.LISTEN, QUALITY, NOW, NUNSPEET) is None


# ---------------------------------------------------------------- laws for any question

ACCESSES = {name: access_of(name) for name in NAMES}
PEOPLE = ("actor", "holder", "third", "fourth")
MOMENTS = st.sampled_from((SOON, SOON, SOON, SOON, PAST, NOW))
SELDOM = st.sampled_from((False, False, False, False, False, True))
"""Weighted, because a yes needs many things at once and would else hardly ever come up."""


@st.composite
def questions(draw: st.DrawFn) -> tuple[Access, Person, Action, Recording, PurposeName, Context]:
    access = ACCESSES[draw(st.sampled_from(NAMES))]
    roles = st.sampled_from(tuple(access.roles))
    purposes = st.sampled_from(
        [PurposeName("any_other"), *sorted(access.granted_purposes | access.denied_purposes)]
    )
    granted = draw(st.sampled_from(tuple(access.grants.values())))
    fitting = not draw(SELDOM)
    purpose = draw(st.sampled_from(granted.purposes).map(PurposeName) if fitting else purposes)
    action = draw(st.sampled_from(granted.actions if fitting else tuple(Action)))
    named = [
        *granted.roles,
        *granted.together_with,
        *granted.on_request_of,
        *granted.via,
        *granted.approval_by,
    ]
    roles = st.sampled_from([*named, *named, *access.roles])
    hats = st.builds(Hat, role=roles.map(RoleName), since=MOMENTS, until=st.none() | MOMENTS)
    worn = roles.map(lambda role: Hat(role=RoleName(role), since=PAST))
    people = st.builds(
        Person,
        id=st.sampled_from(PEOPLE).map(PersonId),
        hats=st.lists(worn | hats, max_size=2).map(tuple),
    )
    words = st.lists(
        st.builds(
            Word,
            by=people,
            to=st.sampled_from(PEOPLE).map(PersonId),
            action=st.just(action) | st.sampled_from(Action),
            purpose=st.just(purpose) | purposes,
            until=MOMENTS,
        ),
        max_size=2,
    ).map(tuple)
    recording = st.builds(
        Recording,
        agents=st.frozensets(st.sampled_from(PEOPLE).map(PersonId), max_size=2),
        due_at=MOMENTS,
        extended_until=st.none() | MOMENTS,
        incident=st.none() | st.builds(Incident),
        live=SELDOM.map(lambda odd: odd != (action is Action.MONITOR)),
        refused=SELDOM,
    )
    yes = st.builds(Yes, by=st.sampled_from(PEOPLE).map(PersonId), purpose=st.just(purpose), until=MOMENTS)
    reasons = st.sampled_from([*sorted(access.hold_reasons), "else"])
    context = st.builds(
        Context,
        now=st.just(NOW),
        present=st.just(()) | st.lists(people, max_size=2).map(tuple),
        requests=words,
        openings=words,
        approvals=words,
        yes=st.lists(yes, max_size=3).map(tuple),
        drawn_until=MOMENTS | st.none(),
        requested_until=MOMENTS | st.none(),
        hold=st.none() | st.builds(Hold, reason=reasons, until=MOMENTS),
        restricted=SELDOM,
        objected=SELDOM,
        recording_impossible=st.booleans(),
    )
    wearer = st.sampled_from(granted.roles).map(lambda role: person(ACTOR, role))
    who = draw(wearer if fitting else people)
    return access, who, action, draw(recording), purpose, draw(context)


Question = tuple[Access, Person, Action, Recording, PurposeName, Context]


def decide(question: Question) -> Allowed | Refused:
    access, who, action, recording, purpose, context = question
    return may(who, action, recording, purpose, context, access)


@pytest.mark.exhaustive
@given(questions())
def test_every_question_has_one_answer_with_a_rule_and_always_the_same(question: Question) -> None:
    first = decide(question)
    assert first == decide(question)
    assert first.rule.source
    assert first.rule.says


@pytest.mark.exhaustive
@given(questions(), st.data())
def test_one_more_person_opens_nothing_unless_a_grant_names_their_role_as_companion(
    question: Question, data: st.DataObject
) -> None:
    access, who, action, recording, purpose, context = question
    role = data.draw(st.sampled_from(tuple(access.roles)))
    added = person(data.draw(st.sampled_from(PEOPLE)), role)
    before = decide(question)
    after = may(who, action, recording, purpose, replace(context, present=(*context.present, added)), access)
    if isinstance(before, Refused) and isinstance(after, Allowed):
        assert role in access.grants[after.rule.name].together_with


@pytest.mark.exhaustive
@given(questions())
def test_no_context_lets_an_excluded_or_a_denied_role_in(question: Question) -> None:
    access, who, action, _, purpose, _ = question
    roles = [hat.role for hat in who.hats if hat.worn_at(NOW)]
    denied = any(denial.covers(role, purpose, action) for denial in access.denials.values() for role in roles)
    if denied or excluding_roles(roles, access) is not None:
        decided = decide(question)
        assert isinstance(decided, Refused)
        assert decided.because in (Because.DENIED, Because.EXCLUDED)


@pytest.mark.exhaustive
@given(questions())
def test_what_is_refused_at_once_is_refused_for_every_recording_and_only_that(question: Question) -> None:
    access, who, action, _, purpose, context = question
    early = refused_at_once(who, action, purpose, context.now, access)
    decided = decide(question)
    if early is not None:
        assert decided == early
    else:
        assert isinstance(decided, Allowed) or not decided.because.known_before_look_up


@pytest.mark.exhaustive
@given(questions())
def test_a_yes_keeps_every_condition_of_its_grant(question: Question) -> None:
    access, who, action, recording, purpose, context = question
    decided = decide(question)
    if isinstance(decided, Refused):
        return
    granted = access.grants[decided.rule.name]
    assert decided.role in granted.roles
    assert action in granted.actions
    assert purpose in granted.purposes
    assert any(hat.role == decided.role and hat.worn_at(context.now) for hat in who.hats)
    others = {other.id for other in context.present} - {who.id}
    assert len(others) >= len(granted.together_with)
    for condition, words in (
        (granted.on_request_of, context.requests),
        (granted.via, context.openings),
        (granted.approval_by, context.approvals),
    ):
        assert not condition or any(said.by.id != who.id and said.to == who.id for said in words)
    closed = {"restricted": context.restricted, "objected": context.objected, "refused": recording.refused}
    assert {name for name, so in closed.items() if so} <= {closure.value for closure in granted.even_when}
    assert not granted.agents_yes or recording.agents <= {yes.by for yes in context.yes}


def grant_with(access: Access, name: str, *, together_with: Sequence[str]) -> Access:
    """Return the policy with other companions in one grant."""
    grant: Grant = access.grants[name].model_copy(update={"together_with": tuple(together_with)})
    return access.model_copy(update={"grants": {**access.grants, name: grant}})
