"""Giving out, by five organisations on a real PBX: what leaves the house, by whose word, and what never does.

Real calls, real people with passphrases, real packages that are opened and heard.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyzipper
import soundfile

from policy.clock import from_iso
from sandbox.fetch import Unpacked
from tests.real import callers
from tests.real.callers import holds, query, settled, voice_file
from tests.real.office import COACH, COORDINATOR, HEAD, OFFICER, Office, office_of

ZIP_PASSPHRASE = "een ander geheim voor de zip"
AUTHORITY = "Politie Oost-Nederland"
POLICE = ("--to", "police", "--authority", AUTHORITY, "--legal-basis", "Sv art. 160", "--reason", "aangifte")
THIRD = ("--to", "third-party", "--authority", AUTHORITY, "--reason", "vordering")
SAID = "hij dreigde langs te komen"
FORM = ("--place", "telefoon", "--aggression", "threat", "--said", SAID, "--measures", "", "--report-filed")
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def office(unpacked: Unpacked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One call of each organisation, those that know incidents flagged."""
    with office_of(unpacked, tmp_path_factory.mktemp("office")) as opened:
        yield opened


@pytest.fixture(scope="module")
def flagged(office: Office) -> dict[str, str]:
    """The incidents: each flagged by the agent who held the call."""
    names = ("eindhoven", "groningen", "heerde", "rvo")
    return {name: str(office.flag(name, "threat")) for name in names}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A package, opened with its passphrase.

    Attributes:
        files: By name, their bytes.
    """

    files: dict[str, bytes]

    @classmethod
    def of(cls, path: Path) -> Opened:
        with pyzipper.AESZipFile(path) as package:
            package.setpassword(ZIP_PASSPHRASE.encode())
            return cls(files={name: package.read(name) for name in package.namelist()})

    @property
    def manifest(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.files["manifest.json"])
        return content

    def holds_the_call(self) -> bool:
        """Tell whether both parties are heard in it."""
        sound, _ = soundfile.read(io.BytesIO(self.files["recording.wav"]), dtype="int16")
        caller, agent = (np.ascontiguousarray(sound[:, side]) for side in (0, 1))
        return holds(caller, voice_file("caller1")) and callers.holds_an_agent(agent)

    def is_as_it_says(self) -> bool:
        """Tell whether each file is what the manifest says."""
        told = self.manifest["files"]
        there = {name: hashlib.sha256(content).hexdigest() for name, content in self.files.items()}
        return {name: one["sha256"] for name, one in told.items()} == {
            name: digest for name, digest in there.items() if name != "manifest.json"
        }


def package(office: Office, person: str, *what: str, target: Path) -> Opened:
    """Have somebody make a package, such as of `handover 1 --policy rvo`, and open it."""
    noun, number, *policy = what
    office.done(person, noun, "package", number, "--to", str(target), *policy, secret=ZIP_PASSPHRASE)
    return Opened.of(target)


def test_g7_groningen_gives_what_was_registered_and_never_the_call(
    office: Office, flagged: dict[str, str], tmp_path: Path
) -> None:
    g = ("--policy", "groningen")
    new = ("handover", "new", *POLICE, "--incident", flagged["groningen"], "--second", COORDINATOR, *g)
    assert "must be assessed first; gemeente Groningen G7" in office.refused(
        HEAD, *new, "--report-number", "PL01", code=8
    )
    office.assess("groningen")
    assert "G7, art. 7 asks for the number of the report" in office.refused(HEAD, *new, code=1)
    row = office.ask(HEAD, *new, "--report-number", "PL01")
    number, target = int(row["handover"]), tmp_path / "groningen.zip"
    made = ("handover", "package", str(number), "--to", str(target), *g)
    alone = office.refused(HEAD, *made, code=8, secret=ZIP_PASSPHRASE)
    assert f"waits for its second person, {COORDINATOR}; gemeente Groningen G7, art. 7 wants two" in alone
    office.done(COORDINATOR, "handover", "approve", str(number), *g)
    assert "must be registered first; gemeente Groningen G7" in office.refused(
        HEAD, *made, code=8, secret=ZIP_PASSPHRASE
    )
    office.done(COORDINATOR, "incident", "register", flagged["groningen"], *FORM, *g)
    opened = package(office, HEAD, "handover", str(number), *g, target=target)
    assert set(opened.files) == {"data.json", "manifest.json"}
    assert opened.is_as_it_says()
    assert json.loads(opened.files["data.json"])["registration"]["said"] == SAID
    custody = opened.manifest["handover"]
    assert [step["step"] for step in custody["steps"]] == ["asked", "approved", "packaged"]
    assert (custody["authority"], custody["report_number"]) == (AUTHORITY, "PL01")
    released = query(
        office.site, "SELECT 1 FROM accesses WHERE action = 'hand_over' AND policy = 'groningen'"
    )
    assert len(released) == 1
    close = ("handover", "close", str(number), "--handed-over", "--how", "aan de balie", *g)
    office.done(HEAD, *close)
    late = office.refused(
        HEAD, *made[:3], "--to", str(tmp_path / "late.zip"), *g, code=8, secret=ZIP_PASSPHRASE
    )
    assert f"handover {number}: is closed (handed_over)" in late
    assert not (tmp_path / "late.zip").exists()


@pytest.mark.parametrize(("name", "reason"), [("eindhoven", "police_report"), ("rvo", "handover")])
def test_e8_r3_the_police_get_the_call_by_two_persons_and_it_is_held_until_then(
    office: Office, flagged: dict[str, str], tmp_path: Path, name: str, reason: str
) -> None:
    policy = ("--policy", name)
    new = ("handover", "new", *POLICE, "--incident", flagged[name], "--second", OFFICER, *policy)
    if name == "eindhoven":
        assert "must be assessed first" in office.refused(HEAD, *new, code=8)
        office.assess(name)
    asked = office.run(HEAD, *new, "--json")
    assert asked.returncode == 0, asked.stderr
    shows_contradiction = "We delen geen persoonsgegevens met andere partijen." in asked.stderr
    assert shows_contradiction == (name == "eindhoven")
    row = json.loads(asked.stdout)[0]
    number, recording = str(row["handover"]), office.calls[name].recording
    held = [hold["reason"] for hold in office.site.cli("holds", "list") if hold["recording_id"] == recording]
    assert held == [reason]
    promised = settled(office.site, recording)["promised_at"]
    assert settled(office.site, recording)["due_at"] >= promised
    office.done(OFFICER, "handover", "approve", number, *policy)
    opened = package(office, HEAD, "handover", number, *policy, target=tmp_path / f"{name}.zip")
    assert set(opened.files) == {"recording.wav", "manifest.json"}
    assert opened.is_as_it_says()
    assert opened.holds_the_call()
    assert bool(opened.manifest["handover"]["contradictions"]) == (name == "eindhoven")
    office.done(HEAD, "handover", "close", number, "--handed-over", "--how", "per koerier", *policy)
    assert not [hold for hold in office.site.cli("holds", "list") if hold["recording_id"] == recording]
    assert settled(office.site, recording)["due_at"] == promised
    steps = office.site.cli("handover", "show", number)[0]["custody"]
    assert [step["step"] for step in steps] == ["asked", "approved", "packaged", "handed_over"]
    (copy,) = steps[2]["copies"]
    assert copy["sha256"] == hashlib.sha256((tmp_path / f"{name}.zip").read_bytes()).hexdigest()


def test_h6_heerde_gives_the_police_nothing_as_such_and_a_third_party_what_a_law_requires(
    office: Office, flagged: dict[str, str], tmp_path: Path
) -> None:
    also = ("--incident", flagged["heerde"], "--second", OFFICER, "--policy", "heerde")
    refused = office.refused(HEAD, "handover", "new", *POLICE, *also, code=13)
    assert "Heerde H6, art. 8" in refused
    assert "De persoonsgegevens worden niet gedeeld met derden" in refused
    without = office.refused(HEAD, "handover", "new", *THIRD, *also, code=1)
    assert "asks for the law that requires it" in without
    assert "or the resident's explicit agreement" in without
    law = ("--legal-basis", "Sv art. 126nd", "--content", "audio")
    row = office.ask(HEAD, "handover", "new", *THIRD, *law, *also)
    number, policy = str(row["handover"]), ("--policy", "heerde")
    office.done(OFFICER, "handover", "approve", number, *policy)
    opened = package(office, HEAD, "handover", number, *policy, target=tmp_path / "heerde.zip")
    assert opened.holds_the_call()


def test_n7_nunspeet_refuses_every_step_with_its_article_whoever_asks(office: Office, tmp_path: Path) -> None:
    steps = (
        ("handover", "new", *POLICE, "--incident", "1", "--second", OFFICER),
        ("handover", "new", *THIRD, "--recording", office.calls["nunspeet"].recording, "--second", COACH),
        ("handover", "approve", "1"),
        ("handover", "close", "1", "--abandoned", "--how", "x"),
    )
    for person in (HEAD, OFFICER, COACH):
        for step in steps:
            refused = office.refused(person, *step, "--policy", "nunspeet", code=13)
            assert "gemeente Nunspeet N7, section 3" in refused
            assert "Onder geen beding" in refused
    line = ("handover", "package", "1", "--to", str(tmp_path / "n.zip"), "--policy", "nunspeet")
    assert "N7, section 3" in office.refused(OFFICER, *line, code=13, secret=ZIP_PASSPHRASE)
    assert office.site.cli("handover", "list", "--as", COACH) == []


def test_n7_a_compulsory_order_is_obeyed_only_by_a_deviation_of_two_persons(
    office: Office, tmp_path: Path
) -> None:
    n, held = ("--policy", "nunspeet"), office.calls["nunspeet"]
    answer_by = (office.ahead.now() + 10 * DAY).strftime("%Y-%m-%d")
    register = (
        *("order", "register", held.call, "--authority", "Officier van Justitie", "--reference", "OM-118"),
        *("--legal-basis", "Sv art. 126nd", "--content", "audio", "--answer-by", answer_by, *n),
    )
    assert "Nunspeet" in office.refused(HEAD, *register, code=5)
    number = str(office.ask(OFFICER, *register)["order"])
    for role in ("fg", "counsel"):
        notice = office.wait_until_told(kind="order_received", order=int(number), role=role)
        assert from_iso(notice["deadline"]) > office.ahead.now()
    target = tmp_path / "order.zip"
    made = ("order", "package", number, "--to", str(target), *n)
    two = "obeyed only by a deviation of the college, and two persons"
    assert two in office.refused(OFFICER, *made, code=8, secret=ZIP_PASSPHRASE)
    today = office.ahead.now().strftime("%Y-%m-%d")
    deviate = ("--finding", "machtiging van de rechter-commissaris", "--approved-by", "college van B en W")
    office.done(
        OFFICER, "order", "deviate", number, *deviate, "--approved-on", today, "--until", answer_by, *n
    )
    assert two in office.refused(OFFICER, "order", "confirm", number, *n, code=5)
    assert two in office.refused(OFFICER, *made, code=8, secret=ZIP_PASSPHRASE)
    office.done(COACH, "order", "confirm", number, *n)
    opened = package(office, OFFICER, "order", number, *n, target=target)
    assert opened.is_as_it_says()
    assert opened.holds_the_call()
    assert opened.manifest["order"]["deviation"]["confirmed_by"] == COACH
    assert "OM-118" in opened.manifest["released"]["article"]
    office.done(
        OFFICER, "order", "close", number, "--outcome", "handed-over", "--how", "aan de rechercheur", *n
    )
    (row,) = office.site.cli("order", "show", number)
    assert row["stage"] == "handed_over"
    assert office.site.cli("holds", "list") == [
        hold for hold in office.site.cli("holds", "list") if hold["recording_id"] != held.recording
    ]


def test_afterwards_the_ledger_holds_and_a_receipt_names_the_copy_that_was_handed_out(
    office: Office,
) -> None:
    recording = office.calls["rvo"].recording
    office.ahead.to(from_iso(settled(office.site, recording)["due_at"]))
    office.site.cli("purge")
    assert settled(office.site, recording)["state"] == "purged"
    (row,) = [one for one in office.site.cli("handover", "list", "--all") if one["policy"] == "rvo"]
    (shown,) = office.site.cli("handover", "show", str(row["handover"]))
    (copy,) = [copy for step in shown["custody"] for copy in step.get("copies", ())]
    assert copy["sha256"] in office.site.run("receipt", recording, "--lang", "en").stdout
    office.site.run("ledger", "verify")
