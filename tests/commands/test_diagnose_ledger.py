"""What `doctor` says of the ledger: its key, its targets, and whether they lie elsewhere."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from commands.doctor.diagnosis import Check, Verdict
from commands.doctor.ledger import ledger_checks
from policy.clock import SteppedClock, SystemRandomness
from policy.config import Config, Ledger, Target, TargetKind, load_config
from store.db import Db
from store.logbook import checkpoints, signing_key
from store.logbook.checkpoints import Because
from tests.store.scene import STARTED_AT


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock(STARTED_AT)


@pytest.fixture
def config(config_file: Path, clock: SteppedClock) -> Config:
    config = load_config(config_file)
    with closing(Db.open(config.path("database"), clock=clock)) as db:
        path = config.path("signing_key")
        signer = signing_key.prepare(path, db, SystemRandomness(), at=STARTED_AT, actor="test")
        checkpoints.make(db, signer, because=Because.HOUR, at=STARTED_AT)
    return config


def checks(config: Config, clock: SteppedClock, **ledger: object) -> dict[str, Check]:
    told = config.model_copy(update={"ledger": Ledger.model_validate(ledger)})
    return {check.name: check for check in ledger_checks(told, clock)}


def target(kind: str, to: str) -> Target:
    return Target(name="kluis", kind=TargetKind(kind), to=to)


def test_no_target_is_a_problem_and_in_a_sandbox_a_note(config: Config, clock: SteppedClock) -> None:
    found = checks(config, clock)
    assert found["ledger: targets"].verdict is Verdict.PROBLEM
    assert found["ledger: signed by"].found.startswith("consentline/")
    assert found["ledger: checkpoint"].found.startswith("2 entries")
    assert checks(config, clock, without_target=True)["ledger: targets"].verdict is Verdict.NOTE


def test_a_target_that_has_them_is_ok_and_one_that_waits_too_long_a_problem(
    config: Config, clock: SteppedClock
) -> None:
    targets = (target("syslog", "tls://log.example:6514"),)
    name = "ledger: target kluis"
    assert checks(config, clock, targets=targets)[name].verdict is Verdict.NOTE
    clock.advance(timedelta(minutes=15))
    behind = checks(config, clock, targets=targets)[name]
    assert (behind.verdict, "1 checkpoints wait" in behind.found) == (Verdict.PROBLEM, True)
    with closing(Db.open(config.path("database"), clock=clock)) as db, db.write() as tx:
        checkpoints.note_delivered(tx, "kluis", 2, clock.now())
    found = checks(config, clock, targets=targets)
    assert found[name].verdict is Verdict.OK
    assert set(found) == {"ledger: signed by", "ledger: checkpoint", name}


@pytest.mark.parametrize(
    ("kind", "to", "verdict"),
    [
        ("syslog", "unix:///dev/log", Verdict.NOTE),
        ("syslog", "tls://127.0.0.1:6514", Verdict.NOTE),
        ("syslog", "tls://localhost:6514", Verdict.NOTE),
        ("https", "https://[::1]/kluis", Verdict.NOTE),
        ("directory", "/nowhere/at/all", Verdict.PROBLEM),
    ],
)
def test_a_target_on_this_host_is_told_from_one_elsewhere(
    config: Config, clock: SteppedClock, kind: str, to: str, verdict: Verdict
) -> None:
    found = checks(config, clock, targets=(target(kind, to),))
    assert found["ledger: target kluis: off this host"].verdict is verdict


def test_a_folder_on_the_same_disk_is_no_other_host(config: Config, clock: SteppedClock) -> None:
    found = checks(config, clock, targets=(target("directory", str(config.home)),))
    assert found["ledger: target kluis: off this host"].verdict is Verdict.PROBLEM
    way = checks(config, clock, targets=(target("syslog", "udp://log.example:514"),))
    assert way["ledger: target kluis: way"].verdict is Verdict.NOTE


def test_without_a_database_there_is_one_problem(config_file: Path, clock: SteppedClock) -> None:
    (check,) = ledger_checks(load_config(config_file), clock)
    assert check.verdict is Verdict.PROBLEM
