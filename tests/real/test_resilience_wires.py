"""The wires between daemon and Asterisk are cut: what could not be heard is doubted, a stop is repeated."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiohttp
import pytest

from policy.config import load_config
from sandbox import deadline
from sandbox.site import Site
from sandbox.softphone import Call
from tests.real import breaking, callers
from tests.real.breaking import Lines
from tests.real.callers import Callers

AT_ONCE_S = 3.0


@pytest.fixture(scope="module")
def lines(site: Site) -> Iterator[Lines]:
    """Put wires that can be cut between the daemon and Asterisk."""
    site.stop_daemon()
    with breaking.behind_lines(site) as wires:
        site.start_daemon()
        yield wires
        site.stop_daemon()


@pytest.fixture(scope="module")
def talkers(
    site: Site, lines: Lines, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Call]]:
    """Four callers who talk, recorded, whatever is cut meanwhile."""
    assert lines
    with Callers(site, tmp_path_factory.mktemp("talkers")) as phones:
        calls = {digits: phones.place("14040", digits) for digits in ("31", "41", "51", "61")}
        for digits in calls:
            breaking.wait_until_recorded(site, digits, bytes_each=30_000)
        yield calls


@pytest.fixture
def phones(site: Site, lines: Lines, talkers: Mapping[str, Call], heard: Path) -> Iterator[Callers]:
    """Callers who hang up at the end of the test; both wires are whole at its beginning."""
    assert talkers
    lines.ari.mend()
    lines.ami.mend()
    breaking.wait_until_open(site)
    with Callers(site, heard) as many:
        yield many


# --- the websocket ----------------------------------------------------------------------------------


def test_a_cut_websocket_doubts_the_notice_and_the_wait_and_not_the_talk(
    site: Site, lines: Lines, talkers: Mapping[str, Call], phones: Callers
) -> None:
    talks = breaking.wait_until_recorded(site, "31")
    waiter = phones.place("slow14040", "32")
    waits = callers.decision(site, "32")["recording_id"]
    listener = phones.place("14040", "33")
    breaking.wait_until_noticed(site, "33")
    cut_s = time.monotonic()
    lines.ari.cut_events()
    onward_s = callers.wait_for_agent(listener) / 1000 - cut_s
    print(f"the caller in the notice is onward {onward_s:.2f} s after the cut")
    assert onward_s < AT_ONCE_S
    assert callers.decision(site, "33")["decision"] == "error"
    dropped = callers.recording(site, waits, state="purged")
    assert dropped["erased_because"] == "controller_lost"
    breaking.wait_until_open(site)
    waiter.hang_up()
    listener.hang_up()
    call = callers.decision(site, "31")
    assert breaking.tapes(site, call)
    talkers["31"].dtmf("*9")
    assert callers.recording(site, talks, state="withdrawn")["erased_because"] == "withdrawn"
    talkers["31"].hang_up()
    assert callers.ended(site, "31")["ended_at"]


def test_while_ari_is_away_callers_go_on_unrecorded_and_what_is_recorded_is_sealed(
    site: Site, lines: Lines, talkers: Mapping[str, Call], phones: Callers
) -> None:
    talks = breaking.wait_until_recorded(site, "41")
    listener = phones.place("14040", "43")
    breaking.wait_until_noticed(site, "43")
    cut_s = time.monotonic()
    lines.ari.cut()
    late = phones.place("14040", "44")
    late_s = callers.wait_for_agent(late) / 1000 - cut_s
    onward_s = callers.wait_for_agent(listener) / 1000 - cut_s
    print(f"who came meanwhile is onward after {late_s:.2f} s, who was in the notice after {onward_s:.2f} s")
    assert late_s < AT_ONCE_S
    assert onward_s < breaking.patience_s(site) + AT_ONCE_S
    talkers["41"].hang_up()
    assert callers.recording(site, talks)["erased_at"] is None
    lines.ari.mend()
    breaking.wait_until_open(site)
    late.hang_up()
    listener.hang_up()
    assert callers.ended(site, "43")["recording_id"] is None
    marked = callers.query(site, "SELECT outcome, recording_id FROM decisions WHERE way = 'mark'")
    assert {(row["outcome"], row["recording_id"]) for row in marked} == {("gate_unavailable", None)}


# --- AMI --------------------------------------------------------------------------------------------


def test_a_stop_that_ami_lost_is_repeated_until_it_holds_and_the_withdrawal_waits_for_nobody(
    site: Site, lines: Lines, talkers: Mapping[str, Call], phones: Callers
) -> None:
    assert phones
    recording_id = breaking.wait_until_recorded(site, "51")
    call = callers.decision(site, "51")
    lines.ami.cut_when_sent(rb"Action: StopMixMonitor")
    with ThreadPoolExecutor() as asking:
        asked = asking.submit(breaking.daemon(site).withdraw, by="operator", call_id=call["call_id"])
        answer = asked.result(10)
    print(f"withdrawn in {answer['took_ms']} ms without AMI")
    assert answer["state"] == "withdrawn"
    assert not callers.spool_files(site, recording_id)
    assert breaking.tapes(site, call), "the stop did not arrive"
    lines.ami.mend()
    deadline.wait_until(lambda: not breaking.tapes(site, call), within_s=10, what="the tape stops")
    talkers["51"].hang_up()
    assert callers.ended(site, "51")["ended_at"]


def test_while_ami_is_away_no_recording_starts_and_the_waiting_are_doubted(
    site: Site, lines: Lines, talkers: Mapping[str, Call], phones: Callers
) -> None:
    talks = breaking.wait_until_recorded(site, "61")
    waiter = phones.place("slow14040", "62")
    waiter.listen(2)
    late = phones.place("14040", "64")
    waits = callers.decision(site, "62")["recording_id"]
    lines.ami.cut()
    assert callers.recording(site, waits, state="purged")["erased_because"] == "controller_lost"
    decided = callers.decision(site, "64")
    assert (decided["decision"], decided["recording_id"]) == ("not_refused", None)
    callers.wait_for_agent(late)
    lines.ami.mend()
    breaking.wait_until_open(site)
    for caller in (talkers["61"], waiter, late):
        caller.hang_up()
    assert callers.recording(site, talks)["duration_ms"] > 5000


def test_after_all_these_cuts_everything_is_in_step(site: Site, talkers: Mapping[str, Call]) -> None:
    assert all(any(event.kind == "disconnected" for event in call.events()) for call in talkers.values())
    breaking.assert_in_step(site)
    assert callers.query(site, "SELECT call_id FROM calls WHERE ended_at IS NULL") == []


# --- somebody else ----------------------------------------------------------------------------------


def test_a_daemon_whose_application_is_taken_ends_with_one_clear_line(site: Site, phones: Callers) -> None:
    assert phones
    site.stop_daemon()
    with breaking.serving(site) as daemon:
        asyncio.run(_take_application(site))
        ended = daemon.ended()
    assert (ended.code, len(ended.errors), len(ended.hints)) == (8, 1, 1), ended.said
    assert 'another client took the ARI application "consentline"' in ended.errors[0]
    assert "Traceback" not in ended.said
    site.start_daemon()
    breaking.assert_in_step(site)


async def _take_application(site: Site) -> None:
    access = load_config(site.config).asterisk
    login = base64.b64encode(f"{access.ari_user}:{access.ari_password}".encode()).decode()
    headers = {"Authorization": f"Basic {login}"}
    url = f"http://127.0.0.1:{site.asterisk.ports.http}/ari/events?app={access.app}"
    async with aiohttp.ClientSession(headers=headers) as session, session.ws_connect(url):
        return
