"""The same questions without a daemon, under its lock."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from commands.frame.offline import Offline
from commands.frame.records import CALL_COLUMNS, RECORDING_COLUMNS
from daemon.desks.operations import Operations
from daemon.lock import sole_owner
from policy.access import Closure
from policy.clock import SteppedClock, to_iso
from policy.config import load_config
from policy.errors import ClockSuspect, NotFound, StateConflict
from policy.vocabulary import Outcome, PolicyName, RecordingId
from store.logbook.ledger import Kind
from store.logbook.ledger import show as show_ledger
from store.records import decisions
from store.retention import closures, holds, keeping
from tests.commands.asked import ScriptedOperations
from tests.commands.conftest import ROOT, CommandLine, one_error
from tests.store.scene import STARTED_AT, scene, voice
from tests.store.test_keeping import HEAD, flag, held

pytestmark = pytest.mark.exhaustive  # takes seconds: with make test

BOOT = "this boot"


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock(STARTED_AT + timedelta(minutes=5))


@pytest.fixture
def kept(config_file: Path) -> RecordingId:
    """One sealed recording in the installation; nothing has it open."""
    with scene(config_file.parent) as installation:
        return installation.keep(1)


@contextmanager
def _offline(config_file: Path, clock: SteppedClock) -> Iterator[Offline]:
    with Offline.opened(load_config(config_file), clock=clock, boot=BOOT) as offline:
        yield offline


@pytest.mark.usefixtures("kept")
def test_calls_and_recordings_have_exactly_the_promised_keys(command: CommandLine) -> None:
    (call,) = json.loads(command("calls", "--json").out)
    (recording,) = json.loads(command("recordings", "list", "--json").out)
    assert tuple(call) == CALL_COLUMNS
    assert tuple(recording) == RECORDING_COLUMNS
    assert call["recording_id"] == recording["recording_id"]
    assert call["caller"] == "********01"
    assert recording["state"] == "sealed"


def test_a_dry_run_names_rule_and_due_time_and_changes_nothing(
    command: CommandLine, config_file: Path, kept: RecordingId
) -> None:
    before = (config_file.parent / "consentline.db").read_bytes()
    assert json.loads(command("purge", "--dry-run", "--as-of", "2027-01-20T18:28", "--json").out) == []
    (row,) = json.loads(command("purge", "--dry-run", "--as-of", "2027-01-20T18:29", "--json").out)
    assert row["recording_id"] == kept
    assert row["due_at"] == "2027-01-20T17:29:00.000Z"
    assert "60d" in row["rule"]
    printed = command("purge", "--dry-run", "--as-of", "2027-01-20T18:29").out
    assert "2027-01-20 18:29:00" in printed
    assert "60d" in printed
    assert (config_file.parent / "consentline.db").read_bytes() == before


def test_a_purge_at_the_due_minute_leaves_nothing_and_says_how_late_it_was(
    config_file: Path, clock: SteppedClock, kept: RecordingId
) -> None:
    with _offline(config_file, clock) as offline:
        (due_at,) = (row["due_at"] for row in offline.recordings())
        assert list(offline.purge(dry_run=False, as_of=None, clock_is_right=False)) == []
        clock.advance(timedelta(days=60))
        (row,) = offline.purge(dry_run=False, as_of=None, clock_is_right=False)
        (recording,) = offline.recordings()
    assert row["recording_id"] == kept
    assert row["erased_at"] == to_iso(clock.now())
    assert row["lateness_ms"] == (5 * 60 + 21) * 1000 + 250
    assert (recording["state"], recording["due_at"]) == ("purged", due_at)
    assert not list((config_file.parent / "vault").rglob("*.sealed"))


@pytest.mark.usefixtures("kept")
def test_after_a_leap_of_the_clock_nothing_goes_until_a_person_vouches_for_it(
    config_file: Path, clock: SteppedClock
) -> None:
    with _offline(config_file, clock) as offline:
        offline.purge(dry_run=False, as_of=None, clock_is_right=False)
        clock.leap(timedelta(days=400))
        with pytest.raises(ClockSuspect):
            offline.purge(dry_run=False, as_of=None, clock_is_right=False)
        assert [row["state"] for row in offline.recordings()] == ["sealed"]
        assert len(offline.purge(dry_run=False, as_of=None, clock_is_right=True)) == 1
        confirmed = [
            entry for entry in show_ledger(offline.archive.db) if entry.kind == Kind.CLOCK_CONFIRMED.value
        ]
    assert [str(entry.actor).partition(":")[0] for entry in confirmed] == ["login"]


@pytest.mark.parametrize("by_call", [True, False])
def test_a_sealed_recording_is_withdrawn_and_withdrawing_again_is_harmless(
    command: CommandLine, config_file: Path, kept: RecordingId, by_call: bool
) -> None:
    subject = "1795282161.1" if by_call else kept
    (row,) = json.loads(command("withdraw", subject, "--json").out)
    assert (row["recording_id"], row["state"], row["erased_because"]) == (kept, "withdrawn", "withdrawn")
    assert row["erased_at"] is not None
    assert not list((config_file.parent / "vault").rglob("*.sealed"))
    (again,) = json.loads(command("withdraw", subject, "--json").out)
    assert again["note"] == "was gone already"
    assert again["erased_at"] == row["erased_at"]


def test_a_flagged_recording_is_closed_where_the_policy_restricts_and_goes_when_it_was_dropped(
    command: CommandLine, config_file: Path
) -> None:
    heerde = PolicyName("heerde")
    text = (ROOT / "policies" / "heerde.toml").read_bytes()
    (config_file.parent / "policies" / "heerde.toml").write_bytes(text)
    with scene(config_file.parent, policy=heerde) as installation:
        recording_id, other = installation.keep(1), installation.keep(2)
        flag(installation, recording_id)
        keeping.place_hold(installation.archive, other, held(installation), HEAD)
    for subject, kept in (("1795282161.1", recording_id), (other, other)):
        for _ in range(2):
            (row,) = json.loads(command("withdraw", subject, "--json").out)
            assert (row["recording_id"], row["state"], row["erased_at"]) == (kept, "sealed", None)
            assert row["note"] == "closed instead: an incident or a hold is open"
    with scene(config_file.parent, policy=heerde, start=1) as installation:
        assert installation.hear(recording_id) == voice(1)
        for closed in (recording_id, other):
            assert closures.of_recording(installation.db, closed) == frozenset({Closure.RESTRICTED})
        told = [entry for entry in show_ledger(installation.db) if entry.kind == "recording_closed"]
        assert [(entry.subject, entry.actor) for entry in told] == [
            (recording_id, "operator"),
            (other, "operator"),
        ]
        (hold,) = holds.of_recording(installation.db, other)
        keeping.release_hold(installation.archive, hold.hold_id, HEAD)
    (row,) = json.loads(command("withdraw", other, "--json").out)
    assert (row["state"], row["erased_because"]) == ("withdrawn", "withdrawn")


def test_what_went_without_a_daemon_is_signed_and_brought_out_too(
    command: CommandLine, config_file: Path, kept: RecordingId
) -> None:
    assert command("withdraw", kept).code == 0
    with scene(config_file.parent, start=1) as installation:
        (signed,) = installation.db.rows("SELECT size FROM checkpoints")
        kinds = [entry.kind for entry in show_ledger(installation.db)]
        assert kinds.index("destroyed") < signed["size"]


def test_a_refused_call_has_nothing_to_withdraw(command: CommandLine, config_file: Path) -> None:
    with scene(config_file.parent) as installation:
        installation.open_call(1)
        with installation.db.write() as tx:
            decisions.store(tx, installation.decision(1, Outcome.REFUSED), installation.policies)
    ended = command("withdraw", "1795282161.1")
    assert ended.code == 0
    assert "was not recorded" in ended.out


def test_a_call_that_may_be_on_needs_the_daemon_or_its_own_keys(
    command: CommandLine, config_file: Path
) -> None:
    with scene(config_file.parent) as installation:
        recording_id = installation.begin(1)
    one_error(command("withdraw", recording_id), 8, "may still be on", "own key still work")


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("subject", ["1.1", "0" * 32, "${SHELL(id)}", "../../etc/passwd", "x" * 300, ""])
def test_an_unknown_id_is_told_so(command: CommandLine, subject: str) -> None:
    one_error(command("withdraw", subject), 4, "no ")


def test_sweep_removes_what_no_recording_owns(
    command: CommandLine, config_file: Path, kept: RecordingId
) -> None:
    stray = config_file.parent / "spool" / f"{kept}-caller.wav"
    stray.write_bytes(b"left by a crash between commit and unlink")
    (planned,) = json.loads(command("sweep", "--dry-run", "--json").out)
    assert (planned["recording_id"], planned["action"]) == (kept, "remove_plaintext")
    assert stray.exists()
    assert command("sweep").code == 0
    assert not stray.exists()
    assert json.loads(command("sweep", "--json").out) == []


def test_finalise_seals_what_waits_in_the_spool(command: CommandLine, config_file: Path) -> None:
    with scene(config_file.parent) as installation:
        recording_id = installation.capture(1)
        for leg in ("caller", "agent"):
            _speech(installation.spool / f"{recording_id}-{leg}.wav")
    assert json.loads(command("finalise", "--json").out) == [
        {"recording_id": recording_id, "result": "sealed"}
    ]
    assert not list((config_file.parent / "spool").iterdir())
    (row,) = json.loads(command("recordings", "list", "--json").out)
    assert row["state"] == "sealed"
    assert json.loads(command("finalise", "--json").out) == []


def test_two_owners_at_once_are_refused(command: CommandLine, config_file: Path, kept: RecordingId) -> None:
    with sole_owner(config_file.parent / "consentline.db"):
        one_error(command("purge"), 8, "held by process", "at work on this installation")
        one_error(command("withdraw", kept), 8, "held by process")


def test_a_daemon_that_refuses_is_not_gone_round(
    serve: Callable[[Operations], None], command: CommandLine, config_file: Path, kept: RecordingId
) -> None:
    serve(ScriptedOperations(refusal=StateConflict("not now")))
    one_error(command("withdraw", kept), 8, "not now")
    assert list((config_file.parent / "vault").rglob("*.sealed"))


def test_without_an_installation_nothing_is_made(command: CommandLine, config_file: Path) -> None:
    before = sorted(config_file.parent.iterdir())
    for words in (["calls"], ["purge"], ["sweep", "--dry-run"], ["ledger", "verify"], ["ledger", "show"]):
        one_error(command(*words), 4, "must be the database")
    assert sorted(config_file.parent.iterdir()) == before


def test_a_database_that_is_none_is_told_so(command: CommandLine, config_file: Path) -> None:
    (config_file.parent / "consentline.db").write_bytes(b"not a database, not at all" * 100)
    for words in (["calls"], ["ledger", "verify"]):
        one_error(command(*words), 6, "consentline.db")


@pytest.mark.usefixtures("kept")
def test_a_vault_that_is_not_mounted_stops_everything(command: CommandLine, config_file: Path) -> None:
    (config_file.parent / "vault").rename(config_file.parent / "elsewhere")
    one_error(command("purge"), 7, "must be the vault")


@pytest.mark.usefixtures("kept")
def test_the_ledger_holds_and_shows_its_entries(command: CommandLine) -> None:
    ended = command("ledger", "verify")
    assert ended.code == 0
    assert ended.out.startswith("ledger holds: ")
    (report,) = json.loads(command("ledger", "verify", "--json").out)
    assert report["holds"] is True
    entries = json.loads(command("ledger", "show", "--json").out)
    assert [entry["seq"] for entry in entries] == list(range(report["size"]))
    assert entries[0]["kind"] == "key_added"
    (opened,) = json.loads(command("ledger", "show", "--about", "1795282161.1", "--json").out)[:1]
    assert opened["kind"] == "call_opened"
    later = json.loads(command("ledger", "show", "--first", str(report["size"] - 1), "--json").out)
    assert later == entries[-1:]
    assert command("ledger", "show").out.splitlines()[0].split("\t")[0] == "seq"


@pytest.mark.usefixtures("kept")
def test_a_changed_entry_is_named_with_exit_code_six(command: CommandLine, config_file: Path) -> None:
    with closing(sqlite3.connect(config_file.parent / "consentline.db")) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("UPDATE ledger SET at = at + 1 WHERE seq = 2")
        database.commit()
    ended = command("ledger", "verify")
    assert ended.code == 6
    assert "ledger does not hold" in ended.out
    assert "entry 2" in ended.err
    (report,) = json.loads(command("ledger", "verify", "--json").out)
    assert [found["seq"] for found in report["breaks"]][:1] == [2]


def test_offline_needs_an_installation(config_file: Path, clock: SteppedClock) -> None:
    with pytest.raises(NotFound), _offline(config_file, clock):
        pass


def _speech(path: Path) -> None:
    import numpy as np  # noqa: PLC0415 - one test alone makes audio
    import soundfile  # noqa: PLC0415

    wave = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000) * 0.5
    soundfile.write(path, wave, 8000, subtype="PCM_16")
