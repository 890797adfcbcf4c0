"""Epoch keys: made durably, found again, destroyed for good, and re-keyed across crashes."""

from __future__ import annotations

import itertools
import json
import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, assert_never

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.clock import SystemRandomness
from policy.errors import DestructionIncomplete
from policy.vocabulary import RecordingId
from store.files import epochs
from store.files.epochs import (
    CreateGeneration,
    DestroyKey,
    EmptyWriteAheadLog,
    Epoch,
    EpochFolder,
    EpochFolderExposed,
    EpochKey,
    EpochKeyDamaged,
    EpochKeyGone,
    EpochKeyName,
    EpochLength,
    EpochNameMalformed,
    MoveWraps,
    RekeyStep,
    Wrapped,
    WrapRefused,
)

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "vectors" / "epochs.json").read_text())
DUE_AT = datetime(2027, 1, 20, 13, 5, tzinfo=UTC)
DAY = epochs.epoch_of(DUE_AT, EpochLength.DAY)
HOUR = epochs.epoch_of(DUE_AT, EpochLength.HOUR)
FIRST = EpochKeyName("2027-01-20.1.key")
SECOND = EpochKeyName("2027-01-20.2.key")
THIRD = EpochKeyName("2027-01-20.3.key")


@pytest.fixture
def folder(tmp_path: Path) -> EpochFolder:
    made = EpochFolder(path=tmp_path / "vault" / "epochs", randomness=SystemRandomness())
    made.prepare()
    return made


# --- epochs and names --------------------------------------------------------------------


@given(
    due_at=st.datetimes(
        min_value=datetime(2020, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
        max_value=datetime(2200, 1, 1),  # noqa: DTZ001
        timezones=st.builds(timezone, st.timedeltas(timedelta(hours=-14), timedelta(hours=14))),
    ),
    length=st.sampled_from(EpochLength),
)
def test_an_epoch_holds_its_recordings_and_ends_after_the_last_is_due(
    due_at: datetime, length: EpochLength
) -> None:
    epoch = epochs.epoch_of(due_at, length)
    assert epoch.starts_at <= due_at < epoch.ends_at
    assert epochs.epoch_of_name(EpochKeyName(f"{epoch.label}.7.key")) == epoch


@pytest.mark.parametrize(
    "due_at, length, label",
    [
        (DUE_AT, EpochLength.DAY, "2027-01-20"),
        (DUE_AT, EpochLength.HOUR, "2027-01-20T13"),
        (datetime(2027, 1, 20, tzinfo=UTC), EpochLength.DAY, "2027-01-20"),
        (datetime(2027, 1, 20, 0, 30, tzinfo=timezone(timedelta(hours=1))), EpochLength.DAY, "2027-01-19"),
        (datetime(2027, 1, 20, 13, 59, 59, 999999, tzinfo=UTC), EpochLength.HOUR, "2027-01-20T13"),
    ],
)
def test_an_epoch_is_named_after_the_utc_day_or_hour_of_expiry(
    due_at: datetime, length: EpochLength, label: str
) -> None:
    assert epochs.epoch_of(due_at, length).label == label


def test_a_moment_without_a_zone_is_a_bug() -> None:
    with pytest.raises(ValueError, match="zone"):
        epochs.epoch_of(datetime(2027, 1, 20), EpochLength.DAY)  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize(
    "name",
    [
        "",
        "../2027-01-20.1.key",
        "/etc/passwd",
        "2027-01-20.1.key\n",
        "2027-01-20.1.key\x00",
        "2027-01-20.0.key",
        "2027-01-20.01.key",
        "2027-01-20.1.gone",
        "2027-02-30.1.key",
        "2027-01-20T24.1.key",
        "2027-01-20T1.1.key",
        "٢٠٢٧-01-20.1.key",
        "x" * 5000,
    ],
)
def test_a_name_of_another_shape_never_reaches_the_file_system(folder: EpochFolder, name: str) -> None:
    for act in (folder.load, folder.destroy, epochs.epoch_of_name):
        with pytest.raises(EpochNameMalformed) as caught:
            act(EpochKeyName(name))
        assert len(str(caught.value)) < 200
    assert list(folder.path.iterdir()) == []


# --- making and finding ------------------------------------------------------------------


def test_a_new_key_is_32_bytes_in_a_file_for_its_owner_only(folder: EpochFolder) -> None:
    key = folder.current(DAY)
    file = folder.path / FIRST
    assert key.name == FIRST
    assert file.read_bytes() == key.secret
    assert len(key.secret) == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert file.stat().st_nlink == 1
    assert [entry.name for entry in folder.path.iterdir()] == [FIRST], "nothing temporary is left"


def test_the_current_key_is_the_same_until_a_next_generation_is_made(folder: EpochFolder) -> None:
    first = folder.current(DAY)
    assert folder.current(DAY) == first == folder.load(FIRST)
    second = folder.next_generation(DAY)
    assert second.name == SECOND
    assert second.secret != first.secret
    assert folder.current(DAY) == second
    assert folder.load(FIRST) == first


def test_the_tenth_generation_comes_after_the_ninth(folder: EpochFolder) -> None:
    for _ in range(11):
        last = folder.next_generation(DAY)
    assert last.name == "2027-01-20.11.key"
    assert folder.current(DAY) == last
    assert folder.names()[-1] == last.name


def test_a_day_and_its_hours_are_different_epochs(folder: EpochFolder) -> None:
    made = {folder.current(epoch).name for epoch in (DAY, HOUR)}
    assert made == {"2027-01-20.1.key", "2027-01-20T13.1.key"}
    assert set(folder.names()) == made


def test_foreign_files_are_passed_over(folder: EpochFolder) -> None:
    for name in ("README", "2027-01-20.key", "2027-01-20.1.key.bak", "2027-01-20.x.key"):
        (folder.path / name).write_text("x")
    assert folder.names() == ()
    assert folder.current(DAY).name == FIRST


@pytest.mark.parametrize("length_bytes", [0, 31, 33, 100_000])
def test_a_key_file_of_another_length_is_damaged(folder: EpochFolder, length_bytes: int) -> None:
    (folder.path / FIRST).write_bytes(bytes(length_bytes))
    with pytest.raises(EpochKeyDamaged):
        folder.load(FIRST)
    with pytest.raises(EpochKeyDamaged):
        folder.current(DAY)


def test_a_key_that_a_second_owner_made_meanwhile_is_never_replaced(folder: EpochFolder) -> None:
    class RivalMeanwhile(SystemRandomness):
        def token(self, length_bytes: int) -> bytes:
            (folder.path / FIRST).write_bytes(b"r" * 32)
            return super().token(length_bytes)

    with pytest.raises(FileExistsError):
        EpochFolder(path=folder.path, randomness=RivalMeanwhile()).next_generation(DAY)
    assert folder.load(FIRST).secret == b"r" * 32
    assert [entry.name for entry in folder.path.iterdir()] == [FIRST]


def test_a_dump_of_a_key_does_not_show_it(folder: EpochFolder) -> None:
    assert repr(folder.current(DAY)) == f"EpochKey(name='{FIRST}')"


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701, 0o770])
def test_a_folder_that_others_may_enter_is_refused(folder: EpochFolder, mode: int) -> None:
    folder.path.chmod(mode)
    with pytest.raises(EpochFolderExposed, match=f"0{mode:o}") as caught:
        folder.prepare()
    assert caught.value.hint == f"chmod 700 {folder.path}"


def test_a_start_removes_what_a_crash_left_half_made(folder: EpochFolder) -> None:
    kept = folder.current(DAY)
    (folder.path / f".{SECOND}.0011223344556677.tmp").write_bytes(bytes(32))
    folder.prepare()
    assert [entry.name for entry in folder.path.iterdir()] == [FIRST]
    assert folder.current(DAY) == kept


# --- destruction -------------------------------------------------------------------------


def test_a_destroyed_key_is_gone_and_said_to_be_destroyed(folder: EpochFolder) -> None:
    folder.current(DAY)
    folder.destroy(FIRST)
    assert not (folder.path / FIRST).exists()
    assert folder.names() == ()
    with pytest.raises(EpochKeyGone) as caught:
        folder.load(FIRST)
    assert caught.value.destroyed
    assert caught.value.hint is None


def test_a_key_that_nobody_destroyed_is_told_apart(folder: EpochFolder) -> None:
    with pytest.raises(EpochKeyGone) as caught:
        folder.load(FIRST)
    assert not caught.value.destroyed
    assert caught.value.hint


def test_destroying_again_or_what_never_was_is_harmless(folder: EpochFolder) -> None:
    folder.current(DAY)
    for _ in range(2):
        folder.destroy(FIRST)
    folder.destroy(SECOND)
    assert folder.names() == ()


def test_the_bytes_are_overwritten_before_the_name_goes(folder: EpochFolder) -> None:
    folder.current(DAY)
    witness = folder.path.parent / "witness"
    witness.hardlink_to(folder.path / FIRST)
    folder.destroy(FIRST)
    assert witness.read_bytes() == bytes(32)


def test_a_destroyed_generation_is_never_given_out_again(folder: EpochFolder) -> None:
    destroyed = folder.current(DAY)
    folder.destroy(destroyed.name)
    fresh = folder.current(DAY)
    assert fresh.name == SECOND
    assert fresh.secret != destroyed.secret
    folder.destroy(FIRST)  # the old destruction, repeated after a crash
    assert folder.load(SECOND) == fresh


def test_a_destruction_cut_short_holds_and_is_finished_at_the_next_start(folder: EpochFolder) -> None:
    folder.current(DAY)
    (folder.path / "2027-01-20.1.gone").touch()  # as far as the crash let it come
    assert folder.names() == ()
    with pytest.raises(EpochKeyGone):
        folder.load(FIRST)
    assert folder.current(DAY).name == SECOND
    folder.prepare()
    assert not (folder.path / FIRST).exists()
    assert folder.names() == (SECOND,)


def test_a_destroyed_key_that_a_restore_brings_back_does_not_load(folder: EpochFolder) -> None:
    key = folder.current(DAY)
    folder.destroy(FIRST)
    (folder.path / FIRST).write_bytes(key.secret)
    with pytest.raises(EpochKeyGone):
        folder.load(FIRST)
    folder.prepare()
    assert not (folder.path / FIRST).exists()


def test_a_key_that_cannot_be_removed_is_reported_and_not_usable(folder: EpochFolder) -> None:
    (folder.path / FIRST).mkdir()  # a name that unlink refuses, even for root
    with pytest.raises(DestructionIncomplete, match=FIRST):
        folder.destroy(FIRST)
    with pytest.raises(EpochKeyGone):
        folder.load(FIRST)


def test_a_link_in_place_of_a_key_is_removed_and_its_target_left_alone(folder: EpochFolder) -> None:
    target = folder.path.parent / "target"
    target.write_bytes(b"t" * 32)
    (folder.path / FIRST).symlink_to(target)
    folder.destroy(FIRST)
    assert target.read_bytes() == b"t" * 32
    assert not (folder.path / FIRST).is_symlink()


# --- wraps -------------------------------------------------------------------------------


@given(envelope=st.binary(max_size=2000), aad=st.binary(max_size=80))
def test_whatever_is_wrapped_unwraps_to_the_same_bytes(envelope: bytes, aad: bytes) -> None:
    folder = EpochFolder(path=Path("never-touched"), randomness=SystemRandomness())
    key = EpochKey(name=FIRST, secret=bytes(range(32)))
    wrapped = folder.wrap(key, envelope, aad)
    assert len(wrapped) == len(envelope) + epochs.WRAP_OVERHEAD_BYTES
    assert folder.unwrap(key, wrapped, aad) == envelope


def test_the_known_wrap_unwraps_to_the_known_envelope(folder: EpochFolder) -> None:
    key = EpochKey(name=EpochKeyName(VECTORS["name"]), secret=bytes.fromhex(VECTORS["secret"]))
    wrapped, aad = bytes.fromhex(VECTORS["wrapped"]), bytes.fromhex(VECTORS["aad"])
    assert folder.unwrap(key, wrapped, aad).hex() == VECTORS["envelope"]


def test_a_wrap_for_another_row_or_key_or_changed_anywhere_is_refused(folder: EpochFolder) -> None:
    key = folder.current(DAY)
    wrapped = folder.wrap(key, b"envelope", b"row 1")
    with pytest.raises(WrapRefused):
        folder.unwrap(key, wrapped, b"row 2")
    with pytest.raises(WrapRefused):
        folder.unwrap(folder.current(HOUR), wrapped, b"row 1")
    for position in range(len(wrapped)):
        changed = bytearray(wrapped)
        changed[position] ^= 1
        for damaged in (bytes(changed), wrapped[:position]):
            with pytest.raises(WrapRefused):
                folder.unwrap(key, damaged, b"row 1")


# --- early erasure -----------------------------------------------------------------------


def recording(number: int) -> RecordingId:
    return RecordingId(f"{number:032x}")


class Crash(Exception):
    """The power went."""


class SmallStore:
    """A stand-in for the store: rows in memory, committed all at once, and a power switch."""

    def __init__(self, folder: EpochFolder) -> None:
        self.folder = folder
        self.rows: dict[RecordingId, tuple[EpochKeyName, bytes]] = {}
        self.log_emptied = True

    def keep(self, recording_id: RecordingId) -> None:
        key = self.folder.current(DAY)
        self.rows[recording_id] = (key.name, self.folder.wrap(key, b"secret", recording_id.encode()))

    def read(self, recording_id: RecordingId) -> bytes:
        name, wrapped = self.rows[recording_id]
        return self.folder.unwrap(self.folder.load(name), wrapped, recording_id.encode())

    def plan(self, erased: frozenset[RecordingId]) -> tuple[RekeyStep, ...]:
        wraps = tuple(Wrapped(recording_id=one, key_name=row[0]) for one, row in self.rows.items())
        return epochs.plan_rekey(epoch=DAY, keys=self.folder.names(), wraps=wraps, erased=erased)

    def run(self, steps: tuple[RekeyStep, ...], *, crash_before: int | None = None) -> None:
        for number, step in enumerate(steps):
            if number == crash_before:
                raise Crash
            self._carry_out(step)

    def _carry_out(self, step: RekeyStep) -> None:
        match step:
            case CreateGeneration(epoch=epoch):
                self.folder.next_generation(epoch)
            case MoveWraps(epoch=epoch, staying=staying, leaving=leaving):
                rows = dict(self.rows)
                fresh = self.folder.current(epoch)
                for one in staying:
                    aad = one.recording_id.encode()
                    rows[one.recording_id] = (
                        fresh.name,
                        self.folder.wrap(fresh, self.read(one.recording_id), aad),
                    )
                for one in leaving:
                    del rows[one.recording_id]
                self.rows, self.log_emptied = rows, False
            case EmptyWriteAheadLog():
                self.log_emptied = True
            case DestroyKey(name=name):
                assert self.log_emptied, "the key went before the log was emptied"
                assert name not in {row[0] for row in self.rows.values()}, "a key in use was destroyed"
                self.folder.destroy(name)
            case _:
                assert_never(step)


def test_erasing_one_of_three_moves_the_others_before_the_old_key_goes(folder: EpochFolder) -> None:
    store = SmallStore(folder)
    for number in range(3):
        store.keep(recording(number))
    steps = store.plan(frozenset({recording(1)}))
    assert steps == (
        CreateGeneration(epoch=DAY),
        MoveWraps(
            epoch=DAY,
            staying=tuple(Wrapped(recording_id=recording(one), key_name=FIRST) for one in (0, 2)),
            leaving=(Wrapped(recording_id=recording(1), key_name=FIRST),),
        ),
        EmptyWriteAheadLog(),
        DestroyKey(name=FIRST),
    )


def test_erasing_the_only_recording_still_makes_a_next_generation(folder: EpochFolder) -> None:
    store = SmallStore(folder)
    store.keep(recording(0))
    assert [type(step) for step in store.plan(frozenset({recording(0)}))] == [
        CreateGeneration,
        MoveWraps,
        EmptyWriteAheadLog,
        DestroyKey,
    ]


def test_with_nothing_to_erase_there_is_nothing_to_do(folder: EpochFolder) -> None:
    store = SmallStore(folder)
    assert store.plan(frozenset()) == store.plan(frozenset({recording(0)})) == ()
    store.keep(recording(0))
    assert store.plan(frozenset()) == store.plan(frozenset({recording(9)})) == ()


def test_other_epochs_are_left_alone() -> None:
    elsewhere = EpochKeyName("2027-01-21.1.key")
    wraps = (Wrapped(recording_id=recording(0), key_name=elsewhere),)
    assert (
        epochs.plan_rekey(epoch=DAY, keys=(elsewhere,), wraps=wraps, erased=frozenset({recording(0)})) == ()
    )


def test_a_recording_whose_key_a_disk_lost_does_not_stop_anothers_erasure() -> None:
    wraps = tuple(Wrapped(recording_id=recording(one), key_name=FIRST) for one in range(2))
    assert epochs.plan_rekey(epoch=DAY, keys=(SECOND,), wraps=wraps, erased=frozenset({recording(0)})) == (
        MoveWraps(epoch=DAY, staying=(), leaving=wraps[:1]),
        EmptyWriteAheadLog(),
    )


@pytest.mark.parametrize("crash_before", range(6))
@pytest.mark.parametrize(
    "generations",
    tuple(itertools.product((FIRST, SECOND, THIRD), repeat=3)),
    ids=lambda names: "".join(n[11] for n in names),
)
def test_a_crash_before_any_step_is_repaired_by_planning_again(
    folder: EpochFolder, generations: tuple[EpochKeyName, ...], crash_before: int
) -> None:
    store = SmallStore(folder)
    made = {key.name: key for key in (folder.next_generation(DAY) for _ in range(3))}
    for number, name in enumerate(generations):
        aad = recording(number).encode()
        store.rows[recording(number)] = (name, folder.wrap(made[name], b"secret", aad))
    stolen_backup = dict(store.rows)
    erased = frozenset({recording(0)})
    try:
        store.run(store.plan(erased), crash_before=crash_before)
    except Crash:
        folder.prepare()
        store.run(store.plan(erased))
    assert store.plan(erased) == (), "nothing is left to do"
    assert set(store.rows) == {recording(1), recording(2)}
    assert {store.read(one) for one in store.rows} == {b"secret"}
    name, wrapped = stolen_backup[recording(0)]
    with pytest.raises(EpochKeyGone):
        folder.load(name)
    for surviving in folder.names():
        with pytest.raises(WrapRefused):
            folder.unwrap(folder.load(surviving), wrapped, recording(0).encode())
    store.keep(recording(3))
    assert store.read(recording(3)) == b"secret"


def test_an_epoch_can_be_built_by_hand_and_has_its_bounds() -> None:
    epoch = Epoch(starts_at=datetime(2027, 1, 20, tzinfo=UTC), length=EpochLength.DAY)
    assert epoch == DAY
    assert epoch.ends_at == datetime(2027, 1, 21, tzinfo=UTC)
    assert HOUR.ends_at == datetime(2027, 1, 20, 14, tzinfo=UTC)
