"""An export leaves a complete result or nothing."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cli import run
from daemon.desks.operations import OperationsDesk
from policy.access import RoleName
from policy.clock import SystemRandomness
from policy.errors import ConsentlineError, StateConflict
from policy.key_groups import KeyPath
from policy.vocabulary import RecordingId
from store import shares
from store.container import recording_context, seal_stream
from store.key_wire import ChallengeWire, GrantWire, ShareWire, SlotWire, to_json
from store.keys import challenge_info, grant_info, make_private_half, seal_to
from tests.commands.asked import ScriptedOperations, ScriptedRelease
from tests.commands.conftest import ROOT, Ended, OpenDesk, one_error
from tests.store.holding import PASSPHRASE, own_half, own_slot

RECORDING = RecordingId("5f0c1d2e3b4a59687786a5b4c3d2e1f0")
RATE_HZ = 8000

Serve = Callable[..., None]
Export = Callable[..., Ended]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A sealed recording, and what the daemon releases of it."""

    path: Path
    challenge: dict[str, object]
    answer: str
    released: dict[str, object]

    def desk(self, *, refusal: ConsentlineError | None = None) -> ScriptedRelease:
        """Return what answers proof and export."""
        return ScriptedRelease(self.challenge, self.answer, self.released, refusal=refusal)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    """Three seconds: the caller at 440 Hz on the left, the agent at 1000 Hz on the right."""
    seconds = np.arange(3 * RATE_HZ) / RATE_HZ
    tones = np.stack([np.sin(2 * np.pi * hz * seconds) for hz in (440, 1000)], axis=1) * 0.5
    flac = io.BytesIO()
    soundfile.write(flac, tones, RATE_HZ, format="FLAC", subtype="PCM_16")
    flac.seek(0)
    randomness = SystemRandomness()
    key = randomness.token(32)
    path = tmp_path_factory.mktemp("vault") / "x.sealed"
    with path.open("wb") as target:
        seal_stream(flac, target, key, recording_context(RECORDING), randomness.token(24))
    half = make_private_half(randomness)
    own, keys = own_half("anna").public, {RoleName("coach"): half.public}
    made = shares.split(
        key, shares.recording(RECORDING), paths=[KeyPath("coach")], keys=keys, randomness=randomness
    )
    grant = GrantWire(
        key_id=half.public.key_id,
        policy="eindhoven",
        role="coach",
        sealed=seal_to(own, half.data, grant_info(half.public.key_id, "anna", own)),
    )
    challenge = ChallengeWire(
        challenge="c" * 32,
        slot=SlotWire.of(own_slot("anna")),
        sealed=seal_to(own, b"known", challenge_info("c" * 32, "anna")),
    )
    released: dict[str, object] = {
        "shares": [to_json(ShareWire.of(share)) for share in made],
        "grants": [to_json(grant)],
        "manifest": {"recording_id": RECORDING, "call": {"call_id": "1795282161.17"}},
    }
    return Sealed(
        path=path,
        challenge=to_json(challenge),
        answer=b64encode(b"known").decode(),
        released=released,
    )


@pytest.fixture
def serve(open_desk: OpenDesk) -> Serve:
    """Answer the first desk's questions and the export's, from scripts."""

    def start(operations: ScriptedOperations, desk: ScriptedRelease | None = None) -> None:
        open_desk([*OperationsDesk(operations).routes(), *(desk.routes() if desk else ())])

    return start


@pytest.fixture
def export(config_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Export:
    """Run `export` to tmp_path/out with a passphrase on a file descriptor."""

    def call(*words: str, passphrase: str = PASSPHRASE, recording: str = RECORDING) -> Ended:
        reader, writer = os.pipe()
        os.write(writer, passphrase.encode() + b"\n")
        os.close(writer)
        try:
            arguments = ["--config", str(config_file), "export", recording, "--person", "anna"]
            code = run([*arguments, "--passphrase-fd", str(reader), "--to", str(tmp_path / "out"), *words])
        finally:
            os.close(reader)
        said = capsys.readouterr()
        return Ended(code=code, out=said.out, err=said.err)

    return call


def _loudest_hz(samples: np.ndarray[tuple[int], np.dtype[np.float64]], rate_hz: int) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * rate_hz / len(samples))


@pytest.mark.parametrize("format_name", ["wav", "flac", "mp3", "opus"])
def test_each_format_holds_both_voices_each_in_its_own_channel(
    *, serve: Serve, export: Export, sealed: Sealed, tmp_path: Path, format_name: str
) -> None:
    serve(ScriptedOperations(sealed=sealed.path), sealed.desk())
    ended = export("--format", format_name)
    assert ended.code == 0, ended.err
    audio, manifest = (Path(line) for line in ended.out.splitlines())
    samples, rate_hz = soundfile.read(audio)
    assert rate_hz in (RATE_HZ, 48_000)
    assert samples.shape[1] == 2
    assert len(samples) / rate_hz == pytest.approx(3, abs=0.2)
    assert _loudest_hz(samples[:, 0], rate_hz) == pytest.approx(440, abs=5)
    assert _loudest_hz(samples[:, 1], rate_hz) == pytest.approx(1000, abs=5)
    told = json.loads(manifest.read_text(encoding="utf-8"))
    assert told["call"] == {"call_id": "1795282161.17"}
    assert told["channels"] == ["caller", "agent"]
    assert told["files"] == {
        audio.name: {
            "bytes": audio.stat().st_size,
            "sha256": hashlib.sha256(audio.read_bytes()).hexdigest(),
        }
    }
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted([audio.name, "manifest.json"])
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700
    assert stat.S_IMODE(audio.stat().st_mode) == 0o600


def test_the_ledger_has_the_access_before_a_byte_is_fetched(
    serve: Serve, export: Export, sealed: Sealed
) -> None:
    operations, desk = ScriptedOperations(sealed=sealed.path), sealed.desk()
    serve(operations, desk)
    export()
    assert desk.asked == ["proof", "export"]
    assert [question for question, _ in operations.asked] == ["sealed"]


def test_a_wrong_passphrase_leaves_nothing_and_the_daemon_knows(
    serve: Serve, export: Export, sealed: Sealed, tmp_path: Path
) -> None:
    desk = sealed.desk()
    serve(ScriptedOperations(sealed=sealed.path), desk)
    before = sorted(tmp_path.iterdir())
    ended = export(passphrase="vier andere woorden hier")
    one_error(ended, 12, "the passphrase does not open it", "the next try waits 4 s")
    assert desk.asked == ["proof", "failed"]
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("place", [60, 16_500, -1], ids=["first chunk", "second chunk", "last byte"])
def test_a_damaged_file_leaves_nothing(
    *, serve: Serve, export: Export, sealed: Sealed, tmp_path: Path, place: int
) -> None:
    content = bytearray(sealed.path.read_bytes())
    content[place] ^= 1
    damaged = tmp_path / "damaged.sealed"
    damaged.write_bytes(content)
    serve(ScriptedOperations(sealed=damaged), sealed.desk())
    before = sorted(tmp_path.iterdir())
    one_error(export(), 6, "does not authenticate")
    assert sorted(tmp_path.iterdir()) == before


def test_an_envelope_of_another_recording_leaves_nothing(
    serve: Serve, export: Export, sealed: Sealed, tmp_path: Path
) -> None:
    serve(ScriptedOperations(sealed=sealed.path), sealed.desk())
    one_error(export(recording="0" * 32), 6, "envelope")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_something_is_refused_before_the_daemon_is_asked(
    serve: Serve, export: Export, sealed: Sealed, tmp_path: Path
) -> None:
    desk = sealed.desk()
    serve(ScriptedOperations(sealed=sealed.path), desk)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    one_error(export(), 8, "must be empty or not there")
    assert desk.asked == []


def test_an_empty_folder_is_taken(serve: Serve, export: Export, sealed: Sealed, tmp_path: Path) -> None:
    serve(ScriptedOperations(sealed=sealed.path), sealed.desk())
    (tmp_path / "out").mkdir()
    assert export().code == 0


def test_what_the_daemon_refuses_is_told_in_its_words(
    serve: Serve, export: Export, sealed: Sealed, tmp_path: Path
) -> None:
    serve(ScriptedOperations(), sealed.desk(refusal=StateConflict("recording 5f0c: is purged")))
    one_error(export(), 8, "is purged")
    assert not (tmp_path / "out").exists()


def test_without_the_daemon_nothing_is_opened(export: Export, tmp_path: Path) -> None:
    one_error(export(), 7, "the daemon is not running", "consentline serve")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("lacking", ["shares", "grants", "manifest"])
def test_an_answer_that_lacks_something_is_not_guessed_at(
    *, serve: Serve, export: Export, sealed: Sealed, tmp_path: Path, lacking: str
) -> None:
    released = {key: value for key, value in sealed.released.items() if key != lacking}
    serve(ScriptedOperations(sealed=sealed.path), replace(sealed, released=released).desk())
    one_error(export(), 7, "lacks something")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_an_export_that_is_ended_in_its_middle_leaves_nothing(
    config_file: Path, sealed: Sealed, tmp_path: Path, number: signal.Signals
) -> None:
    reader, writer = os.pipe()
    os.write(writer, PASSPHRASE.encode() + b"\n")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(config_file.parent / "control.sock"))
        listener.listen(2)
        before = sorted(tmp_path.iterdir())
        process = subprocess.Popen(
            [
                *(sys.executable, "cli.py", "--config", str(config_file), "export", RECORDING),
                *("--person", "anna", "--to", str(tmp_path / "out"), "--passphrase-fd", str(reader)),
            ],
            pass_fds=[reader],
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for answer in (sealed.challenge, sealed.released):
            told = json.dumps(answer).encode()
            with _asked(listener) as link:
                link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(told) + told)
        # The third question is for the sealed bytes; half of them never come.
        with _asked(listener) as link:
            link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n" + bytes(40_000))
            assert sorted(tmp_path.iterdir()) != before
            process.send_signal(number)
            _, err = process.communicate(timeout=30)
    os.close(reader)
    os.close(writer)
    assert (process.returncode, err.strip()) == (130, "Interrupted.")
    assert sorted(tmp_path.iterdir()) == before


@contextmanager
def _asked(listener: socket.socket) -> Iterator[socket.socket]:
    listener.settimeout(30)
    link, _ = listener.accept()
    with link:
        link.settimeout(30)
        _read_question(link)
        yield link


def _read_question(link: socket.socket) -> None:
    """Read a whole question: head and body come in two pieces, and closing on the second resets the link."""
    question = b""
    while b"\r\n\r\n" not in question:
        question += link.recv(65_536)
    head, _, body = question.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    while length is not None and len(body) < int(length[1]):
        body += link.recv(65_536)


def test_a_passphrase_that_is_not_there_is_a_usage_error(
    config_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--config", str(config_file), "export", RECORDING, "--person", "anna"]
    assert run([*words, "--to", str(tmp_path / "out")]) == 2
    assert "--passphrase-fd" in capsys.readouterr().err
    assert run([*words, "--to", str(tmp_path / "out"), "--passphrase-fd", "999"]) == 2
