"""Twenty callers at once, who do as they please: every outcome is right, nothing is left over."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping

import pytest

from sandbox import sipp
from sandbox.fetch import Unpacked
from sandbox.sipp import BareCall
from sandbox.site import Site
from tests.real import breaking, callers
from tests.real.callers import Row

EACH = 5
TALK_MS = 16_000
KEYS: Mapping[str, tuple[tuple[int, str], ...]] = {
    "1": (),
    "2": ((2_000, "1"),),
    "3": (),
    "4": ((12_000, "*"), (12_300, "9")),
}
"""By the first digit of the last two: stays silent, refuses, hangs up in the notice, withdraws."""


def _caller(digits: str) -> BareCall:
    kind = digits[0]
    return BareCall(
        number="14040",
        caller=f"<sip:{callers.caller_number(digits)}@127.0.0.1>",
        keys=KEYS[kind],
        talk_ms=3_000 if kind == "3" else TALK_MS,
    )


@pytest.fixture(scope="module")
def calls(site: Site, unpacked: Unpacked, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Row]:
    """What became of twenty calls, by the last two digits of their callers."""
    digits = [f"{kind}{n}" for n in range(EACH) for kind in KEYS]
    began_s = time.monotonic()
    sipp.call_many(
        unpacked,
        site.asterisk.sip_address(),
        [_caller(one) for one in digits],
        tmp_path_factory.mktemp("sipp"),
        voice=callers.voice_file("caller1"),
    )
    ended = {one: callers.ended(site, one) for one in digits}
    breaking.assert_in_step(site)
    print(f"{len(digits)} calls in {time.monotonic() - began_s:.1f} s")
    return ended


def _recording(site: Site, call: Row) -> Row:
    rows = breaking.daemon(site).recordings()
    return next(row for row in rows if row["recording_id"] == call["recording_id"])


def test_every_one_of_twenty_callers_got_the_outcome_that_was_chosen(calls: Mapping[str, Row]) -> None:
    told = Counter((digits[0], call["decision"]) for digits, call in calls.items())
    outcomes = {"1": "not_refused", "2": "refused", "3": "caller_gone", "4": "not_refused"}
    assert told == Counter(dict.fromkeys(outcomes.items(), EACH))


def test_who_stayed_silent_is_sealed_with_all_that_was_said(site: Site, calls: Mapping[str, Row]) -> None:
    for n in range(EACH):
        row = _recording(site, calls[f"1{n}"])
        assert row["state"] == "sealed"
        assert row["duration_ms"] > 5_000


def test_who_refused_or_hung_up_has_no_recording(calls: Mapping[str, Row]) -> None:
    assert {calls[f"{kind}{n}"]["recording_id"] for kind in "23" for n in range(EACH)} == {None}


def test_who_withdrew_has_nothing_left(site: Site, calls: Mapping[str, Row]) -> None:
    for n in range(EACH):
        row = _recording(site, calls[f"4{n}"])
        assert (row["state"], row["erased_because"]) == ("withdrawn", "withdrawn")


def test_the_vault_holds_the_silent_ones_and_nothing_else(site: Site, calls: Mapping[str, Row]) -> None:
    wanted = {f"{calls[f'1{n}']['recording_id']}.sealed" for n in range(EACH)}
    assert {path.name for path in site.vault.rglob("*.sealed")} == wanted
    assert not list(site.spool.iterdir())


def test_nobody_had_to_be_told_of_anything(site: Site, calls: Mapping[str, Row]) -> None:
    assert calls
    assert callers.alarms(site) == []
