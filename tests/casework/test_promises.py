"""A changed policy and the calls already made: as promised, or sooner, and only when somebody says so."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from casework import promises
from policy.load import Policies, load_policies
from policy.model import Policy
from store.logbook import ledger
from store.records import calls, recordings
from store.retention import keeping, purge
from tests.store.scene import ROOT, STARTED_AT, Scene, recording_named, voice
from tests.store.test_destruction import opens
from tests.store.test_keeping import HEAD, held

DAY = timedelta(days=1)


def changed(folder: Path, *replaced: tuple[str, str]) -> Policies:
    """Return Eindhoven's policy with some text replaced, and no other."""
    text = (ROOT / "policies" / "eindhoven.toml").read_text(encoding="utf-8")
    for before, after in replaced:
        assert before in text
        text = text.replace(before, after, 1)
    folder.mkdir(exist_ok=True)
    (folder / "eindhoven.toml").write_text(text, encoding="utf-8")
    return load_policies(folder)


SHORTER = (('recording = "60d"', 'recording = "30d"'), ('call_data = "1y"', 'call_data = "6m"'))


@pytest.fixture
def shorter(tmp_path: Path) -> Policy:
    """Eindhoven with thirty days instead of sixty, and half a year for the data about calls."""
    return changed(tmp_path / "shorter", *SHORTER).named("eindhoven")


def apply(stage: Scene, policy: Policy) -> int:
    """Shorten all that there is."""
    page = promises.look(stage.db, policy)
    done = promises.shorten(stage.archive, policy, page.sooner, actor="login:root")
    calls_page = promises.look_at_calls(stage.db, policy)
    promises.shorten_call_data(stage.archive, policy, calls_page, actor="login:root")
    return done


def test_a_shorter_term_takes_effect_when_it_is_applied_and_old_copies_open_nothing(
    stage: Scene, shorter: Policy, tmp_path: Path
) -> None:
    first, second = stage.keep(1), stage.keep(2)
    stage.clock.advance(10 * DAY)
    stage.db.forget_deleted()
    old = Path(shutil.copy(stage.db.path, tmp_path / "old.db"))
    assert apply(stage, shorter) == 2
    for recording_id in (first, second):
        row = recordings.get_recording(stage.db, recording_id)
        assert (row.promised_at, row.due_at) == (
            row.due_at,
            STARTED_AT.replace(second=0, microsecond=0) + 30 * DAY,
        )
        assert "retention.recording = 30d (E6), version" in row.due_rule
        assert not opens(stage, old, recording_id)
    assert stage.hear(second) == voice(2)
    (*_, told) = ledger.show(stage.db, subject=first)
    assert (told.kind, told.actor) == ("promise_shortened", "login:root")
    call = calls.get_call(stage.db, stage.arrival(1).call_id)
    assert call.data_due_at.strftime("%Y-%m-%d") == "2027-05-21"
    stage.clock.advance(20 * DAY)
    assert set(purge.run(stage.archive, stage.guard).receipts) == {first, second}


def test_applying_twice_or_a_longer_term_changes_nothing(
    stage: Scene, shorter: Policy, tmp_path: Path
) -> None:
    stage.keep(1)
    assert apply(stage, shorter) == 1
    head = ledger.head(stage.db)
    longer = changed(tmp_path / "longer", ('recording = "60d"', 'recording = "90d"')).named("eindhoven")
    assert promises.look(stage.db, longer).sooner == ()
    assert apply(stage, shorter) == apply(stage, longer) == 0
    assert ledger.head(stage.db) == head


def test_what_would_have_had_to_be_gone_goes_at_once_and_what_is_held_stays(
    stage: Scene, shorter: Policy
) -> None:
    gone, kept = stage.keep(1), stage.keep(2)
    keeping.place_hold(stage.archive, kept, held(stage), HEAD)
    stage.clock.advance(40 * DAY)
    sooner = promises.look(stage.db, shorter).sooner
    assert all(one.sooner_at < stage.clock.now() for one in sooner)
    assert apply(stage, shorter) == 2
    receipts = purge.run(stage.archive, stage.guard).receipts
    assert [(key, receipt.lateness_ms) for key, receipt in receipts.items()] == [(gone, 0)]
    assert stage.hear(kept) == voice(2)


def test_pages_come_to_the_end(stage: Scene, shorter: Policy) -> None:
    for number in range(1, 6):
        stage.keep(number)
    seen, after = [], 0
    while True:
        page = promises.look(stage.db, shorter, after=after, limit=2)
        seen += [one.recording_id for one in page.sooner]
        if page.after is None:
            break
        after = page.after
    assert seen == [recording_named(number) for number in range(1, 6)]
