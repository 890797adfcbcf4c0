"""The vault on another host (docs/vault-host.md): sealed there, destroyed there, and calls go on without it.

A real sshd runs `consentline vault serve` as the forced command of the PBX's key. Its folder is the vault
host's disk; the PBX reaches it by ssh alone. A folder stands for the host that keeps the checkpoints.
The daemon's clock is moved ahead, so the tests stand in the order of what happens.
"""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from policy.clock import from_iso
from sandbox import deadline
from sandbox.fetch import Unpacked, fetch_ssh
from sandbox.site import Site
from sandbox.ssh import SshHost
from tests.real.callers import (
    agent_at_desk,
    alarms,
    decision,
    export,
    holds,
    place,
    query,
    settled,
    site_of,
    spool_files,
    voice_file,
    wait_until_heard,
)
from tests.real.clocked import Ahead
from tests.real.test_scope_five import NUMBERS, filled_in
from tests.store.tampering import forge

POLICY = "heerde"
BACK_WITHIN_S = 40.0
TALK_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Two:
    """A PBX and its vault host.

    Attributes:
        vault: The vault host's folder, as only the vault host sees it.
        kept: The folder of a third host, which keeps checkpoints.
        heard: For what softphones hear.
    """

    site: Site
    host: SshHost
    vault: Path
    kept: Path
    ahead: Ahead
    heard: Path

    def sealed(self, recording_id: str) -> Path:
        """Return where a recording lies there, or would lie."""
        return self.vault / recording_id[:2] / f"{recording_id}.sealed"

    def call(self, digits: str, *, press: str = "") -> str:
        """Have a call with an agent, and return its recording, whatever becomes of it."""
        with ExitStack() as stage:
            stage.enter_context(agent_at_desk(self.site, self.heard, user="agent1"))
            call = stage.enter_context(place(self.site, f"dial{NUMBERS[POLICY]}", digits, folder=self.heard))
            wait_until_heard(call, voice_file("agent1"))
            recording_id = str(decision(self.site, digits)["recording_id"])
            call.listen(TALK_S)
            if press:
                call.dtmf(press)
                call.listen(2.0)
        return recording_id

    def state(self, recording_id: str) -> str:
        (row,) = query(self.site, "SELECT state FROM recordings WHERE recording_id = ?", recording_id)
        return str(row["state"])

    def told(self, recording_id: str) -> list[str]:
        """Return the kinds of the ledger's entries about a recording, in order."""
        entries = query(
            self.site,
            "SELECT kind FROM ledger JOIN ledger_payloads USING (seq) WHERE subject = ? ORDER BY seq",
            recording_id,
        )
        return [entry["kind"] for entry in entries]

    def goes(self) -> None:
        """Have the vault host lose power, and wait until the daemon has seen it."""
        self.host.kill()
        self.is_seen_away()

    def is_seen_away(self) -> None:
        deadline.wait_until(
            lambda: alarms(self.site, "vault_away"),
            within_s=BACK_WITHIN_S,
            what="the daemon misses the vault",
        )

    def comes_back(self) -> None:
        self.host.start()
        self.is_seen_back()

    def is_seen_back(self) -> None:
        deadline.wait_until(
            lambda: not alarms(self.site, "vault_away"), within_s=BACK_WITHIN_S, what="the vault is back"
        )

    def checkpoints(self) -> list[int]:
        """Return how many entries each kept checkpoint has."""
        return sorted(int(path.stem) for path in self.kept.rglob("*.checkpoint"))


@pytest.fixture(scope="module")
def two(unpacked: Unpacked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    """Both, with the vault made and named in the PBX's config file as docs/vault-host.md says."""
    ahead = Ahead.of(tmp_path_factory.mktemp("clock"))
    policies, there = tmp_path_factory.mktemp("policies"), tmp_path_factory.mktemp("store")
    kept, vault = tmp_path_factory.mktemp("kept"), there / "vault"
    with site_of(unpacked, [filled_in(POLICY, policies)], daemon_command=ahead.command) as site:
        forced = shlex.join([str(site.executable), "vault", "serve", str(vault)])
        host = SshHost(there / "sshd", fetch_ssh(), name="store", options=f'command="{forced}",restrict')
        print(f"Asterisk {site.asterisk.version()}, OpenSSH {fetch_ssh().versions['openssh-server']}")
        site.run("vault", "make", str(vault))
        with host:
            _name_hosts(site, [*host.ssh(), "store"], kept)
            heard = tmp_path_factory.mktemp("heard")
            yield Two(site=site, host=host, vault=vault, kept=kept, ahead=ahead, heard=heard)


def _name_hosts(site: Site, command: list[str], kept: Path) -> None:
    target = f'targets = [{{ name = "kluis", kind = "directory", to = "{kept}" }}]'
    text = site.config.read_text().replace("without_target = true", target)
    site.config.write_text(f"{text}\n[vault]\ncommand = {json.dumps(command)}\n")
    site.stop_daemon()
    site.start_daemon()


# --- while it is there ------------------------------------------------------------------------------


def test_h5_a_call_is_sealed_on_the_other_host_and_nothing_of_it_lies_on_the_pbx(
    two: Two, tmp_path: Path
) -> None:
    recording_id = two.call("71")
    row = settled(two.site, recording_id)
    assert row["state"] == "sealed"
    assert two.sealed(recording_id).stat().st_size == row["sealed_bytes"]
    assert not list(two.site.vault.rglob("*.sealed"))
    assert spool_files(two.site, recording_id) == []
    opened = export(two.site, recording_id, tmp_path / "copy")
    assert holds(opened.agent, voice_file("agent1"))
    assert holds(opened.caller, voice_file("caller1"))


def test_doctor_and_ledger_verify_ask_the_vault_host(two: Two) -> None:
    (found,) = [row for row in _doctor(two) if row["check"] == "vault host"]
    assert found["verdict"] == "ok"
    assert not [row for row in _doctor(two) if "server of its own" in row["check"]]
    (verified,) = two.site.cli("ledger", "verify", "--checkpoint", str(two.kept))
    assert verified["recordings"]["kept"] >= 1
    assert "vault_not_looked_into" not in verified


def _doctor(two: Two) -> list[dict[str, str]]:
    done = two.site.run(
        "doctor", "--sandbox", "--json", "--asterisk-etc", str(two.site.asterisk.etc), check=False
    )
    rows: list[dict[str, str]] = json.loads(done.stdout)
    return rows


# --- while it is away -------------------------------------------------------------------------------


def test_killed_in_the_middle_of_a_call_it_costs_no_call_and_no_recording(two: Two) -> None:
    with ExitStack() as stage:
        stage.enter_context(agent_at_desk(two.site, two.heard, user="agent1"))
        call = stage.enter_context(place(two.site, f"dial{NUMBERS[POLICY]}", "72", folder=two.heard))
        wait_until_heard(call, voice_file("agent1"))
        during = str(decision(two.site, "72")["recording_id"])
        two.goes()
        call.listen(TALK_S)
    after = two.call("73")
    for recording_id in (during, after):
        deadline.wait_until(
            lambda recording_id=recording_id: two.state(recording_id) == "captured",  # type: ignore[misc]  # bound now
            within_s=20,
            what=f"{recording_id} waits",
        )
        assert spool_files(two.site, recording_id)
    two.comes_back()
    for recording_id in (during, after):
        assert settled(two.site, recording_id, within_s=BACK_WITHIN_S)["state"] == "sealed"
        assert two.sealed(recording_id).is_file()
        assert spool_files(two.site, recording_id) == []


def test_a_withdrawal_in_mid_call_waits_for_no_vault_host(two: Two) -> None:
    two.goes()
    try:
        recording_id = two.call("74", press="*9")
        row = settled(two.site, recording_id)
    finally:
        two.comes_back()
    assert (row["state"], row["erased_because"]) == ("withdrawn", "withdrawn")
    assert two.told(recording_id)[-1] == "destroyed"


def test_a_daemon_that_starts_while_it_is_away_takes_calls_and_seals_them_later(two: Two) -> None:
    two.goes()
    two.site.stop_daemon()
    two.site.start_daemon()
    recording_id = two.call("75")
    deadline.wait_until(lambda: two.state(recording_id) == "captured", within_s=20, what="it waits")
    two.is_seen_away()
    two.comes_back()
    assert settled(two.site, recording_id, within_s=BACK_WITHIN_S)["state"] == "sealed"


def test_a_host_that_hangs_keeps_no_caller_waiting(two: Two) -> None:
    two.host.freeze()
    try:
        began_s = time.monotonic()
        recording_id = two.call("76")
        took_s = time.monotonic() - began_s
        two.is_seen_away()
    finally:
        two.host.thaw()
    two.is_seen_back()
    print(f"a whole call beside a vault host that hangs: {took_s:.1f} s")
    assert settled(two.site, recording_id, within_s=90)["state"] == "sealed"


# --- until it is gone -------------------------------------------------------------------------------


def test_i4_due_while_it_is_away_the_key_goes_on_time_and_the_receipt_waits_for_absence(two: Two) -> None:
    kept = [
        str(row["recording_id"]) for row in query(two.site, "SELECT * FROM recordings WHERE state = 'sealed'")
    ]
    assert len(kept) >= 4
    due_at = max(from_iso(row["due_at"]) for row in two.site.cli("recordings", "list") if row["due_at"])
    two.goes()
    two.ahead.to(due_at)
    purged = two.site.run("purge", check=False)
    assert (purged.returncode, "vault host" in purged.stderr) == (9, True), purged.stderr
    for recording_id in kept:
        assert query(two.site, "SELECT 1 FROM envelopes WHERE recording_id = ?", recording_id) == []
        assert two.state(recording_id) == "purging"
        assert "destroyed" not in two.told(recording_id)
        assert two.sealed(recording_id).is_file()
        receipt = two.site.run("receipt", recording_id, check=False)
        assert receipt.returncode != 0, receipt.stdout
    assert alarms(two.site, "destruction_incomplete")
    verified = two.site.run("ledger", "verify", check=False)
    assert "the vault was not looked into: vault host" in verified.stdout
    two.comes_back()
    for recording_id in kept:
        assert settled(two.site, recording_id, within_s=BACK_WITHIN_S)["state"] == "purged"
        assert not two.sealed(recording_id).exists()
        assert two.told(recording_id)[-1] == "destroyed"
        assert two.site.run("receipt", recording_id, "--lang", "en").stdout
    (account,) = two.site.cli("ledger", "verify")
    assert account["recordings"]["kept"] == 0


# --- what left the host -----------------------------------------------------------------------------


def test_checkpoints_of_the_running_daemon_lie_on_the_other_host_hourly_and_after_destruction(
    two: Two,
) -> None:
    (last,) = query(two.site, "SELECT max(seq) AS seq FROM ledger WHERE kind = 'destroyed'")
    deadline.wait_until(
        lambda: two.checkpoints()[-1] > last["seq"], within_s=70, what="the destruction is under a checkpoint"
    )
    before = two.checkpoints()
    recording_id = two.call("77")
    settled(two.site, recording_id)
    two.ahead.to(two.ahead.now() + timedelta(hours=1, minutes=1))
    deadline.wait_until(
        lambda: len(two.checkpoints()) > len(before), within_s=70, what="an hour's checkpoint arrives"
    )
    (sealed,) = query(two.site, "SELECT max(seq) AS seq FROM ledger WHERE kind = 'sealed'")
    assert two.checkpoints()[-1] > sealed["seq"]
    assert [row["size"] for row in query(two.site, "SELECT size FROM checkpoints ORDER BY size")] == (
        two.checkpoints()
    )
    assert alarms(two.site, "checkpoint_target_behind") == []
    (verified,) = two.site.cli("ledger", "verify", "--checkpoint", str(two.kept))
    assert verified["checkpoints"]["shown"] == len(two.checkpoints())


def test_a_log_written_anew_with_the_signing_key_is_found_by_what_left_the_host(
    two: Two, tmp_path: Path
) -> None:
    forged = tmp_path / "forged.db"
    (verified,) = two.site.cli("ledger", "verify")
    (key,) = verified["checkpoints"]["keys"]
    forge(two.site.database, two.site.home / "ledger.key", key["vkey"], forged)
    alone = two.site.run("ledger", "verify", "--database", str(forged), check=False)
    assert alone.returncode == 0, alone.stdout
    assert "could have rewritten it" in alone.stdout
    shown = two.site.run(
        "ledger", "verify", "--database", str(forged), "--checkpoint", str(two.kept), check=False
    )
    assert shown.returncode == 6, shown.stdout
    assert "ledger does not hold" in shown.stdout
    print([line for line in shown.stdout.splitlines() if line.startswith("broken")][:1])
