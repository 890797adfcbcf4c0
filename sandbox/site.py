"""One folder with everything: Asterisk, an installation of consentline in front of it, and its daemon.

`make sandbox-up`, the demo and the tests build on this. The installation is made by `consentline init` and
`consentline prompts build`, as an administrator would; only its floors of free space are lowered, and it
asks for no target of the ledger's checkpoints.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from policy.clock import from_iso, to_iso
from sandbox import deadline
from sandbox.asterisk import Asterisk
from sandbox.fetch import SandboxError, Unpacked

REPOSITORY = Path(__file__).resolve().parent.parent
POLICIES = (
    REPOSITORY / "policies/eindhoven.toml",
    REPOSITORY / "sandbox/policies/aankondiging.toml",
    REPOSITORY / "sandbox/policies/toestemming.toml",
)
PERSON = "sandbox"
OFFICER = "privacy_officer"
WORN_ALREADY = 8
"""Exit code of a hat that somebody wears already."""
SNIPPETS = ("extensions.conf", "features.conf", "ari.conf", "manager.conf")
DAEMON_WITHIN_S = 20.0
_MEMORY = Path("/dev/shm")  # noqa: S108 - memory-backed on purpose; init makes a private folder in it
_LEAST_MEMORY_BYTES = 64 * 1024 * 1024
_FLOORS = """
[recording]
spool_floor_bytes = 1048576
vault_floor_bytes = 1048576

[ledger]
without_target = true
"""


class Site:
    """A telephone exchange that asks for consent.

    Attributes:
        folder: Holds everything but the spool.
        asterisk: Its Asterisk.
        config: The config file of consentline.
        spool, vault, database: Where recordings grow, where they are sealed, and the records.
        passphrase: Opens the slot of `PERSON` in every policy's reading key.
    """

    def __init__(
        self,
        folder: Path,
        unpacked: Unpacked,
        *,
        policies: Sequence[Path] = POLICIES,
        daemon_command: Sequence[str] = (),
        trunks: Sequence[str] = (),
    ) -> None:
        """Describe a site; an earlier one in the same folder is taken up, running or not.

        Args:
            folder: Holds everything but the spool; its path needs to be short and without odd characters.
            unpacked: The packages to run.
            policies: Policy files of a new installation.
            trunks: Endpoints from which callers from outside come, of a new one; none: everybody is outside.
            daemon_command: Runs the daemon instead of `consentline serve`; the environment names the config.
        """
        self.folder = folder.absolute()
        self.unpacked = unpacked
        self.home = self.folder / "consentline"
        self.config = self.home / "consentline.toml"
        self.spool = _spool_for(self.folder)
        self.vault = self.home / "vault"
        self.database = self.home / "consentline.db"
        self.log = self.folder / "daemon.log"
        self.executable = Path(sys.prefix) / "bin/consentline"
        self._policies = tuple(policies)
        self._trunks = tuple(trunks)
        self._daemon_command = tuple(daemon_command) or (str(self.executable), "serve")
        self._daemon: subprocess.Popen[bytes] | None = None
        known = self._known()
        self.passphrase: str = known.get("passphrase") or f"sandbox-{uuid.uuid4().hex}"
        try:
            self.asterisk = Asterisk.attach(self.folder / "pbx", unpacked)
        except SandboxError:
            includes = [(name, self.home / "asterisk" / name) for name in SNIPPETS]
            self.asterisk = Asterisk(self.folder / "pbx", unpacked, includes=includes)

    def start(self) -> None:
        """Make the installation if there is none, and start Asterisk and the daemon.

        Raises:
            SandboxError: one of them does not start.
        """
        self.start_asterisk()
        self.start_daemon()

    def stop(self) -> None:
        """Stop both; the installation and its recordings stay."""
        self.stop_daemon()
        self.asterisk.stop()

    def remove(self) -> None:
        """Stop both and remove everything, the spool included."""
        self.stop()
        shutil.rmtree(self.spool, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start_asterisk(self) -> None:
        """Make the installation if there is none, and start Asterisk alone."""
        if not self._known():
            self._install()
        self.spool.mkdir(mode=0o700, exist_ok=True)  # a reboot empties memory
        if not self.asterisk.is_running():
            self.asterisk.start()
        self._write_ports()

    def start_daemon(self) -> None:
        """Start the daemon, and return when Asterisk would hand it calls.

        Raises:
            SandboxError: it ended, or does not come up in time.
        """
        if self.daemon_pid() is not None:
            raise SandboxError(f"{self.folder}: the daemon already runs")
        with self.log.open("ab") as log:
            self._daemon = subprocess.Popen(
                self._daemon_command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=self.environment(),
                cwd=REPOSITORY,
            )
        (self.folder / "daemon.pid").write_text(str(self._daemon.pid))
        deadline.wait_until(self._daemon_answers, within_s=DAEMON_WITHIN_S, what="the daemon takes calls")

    def stop_daemon(self) -> None:
        """SIGTERM, and wait until it has ended; kill it if that takes too long."""
        self._signal_daemon(signal.SIGTERM)
        try:
            self._wait_for_its_end()
        except SandboxError:
            self.kill_daemon()

    def kill_daemon(self) -> None:
        """SIGKILL, as a crash does."""
        self._signal_daemon(signal.SIGKILL)
        self._wait_for_its_end()

    def daemon_pid(self) -> int | None:
        """The daemon's process id while it lives, this process's own child or not."""
        if self._daemon is not None:
            return self._daemon.pid if self._daemon.poll() is None else None
        try:
            pid = int((self.folder / "daemon.pid").read_text())
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError, ValueError):
            return None
        return pid if f"CONSENTLINE_CONFIG={self.config}".encode() in environment else None

    def run(
        self, *arguments: str, with_passphrase: bool = False, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run `consentline` on this site.

        Args:
            *arguments: What follows `consentline --config ...`.
            with_passphrase: Give it the passphrase of `PERSON` by `--passphrase-fd`.
            check: Whether a failure raises.

        Raises:
            SandboxError: it failed, with what it said.
        """
        if not self.executable.is_file():
            raise SandboxError(f"{self.executable}: not there; install the project: pip install --editable .")
        reader, writer = os.pipe()
        os.write(writer, f"{self.passphrase}\n".encode())
        os.close(writer)
        secret = ["--passphrase-fd", str(reader)] if with_passphrase else []
        try:
            done = subprocess.run(
                [str(self.executable), *arguments, *secret],
                check=False,
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                pass_fds=[reader] if with_passphrase else [],
                env=self.environment(),
            )
        finally:
            os.close(reader)
        if check and done.returncode:
            said = done.stderr.strip() or done.stdout.strip()
            raise SandboxError(f"consentline {shlex.join(arguments)}: exit code {done.returncode}: {said}")
        return done

    def cli(self, *arguments: str, with_passphrase: bool = False) -> Any:
        """Run `consentline ... --json` and return what it printed, parsed."""
        return json.loads(self.run(*arguments, "--json", with_passphrase=with_passphrase).stdout)

    def copy_for_data_subject(self, recording_id: str, target: Path) -> None:
        """Export a recording as `PERSON`, in the role that fulfils requests, once one was confirmed.

        Raises:
            SandboxError: it failed, with what it said.
        """
        rows = self.cli("recordings", "list")
        row = next(row for row in rows if row["recording_id"] == recording_id)
        policy = row["policy"]
        role = self.run("people", "give-hat", PERSON, OFFICER, "--policy", policy, check=False)
        if role.returncode not in (0, WORN_ALREADY):
            raise SandboxError(f"people give-hat: {role.stderr.strip()}")
        who = ("--person", PERSON, "--policy", policy)
        case = self._confirm_a_request(recording_id, row["started_at"], who)
        why = ("--purpose", "data_subject_request", "--reason", "to hear what was recorded", "--case", case)
        self.run("export", recording_id, *why, *who, "--to", str(target), with_passphrase=True)

    def _confirm_a_request(self, recording_id: str, started_at: str, who: Sequence[str]) -> str:
        """Take a request about a call in, show identity, confirm the call, and return its reference.

        Its right keeps nothing longer.
        """
        when = ("--from", started_at, "--to", to_iso(from_iso(started_at) + timedelta(minutes=1)))
        taken = ("request", "new", "--right", "erasure", *when, *who)
        (request,) = self.cli(*taken, with_passphrase=True)
        number, why = str(request["request_id"]), ("--reason", "to hear what was recorded")
        shown = ("--confirmed", "--by", "call_facts")
        self.run("request", "identity", number, *shown, *why, *who, with_passphrase=True)
        told = ("--at", started_at, "--subject", "sandbox")
        self.run("request", "confirm", number, recording_id, *told, *why, *who, with_passphrase=True)
        return str(request["reference"])

    def environment(self) -> dict[str, str]:
        """The environment in which consentline finds this site, and espeak-ng."""
        path = f"{self.folder / 'bin'}:{os.environ.get('PATH', os.defpath)}"
        return {**os.environ, "CONSENTLINE_CONFIG": str(self.config), "PATH": path}

    def facts(self) -> dict[str, str]:
        """What somebody else's softphone, SIPp or script needs to know."""
        return {
            "SANDBOX_SIP": self.asterisk.sip_address(),
            "SANDBOX_AGENT_PASSWORD": self.asterisk.agent_password,
            "CONSENTLINE": str(self.executable),
            "CONSENTLINE_CONFIG": str(self.config),
            "ASTERISK_CLI": str(self.folder / "bin/asterisk-cli"),
            "SANDBOX_SPOOL": str(self.spool),
            "SANDBOX_VAULT": str(self.vault),
            "SANDBOX_DB": str(self.database),
            "SANDBOX_ASTERISK_ETC": str(self.asterisk.etc),
            "SANDBOX_PERSON": PERSON,
            "SANDBOX_PASSPHRASE": self.passphrase,
        }

    def _install(self) -> None:
        """Make the installation; what an earlier, interrupted attempt left goes first."""
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.rmtree(self.spool, ignore_errors=True)
        self._write_programs()
        self.home.mkdir(parents=True)
        self.run(
            *("init", "--person", PERSON, "--spool", str(self.spool)),
            *(word for path in self._policies for word in ("--policy", str(path))),
            *("--ari-url", self._ari_url(), "--ari-user", "consentline"),
            *("--ami-host", "127.0.0.1", "--ami-port", str(self.asterisk.ports.manager)),
            *("--ami-user", "consentline", "--asterisk-group", ""),
            with_passphrase=True,
        )
        written = self.config.read_text() + _FLOORS
        if self._trunks:
            written = written.replace("[asterisk]\n", f"[asterisk]\ntrunks = {json.dumps(self._trunks)}\n", 1)
        self.config.write_text(written)
        self.run("asterisk-conf")
        self.run("prompts", "build")
        state = {"passphrase": self.passphrase}
        (self.folder / "site.json").write_text(json.dumps(state, indent=2) + "\n")

    def _write_programs(self) -> None:
        """Wrap the unpacked programs so that they run by one name."""
        programs = {
            # Takes `-rx COMMAND` as well as `COMMAND`.
            "asterisk-cli": f'[ "$1" != -rx ] || shift\nexec {shlex.join(self.asterisk.cli())} "$@"',
            "espeak-ng": (
                f"exec {shlex.join(self.unpacked.command('usr/bin/espeak-ng'))}"
                f' {shlex.quote(f"--path={self.unpacked.libraries()}")} "$@"'
            ),
        }
        (self.folder / "bin").mkdir(parents=True, exist_ok=True)
        for name, line in programs.items():
            path = self.folder / "bin" / name
            path.write_text(f"#!/bin/sh\n{line}\n")
            path.chmod(0o755)

    def _write_ports(self) -> None:
        """Bring the config file up to date with the ports that Asterisk got."""
        before = self.config.read_text()
        after = re.sub(r'(?m)^ari_url = ".*"$', f'ari_url = "{self._ari_url()}"', before)
        after = re.sub(r"(?m)^ami_port = \d+$", f"ami_port = {self.asterisk.ports.manager}", after)
        if after != before:
            self.config.write_text(after)

    def _ari_url(self) -> str:
        return f"http://127.0.0.1:{self.asterisk.ports.http}"

    def _known(self) -> dict[str, str]:
        try:
            known: dict[str, str] = json.loads((self.folder / "site.json").read_text())
        except FileNotFoundError:
            return {}
        return known

    def _daemon_answers(self) -> bool:
        if self.daemon_pid() is None:
            last = self.log.read_text(errors="replace").splitlines()[-3:]
            raise SandboxError(f"the daemon ended; {self.log} ends: {' / '.join(last)}")
        with socket.socket(socket.AF_UNIX) as control:
            try:
                control.connect(str(self.home / "control.sock"))
            except OSError:
                return False
        without_ari = "without_ari = true" in self.config.read_text()
        return without_ari or "consentline" in self.asterisk.rx("ari show apps")

    def _signal_daemon(self, number: signal.Signals) -> None:
        if (pid := self.daemon_pid()) is not None:
            os.kill(pid, number)

    def _wait_for_its_end(self) -> None:
        deadline.wait_until(
            lambda: self.daemon_pid() is None, within_s=DAEMON_WITHIN_S, what="the daemon ends"
        )


def _spool_for(folder: Path) -> Path:
    """Memory where the machine has enough of it, a name of its own for each site."""
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _LEAST_MEMORY_BYTES:
        return _MEMORY / f"consentline-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]}"
    return folder / "spool"
