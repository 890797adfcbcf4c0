"""Requests of data subjects by the command line: from the letter that came in to the one that goes out."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import pyzipper
import soundfile

from policy.rights import Right
from store.logbook import ledger
from store.persons import hats
from tests.commands.conftest import one_error
from tests.commands.doorstep import AGENT, OFFICER, Doorstep
from tests.commands.test_access_commands import door, ok  # noqa: F401 - a fixture

pytestmark = pytest.mark.exhaustive  # real passphrases: seconds, not milliseconds

ZIP_PASSPHRASE = "een heel ander geheim"
WHY = ("--reason", "verzoek van 12 november")


def opened(path: Path) -> dict[str, bytes]:
    with pyzipper.AESZipFile(path) as package:
        package.setpassword(ZIP_PASSPHRASE.encode())
        return {name: package.read(name) for name in package.namelist()}


def test_a_request_for_access_from_its_arrival_to_the_package(door: Doorstep, tmp_path: Path) -> None:  # noqa: F811
    recording_id = door.keep(1)
    target, letter = tmp_path / "2026-118.zip", tmp_path / "brief.html"
    words = ("request", "new", "--right", "access", "--number", "0612340001", "--case", "2026-118", "--json")
    (row,) = json.loads(ok(door.run(OFFICER, *words)).out)
    assert (row["stage"], row["decide_by"], row["number"]) == ("received", "2026-12-21", "********01")
    number = row["request_id"]
    fulfil = ("request", "fulfil", number, "--to", target, "--zip-passphrase-fd", "{}", *WHY)
    early = door.run(OFFICER, *fulfil, extra=[ZIP_PASSPHRASE])
    one_error(early, 8, "identity is shown before anything is seen or released")
    shown = json.loads(ok(door.run(OFFICER, "request", "show", number, "--json")).out)
    assert shown["calls"] == []
    ok(door.run(OFFICER, "request", "identity", number, "--confirmed", "--by", "digid", *WHY))
    shown = json.loads(ok(door.run(OFFICER, "request", "show", number, "--json")).out)
    (call,) = shown["calls"]
    confirmed = ("--at", call["started_at"], "--subject", "afvalcontainer")
    ok(door.run(OFFICER, "request", "confirm", number, recording_id, *confirmed, *WHY))
    ok(door.run(OFFICER, *fulfil, "--letter", letter, extra=[ZIP_PASSPHRASE]))
    package = opened(target)
    assert sorted(package) == [
        "gesprek-1/manifest.json",
        "gesprek-1/recording.wav",
        "letter.html",
        "letter.md",
    ]
    samples, _ = soundfile.read(io.BytesIO(package["gesprek-1/recording.wav"]))
    assert np.abs(samples[:, 0]).max() > 0.4
    assert not samples[:, 1].any()  # the other party is silent
    manifest = json.loads(package["gesprek-1/manifest.json"])
    assert manifest["evidence"][0]["words"].startswith("U belt met de gemeente Eindhoven")
    assert manifest["silenced"]["party"] == "agent"
    told = package["letter.md"].decode()
    assert "Uw verzoek: inzage" in told
    assert "zes weken" in told
    assert "2026-118" in told
    assert "Autoriteit Persoonsgegevens" in told
    assert ZIP_PASSPHRASE not in told + letter.read_text()
    (settled,) = door.told("request_settled")
    assert settled.payload is not None
    copies = settled.payload["copies"]
    assert [copy["kind"] for copy in copies] == ["zip"]  # type: ignore[index,union-attr,call-overload]  # a list of objects
    (ended,) = door.told("access_ended")
    assert ended.payload is not None and ended.payload["copies"] == copies
    again = door.run(OFFICER, "request", "close", number, *WHY)
    one_error(again, 8, "is fulfilled already")
    assert not any("0612340001" in str(entry.to_json()) for entry in ledger.show(door.stage.db))


def test_portability_has_what_a_computer_reads(door: Doorstep, tmp_path: Path) -> None:  # noqa: F811
    door.keep(1)
    with door.stage.db.write() as tx:  # hats under several policies: the request says which
        heerde, now = door.stage.policies.named("heerde"), door.stage.clock.now()
        hats.give(tx, OFFICER, heerde, "privacy_officer", since=None, until=None, at=now, actor="test")
    number, target = door.request(1, Right.PORTABILITY), tmp_path / "mee.zip"
    ok(
        door.run(
            OFFICER,
            "request",
            "fulfil",
            number,
            "--to",
            target,
            "--zip-passphrase-fd",
            "{}",
            *WHY,
            extra=[ZIP_PASSPHRASE],
        )
    )
    data = json.loads(opened(target)["data.json"])
    assert data["format"] == "consentline/data-subject/1"
    assert data["calls"][0]["audio"] == "gesprek-1/recording.wav"


def test_an_erasure_a_refusal_and_a_delay_have_their_letters(door: Doorstep, tmp_path: Path) -> None:  # noqa: F811
    recording_id = door.keep(1)
    door.keep(2)
    number = door.request(1, Right.ERASURE)
    erased = tmp_path / "gewist.md"
    ok(door.run(OFFICER, "request", "fulfil", number, "--letter", erased, *WHY))
    assert "is gewist" in erased.read_text()
    assert door.stage.archive.vault.absent(recording_id)
    other = door.request(2, Right.ERASURE, reference="2026-119")
    delay, refused = tmp_path / "uitstel.md", tmp_path / "nee.html"
    ok(door.run(OFFICER, "request", "extend", other, "--reason", "veel gesprekken", "--letter", delay))
    assert "22 februari 2027" in delay.read_text()
    assert "veel gesprekken" in delay.read_text()
    ok(door.run(OFFICER, "request", "refuse", other, "--ground", "legal_claim", "--letter", refused, *WHY))
    text = refused.read_text()
    assert "Wij wijzen uw verzoek af" in text
    assert "AVG art. 17(3)(e) and 21(1)" in text
    assert "artikel 6:7 en 6:8 Awb" in text
    ok(door.run(OFFICER, "request", "list", "--json"))


def test_what_is_asked_badly_is_one_line(door: Doorstep, tmp_path: Path) -> None:  # noqa: F811
    door.keep(1)
    one_error(
        door.run(OFFICER, "request", "new", "--right", "access"), 1, "must name a number, or between which"
    )
    one_error(door.run(OFFICER, "request", "show", "7"), 4, "no request 7, or not yours")
    number = door.request(1)
    one_error(door.run(AGENT, "request", "show", number), 4, f"no request {number}, or not yours")
    taken = tmp_path / "er.zip"
    taken.write_bytes(b"")
    words = ("request", "fulfil", number, "--to", taken, "--zip-passphrase-fd", "{}", *WHY)
    one_error(door.run(OFFICER, *words, extra=[ZIP_PASSPHRASE]), 8, "must not be there")
    plain = door.run(OFFICER, "request", "fulfil", number, *WHY)
    one_error(plain, 8, "access is fulfilled by a copy")
    folder = door.run(OFFICER, "request", "fulfil", number, "--to", tmp_path / "map", *WHY)
    assert folder.code == 2
    weak = tmp_path / "zwak.zip"
    one_error(door.run(OFFICER, *words[:4], weak, *words[5:], extra=["kort"]), 5, "passphrase: must have")
    assert not weak.exists()
