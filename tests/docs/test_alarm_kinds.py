"""Every kind of alarm that is raised anywhere has its line in docs/alarms.md, and no other has."""

from __future__ import annotations

from collections import Counter

from daemon import checkpoints, notices, vault_watch
from daemon.service import JOB_MINUTES
from ivr.effects import AlarmKind as GateAlarm
from policy.alarm_kinds import GUIDES, Ending, ended_by
from recorder.ports import AlarmKind as RecorderAlarm
from store.retention import clock_guard, destruction, sweep
from tests.conftest import ROOT

STORE = (clock_guard.ALARM, destruction.ALARM, sweep.ALARM_LOST, sweep.ALARM_STRANGER)
JOBS = tuple(f"{job}_failed" for job in JOB_MINUTES)
DAEMON = ("mark_unreadable", checkpoints.ALARM, notices.ALARM, vault_watch.ALARM, *JOBS)
RAISED = {*(kind.value for kind in (*GateAlarm, *RecorderAlarm)), *STORE, *DAEMON}


def test_every_kind_is_explained_once_and_none_is_explained_that_is_never_raised() -> None:
    explained = Counter(guide.kind for guide in GUIDES)
    assert set(explained) == RAISED
    assert set(explained.values()) == {1}


def test_every_kind_stands_in_the_docs() -> None:
    page = (ROOT / "docs" / "alarms.md").read_text(encoding="utf-8")
    for kind in RAISED:
        assert f"| `{kind}` |" in page


def test_every_ending_ends_something() -> None:
    assert all(ended_by(ending) for ending in Ending)
