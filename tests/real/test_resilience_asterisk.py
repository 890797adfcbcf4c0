"""Asterisk dies or is restarted in mid-call, the daemon being up: what is on the disk is repaired, sealed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from policy.clock import SystemClock, to_ms
from sandbox.site import Site
from tests.real import breaking, callers
from tests.real.callers import Callers, Row

LOST_AT_MOST_MS = 2_048
"""Asterisk hands samples to the kernel 32 KiB at a time: so much of each voice a SIGKILL can cost."""
CLOCKS_MS = 400
"""Between the moments noted by the daemon and by the test, and the first frame on the tape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallen:
    """What was seen of callers whose Asterisk went down.

    Attributes:
        talked: The recording of the one who talked, and for how long, in ms.
        waited, noticed: Calls of those who waited in the queue, and who heard the notice.
    """

    talked: Row
    talked_ms: int
    waited: Row
    noticed: Row


def _fall(site: Site, phones: Callers, tens: str, down: Callable[[], None]) -> Fallen:
    """Have three callers, and Asterisk down under them and up again."""
    phones.place("14040", f"{tens}1")
    phones.place("slow14040", f"{tens}2")
    recording_id = breaking.wait_until_recorded(site, f"{tens}1", bytes_each=30_000)
    callers.decision(site, f"{tens}2")
    phones.place("14040", f"{tens}3")
    breaking.wait_until_noticed(site, f"{tens}3")
    bridged_ms = breaking.row_of(site, recording_id)["bridged_at"]
    down_ms = to_ms(SystemClock().now())
    down()
    site.asterisk.start()
    breaking.wait_until_open(site)
    fallen = Fallen(
        talked=callers.recording(site, recording_id),
        talked_ms=down_ms - bridged_ms,
        waited=callers.ended(site, f"{tens}2"),
        noticed=callers.ended(site, f"{tens}3"),
    )
    breaking.assert_in_step(site)
    print(f"talked {fallen.talked_ms} ms, recorded {fallen.talked['duration_ms']} ms")
    return fallen


@pytest.fixture(scope="module")
def falls(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Fallen]:
    """Kill Asterisk in mid-call, as a crash does; then restart it in mid-call, as an administrator does."""
    falls = {}
    for tens, how, down in (("1", "killed", site.asterisk.kill), ("2", "restarted", site.asterisk.stop)):
        with Callers(site, tmp_path_factory.mktemp(how)) as phones:
            falls[how] = _fall(site, phones, tens, down)
    return falls


def test_a_killed_asterisk_costs_a_recording_its_last_two_seconds_at_most(
    falls: Mapping[str, Fallen],
) -> None:
    killed = falls["killed"]
    assert killed.talked["duration_ms"] >= killed.talked_ms - LOST_AT_MOST_MS - CLOCKS_MS


def test_a_restarted_asterisk_costs_a_recording_nothing(falls: Mapping[str, Fallen]) -> None:
    restarted = falls["restarted"]
    assert restarted.talked["duration_ms"] >= restarted.talked_ms - CLOCKS_MS


@pytest.mark.parametrize("how", ["killed", "restarted"])
def test_who_heard_the_notice_when_asterisk_went_is_gone_and_unrecorded(
    how: str, falls: Mapping[str, Fallen]
) -> None:
    fallen = falls[how]
    assert fallen.noticed["recording_id"] is None
    assert fallen.noticed["decision"] in {"caller_gone", "error"}


@pytest.mark.parametrize("how", ["killed", "restarted"])
def test_who_waited_when_asterisk_went_left_nothing(
    site: Site, how: str, falls: Mapping[str, Fallen]
) -> None:
    fallen = falls[how]
    rows = breaking.daemon(site).recordings()
    (row,) = [row for row in rows if row["call_id"] == fallen.waited["call_id"]]
    assert row["erased_because"] in {"controller_lost", "empty"}


def test_calls_after_that_are_asked_and_recorded(
    site: Site, falls: Mapping[str, Fallen], heard: Path
) -> None:
    assert falls["restarted"].talked["duration_ms"] > 0, "it came after the kill"
    with callers.place(site, "14040", "31", folder=heard) as caller:
        recording_id = breaking.wait_until_recorded(site, "31", bytes_each=30_000)
        caller.hang_up()
    assert callers.recording(site, recording_id)["duration_ms"] >= 1500
    breaking.assert_in_step(site)
