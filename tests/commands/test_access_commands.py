"""Through the command line: find, listen, export, erase and the words between people, on real sound."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import pyzipper
import soundfile

from policy.rights import Right
from policy.vocabulary import RecordingId
from store.access.door import NO_SUCH
from store.keyring import envelopes
from store.records import recordings
from store.retention import part_erasure
from tests.commands.conftest import ROOT, Ended, one_error
from tests.commands.doorstep import (
    AGENT,
    AGENT_HZ,
    CALLER_HZ,
    COACH,
    OFFICER,
    RATE_HZ,
    Doorstep,
    staff,
)
from tests.store.holding import PASSPHRASE
from tests.store.scene import scene

pytestmark = pytest.mark.exhaustive  # real passphrases and processes: seconds, not milliseconds

UNKNOWN = "0123456789abcdef0123456789abcdef"
WHY = ("--purpose", "training", "--reason", "review of week 47")
REQUEST = ("--purpose", "data_subject_request", "--reason", "request of 12 November", "--case", "2026-118")
ZIP_PASSPHRASE = "een heel ander geheim"


@pytest.fixture
def door(config_file: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Doorstep]:
    """A door that stands, with everybody and their keys."""
    with scene(config_file.parent) as stage:
        staff(stage)
        with Doorstep(stage, config_file, capsys) as doorstep:
            yield doorstep


@pytest.fixture
def drawn(door: Doorstep) -> RecordingId:
    """A recording that was drawn for training."""
    recording_id = door.keep(1)
    door.draw(recording_id)
    return recording_id


@pytest.fixture
def requested(door: Doorstep) -> RecordingId:
    """A recording of which a data subject's request was confirmed; one that does not hold it."""
    recording_id = door.keep(1)
    door.request(1, Right.ERASURE)
    return recording_id


def player(tmp_path: Path, script: str = 'cat > "$1"') -> tuple[str, Path]:
    """Return a player that keeps what it plays, and where."""
    heard, program = tmp_path / "heard.wav", tmp_path / "player"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    return f"{program} {heard}", heard


def loudest_hz(samples: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * RATE_HZ / len(samples))


def both_voices(source: Path | io.BytesIO) -> bool:
    samples, _ = soundfile.read(source)
    return abs(loudest_hz(samples[:, 0]) - CALLER_HZ) < 5 and abs(loudest_hz(samples[:, 1]) - AGENT_HZ) < 5


def nothing_left(folder: Path) -> bool:
    return not any(path.name.startswith(".") for path in folder.iterdir())


def ok(ended: Ended) -> Ended:
    assert ended.code == 0, ended.err
    return ended


# ---------------------------------------------------------------- listen


def test_a_coach_hears_a_drawn_call_and_nothing_decrypted_touches_a_disk(
    door: Doorstep, drawn: RecordingId, tmp_path: Path
) -> None:
    program, heard = player(tmp_path)
    ok(door.run(COACH, "listen", drawn, *WHY, "--player", program))
    assert both_voices(heard)
    (ended,) = door.told("access_ended")
    assert ended.payload is not None
    assert (ended.payload["result"], ended.payload["heard_ms"], ended.payload["copies"]) == (
        "complete",
        3000,
        [],
    )


@pytest.mark.exhaustive
def test_a_player_that_stops_early_is_no_failure_and_its_failure_is_ours(
    door: Doorstep, tmp_path: Path
) -> None:
    long = door.keep(1, seconds=60)
    door.draw(long)
    program, _ = player(tmp_path, "head -c 1000 > /dev/null")
    ok(door.run(COACH, "listen", long, *WHY, "--player", program))
    program, _ = player(tmp_path, "cat > /dev/null; exit 3")
    one_error(door.run(COACH, "listen", long, *WHY, "--player", program), 7, "ended with exit code 3")
    one_error(door.run(COACH, "listen", long, *WHY, "--player", "no-such-player"), 7, "cannot be started")
    results = [entry.payload["result"] for entry in door.told("access_ended") if entry.payload]
    assert results == ["complete", "failed", "failed"]


@pytest.mark.exhaustive
@pytest.mark.parametrize("recording", ["of somebody else", UNKNOWN, "no id"])
def test_what_is_not_yours_and_what_is_not_there_end_the_same(door: Doorstep, recording: str) -> None:
    kept = door.keep(1)
    named = kept if recording == "of somebody else" else recording
    ended = door.run(COACH, "listen", named, *WHY, "--player", "cat")
    assert (ended.code, ended.err, ended.out) == (4, f"Error: {NO_SUCH}\n", "")


def test_what_policy_alone_refuses_is_told_with_its_own_exit_code(door: Doorstep, drawn: RecordingId) -> None:
    ended = door.run(AGENT, "export", drawn, *WHY, "--to", "/nowhere/x.zip")
    one_error(ended, 7, "must be a folder")
    ended = door.run(OFFICER, "listen", drawn, *REQUEST, "--player", "cat")
    one_error(ended, 13, "gemeente Eindhoven")
    (refused,) = door.told("access_refused")
    assert refused.subject == ""


def test_a_wrong_passphrase_has_its_own_exit_code_and_is_on_the_ledger(
    door: Doorstep, drawn: RecordingId
) -> None:
    ended = door.run(COACH, "listen", drawn, *WHY, "--player", "cat", passphrase="vier andere woorden hier")
    assert ended.code == 12
    assert len(door.told("proof_failed")) == 1
    assert door.told("access_released") == []


def test_without_a_terminal_or_a_descriptor_nothing_is_asked(
    door: Doorstep, config_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from cli import run  # noqa: PLC0415

    words = ["--config", str(config_file), "listen", UNKNOWN, *WHY, "--person", COACH, "--player", "cat"]
    assert run(words) == 2
    assert (
        "no terminal to ask for the passphrase of coach-anna on; use --passphrase-fd"
        in capsys.readouterr().err
    )


@pytest.mark.exhaustive
@pytest.mark.parametrize("place", [60, 16_500, -1], ids=["first chunk", "second chunk", "last byte"])
def test_a_damaged_file_is_noticed_before_the_first_sound(door: Doorstep, tmp_path: Path, place: int) -> None:
    recording_id = door.keep(1, seconds=20)
    door.draw(recording_id)
    path = door.stage.vault.path(recording_id)
    content = bytearray(path.read_bytes())
    assert len(content) > 20_000
    content[place] ^= 1
    path.write_bytes(content)
    program, heard = player(tmp_path)
    one_error(door.run(COACH, "listen", recording_id, *WHY, "--player", program), 6, "does not authenticate")
    assert not heard.exists()
    (ended,) = door.told("access_ended")
    assert ended.payload is not None
    assert "does not authenticate" in str(ended.payload["problem"])


# ---------------------------------------------------------------- export


@pytest.mark.exhaustive
@pytest.mark.parametrize("format_name", ["wav", "flac", "mp3", "opus"])
def test_each_format_holds_both_voices_and_its_digest_is_on_the_ledger_before_its_name(
    door: Doorstep, requested: RecordingId, tmp_path: Path, format_name: str
) -> None:
    target = tmp_path / "out"
    ended = ok(door.run(OFFICER, "export", requested, *REQUEST, "--to", target, "--format", format_name))
    audio, manifest = (Path(line) for line in ended.out.splitlines())
    samples, rate_hz = soundfile.read(audio)
    assert len(samples) / rate_hz == pytest.approx(3, abs=0.2)
    told = json.loads(manifest.read_text(encoding="utf-8"))
    digest = hashlib.sha256(audio.read_bytes()).hexdigest()
    assert told["files"] == {audio.name: {"bytes": audio.stat().st_size, "sha256": digest}}
    assert told["released"]["case"] == "2026-118"
    assert (told["channels"], told["silenced"]) == (["caller", "agent"], None)
    (entry,) = door.told("access_ended")
    assert entry.payload is not None
    copies = {copy["kind"]: copy["sha256"] for copy in entry.payload["copies"]}  # type: ignore[union-attr,index,call-overload]  # JSON
    assert copies == {"audio": digest, "manifest": hashlib.sha256(manifest.read_bytes()).hexdigest()}
    assert sorted(path.name for path in target.iterdir()) == ["manifest.json", f"recording.{format_name}"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o700
    assert stat.S_IMODE(audio.stat().st_mode) == 0o600
    assert nothing_left(tmp_path)


@pytest.mark.parametrize("format_name", ["wav", pytest.param("mp3", marks=pytest.mark.exhaustive)])
def test_a_zip_opens_with_its_own_passphrase_and_tells_nothing_in_its_names(
    door: Doorstep, requested: RecordingId, tmp_path: Path, format_name: str
) -> None:
    target = tmp_path / "2026-118.zip"
    words = ("export", requested, *REQUEST, "--to", target, "--format", format_name)
    ok(door.run(OFFICER, *words, "--zip-passphrase-fd", "{}", extra=[ZIP_PASSPHRASE]))
    with pyzipper.AESZipFile(target) as opened:
        assert opened.namelist() == [f"recording.{format_name}", "manifest.json"]
        with pytest.raises(RuntimeError, match="(?i)password"):
            opened.read("manifest.json")
        opened.setpassword(ZIP_PASSPHRASE.encode())
        manifest = json.loads(opened.read("manifest.json"))
        audio = opened.read(f"recording.{format_name}")
    assert manifest["files"][f"recording.{format_name}"]["sha256"] == hashlib.sha256(audio).hexdigest()
    if format_name == "wav":
        assert both_voices(io.BytesIO(audio))
    content = target.read_bytes()
    for secret in (ZIP_PASSPHRASE, PASSPHRASE, "po-lee", requested):
        assert secret.encode() not in content
    (entry,) = door.told("access_ended")
    assert entry.payload is not None
    assert entry.payload["copies"] == [
        {"kind": "zip", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    ]
    assert nothing_left(tmp_path)


@pytest.mark.parametrize(("party", "silent", "other", "hz"), [("agent", 1, 0, 440), ("caller", 0, 1, 1000)])
def test_the_other_party_is_replaced_by_silence_and_the_residue_is_stated(
    *, door: Doorstep, requested: RecordingId, tmp_path: Path, party: str, silent: int, other: int, hz: float
) -> None:
    ok(door.run(OFFICER, "export", requested, *REQUEST, "--to", tmp_path / "out", "--silence", party))
    samples, _ = soundfile.read(tmp_path / "out" / "recording.wav", dtype="int16")
    assert not samples[:, silent].any()
    assert loudest_hz(samples[:, other] / 32768) == pytest.approx(hz, abs=5)
    told = json.loads((tmp_path / "out" / "manifest.json").read_text())["silenced"]
    assert (told["party"], told["how"]) == (party, "replaced by digital silence")
    assert "dB" in told["residual_echo"]["says"]


@pytest.mark.exhaustive
def test_a_target_that_holds_something_is_refused_before_a_passphrase_is_read(
    door: Doorstep, requested: RecordingId, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    one_error(door.run(OFFICER, "export", requested, *REQUEST, "--to", tmp_path / "out"), 8, "must be empty")
    (tmp_path / "x.zip").write_text("mine")
    one_error(door.run(OFFICER, "export", requested, *REQUEST, "--to", tmp_path / "x.zip"), 8, "must not be")
    assert door.told("access_released") == []


@pytest.mark.exhaustive
def test_a_weak_passphrase_of_a_zip_is_refused_before_anything_is_asked(
    door: Doorstep, requested: RecordingId, tmp_path: Path
) -> None:
    words = ("export", requested, *REQUEST, "--to", tmp_path / "x.zip", "--zip-passphrase-fd", "{}")
    one_error(door.run(OFFICER, *words, extra=["geheim"]), 5, "passphrase")
    assert door.told("access_released") == []


# ---------------------------------------------------------------- find, heard


def test_only_what_one_may_see_is_found_and_the_search_is_on_the_ledger_masked(
    door: Doorstep, drawn: RecordingId
) -> None:
    door.keep(2)
    ended = ok(door.run(COACH, "recordings", "find", *WHY, "--number", "+31612340001", "--json"))
    (row,) = json.loads(ended.out)
    assert (row["recording_id"], row["caller"], row["agents"]) == (drawn, "********01", [AGENT])
    ended = ok(door.run(COACH, "recordings", "find", *WHY, "--number", "+31612340002", "--json"))
    assert json.loads(ended.out) == []
    searches = [entry.payload["search"]["number"] for entry in door.told("recordings_found") if entry.payload]  # type: ignore[index,call-overload]  # JSON
    assert searches == ["********01", "********02"]
    one_error(
        door.run(COACH, "recordings", "find", *WHY, "--from", "2026-12-01", "--to", "2026-11-01"),
        1,
        "--to must be after --from",
    )
    ended = door.run(COACH, "recordings", "find", *WHY, "--from", "yesterday")
    assert (ended.code, "must be a day or moment" in ended.err) == (2, True)


@pytest.mark.exhaustive
def test_an_agent_sees_who_heard_their_calls_and_nobody_elses(door: Doorstep, drawn: RecordingId) -> None:
    ok(door.run(COACH, "listen", drawn, *WHY, "--player", "cat"))
    ended = ok(door.run(AGENT, "recordings", "heard", "--json"))
    (row,) = json.loads(ended.out)
    assert (row["recording_id"], row["person"], row["role"], row["ending"]) == (
        drawn,
        COACH,
        "coach",
        "complete",
    )
    assert json.loads(ok(door.run(COACH, "recordings", "heard", "--json")).out) == []


# ---------------------------------------------------------------- words


def test_an_agent_hears_her_own_call_once_the_coach_opened_it(door: Doorstep, tmp_path: Path) -> None:
    recording_id = door.keep(1)
    program, heard = player(tmp_path)
    ask = ("approvals", "ask", recording_id, "--of", COACH, "--for", "opening", *WHY, "--json")
    (word,) = json.loads(ok(door.run(AGENT, *ask)).out)
    assert door.run(AGENT, "listen", recording_id, *WHY, "--player", program).code == 4
    (pending,) = json.loads(ok(door.run(COACH, "approvals", "pending", "--json")).out)
    assert (pending["word"], pending["stage"], pending["from"], pending["to"]) == (
        word["word"],
        "pending",
        COACH,
        AGENT,
    )
    granted = ok(door.run(COACH, "approvals", "grant", word["word"]))
    assert "Passing on your part to the key" in granted.err
    ok(door.run(AGENT, "listen", recording_id, *WHY, "--player", program))
    assert both_voices(heard)
    ok(door.run(COACH, "approvals", "take-back", word["word"]))
    assert door.run(AGENT, "listen", recording_id, *WHY, "--player", program).code == 4


@pytest.mark.exhaustive
def test_a_coach_hears_a_call_that_its_agent_asks_about(door: Doorstep, tmp_path: Path) -> None:
    recording_id = door.keep(1)
    program, heard = player(tmp_path)
    ok(door.run(AGENT, "approvals", "ask", recording_id, "--of", COACH, "--for", "request", *WHY))
    ok(door.run(COACH, "listen", recording_id, *WHY, "--player", program))
    assert both_voices(heard)


@pytest.mark.exhaustive
def test_denied_is_denied(door: Doorstep) -> None:
    recording_id = door.keep(1)
    ask = ("approvals", "ask", recording_id, "--of", COACH, "--for", "opening", *WHY, "--json")
    (word,) = json.loads(ok(door.run(AGENT, *ask)).out)
    ok(door.run(COACH, "approvals", "deny", word["word"]))
    one_error(door.run(COACH, "approvals", "grant", word["word"]), 8, "must be pending, is denied")
    one_error(door.run(OFFICER, "approvals", "grant", word["word"]), 4, "or not yours")


# ---------------------------------------------------------------- erase


def test_a_part_is_erased_in_both_channels_and_the_old_key_opens_nothing(
    door: Doorstep, requested: RecordingId, tmp_path: Path
) -> None:
    stage = door.stage
    old_file = stage.vault.path(requested).read_bytes()
    old_keys = set(stage.archive.epochs.names())
    old_rows = envelopes.of_recording(stage.db, requested)
    staying = door.keep(2)
    words = ("erase", requested, *REQUEST, "--from", "00:01", "--to", "00:02.5")
    assert "00:01 to 00:02.5" in ok(door.run(OFFICER, *words)).out
    ok(door.run(OFFICER, "export", requested, *REQUEST, "--to", tmp_path / "out"))
    samples, _ = soundfile.read(tmp_path / "out" / "recording.wav", dtype="int16")
    assert len(samples) == 3 * RATE_HZ
    gap = samples[RATE_HZ : RATE_HZ * 5 // 2]
    assert not gap.any()
    assert abs(loudest_hz(samples[:RATE_HZ, 0] / 32768) - CALLER_HZ) < 5
    assert samples[RATE_HZ * 5 // 2 + 10 :].any()
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["erased_parts_ms"] == [[1000, 2500]]
    new_file = stage.vault.path(requested).read_bytes()
    assert new_file != old_file
    assert recordings.get_recording(stage.db, requested).sealed_sha256 == hashlib.sha256(new_file).hexdigest()
    assert not old_keys & set(stage.archive.epochs.names())
    assert not set(old_rows) & set(envelopes.of_recording(stage.db, requested))
    assert stage.hear(staying)  # another recording of the same epoch moved along
    kinds = [entry.kind for entry in door.told("part_erased") + door.told("part_erasure_intended")]
    assert kinds == ["part_erased", "part_erasure_intended"]


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("first", "end", "code", "told"),
    [
        ("00:02", "00:01", 2, "must be after --from"),
        ("00:02", "x", 2, "must be a place"),
        ("00:09", "00:10", 8, "lies at 9000 ms"),
    ],
)
def test_a_part_that_is_none_is_refused(
    *, door: Doorstep, requested: RecordingId, first: str, end: str, code: int, told: str
) -> None:
    ended = door.run(OFFICER, "erase", requested, *REQUEST, "--from", first, "--to", end)
    assert ended.code == code
    assert told in ended.err
    assert door.told("part_erasure_intended") == []
    assert door.stage.archive.vault.staged() == ()


@pytest.mark.exhaustive
def test_all_of_it_is_erased_by_the_one_path(door: Doorstep, requested: RecordingId) -> None:
    ok(door.run(OFFICER, "erase", requested, *REQUEST))
    assert door.stage.archive.vault.absent(requested)
    (destroyed,) = door.told("destroyed")
    assert destroyed.payload is not None
    assert (destroyed.subject, destroyed.payload["because"]) == (requested, "request")
    one_error(door.run(OFFICER, "erase", requested, *REQUEST), 8, "is purged already")


@pytest.mark.exhaustive
def test_a_coach_erases_nothing(door: Doorstep, drawn: RecordingId) -> None:
    one_error(door.run(COACH, "erase", drawn, *WHY), 13, "gemeente Eindhoven")
    assert not door.stage.archive.vault.absent(drawn)


# ---------------------------------------------------------------- from another machine


@pytest.mark.exhaustive
def test_the_sound_comes_through_a_remote_shell_without_a_terminal(
    door: Doorstep, drawn: RecordingId, config_file: Path, tmp_path: Path
) -> None:
    # What sshd does with `ssh pbx 'consentline ...'`: a shell, pipes for stdin and stdout, no terminal.
    recipe = (
        f"{sys.executable} cli.py --config {config_file} listen {drawn} --purpose training"
        f' --reason "review of week 47" --person {COACH} --passphrase-fd 0'
    )
    done = subprocess.run(
        ["/bin/sh", "-c", recipe],
        input=f"{PASSPHRASE}\n".encode(),
        capture_output=True,
        cwd=ROOT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert both_voices(io.BytesIO(done.stdout))


@pytest.mark.exhaustive
def test_a_forwarded_socket_and_a_config_file_at_the_desk_are_enough(
    door: Doorstep, drawn: RecordingId, config_file: Path, tmp_path: Path
) -> None:
    desk = tmp_path / "desk"
    desk.mkdir()
    text = config_file.read_text().replace(
        "[paths]", f'[paths]\nsocket = "{config_file.parent / "control.sock"}"'
    )
    (desk / "consentline.toml").write_text(text)
    program, heard = player(tmp_path)
    elsewhere = Doorstep(door.stage, desk / "consentline.toml", door.capsys)
    ok(elsewhere.run(COACH, "listen", drawn, *WHY, "--player", program))
    assert both_voices(heard)
    assert sorted(path.name for path in desk.iterdir()) == ["consentline.toml"]


# ---------------------------------------------------------------- what nobody told


@pytest.mark.exhaustive
def test_an_access_that_nobody_ended_is_ended_by_the_daemon(door: Doorstep, drawn: RecordingId) -> None:
    ok(door.run(COACH, "listen", drawn, *WHY, "--player", "cat"))
    with door.stage.db.write() as tx:
        tx.execute("UPDATE accesses SET ended_at = NULL, ending = NULL")
    door.settle()
    last = door.told("access_ended")[-1]
    assert last.payload is not None
    assert (last.actor, last.payload["result"]) == ("daemon", "not_told")


@pytest.mark.exhaustive
def test_what_was_handed_in_for_nothing_is_removed_at_the_next_start(
    door: Doorstep, drawn: RecordingId
) -> None:
    with door.stage.archive.vault.stage(drawn) as target:
        target.write(b"half of it")
    assert door.stage.archive.vault.staged() == (drawn,)
    door.settle()
    assert door.stage.archive.vault.staged() == ()
    assert part_erasure.finish(door.stage.archive) == 0
