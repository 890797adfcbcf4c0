"""The dead-man switch fires in the milliseconds in which a call leaves the gate: it goes on all the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from sandbox import deadline
from sandbox.site import Site
from tests.real import callers
from tests.real.callers import Callers

ROUNDS = 400
WITHIN_S = 60.0
CALLERS = 6
PRESSED_AFTER_S = 1.5
NAME = "ab" * 16

WAYS = {
    "refused": "consentline-done,refused,1",
    "permitted": "consentline-done,not_refused,1",
    "recorded": f"consentline-record-not_refused,{NAME},1",
    "away": "consentline-away,s,1",
}
# One channel goes round and round: it leaves the gate each time, with a switch that fires before, meanwhile,
# or too late. Asterisk looks at it in whole milliseconds: 1.2 are 0.2. Who is hung up tells no number.
RACE = """
[race]
exten => _[a-z].,1,Answer()
 same => n(again),Set(RACE_ROUND=$[0${RACE_ROUND} + 1])
 same => n,Set(RACE_LEFT=)
 same => n,Gosub(race-gate,${EXTEN},1)
 same => n,Set(RACE_TOLD=${RACE_LEFT}${CONSENTLINE_DECISION})
 same => n,Set(RACE_IN_TIME=$[0${RACE_IN_TIME} + $["${RACE_TOLD}" = "yesgate_unavailable"]])
 same => n,ExecIf($["${CONSENTLINE_MMID}" != ""]?StopMixMonitor(${CONSENTLINE_MMID}))
 same => n,Set(CONSENTLINE_MMID=)
 same => n,GotoIf($[${RACE_ROUND} < @ROUNDS@]?again)
 same => n,Set(GLOBAL(RACE_${EXTEN})=${RACE_ROUND} ${RACE_IN_TIME})
 same => n,Hangup()

[race-gate]
exten => _[a-z].,1,Gosub(consentline-settings,s,1)
 same => n,Set(CONSENTLINE_CALL=${UNIQUEID})
 same => n,Set(CONSENTLINE_POLICY=kort)
 same => n,Set(CONSENTLINE_TIMEOUT_AT=0)
 same => n,Set(TIMEOUT(absolute)=0.00${RAND(1000,1450)})
 same => n,Set(RACE_LEFT=yes)
 same => n,Goto(race-way-${EXTEN},s,1)
exten => T,1,Set(RACE_LEFT=)
 same => n,Goto(consentline-away,s,1)
"""


Rounds = Mapping[str, tuple[int, int]]


EARLY = "exten => T,1,Goto(race-gate,T,1)\n"


@pytest.fixture(scope="module")
def came_through(site: Site) -> Rounds:
    """By way: how many rounds a call came through, and in how many of them the switch freed it."""
    ways = (f"\n[race-way-{way}]\nexten => s,1,Goto({to})\n{EARLY}" for way, to in WAYS.items())
    included = site.home / "asterisk/extensions.conf"
    included.write_text(included.read_text() + RACE.replace("@ROUNDS@", str(ROUNDS)) + "".join(ways))
    site.asterisk.rx("dialplan reload")
    for way in WAYS:
        site.asterisk.rx(f"channel originate Local/{way}@race/n application Wait {WITHIN_S:.0f}")
    deadline.wait_until(lambda: not _racing(site), within_s=WITHIN_S, what="all are through, or hung up")
    told = site.asterisk.rx("dialplan show globals")
    found = re.findall(r"RACE_(\w+)=(\d+) (\d+)", told)
    return {way: (int(rounds), int(fired)) for way, rounds, fired in found}


def _racing(site: Site) -> bool:
    return any("@race" in name and name.endswith(";2") for name in site.asterisk.channels())


@pytest.mark.parametrize("way", WAYS)
def test_a_switch_that_fires_while_a_call_leaves_hangs_nobody_up(came_through: Rounds, way: str) -> None:
    assert way in came_through, "the call was hung up"
    rounds, fired = came_through[way]
    print(f"{way}: {rounds} times through, {fired} of them freed by the switch")
    assert rounds == ROUNDS


def test_it_did_fire_behind_the_gate(came_through: Rounds) -> None:
    assert sum(fired for way, (_, fired) in came_through.items() if way != "away") > 0


def test_callers_whose_patience_ends_just_when_they_press_all_reach_an_agent(
    site: Site, tmp_path: Path
) -> None:
    included = site.home / "asterisk/extensions.conf"
    before = included.read_text()
    tiny = f"CONSENTLINE_PATIENCE_S={PRESSED_AFTER_S:.0f}.${{RAND(300,900)}})"
    shortened = re.sub(r"CONSENTLINE_PATIENCE_S=\d+\)", lambda _: tiny, before)
    assert shortened != before
    included.write_text(shortened)
    site.asterisk.rx("dialplan reload")
    try:
        with Callers(site, tmp_path) as troupe:

            def visit(digits: str) -> Callable[[], str]:
                def act() -> str:
                    call = troupe.place("14040", digits)
                    call.listen(PRESSED_AFTER_S)
                    call.dtmf("1")
                    callers.wait_for_agent(call)
                    shown = callers.shown(site, callers.decision(site, digits))
                    call.hang_up()
                    return shown["CONSENTLINE_DECISION"]

                return act

            decided = callers.together({f"6{number}": visit(f"6{number}") for number in range(CALLERS)})
    finally:
        included.write_text(before)
        site.asterisk.rx("dialplan reload")
    print(", ".join(decided.values()))
    assert len(decided) == CALLERS
    assert set(decided.values()) <= {"refused", "gate_unavailable"}
