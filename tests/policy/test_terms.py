from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy import terms
from policy.clock import LOCAL_ZONE
from policy.errors import NotFound, StateConflict
from policy.load import load_policies
from policy.model import Policy
from policy.period import Period
from policy.retention import DataKind
from policy.rules import due_at
from policy.terms import Hold
from tests.conftest import ROOT
from tests.policy.written import written

FIVE = load_policies(ROOT / "policies")
MOMENTS = st.datetimes(
    min_value=datetime(2025, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone itself
    max_value=datetime(2030, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
POLICIES = st.sampled_from(list(FIVE.by_name.values()))
SHARE = st.floats(min_value=0, max_value=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def promised(term: Period, start: datetime) -> datetime:
    """The latest moment at which somebody who read the promise would still call it kept."""
    here = start.astimezone(LOCAL_ZONE)
    if term.unit == "h":
        return start + timedelta(hours=term.count)
    if term.unit == "d":
        return min(start + timedelta(days=term.count), (here + timedelta(days=term.count)).astimezone(UTC))
    if term.unit == "y":
        day = here.replace(
            year=here.year + term.count, day=min(here.day, 28) if here.month == 2 else here.day
        )
        return day.astimezone(UTC)
    month = here.month - 1 + term.count
    last = here.replace(year=here.year + (month + 1) // 12, month=(month + 1) % 12 + 1, day=1)
    same = min(here.day, (last - timedelta(days=1)).day)
    return here.replace(year=here.year + month // 12, month=month % 12 + 1, day=same).astimezone(UTC)


@given(policy=POLICIES, start=MOMENTS, kind=st.sampled_from(DataKind))
def test_nothing_is_due_later_than_was_promised(policy: Policy, start: datetime, kind: DataKind) -> None:
    term = policy.retention.term(kind)
    if isinstance(term, Period):
        due = terms.data_due_at(policy, kind, start)
        assert start < due <= promised(term, start)


@given(
    start=MOMENTS,
    term=st.sampled_from(["1h", "48h", "1d", "28d", "60d", "400d", "1m", "5m", "13m", "1y", "7y"]),
)
def test_no_term_is_due_later_than_was_promised(start: datetime, term: str) -> None:
    assert start < Period.parse(term).after(start) <= promised(Period.parse(term), start)


@given(policy=POLICIES, start=MOMENTS)
def test_evidence_never_goes_before_its_recording(policy: Policy, start: datetime) -> None:
    for kind in (DataKind.CALL_DATA, DataKind.DECISIONS, DataKind.NOTICE_VERSIONS):
        assert terms.data_due_at(policy, kind, start) >= due_at(policy, start)


@given(start=MOMENTS, waited=SHARE)
def test_groningens_extension_ends_ten_working_days_after_the_48_hours(
    start: datetime, waited: float
) -> None:
    policy = FIVE.named("groningen")
    first_end = due_at(policy, start)
    decided_at = start + (first_end - start) * waited * 0.999
    extension = terms.extension_named(policy, "aggression")
    until = terms.extended_until(policy, extension, first_end=first_end, decided_at=decided_at)
    last = policy.working_days.nth_after(first_end.astimezone(LOCAL_ZONE).date(), 10)
    assert first_end < until
    assert until.astimezone(LOCAL_ZONE).date() <= last
    assert until <= terms.data_due_at(policy, DataKind.CALL_DATA, start)


def test_a_call_of_friday_afternoon_that_is_kept_stays_until_friday_two_weeks_later() -> None:
    policy = FIVE.named("groningen")
    start = at("2026-11-20T15:55:00Z")
    assert due_at(policy, start) == at("2026-11-22T15:55:00Z")  # a Sunday
    extension = terms.extension_named(policy, "aggression")
    until = terms.extended_until(
        policy, extension, first_end=due_at(policy, start), decided_at=at("2026-11-21T09:00:00Z")
    )
    assert until == at("2026-12-04T15:55:00Z")


def test_an_extension_decided_too_late_keeps_nothing() -> None:
    policy = FIVE.named("groningen")
    start = at("2026-11-20T15:55:00Z")
    extension = terms.extension_named(policy, "aggression")
    with pytest.raises(StateConflict, match="must be decided before 2026-11-22 15:55Z"):
        terms.extended_until(
            policy, extension, first_end=due_at(policy, start), decided_at=due_at(policy, start)
        )


def test_an_extension_may_count_from_its_decision(tmp_path: Path) -> None:
    more = """
        [[extensions]]
        name = "shorter"
        indicated_by = "agent"
        decided_by = "head"
        lasts = "5wd"
        counts_from = "decision"
    """
    policy = written(tmp_path, more)
    start, decided = at("2026-11-20T15:55:00Z"), at("2026-11-24T12:00:00Z")
    until = terms.extended_until(
        policy, policy.extensions[0], first_end=due_at(policy, start), decided_at=decided
    )
    assert until == at("2026-12-01T12:00:00Z")
    early = terms.extended_until(
        policy, policy.extensions[0], first_end=due_at(policy, start), decided_at=start
    )
    assert early == due_at(policy, start)  # the promise is not shortened by being kept longer


@pytest.mark.parametrize("name", ["eindhoven", "heerde", "nunspeet", "rvo"])
def test_who_promised_no_extension_has_none(name: str) -> None:
    with pytest.raises(NotFound, match=r'no extension "aggression", expected one of: none'):
        terms.extension_named(FIVE.named(name), "aggression")


@st.composite
def held(draw: st.DrawFn) -> tuple[datetime, list[Hold]]:
    """The end of a recording's term and the holds placed on it, some of them released."""
    policy = draw(POLICIES)
    start = draw(MOMENTS)
    holds = []
    for _ in range(draw(st.integers(min_value=0, max_value=4))):
        placed_at = start + timedelta(hours=draw(st.integers(min_value=0, max_value=3000)))
        hold = terms.place_hold(
            policy, draw(st.sampled_from(sorted(policy.hold_reasons))), placed_at=placed_at
        )
        until = placed_at + (hold.until - placed_at) * draw(st.floats(min_value=0.01, max_value=1))
        released_at = draw(st.none() | st.just(placed_at + (until - placed_at) * draw(SHARE)))
        holds.append(Hold(reason=hold.reason, placed_at=placed_at, until=until, released_at=released_at))
    return due_at(policy, start), holds


@given(case=held())
def test_a_hold_never_outlives_its_end(case: tuple[datetime, list[Hold]]) -> None:
    due, holds = case
    until = terms.kept_until(due, holds)
    assert until >= due
    assert until == due or any(hold.ends_at == until and hold.placed_at < until for hold in holds)
    assert all(hold.ends_at <= hold.until for hold in holds)
    assert until == terms.kept_until(due, reversed(holds))


@given(case=held())
def test_releasing_every_hold_before_the_end_brings_the_original_end_back(
    case: tuple[datetime, list[Hold]],
) -> None:
    due, holds = case
    released = [
        Hold(reason=hold.reason, placed_at=hold.placed_at, until=hold.until, released_at=hold.placed_at)
        for hold in holds
    ]
    assert terms.kept_until(due, released) == due


def test_a_hold_placed_when_the_recording_was_gone_keeps_nothing() -> None:
    due = at("2026-11-22T15:55:00Z")
    late = Hold(reason="threat", placed_at=due, until=due + timedelta(days=30))
    assert terms.kept_until(due, [late]) == due


@pytest.mark.parametrize(
    ("until", "sound"),
    [
        (None, True),
        ("2026-12-01T00:00:00Z", True),
        ("2027-02-20T12:00:00Z", True),  # three months, to the minute
        ("2027-02-20T12:01:00Z", False),
        ("2026-11-20T12:00:00Z", False),
        ("2026-11-01T12:00:00Z", False),
    ],
)
def test_a_hold_ends_after_it_began_and_no_later_than_the_policy_allows(
    until: str | None, sound: bool
) -> None:
    heerde, placed_at = FIVE.named("heerde"), at("2026-11-20T12:00:00Z")
    end = None if until is None else at(until)
    if sound:
        hold = terms.place_hold(heerde, "threat", placed_at=placed_at, until=end)
        assert hold.until == (end or at("2027-02-20T12:00:00Z"))
    else:
        with pytest.raises(StateConflict, match=r"by 2027-02-20 12:00Z, got"):
            terms.place_hold(heerde, "threat", placed_at=placed_at, until=end)


def test_a_reason_that_the_policy_does_not_know_holds_nothing() -> None:
    with pytest.raises(NotFound, match=r'nunspeet: no hold reason "threat", expected one of: access_request'):
        terms.place_hold(FIVE.named("nunspeet"), "threat", placed_at=at("2026-11-20T12:00:00Z"))


@pytest.mark.parametrize("name", sorted(FIVE.by_name))
def test_every_policy_has_the_holds_that_the_law_gives(name: str) -> None:
    policy = FIVE.named(name)
    by_law = {"access_request", "erasure_opposed", "legal_claim", "woo_request", "court_matter"}
    assert by_law <= set(policy.hold_reasons)
    fixed = name in {"groningen", "nunspeet"}
    assert all(terms.deviates_from_the_text(policy, reason) is fixed for reason in by_law)


def test_a_hold_of_the_texts_own_is_no_deviation_from_it() -> None:
    assert not terms.deviates_from_the_text(FIVE.named("heerde"), "threat")


def test_a_selection_list_without_a_period_is_refused_in_use(tmp_path: Path) -> None:
    with pytest.raises(StateConflict, match=r"rvo.toml: retention.review_forms: must have a period") as told:
        terms.data_due_at(FIVE.named("rvo"), DataKind.REVIEW_FORMS, at("2026-11-20T12:00:00Z"))
    assert told.value.hint is not None
    assert "Selectielijst" in told.value.hint
    more = """
        review_forms = { selection_list = "Selectielijst", category = "1.2", period = "5y" }
    """
    policy = written(tmp_path, more)
    due = terms.data_due_at(policy, DataKind.REVIEW_FORMS, at("2026-11-20T12:00:00Z"))
    assert due == at("2031-11-20T12:00:00Z")


@given(start=MOMENTS, old=POLICIES, new=POLICIES)
def test_a_new_version_never_lengthens_what_was_promised(start: datetime, old: Policy, new: Policy) -> None:
    promise = due_at(old, start)
    after = terms.due_after_change(promise, new, start)
    assert after <= promise
    assert after in (promise, due_at(new, start))
