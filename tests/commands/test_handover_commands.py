"""`handover` and `order` from the command line to the opened package, with real keys and real sound."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import pyzipper
import soundfile

from policy.vocabulary import RecordingId
from tests.commands.conftest import CommandLine, one_error
from tests.commands.doorstep import AGENT, AGENT_HZ, CALLER_HZ, COACH, HEAD, OFFICER, RATE_HZ, Doorstep, staff
from tests.store.scene import scene

pytestmark = pytest.mark.exhaustive  # real passphrases: takes seconds, with make test

CALL = "1795282161.1"
SECRET = "een ander geheim voor de zip"
NEW = (
    *(
        "handover",
        "new",
        "--to",
        "police",
        "--authority",
        "Politie Eindhoven",
        "--legal-basis",
        "Sv art. 160",
    ),
    *("--second", OFFICER, "--reason", "aangifte", "--incident", 1),
)


@pytest.fixture
def door(config_file: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Doorstep]:
    """Eindhoven with a call that its agent held."""
    with scene(config_file.parent) as stage:
        staff(stage)
        with Doorstep(stage, config_file, capsys) as doorstep:
            yield doorstep


@pytest.fixture
def recording(door: Doorstep, command: CommandLine) -> RecordingId:
    """That call, flagged and kept."""
    recording_id = door.keep(1)
    assert command("incident", "flag", CALL, "--kind", "threat", "--as", AGENT).code == 0
    assert door.run(HEAD, "incident", "assess", CALL, "--keep", "--reason", "dreigde").code == 0
    return recording_id


def opened(path: Path) -> dict[str, bytes]:
    with pyzipper.AESZipFile(path) as package:
        package.setpassword(SECRET.encode())
        return {name: package.read(name) for name in package.namelist()}


def heard_hz(wav: bytes) -> list[float]:
    """Return the tone of each channel."""
    sound, _ = soundfile.read(io.BytesIO(wav))
    loudest = np.abs(np.fft.rfft(sound, axis=0)).argmax(axis=0)
    return [float(bin_ * RATE_HZ / len(sound)) for bin_ in loudest]


def test_from_asking_to_closing_the_police_get_the_call_and_the_ledger_its_digest(
    door: Doorstep, recording: RecordingId, tmp_path: Path
) -> None:
    target = tmp_path / "handover.zip"
    asked = door.run(HEAD, *NEW)
    assert asked.code == 0
    assert "We delen geen persoonsgegevens met andere partijen." in asked.err
    package = ("handover", "package", 1, "--to", target, "--zip-passphrase-fd", "{}")
    one_error(door.run(HEAD, *package, extra=[SECRET]), 8, "waits for its second person, po-lee", "E8")
    one_error(door.run(HEAD, "handover", "approve", 1), 5, "waits for the word of po-lee")
    assert door.run(OFFICER, "handover", "approve", 1).code == 0
    made = door.run(HEAD, *package, extra=[SECRET])
    assert (made.code, made.out.strip()) == (0, str(target))
    files = opened(target)
    assert heard_hz(files["recording.wav"]) == pytest.approx([CALLER_HZ, AGENT_HZ], abs=1)
    manifest = json.loads(files["manifest.json"])
    assert manifest["files"]["recording.wav"]["sha256"] == hashlib.sha256(files["recording.wav"]).hexdigest()
    assert [step["step"] for step in manifest["handover"]["steps"]] == ["asked", "approved", "packaged"]
    (ended,) = door.told("access_ended")
    assert hashlib.sha256(target.read_bytes()).hexdigest() in json.dumps(ended.to_json())
    close = ("handover", "close", 1, "--how", "aan de balie")
    assert door.run(HEAD, *close).code == 2
    assert door.run(HEAD, *close, "--handed-over").code == 0
    late = ("handover", "package", 1, "--to", tmp_path / "late.zip", "--zip-passphrase-fd", "{}")
    one_error(door.run(HEAD, *late, extra=[SECRET]), 8, "is closed (handed_over)")
    assert not (tmp_path / "late.zip").exists()


def test_what_cannot_be_packaged_leaves_nothing_and_can_be_made_anew(
    door: Doorstep, recording: RecordingId, tmp_path: Path
) -> None:
    assert door.run(HEAD, *NEW).code == 0
    assert door.run(OFFICER, "handover", "approve", 1).code == 0
    sealed = Path(door.stage.archive.vault.place(recording))
    whole = sealed.read_bytes()
    sealed.chmod(0o600)
    sealed.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    target = tmp_path / "handover.zip"
    package = ("handover", "package", 1, "--to", target, "--zip-passphrase-fd", "{}")
    one_error(door.run(HEAD, *package, extra=[SECRET]), 6)
    assert list(tmp_path.glob("*handover.zip*")) == []
    one_error(
        door.run(HEAD, "handover", "close", 1, "--handed-over", "--how", "x"), 8, "nothing was packaged"
    )
    sealed.write_bytes(whole)
    assert door.run(HEAD, *package, extra=[SECRET]).code == 0
    one_error(door.run(HEAD, *package, extra=[SECRET]), 8, "must not be there")
    assert door.run(HEAD, "handover", "package", 1, "--to", tmp_path / "folder").code == 2


def test_who_has_no_say_is_refused_with_the_rule(door: Doorstep, recording: RecordingId) -> None:
    for person in (AGENT, COACH, OFFICER):
        ended = door.run(person, *NEW)
        assert ended.code in (5, 13)
        assert ended.err.startswith("Error: gemeente Eindhoven ")
    one_error(door.run(HEAD, *NEW, "--recording", recording, passphrase="niet die"), 12)


def test_an_order_for_data_opens_no_sound(door: Doorstep, recording: RecordingId, tmp_path: Path) -> None:
    ordered = (
        *("order", "register", recording, "--authority", "OvJ", "--reference", "OM-1"),
        *("--legal-basis", "Sv art. 126nd", "--content", "data", "--answer-by", "2026-12-01"),
    )
    one_error(door.run(HEAD, *ordered), 5, "a compulsory order is handled by the privacy officer")
    assert door.run(OFFICER, *ordered).code == 0
    deviation = ("--finding", "machtiging", "--approved-by", "college", "--approved-on", "2026-11-21")
    deviate = ("order", "deviate", 1, *deviation, "--until")
    one_error(door.run(OFFICER, *deviate, "morgen"), 1, "until: must be a moment")
    assert door.run(OFFICER, *deviate, "2026-12-01").code == 0
    assert door.run(HEAD, "order", "confirm", 1).code == 0
    target = tmp_path / "order.zip"
    made = ("order", "package", 1, "--to", target, "--zip-passphrase-fd", "{}")
    assert door.run(OFFICER, *made, extra=[SECRET]).code == 0
    files = opened(target)
    assert set(files) == {"data.json", "manifest.json"}
    assert json.loads(files["data.json"])["call"]["call_id"] == CALL
