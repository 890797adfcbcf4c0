"""What happened to calls while the daemon was away decides whether their recordings may stay (I9)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import deadline
from sandbox.site import Site
from tests.real import breaking, callers
from tests.real.callers import Callers, Row


@pytest.fixture
def phones(site: Site, heard: Path) -> Iterator[Callers]:
    """Callers who hang up at the end of the test."""
    with Callers(site, heard) as many:
        yield many


def test_a_call_that_was_moved_to_somebody_else_meanwhile_was_not_watched(
    site: Site, phones: Callers
) -> None:
    moved, stayed = (phones.place("14060", digits) for digits in ("61", "62"))
    moved_id, stayed_id = (
        breaking.wait_until_recorded(site, digits, bytes_each=1) for digits in ("61", "62")
    )
    call = callers.decision(site, "61")
    before = breaking.row_of(site, moved_id)["bridge_id"]
    assert before == _bridge(site, call)
    site.kill_daemon()
    site.asterisk.rx(f"channel redirect {callers.channel_name(site, call)} internal,150,1")
    deadline.wait_until(
        lambda: _bridge(site, call) not in ("", before), within_s=15, what="the caller is in another bridge"
    )
    site.start_daemon()
    breaking.wait_until_open(site)
    dropped = callers.recording(site, moved_id, state="purged")
    assert dropped["erased_because"] == "controller_lost"
    assert breaking.row_of(site, stayed_id)["state"] == "recording"
    assert breaking.tapes(site, call) == []
    assert callers.shown(site, call)["CONSENTLINE_RECORDING"] == ""
    for phone in (moved, stayed):
        phone.hang_up()
    assert callers.recording(site, stayed_id)["erased_because"] is None
    breaking.assert_in_step(site)


def test_a_withdrawal_whose_mark_cannot_be_read_counts_by_its_name(site: Site, phones: Callers) -> None:
    phone = phones.place("14060", "63")
    recording_id = breaking.wait_until_recorded(site, "63", bytes_each=1)
    call = callers.decision(site, "63")
    site.kill_daemon()
    mark = site.home / "marks" / f"withdraw-{recording_id}"
    mark.touch(mode=0o000)
    site.start_daemon()
    breaking.wait_until_open(site)
    assert callers.recording(site, recording_id, state="withdrawn")["erased_because"] == "withdrawn"
    assert breaking.row_of(site, recording_id)["withdrawn_by"] == "dialplan"
    assert breaking.tapes(site, call) == []
    assert not mark.exists()
    assert callers.alarms(site, "mark_unreadable")
    phone.hang_up()
    breaking.assert_in_step(site)


def _bridge(site: Site, call: Row) -> str:
    """Return the unique id of the bridge that the caller is in, or nothing."""
    bridge = callers.shown(site, call).get("Bridge ID", "")
    return "" if bridge.startswith("(") else bridge
