"""Decisions, the ledger's words and notices each go on their own term, never before their recording."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from policy.vocabulary import CallId
from store.logbook import ledger, ledger_check
from store.records import decisions
from store.retention import keeping, purge
from tests.conftest import ROOT
from tests.store.scene import Scene, recording_named, scene
from tests.store.test_keeping import HEAD, held

EINDHOVEN = (ROOT / "policies" / "eindhoven.toml").read_text(encoding="utf-8")
CALL = CallId("1795282161.1")
DAY = timedelta(days=1)


@contextmanager
def promising(folder: Path, *terms: str) -> Iterator[Scene]:
    """Give an installation whose policy has these terms beside 60 days and a year of call data."""
    policies = folder / "promised"
    policies.mkdir()
    text = EINDHOVEN.replace('call_data = "1y"\n', "\n".join(('call_data = "1y"', *terms)) + "\n")
    (policies / "eindhoven.toml").write_text(text, encoding="utf-8")
    with scene(folder / "home", policies=policies) as stage:
        yield stage


def after(stage: Scene, days: int) -> None:
    """Purge so many days after the scene began."""
    stage.clock.advance(timedelta(days=days))
    purge.run(stage.archive, stage.guard)


def words_of(stage: Scene) -> list[object]:
    return [entry.payload for entry in ledger.show(stage.db, subject=CALL)]


def test_decisions_go_before_the_calls_data_where_the_policy_says_so(tmp_path: Path) -> None:
    with promising(tmp_path, 'decisions = "90d"') as stage:
        stage.keep(1)
        after(stage, 89)
        assert len(decisions.of_call(stage.db, CALL)) == 1
        after(stage, 1)
        assert decisions.of_call(stage.db, CALL) == ()
        (row,) = stage.db.rows("SELECT data_erased_at, number FROM calls")
        assert (row["data_erased_at"], row["number"]) == (None, "14040")
        assert b"5700" not in (stage.db.path.with_name("consentline.db-wal")).read_bytes()


def test_decisions_stay_behind_the_calls_data_where_the_policy_says_so(tmp_path: Path) -> None:
    with promising(tmp_path, 'decisions = "2y"') as stage:
        stage.keep(1)
        after(stage, 366)
        (row,) = stage.db.rows("SELECT data_erased_at FROM calls")
        assert row["data_erased_at"] is not None
        (kept,) = decisions.of_call(stage.db, CALL)
        assert "gemeente Eindhoven" in str(kept.words)
        after(stage, 365)
        assert decisions.of_call(stage.db, CALL) == ()


def test_no_evidence_goes_while_its_recording_is_there(tmp_path: Path) -> None:
    with promising(tmp_path, 'decisions = "60d"', 'ledger_payloads = "60d"') as stage:
        recording_id = stage.keep(1)
        hold = held(stage, days=70)
        keeping.place_hold(stage.archive, recording_id, hold, HEAD)
        after(stage, 65)
        assert len(decisions.of_call(stage.db, CALL)) == 1
        assert words_of(stage)
        after(stage, 6)
        assert decisions.of_call(stage.db, CALL) == ()
        assert ledger.show(stage.db, subject=CALL) == ()


@pytest.mark.parametrize(("term", "days"), [("100d", 100), ("2y", 731)])
def test_the_ledgers_words_end_on_their_own_term_and_the_log_still_holds(
    tmp_path: Path, term: str, days: int
) -> None:
    with promising(tmp_path, f'ledger_payloads = "{term}"') as stage:
        stage.keep(1)
        after(stage, days - 1)
        assert len(words_of(stage)) > 2
        after(stage, 1)
        assert words_of(stage) == []
        assert ledger.show(stage.db, subject=recording_named(1)) == ()
        ledger_check.verify(stage.db)


def test_the_words_of_a_notice_stay_as_long_as_a_call_that_heard_them_and_then_go(tmp_path: Path) -> None:
    with promising(tmp_path, 'notice_versions = "100d"', 'decisions = "70d"') as stage:
        stage.keep(1)
        stage.keep(2, started_at=stage.clock.now() + 5 * DAY)
        for days, kept in ((100, 1), (4, 1), (1, 0)):
            after(stage, days)
            assert len(stage.db.rows("SELECT 1 FROM notice_versions")) == kept


def test_where_the_policy_names_no_term_of_its_own_the_notice_goes_with_the_calls_data(stage: Scene) -> None:
    stage.keep(1)
    after(stage, 364)
    assert len(stage.db.rows("SELECT 1 FROM notice_versions")) == 1
    after(stage, 1)
    assert len(stage.db.rows("SELECT 1 FROM notice_versions")) == 0
