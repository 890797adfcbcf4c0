"""Incidents to their end, of five organisations on a real PBX: told in time, assessed, registered as data.

The daemon's clock is moved ahead, never back, so the tests stand in the order of time.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from policy.clock import from_iso
from policy.notify import Notify
from sandbox.fetch import Unpacked
from tests.real.callers import query, settled
from tests.real.office import AGENTS, COACH, COORDINATOR, HEAD, OFFICER, Office, office_of

SAID = "hij dreigde langs te komen"
FORM = f"""
place = "telefoon, algemeen nummer"
aggression = "threat"
said = "{SAID}"
measures = "gesprek beëindigd"
report_filed = false
"""
MINUTE = timedelta(minutes=1)
REGISTER = (
    "--place",
    "telefoon",
    "--aggression",
    "threat",
    "--said",
    SAID,
    "--measures",
    "",
    "--no-report-filed",
)


@pytest.fixture(scope="module")
def office(unpacked: Unpacked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One call of each organisation, and a second one of Groningen."""
    with office_of(unpacked, tmp_path_factory.mktemp("office"), again=("groningen",)) as opened:
        yield opened


@pytest.fixture(scope="module")
def flagged(office: Office) -> dict[str, int]:
    """The incidents: each flagged by the agent who held the call."""
    kinds = {
        "groningen": "aggression", "groningen again": "threat", "eindhoven": "threat", "heerde": "misconduct",
        "rvo": "threat",
    }  # fmt: skip
    return {name: office.flag(name, kind) for name, kind in kinds.items()}


def test_g4_the_head_is_told_of_what_was_flagged_and_no_name_and_no_number_goes_with_it(
    office: Office, flagged: dict[str, int]
) -> None:
    for name, role in (("groningen", "head"), ("eindhoven", "head"), ("heerde", "line_manager")):
        notice = office.wait_until_told(kind="incident_flagged", incident=flagged[name], role=role)
        assert notice.keys() == {"notice", "kind", "policy", "role", "incident", "deadline"}
        assert notice["policy"] == name
        first_end = settled(office.site, office.calls[name].recording)["due_at"]
        assert notice["deadline"] == first_end
    sent = [row["kind"] for row in query(office.site, "SELECT kind FROM ledger WHERE kind = 'notice_sent'")]
    assert len(sent) >= 3


def test_nunspeet_n6_knows_no_incidents_and_registers_none(office: Office) -> None:
    call = office.calls["nunspeet"].call
    flag = ("incident", "flag", call, "--kind", "aggression", "--as", next(iter(AGENTS)))
    refused = office.site.run(*flag, check=False)
    assert refused.returncode == 4
    for person in (HEAD, COACH, OFFICER):
        line = ("incident", "register", "1", *REGISTER, "--policy", "nunspeet")
        assert "gemeente Nunspeet N" in office.refused(person, *line, code=13)


def test_g8_groningen_registers_after_the_head_assessed_and_by_the_coordinator_alone(
    office: Office, flagged: dict[str, int], tmp_path: Path
) -> None:
    number = str(flagged["groningen"])
    form = tmp_path / "form.toml"
    form.write_text(FORM)
    register = ("incident", "register", number, "--from", str(form), "--policy", "groningen")
    first = office.refused(COORDINATOR, *register, code=8)
    assert "must be assessed first; gemeente Groningen G8, art. 8" in first
    office.assess("groningen")
    for person in (HEAD, OFFICER):
        assert "Groningen G8, art. 8: only the agent of the call" in office.refused(
            person, *register, code=13
        )
    row = office.ask(COORDINATOR, *register)
    assert (row["said"], row["aggression"], row["kind"]) == (SAID, "threat", "aggression")
    assert "was registered before" in office.refused(COORDINATOR, *register, code=8)


@pytest.mark.parametrize("name", ["eindhoven", "heerde", "rvo"])
def test_who_hears_incidents_registers_them_where_no_assessment_is_asked(
    office: Office, flagged: dict[str, int], name: str
) -> None:
    line = ("incident", "register", str(flagged[name]), *REGISTER, "--policy", name)
    assert "only" in office.refused(OFFICER, *line, code=13)
    assert office.ask(HEAD, *line)["incident"] == flagged[name]


def test_g5_what_is_exported_is_data_and_never_sound(
    office: Office, flagged: dict[str, int], tmp_path: Path
) -> None:
    number, target = str(flagged["groningen"]), tmp_path / "incident.html"
    export = ("incident", "export", number, "--policy", "groningen", "--format")
    (row,) = json.loads(office.done(COORDINATOR, *export, "json"))
    (cells,) = csv.DictReader(io.StringIO(office.done(COORDINATOR, *export, "csv")))
    office.done(COORDINATOR, *export, "page", "--to", str(target))
    page = target.read_text()
    assert row["said"] == cells["said"] == SAID
    assert SAID in page
    assert target.stat().st_mode & 0o077 == 0
    held = office.calls["groningen"]
    for written in (json.dumps(row), page, *map(str, cells.values())):
        assert held.recording not in written
        assert held.call not in written
    assert "Groningen G8" in office.refused(HEAD, *export, "json", code=13)
    shown = query(office.site, "SELECT 1 FROM ledger WHERE kind = 'registrations_shown'")
    assert len(shown) == 3


def test_g4_told_again_while_somebody_works_and_destroyed_on_time_when_nobody_assessed(
    office: Office, flagged: dict[str, int]
) -> None:
    held, number = office.calls["groningen again"], flagged["groningen again"]
    (row,) = [row for row in office.site.cli("incident", "list") if row["incident_id"] == number]
    deadline_at = from_iso(row["assess_by_at"])
    again_at = Notify().remind_at(deadline_at)
    if again_at > office.ahead.now():
        assert office.notices(kind="incident_due", incident=number) == []
        office.ahead.to(again_at)
    office.wait_until_told(kind="incident_due", incident=number, role="head")
    office.ahead.to(deadline_at - MINUTE)
    office.site.cli("purge")
    assert settled(office.site, held.recording)["state"] == "sealed"
    office.ahead.to(deadline_at)
    office.site.cli("purge")
    assert settled(office.site, held.recording)["state"] == "purged"
    (row,) = [row for row in office.site.cli("incident", "list") if row["incident_id"] == number]
    assert (row["stage"], row["assessed_by"]) == ("lapsed", None)
    assert len(office.notices(incident=number, policy="groningen")) == 2


def test_g5_the_registration_outlives_the_recording_and_gets_its_number(
    office: Office, flagged: dict[str, int]
) -> None:
    held, number = office.calls["groningen"], str(flagged["groningen"])
    office.ahead.to(from_iso(settled(office.site, held.recording)["due_at"]))
    office.site.cli("purge")
    assert settled(office.site, held.recording)["state"] == "purged"
    note = ("incident", "note", number, "--number", "GIR-2026-118", "--report-filed", "--policy", "groningen")
    row = office.ask(COORDINATOR, *note)
    assert (row["register_number"], row["report_filed"], row["said"]) == ("GIR-2026-118", True, SAID)
    office.site.run("ledger", "verify")
