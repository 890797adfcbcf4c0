"""Requests of data subjects, of five organisations on a real PBX: package, letter, receipt, blind hold.

Real calls, a privacy officer with a passphrase, packages that are opened and heard. The clock goes ahead
from one organisation's due moment to the next, never back, so the tests stand in that order.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyzipper
import soundfile

from policy.clock import from_ms, to_iso
from policy.load import load_policy
from sandbox.fetch import Unpacked
from tests.conftest import ROOT
from tests.real.callers import holds, query, voice_file
from tests.real.office import HEAD, NUMBERS, OFFICER, Office, office_of

ZIP_PASSPHRASE = "een ander geheim voor de zip"
WHY = ("--reason", "verzoek van 12 november")
BY_DUE = ("groningen", "heerde", "rvo", "nunspeet", "eindhoven")
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def office(unpacked: Unpacked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Two calls of each organisation."""
    with office_of(unpacked, tmp_path_factory.mktemp("office"), again=tuple(NUMBERS)) as opened:
        yield opened


def again(name: str) -> str:
    """Return the second call of an organisation."""
    return f"{name} again"


def recording_of(office: Office, scene: str) -> dict[str, Any]:
    (row,) = query(
        office.site, "SELECT * FROM recordings WHERE recording_id = ?", office.calls[scene].recording
    )
    return dict(row)


def began(office: Office, scene: str) -> datetime:
    return from_ms(recording_of(office, scene)["started_at"])


def taken_in(office: Office, scene: str, right: str) -> str:
    """Take a request in, by the time of the call, and return its number."""
    at, policy = began(office, scene), scene.partition(" ")[0]
    window = ("--from", to_iso(at - timedelta(hours=1)), "--to", to_iso(at + timedelta(hours=1)))
    row = office.ask(OFFICER, "request", "new", "--right", right, *window, "--policy", policy)
    assert row["stage"] == "received"
    return str(row["request_id"])


def shown_to_be(office: Office, number: str) -> None:
    office.done(OFFICER, "request", "identity", number, "--confirmed", "--by", "call_facts", *WHY)


def confirmation(office: Office, scene: str, number: str, *, at: datetime | None = None) -> tuple[str, ...]:
    told = ("--at", to_iso(at or began(office, scene)), "--subject", "afvalcontainer")
    return ("request", "confirm", number, office.calls[scene].recording, *told, *WHY)


def in_the_vault(office: Office, scene: str) -> bool:
    recording = office.calls[scene].recording
    return (office.site.vault / recording[:2] / f"{recording}.sealed").exists()


@pytest.mark.parametrize("name", BY_DUE)
def test_access_is_given_in_its_order_as_a_package_in_which_the_agent_is_silent(
    office: Office, name: str, tmp_path: Path
) -> None:
    number, target = taken_in(office, again(name), "access"), tmp_path / "inzage.zip"
    fulfil = ("request", "fulfil", number, "--to", str(target), *WHY)
    early = office.refused(OFFICER, *fulfil, code=8, secret=ZIP_PASSPHRASE)
    assert "identity is shown before anything is seen or released (AVG art. 12(2) and 12(6))" in early
    assert json.loads(office.done(OFFICER, "request", "show", number, "--json"))["calls"] == []
    shown_to_be(office, number)
    unconfirmed = office.refused(OFFICER, *fulfil, code=8, secret=ZIP_PASSPHRASE)
    assert "each call is confirmed by date, time and subject before anything is released" in unconfirmed
    # A number is a line, and at that hour there were two calls: the other one is somebody else's.
    seen = json.loads(office.done(OFFICER, "request", "show", number, "--json"))["calls"]
    assert {call["recording_id"] for call in seen} == {
        office.calls[name].recording,
        office.calls[again(name)].recording,
    }
    beside = confirmation(office, again(name), number, at=began(office, name) - timedelta(hours=5))
    assert "a call is confirmed by its date and time" in office.refused(OFFICER, *beside, code=8)
    office.done(OFFICER, *confirmation(office, again(name), number))
    other = office.calls[name].recording
    office.done(OFFICER, "request", "confirm", number, other, "--not-theirs", *WHY)
    office.done(OFFICER, *fulfil, secret=ZIP_PASSPHRASE)
    with pyzipper.AESZipFile(target) as package:
        package.setpassword(ZIP_PASSPHRASE.encode())
        files = {one: package.read(one) for one in package.namelist()}
    assert sorted(files) == ["gesprek-1/manifest.json", "gesprek-1/recording.wav", "letter.html", "letter.md"]
    sound, _ = soundfile.read(io.BytesIO(files["gesprek-1/recording.wav"]), dtype="int16")
    caller, agent = (np.ascontiguousarray(sound[:, side]) for side in (0, 1))
    assert holds(caller, voice_file("caller1"))
    assert not agent.any()
    manifest = json.loads(files["gesprek-1/manifest.json"])
    policy = load_policy(ROOT / "policies" / f"{name}.toml")
    assert manifest["evidence"][0]["words"] == policy.spoken("notice", manifest["evidence"][0]["language"])
    letter = files["letter.md"].decode()
    assert policy.identity.organisation in letter or str(policy.identity.controller) in letter
    assert "zes weken" in letter
    assert "Autoriteit Persoonsgegevens" in letter
    assert ZIP_PASSPHRASE not in letter
    settled = [row for row in office.site.cli("ledger", "show") if row["kind"] == "request_settled"][-1]
    assert [copy["kind"] for copy in settled["payload"]["copies"]] == ["zip"]


@pytest.mark.parametrize("name", BY_DUE)
def test_an_erasure_is_by_the_one_path_and_leaves_a_receipt(
    office: Office, name: str, tmp_path: Path
) -> None:
    scene, letter = f"{name} again", tmp_path / "gewist.md"
    number = taken_in(office, scene, "withdrawal" if name == "eindhoven" else "erasure")
    shown_to_be(office, number)
    office.done(OFFICER, *confirmation(office, scene, number))
    assert in_the_vault(office, scene)
    office.done(OFFICER, "request", "fulfil", number, "--letter", str(letter), *WHY)
    row = recording_of(office, scene)
    assert row["erased_because"] == ("withdrawn" if name == "eindhoven" else "request")
    assert not in_the_vault(office, scene)
    assert "is gewist" in letter.read_text()
    receipt = office.site.run("receipt", office.calls[scene].recording, "--lang", "nl").stdout
    assert office.calls[scene].recording in receipt
    late = office.refused(OFFICER, "request", "close", number, *WHY, code=8)
    assert "is fulfilled already, and is decided once" in late


@pytest.mark.parametrize("name", BY_DUE)
def test_a_request_in_the_last_minute_keeps_it_unseen_until_identity_is_checked(
    office: Office, name: str, tmp_path: Path
) -> None:
    site, recording = office.site, office.calls[name].recording
    due_at = from_ms(recording_of(office, name)["promised_at"])
    office.ahead.to(due_at - MINUTE)
    number = taken_in(office, name, "access")
    office.ahead.to(due_at + MINUTE)
    site.cli("purge")
    assert in_the_vault(office, name)
    assert recording not in json.dumps(site.cli("recordings", "list"))
    assert recording not in json.dumps(site.cli("holds", "list"))
    told = [row for row in site.cli("ledger", "show") if row["kind"] == "request_received"]
    assert recording not in json.dumps(told)
    look = ("export", recording, "--purpose", "data_subject_request", *WHY, "--to", str(tmp_path / "x"))
    assert "no such recording, or not yours" in office.refused(OFFICER, *look, "--policy", name, code=4)
    if name == "groningen":  # G6: asking does not by itself extend
        shown_to_be(office, number)
        refused = office.refused(OFFICER, *confirmation(office, name, number), code=8)
        assert "its own term is over, and asking does not by itself give a longer one" in refused
        office.done(OFFICER, *confirmation(office, name, number), "--keep")
        assert recording in json.dumps(site.cli("holds", "list"))
        office.done(OFFICER, "request", "close", number, *WHY)
    else:
        failed = ("request", "identity", number, "--failed", "--by", "call_facts", *WHY)
        office.done(OFFICER, *failed)
    site.cli("purge")
    assert not in_the_vault(office, name)
    assert recording_of(office, name)["erased_because"] == "due"
    assert site.run("ledger", "verify", check=False).returncode == 0


def test_who_fulfils_no_requests_sees_none(office: Office) -> None:
    assert json.loads(office.done(HEAD, "request", "list", "--json")) == []
    assert "no request 1, or not yours" in office.refused(HEAD, "request", "show", "1", code=4)
    assert len(json.loads(office.done(OFFICER, "request", "list", "--json"))) >= 2 * len(BY_DUE)
