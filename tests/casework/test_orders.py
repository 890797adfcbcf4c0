"""Compulsory orders: only by a deviation that two persons put on record, and shown afterwards (N7, H6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from casework import holds, orders
from casework.notices import OrderNotices
from casework.orders import Decided, Received
from casework.ruling import Caseworker
from policy.errors import AccessRefused, ConsentlineError, NotFound, StateConflict
from policy.notify import Notify
from policy.sharing import Content
from policy.vocabulary import PolicyName
from store.access import accesses
from store.access.accesses import Ending
from store.cases import orders as rows
from store.cases.orders import OrderOutcome
from store.logbook import ledger
from store.records import recordings
from store.retention import purge
from tests.casework.staff import AGENT, HEAD, OFFICER, call_of, staff
from tests.casework.test_accounting import account
from tests.casework.test_handovers import asking
from tests.store.scene import STARTED_AT, Scene, recording_named, scene

pytestmark = pytest.mark.exhaustive  # takes seconds: with make test

DAY = timedelta(days=1)
RECEIVED = Received(
    subject=call_of(1),
    authority="Officier van Justitie",
    reference="OM-2026-118",
    legal_basis="Sv art. 126nd",
    content=Content.DATA,
    answer_by=STARTED_AT + 10 * DAY,
)
DECIDED = Decided(
    finding="vordering met machtiging van de rechter-commissaris",
    approved_by="college van B en W",
    approved_on=STARTED_AT.date(),
    until=STARTED_AT + 9 * DAY,
)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Scene]:
    """Nunspeet, that never hands anything over, with one call."""
    with staff(scene(tmp_path, policy=PolicyName("nunspeet"))) as opened:
        opened.keep(1)
        yield opened


def register(stage: Scene, by: Caseworker = OFFICER) -> rows.OrderRow:
    return orders.register(stage.archive, stage.policies, asking(by), RECEIVED)


def deviate(stage: Scene, by: Caseworker = OFFICER) -> rows.OrderRow:
    return orders.deviate(stage.archive, stage.policies, asking(by), 1, DECIDED)


def confirm(stage: Scene, by: Caseworker = HEAD) -> rows.OrderRow:
    return orders.confirm(stage.archive, stage.policies, asking(by), 1)


def package(stage: Scene, by: Caseworker = OFFICER) -> dict[str, object]:
    asked = orders.asks_to_package(stage.archive, stage.policies, asking(by), 1)
    released = orders.package(stage.archive, asked, 1, stage.clock.now())
    with stage.db.write() as tx:
        at = stage.clock.now()
        accesses.end_access(tx, released.access_id, Ending.COMPLETE, at=at, actor=by.actor)
    return dict(released.manifest)


def close(stage: Scene, outcome: OrderOutcome) -> rows.OrderRow:
    return orders.close(stage.archive, stage.policies, asking(OFFICER), 1, outcome, how="aan de rechercheur")


def test_from_the_order_to_the_compliance_report(stage: Scene) -> None:
    registered = register(stage)
    (held,) = holds.listed(stage.archive, None, running=True)
    assert (held.reason, held.hold_id) == ("court_matter", registered.hold_id)
    deviate(stage)
    assert confirm(stage).stage == "confirmed"
    manifest = package(stage)
    assert "OM-2026-118 (Sv art. 126nd)" in str(manifest["released"])
    assert close(stage, OrderOutcome.HANDED_OVER).stage == "handed_over"
    assert holds.listed(stage.archive, None, running=True) == ()
    name, until = PolicyName("nunspeet"), stage.clock.now() + DAY
    (found,) = rows.between(stage.db, name, STARTED_AT, until)
    assert found.deviation is not None
    assert (found.deviation.recorded_by, found.deviation.confirmed_by) == (OFFICER.id, HEAD.id)
    assert rows.between(stage.db, name, STARTED_AT + 2 * DAY, STARTED_AT + 3 * DAY) == ()
    assert rows.between(stage.db, PolicyName("heerde"), STARTED_AT, until) == ()
    (told_of,) = [one for one in account(stage).deviations if one.what == "order"]
    assert (told_of.what, told_of.decided_by, told_of.why) == ("order", DECIDED.approved_by, DECIDED.finding)
    assert told_of.about == "OM-2026-118 (Sv art. 126nd), handed_over"
    shown = orders.shown(stage.archive, stage.policies, None, 1)
    assert [step["step"] for step in shown["custody"]] == [  # type: ignore[index,union-attr,call-overload]  # JSON
        "registered", "deviation", "confirmed", "packaged", "handed_over"
    ]  # fmt: skip
    told = [entry.kind for entry in ledger.show(stage.db) if entry.kind.startswith(("order", "deviation"))]
    assert told == [
        "order_registered", "deviation_recorded", "deviation_confirmed", "order_packaged", "order_closed"
    ]  # fmt: skip


def test_every_step_in_the_wrong_order_is_refused_with_the_rule(stage: Scene) -> None:
    with pytest.raises(NotFound, match="no such order"):
        deviate(stage)
    register(stage)
    two = "obeyed only by a deviation of the college, and two persons"
    with pytest.raises(StateConflict, match=f"gemeente Nunspeet: {two}; no deviation is on record yet"):
        confirm(stage)
    with pytest.raises(StateConflict, match=f"{two}; no deviation is on record"):
        package(stage)
    deviate(stage)
    with pytest.raises(AccessRefused, match=f"{two}; fg recorded it"):
        confirm(stage, OFFICER)
    with pytest.raises(StateConflict, match=f"{two}; nobody confirmed it yet"):
        package(stage)
    confirm(stage)
    with pytest.raises(StateConflict, match="its deviation was confirmed, and changes no more"):
        deviate(stage)
    with pytest.raises(StateConflict, match="nothing was packaged"):
        close(stage, OrderOutcome.HANDED_OVER)
    stage.clock.advance(9 * DAY)
    with pytest.raises(StateConflict, match="its deviation ended on"):
        package(stage)
    close(stage, OrderOutcome.OPPOSED)
    for late in (lambda: package(stage), lambda: confirm(stage), lambda: close(stage, OrderOutcome.OPPOSED)):
        with pytest.raises(StateConflict, match=r"order 1: is closed \(opposed\)"):
            late()


def test_only_who_handles_requests_by_law_handles_orders(stage: Scene) -> None:
    for by in (AGENT, HEAD):
        with pytest.raises(AccessRefused, match="Nunspeet N10, section 11: a compulsory order is handled by"):
            register(stage, by)
    register(stage)
    for step in (deviate, package):
        with pytest.raises(AccessRefused, match="is handled by the privacy officer"):
            step(stage, HEAD)
    with pytest.raises(AccessRefused, match="is handled by"):
        confirm(stage, AGENT)


def test_a_held_recording_outlives_its_term_and_falls_back_when_the_order_is_closed(stage: Scene) -> None:
    register(stage)
    stage.clock.advance(40 * DAY)  # Nunspeet keeps thirty days
    assert purge.run(stage.archive, stage.guard).receipts == {}
    close(stage, OrderOutcome.TAKEN_BACK)
    assert list(purge.run(stage.archive, stage.guard).receipts) == [recording_named(1)]
    row = recordings.get_recording(stage.db, recording_named(1))
    assert row.erased_at == stage.clock.now()
    with pytest.raises(StateConflict, match="is gone; the order can be answered only by its receipt"):
        orders.register(
            stage.archive,
            stage.policies,
            asking(OFFICER),
            replace(RECEIVED, answer_by=stage.clock.now() + DAY),
        )


def test_fg_and_counsel_are_told_when_it_came_in_and_again_while_somebody_works(stage: Scene) -> None:
    register(stage)
    told = list(OrderNotices().wanted(stage.db, stage.clock.now(), Notify()))
    assert [(one.kind.value, one.role) for one in told] == [
        ("order_received", "fg"),
        ("order_due", "fg"),
        ("order_received", "counsel"),
        ("order_due", "counsel"),
    ]
    assert {one.tell_at.isoformat() for one in told if one.kind.value == "order_due"} == {
        "2026-12-01T09:29:21.250000+00:00"
    }
    close(stage, OrderOutcome.TAKEN_BACK)
    assert list(OrderNotices().wanted(stage.db, stage.clock.now(), Notify())) == []


def test_what_cannot_be_an_order_or_a_deviation_is_refused(stage: Scene) -> None:
    def ordered(**changed: object) -> None:
        received = replace(RECEIVED, **changed)  # type: ignore[arg-type]  # each is of its field's type
        orders.register(stage.archive, stage.policies, asking(OFFICER), received)

    with pytest.raises(ConsentlineError, match="answer-by: must lie ahead"):
        ordered(answer_by=STARTED_AT - DAY)
    with pytest.raises(NotFound, match="no such recording, or not yours"):
        ordered(subject="1.1")
    register(stage)
    late = replace(DECIDED, approved_on=(STARTED_AT + 3 * DAY).date())
    with pytest.raises(ConsentlineError, match="must have been approved by now"):
        orders.deviate(stage.archive, stage.policies, asking(OFFICER), 1, late)
