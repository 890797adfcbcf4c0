"""A vault that is away, a clock that leaps, a backup that comes back, and daemons that must not start.

The tests follow each other through the life of one installation.
"""

from __future__ import annotations

import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from commands.frame.offline import Offline
from policy.clock import SteppedClock, SystemClock, from_ms
from policy.config import load_config
from policy.errors import ClockSuspect
from sandbox import deadline, ports
from sandbox.fetch import SandboxError
from sandbox.site import Site
from tests.real import breaking, callers
from tests.real.callers import Callers, Row

CLOCK_SUSPECT = 10


@contextmanager
def _vault_away(site: Site, *, a_file: bool) -> Iterator[None]:
    """Have something else, or nothing, where the vault was."""
    away = site.vault.with_name("vault.away")
    site.vault.rename(away)
    if a_file:
        site.vault.write_text("no disk is mounted here")
    try:
        yield
    finally:
        site.vault.unlink(missing_ok=True)
        away.rename(site.vault)


@contextmanager
def _at(site: Site, moment: datetime, *, boot: str) -> Iterator[tuple[Offline, SteppedClock]]:
    clock = SteppedClock(moment)
    with Offline.opened(load_config(site.config), clock=clock, boot=boot) as offline:
        yield offline, clock


# --- daemons that must not start --------------------------------------------------------------------


@pytest.fixture(scope="module")
def stopped(site: Site) -> Site:
    """The site with its daemon stopped."""
    site.stop_daemon()
    return site


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.create_server((ports.LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


def _ends(site: Site, *changes: tuple[str, str]) -> breaking.Ended:
    ended = breaking.serve(site, breaking.config_with(site, "wrong.toml", *changes))
    assert ended.code == 7, ended.said
    assert (len(ended.errors), len(ended.hints)) == (1, 1), ended.said
    assert "Traceback" not in ended.said
    return ended


def test_an_asterisk_that_is_away_is_told_in_one_line(stopped: Site) -> None:
    port = ports.free_port(socket.SOCK_STREAM)
    ended = _ends(stopped, ("ari_url =", f'ari_url = "http://127.0.0.1:{port}"'))
    assert "Connection refused" in ended.errors[0]
    ended = _ends(stopped, ("ami_port =", f"ami_port = {port}"))
    assert f"127.0.0.1:{port}: AMI cannot be reached" in ended.errors[0]


@pytest.mark.parametrize(
    ("name", "told"), [("ari_password", "login refused"), ("ami_password", "refused user")]
)
def test_a_wrong_password_is_told_in_one_line_without_the_password(
    stopped: Site, name: str, told: str
) -> None:
    ended = _ends(stopped, (f"{name} =", f'{name} = "not-the-password"'))
    assert told in ended.errors[0]
    assert "not-the-password" not in ended.said


def test_a_taken_metrics_port_is_told_in_one_line(stopped: Site, taken_port: int) -> None:
    ended = _ends(stopped, ("[metrics]", f"[metrics]\nlisten_port = {taken_port}"))
    assert f"metrics.listen_port: {taken_port} cannot be had" in ended.errors[0]
    assert "consentline" not in stopped.asterisk.rx("ari show apps")


def test_a_vault_that_is_away_is_told_in_one_line(stopped: Site) -> None:
    with _vault_away(stopped, a_file=True):
        ended = breaking.serve(stopped, stopped.config)
    assert (ended.code, len(ended.errors)) == (7, 1), ended.said
    assert str(stopped.vault) in ended.errors[0]


# --- the vault --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The recordings of four callers: 11 and 12 are sealed; 21 and 22 hang up while the vault is away.

    22 is under a policy of 30 days, the others of 60. The daemon is stopped, then the vault is back.
    """
    if site.daemon_pid() is None:
        site.start_daemon()
    numbers = {"11": "14040", "12": "14040", "21": "14040", "22": "14050"}
    with Callers(site, tmp_path_factory.mktemp("heard")) as phones:
        calls = {digits: phones.place(number, digits) for digits, number in numbers.items()}
        made = {digits: breaking.wait_until_recorded(site, digits, bytes_each=30_000) for digits in calls}
        for digits in ("11", "12"):
            calls[digits].hang_up()
            callers.recording(site, made[digits])
        with _vault_away(site, a_file=True):
            for digits in ("21", "22"):
                calls[digits].hang_up()
                callers.recording(site, made[digits], state="captured")
                callers.ended(site, digits)
            told = deadline.wait_until(
                lambda: callers.alarms(site, "sealing_failed"), within_s=10, what="the operator is told"
            )
            assert all(".consentline-vault" in alarm["text"] for alarm in told)
        with _vault_away(site, a_file=False):
            late = phones.place("14040", "31")
            decided = callers.decision(site, "31")
            callers.wait_for_agent(late)
            assert decided["recording_id"] is None
            late.hang_up()
            callers.ended(site, "31")
            site.stop_daemon()
    return made


def test_what_could_not_be_sealed_stays_and_is_quarantined(site: Site, made: Mapping[str, str]) -> None:
    for digits in ("21", "22"):
        row = breaking.row_of(site, made[digits])
        assert row["state"] == "captured"
        assert row["quarantined_at"] is not None
        assert len(callers.spool_files(site, made[digits])) == 2


def test_it_is_purged_at_its_due_time_though_it_was_never_sealed(site: Site, made: Mapping[str, str]) -> None:
    due = from_ms(breaking.row_of(site, made["22"])["due_at"])
    with _at(site, due - timedelta(seconds=1), boot="before") as (offline, _):
        assert offline.purge(dry_run=False, as_of=None, clock_is_right=False) == []
    with _at(site, due, boot="after") as (offline, _):
        purged = offline.purge(dry_run=False, as_of=None, clock_is_right=False)
    assert [row["recording_id"] for row in purged] == [made["22"]]
    assert not callers.spool_files(site, made["22"])
    assert breaking.row_of(site, made["22"])["state"] == "purged"
    assert len(callers.spool_files(site, made["21"])) == 2


def test_finalise_seals_the_rest_once_the_vault_is_back(site: Site, made: Mapping[str, str]) -> None:
    assert site.cli("finalise") == [{"recording_id": made["21"], "result": "sealed"}]
    assert not callers.spool_files(site, made["21"])
    assert breaking.row_of(site, made["21"])["state"] == "sealed"


# --- the clock --------------------------------------------------------------------------------------


def test_a_clock_behind_the_ledger_stops_the_purge_until_somebody_says_that_it_is_right(
    site: Site, made: Mapping[str, str]
) -> None:
    assert made, "the purge of 22 wrote into the ledger in 30 days' time"
    refused = site.run("purge", check=False)
    assert refused.returncode == CLOCK_SUSPECT
    assert "the ledger has an entry of" in refused.stderr
    assert "--clock-is-right" in refused.stderr
    site.start_daemon()
    deadline.wait_until(lambda: callers.alarms(site, "clock_suspect"), within_s=10, what="an alarm stands")
    assert site.run("purge", check=False).returncode == CLOCK_SUSPECT
    assert site.cli("purge", "--clock-is-right") == []
    assert site.cli("purge") == []
    assert callers.alarms(site, "clock_suspect") == []


def test_a_clock_that_leaps_ahead_purges_nothing(site: Site, made: Mapping[str, str]) -> None:
    site.stop_daemon()
    with _at(site, SystemClock().now(), boot="leaping") as (offline, clock):
        assert offline.purge(dry_run=False, as_of=None, clock_is_right=False) == []
        clock.leap(timedelta(days=400))
        with pytest.raises(ClockSuspect, match="leapt by 34560000 s"):
            offline.purge(dry_run=False, as_of=None, clock_is_right=False)
    assert {row["state"] for row in map(_row(site), (made["11"], made["12"], made["21"]))} == {"sealed"}
    site.start_daemon()
    assert site.cli("purge", "--clock-is-right") == []


def _row(site: Site) -> Callable[[str], Row]:
    return lambda recording_id: breaking.row_of(site, recording_id)


# --- a backup that comes back -----------------------------------------------------------------------


@contextmanager
def _restored(site: Site, backup: Path) -> Iterator[None]:
    """Put a backup of database and vault in the place of today's; the epoch folder is never in one."""
    today = site.home / "today"
    today.mkdir()
    names = ("consentline.db", "consentline.db-wal", "consentline.db-shm", "vault")
    for name in names:
        if (site.home / name).exists():
            (site.home / name).rename(today / name)
    shutil.copy2(backup / "consentline.db", site.database)
    shutil.copytree(backup / "vault", site.vault)
    try:
        yield
    finally:
        site.stop_daemon()
        for name in names:
            path = site.home / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            if (today / name).exists():
                (today / name).rename(path)


def _back_up(site: Site, backup: Path) -> None:
    shutil.copytree(site.vault, backup / "vault")
    with (
        closing(sqlite3.connect(site.database)) as database,
        closing(sqlite3.connect(backup / "consentline.db")) as copy,
    ):
        database.backup(copy)


def test_a_withdrawn_recording_does_not_open_again_from_a_restored_backup(
    site: Site, made: Mapping[str, str], tmp_path: Path
) -> None:
    _back_up(site, tmp_path)
    callers.export(site, made["11"], tmp_path / "before")
    site.run("withdraw", made["11"])
    assert callers.recording(site, made["11"], state="withdrawn")["erased_at"]
    site.stop_daemon()
    with _restored(site, tmp_path):
        assert breaking.row_of(site, made["11"])["state"] == "sealed"
        assert list(site.vault.rglob(f"{made['11']}.sealed"))
        site.start_daemon()
        with pytest.raises(SandboxError, match="exit code [68]"):
            callers.export(site, made["11"], tmp_path / "after")
        assert not (tmp_path / "after").exists()
        assert callers.recording(site, made["11"], state="lost")
        assert any(made["11"] in alarm["about"] for alarm in callers.alarms(site, "recording_lost"))
    site.start_daemon()
    callers.export(site, made["12"], tmp_path / "other")
    breaking.assert_in_step(site)
