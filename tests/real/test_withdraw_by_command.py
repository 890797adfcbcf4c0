"""Withdrawing by command, live and after hang-up; what is harmless; what is no code; the first moments."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from policy.clock import SystemClock, SystemRandomness
from policy.config import load_config
from policy.errors import IntegrityError
from policy.vocabulary import RecordingId
from sandbox import deadline
from sandbox.fetch import Unpacked
from sandbox.sipp import BareCall, call_many
from sandbox.site import Site
from sandbox.speech import read_growing_wav, read_wav
from store.db import Db
from store.files.epochs import EpochFolder
from store.keyring import envelopes
from tests.real.callers import (
    LIKE_A_VOICE,
    Row,
    export,
    holds_an_agent,
    prompt_file,
    seconds,
    voice_file,
    wait_for_agent,
)
from tests.real.withdrawing import (
    CODE,
    LIKE_THE_CONFIRMATION,
    Floor,
    Records,
    SpoolWatch,
    envelopes_of,
    likeness,
    side_by_side,
    spool_names,
    wait_for_sound,
    when_gone,
)

GHOST_CALLS = 20
GHOSTS_WITHIN_S = 6.0
LONGEST_GHOST_MS = 500.0
NOT_FOUND = 4

Scenes = Mapping[str, "Future[object]"]


@pytest.fixture(scope="module")
def scenes(site: Site) -> Iterator[Scenes]:
    """Every call of this module but those about ghosts, played side by side."""
    with (
        tempfile.TemporaryDirectory(prefix="cl-heard-") as folder,
        Floor.open(site, Path(folder)) as floor,
    ):
        told = _Scenes(floor)
        yield side_by_side(told.all())


class _Scenes:
    """What happens in each call.

    Args:
        floor: Where they happen.
    """

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._site = floor.site

    def all(self) -> Mapping[str, Callable[[], object]]:
        """Return each scene under its name."""
        codes = {"*8": "41", "*19": "42", "9": "43", "* then 9": "44"}
        wrong = {f"wrong {keys}": self._wrong_code(keys, digits) for keys, digits in codes.items()}
        return {
            "live, by call": lambda: self._live("31", by_recording=False),
            "live, by recording": lambda: self._live("32", by_recording=True),
            "sealed, going": lambda: self._sealed("33"),
            "sealed, staying": lambda: self._sealed("34"),
            "refused": lambda: self._refused("35"),
            "twice by key": lambda: self._twice_by_key("36"),
            "calling again": lambda: self._calling_again("37"),
            **wrong,
        }

    def _live(self, digits: str, *, by_recording: bool) -> tuple[Row, Row, bool, bool]:
        """Withdraw by command while they talk, and once more."""
        caller = self._floor.place("14040", digits)
        wait_for_agent(caller)
        call = self._floor.records.call(digits)
        subject = str(call["recording_id"] if by_recording else call["call_id"])
        (first,) = self._site.cli("withdraw", subject)
        gone = not spool_names(self._site, str(call["recording_id"]))
        heard = wait_for_sound(caller, self._floor.confirmation) > LIKE_THE_CONFIRMATION
        (second,) = self._site.cli("withdraw", subject)
        mark = len(read_growing_wav(caller.heard))
        caller.listen(5.0)
        goes_on = holds_an_agent(read_growing_wav(caller.heard)[mark:])
        caller.hang_up()
        return first, second, gone and heard, goes_on

    def _sealed(self, digits: str) -> str:
        """Return the id of a recording that lies in the vault."""
        caller = self._floor.place("14040", digits)
        wait_for_agent(caller)
        recording_id = self._floor.records.recording_of(digits)
        caller.listen(4.0)
        caller.hang_up()
        self._floor.records.recording(recording_id, told=lambda row: row["state"] == "sealed")
        return recording_id

    def _refused(self, digits: str) -> tuple[Row, Row]:
        """Press 1 twice, reach an agent, press the code, and have it withdrawn by command."""
        caller = self._floor.place("14040", digits)
        caller.listen(1.0)
        caller.dtmf("11")
        wait_for_agent(caller)
        caller.dtmf(CODE)
        call = self._floor.records.call(digits)
        (answer,) = self._site.cli("withdraw", str(call["call_id"]))
        caller.listen(1.0)
        caller.hang_up()
        return self._floor.records.call(digits, told=lambda row: bool(row["ended_at"])), answer

    def _twice_by_key(self, digits: str) -> tuple[Row, list[Row], float, bool]:
        """Withdraw by key, hear it, and withdraw again: it is said again, and nothing else happens."""
        caller = self._floor.place("14040", digits)
        wait_for_agent(caller)
        recording_id = self._floor.records.recording_of(digits)
        caller.dtmf(CODE)
        when_gone(self._site, recording_id)
        wait_for_sound(caller, self._floor.confirmation)
        caller.listen(3.0)
        mark = len(read_growing_wav(caller.heard))
        caller.dtmf(CODE)
        caller.listen(7.0)
        again = likeness(read_growing_wav(caller.heard)[mark:], prompt_file(self._site, "kort", "withdrawn"))
        goes_on = holds_an_agent(read_growing_wav(caller.heard)[mark:])
        caller.hang_up()
        row = self._floor.records.erased(recording_id)
        return row, self._floor.records.told_of(recording_id), again, goes_on

    def _calling_again(self, digits: str) -> tuple[Row, Row]:
        """Withdraw, hang up, call again from the same number, and refuse this time."""
        caller = self._floor.place("14040", digits)
        wait_for_agent(caller)
        recording_id = self._floor.records.recording_of(digits)
        caller.dtmf(CODE)
        when_gone(self._site, recording_id)
        caller.hang_up()
        first = self._floor.records.call(digits, told=lambda row: bool(row["ended_at"]))
        again = self._floor.place("en14040", digits)
        again.listen(2.0)
        again.dtmf("1")
        wait_for_agent(again)
        again.hang_up()
        second = self._floor.records.call(
            digits, told=lambda row: row["call_id"] != first["call_id"] and bool(row["ended_at"])
        )
        return first, second

    def _wrong_code(self, keys: str, digits: str) -> Callable[[], tuple[list[str], Row]]:
        def scene() -> tuple[list[str], Row]:
            caller = self._floor.place("14040", digits)
            wait_for_agent(caller)
            recording_id = self._floor.records.recording_of(digits)
            first, _, last = keys.partition(" then ")
            caller.dtmf(first)
            if last:
                caller.listen(5.0)
                caller.dtmf(last)
            caller.listen(2.5)  # longer than any gap within a code
            names = spool_names(self._site, recording_id)
            caller.hang_up()
            told = self._floor.records.recording(recording_id, told=lambda row: row["state"] == "sealed")
            return names, told

        return scene


@pytest.mark.parametrize("scene", ["live, by call", "live, by recording"])
def test_a_command_withdraws_a_live_recording_and_the_parties_hear_it_and_talk_on(
    scenes: Scenes, scene: str
) -> None:
    told = scenes[scene].result()
    assert isinstance(told, tuple)
    first, _, gone_and_heard, goes_on = told
    assert (first["state"], first["erased_because"]) == ("withdrawn", "withdrawn")
    assert gone_and_heard
    assert goes_on


@pytest.mark.parametrize("scene", ["live, by call", "live, by recording"])
def test_withdrawing_by_command_twice_is_harmless_and_says_so(scenes: Scenes, scene: str) -> None:
    told = scenes[scene].result()
    assert isinstance(told, tuple)
    first, second, _, _ = told
    assert second["note"] == "was gone already"
    assert second["erased_at"] == first["erased_at"]


def test_withdrawing_by_key_twice_says_it_again_and_notes_it_once(scenes: Scenes) -> None:
    told = scenes["twice by key"].result()
    assert isinstance(told, tuple)
    row, entries, heard_again, goes_on = told
    assert row["erased_because"] == "withdrawn"
    assert [entry["kind"] for entry in entries].count("withdrawn") == 1
    assert heard_again > LIKE_THE_CONFIRMATION
    assert goes_on


def test_pressing_1_twice_and_the_code_and_a_command_on_a_refused_call_are_harmless_and_clear(
    scenes: Scenes,
) -> None:
    told = scenes["refused"].result()
    assert isinstance(told, tuple)
    call, answer = told
    assert (call["decision"], call["digit"], call["recording_id"]) == ("refused", "1", None)
    assert answer["note"] == "was not recorded"
    assert answer["call_id"] == call["call_id"]


@pytest.mark.parametrize("subject", ["1795282161.99999", "0" * 32, "..%2f..", ""])
def test_what_is_not_there_cannot_be_withdrawn_and_that_is_said_in_one_line(site: Site, subject: str) -> None:
    done = site.run("withdraw", subject, check=False)
    assert done.returncode == NOT_FOUND
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert lines[0].startswith("Error: ")
    assert all(line.startswith("Hint: ") for line in lines[1:])


@pytest.mark.parametrize("keys", ["*8", "*19", "9", "* then 9"])
def test_what_is_not_the_code_withdraws_nothing(scenes: Scenes, keys: str) -> None:
    told = scenes[f"wrong {keys}"].result()
    assert isinstance(told, tuple)
    names, row = told
    assert [name[32:] for name in names] == ["-agent.wav", "-caller.wav"]
    assert row["state"] == "sealed"


def test_a_later_call_from_the_same_number_is_asked_again(scenes: Scenes) -> None:
    told = scenes["calling again"].result()
    assert isinstance(told, tuple)
    first, second = told
    assert first["decision"] == "not_refused"
    assert (second["decision"], second["digit"], second["recording_id"]) == ("refused", "1", None)
    assert 1500 < second["notice_heard_ms"] < 5000


# --- after hang-up ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def erasure(site: Site, scenes: Scenes) -> Iterator[_Erasure]:
    """A sealed recording, withdrawn, with copies of database and vault from before."""
    going, staying = (str(scenes[name].result()) for name in ("sealed, going", "sealed, staying"))
    with tempfile.TemporaryDirectory() as folder:
        copies = Path(folder)
        shutil.copytree(site.vault, copies / "vault")
        with (
            closing(sqlite3.connect(site.database)) as source,
            closing(sqlite3.connect(copies / "old.db")) as target,
        ):
            source.backup(target)
        before = {row["epoch_key"] for row in envelopes_of(site, staying)}
        (answer,) = site.cli("withdraw", going)
        yield _Erasure(going=going, staying=staying, copies=copies, epoch_keys_before=before, answer=answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Erasure:
    going: str
    staying: str
    copies: Path
    epoch_keys_before: set[str]
    answer: Row


def test_after_hang_up_the_sealed_recording_goes_by_the_same_path(site: Site, erasure: _Erasure) -> None:
    assert (erasure.answer["state"], erasure.answer["erased_because"]) == ("withdrawn", "withdrawn")
    assert list((erasure.copies / "vault").rglob(f"{erasure.going}*"))
    assert not list(site.vault.rglob(f"{erasure.going}*"))
    assert spool_names(site, erasure.going) == []
    assert envelopes_of(site, erasure.going) == []


def test_its_receipt_is_on_the_ledger_and_the_ledger_holds(site: Site, erasure: _Erasure) -> None:
    told = Records(site).told_of(erasure.going)
    assert [entry["kind"] for entry in told][-2:] == ["withdrawn", "destroyed"]
    assert told[-2]["actor"] == "operator"
    assert told[-1]["payload"]["because"] == "withdrawn"
    assert {"key", "sealed file"} <= set(told[-1]["payload"]["removed"])
    assert site.run("ledger", "verify", check=False).returncode == 0


def test_old_copies_of_database_and_vault_open_nothing_with_todays_epoch_keys(
    site: Site, erasure: _Erasure
) -> None:
    config = load_config(site.config)
    epochs = EpochFolder(path=config.path("epochs"), randomness=SystemRandomness())
    old = Db.open(erasure.copies / "old.db", clock=SystemClock(), randomness=SystemRandomness())
    try:
        rows = [
            *envelopes.of_recording(old, RecordingId(erasure.going)),
            *envelopes.of_recording(old, RecordingId(erasure.staying)),
        ]
    finally:
        old.close()
    assert len(rows) == 2
    for row in rows:
        with pytest.raises(IntegrityError):
            envelopes.unwrap(row, epochs)


def test_the_others_of_the_same_day_are_under_a_new_key_and_still_open(
    site: Site, erasure: _Erasure, tmp_path: Path
) -> None:
    now = {row["epoch_key"] for row in envelopes_of(site, erasure.staying)}
    assert now
    assert not now & erasure.epoch_keys_before
    assert not any(
        (load_config(site.config).path("epochs") / name).exists() for name in erasure.epoch_keys_before
    )
    exported = export(site, erasure.staying, tmp_path / "export")
    assert likeness(exported.caller, voice_file("caller1")) > LIKE_A_VOICE


# --- the very first moments -------------------------------------------------------------------------


def test_a_withdrawal_back_to_back_with_the_start_leaves_no_file_behind(
    site: Site, unpacked: Unpacked, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half are withdrawn as soon as the recording has a row, half as soon as it has a file (fact 8)."""
    by_digits = [f"{number}" for number in range(50, 50 + GHOST_CALLS)]
    calls = [
        BareCall(number="14040", caller=f"<sip:06123456{digits}@127.0.0.1>", talk_ms=18_000)
        for digits in by_digits
    ]
    voice = voice_file("caller1")
    answered_ms: dict[str, float] = {}
    with SpoolWatch(site) as watch, ThreadPoolExecutor(max_workers=GHOST_CALLS + 1) as stage:
        calling = stage.submit(
            call_many, unpacked, site.asterisk.sip_address(), calls, tmp_path / "sipp", voice=voice
        )
        withdrawing = [
            stage.submit(_withdraw_at_once, site, watch, digits, answered_ms, wait_for_file=number % 2 == 1)
            for number, digits in enumerate(by_digits)
        ]
        ids = [future.result() for future in withdrawing]
        last_ms = max(answered_ms.values())
        deadline.wait_until(
            lambda: time.monotonic() * 1000 > last_ms + GHOSTS_WITHIN_S * 1000,
            within_s=GHOSTS_WITHIN_S + 1,
            what="six seconds pass",
        )
        left = [recording_id for recording_id in ids if spool_names(site, recording_id)]
        ghosts = [
            min(until_ms, time.monotonic() * 1000) - from_ms
            for recording_id in ids
            for from_ms, until_ms in watch.appearances(recording_id)
            if until_ms > answered_ms[recording_id]
        ]
        calling.result()
    rows = {row["recording_id"]: row for row in site.cli("recordings", "list")}
    with capsys.disabled():
        longest = f", the longest for {max(ghosts):.0f} ms" if ghosts else ""
        print(f"\nwithdrawn back to back with the start: {len(ids)}, ghosts seen: {len(ghosts)}{longest}")
    assert left == []
    assert max(ghosts, default=0.0) < LONGEST_GHOST_MS
    assert {rows[recording_id]["erased_because"] for recording_id in ids} == {"withdrawn"}
    assert envelopes_in_all(site, ids) == []


def _withdraw_at_once(
    site: Site, watch: SpoolWatch, digits: str, answered_ms: dict[str, float], *, wait_for_file: bool
) -> str:
    records = Records(site)
    recording_id = deadline.wait_until(
        lambda: records.recording_ids().get(digits),
        within_s=30.0,
        what=f"a recording of {digits}",
        every_s=0.01,
    )
    assert recording_id is not None
    if wait_for_file:
        deadline.wait_until(
            lambda: recording_id in watch.presences, within_s=5.0, what="its file", every_s=0.001
        )
    records.withdraw(recording_id)
    answered_ms[recording_id] = time.monotonic() * 1000
    return recording_id


def test_the_code_pressed_just_when_the_gate_is_left_refuses_or_withdraws_and_leaves_no_file(
    site: Site, unpacked: Unpacked, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever presses it around that moment is never recorded: it counts on either side of it."""
    leaves_ms = 1000 + int(seconds(read_wav(prompt_file(site, "kort"))) * 1000)
    calls = [
        BareCall(
            number="14040",
            caller=f"<sip:06123456{80 + n}@127.0.0.1>",
            keys=((leaves_ms - 350 + 75 * n, "*"), (leaves_ms - 200 + 75 * n, "9")),
            talk_ms=leaves_ms + 7500,
        )
        for n in range(8)
    ]
    voice = voice_file("caller1")
    call_many(unpacked, site.asterisk.sip_address(), calls, tmp_path / "sipp", voice=voice)
    records = Records(site)
    rows = [records.call(f"{80 + n}", told=lambda row: bool(row["ended_at"])) for n in range(len(calls))]
    ids = {str(row["recording_id"]): str(row["decision"]) for row in rows if row["recording_id"]}
    outcomes = {(decision, records.erased(rid)["erased_because"]) for rid, decision in ids.items()}
    with capsys.disabled():
        refused = [row["decision"] for row in rows].count("refused")
        print(f"\nthe code at the gate's end: {refused} refused, {len(rows) - refused} withdrawn")
    assert {row["decision"] for row in rows if not row["recording_id"]} <= {"refused"}
    # A recording that was decided upon and overruled before it began is empty.
    assert outcomes <= {("not_refused", "withdrawn"), ("refused", "empty")}
    assert not any(spool_names(site, recording_id) for recording_id in ids)


def envelopes_in_all(site: Site, ids: Sequence[str]) -> list[Row]:
    """Return every envelope of these recordings."""
    return [row for recording_id in ids for row in envelopes_of(site, recording_id)]
