"""From the key to gone: how long it takes, measured from outside, printed, and held to the promise.

It is counted from the moment at which Asterisk says that it received the end of the code's last key (its own
log, in milliseconds of the wall clock) to the later of two: the last file vanished from the spool (looked at
every two milliseconds), and the receipt's moment in the database. A live recording has no key that could be
left: none is made before it is sealed, and that none was made is looked at too. The limit is asserted when
the machine was idle before: a load average of one minute below its number of cores.
"""

from __future__ import annotations

import os
import re
import statistics
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest

from policy.clock import from_iso
from sandbox.site import Site
from tests.real.callers import Callers, channel_name, together, wait_for_agent
from tests.real.withdrawing import CODE, Records, SpoolWatch, envelopes_of, when_gone

pytestmark = pytest.mark.idle

AT_ONCE = 10
ROUNDS = 2
WORST_MS = 500.0
_END = re.compile(r"^\[(?P<at>[^]]+)\] DTMF\S* .*DTMF end '9' received on (?P<channel>\S+),", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All withdrawals.

    Attributes:
        load: One minute's average before the first call.
        gone_ms: For each recording, from the key's end to file and receipt.
    """

    load: float
    gone_ms: Mapping[str, float]


@pytest.fixture(scope="module")
def measured(site: Site) -> Iterator[Measured]:
    """Ten calls at once, withdrawn at once, and that again."""
    load = os.getloadavg()[0]
    site.asterisk.rx("logger add channel dtmf.log dtmf")
    gone_ms: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="cl-heard-") as folder, ExitStack() as phones:
        callers = [
            phones.enter_context(Callers(site, Path(folder), name=f"caller-{n}")) for n in range(AT_ONCE)
        ]
        for number in range(ROUNDS):
            gone_ms |= _round(site, callers, first=10 + number * AT_ONCE)
    yield Measured(load=load, gone_ms=gone_ms)


def _round(site: Site, callers: list[Callers], *, first: int) -> Mapping[str, float]:
    records = Records(site)
    by_digits = {f"{first + n}": callers[n] for n in range(len(callers))}
    talking = together({d: partial(phone.place, "14040", d) for d, phone in by_digits.items()})
    together({digits: partial(wait_for_agent, call) for digits, call in talking.items()})
    rows = {digits: records.call(digits) for digits in talking}
    channels = {digits: channel_name(site, row) for digits, row in rows.items()}
    with SpoolWatch(site) as watch:
        together({digits: partial(call.dtmf, CODE) for digits, call in talking.items()})
        for row in rows.values():
            when_gone(site, str(row["recording_id"]))
            records.erased(str(row["recording_id"]))
    for call in talking.values():
        call.hang_up()
    keys = {found["channel"]: _wall_s(found["at"]) for found in _END.finditer(_dtmf_log(site))}
    return {
        str(row["recording_id"]): 1000
        * (
            max(
                watch.gone_at(str(row["recording_id"])).timestamp(),
                from_iso(str(records.erased(str(row["recording_id"]))["erased_at"])).timestamp(),
            )
            - keys[channels[digits]]
        )
        for digits, row in rows.items()
    }


def _dtmf_log(site: Site) -> str:
    return (site.asterisk.log / "dtmf.log").read_text(errors="replace")


def _wall_s(text: str) -> float:
    """Asterisk logs in local time."""
    return datetime.fromisoformat(text).astimezone().timestamp()


def test_file_and_key_are_gone_within_half_a_second_of_the_key(
    measured: Measured, capsys: pytest.CaptureFixture[str]
) -> None:
    values = sorted(measured.gone_ms.values())
    idle = measured.load < (os.cpu_count() or 1)
    with capsys.disabled():
        print(
            f"\nwithdrawal, key to file and key gone: {len(values)} calls, {AT_ONCE} at once: "
            f"median {statistics.median(values):.0f} ms, worst {values[-1]:.0f} ms "
            f"(load before {measured.load:.2f}{'' if idle else ': not idle, only reported'})"
        )
    assert len(values) == AT_ONCE * ROUNDS
    assert values[0] > 0
    if idle:
        assert values[-1] < WORST_MS


def test_no_key_of_any_of_them_was_ever_written_down(site: Site, measured: Measured) -> None:
    records = Records(site)
    for recording_id in measured.gone_ms:
        assert envelopes_of(site, recording_id) == []
        kinds = [entry["kind"] for entry in records.told_of(recording_id)]
        assert kinds[-2:] == ["withdrawn", "destroyed"]
        assert "sealed" not in kinds
