"""The vault: complete and durable under a name, or not there at all (I2)."""

from __future__ import annotations

import io
import stat
from pathlib import Path

import pytest

from policy.errors import NotFound, Unavailable
from policy.vocabulary import RecordingId
from store.files import container
from store.files.vault import Vault
from tests.store.scene import recording_named

ID = recording_named(1)
KEY, SALT = bytes(range(32)), bytes(range(24))


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    made = Vault(folder=tmp_path / "vault")
    made.prepare(holds_some=False)
    return made


def test_what_was_written_is_read_again_and_said_to_be_so(vault: Vault) -> None:
    plaintext = b"audio" * 10_000
    written = vault.write(ID, io.BytesIO(plaintext), key=KEY, salt=SALT)
    assert written.sha256 == vault.sha256(ID)
    assert written.size_bytes == vault.path(ID).stat().st_size
    with vault.open(ID) as file:
        opened = container.open_stream(file, KEY, container.recording_context(ID))
        assert b"".join(opened) == plaintext
    assert list(vault.ids()) == [ID]
    assert vault.leftovers() == ()


def test_nobody_else_may_look(vault: Vault) -> None:
    vault.write(ID, io.BytesIO(b"audio"), key=KEY, salt=SALT)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (vault.folder, vault.path(ID).parent)}
    assert modes == {0o700}
    assert stat.S_IMODE(vault.path(ID).stat().st_mode) == 0o600


def test_removing_is_repeatable_and_takes_an_unfinished_file_along(vault: Vault) -> None:
    vault.write(ID, io.BytesIO(b"audio"), key=KEY, salt=SALT)
    vault.path(ID).with_name(f".{ID}.tmp").write_bytes(b"half")
    assert vault.leftovers() == (ID,)
    assert vault.unlink(ID)
    assert not vault.unlink(ID)
    assert vault.absent(ID)
    with pytest.raises(NotFound):
        vault.open(ID)


def test_a_write_that_fails_leaves_nothing(vault: Vault) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        vault.write(ID, Failing(), key=KEY, salt=SALT)
    assert vault.absent(ID)


@pytest.mark.parametrize(
    "name", ["", "../../etc/passwd", "A" * 32, "0" * 33, "0" * 31 + "\n", "0" * 32 + "/"]
)
def test_a_name_of_another_shape_never_reaches_the_file_system(vault: Vault, name: str) -> None:
    with pytest.raises(ValueError, match="no recording id"):
        vault.path(RecordingId(name))


def test_a_vault_whose_disk_is_not_mounted_is_not_believed_to_be_empty(tmp_path: Path) -> None:
    bare = Vault(folder=tmp_path / "mountpoint")
    bare.folder.mkdir()
    for look in (lambda: bare.absent(ID), lambda: list(bare.ids()), lambda: bare.prepare(holds_some=True)):
        with pytest.raises(Unavailable, match="must be the vault"):
            look()
    bare.prepare(holds_some=False)
    bare.prepare(holds_some=True)
    assert bare.absent(ID)
