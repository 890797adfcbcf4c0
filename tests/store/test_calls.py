"""Calls: opened once, the strictest outcome kept, shown masked."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policy import rules
from policy.clock import to_iso
from policy.errors import NotFound
from policy.vocabulary import CallId, Outcome
from store import settings as installation
from store.keyring import callers, reading_keys, shares
from store.keyring.callers import seal_caller
from store.keyring.shares import Purpose
from store.logbook import ledger
from store.records import calls, decisions
from store.retention import call_data
from tests.store.scene import EINDHOVEN, STARTED_AT, CountingRandomness, Scene, recording_named


def test_a_call_is_shown_with_its_number_masked_and_its_decision_null_while_it_is_asked(stage: Scene) -> None:
    call_id = stage.open_call(17)
    assert calls.get_call(stage.db, call_id).to_json() == {
        "call_id": "1795282161.17",
        "number": "14040",
        "policy": "eindhoven",
        "caller": "********17",
        "started_at": to_iso(STARTED_AT),
        "ended_at": None,
        "decision": None,
        "digit": None,
        "notice_heard_ms": None,
        "recording_id": None,
        "queue": None,
        "answered": None,
        "waited_s": None,
        "talked_s": None,
    }


def test_a_decided_call_names_its_recording_and_how_much_of_the_notice_was_heard(stage: Scene) -> None:
    recording_id = stage.begin(17)
    (row,) = calls.all_calls(stage.db)
    assert (row.decision, row.recording_id, row.notice_heard_ms) == (Outcome.NOT_REFUSED, recording_id, 5700)


def test_only_calls_whose_data_are_kept_can_lack_their_end(stage: Scene) -> None:
    running, over, erased = (stage.open_call(number) for number in (1, 2, 3))
    with stage.db.write() as tx:
        calls.end_call(tx, over, stage.clock.now())
        calls.end_call(tx, erased, stage.clock.now())
    due = call_data.kept(stage.db, until=STARTED_AT + timedelta(days=400))
    call_data.erase(stage.db, [call for call in due if call.call_id == erased], at=stage.clock.now())
    assert calls.unfinished(stage.db) == (running,)


def test_opening_a_call_twice_changes_nothing_and_is_told_once(stage: Scene) -> None:
    arrival = stage.arrival(1)
    for expected in (True, False):
        with stage.db.write() as tx:
            assert calls.open_call(tx, arrival, caller=None, policies=stage.policies) is expected
    assert [entry.kind for entry in ledger.show(stage.db)[stage.told :]] == ["call_opened"]


def test_only_the_first_end_of_a_call_counts_and_an_unknown_call_is_passed_over(stage: Scene) -> None:
    call_id = stage.open_call(1)
    with stage.db.write() as tx:
        assert calls.end_call(tx, call_id, STARTED_AT)
        assert not calls.end_call(tx, call_id, STARTED_AT)
        assert not calls.end_call(tx, CallId("1.1"), STARTED_AT)
    assert calls.get_call(stage.db, call_id).ended_at == STARTED_AT


def test_a_call_that_no_policy_serves_keeps_no_caller_and_only_seven_days(stage: Scene) -> None:
    arrival = dataclasses.replace(stage.arrival(1), policy=None)
    caller = seal_caller(
        arrival.call_id, arrival.caller, to=None, tag_key=bytes(32), randomness=CountingRandomness()
    )
    with stage.db.write() as tx:
        calls.open_call(tx, arrival, caller=caller, policies=stage.policies)
    row = calls.get_call(stage.db, arrival.call_id)
    assert row.caller is None
    assert row.data_due_at == calls.NOBODYS_TERM.after(STARTED_AT)


def test_earlier_is_none_until_something_was_decided(stage: Scene) -> None:
    call_id = stage.open_call(3)
    assert calls.earlier(stage.db, call_id) is None
    with stage.db.write() as tx:
        decisions.store(tx, stage.decision(3), stage.policies)
    earlier = calls.Earlier(outcome=Outcome.NOT_REFUSED, recording_id=recording_named(3), policy=EINDHOVEN)
    assert calls.earlier(stage.db, call_id) == earlier


@given(outcomes=st.lists(st.sampled_from(Outcome), min_size=1, max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
def test_a_call_keeps_its_strictest_outcome_whatever_the_order(stage: Scene, outcomes: list[Outcome]) -> None:
    number = ledger.head(stage.db).size
    call_id = stage.open_call(number)
    with stage.db.write() as tx:
        for outcome in outcomes:
            kept = calls.note_outcome(tx, call_id, outcome)
    strictest = outcomes[0]
    for outcome in outcomes:
        strictest = rules.stricter(strictest, outcome)
    assert kept is strictest
    assert calls.get_call(stage.db, call_id).decision is strictest


def test_nothing_is_decided_about_a_call_that_was_never_opened(stage: Scene) -> None:
    with pytest.raises(NotFound), stage.db.write() as tx:
        calls.note_outcome(tx, CallId("1.1"), Outcome.REFUSED)


@pytest.mark.parametrize(
    "caller",
    [
        "",
        "anonymous",
        "9" * 300,
        "Jan \u00e9\u4e2d",
        '";DROP TABLE calls;--',
        "a\r\nb",
        "${SHELL(id)}",
        "\ud800",
    ],
)
def test_any_caller_is_data_that_comes_back_only_under_the_private_half(stage: Scene, caller: str) -> None:
    to = reading_keys.sealed_to(stage.db, EINDHOVEN, Purpose.CALLER_NUMBER)
    arrival = dataclasses.replace(stage.arrival(1), caller=caller, channel=caller, language=caller)
    tag_key = installation.tag_key(stage.db)
    sealed = seal_caller(arrival.call_id, caller, to=to, tag_key=tag_key, randomness=stage.archive.randomness)
    if sealed.sealed is not None:
        (share,) = callers.unpack(sealed.sealed)
        assert share.role == "privacy_officer"
        subject = shares.caller_number(arrival.call_id)
        part = shares.open_share(share, subject, stage.halves[share.role])
        assert shares.join(share.path, [part]).decode("utf-8", "surrogatepass") == caller
    with stage.db.write() as tx:
        calls.open_call(tx, arrival, caller=sealed, policies=stage.policies)
    shown = calls.get_call(stage.db, arrival.call_id).caller
    assert shown is not None
    assert shown == "anonymous" or set(shown) <= set("*0123456789")


def test_the_same_number_in_two_spellings_has_one_tag_and_the_tag_key_stays(stage: Scene) -> None:
    key = installation.tag_key(stage.db)
    assert installation.tag_key(stage.db) == key
    one, other = (
        seal_caller(CallId("1.1"), spelled, to=None, tag_key=key, randomness=CountingRandomness())
        for spelled in ("0612345678", "+31 6 12345678")
    )
    assert one.tag == other.tag
    assert one.tag is not None
