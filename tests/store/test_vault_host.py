"""A vault host that goes, hangs, lies or says something else: nothing is believed, and nobody waits long."""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from policy.errors import ConsentlineError, DestructionIncomplete, IntegrityError, Unavailable
from policy.vocabulary import ErasedBecause, RecordingState
from store.files import vault_host, vault_serve
from store.files.archive import Archive
from store.files.vault_folder import VaultFolder
from store.files.vault_host import VaultHost
from store.keyring import envelopes
from store.proof import verification
from store.records import sealing
from store.retention import backup, destruction, part_erasure, sweep
from store.retention.destruction import Doom
from tests.store.scene import Scene
from tests.store.test_part_erasure import hand_in, must_be_erased
from tests.store.test_part_erasure import run as erase_part
from tests.store.test_vault import ID, KEY, SALT, write
from tests.store.vaults import made, served

pytestmark = pytest.mark.exhaustive


@pytest.fixture
def folder(tmp_path: Path) -> VaultFolder:
    """What the vault host has."""
    return made(tmp_path / "there")


@pytest.fixture
def host(folder: VaultFolder) -> Iterator[VaultHost]:
    """The vault host, kept up by nobody but the test."""
    vault = VaultHost(served(folder.folder), kept_up=True)
    yield vault
    vault.close()


@pytest.fixture
def far(stage: Scene, host: VaultHost) -> Archive:
    """An archive whose sealed files are there."""
    host.keep_up()
    return replace(stage.archive, vault=host)


def go_away(host: VaultHost, number: signal.Signals = signal.SIGKILL) -> None:
    """End, or freeze, the process that answers."""
    assert host._link is not None
    os.kill(host._link._process.pid, number)


def test_nobody_but_who_keeps_it_up_waits_for_a_connection(host: VaultHost) -> None:
    with pytest.raises(Unavailable, match="not connected yet"):
        host.absent(ID)
    assert host.room_bytes() is None
    host.keep_up()
    assert host.absent(ID)
    assert host.room_bytes()


def test_a_host_that_goes_is_away_for_everybody_until_it_is_looked_at_again(host: VaultHost) -> None:
    host.keep_up()
    go_away(host)
    for _ in range(3):
        with pytest.raises(Unavailable, match="vault host: .* went"):
            host.absent(ID)
    with pytest.raises(Unavailable, match="went"):
        host.open(ID)
    assert host.room_bytes() is None
    host.keep_up()
    assert host.absent(ID)


def test_a_host_that_hangs_is_waited_for_once(host: VaultHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault_host, "SHORT_S", 0.3)
    host.keep_up()
    go_away(host, signal.SIGSTOP)
    began_s = time.monotonic()
    for _ in range(50):
        with pytest.raises(Unavailable, match="said nothing for 0.3 s"):
            host.absent(ID)
    assert time.monotonic() - began_s < 2.0


def test_what_the_other_disk_returns_is_compared_with_what_was_sealed(
    host: VaultHost, folder: VaultFolder
) -> None:
    host.keep_up()

    def spoil(step: str) -> None:
        if step == "name the container":
            (path,) = folder.folder.glob("*/.*.tmp")
            content = bytearray(path.read_bytes())
            content[500] ^= 1
            path.write_bytes(content)

    with pytest.raises(IntegrityError, match="the vault host read"):
        host.write(ID, io.BytesIO(b"audio" * 1000), key=KEY, salt=SALT, step=spoil)


def test_a_write_that_is_given_up_ends_at_once_and_leaves_nothing_that_could_get_a_name(
    host: VaultHost, folder: VaultFolder
) -> None:
    host.keep_up()
    asked = iter([False])

    def freeze(step: str) -> None:
        if step == "push the container":
            os.kill(_youngest_child(), signal.SIGSTOP)

    with pytest.raises(Unavailable, match="given up"):
        host.write(
            *(ID, io.BytesIO(os.urandom(4_000_000))),  # noqa: TID251 - more than a pipe holds
            key=KEY,
            salt=SALT,
            step=freeze,
            abandoned=lambda: next(asked, True),
        )
    host.unlink(ID)
    assert folder.absent(ID)


def _youngest_child() -> int:
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return max(map(int, children))


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ("print('Welcome to store.example', flush=True); input()", "must answer with ok or no"),
        ("raise SystemExit('Permission denied (publickey).')", "went: Permission denied"),
        ("print('ok something-else/9', flush=True); input()", "must greet with"),
        ("print('x' * 100_000, flush=True); input()", "no answer"),
    ],
)
def test_something_else_at_the_other_end_is_told_in_one_line(says: str, expected: str) -> None:
    vault = VaultHost((sys.executable, "-c", says))
    with pytest.raises(Unavailable, match=expected) as raised:
        vault.must_be_there()
    assert "\n" not in raised.value.text
    vault.close()


def test_a_command_that_is_not_there_is_told() -> None:
    with pytest.raises(Unavailable, match="no-such-program: cannot be started"):
        VaultHost(("no-such-program",)).must_be_there()


@pytest.mark.parametrize(
    "said",
    [b"rm -rf\n", b"hello\n", b"fill\n", b"stamps x\n", b"stamps 1\n", b"x" * 5000, b"\n", b"\xff\xfe\n"],
)
def test_what_nobody_of_ours_says_ends_the_conversation_and_changes_nothing(
    folder: VaultFolder, said: bytes
) -> None:
    before = sorted(folder.folder.rglob("*"))
    with pytest.raises(ConsentlineError):
        vault_serve.serve(folder, io.BytesIO(said), io.BytesIO())
    assert sorted(folder.folder.rglob("*")) == before


def test_a_file_that_breaks_off_gets_no_name(folder: VaultFolder) -> None:
    with pytest.raises(ConsentlineError, match="in the middle of a file"):
        vault_serve.serve(folder, io.BytesIO(f"fill {ID} 1000\nhalf".encode()), io.BytesIO())
    assert not folder.path(ID).exists()


# ---------------------------------------------------------------- a recording there


def seal(far: Archive, stage: Scene, number: int) -> None:
    """Seal a captured recording there, in the three parts in which the daemon does."""
    recording_id = stage.capture(number)
    begun = sealing.begin(far, recording_id)
    assert begun is not None
    written = sealing.write(far.vault, begun, stage.flac(number))
    sealing.commit(far, begun, written)
    far.plaintext.unlink(recording_id)


def test_only_sealed_bytes_go_there_and_the_key_goes_on_time_while_it_is_away(
    far: Archive, stage: Scene, host: VaultHost, folder: VaultFolder
) -> None:
    seal(far, stage, 1)
    there = folder.path(ID).read_bytes()
    assert stage.vault.absent(ID)
    go_away(host)
    doom = Doom(recording_id=ID, because=ErasedBecause.REQUEST)
    for _ in range(2):  # each purge tries again
        with pytest.raises(DestructionIncomplete, match="cannot be removed: vault host"):
            destruction.destroy(far, doom)
    assert envelopes.of_recording(far.db, ID) == ()
    assert stage.state(ID) is RecordingState.PURGING
    assert folder.path(ID).read_bytes() == there
    assert _told(stage, "destroyed") == 0
    host.keep_up()
    receipt = destruction.destroy(far, doom)
    assert receipt is not None
    assert receipt.removed == ("key", "sealed file")
    assert folder.absent(ID)
    assert _told(stage, "destroyed") == 1


def test_a_recording_that_never_was_sealed_is_destroyed_while_the_host_is_away(
    far: Archive, stage: Scene, host: VaultHost
) -> None:
    recording_id = stage.begin(1)
    go_away(host)
    receipt = destruction.destroy(far, Doom(recording_id=recording_id, because=ErasedBecause.WITHDRAWN))
    assert receipt is not None


def test_what_is_taken_back_while_it_is_pushed_is_not_sealed_and_not_left_there(
    far: Archive, stage: Scene, folder: VaultFolder
) -> None:
    recording_id = stage.capture(1)
    begun = sealing.begin(far, recording_id)
    assert begun is not None
    written = sealing.write(far.vault, begun, stage.flac(1))
    destruction.destroy(stage.archive, Doom(recording_id=recording_id, because=ErasedBecause.WITHDRAWN))
    with pytest.raises(ConsentlineError, match="withdrawn by now"):
        sealing.commit(far, begun, written)
    assert folder.absent(recording_id)


@pytest.mark.exhaustive
def test_a_sweep_in_between_costs_another_try_and_no_recording(far: Archive, stage: Scene) -> None:
    recording_id = stage.capture(1)
    begun = sealing.begin(far, recording_id)
    assert begun is not None
    written = sealing.write(far.vault, begun, stage.flac(1))
    sweep.run(far)
    with pytest.raises(Unavailable, match="not in the vault any more"):
        sealing.commit(far, begun, written)
    sealing.seal(far, recording_id, stage.flac(1))
    assert stage.state(recording_id) is RecordingState.SEALED


@pytest.mark.exhaustive
def test_verify_accounts_for_what_is_there_and_says_when_it_could_not_look(
    far: Archive, stage: Scene, host: VaultHost, folder: VaultFolder
) -> None:
    seal(far, stage, 1)
    assert verification.verify(far.db, vault=host).report.holds
    go_away(host)
    verified = verification.verify(far.db, vault=host)
    assert verified.report.holds
    assert verified.unseen is not None
    assert "went" in verified.unseen
    folder.unlink(ID)
    host.keep_up()
    (found,) = verification.verify(far.db, vault=host).report.breaks
    assert "its file is not in the vault" in found.text


@pytest.mark.exhaustive
def test_a_part_is_erased_there_and_finished_when_it_went_in_the_middle(
    far: Archive, stage: Scene, host: VaultHost
) -> None:
    there = replace(stage, archive=far)
    recording_id = there.keep(1)
    part = hand_in(there, recording_id)

    def goes(step: str) -> None:
        if step == "put the new file in its place":
            go_away(host)

    with pytest.raises(Unavailable, match="went"):
        erase_part(there, part, step=goes)
    for look in (lambda: part_erasure.finish(far), lambda: there.hear(recording_id)):
        with pytest.raises(Unavailable):
            look()
    host.keep_up()
    assert part_erasure.finish(far) == 1
    must_be_erased(there, recording_id)


@pytest.mark.exhaustive
def test_a_backup_fetches_from_there_what_may_be_copied(
    far: Archive, stage: Scene, host: VaultHost, folder: VaultFolder, tmp_path: Path
) -> None:
    seal(far, stage, 1)
    copy = backup.Backup(folder=tmp_path / "backup")
    copy.prepare()
    size_bytes = folder.path(ID).stat().st_size
    assert copy.copy_sealed(host, [ID]) == (1, size_bytes)
    assert copy.vault.path(ID).read_bytes() == folder.path(ID).read_bytes()
    assert copy.outdated(host) == frozenset()
    write(folder, ID, b"another by now")
    assert copy.outdated(host) == {ID}


def _told(stage: Scene, kind: str) -> int:
    return int(stage.db.rows("SELECT count(*) AS n FROM ledger WHERE kind = ?", (kind,))[0]["n"])
