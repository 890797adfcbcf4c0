"""Payloads of the ledger end on their own term, and never before what they are about."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from policy.load import Policies, load_policies
from policy.vocabulary import ErasedBecause
from store import settings
from store.logbook import ledger, ledger_check
from store.logbook.ledger import Kind
from store.retention import call_data, destruction, ledger_terms, purge
from store.retention.destruction import Doom
from tests.store.scene import ROOT, Crash, CrashAt, Scene, recording_named, scene


def kinds_kept(stage: Scene) -> list[str]:
    return [entry.kind for entry in ledger.show(stage.db) if not entry.expired]


def erase(stage: Scene, number: int) -> None:
    doom = Doom(recording_id=recording_named(number), because=ErasedBecause.REQUEST)
    destruction.destroy(stage.archive, doom)


def erase_call_data(stage: Scene) -> None:
    call_data.erase(stage.db, call_data.kept(stage.db, until=stage.clock.now()), at=stage.clock.now())


@pytest.fixture
def lasting(tmp_path: Path) -> Policies:
    """Eindhoven, but that the ledger's payloads are kept for two years."""
    folder = tmp_path / "policies"
    folder.mkdir()
    text = (ROOT / "policies" / "eindhoven.toml").read_text(encoding="utf-8")
    assert "\n[retention]\n" in text
    changed = text.replace("\n[retention]\n", '\n[retention]\nledger_payloads = "2y"\n', 1)
    (folder / "eindhoven.toml").write_text(changed, encoding="utf-8")
    return load_policies(folder)


def test_what_is_about_nobody_in_particular_goes_after_the_longest_term(stage: Scene) -> None:
    stage.keep(1)
    ledger_terms.run(stage.db, stage.clock.now())
    assert "key_added" in kinds_kept(stage)
    erase(stage, 1)
    stage.clock.advance(timedelta(days=366))
    assert ledger_terms.run(stage.db, stage.clock.now()) > 0
    assert kinds_kept(stage) == ["payloads_expired"]
    assert ledger_check.verify(stage.db).holds
    assert stage.db.rows("SELECT * FROM ledger_terms") == []
    assert settings.get(stage.db, "ledger_payloads_to_forget") is None


def test_nothing_goes_before_the_recording_that_it_is_about(stage: Scene) -> None:
    stage.keep(1)
    ledger_terms.run(stage.db, stage.clock.now())
    stage.clock.advance(timedelta(days=3660))
    ledger_terms.run(stage.db, stage.clock.now())
    assert {"call_opened", "decided", "sealed"} <= set(kinds_kept(stage))
    erase(stage, 1)
    ledger_terms.run(stage.db, stage.clock.now())
    assert not {"call_opened", "decided", "sealed"} & set(kinds_kept(stage))
    assert "destroyed" in kinds_kept(stage), "it is as old as its own entry"


def test_a_term_of_its_own_outlives_the_call_data(stage: Scene, lasting: Policies) -> None:
    own = replace(stage, policies=lasting)
    own.keep(1)
    erase(own, 1)
    own.clock.advance(timedelta(days=400))
    erase_call_data(own)
    ledger_terms.run(own.db, own.clock.now())
    assert "destroyed" in kinds_kept(own)
    own.clock.advance(timedelta(days=400))
    ledger_terms.run(own.db, own.clock.now())
    assert "destroyed" not in kinds_kept(own)
    assert ledger_check.verify(own.db).holds


def test_without_one_payloads_go_with_the_call_data(stage: Scene) -> None:
    stage.keep(1)
    erase(stage, 1)
    stage.clock.advance(timedelta(days=366))
    erase_call_data(stage)
    assert not {"destroyed", "decided"} & set(kinds_kept(stage))


def test_the_purge_does_it(stage: Scene) -> None:
    stage.keep(1)
    erase(stage, 1)
    stage.guard.check()
    for _ in range(366 * 24):
        stage.clock.advance(timedelta(hours=1))
    purge.run(stage.archive, stage.guard)
    assert set(kinds_kept(stage)) <= {
        "payloads_expired",
        "call_data_erased",
        "clock_confirmed",
        "epoch_ended",
    }


@pytest.mark.exhaustive
def test_a_crash_at_any_step_leaves_nothing_behind_the_next_run(tmp_path: Path) -> None:
    for nth in range(1, 6):
        folder = tmp_path / str(nth)
        with scene(folder) as stage:
            stage.keep(1)
            ledger_terms.run(stage.db, stage.clock.now())
            erase(stage, 1)
            clock = stage.clock
            clock.advance(timedelta(days=800))
            with pytest.raises(Crash) if nth <= 3 else nullcontext():
                ledger_terms.run(stage.db, clock.now(), step=CrashAt(nth))
        with scene(folder, clock=clock, start=1) as stage:
            ledger_terms.run(stage.db, clock.now())
            assert "destroyed" not in kinds_kept(stage)
            assert settings.get(stage.db, "ledger_payloads_to_forget") is None
            assert ledger_check.verify(stage.db).holds


def test_a_term_once_given_is_not_given_again(stage: Scene) -> None:
    stage.keep(1)
    ledger_terms.run(stage.db, stage.clock.now())
    before = [tuple(row) for row in stage.db.rows("SELECT * FROM ledger_terms")]
    with stage.db.write() as tx:
        ledger.append(tx, Kind.CAPTURED, stage.clock.now(), actor="daemon", subject="", payload={})
    ledger_terms.run(stage.db, stage.clock.now())
    after = [tuple(row) for row in stage.db.rows("SELECT * FROM ledger_terms")]
    assert after[: len(before)] == before
    assert len(after) == len(before) + 1
