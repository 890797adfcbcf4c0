"""A backup holds what the policies allow and forgets what was erased; restored, it opens nothing erased."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

import pytest

from commands.doctor.backups import backup_checks
from commands.doctor.diagnosis import Verdict
from policy.config import load_config
from policy.load import load_policies
from policy.vocabulary import ErasedBecause, RecordingId, WithdrawnBy
from store.files import backup_mark, mirror
from store.files.epochs import EpochKeyGone
from store.retention import destruction, purge
from store.retention.destruction import Doom
from tests.commands.conftest import CommandLine, one_error
from tests.store.scene import STARTED_AT, Scene, scene, voice

pytestmark = pytest.mark.exhaustive  # takes seconds: with make test


@pytest.fixture
def allowing(config_file: Path, tmp_path: Path) -> Path:
    """The installation's folder, its policy allowing backups, its config file naming both places."""
    policy = config_file.parent / "policies" / "eindhoven.toml"
    policy.write_text(policy.read_text().replace('[backups]\nmode = "none"', '[backups]\nmode = "vault"'))
    there = tmp_path / "second"
    (there / "epochs").mkdir(mode=0o700, parents=True)
    (there / "epochs" / mirror.MARKER).touch()
    with config_file.open("a") as file:
        file.write(f'\n[backup]\nfolder = "{there}/copy"\nepochs_mirror = "{there}/epochs"\n')
    return config_file.parent


@pytest.fixture
def stage(allowing: Path) -> Iterator[Scene]:
    with scene(allowing, policies=allowing / "policies") as opened:
        yield opened


def _follow(stage: Scene, second: Path) -> None:
    there = type(stage.archive.epochs)(path=second / "epochs", randomness=stage.archive.randomness)
    mirror.follow(stage.archive.epochs, there)


def _withdraw(stage: Scene, recording_id: RecordingId) -> None:
    doom = Doom(recording_id=recording_id, because=ErasedBecause.WITHDRAWN, by=WithdrawnBy.OPERATOR)
    destruction.destroy(stage.archive, doom)


def _copied(copy: Path) -> set[str]:
    return {path.stem for path in copy.glob("vault/*/*.sealed")}


def test_a_backup_is_brought_up_to_date_and_keeps_nothing_that_is_gone(
    stage: Scene, command: CommandLine, tmp_path: Path
) -> None:
    one, two = stage.keep(1), stage.keep(2)
    copy = tmp_path / "second" / "copy"
    planned = json.loads(command("backup", "--dry-run", "--json").out)
    assert [(row["done"], row["count"]) for row in planned] == [
        ("to remove", 0),
        ("to copy", 2),
        ("kept out", 0),
    ]
    assert not copy.exists()
    assert command("backup").code == 0
    assert _copied(copy) == {one, two}
    for recording_id in (one, two):
        kept = stage.vault.path(recording_id).read_bytes()
        assert (copy / "vault" / recording_id[:2] / f"{recording_id}.sealed").read_bytes() == kept
    _withdraw(stage, one)
    rows = json.loads(command("backup", "--json").out)
    assert {"what": "recordings", "done": "removed", "count": 1, "bytes": None} in rows
    assert _copied(copy) == {two}
    assert (copy / "consentline.db").read_bytes()[:6] == b"SQLite"
    names = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()}
    assert {"files/consentline.toml", "files/policies/eindhoven.toml"} <= names
    assert not any(path.stat().st_mode & 0o077 for path in copy.rglob("*") if path.is_file())


def test_a_recording_of_which_a_part_was_erased_is_copied_anew(
    stage: Scene, command: CommandLine, allowing: Path, tmp_path: Path
) -> None:
    recording_id = stage.keep(1)
    copied = tmp_path / "second" / "copy" / "vault" / recording_id[:2] / f"{recording_id}.sealed"
    assert command("backup").code == 0
    before = copied.read_bytes()
    resealed = stage.vault.path(recording_id)
    resealed.write_bytes(bytes(len(before)))  # as long as before, and of another time
    assert _verdicts(allowing, etc=tmp_path)["backup: obeys"][0] is Verdict.PROBLEM
    assert command("backup").code == 0
    assert copied.read_bytes() == bytes(len(before))
    assert _verdicts(allowing, etc=tmp_path)["backup: obeys"][0] is Verdict.OK


def test_neither_an_epoch_key_nor_plaintext_is_in_a_backup(
    stage: Scene, command: CommandLine, tmp_path: Path
) -> None:
    stage.keep(1)
    stage.capture(2)
    assert command("backup").code == 0
    everything = b"".join(
        path.read_bytes() for path in (tmp_path / "second" / "copy").rglob("*") if path.is_file()
    )
    for name in stage.archive.epochs.names():
        assert stage.archive.epochs.load(name).secret not in everything
    for number in (1, 2):
        assert voice(number) not in everything


def test_n4_under_none_no_recording_is_in_a_backup_and_one_that_was_goes(
    stage: Scene, command: CommandLine, config_file: Path, tmp_path: Path
) -> None:
    stage.keep(1)
    copy = tmp_path / "second" / "copy"
    command("backup")
    assert len(_copied(copy)) == 1
    policy = config_file.parent / "policies" / "eindhoven.toml"
    policy.write_text(policy.read_text().replace('mode = "vault"', 'mode = "none"'))
    ended = command("backup")
    assert ended.code == 0
    assert _copied(copy) == set()
    assert "1 recordings are in no backup, as their policies say" in ended.err


def test_a_policy_that_allows_it_now_does_not_allow_it_for_recordings_promised_otherwise(
    config_file: Path, command: CommandLine, tmp_path: Path
) -> None:
    home = config_file.parent
    with scene(home, policies=home / "policies") as stage:
        stage.keep(1)
        policy = home / "policies" / "eindhoven.toml"
        policy.write_text(policy.read_text().replace('[backups]\nmode = "none"', '[backups]\nmode = "vault"'))
        assert command("backup", "--to", tmp_path / "copy").code == 0
    assert _copied(tmp_path / "copy") == set()


def test_what_a_restored_backup_opens(stage: Scene, command: CommandLine, tmp_path: Path) -> None:
    """Of a backup from before a withdrawal and a purge, with the mirror of today."""
    withdrawn, due = stage.keep(1), stage.keep(2, started_at=STARTED_AT - timedelta(days=5))
    kept = stage.keep(3, started_at=STARTED_AT + timedelta(days=5))
    second = tmp_path / "second"
    _follow(stage, second)
    assert command("backup").code == 0
    shutil.copytree(second / "copy", tmp_path / "old copy")

    with _restored(tmp_path / "old copy", second / "epochs", tmp_path / "at once", stage) as restored:
        assert [restored.hear(one) for one in (withdrawn, due, kept)] == [voice(1), voice(2), voice(3)]

    _withdraw(stage, withdrawn)
    stage.clock.advance(timedelta(days=56))
    assert due in purge.run(stage.archive, stage.guard).receipts
    _follow(stage, second)

    with _restored(tmp_path / "old copy", second / "epochs", tmp_path / "later", stage) as restored:
        for gone in (withdrawn, due):
            with pytest.raises(EpochKeyGone, match="was destroyed"):
                restored.hear(gone)
        assert restored.hear(kept) == voice(3)


def _restored(copy: Path, epochs: Path, home: Path, stage: Scene) -> AbstractContextManager[Scene]:
    """Restore as docs/backups.md says."""
    home.mkdir()
    shutil.copy(copy / "consentline.db", home / "consentline.db")
    shutil.copytree(copy / "vault", home / "vault")
    shutil.copytree(epochs, home / "epochs")
    return scene(home, clock=stage.clock, start=7, policies=stage.spool.parent / "policies")


def test_tar_that_skips_caches_takes_neither_a_key_nor_a_sealed_file(stage: Scene, tmp_path: Path) -> None:
    recording_id = stage.keep(1)
    home = stage.spool.parent
    subprocess.run(["tar", "--exclude-caches", "-cf", tmp_path / "all.tar", "-C", home, "."], check=True)
    listed = subprocess.run(["tar", "-tf", tmp_path / "all.tar"], check=True, capture_output=True, text=True)
    assert "./consentline.db" in listed.stdout
    assert recording_id not in listed.stdout.replace("./spool/", "")
    assert ".key" not in listed.stdout


@pytest.mark.parametrize("place", ["", "vault/copy", "epochs", "spool/x"])
def test_a_backup_inside_what_it_copies_is_refused(
    stage: Scene, command: CommandLine, config_file: Path, place: str
) -> None:
    stage.keep(1)
    before = sorted(config_file.parent.rglob("*"))
    one_error(command("backup", "--to", config_file.parent / place), 3, "must lie apart from what is copied")
    assert sorted(config_file.parent.rglob("*")) == before


def test_a_folder_with_something_else_in_it_stays_as_it_is(
    stage: Scene, command: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("mine")
    one_error(command("backup", "--to", tmp_path / "mine"), 8, "must be empty or a backup of ours")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_without_a_folder_anywhere_it_is_a_usage_error(command: CommandLine) -> None:
    assert command("backup").code == 2


def _verdicts(home: Path, *, etc: Path) -> dict[str, tuple[Verdict, str]]:
    config, policies = load_config(home / "consentline.toml"), load_policies(home / "policies")
    return {check.name: (check.verdict, check.found) for check in backup_checks(config, policies, etc=etc)}


def test_the_doctor_says_whether_copy_and_mirror_obey(
    stage: Scene, command: CommandLine, allowing: Path, tmp_path: Path
) -> None:
    recording_id = stage.keep(1)
    second = tmp_path / "second"
    found = _verdicts(allowing, etc=tmp_path)
    assert found["backup"][0] is Verdict.PROBLEM
    assert found["epoch keys: mirror: in step"][0] is Verdict.NOTE
    assert found["epoch keys: mirror: apart"][0] is Verdict.PROBLEM
    assert found["backups eindhoven"][0] is Verdict.OK
    _follow(stage, second)
    command("backup")
    found = _verdicts(allowing, etc=tmp_path)
    assert found["epoch keys: mirror: in step"][0] is Verdict.OK
    assert found["backup: obeys"][0] is Verdict.OK
    _withdraw(stage, recording_id)
    found = _verdicts(allowing, etc=tmp_path)
    assert found["epoch keys: mirror: obeys"] == (
        Verdict.PROBLEM,
        "1 keys were destroyed here and are still there",
    )
    assert found["backup: obeys"][0] is Verdict.PROBLEM


def test_the_doctor_misses_the_mirror_where_a_policy_needs_it(
    stage: Scene, config_file: Path, tmp_path: Path
) -> None:
    text = config_file.read_text()
    config_file.write_text(text[: text.index("[backup]")])
    verdict, found = _verdicts(config_file.parent, etc=tmp_path)["backups eindhoven"]
    assert (verdict, "a lost disk loses every recording" in found) == (Verdict.PROBLEM, True)


def test_the_doctor_misses_a_mark(stage: Scene, allowing: Path, tmp_path: Path) -> None:
    assert _verdicts(allowing, etc=tmp_path)["backup mark: epochs"][0] is Verdict.OK
    (allowing / "epochs" / backup_mark.NAME).unlink()
    assert _verdicts(allowing, etc=tmp_path)["backup mark: epochs"][0] is Verdict.PROBLEM


@pytest.mark.parametrize(
    ("name", "line", "covers"),
    [
        ("rsnapshot.conf", "backup\t{home}/\tlocalhost/", True),
        ("rsnapshot.conf", "#backup\t{home}/\tlocalhost/", False),
        ("rsnapshot.conf", "backup\t{home}/\tlocalhost/\nexclude\tCACHEDIR.TAG", False),
        ("borgmatic/config.yaml", "source_directories:\n    - {home}", True),
        ("borgmatic/config.yaml", "exclude_caches: true\nsource_directories:\n    - {home}", False),
        ("cron.daily/copy", "rsync -a {home} nas:/", True),
        ("cron.daily/copy", "rsync -a --exclude-from=/etc/skip {home}-not nas:/", False),
        ("cron.daily/other", "find {home} -name x", False),
    ],
)
@pytest.mark.usefixtures("stage")
def test_the_doctor_names_a_backup_program_that_takes_the_keys(
    allowing: Path, tmp_path: Path, name: str, line: str, covers: bool
) -> None:
    path = tmp_path / "etc" / name
    path.parent.mkdir(parents=True)
    path.write_text(line.format(home=allowing))
    verdict, found = _verdicts(allowing, etc=tmp_path / "etc")["backup programs"]
    assert (verdict is Verdict.NOTE) is covers, found
    assert ("takes" in found) is covers
