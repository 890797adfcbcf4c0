"""The vault, in a folder and on a vault host: complete and durable under a name, or not there at all (I2)."""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from policy.errors import ConsentlineError, IntegrityError, NotFound, Unavailable
from policy.vocabulary import RecordingId
from store.files import container
from store.files.vault import Stamp, Vault
from store.files.vault_folder import VaultFolder
from store.files.vault_host import VaultHost
from tests.store.scene import recording_named
from tests.store.vaults import made, served

ID, OTHER = recording_named(1), recording_named(2)
KEY, SALT = bytes(range(32)), bytes(range(24))
PLAINTEXT = b"audio" * 200_000


@dataclass(frozen=True, slots=True)
class Case:
    """One vault, however it is reached, and the folder in which its files lie in the end.

    Attributes:
        vault: As its users have it.
        folder: Where its files lie.
    """

    vault: Vault
    folder: VaultFolder


@pytest.fixture(params=["folder", "host"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    """Each of the two kinds."""
    folder = made(tmp_path / "vault")
    vault: Vault = folder if request.param == "folder" else VaultHost(served(folder.folder))
    yield Case(vault, folder)
    vault.close()


def write(vault: Vault, recording_id: RecordingId = ID, plaintext: bytes = PLAINTEXT) -> None:
    """Seal something."""
    vault.write(recording_id, io.BytesIO(plaintext), key=KEY, salt=SALT)


# ---------------------------------------------------------------- both


def test_what_was_written_is_read_again_and_said_to_be_so(case: Case) -> None:
    vault, folder = case.vault, case.folder
    written = vault.write(ID, io.BytesIO(PLAINTEXT), key=KEY, salt=SALT)
    assert written.sha256 == vault.sha256(ID) == folder.sha256(ID)
    assert written.size_bytes == folder.path(ID).stat().st_size
    with vault.open(ID) as file:
        opened = container.open_stream(file, KEY, container.recording_context(ID))
        assert b"".join(opened) == PLAINTEXT
    write(vault, OTHER, b"short")
    assert list(vault.ids()) == sorted([ID, OTHER])
    assert (vault.leftovers(), vault.staged()) == ((), ())
    assert vault.stamps([ID, recording_named(3)]) == {ID: Stamp.of(folder.path(ID).stat())}
    room_bytes = vault.room_bytes()
    assert room_bytes is None or room_bytes > 0


def test_removing_is_repeatable_and_takes_an_unfinished_file_along(case: Case) -> None:
    vault, folder = case.vault, case.folder
    write(vault)
    folder.path(ID).with_name(f".{ID}.tmp").write_bytes(b"half")
    assert vault.leftovers() == (ID,)
    assert not vault.absent(ID)
    assert vault.unlink(ID)
    assert not vault.unlink(ID)
    assert vault.absent(ID)
    assert list(folder.path(ID).parent.iterdir()) == []
    for look in (lambda: vault.open(ID), lambda: vault.sha256(ID)):
        with pytest.raises(NotFound):
            look()


def test_a_file_that_was_handed_in_takes_the_place_of_a_recordings_once_it_is_put_there(case: Case) -> None:
    vault, folder = case.vault, case.folder
    write(vault)
    write(folder, OTHER)
    new = folder.path(OTHER).read_bytes()
    folder.unlink(OTHER)
    with pytest.raises(NotFound, match="nothing was handed in"):
        vault.check_staged(ID)
    with vault.stage(ID) as target:
        target.write(new[:100])
        target.write(new[100:])
    assert vault.staged() == (ID,)
    assert vault.check_staged(ID).size_bytes == len(new)
    assert folder.path(ID).read_bytes() != new
    for _ in range(2):  # again, after a crash
        vault.put_staged(ID)
        assert folder.path(ID).read_bytes() == new
    assert vault.staged() == ()


def test_what_is_no_whole_container_is_refused_and_dropped(case: Case) -> None:
    with case.vault.stage(ID) as target:
        target.write(b"x" * 10)
    with pytest.raises(IntegrityError, match="no whole sealed file"):
        case.vault.check_staged(ID)
    for _ in range(2):
        case.vault.drop_staged(ID)
    assert case.vault.staged() == ()
    assert case.vault.absent(ID)


def test_a_write_that_fails_leaves_nothing(case: Case) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        case.vault.write(ID, Failing(), key=KEY, salt=SALT)
    assert case.vault.absent(ID)


def test_what_cannot_be_removed_is_an_error_and_not_absent(case: Case) -> None:
    path = case.folder.path(ID)
    path.mkdir(parents=True)
    with pytest.raises(OSError, match="[Ii]s a directory|Operation not permitted"):
        case.vault.unlink(ID)
    assert not case.vault.absent(ID)


def test_a_vault_whose_disk_is_not_mounted_is_not_believed_to_be_empty(case: Case) -> None:
    vault, marker = case.vault, case.folder.folder / ".consentline-vault"
    marker.unlink()
    for look in (
        lambda: vault.absent(ID),
        lambda: vault.unlink(ID) if vault.elsewhere else vault.must_be_there(),
        lambda: list(vault.ids()),
        lambda: vault.stamps([ID]),
        lambda: write(vault),
        lambda: vault.prepare(holds_some=True),
    ):
        with pytest.raises(Unavailable, match="must be the vault"):
            look()
    marker.touch()
    vault.prepare(holds_some=True)
    assert vault.absent(ID)


@pytest.mark.parametrize("name", ["../../etc/passwd", "A" * 32, "0" * 33, "0" * 31 + "/"])
def test_a_name_of_another_shape_never_reaches_the_file_system(case: Case, name: str) -> None:
    before = sorted(case.folder.folder.rglob("*"))
    for ask in (case.vault.unlink, case.vault.open, case.vault.put_staged):
        with pytest.raises((ValueError, ConsentlineError), match="no recording id"):
            ask(RecordingId(name))
    assert sorted(case.folder.folder.rglob("*")) == before


# ---------------------------------------------------------------- a folder of this machine


def test_nobody_else_may_look(tmp_path: Path) -> None:
    vault = made(tmp_path / "vault")
    write(vault)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (vault.folder, vault.path(ID).parent)}
    assert modes == {0o700}
    assert stat.S_IMODE(vault.path(ID).stat().st_mode) == 0o600


def test_an_empty_place_is_made_a_vault_only_where_nothing_is_missing(tmp_path: Path) -> None:
    bare = VaultFolder(folder=tmp_path / "mountpoint")
    bare.folder.mkdir()
    with pytest.raises(Unavailable, match="must be the vault"):
        bare.prepare(holds_some=True)
    bare.prepare(holds_some=False)
    bare.prepare(holds_some=True)


def test_a_file_that_was_removed_cannot_be_given_its_name_by_who_wrote_it(tmp_path: Path) -> None:
    vault = made(tmp_path / "vault")
    vault.fill(ID, lambda target: target.write(b"sealed"))
    assert vault.unlink(ID)
    with pytest.raises(FileNotFoundError):
        vault.name(ID)
    assert vault.absent(ID)
