"""`ledger verify`: ten thousand ways to tamper, each found up to the last checkpoint that left the host."""

# ruff: noqa: S311 - a seed is wanted
from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from policy.clock import SteppedClock, SystemClock
from policy.errors import ConsentlineError, NotFound
from store.db import Db
from store.logbook import checkpoint_check, checkpoints, key_rotation, ledger, signing_key
from store.logbook.checkpoint_check import Shown
from store.logbook.checkpoints import Because
from store.logbook.ledger import Kind
from store.logbook.notes import Signer
from store.proof import verification
from tests.store import tampering
from tests.store.scene import STARTED_AT, CountingRandomness
from tests.store.tampering import MUTATIONS, Original

pytestmark = pytest.mark.exhaustive

MUTATIONS_IN_ALL = 10_000
FAST_SAMPLE = 150
FLIPS = 1_500


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Original]:
    """A hundred entries, five checkpoints, of which four have left the host, and two keys, the second
    vouched for by the first; some payloads expired."""
    folder = tmp_path_factory.mktemp("ledger")
    clock = SteppedClock(STARTED_AT)
    db = Db.open(folder / "ledger.db", clock=clock, randomness=CountingRandomness())
    path, randomness = folder / "ledger.key", CountingRandomness(4)
    signer = first = signing_key.prepare(path, db, randomness, at=STARTED_AT, actor="init")
    shown: list[Shown] = []
    for number in range(92):
        clock.advance(timedelta(seconds=7))
        with db.write() as tx:
            told = {"number": number}
            kind = (Kind.CALL_OPENED, Kind.DECIDED, Kind.CAPTURED, Kind.DESTROYED)[number % 4]
            ledger.append(tx, kind, clock.now(), actor="daemon", subject=f"call-{number // 4}", payload=told)
            if number == 60:
                ledger.expire(tx, ["call-1", "call-7"], clock.now(), "test")
        if number == 55:
            rotated = key_rotation.rotate(path, db, randomness, at=clock.now(), actor="test")
            shown.append(Shown(where=f"kluis/{rotated.size}", note=rotated.note))
            signer = signing_key.prepare(path, db, randomness, at=STARTED_AT, actor="test")
        if number in (10, 40, 70, 85):
            signed = checkpoints.make(db, signer, because=Because.ASKED, at=clock.now())
            if number < 85:
                shown.append(Shown(where=f"kluis/{signed.size}", note=signed.note))
    yield Original(db=db, signers=(first, signer), shown=tuple(shown))
    db.close()


def mutate(original: Original, seeds: range) -> Counter[str]:
    """Do one mutation for each seed; return how often each kind altered something, and was found."""
    before = tampering.content(original.db, original.vouched)
    told: Counter[str] = Counter()
    for seed in seeds:
        chance = random.Random(seed)
        mutation = MUTATIONS[seed % len(MUTATIONS)]
        db = tampering.copy_of(original.db)
        mutation(db, chance, original)
        altered = tampering.content(db, original.vouched) != before
        try:
            found = not tampering.verified(db, original).report.holds
        except ConsentlineError:
            found = True
        assert found or not altered, f"seed {seed}: {mutation.__name__} was not found"
        told[f"{mutation.__name__}: {'altered' if altered else 'the same up to the checkpoint'}"] += 1
        db.close()
    return told


def test_a_sample_of_mutations_is_found(original: Original) -> None:
    told = mutate(original, range(FAST_SAMPLE))
    altering = {name.split(":")[0] for name in told if name.endswith("altered")}
    assert altering == {mutation.__name__ for mutation in MUTATIONS}


@pytest.mark.exhaustive
def test_ten_thousand_mutations_up_to_the_last_checkpoint_off_the_host_are_all_found(
    original: Original,
) -> None:
    told = mutate(original, range(MUTATIONS_IN_ALL))
    assert sum(told.values()) == MUTATIONS_IN_ALL
    assert sum(count for name, count in told.items() if name.endswith("altered")) > MUTATIONS_IN_ALL * 0.6


def flipped(original: Original, folder: Path, seeds: range) -> Counter[str]:
    """Flip one bit of the file for each seed, unused bytes included."""
    source = folder / "source.db"
    with sqlite3.connect(source) as copy:
        original.db._connection.backup(copy)
        # Something that was deleted leaves pages that nobody uses.
        copy.execute("CREATE TABLE gone (x BLOB)")
        copy.execute("INSERT INTO gone VALUES (zeroblob(60000))")
        copy.commit()
        copy.execute("PRAGMA secure_delete = ON")
        copy.execute("DROP TABLE gone")
    copy.close()
    data = source.read_bytes()
    size = ledger.head(original.db).size
    before = tampering.content(original.db, size)
    path = folder / "flipped.db"
    told: Counter[str] = Counter()
    for seed in seeds:
        chance = random.Random(seed)
        spoiled = bytearray(data)
        spoiled[chance.randrange(len(spoiled))] ^= 1 << chance.randrange(8)
        path.write_bytes(spoiled)
        told[_outcome(path, original, before, size, seed)] += 1
    return told


def _outcome(path: Path, original: Original, before: list[tuple[object, ...]], size: int, seed: int) -> str:
    try:
        with closing(Db.open_to_read(path, clock=SystemClock())) as db:
            holds = verification.verify(db, vault=None, shown=original.shown).report.holds
    except ConsentlineError:
        return "found"
    if not holds:
        return "found"
    with closing(Db.open_to_read(path, clock=SystemClock())) as db:
        assert tampering.content(db, size) == before, f"seed {seed}: a change of content was not found"
    return "content the same"


def test_flips_anywhere_in_the_file_are_found_or_leave_the_content_equal(
    original: Original, tmp_path: Path
) -> None:
    assert set(flipped(original, tmp_path, range(150))) == {"found", "content the same"}


@pytest.mark.exhaustive
def test_many_flips_anywhere_in_the_file_are_found_or_leave_the_content_equal(
    original: Original, tmp_path: Path
) -> None:
    assert set(flipped(original, tmp_path, range(1_000, 1_000 + FLIPS))) == {"found", "content the same"}


# ---------------------------------------------------------------- where it breaks


def test_an_untouched_ledger_holds_and_says_how_far_others_vouch(original: Original) -> None:
    verified = verification.verify(original.db, vault=None, shown=original.shown)
    assert verified.report.holds, verified.report.breaks
    assert verified.checked is not None
    assert (verified.checked.own, verified.checked.shown) == (5, 4)
    assert verified.checked.newest_shown == original.vouched
    assert [span.key for span in verified.checked.spans] == [one.key for one in original.signers]
    assert verified.report.youngest_expired_ms is not None


def test_a_rewrite_is_placed_behind_the_newest_checkpoint_that_fits(original: Original) -> None:
    db = tampering.copy_of(original.db)
    with db.write() as tx:
        tx.execute("UPDATE ledger SET at = at + 1 WHERE seq = 50")
    tampering._hash_anew(db)
    tampering._sign_anew(db, original.signers)
    sizes = [int(one.where.split("/")[1]) for one in original.shown]
    found, _ = verification.verify(db, vault=None, shown=original.shown).report.breaks
    assert found.text == (
        f"entries {sizes[1]} to {sizes[2] - 1}: are not those of the checkpoint of {sizes[2]} entries"
        f" in kluis/{sizes[2]}"
    )
    assert verification.verify(db, vault=None).report.holds, "without what left the host nobody can know"
    db.close()


def test_a_log_that_is_shorter_than_what_was_shown_says_so(original: Original) -> None:
    db = tampering.copy_of(original.db)
    tampering.cut_with_the_key(db, random.Random(3), original)
    size = ledger.head(db).size
    texts = [one.text for one in verification.verify(db, vault=None, shown=original.shown).report.breaks]
    assert any(f"the ledger has only {size}" in text for text in texts)
    db.close()


def test_a_key_given_from_outside_is_the_only_one_believed(original: Original) -> None:
    other = Signer.make(original.signers[0].name, CountingRandomness(99))
    verified = verification.verify(original.db, vault=None, trusted=other.key)
    assert not verified.report.holds
    for signer in original.signers:  # each vouches for the other
        assert verification.verify(original.db, vault=None, trusted=signer.key).report.holds


@pytest.mark.parametrize("kind", ledger.LASTING)
def test_what_the_tree_is_proven_with_cannot_be_said_to_have_expired(original: Original, kind: Kind) -> None:
    db = tampering.copy_of(original.db)
    (row, *_) = db.rows("SELECT seq FROM ledger WHERE kind = ?", (kind.value,))
    with db.write() as tx:
        ledger.expire_entries(tx, [row["seq"]], STARTED_AT, "because I say so")
    texts = [found.text for found in verification.verify(db, vault=None).report.breaks]
    assert f"entry {row['seq']}: its payload is gone, and such a one has no term" in texts
    db.close()


# ---------------------------------------------------------------- what a target kept


def test_what_a_target_kept_is_read_as_files_and_as_lines_of_a_syslog(
    original: Original, tmp_path: Path
) -> None:
    from base64 import b64encode  # noqa: PLC0415

    folder = tmp_path / "kluis" / "log"
    folder.mkdir(parents=True)
    lines = []
    for number, one in enumerate(original.shown):
        (folder / f"{number}.checkpoint").write_text(one.note, encoding="utf-8")
        lines.append(f"Nov 21 host consentline: checkpoint o 3 note={b64encode(one.note.encode()).decode()}")
    (folder / ".5.checkpoint.tmp").write_text("half", encoding="utf-8")
    syslog = tmp_path / "syslog"
    syslog.write_text("\n".join(["something else", *lines, ""]), encoding="utf-8")
    notes = [one.note for one in original.shown]
    assert [one.note for one in checkpoint_check.read_shown(tmp_path / "kluis")] == notes
    read = checkpoint_check.read_shown(syslog)
    assert ([one.note for one in read], read[0].where) == (notes, f"{syslog}:2")
    with pytest.raises(NotFound, match="got nothing"):
        checkpoint_check.read_shown(tmp_path / "no")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFound, match="got none"):
        checkpoint_check.read_shown(tmp_path / "empty")


def test_a_file_that_is_no_checkpoint_is_a_break_and_no_end(original: Original) -> None:
    shown = (*original.shown, Shown(where="kluis/rubbish", note="nonsense"))
    (found,) = verification.verify(original.db, vault=None, shown=shown).report.breaks
    assert found.text.startswith("kluis/rubbish: ")
