"""Giving out: what each policy asks for, in which order, by whom; and what it never gives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from casework import handovers, holds, incidents, registrations
from casework.at_the_door import Asking
from casework.giving_out import Demand, contradictions
from casework.ruling import Caseworker
from policy.access import IncidentKind
from policy.errors import AccessRefused, ConsentlineError, NotFound, RefusedByPolicy, StateConflict
from policy.sharing import Content
from policy.vocabulary import PolicyName
from store.access import accesses, confirmations
from store.access.accesses import Copy, Ending
from store.access.confirmations import Confirmation
from store.cases import handovers as rows
from store.cases.handovers import HandoverRow, Outcome, RecipientKind
from store.logbook import ledger
from store.records import recordings
from store.retention import purge
from tests.casework.staff import AGENT, COLLEAGUE, COORDINATOR, HEAD, OFFICER, call_of, hold_call, staff
from tests.casework.test_registrations import FORM, SAID
from tests.store.scene import Scene, recording_named, scene

pytestmark = pytest.mark.exhaustive  # takes seconds: with make test

POLICE = Demand(
    incident=1,
    recipient=RecipientKind.POLICE,
    authority="Politie",
    legal_basis="Sv art. 160",
    report_number="PL0100-118",
    second=OFFICER.id,
)
GRONINGEN = replace(POLICE, second=COORDINATOR.id)


@contextmanager
def of(policy: str, folder: Path, kind: IncidentKind | None = IncidentKind.THREAT) -> Iterator[Scene]:
    """Open one organisation, with a call that its agent held and, but for Nunspeet, flagged."""
    with staff(scene(folder, policy=PolicyName(policy))) as stage:
        stage.keep(1)
        hold_call(stage, 1, AGENT)
        if kind is not None:
            incidents.flag(stage.archive, call_of(1), kind, AGENT)
        yield stage


def asking(by: Caseworker) -> Asking:
    return Asking(person=by.id, login=by.id, actor=by.actor, reason="aangifte")


def keep(stage: Scene) -> None:
    incidents.assess(stage.archive, call_of(1), keep=True, reason="dreigde", by=HEAD)


def new(stage: Scene, by: Caseworker, demand: Demand) -> HandoverRow:
    return handovers.new(stage.archive, stage.policies, asking(by), demand)


def approve(stage: Scene, by: Caseworker, number: int = 1) -> HandoverRow:
    return handovers.approve(stage.archive, stage.policies, asking(by), number)


def close(stage: Scene, by: Caseworker, outcome: Outcome, number: int = 1) -> HandoverRow:
    return handovers.close(stage.archive, stage.policies, asking(by), number, outcome, how="aan de balie")


def package(stage: Scene, by: Caseworker, number: int = 1) -> dict[str, object]:
    """Package data, and tell that it is complete, as the command line does."""
    asked = handovers.asks_to_package(stage.archive, stage.policies, asking(by), number)
    released = handovers.package(stage.archive, asked, number, stage.clock.now())
    with stage.db.write() as tx:
        copy = Copy(kind="zip", size_bytes=1, sha256="0" * 64)
        accesses.end_access(
            tx, released.access_id, Ending.COMPLETE, at=stage.clock.now(), actor=by.actor, copies=[copy]
        )
    assert released.shares == ()
    return dict(released.manifest)


def test_groningen_gives_registered_data_and_no_sound_by_head_and_coordinator(tmp_path: Path) -> None:
    with of("groningen", tmp_path) as stage:
        with pytest.raises(StateConflict, match="incident 1: must be assessed first; gemeente Groningen G7"):
            new(stage, HEAD, GRONINGEN)
        keep(stage)
        with pytest.raises(AccessRefused, match="G7, art. 7: data from the call are given, never the call"):
            new(stage, HEAD, replace(GRONINGEN, content=Content.AUDIO))
        with pytest.raises(ConsentlineError, match="G7, art. 7 asks for the number of the report"):
            new(stage, HEAD, replace(GRONINGEN, report_number=None))
        with pytest.raises(RefusedByPolicy, match="G7|no approval of"):
            new(stage, HEAD, replace(GRONINGEN, second=OFFICER.id))
        asked = new(stage, HEAD, GRONINGEN)
        assert (asked.content, asked.hold_id, asked.stage) == (Content.DATA, None, "asked")
        with pytest.raises(
            StateConflict, match=r"waits for its second person, kees; gemeente Groningen G7.*two"
        ):
            package(stage, HEAD)
        with pytest.raises(AccessRefused, match="waits for the word of kees, not of an"):
            approve(stage, HEAD)
        assert approve(stage, COORDINATOR).stage == "approved"
        with pytest.raises(StateConflict, match="was approved already"):
            approve(stage, COORDINATOR)
        with pytest.raises(
            StateConflict, match="incident 1: must be registered first; gemeente Groningen G7"
        ):
            package(stage, HEAD)
        registrations.register(stage.archive, stage.policies, asking(COORDINATOR), 1, FORM)
        with pytest.raises(AccessRefused, match="was asked for by an, who packages it"):
            package(stage, COORDINATOR)
        with pytest.raises(StateConflict, match="nothing was packaged, so nothing was handed over"):
            close(stage, HEAD, Outcome.HANDED_OVER)
        manifest = package(stage, HEAD)
        assert SAID in str(manifest["data"])
        assert "steps" in str(manifest["handover"])
        assert close(stage, HEAD, Outcome.HANDED_OVER).stage == "handed_over"
        for late in (lambda: package(stage, HEAD), lambda: close(stage, HEAD, Outcome.ABANDONED)):
            with pytest.raises(StateConflict, match=r"handover 1: is closed \(handed_over\)"):
                late()
        shown = handovers.shown(stage.archive, stage.policies, None, 1)
        assert [step["step"] for step in shown["custody"]] == ["asked", "approved", "packaged", "handed_over"]  # type: ignore[index,union-attr,call-overload]  # JSON
        kinds = [entry.kind for entry in ledger.show(stage.db) if entry.kind.startswith("handover")]
        assert kinds == [
            "handover_asked", "handover_approved", "handover_packaged", "handover_closed"
        ]  # fmt: skip
        stage.clock.advance(timedelta(days=400))
        purge.run(stage.archive, stage.guard)
        assert rows.get(stage.db, 1) is None


@pytest.mark.parametrize(
    ("policy", "reason", "needs_assessment"),
    [("eindhoven", "police_report", True), ("rvo", "handover", False)],
)
def test_eindhoven_and_rvo_hold_the_recording_until_the_hand_over_is_closed(
    tmp_path: Path, policy: str, reason: str, needs_assessment: bool
) -> None:
    with of(policy, tmp_path) as stage:
        if needs_assessment:
            with pytest.raises(StateConflict, match="must be assessed first"):
                new(stage, HEAD, POLICE)
            keep(stage)
        asked = new(stage, HEAD, POLICE)
        (held,) = holds.listed(stage.archive, None, running=True)
        assert (held.reason, held.hold_id) == (reason, asked.hold_id)
        before = recordings.get_recording(stage.db, recording_named(1)).promised_at
        approve(stage, OFFICER)
        asked_of = handovers.asks_to_package(stage.archive, stage.policies, asking(HEAD), 1)
        assert asked_of.case == "PL0100-118"
        assert close(stage, HEAD, Outcome.ABANDONED).outcome is Outcome.ABANDONED
        assert holds.listed(stage.archive, None, running=True) == ()
        assert recordings.get_recording(stage.db, recording_named(1)).due_at == before
        assert (new(stage, HEAD, POLICE).hold_id is None) == (policy == "rvo")  # RVO's is placed once


def test_a_hold_goes_on_for_a_second_hand_over_of_the_same_recording(tmp_path: Path) -> None:
    with of("eindhoven", tmp_path) as stage:
        keep(stage)
        first, second = new(stage, HEAD, POLICE), new(stage, HEAD, POLICE)
        assert second.hold_id is None
        close(stage, HEAD, Outcome.ABANDONED)
        (held,) = holds.listed(stage.archive, None, running=True)
        inherited = rows.get(stage.db, second.handover_id)
        assert inherited is not None
        assert first.hold_id == inherited.hold_id == held.hold_id
        close(stage, HEAD, Outcome.ABANDONED, second.handover_id)
        assert holds.listed(stage.archive, None, running=True) == ()


def test_eindhovens_contradiction_is_shown_to_who_hands_over(tmp_path: Path) -> None:
    with of("eindhoven", tmp_path) as stage:
        (shown,) = contradictions(stage.policies.named("eindhoven"))
        assert "We delen geen persoonsgegevens" in str(shown["but"])


def test_rvo_gives_threats_to_the_police_and_nothing_else(tmp_path: Path) -> None:
    with of("rvo", tmp_path, IncidentKind.MISCONDUCT) as stage:
        with pytest.raises(AccessRefused, match="R3, Ontvangers: only for threat, not for misconduct"):
            new(stage, HEAD, POLICE)
        with pytest.raises(AccessRefused, match="what a third party gets is decided by the privacy officer"):
            new(stage, HEAD, replace(POLICE, recipient=RecipientKind.THIRD_PARTY))


def test_heerde_gives_nothing_to_the_police_as_such_and_to_a_third_party_only_by_law(tmp_path: Path) -> None:
    with of("heerde", tmp_path) as stage:
        with pytest.raises(
            RefusedByPolicy, match=r"Heerde H6, art\. 8: .*De persoonsgegevens worden niet gedeeld"
        ):
            new(stage, HEAD, POLICE)
        third = replace(POLICE, recipient=RecipientKind.THIRD_PARTY)
        with pytest.raises(
            ConsentlineError, match=r"H6, art\. 8 asks for the law.*or the resident's explicit"
        ):
            new(stage, HEAD, replace(third, legal_basis=None))
        asked = new(stage, HEAD, replace(third, content=Content.AUDIO))
        assert (asked.content, asked.purpose) == (Content.AUDIO, "incident")
        assert [held.reason for held in holds.listed(stage.archive, None, running=True)] == ["threat"]


def test_heerde_gives_by_the_residents_agreement_after_the_call_was_confirmed_to_be_theirs(
    tmp_path: Path,
) -> None:
    demand = Demand(
        recording=recording_named(1),
        recipient=RecipientKind.THIRD_PARTY,
        authority="Rechtsbijstand",
        agreement="brief van 20 november, getekend",
        second=HEAD.id,
    )
    with of("heerde", tmp_path) as stage:
        with pytest.raises(NotFound, match="no such recording, or not yours"):
            new(stage, OFFICER, demand)
        now = stage.clock.now()
        confirmation = Confirmation(
            recording_id=recording_named(1),
            reference="2026-118",
            confirmed_by=OFFICER.id,
            until=now + timedelta(days=1),
            due_at=now + timedelta(days=90),
        )
        with stage.db.write() as tx:
            confirmations.confirm(tx, confirmation, at=now, actor=OFFICER.actor)
        asked = new(stage, OFFICER, demand)
        assert (asked.agreement, asked.purpose) == (demand.agreement, "data_subject_request")
        assert approve(stage, HEAD).stage == "approved"


@pytest.mark.parametrize("by", [AGENT, COLLEAGUE, HEAD, OFFICER], ids=lambda by: str(by.id))
def test_nunspeet_refuses_every_step_with_its_article_whoever_asks(tmp_path: Path, by: Caseworker) -> None:
    third = replace(POLICE, recipient=RecipientKind.THIRD_PARTY)
    with of("nunspeet", tmp_path, None) as stage:
        steps = (
            lambda: new(stage, by, POLICE),
            lambda: new(stage, by, third),
            lambda: approve(stage, by),
            lambda: package(stage, by),
            lambda: close(stage, by, Outcome.ABANDONED),
        )
        for step in steps:
            with pytest.raises(
                RefusedByPolicy, match=r"Nunspeet N7, section 3: .*Onder geen beding"
            ) as refused:
                step()
            assert "consentline order register" in str(refused.value.hint)
        kinds = [entry.kind for entry in ledger.show(stage.db) if entry.kind == "access_refused"]
        assert len(kinds) == len(steps)


@pytest.mark.parametrize("by", [AGENT, COLLEAGUE, COORDINATOR, OFFICER], ids=lambda by: str(by.id))
def test_groningen_only_the_head_asks(tmp_path: Path, by: Caseworker) -> None:
    with of("groningen", tmp_path) as stage:
        keep(stage)
        with pytest.raises(AccessRefused, match="gemeente Groningen G8, art. 8|G7"):
            new(stage, by, GRONINGEN)
        assert rows.every(stage.db) == ()


def test_who_has_nothing_to_do_with_it_does_not_see_it(tmp_path: Path) -> None:
    with of("groningen", tmp_path) as stage:
        keep(stage)
        new(stage, HEAD, GRONINGEN)
        seen = {
            by.id: len(handovers.listed(stage.archive, stage.policies, by, running=True))
            for by in (AGENT, COLLEAGUE, HEAD, COORDINATOR, OFFICER)
        }
        assert seen == {AGENT.id: 0, COLLEAGUE.id: 0, HEAD.id: 1, COORDINATOR.id: 1, OFFICER.id: 0}
        with pytest.raises(NotFound, match="no such hand-over, or not yours"):
            handovers.shown(stage.archive, stage.policies, OFFICER, 1)
