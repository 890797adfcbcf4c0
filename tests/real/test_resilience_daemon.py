"""The daemon dies at the worst moments: every caller reaches the queue, nothing in doubt is kept."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from policy.errors import Unavailable
from sandbox import deadline
from sandbox.fetch import SandboxError
from sandbox.site import Site
from sandbox.softphone import Call
from tests.real import breaking, callers
from tests.real.callers import Callers, Row

AT_ONCE_S = 3.0
"""From an order to an agent's voice, the half second of listening included that `wait_for_agent` takes."""


@pytest.fixture
def phones(site: Site, heard: Path) -> Iterator[Callers]:
    """Callers who hang up at the end of the test."""
    with Callers(site, heard) as many:
        yield many


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What was seen of four callers whose daemon was killed, stayed away, and was started again.

    Attributes:
        freed_after_s: From entering the gate until the one who heard the notice heard an agent.
        marks: Names of the marks before the restart.
        noticed: The call of that caller.
        dropped, waited, kept: Recordings of those who talked under `drop`, waited in the queue, and talked
            under `keep_if_watched`.
        kept_ms: How long the last one talked.
    """

    freed_after_s: float
    marks: list[str]
    noticed: Row
    dropped: Row
    waited: Row
    kept: Row
    kept_ms: float


@pytest.fixture(scope="module")
def aftermath(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Aftermath:
    """Kill the daemon under four callers, and start it when the dead-man switch has worked."""
    with Callers(site, tmp_path_factory.mktemp("heard")) as phones:
        talking = [phones.place("14040", "41"), phones.place("14060", "61")]
        waiting = phones.place("slow14060", "62")
        recorded = [breaking.wait_until_recorded(site, digits, bytes_each=1) for digits in ("41", "61")]
        bridged_at_s = time.monotonic()
        waits = callers.decision(site, "62")["recording_id"]
        noticed = phones.place("14040", "42")
        entered_s = time.monotonic()
        call = breaking.wait_until_noticed(site, "42")
        site.kill_daemon()
        freed_after_s = callers.wait_for_agent(noticed) / 1000 - entered_s
        marks = [path.name for path in (site.home / "marks").iterdir()]
        assert call["recording_id"] is None
        site.start_daemon()
        breaking.wait_until_open(site)
        kept_ms = (time.monotonic() - bridged_at_s) * 1000
        for phone in (*talking, waiting, noticed):
            phone.hang_up()
    dropped, kept = recorded
    rows = [
        callers.recording(site, recording_id, state=state)
        for recording_id, state in ((dropped, "purged"), (waits, "purged"), (kept, "sealed"))
    ]
    noticed_row = callers.ended(site, "42")
    breaking.assert_in_step(site)
    return Aftermath(
        freed_after_s=freed_after_s,
        marks=marks,
        noticed=noticed_row,
        dropped=rows[0],
        waited=rows[1],
        kept=rows[2],
        kept_ms=kept_ms,
    )


def test_the_dead_man_switch_frees_whom_the_daemon_left_in_the_notice(
    site: Site, aftermath: Aftermath
) -> None:
    assert aftermath.freed_after_s < breaking.patience_s(site) + AT_ONCE_S
    assert aftermath.noticed["recording_id"] is None


def test_its_mark_is_taken_in_at_the_restart(aftermath: Aftermath) -> None:
    assert aftermath.marks == [f"gate-{aftermath.noticed['call_id']}"]
    assert aftermath.noticed["decision"] == "gate_unavailable"


def test_a_call_recorded_under_drop_while_the_daemon_was_away_is_dropped(aftermath: Aftermath) -> None:
    assert aftermath.dropped["erased_because"] == "controller_lost"


def test_a_call_that_waited_while_the_daemon_was_away_is_dropped_under_any_policy(
    aftermath: Aftermath,
) -> None:
    assert aftermath.waited["erased_because"] == "controller_lost"


def test_a_call_bridged_throughout_is_kept_where_policy_says_so(
    site: Site, aftermath: Aftermath, tmp_path: Path
) -> None:
    assert aftermath.kept["erased_because"] is None
    assert aftermath.kept["duration_ms"] > aftermath.kept_ms - 1000
    exported = callers.export(site, aftermath.kept["recording_id"], tmp_path / "export")
    assert callers.holds(exported.caller, callers.voice_file("caller1"))
    assert callers.holds_an_agent(exported.agent)


def test_a_daemon_that_is_back_at_once_sends_the_caller_in_the_notice_onward(
    site: Site, phones: Callers
) -> None:
    caller = phones.place("14040", "43")
    breaking.wait_until_noticed(site, "43")
    site.kill_daemon()
    site.start_daemon()
    back_s = time.monotonic()
    onward_s = callers.wait_for_agent(caller) / 1000 - back_s
    print(f"onward {onward_s:.1f} s after the daemon is back")
    assert onward_s < AT_ONCE_S
    caller.hang_up()
    call = callers.ended(site, "43")
    assert (call["decision"], call["recording_id"]) == ("gate_unavailable", None)
    breaking.assert_in_step(site)


def test_sigterm_sends_callers_in_the_notice_onward_at_once(site: Site, phones: Callers) -> None:
    several = [phones.place("14040", digits) for digits in ("51", "52", "53")]
    for digits in ("51", "52", "53"):
        breaking.wait_until_noticed(site, digits)
    stopped_s = time.monotonic()
    site.stop_daemon()
    took_s = time.monotonic() - stopped_s
    try:
        waits_s = [callers.wait_for_agent(caller) / 1000 - stopped_s for caller in several]
        print(f"onward after at most {max(waits_s):.2f} s; the daemon ended after {took_s:.2f} s")
        assert max(waits_s) < AT_ONCE_S
        assert not list(site.spool.iterdir())
    finally:
        site.start_daemon()
    for caller in several:
        caller.hang_up()
    for digits in ("51", "52", "53"):
        call = callers.ended(site, digits)
        assert call["recording_id"] is None
        assert call["decision"] in {"error", "gate_unavailable", "notice_incomplete"}
    breaking.assert_in_step(site)


@pytest.fixture(scope="module")
def talkers(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Call]]:
    """Four callers who talk under `keep_if_watched`, so that each outlives the daemon's end by another."""
    with Callers(site, tmp_path_factory.mktemp("talkers")) as phones:
        calls = {digits: phones.place("14060", digits) for digits in ("71", "72", "73", "81")}
        for digits in calls:
            breaking.wait_until_recorded(site, digits)
        yield calls


@pytest.mark.parametrize(
    ("digits", "folder", "pattern"),
    [
        ("71", "spool", r"[0-9a-f]{32}\.flac\.partial"),
        ("72", "vault", r"\.[0-9a-f]{32}\.tmp"),
        ("73", "vault", r"[0-9a-f]{32}\.sealed"),
    ],
    ids=["while the FLAC is made", "while the sealed file is written", "before the row says sealed"],
)
def test_a_daemon_killed_while_it_seals_seals_again_at_its_next_start(
    site: Site, talkers: Mapping[str, Call], digits: str, folder: str, pattern: str
) -> None:
    recording_id = breaking.wait_until_recorded(site, digits)
    watched: Path = getattr(site, folder)
    with breaking.Ambush(watched, pattern, lambda: breaking.stop_the_daemon_in_its_tracks(site)):
        talkers[digits].hang_up()
    deadline.wait_until(lambda: site.daemon_pid() is None, within_s=5, what="the daemon is dead")
    assert breaking.row_of(site, recording_id)["state"] == "captured"
    assert callers.spool_files(site, recording_id)
    site.start_daemon()
    assert callers.recording(site, recording_id)["duration_ms"] >= 4000
    assert not callers.spool_files(site, recording_id)


def test_a_daemon_killed_between_the_stop_and_the_note_of_a_withdrawal_destroys_at_its_next_start(
    site: Site, talkers: Mapping[str, Call]
) -> None:
    recording_id = breaking.wait_until_recorded(site, "81")
    call = callers.decision(site, "81")
    with ThreadPoolExecutor() as asking, breaking.locked_database(site):
        asked = asking.submit(breaking.daemon(site).withdraw, by="operator", call_id=call["call_id"])
        deadline.wait_until(lambda: not breaking.tapes(site, call), within_s=5, what="the tape stops")
        site.kill_daemon()
        with pytest.raises(Unavailable):
            asked.result()
    assert breaking.row_of(site, recording_id)["state"] == "recording"
    left = callers.spool_files(site, recording_id)
    assert left
    assert {path.suffix for path in left} == {".withdrawn"}
    site.start_daemon()
    assert not callers.spool_files(site, recording_id)
    row = callers.recording(site, recording_id, state="withdrawn")
    assert (row["erased_because"], bool(row["erased_at"])) == ("withdrawn", True)
    talkers["81"].listen(1)
    talkers["81"].hang_up()
    assert callers.ended(site, "81")["ended_at"]


def test_after_all_these_ends_everything_is_in_step(site: Site, talkers: Mapping[str, Call]) -> None:
    assert all(any(event.kind == "disconnected" for event in call.events()) for call in talkers.values())
    breaking.assert_in_step(site)
    unfinished = callers.query(site, "SELECT call_id FROM calls WHERE ended_at IS NULL")
    assert unfinished == []


def test_a_second_daemon_refuses_to_start(site: Site) -> None:
    before = site.daemon_pid()
    ended = breaking.serve(site, site.config)
    assert (ended.code, len(ended.errors)) == (8, 1), ended.said
    assert f"held by process {before}" in ended.errors[0]
    assert "Traceback" not in ended.said
    assert site.daemon_pid() == before
    with pytest.raises(SandboxError, match="already runs"):
        site.start_daemon()
