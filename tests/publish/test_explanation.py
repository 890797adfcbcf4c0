"""`policy explain`: every line about a call names the rule that decided it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from policy.clock import to_local
from policy.load import load_policy
from policy.model import Policy
from policy.retention import DataKind
from policy.rules import call_data_due_at, due_at
from policy.terms import data_due_at
from policy.vocabulary import CallId, ConcludedBecause, Outcome, RecordingId, RecordingState
from publish.explanation import NO_ARTICLE, About, Asked, CallFacts, Held, Kept, Reason, explain
from tests.conftest import ROOT

STARTED_AT = datetime(2026, 11, 21, 17, 29, 21, tzinfo=UTC)
NOW = STARTED_AT + timedelta(minutes=5)


def _call(policy: Policy, outcome: Outcome | None = Outcome.ANNOUNCED, *, recorded: bool = True) -> CallFacts:
    asked = Asked(
        outcome=outcome or Outcome.ERROR,
        policy=policy,
        words=policy.spoken("notice", "nl"),
        language="nl",
        heard_ms=5700,
        duration_ms=5700,
        digit=None,
        decided_at=STARTED_AT,
    )
    kept = Kept(
        recording_id=RecordingId("5f" * 16),
        policy=policy,
        state=RecordingState.SEALED,
        due_at=due_at(policy, STARTED_AT),
        rule=f"{policy.name}: retention.recording = {policy.retention.recording}",
        ended_because=None,
        erased_at=None,
        promised_at=due_at(policy, STARTED_AT),
    )
    return CallFacts(
        call_id=CallId("1795282161.1"),
        number=policy.numbers[0],
        started_at=STARTED_AT,
        going_on=True,
        outcome=outcome,
        asked=() if outcome is None else (asked,),
        kept=(kept,) if recorded else (),
        data_due_at=call_data_due_at(policy, STARTED_AT),
        data_erased_at=None,
    )


def _about(reasons: tuple[Reason, ...], about: About) -> list[Reason]:
    return [reason for reason in reasons if reason.about is about]


def test_every_line_names_a_rule_and_an_article(policy: Policy) -> None:
    for reason in explain(_call(policy), policy, now=NOW):
        assert reason.says
        assert reason.rule
        assert reason.source
        assert reason.source != NO_ARTICLE


def test_words_heard_due_moment_and_listeners_are_those_of_the_policy(policy: Policy) -> None:
    reasons = explain(_call(policy), policy, now=NOW)
    (notice,) = _about(reasons, About.NOTICE)
    assert policy.spoken("notice", "nl") in notice.says
    assert "5.7 of 5.7 s heard" in notice.says
    (retention,) = _about(reasons, About.RETENTION)
    assert retention.rule == f"retention.recording = {policy.retention.recording}"
    assert policy.access is not None
    rules = {reason.rule for reason in _about(reasons, About.LISTENING)}
    assert {f"access.denials.{name}" for name in policy.access.denials} <= rules
    hearing = {
        name
        for name, grant in policy.access.grants.items()
        if any(a.value == "listen" for a in grant.actions)
    }
    assert {f"access.grants.{name}" for name in hearing} <= rules


def test_every_way_to_stay_longer_is_named(policy: Policy) -> None:
    rules = {reason.rule for reason in _about(explain(_call(policy), policy, now=NOW), About.LONGER)}
    wanted = {f"extensions.{one.name}" for one in policy.extensions}
    wanted |= {f"holds.reasons.{name}" for name in policy.hold_reasons}
    assert rules == wanted


def test_where_the_text_promises_a_fixed_end_a_hold_by_law_is_called_a_deviation(policy: Policy) -> None:
    for reason in _about(explain(_call(policy), policy, now=NOW), About.LONGER):
        own = reason.rule.removeprefix("holds.reasons.") in policy.holds.reasons
        by_law = reason.rule.startswith("holds.") and not own
        assert ("a deviation" in reason.says) is (by_law and policy.retention.fixed_end)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_says_why_and_whether_it_permits(eindhoven: Policy, outcome: Outcome) -> None:
    (reason,) = _about(explain(_call(eindhoven, outcome), eindhoven, now=NOW), About.OUTCOME)
    assert reason.says.startswith(f"{outcome.value}: ")
    assert reason.says.endswith("may be recorded" if outcome.permits_recording else "not recorded")


def test_silence_is_explained_as_no_refusal_and_never_as_consent(eindhoven: Policy) -> None:
    (reason,) = _about(explain(_call(eindhoven, Outcome.NOT_REFUSED), eindhoven, now=NOW), About.OUTCOME)
    assert "no 1 came within 3 s after it" in reason.says
    assert "consent" not in reason.says
    assert (reason.rule, reason.source) == ("consent.mode = opt_out", "E1, E4")


def test_doubt_is_explained_by_the_rule_that_every_policy_has(eindhoven: Policy) -> None:
    (reason,) = _about(explain(_call(eindhoven, Outcome.ERROR), eindhoven, now=NOW), About.OUTCOME)
    assert reason.source == "X2"


def test_a_recording_that_is_gone_has_no_future(eindhoven: Policy) -> None:
    facts = _call(eindhoven)
    gone = replace(
        facts.kept[0], state=RecordingState.PURGED, ended_because="due", erased_at=facts.kept[0].due_at
    )
    reasons = explain(replace(facts, kept=(gone,)), eindhoven, now=gone.due_at + timedelta(days=1))
    (after,) = _about(reasons, About.WHAT_NEXT)
    assert "gone since 2027-01-20 18:29:00 (due)" in after.says
    assert after.source == "E6"
    for about in (About.RETENTION, About.LONGER, About.WITHDRAWAL, About.LISTENING):
        assert _about(reasons, about) == []


def test_nobody_hears_a_recording_that_is_due_or_whose_end_is_decided(eindhoven: Policy) -> None:
    facts = _call(eindhoven)
    overdue = explain(facts, eindhoven, now=facts.kept[0].due_at)
    assert "due now" in _about(overdue, About.WHAT_NEXT)[0].says
    withdrawn = replace(facts.kept[0], state=RecordingState.WITHDRAWN, ended_because="withdrawn")
    decided = explain(replace(facts, kept=(withdrawn,)), eindhoven, now=NOW)
    assert "its end is decided (withdrawn)" in _about(decided, About.WHAT_NEXT)[0].says
    assert _about(overdue, About.LISTENING) == _about(decided, About.LISTENING) == []


def test_keys_that_withdraw_are_named_only_while_the_call_goes_on(eindhoven: Policy) -> None:
    facts = _call(eindhoven)
    during = {one.rule for one in _about(explain(facts, eindhoven, now=NOW), About.WITHDRAWAL)}
    assert "consent.withdraw_code = *9" in during
    over = explain(replace(facts, going_on=False), eindhoven, now=NOW)
    assert [one.rule for one in _about(over, About.WITHDRAWAL)] == ["consent.on_incident = delete"]


def test_a_call_that_no_policy_serves_says_so(eindhoven: Policy) -> None:
    facts = replace(_call(eindhoven, Outcome.OUT_OF_SCOPE, recorded=False), asked=())
    reasons = explain(facts, None, now=NOW)
    assert [reason.about for reason in reasons] == [About.POLICY, About.OUTCOME, About.CALL_DATA]
    assert "no policy serves" in reasons[0].says


def test_of_two_gates_the_stricter_ones_own_policy_is_the_rule(eindhoven: Policy, policy: Policy) -> None:
    facts = _call(eindhoven, Outcome.NOT_REFUSED)
    second = replace(facts.asked[0], policy=policy, outcome=Outcome.REFUSED)
    facts = replace(facts, outcome=Outcome.REFUSED, asked=(*facts.asked, second))
    (reason,) = _about(explain(facts, eindhoven, now=NOW), About.OUTCOME)
    assert reason.rule == f"consent.mode = {policy.consent.mode.value}"


def test_a_newer_version_is_named_and_changes_nothing(eindhoven: Policy) -> None:
    newer = eindhoven.model_copy(update={"content_hash": "0" * 64})
    with_newer = explain(_call(eindhoven), eindhoven, now=NOW, running=newer)
    without = explain(_call(eindhoven), eindhoven, now=NOW, running=eindhoven)
    (added,) = set(with_newer) - set(without)
    assert "this call keeps its own promise" in added.says


def test_contradictions_that_bear_on_the_call_are_shown(eindhoven: Policy) -> None:
    rules = [one.rule for one in _about(explain(_call(eindhoven), eindhoven, now=NOW), About.CONFLICT)]
    assert rules == ["sharing.police", "consent.mode"]


def test_which_calls_are_recorded_and_what_a_transfer_does_is_said(policy: Policy) -> None:
    (scope,) = _about(explain(_call(policy), policy, now=NOW), About.SCOPE)
    assert "inbound" in scope.says
    assert ("only while the KCC has the call" in scope.says) is (policy.scope.answered_by.value == "kcc")


def test_each_kind_of_evidence_has_its_own_end(policy: Policy) -> None:
    lines = _about(explain(_call(policy), policy, now=NOW), About.EVIDENCE)
    assert [line.rule.split(" = ")[0] for line in lines] == [
        "retention.decisions",
        "retention.notice_versions",
        "retention.ledger_payloads",
    ]
    for line, kind in zip(lines, (DataKind.DECISIONS, DataKind.NOTICE_VERSIONS), strict=False):
        assert to_local(data_due_at(policy, kind, STARTED_AT)) in line.says
    over = _about(explain(_call(policy), policy, now=NOW + timedelta(days=3000)), About.EVIDENCE)
    assert all(": went at " in line.says for line in over)


def test_what_keeps_a_recording_is_said_beside_the_end_that_was_promised(eindhoven: Policy) -> None:
    facts = _call(eindhoven)
    longer = replace(
        facts.kept[0], due_at=NOW + timedelta(days=90), kept_by=("kept by a hold: threat until then",)
    )
    reasons = explain(replace(facts, kept=(longer,)), eindhoven, now=NOW)
    (term,) = _about(reasons, About.RETENTION)
    assert to_local(longer.promised_at) in term.says
    assert "kept by a hold: threat until then" in _about(reasons, About.LONGER)[0].says
    assert to_local(longer.due_at) in _about(reasons, About.WHAT_NEXT)[0].says


def test_n4_whether_it_is_in_a_backup_is_said(policy: Policy) -> None:
    (line,) = _about(explain(_call(policy), policy, now=NOW), About.BACKUP)
    assert (line.rule, "in no backup" in line.says) == ("backups.mode = none", True)


def test_h8_a_deviation_is_shown_while_it_lasts_and_not_after() -> None:
    every_key = load_policy(ROOT / "docs" / "every-key.toml")
    (granted,) = every_key.granted_deviations
    during = datetime(2026, 3, 1, 22, tzinfo=UTC)
    (line,) = _about(explain(_call(every_key), every_key, now=during), About.DEVIATION)
    assert granted.finding in line.says
    assert line.rule == granted.deviates_from
    after = during + timedelta(hours=1)
    assert _about(explain(_call(every_key), every_key, now=after), About.DEVIATION) == []


def test_who_held_the_call_is_told_each_with_their_time_and_nobody_is_invented(policy: Policy) -> None:
    later = STARTED_AT + timedelta(minutes=2)
    held = (
        Held(person="anna", since=STARTED_AT, until=later),
        Held(person=None, since=later, until=None),
    )
    first, second = _about(explain(replace(_call(policy), held=held), policy, now=NOW), About.HELD)
    assert first.says == "anna, from 2026-11-21 18:29:21, until 2026-11-21 18:31:21"
    assert second.says == "somebody who is on no agent's line, from 2026-11-21 18:31:21, who has it now"
    assert policy.access is not None
    assert first.rule.removeprefix("access.roles.") in policy.access.roles
    assert _about(explain(_call(policy), policy, now=NOW), About.HELD) == []


def test_what_was_decided_about_a_recording_is_told_with_it(eindhoven: Policy) -> None:
    call = _call(eindhoven)
    (kept,) = call.kept
    decided = replace(
        kept,
        incident="flagged as threat at 10:00, to be assessed before 12:00",
        closed=("restricted (withdrawn by caller_key while an incident is open)",),
        reached_from=CallId("1795282161.2"),
        promised_at=kept.promised_at - timedelta(days=30),
        rule="eindhoven: retention.recording = 30d (E6), version abc",
    )
    facts = replace(call, kept=(decided,), reached_back=(RecordingId("ab" * 16),))
    reasons = explain(facts, eindhoven, now=NOW)
    (incident,) = _about(reasons, About.INCIDENT)
    assert "to be assessed before 12:00" in incident.says
    assert any("closed, but for the grants that say so: restricted" in one.says for one in reasons)
    back, taken, *_ = _about(reasons, About.WITHDRAWAL)
    assert back.says == "this refusal took back what the same caller said before: abababab"
    assert "taken back by the refusal in call 1795282161.2" in taken.says
    assert back.rule == taken.rule == "consent.refusal_reaches_back = 1h"
    (retention,) = _about(reasons, About.RETENTION)
    assert "kept at most 60d, and shortened since (eindhoven: retention.recording = 30d" in retention.says


@pytest.mark.parametrize(
    ("because", "says", "source"),
    [
        (ConcludedBecause.ANOTHER_GATE, "at a gate of another policy", "X7"),
        (ConcludedBecause.TRANSFERRED_OUTSIDE, "somebody had the call who is no KCC", None),
    ],
)
def test_why_a_recording_ended_before_its_call_is_told(
    policy: Policy, because: ConcludedBecause, says: str, source: str | None
) -> None:
    facts = _call(policy)
    (kept,) = facts.kept
    ended = replace(kept, concluded=(STARTED_AT + timedelta(minutes=1), because))
    _, line = _about(explain(replace(facts, kept=(ended,)), policy, now=NOW), About.RECORDING)
    assert "ended at 2026-11-21 18:30:21, while the call went on" in line.says
    assert says in line.says
    assert line.source == (source or policy.scope.source_of("transfer_outside"))
    assert (line.rule == f"scope.transfer_outside = {policy.scope.transfer_outside.value}") is (not source)
