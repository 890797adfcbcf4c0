"""Reports of one organisation: what is counted, what is hidden, who may, and that the ledger has it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from casework import compliance, holds, reports
from casework.reports import Wanted
from casework.ruling import Caseworker
from policy.clock import from_iso
from policy.errors import ConsentlineError, RefusedByPolicy
from policy.identity import WorksCouncil
from policy.model import Policy
from policy.reports import ReportName
from policy.sharing import Content
from policy.vocabulary import ErasedBecause, Outcome, PolicyName, WithdrawnBy
from publish.reports.figures import By, Report, Table
from store.cases import orders
from store.cases.orders import Order
from store.figures.period import Period
from store.logbook import ledger
from store.persons import call_agents
from store.records import calls, decisions, waiting
from store.retention import destruction, purge, withdrawals
from store.retention.destruction import Doom
from tests.casework.staff import AGENT, HEAD, OFFICER, call_of, staff
from tests.store.scene import STARTED_AT, Scene, scene

pytestmark = pytest.mark.exhaustive

DAY = timedelta(days=1)


@pytest.fixture
def eindhoven(tmp_path: Path) -> Iterator[Scene]:
    """Eindhoven, which names reports (E10) and waiting time (E7)."""
    with staff(scene(tmp_path)) as stage:
        yield stage


def give(
    stage: Scene,
    name: ReportName,
    by: By = By.ALL,
    *,
    reader: Caseworker = OFFICER,
    exact: bool = False,
    policy: Policy | None = None,
    period: Period | None = None,
) -> Report:
    whole = Period(since=STARTED_AT - DAY, before=STARTED_AT + 100 * DAY)
    wanted = Wanted(
        report=name,
        policy=policy or stage.policies.named(stage.policy),
        period=period or whole,
        by=by,
        exact=exact,
    )
    return reports.give(stage.archive, wanted, reader)


def counts(table: Table, label: str | None = None) -> dict[str, int | None]:
    (row,) = [table.total] if label is None else [one for one in table.rows if one.label == label]
    return dict(zip((*table.parts, "whole"), row.counts, strict=True))


def measures(table: Table, label: str | None = None) -> dict[str, float | None]:
    (row,) = [table.total] if label is None else [one for one in table.rows if one.label == label]
    return dict(zip((one.key for one in table.measures), row.measures, strict=True))


def facts(report: Report) -> dict[str, float | str | None]:
    return {one.key: one.value for one in report.facts}


def call(
    stage: Scene, number: int, *, queue: str, waited_s: int, talked_s: int = 0, refuses: bool = False
) -> None:
    """Store a call that began now, waited in a queue, and was answered or not."""
    began, call_id = stage.clock.now(), call_of(number)
    stage.open_call(number)
    with stage.db.write() as tx:
        outcome = Outcome.REFUSED if refuses else Outcome.NOT_REFUSED
        decisions.store(tx, stage.decision(number, outcome), stage.policies)
        waiting.note_queue(tx, call_id, queue, began)
    answered_at = began + timedelta(seconds=waited_s)
    if talked_s:
        call_agents.note(stage.db, call_id, {call_of(number + 9000): ()}, answered_at)
    with stage.db.write() as tx:
        calls.end_call(tx, call_id, answered_at + timedelta(seconds=talked_s))


def test_e10_calls_by_queue_with_waiting_and_talking(eindhoven: Scene) -> None:
    for number in range(20):
        call(eindhoven, number, queue="kcc", waited_s=number, talked_s=60 + number)
    for number in range(20, 30):
        call(eindhoven, number, queue="belastingen", waited_s=100)
    report = give(eindhoven, ReportName.CALLS, By.QUEUE, reader=HEAD)
    (table,) = report.tables
    assert counts(table) == {
        "answered": 20,
        "in_vain": 10,
        "gone_at_notice": 0,
        "not_known": 0,
        "whole": 30,
    }
    assert counts(table, "kcc")["answered"] == 20
    assert counts(table, "belastingen") == counts(table) | {"answered": 0, "whole": 10}
    kcc = measures(table, "kcc")
    assert (kcc["waited_median"], kcc["waited_p90"], kcc["talked_median"]) == (9, 17, 69)
    assert measures(table)["answered_rate"] == 66.7
    assert measures(table, "belastingen")["talked_median"] is None
    assert report.hidden == 0


def test_small_counts_are_hidden_and_the_total_does_not_give_them_back(eindhoven: Scene) -> None:
    for number in range(12):
        call(eindhoven, number, queue="kcc", waited_s=1, talked_s=60, refuses=number < 2)
    eindhoven.clock.advance(DAY)
    for number in range(12, 30):
        call(eindhoven, number, queue="kcc", waited_s=1, talked_s=60, refuses=number < 20)
    report = give(eindhoven, ReportName.CONSENT, By.DAY)
    (table,) = report.tables
    first, second = counts(table, "2026-11-21"), counts(table, "2026-11-22")
    assert first["refused"] is None
    assert (second["refused"], counts(table)["refused"]).count(None) >= 1
    assert (first["recorded"], first["whole"]).count(None) >= 1
    assert measures(table, "2026-11-21")["refusal_rate"] is None
    exact = give(eindhoven, ReportName.CONSENT, By.DAY, exact=True)
    assert counts(exact.tables[0], "2026-11-21")["refused"] == 2
    assert exact.hidden == 0
    assert report.hidden >= 4


def test_refusal_and_withdrawal_rates(eindhoven: Scene) -> None:
    for number in range(10):
        call(eindhoven, number, queue="kcc", waited_s=1, talked_s=60, refuses=True)
    for number in range(10, 40):
        eindhoven.capture(number)
    for number in range(10, 16):
        (row,) = eindhoven.db.rows(
            "SELECT recording_id FROM recordings WHERE call_id = ?", (call_of(number),)
        )
        withdrawals.take_back(eindhoven.archive, row["recording_id"], WithdrawnBy.CALLER_KEY)
    report = give(eindhoven, ReportName.CONSENT)
    (table,) = report.tables
    assert counts(table) == {
        "recorded": 24,
        "withdrawn": 6,
        "refused": 10,
        "left_at_notice": 0,
        "not_asked": 0,
        "whole": 40,
    }
    assert measures(table) == {"refusal_rate": 25.0, "withdrawal_rate": 20.0}


def test_retention_shows_lateness_and_what_is_there_with_nothing_late_or_early(eindhoven: Scene) -> None:
    for number in range(6):
        eindhoven.keep(number)
    eindhoven.clock.advance(timedelta(days=60))
    eindhoven.guard.confirm(actor="test")
    purge.run(eindhoven.archive, eindhoven.guard)
    eindhoven.keep(7)
    eindhoven.keep(8)
    destruction.destroy(
        eindhoven.archive, Doom(recording_id=eindhoven.keep(9), because=ErasedBecause.REQUEST, by=None)
    )
    exact = give(eindhoven, ReportName.RETENTION, exact=True)
    assert counts(exact.tables[0])["due"] == 6
    assert counts(exact.tables[0])["requested"] == 1
    told = facts(exact)
    assert (told["present"], told["overdue"], told["erased_early"]) == (2, 0, 0)
    assert told["oldest"] is not None
    assert facts(give(eindhoven, ReportName.RETENTION))["present"] is None  # two are few


def test_the_day_of_a_call_is_the_local_one_on_both_sides_of_a_clock_change(eindhoven: Scene) -> None:
    moments = ("2027-03-27T22:59Z", "2027-03-27T23:01Z", "2027-03-28T21:59Z", "2027-03-28T22:01Z")
    for number, moment in enumerate(moments):
        eindhoven.open_call(number, started_at=from_iso(moment))
    spring = Period(since=from_iso("2027-03-27T00:00Z"), before=from_iso("2027-03-30T00:00Z"))
    table = give(eindhoven, ReportName.CALLS, By.DAY, exact=True, period=spring).tables[0]
    assert [(row.label, row.counts[-1]) for row in table.rows] == [
        ("2027-03-27", 1),
        ("2027-03-28", 2),
        ("2027-03-29", 1),
    ]
    hours = give(eindhoven, ReportName.CALLS, By.HOUR, exact=True, period=spring).tables[0]
    assert [(row.label, row.counts[-1]) for row in hours.rows] == [("00:00", 2), ("23:00", 2)]


def test_casework_counts_incidents_and_holds(tmp_path: Path) -> None:
    with staff(scene(tmp_path, policy=PolicyName("heerde"))) as heerde:
        for number in range(6):
            heerde.keep(number)
            holds.place(heerde.archive, call_of(number), "threat", HEAD, why="aangifte")
        report = give(heerde, ReportName.CASEWORK)
        assert [table.key for table in report.tables] == [
            "incidents",
            "holds",
            "requests",
            "handovers",
            "orders",
            "reviews",
        ]
        assert [row.counts for row in report.tables[1].rows] == [(6, 6)]
        overdue = ("incidents_overdue", "requests_overdue", "orders_overdue", "reviews_overdue")
        assert [facts(report)[key] for key in overdue] == [0, 0, 0, 0]


def test_an_order_is_a_deviation_in_the_compliance_report_and_overdue_work_is_counted(tmp_path: Path) -> None:
    with staff(scene(tmp_path, policy=PolicyName("nunspeet"))) as nunspeet:
        order = Order(
            policy=nunspeet.policy,
            recording_id=nunspeet.keep(1),
            authority="Officier van Justitie",
            reference="2026-9",
            legal_basis="Sv art. 126nd",
            content=Content.AUDIO,
            answer_by=nunspeet.clock.now() + DAY,
            registered_by=OFFICER.id,
            role="privacy_officer",
            hold_id=None,
        )
        with nunspeet.db.write() as tx:
            orders.add(tx, order, nunspeet.clock.now(), actor="test")
        nunspeet.clock.advance(2 * DAY)
        report = give(nunspeet, ReportName.CASEWORK, exact=True)
        assert facts(report)["orders_overdue"] == 1
        now = nunspeet.clock.now()
        account = compliance.make(
            nunspeet.db,
            nunspeet.archive,
            nunspeet.policies.named(nunspeet.policy),
            Period(since=STARTED_AT - DAY, before=now + DAY),
            now=now,
            verify=False,
        )
        assert [(one.what, one.about) for one in account.deviations] == [
            ("order", "2026-9 (Sv art. 126nd), registered")
        ]


def test_who_may_read_what_and_each_answer_is_on_the_ledger(eindhoven: Scene) -> None:
    for name in (ReportName.CALLS, ReportName.CONSENT, ReportName.CASEWORK):
        give(eindhoven, name, reader=HEAD)
        give(eindhoven, name, reader=OFFICER)
    told = [entry for entry in ledger.show(eindhoven.db) if entry.kind == "report_given"]
    assert [entry.payload["purpose"] for entry in told if entry.payload][:2] == [
        "reporting",
        "accountability",
    ]
    for name in (ReportName.ACCESS, ReportName.RETENTION):
        give(eindhoven, name, reader=OFFICER)
        with pytest.raises(
            RefusedByPolicy, match=r"AVG art. 5\(2\): report .* is read by the privacy officer"
        ):
            give(eindhoven, name, reader=HEAD)
    with pytest.raises(RefusedByPolicy, match="E10: report calls is read by the head or the privacy officer"):
        give(eindhoven, ReportName.CALLS, reader=AGENT)
    with pytest.raises(RefusedByPolicy, match="exact small counts"):
        give(eindhoven, ReportName.CALLS, reader=HEAD, exact=True)
    refused = [entry for entry in ledger.show(eindhoven.db) if entry.kind == "access_refused"]
    assert len(refused) == 4
    assert facts(give(eindhoven, ReportName.ACCESS, exact=True))["access_refused"] == 4


def test_where_no_purpose_names_reports_only_who_gives_account_reads_them(tmp_path: Path) -> None:
    with staff(scene(tmp_path, policy=PolicyName("heerde"))) as heerde:
        heerde.keep(1)
        report = give(heerde, ReportName.CALLS)
        assert facts(report)["waiting_not_kept"] == "data.call_data"
        with pytest.raises(RefusedByPolicy):
            give(heerde, ReportName.CALLS, reader=HEAD)


def test_by_agent_only_where_the_policy_says_so_and_the_works_council_agreed(eindhoven: Scene) -> None:
    with pytest.raises(RefusedByPolicy, match="works council"):
        give(eindhoven, ReportName.CALLS, By.AGENT)
    policy = eindhoven.policies.named(eindhoven.policy)
    council = WorksCouncil.model_validate(
        {"date": STARTED_AT.date(), "reference": "OR 2026-4", "source": "art. 11"}
    )
    allowed = policy.model_copy(
        update={"works_council": council, "reports": policy.reports.model_copy(update={"by_agent": True})}
    )
    for number in range(6):
        eindhoven.begin(number)
        with eindhoven.db.write() as tx:
            tx.execute(
                "INSERT INTO call_agents (call_id, channel_id, person_id, since) VALUES (?, 'x', 'jan', 0)",
                (call_of(number),),
            )
    table = give(eindhoven, ReportName.CALLS, By.AGENT, policy=allowed).tables[0]
    assert [(row.label, row.counts[-1]) for row in table.rows] == [("jan", 6)]


def test_a_period_backwards_or_endless_and_a_way_that_is_not_are_one_line(eindhoven: Scene) -> None:
    with pytest.raises(ConsentlineError, match="--to must be after --from"):
        Period(since=STARTED_AT, before=STARTED_AT)
    with pytest.raises(ConsentlineError, match="at most 732 days"):
        Period(since=STARTED_AT, before=STARTED_AT + 800 * DAY)
    with pytest.raises(ConsentlineError, match="--by must be one of all, day, hour, got queue"):
        give(eindhoven, ReportName.RETENTION, By.QUEUE)


def test_no_report_holds_a_number_or_a_name_of_a_person(eindhoven: Scene) -> None:
    for number in range(8):
        call(eindhoven, number, queue="kcc", waited_s=1, talked_s=60)
    for name, ways in reports.WAYS.items():
        if name in (ReportName.COMPLIANCE, ReportName.BREACH):
            with pytest.raises(ConsentlineError, match="by its own question"):
                give(eindhoven, name)
            continue
        for by in set(ways) - {By.AGENT}:
            text = give(eindhoven, name, by, exact=True).model_dump_json()
            assert "61234" not in text
            assert "17952" not in text
