"""Ten at once while a purge runs, a disk that fills up, a process that is ended, memory that is bounded."""

from __future__ import annotations

import hashlib
import io
import os
import resource
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from commands.audio import copies, rendering
from commands.audio.disclosure import opened
from commands.frame.control import Daemon
from commands.identity.asking_why import Why
from commands.identity.keyring import prove
from commands.identity.proving import Proved
from policy.vocabulary import RecordingId
from store.logbook import ledger_check
from store.retention import purge
from tests.commands.conftest import ROOT, Ended
from tests.commands.doorstep import COACH, OFFICER, RATE_HZ, Doorstep, noise, sound, staff
from tests.commands.test_access_commands import REQUEST
from tests.store.holding import PASSPHRASE
from tests.store.scene import scene

pytestmark = pytest.mark.exhaustive
TRAINING = Why(purpose="training", reason="review of week 47")
FULFIL = Why(purpose="data_subject_request", reason="request of 12 November", case="2026-118")
SECONDS = 20.0


@pytest.fixture
def door(config_file: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Doorstep]:
    """A door that stands, with everybody and their keys."""
    with scene(config_file.parent) as stage:
        staff(stage)
        with Doorstep(stage, config_file, capsys) as doorstep:
            yield doorstep


def proved(daemon: Daemon, person: str) -> Proved:
    return Proved(person=prove(daemon, person, PASSPHRASE), together=(), policy=None)


def hear(daemon: Daemon, recording_id: RecordingId) -> str:
    """Listen as the coach, and return the hash of what was heard."""
    digest = hashlib.sha256()
    with opened(daemon, proved(daemon, COACH), recording_id, "listen", TRAINING) as access:
        with access.plaintext() as flac, rendering.opened(flac) as heard:
            for piece in rendering.stream_wav(heard):
                digest.update(piece)
        access.complete(heard_ms=heard.duration_ms)
    return digest.hexdigest()


def copy(daemon: Daemon, recording_id: RecordingId, target: Path) -> str:
    """Export as the privacy officer, and return the hash of the copy."""
    with (
        opened(daemon, proved(daemon, OFFICER), recording_id, "export", FULFIL) as access,
        copies.new_target(target, None) as made,
    ):
        with access.plaintext() as flac, rendering.opened(flac) as heard:
            made.add_audio(heard, rendering.FORMATS["wav"])
            made.add_manifest(access.released.manifest)
        access.complete(made.finish())
        made.publish()
    return hashlib.sha256((target / "recording.wav").read_bytes()).hexdigest()


def test_ten_listen_and_copy_while_calls_come_in_and_a_purge_runs(
    door: Doorstep, config_file: Path, tmp_path: Path
) -> None:
    stage, daemon = door.stage, Daemon(config_file.parent / "control.sock")
    leaving = [door.keep(number) for number in range(4)]
    stage.clock.advance(timedelta(days=59, hours=23))
    staying = [door.keep(number, seconds=SECONDS) for number in range(10, 15)]
    door.draw(*staying)
    for number in range(10, 15):
        door.request(number, reference=f"2026-{number}")
    whole = whole_wav()
    with ThreadPoolExecutor(max_workers=10) as at_once:
        listeners = [at_once.submit(hear, daemon, recording_id) for recording_id in staying]
        copiers = [
            at_once.submit(copy, daemon, recording_id, tmp_path / f"copy-{number}")
            for number, recording_id in enumerate(staying)
        ]
        number = 100
        stage.clock.advance(timedelta(hours=2))  # the first four are due
        while not all(one.done() for one in (*listeners, *copiers)):
            door.keep(number)
            purge.run(stage.archive, stage.guard)
            number += 1
    assert [one.result() for one in (*listeners, *copiers)] == [whole] * 10
    assert all(stage.archive.vault.absent(recording_id) for recording_id in leaving)
    assert not any(path.name.startswith(".") for path in tmp_path.iterdir())
    assert ledger_check.verify(stage.db).breaks == ()


def whole_wav() -> str:
    with rendering.opened(io.BytesIO(sound(SECONDS))) as heard:
        return hashlib.sha256(b"".join(rendering.stream_wav(heard))).hexdigest()


@pytest.mark.parametrize("target", ["out", "out.zip"])
def test_a_disk_that_fills_up_leaves_nothing_but_its_failure_on_the_ledger(
    door: Doorstep, config_file: Path, tmp_path: Path, target: str
) -> None:
    recording_id = door.keep(1, seconds=SECONDS, flac=noise(SECONDS))
    door.request(1)
    largest = door.stage.vault.path(recording_id).stat().st_size + 5_000
    before = sorted(tmp_path.iterdir())
    ended = run_apart(config_file, recording_id, tmp_path / target, largest_bytes=largest)
    lines = ended.err.splitlines()
    assert (ended.code, ended.out, len(lines)) == (7, "", 1), ended.err
    assert "cannot be written" in lines[0]
    assert sorted(tmp_path.iterdir()) == before
    (told,) = door.told("access_ended")
    assert told.payload is not None
    assert (told.payload["result"], told.payload["copies"]) == ("failed", [])
    assert "cannot be written" in str(told.payload["problem"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_an_export_that_is_ended_in_its_middle_leaves_nothing(
    door: Doorstep, config_file: Path, tmp_path: Path, number: signal.Signals
) -> None:
    recording_id = door.keep(1, seconds=600)
    door.request(1)
    before = sorted(tmp_path.iterdir())
    ended = run_apart(config_file, recording_id, tmp_path / "out.zip", stop_with=number)
    assert (ended.code, ended.err.strip()) == (130, "Interrupted.")
    assert sorted(tmp_path.iterdir()) == before
    (told,) = door.told("access_ended")
    assert told.payload is not None
    assert (told.payload["result"], told.payload["problem"]) == ("failed", "KeyboardInterrupt")


def run_apart(
    config_file: Path,
    recording_id: RecordingId,
    target: Path,
    *,
    largest_bytes: int | None = None,
    stop_with: signal.Signals | None = None,
) -> Ended:
    """Export in a process of its own, on a disk on which no file can grow further, or ended in the middle."""
    secrets = [_pipe(PASSPHRASE), _pipe("een heel ander geheim")]
    words = [
        *(sys.executable, "cli.py", "--config", str(config_file), "export", recording_id, *REQUEST),
        *("--person", OFFICER, "--passphrase-fd", str(secrets[0]), "--to", str(target)),
        *(("--zip-passphrase-fd", str(secrets[1])) if target.suffix == ".zip" else ()),
    ]

    def limit() -> None:
        if largest_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_bytes, largest_bytes))

    process = subprocess.Popen(
        words,
        cwd=ROOT,
        pass_fds=secrets,
        preexec_fn=limit,  # noqa: PLW1509 - this process has threads, and the child only limits itself
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if stop_with is not None:
        until_s = time.monotonic() + 60
        while not list(target.parent.glob(f".{target.name}.*/copy.zip")) and time.monotonic() < until_s:
            time.sleep(0.005)
        process.send_signal(stop_with)
    out, err = process.communicate(timeout=120)
    for descriptor in secrets:
        os.close(descriptor)
    return Ended(code=process.returncode, out=out, err=err)


def test_memory_does_not_grow_with_the_recording(door: Doorstep, config_file: Path) -> None:
    daemon = Daemon(config_file.parent / "control.sock")
    short, long = door.keep(1, seconds=30), door.keep(2, seconds=600)
    door.draw(short, long)
    peaks = []
    for recording_id in (short, long):
        with opened(daemon, proved(daemon, COACH), recording_id, "listen", TRAINING) as access:
            tracemalloc.start()
            with access.plaintext() as flac, rendering.opened(flac, silence=rendering.Side.AGENT) as heard:
                played = sum(len(piece) for piece in rendering.stream_wav(heard))
                heard.echo()
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            access.complete()
    assert played == 44 + 600 * RATE_HZ * 4
    assert peaks[1] < peaks[0] * 1.2 + 500_000
    assert peaks[1] < 8 * 1024 * 1024


def _pipe(secret: str) -> int:
    reader, writer = os.pipe()
    os.write(writer, secret.encode() + b"\n")
    os.close(writer)
    return reader
