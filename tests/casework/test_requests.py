"""Requests of data subjects under five policies: what is kept unseen, in which order, and how they end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from casework import holds, request_calls, requests, settling
from casework.notices import RequestNotices
from casework.request_calls import Candidate
from casework.requests import PURPOSE, Asked
from casework.ruling import Caseworker
from casework.settling import How
from policy.access import Action, Closure
from policy.clock import SteppedClock
from policy.errors import AccessRefused, ConsentlineError, NotFound, RefusedByPolicy, StateConflict
from policy.notify import Notify
from policy.refusals import RefusalGround
from policy.rights import REQUESTABLE, IdentityCheck, Right
from policy.vocabulary import ErasedBecause, PolicyName, RecordingId, WithdrawnBy
from store import settings
from store.access import door, finding
from store.access.accesses import Copy
from store.access.door import Question
from store.access.finding import Search
from store.cases import rectifications
from store.cases import request_calls as rows
from store.cases.notices import Notice, NoticeKind
from store.cases.rectifications import Field
from store.cases.requests import RequestRow, Stage
from store.figures import keeping as figures
from store.logbook import ledger
from store.records import calls, recordings
from store.retention import closures, destruction, keeping, purge
from store.retention.destruction import Doom
from tests.casework.staff import AGENT, HEAD, OFFICER, call_of, hold_call, staff
from tests.store.scene import STARTED_AT, Scene, recording_named, scene, voice

pytestmark = pytest.mark.exhaustive

FIVE = ("eindhoven", "groningen", "heerde", "nunspeet", "rvo")
DAY = timedelta(days=1)
NUMBER = "+31612340001"
COPY = (Copy(kind="zip", size_bytes=7, sha256="ab" * 32),)


class GoingClock(SteppedClock):
    """A clock that goes on a little with each look at it, as clocks do."""

    def now(self) -> datetime:
        """Return a moment that was never returned before."""
        self.advance(timedelta(milliseconds=2))
        return super().now()


def at_work(folder: Path, policy: str, clock: SteppedClock | None = None) -> AbstractContextManager[Scene]:
    return staff(scene(folder, policy=PolicyName(policy), clock=clock))


@pytest.fixture
def heerde(tmp_path: Path) -> Iterator[Scene]:
    """Heerde: seven days; asking keeps until settled."""
    with at_work(tmp_path, "heerde") as stage:
        yield stage


def question(stage: Scene, by: Caseworker = OFFICER, reason: str = "verzoek") -> Question:
    return Question(
        person=by.id,
        login=by.id,
        actor=by.actor,
        policy=stage.policies.named(stage.policy),
        action=Action.EXPORT,
        purpose=PURPOSE,
        reason=reason,
    )


def receive(
    stage: Scene, right: Right = Right.ACCESS, *, by: Caseworker = OFFICER, **asked: object
) -> RequestRow:
    given = {"right": right, "search": Search(number=NUMBER)} | asked
    return requests.receive(
        stage.archive,
        stage.policies,
        question(stage, by),
        Asked(**given),  # type: ignore[arg-type]  # a test names only what it is about
        tag_key=settings.tag_key(stage.db),
    )


def identified(stage: Scene, row: RequestRow) -> RequestRow:
    return requests.check_identity(stage.archive, question(stage), row, IdentityCheck.CALL_FACTS, shown=True)


def confirm(stage: Scene, row: RequestRow, recording_id: RecordingId, *, keep: bool = False) -> Candidate:
    return request_calls.confirm(
        stage.archive,
        question(stage),
        row,
        recording_id,
        named_at=recordings.get_recording(stage.db, recording_id).started_at,
        matter="afvalcontainer",
        keep=keep,
    )


def confirmed(stage: Scene, right: Right, recording_id: RecordingId) -> RequestRow:
    row = identified(stage, receive(stage, right))
    confirm(stage, row, recording_id)
    return row


def purged(stage: Scene) -> list[RecordingId]:
    return list(purge.run(stage.archive, stage.guard).receipts)


def term_over(stage: Scene, recording_id: RecordingId) -> None:
    stage.clock.advance(recordings.get_recording(stage.db, recording_id).promised_at - stage.clock.now())


# ---------------------------------------------------------------- kept unseen


@pytest.mark.parametrize("policy", FIVE)
def test_x11_each_right_can_be_asked_for_under_every_policy(tmp_path: Path, policy: str) -> None:
    with at_work(tmp_path, policy) as stage:
        stage.keep(1)
        for right in REQUESTABLE:
            row = receive(stage, right)
            assert (row.stage, row.decide_by) == (Stage.RECEIVED, date(2026, 12, 21))


@pytest.mark.parametrize("policy", FIVE)
def test_a_request_in_the_last_minute_keeps_what_it_may_be_about_and_nobody_sees_it(
    tmp_path: Path, policy: str
) -> None:
    with at_work(tmp_path, policy) as stage:
        mine, others = stage.keep(1), stage.keep(2)
        term_over(stage, mine)
        stage.clock.advance(-timedelta(minutes=1))
        row = receive(stage)
        before = {one.recording_id for one in rows.shown(stage.db)}
        assert before == {mine, others}
        plan = purge.look(stage.archive, stage.clock.now() + DAY)
        assert {due.recording_id for due in plan.recordings} == {mine, others}  # as if nobody had asked
        stage.clock.advance(timedelta(minutes=1))
        assert purged(stage) == [others]
        # to everybody it is as gone as the other one
        assert [one.recording_id for one in rows.shown(stage.db) if one.erased_at is None] == []
        assert holds.listed(stage.archive, None, running=False) == ()
        assert figures.present(stage.db, stage.policy, stage.clock.now()).recordings == 0
        later = purge.look(stage.archive, stage.clock.now() + timedelta(days=400))
        assert mine not in {due.recording_id for due in later.recordings}
        assert mine not in str(
            [entry.to_json() for entry in ledger.show(stage.db) if entry.kind.startswith("request")]
        )
        with pytest.raises(NotFound, match="no such recording, or not yours"):
            door.decide(stage.archive, question(stage), mine, stage.clock.now())
        assert request_calls.candidates(stage.archive, row) == ()
        assert stage.hear(mine) == voice(1)


def test_what_asks_for_it_to_go_keeps_nothing(heerde: Scene) -> None:
    recording_id = heerde.keep(1)
    for right in (Right.ERASURE, Right.OBJECTION, Right.WITHDRAWAL):
        assert receive(heerde, right).keeps_until is None
    term_over(heerde, recording_id)
    assert purged(heerde) == [recording_id]


def test_when_identity_is_not_shown_what_was_kept_goes_at_once(heerde: Scene) -> None:
    recording_id = heerde.keep(1)
    row = receive(heerde)
    term_over(heerde, recording_id)
    assert purged(heerde) == []
    heerde.clock.advance(DAY)
    failed = requests.check_identity(
        heerde.archive, question(heerde), row, IdentityCheck.CALL_FACTS, shown=False
    )
    assert failed.stage is Stage.NOT_IDENTIFIED
    assert request_calls.candidates(heerde.archive, failed) == ()
    assert purged(heerde) == [recording_id]
    assert recordings.get_recording(heerde.db, recording_id).lateness_ms == 0


def test_a_blind_hold_that_nobody_followed_up_lapses_at_its_end(tmp_path: Path) -> None:
    with at_work(tmp_path, "groningen") as stage:
        recording_id = stage.keep(1)
        row = receive(stage)
        assert row.keeps_until is not None
        assert row.keeps_until - stage.clock.now() < 17 * DAY  # 14 days, a weekend, and the day itself
        term_over(stage, recording_id)
        assert purged(stage) == []
        stage.clock.advance(row.keeps_until - stage.clock.now() - timedelta(minutes=1))
        assert purged(stage) == []
        stage.clock.advance(timedelta(minutes=1))
        assert purged(stage) == [recording_id]


def test_a_blind_hold_never_brings_back_what_destruction_has_begun_on(heerde: Scene) -> None:
    recording_id = heerde.keep(1)
    with heerde.db.write() as tx:
        recordings.intended(tx, recording_id, heerde.clock.now(), ErasedBecause.REQUEST)
    row = identified(heerde, receive(heerde))
    assert request_calls.candidates(heerde.archive, row) == ()
    assert purged(heerde) == [recording_id]


def test_a_withdrawal_and_an_erasure_go_through_a_blind_hold(heerde: Scene) -> None:
    first, second = heerde.keep(1), heerde.keep(2)
    receive(heerde)
    receive(heerde, search=Search(number="+31612340002"))
    destruction.destroy(
        heerde.archive, Doom(recording_id=first, because=ErasedBecause.WITHDRAWN, by=WithdrawnBy.CALLER_KEY)
    )
    destruction.destroy(heerde.archive, Doom(recording_id=second, because=ErasedBecause.REQUEST))
    assert heerde.state(first).value == "withdrawn"
    assert heerde.state(second).value == "purged"


def test_a_hold_placed_while_only_the_request_keeps_it_counts_and_its_release_lets_it_go(
    heerde: Scene,
) -> None:
    recording_id = heerde.keep(1)
    row = receive(heerde)
    term_over(heerde, recording_id)
    heerde.clock.advance(DAY)
    row = identified(heerde, row)
    placed = confirm(heerde, row, recording_id)
    assert placed.call.hold_id is not None
    assert recording_id in {one.recording_id for one in rows.shown(heerde.db)}  # now it is told
    heerde.clock.advance(20 * DAY)
    assert purged(heerde) == []
    settling.fulfil(heerde.archive, question(heerde), row, How(copies=COPY))
    assert purged(heerde) == [recording_id]


def test_the_commitment_on_the_ledger_proves_the_match_and_tells_no_number(heerde: Scene) -> None:
    recording_id = heerde.keep(1)
    row = receive(heerde)
    (entry,) = (entry for entry in ledger.show(heerde.db) if entry.kind == "request_received")
    assert entry.payload is not None
    assert entry.payload["matches_sha256"] == rows.commitment(row.matched_salt, [recording_id])
    assert NUMBER not in str(entry.to_json())
    assert b"31612340001" not in heerde.every_byte()


# ---------------------------------------------------------------- the order


def test_g6_in_groningen_asking_alone_does_not_extend_and_a_named_person_can(tmp_path: Path) -> None:
    with at_work(tmp_path, "groningen") as stage:
        recording_id = stage.keep(1)
        row = receive(stage)
        term_over(stage, recording_id)
        assert purged(stage) == []
        row = identified(stage, row)
        with pytest.raises(StateConflict, match="Groningen interpretation: art. 6 .* its own term is over"):
            confirm(stage, row, recording_id)
        confirm(stage, row, recording_id, keep=True)
        (hold,) = keeping.state_of(stage.db, recording_id).holds
        assert (hold.reason, hold.deviates) == ("access_request", True)


@pytest.mark.parametrize("policy", FIVE)
def test_what_is_decided_holds_from_that_very_moment_also_after_an_earlier_request(
    tmp_path: Path, policy: str
) -> None:
    with at_work(tmp_path, policy, GoingClock(STARTED_AT)) as stage:
        recording_id = stage.keep(1)
        earlier = identified(stage, receive(stage))
        request_calls.reject(stage.archive, question(stage), earlier, recording_id)
        with pytest.raises(StateConflict, match="is put on record as not theirs for request 1 already"):
            confirm(stage, earlier, recording_id)
        term_over(stage, recording_id)
        stage.clock.advance(-timedelta(minutes=1))
        row = receive(stage)
        stage.clock.advance(timedelta(minutes=1))
        assert purged(stage) == []
        if policy == "groningen":
            row = identified(stage, row)
            confirm(stage, row, recording_id, keep=True)
            settling.close(stage.archive, question(stage), row)
        else:
            requests.check_identity(
                stage.archive, question(stage), row, IdentityCheck.CALL_FACTS, shown=False
            )
        assert purged(stage) == [recording_id]


def test_a_second_request_beyond_the_term_is_told_that_the_hold_is_placed_once(heerde: Scene) -> None:
    recording_id = heerde.keep(1)
    row = confirmed(heerde, Right.ACCESS, recording_id)
    settling.fulfil(heerde.archive, question(heerde), row, How(copies=COPY))
    row = receive(heerde)
    term_over(heerde, recording_id)
    assert purged(heerde) == []
    row = identified(heerde, row)
    with pytest.raises(StateConflict, match='a hold for "access_request" is placed once'):
        confirm(heerde, row, recording_id)


def test_nothing_is_released_before_identity_and_before_a_call_is_confirmed(heerde: Scene) -> None:
    recording_id = heerde.keep(1)
    row = receive(heerde)
    asked = question(heerde)
    with pytest.raises(StateConflict, match=r"identity is shown before anything is seen .*12\(2\)"):
        confirm(heerde, row, recording_id)
    with pytest.raises(StateConflict, match="identity is shown before"):
        settling.fulfil(heerde.archive, asked, row, How(copies=COPY))
    row = identified(heerde, row)
    with pytest.raises(StateConflict, match="each call is confirmed by date, time and subject"):
        settling.to_be_copied(heerde.archive, asked, row)
    with pytest.raises(NotFound, match="no such recording, or not yours"):
        door.decide(heerde.archive, asked, recording_id, heerde.clock.now())
    confirm(heerde, row, recording_id)
    assert [one.row.recording_id for one in settling.to_be_copied(heerde.archive, asked, row)] == [
        recording_id
    ]
    door.decide(heerde.archive, asked, recording_id, heerde.clock.now())


def test_a_number_is_a_line_each_call_is_confirmed_by_its_own_time(heerde: Scene) -> None:
    recording_id = heerde.keep(1)
    row = identified(heerde, receive(heerde))
    started_at = recordings.get_recording(heerde.db, recording_id).started_at
    with pytest.raises(StateConflict, match="a call is confirmed by its date and time"):
        request_calls.confirm(
            heerde.archive,
            question(heerde),
            row,
            recording_id,
            named_at=started_at - timedelta(hours=3),
            matter="x",
        )
    with pytest.raises(NotFound):
        request_calls.confirm(
            heerde.archive, question(heerde), row, recording_named(9), named_at=started_at, matter="x"
        )
    rejected = request_calls.reject(heerde.archive, question(heerde), row, recording_id)
    assert rejected.call.rejected_at is not None
    term_over(heerde, recording_id)
    assert purged(heerde) == [recording_id]


def test_a_request_without_a_number_goes_by_time_and_agent(heerde: Scene) -> None:
    heerde.keep(1)
    heerde.keep(2)
    hold_call(heerde, 2, AGENT)
    now = heerde.clock.now()
    row = receive(heerde, search=Search(since=now - DAY, before=now + DAY, agent=AGENT.id))
    found = request_calls.candidates(heerde.archive, identified(heerde, row))
    assert [one.row.recording_id for one in found] == [recording_named(2)]
    with pytest.raises(ConsentlineError, match="must name a number, or between which moments"):
        receive(heerde, search=Search(agent=AGENT.id))


def test_only_who_fulfils_requests_takes_them_in_and_sees_them(heerde: Scene) -> None:
    heerde.keep(1)
    with pytest.raises(RefusedByPolicy, match="Heerde"):
        receive(heerde, by=HEAD)
    row = receive(heerde)
    assert requests.listed(heerde.archive, heerde.policies, HEAD) == ()
    with pytest.raises(NotFound, match="no request 1, or not yours"):
        requests.request_of(heerde.archive, heerde.policies, HEAD.id, row.request_id)
    with pytest.raises(NotFound, match="no request 9, or not yours"):
        requests.request_of(heerde.archive, heerde.policies, OFFICER.id, 9)


def test_identity_is_checked_as_the_policy_says_and_once(heerde: Scene) -> None:
    row = receive(heerde)
    with pytest.raises(AccessRefused, match="identity is checked by masked_copy or call_facts, not by digid"):
        requests.check_identity(heerde.archive, question(heerde), row, IdentityCheck.DIGID, shown=True)
    row = identified(heerde, row)
    with pytest.raises(StateConflict, match="identity is checked before it is identified"):
        identified(heerde, row)


def test_the_deadline_stands_still_only_by_a_recorded_decision(heerde: Scene) -> None:
    row = receive(heerde)
    row = requests.await_identity(heerde.archive, question(heerde), row)
    with pytest.raises(StateConflict, match="stands still only before identity is checked"):
        requests.await_identity(heerde.archive, question(heerde), row)
    heerde.clock.advance(10 * DAY)
    row = identified(heerde, row)
    assert (row.paused_days, row.decide_by) == (10, date(2026, 12, 31))


def test_put_off_once_within_the_first_term_and_not_after(heerde: Scene) -> None:
    row, other = receive(heerde), receive(heerde)
    row = requests.extend(heerde.archive, question(heerde, reason="veel gesprekken"), row)
    assert row.decide_by == date(2027, 2, 22)
    with pytest.raises(StateConflict, match="is put off once"):
        requests.extend(heerde.archive, question(heerde), row)
    heerde.clock.advance(31 * DAY)
    with pytest.raises(
        StateConflict, match=r"within the first term \(AVG art. 12\(3\)\), which was over after"
    ):
        requests.extend(heerde.archive, question(heerde), other)


def test_what_is_due_is_listed_the_most_urgent_first(heerde: Scene) -> None:
    late = receive(heerde, received_on=date(2026, 11, 1))
    soon = receive(heerde, received_on=date(2026, 11, 10))
    receive(heerde)
    settling.close(heerde.archive, question(heerde), late)
    due = requests.listed(heerde.archive, heerde.policies, OFFICER, due_by=date(2026, 12, 15))
    assert [row.request_id for row in due] == [soon.request_id]
    assert len(requests.listed(heerde.archive, heerde.policies, OFFICER)) == 3
    with pytest.raises(ConsentlineError, match="must have come in by today"):
        receive(heerde, received_on=date(2026, 12, 1))


# ---------------------------------------------------------------- how each right ends


def test_e9_partly_erased_is_settled_after_the_parts_went(heerde: Scene) -> None:
    row = confirmed(heerde, Right.ERASURE, heerde.keep(1))
    with pytest.raises(StateConflict, match="nothing of recording .* was erased since it was confirmed"):
        settling.fulfil(heerde.archive, question(heerde), row, How(partly=True))


def test_an_erasure_goes_by_the_one_path_and_leaves_a_receipt(heerde: Scene) -> None:
    recording_id = heerde.keep(1)
    row = confirmed(heerde, Right.ERASURE, recording_id)
    done = settling.fulfil(heerde.archive, question(heerde), row, How())
    gone = recordings.get_recording(heerde.db, recording_id)
    assert (done.stage, gone.erased_because, gone.state.value) == (
        Stage.FULFILLED,
        ErasedBecause.REQUEST,
        "purged",
    )
    with pytest.raises(StateConflict, match="is fulfilled already, and is decided once"):
        settling.close(heerde.archive, question(heerde), done)
    with pytest.raises(StateConflict, match="its erasure has begun"):
        holds.place(heerde.archive, recording_id, "threat", HEAD, why="te laat")


@pytest.mark.parametrize("right", [Right.WITHDRAWAL, Right.OBJECTION])
def test_under_consent_an_objection_and_a_withdrawal_erase_as_withdrawn(tmp_path: Path, right: Right) -> None:
    with at_work(tmp_path, "eindhoven") as stage:
        recording_id = stage.keep(1)
        row = confirmed(stage, right, recording_id)
        settling.fulfil(stage.archive, question(stage), row, How())
        assert recordings.get_recording(stage.db, recording_id).erased_because is ErasedBecause.WITHDRAWN


@pytest.mark.exhaustive
@pytest.mark.parametrize("policy", ["groningen", "heerde", "nunspeet", "rvo"])
@pytest.mark.parametrize("right", [Right.WITHDRAWAL, Right.OBJECTION])
def test_under_another_ground_it_is_closed_until_it_is_decided(
    tmp_path: Path, policy: str, right: Right
) -> None:
    with at_work(tmp_path, policy) as stage:
        recording_id = stage.keep(1)
        row = confirmed(stage, right, recording_id)
        assert closures.of_recording(stage.db, recording_id) == {Closure.OBJECTED}
        refused = settling.refuse(stage.archive, question(stage), row, RefusalGround.OVERRIDING)
        assert refused.ground is RefusalGround.OVERRIDING
        assert closures.of_recording(stage.db, recording_id) == set()
        row = identified(stage, receive(stage, right))
        confirm(stage, row, recording_id)
        settling.fulfil(stage.archive, question(stage), row, How())
        assert recordings.get_recording(stage.db, recording_id).erased_because is ErasedBecause.OBJECTION


def test_a_restriction_closes_the_recording_and_can_keep_it_for_a_claim(heerde: Scene) -> None:
    recording_id = heerde.keep(1)
    row = confirmed(heerde, Right.RESTRICTION, recording_id)
    settling.fulfil(heerde.archive, question(heerde), row, How(hold="legal_claim"))
    assert closures.of_recording(heerde.db, recording_id) == {Closure.RESTRICTED}
    heerde.clock.advance(200 * DAY)
    assert purged(heerde) == []
    assert {
        hold.reason for hold in keeping.state_of(heerde.db, recording_id).holds if hold.over_at is None
    } == {"legal_claim"}


def test_a_rectified_number_is_found_by_the_new_one_and_the_old_one_goes_with_the_file(heerde: Scene) -> None:
    recording_id = heerde.keep(1)
    row = confirmed(heerde, Right.RECTIFICATION, recording_id)
    with pytest.raises(StateConflict, match="takes what is put right"):
        settling.fulfil(heerde.archive, question(heerde), row, How())
    with pytest.raises(ConsentlineError, match="must be a telephone number"):
        settling.fulfil(heerde.archive, question(heerde), row, How(field=Field.CALLER, value="geen"))
    settling.fulfil(heerde.archive, question(heerde), row, How(field=Field.CALLER, value="06 87654321"))
    tag_key = settings.tag_key(heerde.db)
    for number, expected in ((NUMBER, []), ("+31687654321", [recording_id])):
        assert (
            finding.candidates(heerde.db, heerde.policy, Search(number=number), tag_key=tag_key) == expected
        )
    (put_right,) = rectifications.of_request(heerde.db, row.request_id)
    assert put_right.old is not None and put_right.old.endswith("01")
    (entry,) = (entry for entry in ledger.show(heerde.db) if entry.kind == "data_rectified")
    assert entry.payload is not None
    assert len(str(entry.payload["old_keyed_hash"])) == len(str(entry.payload["new_keyed_hash"])) == 64
    assert calls.get_call(heerde.db, call_of(1)).caller != put_right.old
    heerde.clock.advance(200 * DAY)
    purge.run(heerde.archive, heerde.guard)
    assert rectifications.of_call(heerde.db, call_of(1)) == ()
    with pytest.raises(NotFound):
        requests.request_of(heerde.archive, heerde.policies, OFFICER.id, row.request_id)
    assert any(entry.kind == "request_erased" for entry in ledger.show(heerde.db))


@pytest.mark.parametrize(("policy", "reaches"), [("eindhoven", True), ("rvo", True), ("heerde", False)])
def test_portability_reaches_consent_and_agreement_only(tmp_path: Path, policy: str, reaches: bool) -> None:
    with at_work(tmp_path, policy) as stage:
        row = confirmed(stage, Right.PORTABILITY, stage.keep(1))
        if reaches:
            assert len(settling.to_be_copied(stage.archive, question(stage), row)) == 1
            return
        with pytest.raises(
            StateConflict, match=r"AVG art. 20\(1\)\(a\)\), recordings here rest on 6\(1\)\(f\)"
        ):
            settling.to_be_copied(stage.archive, question(stage), row)
        refused = settling.refuse(stage.archive, question(stage), row, RefusalGround.NOT_APPLICABLE)
        assert RefusalGround.NOT_APPLICABLE.article(refused.right) == "AVG art. 20(1)(a)"


def test_a_refusal_has_a_ground_that_fits_and_its_turn(heerde: Scene) -> None:
    row = receive(heerde)
    asked = question(heerde)
    with pytest.raises(ConsentlineError, match="overriding is no ground to refuse access, expected one of"):
        settling.refuse(heerde.archive, asked, row, RefusalGround.OVERRIDING)
    with pytest.raises(StateConflict, match="identity is checked, and not shown, before it is refused"):
        settling.refuse(heerde.archive, asked, row, RefusalGround.IDENTITY)
    with pytest.raises(StateConflict, match="identity is shown before"):
        settling.refuse(heerde.archive, asked, row, RefusalGround.OTHERS_RIGHTS)
    failed = requests.check_identity(heerde.archive, asked, row, IdentityCheck.CALL_FACTS, shown=False)
    assert settling.refuse(heerde.archive, asked, failed, RefusalGround.IDENTITY).stage is Stage.REFUSED


def test_access_is_fulfilled_by_a_copy_and_opens_nothing_any_more(heerde: Scene) -> None:
    recording_id = heerde.keep(1)
    row = confirmed(heerde, Right.ACCESS, recording_id)
    with pytest.raises(StateConflict, match="is fulfilled by a copy"):
        settling.fulfil(heerde.archive, question(heerde), row, How())
    settling.fulfil(heerde.archive, question(heerde), row, How(copies=COPY))
    (entry,) = (entry for entry in ledger.show(heerde.db) if entry.kind == "request_settled")
    assert entry.payload is not None
    assert entry.payload["copies"] == [{"kind": "zip", "bytes": 7, "sha256": "ab" * 32}]
    assert entry.payload["late"] is False
    with pytest.raises(NotFound, match="no such recording, or not yours"):
        door.decide(heerde.archive, question(heerde), recording_id, heerde.clock.now())
    assert (
        recordings.get_recording(heerde.db, recording_id).due_at
        == recordings.get_recording(heerde.db, recording_id).promised_at
    )


def test_a_decision_after_its_day_is_late_and_says_so(heerde: Scene) -> None:
    row = receive(heerde)
    heerde.clock.advance(40 * DAY)
    settling.close(heerde.archive, question(heerde), row)
    (entry,) = (entry for entry in ledger.show(heerde.db) if entry.kind == "request_settled")
    assert entry.payload is not None and entry.payload["late"] is True


def test_a_hold_after_a_withdrawal_is_refused(heerde: Scene) -> None:
    recording_id = heerde.keep(1)
    destruction.destroy(
        heerde.archive,
        Doom(recording_id=recording_id, because=ErasedBecause.WITHDRAWN, by=WithdrawnBy.CALLER_KEY),
    )
    with pytest.raises(StateConflict, match=r"erasure has begun \(withdrawn\), nothing keeps it"):
        holds.place(heerde.archive, recording_id, "access_request", OFFICER, why="inzage")


def test_who_settles_is_told_a_week_before_while_the_deadline_runs_and_until_it_is_decided(
    heerde: Scene,
) -> None:
    heerde.keep(1)
    row = identified(heerde, receive(heerde, Right.ACCESS))
    source = RequestNotices(heerde.policies)

    def told() -> list[Notice]:
        return list(source.wanted(heerde.db, heerde.clock.now(), Notify()))

    (notice,) = told()
    assert (notice.kind, notice.role, notice.about) == (
        NoticeKind.REQUEST_DUE,
        "privacy_officer",
        row.request_id,
    )
    assert timedelta(days=7) < notice.deadline_at - notice.tell_at < timedelta(days=11)
    requests.extend(heerde.archive, question(heerde), row)
    (later,) = told()
    assert later.deadline_at > notice.deadline_at
