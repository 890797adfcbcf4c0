"""Registering an incident as data: who, in which order, until when, and never with its sound (G3-G5, G8)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from casework import incidents, registrations
from casework.at_the_door import Asking
from casework.registrations import FilledIn, Later
from casework.ruling import Caseworker
from policy.access import IncidentKind
from policy.errors import AccessRefused, NotFound, RefusedByPolicy, StateConflict
from policy.vocabulary import PolicyName
from publish.registration import AGGRESSION, registration_page
from publish.web_page import web_page
from publish.words import Language
from store.cases.registrations import Aggression, RegistrationRow, of_incident
from store.logbook import ledger
from store.records import calls, recordings
from store.retention import purge
from tests.casework.staff import AGENT, COLLEAGUE, COORDINATOR, HEAD, OFFICER, call_of, hold_call, staff
from tests.store.scene import Scene, recording_named, scene

pytestmark = pytest.mark.exhaustive  # takes seconds: with make test

SAID = "hij riep dat hij ons wel wist te vinden"
FORM = FilledIn(
    happened_at=None,
    place="telefoon, algemeen nummer",
    aggression=Aggression.THREAT,
    said=SAID,
    measures="gesprek beëindigd",
    report_filed=False,
)


def of(policy: str, folder: Path) -> AbstractContextManager[Scene]:
    """Return an installation of one organisation, with a call that its agent held and flagged."""

    @contextmanager
    def opened() -> Iterator[Scene]:
        with staff(scene(folder, policy=PolicyName(policy))) as stage:
            stage.keep(1)
            hold_call(stage, 1, AGENT)
            yield stage

    return opened()


def flag(stage: Scene, kind: IncidentKind = IncidentKind.THREAT) -> int:
    return incidents.flag(stage.archive, call_of(1), kind, AGENT).incident_id


def asking(by: Caseworker) -> Asking:
    return Asking(person=by.id, login=by.id, actor=by.actor, reason="registreren")


def register(stage: Scene, by: Caseworker, number: int) -> RegistrationRow:
    return registrations.register(stage.archive, stage.policies, asking(by), number, FORM)


def test_groningen_the_coordinator_registers_after_the_head_assessed_and_the_registration_outlives_the_call(
    tmp_path: Path,
) -> None:
    with of("groningen", tmp_path) as stage:
        number = flag(stage)
        with pytest.raises(StateConflict, match="must be assessed first; gemeente Groningen G8, art. 8: the"):
            register(stage, COORDINATOR, number)
        incidents.assess(stage.archive, call_of(1), keep=True, reason="ja", by=HEAD)
        row = register(stage, COORDINATOR, number)
        assert (row.registered_by, row.role) == (COORDINATOR.id, "aggression_coordinator")
        assert row.form.happened_at == calls.get_call(stage.db, call_of(1)).started_at
        with pytest.raises(StateConflict, match="was registered before"):
            register(stage, COORDINATOR, number)
        stage.clock.advance(timedelta(days=30))
        purge.run(stage.archive, stage.guard)
        incidents.settle(stage.archive)
        assert recordings.get_recording(stage.db, recording_named(1)).erased_at is not None
        later = Later(register_number="GIR-2026-118", report_filed=True)
        noted = registrations.note(stage.archive, stage.policies, asking(COORDINATOR), number, later)
        assert (noted.register_number, noted.form.report_filed, noted.form.said) == (
            "GIR-2026-118",
            True,
            SAID,
        )
        stage.clock.advance(timedelta(days=366))
        purge.run(stage.archive, stage.guard)
        assert incidents.settle(stage.archive) == 1
        assert of_incident(stage.db, number) is None


@pytest.mark.parametrize("by", [AGENT, COLLEAGUE, HEAD, OFFICER], ids=lambda by: str(by.id))
def test_groningen_who_may_not_register_is_told_the_rule_whatever_the_incident(
    tmp_path: Path, by: Caseworker
) -> None:
    with of("groningen", tmp_path) as stage:
        flag(stage)
        incidents.assess(stage.archive, call_of(1), keep=True, reason="ja", by=HEAD)
        for number in (1, 99):
            with pytest.raises(RefusedByPolicy, match="gemeente Groningen G8, art. 8: only the agent of"):
                register(stage, by, number)
        for what in (
            lambda: registrations.view(stage.archive, stage.policies, asking(by), (), how="json"),
            lambda: registrations.note(
                stage.archive, stage.policies, asking(by), 1, Later(register_number="1")
            ),
        ):
            with pytest.raises(RefusedByPolicy, match="Groningen G8"):
                what()


@pytest.mark.parametrize(
    ("policy", "kind"),
    [
        ("eindhoven", IncidentKind.THREAT),
        ("heerde", IncidentKind.MISCONDUCT),
        ("rvo", IncidentKind.THREAT),
    ],
)
def test_where_no_assessment_is_asked_who_hears_incidents_registers_one_that_was_flagged(
    tmp_path: Path, policy: str, kind: IncidentKind
) -> None:
    with of(policy, tmp_path) as stage:
        number = flag(stage, kind)
        assert register(stage, HEAD, number).kind == kind.value
        with pytest.raises(NotFound, match="no such incident, or not yours"):
            register(stage, HEAD, 99)


def test_rvo_registers_threats_and_no_misconduct(tmp_path: Path) -> None:
    with of("rvo", tmp_path) as stage:
        number = flag(stage, IncidentKind.MISCONDUCT)
        with pytest.raises(
            AccessRefused, match=r"R3, Ontvangers: only for threat, exceptional, not for misc"
        ):
            register(stage, HEAD, number)


def test_nunspeet_registers_nothing(tmp_path: Path) -> None:
    with of("nunspeet", tmp_path) as stage:
        for by in (AGENT, HEAD, OFFICER):
            with pytest.raises(RefusedByPolicy, match="gemeente Nunspeet N"):
                register(stage, by, 1)


def test_a_dropped_incident_is_not_registered(tmp_path: Path) -> None:
    with of("groningen", tmp_path) as stage:
        number = flag(stage)
        incidents.assess(stage.archive, call_of(1), keep=False, reason="misverstand", by=HEAD)
        with pytest.raises(StateConflict, match="is dropped; its recording is not kept for it"):
            register(stage, COORDINATOR, number)


def test_the_ledger_knows_who_registered_and_who_looked_and_none_of_the_words(tmp_path: Path) -> None:
    with of("groningen", tmp_path) as stage:
        number = flag(stage)
        incidents.assess(stage.archive, call_of(1), keep=True, reason="ja", by=HEAD)
        register(stage, COORDINATOR, number)
        (row,) = registrations.view(stage.archive, stage.policies, asking(COORDINATOR), (number,), how="csv")
        entries = [entry for entry in ledger.show(stage.db) if "regist" in entry.kind]
        assert [entry.kind for entry in entries] == ["incident_registered", "registrations_shown"]
        assert all(entry.actor == COORDINATOR.actor for entry in entries)
        assert not any(SAID in json.dumps(entry.to_json()) for entry in ledger.show(stage.db))
        page = web_page(registration_page(row.to_json(), "2026-11-21 18:29:00", Language.NL))
        assert SAID in page
        assert "bedreiging" in page
        assert recording_named(1) not in page
        assert call_of(1) not in page


def test_every_word_for_what_happened_is_said_in_both_languages() -> None:
    assert set(AGGRESSION) == {one.value for one in Aggression}
