"""One real Asterisk in one folder: its configuration rendered, started, asked, stopped, killed.

Everything listens on 127.0.0.1 at ports of its own. All state lies in the folder, so that a later
process finds the instance again with `Asterisk.attach`.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from sandbox import deadline, ports, speech
from sandbox.fetch import SandboxError, Unpacked, sandbox_folder
from sandbox.ports import Ports

CONF = Path(__file__).resolve().parent / "conf"
BOOT_WITHIN_S = 30.0
STOP_WITHIN_S = 10.0
PORT_ATTEMPTS = 5
_PLACE = re.compile(r"@\{(\w+)\}")  # "${" belongs to the dialplan
_LONGEST_SOCKET_PATH_BYTES = 107  # sun_path of a Unix socket, less its final zero


class Asterisk:
    """An Asterisk of its own.

    Attributes:
        folder: Holds everything it reads and writes.
        etc, spool, sounds, log: Its folders, below `folder`.
        ports: Where it listens; the same again after a restart.
        agent_password: SIP password of agent1 .. agent4.
    """

    def __init__(
        self,
        folder: Path,
        unpacked: Unpacked,
        *,
        includes: Sequence[tuple[str, Path]] = (),
        chosen: Ports | None = None,
        agent_password: str | None = None,
    ) -> None:
        """Describe an instance; nothing is written before `start` or `render`.

        Args:
            folder: Holds everything it reads and writes.
            unpacked: The packages to run.
            includes: Pairs of a conf file's name ("extensions.conf") and a file to `#tryinclude` at its end.
            chosen: Ports to use; by default free ones, chosen again if somebody else is faster.
            agent_password: SIP password of the agents; by default a fresh one.
        """
        self.folder = folder.absolute()
        self.unpacked = unpacked
        self.includes = tuple((name, path.absolute()) for name, path in includes)
        self.ports = chosen or ports.choose_ports()
        self.agent_password = agent_password or uuid.uuid4().hex
        self.etc = self.folder / "etc"
        self.data = self.folder / "data"
        self.sounds = self.data / "sounds"
        self.spool = self.folder / "spool"
        self.log = self.folder / "log"
        self.run = self.folder / "run"
        self._fixed_ports = chosen is not None
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def attach(cls, folder: Path, unpacked: Unpacked) -> Asterisk:
        """Return the instance that an earlier process started in `folder`, whether or not it still runs.

        When it is started again, it tries its earlier ports first.

        Raises:
            SandboxError: nobody started one there.
        """
        try:
            known = json.loads((folder / "instance.json").read_text())
        except FileNotFoundError as error:
            raise SandboxError(f"{folder}: no Asterisk was started here") from error
        instance = cls(
            folder,
            unpacked,
            includes=[(name, Path(path)) for name, path in known["includes"]],
            chosen=Ports(**known["ports"]),
            agent_password=known["agent_password"],
        )
        instance._fixed_ports = instance.is_running()
        return instance

    def start(self) -> None:
        """Render the configuration, start, and return when calls can come.

        Raises:
            SandboxError: it does not boot, or its ports were taken each time.
        """
        if self.is_running():
            raise SandboxError(f"{self.folder}: Asterisk already runs")
        for _ in range(1 if self._fixed_ports else PORT_ATTEMPTS):
            self.render()
            self._launch()
            if self._has_its_ports():
                self._fixed_ports = True
                return
            self.kill()
            self.ports = self.ports if self._fixed_ports else ports.choose_ports()
        raise SandboxError(f"{self.folder}: the ports of Asterisk are taken by another process")

    def stop(self) -> None:
        """End all calls and stop; kill it if that takes too long. Harmless when it does not run."""
        if not self.is_running():
            return
        try:
            self.rx("core stop now")
            deadline.wait_until(lambda: not self.is_running(), within_s=STOP_WITHIN_S, what="Asterisk stops")
        except SandboxError:
            self.kill()

    def kill(self) -> None:
        """SIGKILL, as a crash or the kernel's memory killer does."""
        pid = self.pid()
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            deadline.wait_until(lambda: not self.is_running(), within_s=STOP_WITHIN_S, what="Asterisk dies")

    def restart(self) -> None:
        """Stop and start again on the same ports, with the files as they are."""
        self.stop()
        self.start()

    def rx(self, command: str) -> str:
        """Return the answer to a command of Asterisk's own command line.

        Raises:
            SandboxError: it does not run.
        """
        done = subprocess.run([*self.cli(), command], capture_output=True, text=True, check=False, timeout=30)
        if done.returncode:
            raise SandboxError(f"asterisk -rx {command!r}: {(done.stdout + done.stderr).strip()}")
        return done.stdout

    def cli(self) -> list[str]:
        """The command prefix to which one appends a command of Asterisk's own command line."""
        return [*self._program(), "-C", str(self.etc / "asterisk.conf"), "-rx"]

    def version(self) -> str:
        """The version that runs, such as "22.10.1"."""
        return self.rx("core show version").split()[1].partition("+")[0]

    def sip_address(self) -> str:
        """Where to send SIP: "127.0.0.1:PORT"."""
        return f"{ports.LOOPBACK}:{self.ports.sip}"

    def is_running(self) -> bool:
        """Tell whether the process lives."""
        return self.pid() is not None

    def pid(self) -> int | None:
        """The process id while it lives, this process's own child or not."""
        if self._process is not None:
            return self._process.pid if self._process.poll() is None else None
        try:
            pid = int((self.run / "asterisk.pid").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        return pid if str(self.etc).encode() in command else None

    def channels(self) -> list[str]:
        """Names of the channels that exist now."""
        lines = self.rx("core show channels concise").splitlines()
        return [line.split("!")[0] for line in lines if "!" in line]

    def render(self) -> None:
        """Write the configuration and the folders it names."""
        socket_path = self.run / "asterisk.ctl"
        if len(os.fsencode(socket_path)) > _LONGEST_SOCKET_PATH_BYTES:
            raise SandboxError(f"{socket_path}: too long for a Unix socket; use a shorter folder")
        voices = speech.make_voices(self.unpacked, sandbox_folder() / "speech")
        for path in (
            self.etc,
            self.run,
            self.sounds,
            self.data / "agi-bin",
            self.data / "keys",
            self.log / "cdr-csv",
            self.spool,
        ):
            path.mkdir(parents=True, exist_ok=True)
        shared = self.unpacked.root / "usr/share/asterisk"
        _link(self.data / "documentation", shared / "documentation")
        _link(self.data / "rest-api", shared / "rest-api")
        _link(self.sounds / "en", shared / "sounds/en_US_f_Allison")
        values = {
            "etc": self.etc,
            "modules": self.unpacked.asterisk_modules(),
            "data": self.data,
            "run": self.run,
            "log": self.log,
            "spool": self.spool,
            "speech": voices,
            "music": voices / "moh",
            "agent_password": self.agent_password,
            "sip_port": self.ports.sip,
            "http_port": self.ports.http,
            "manager_port": self.ports.manager,
            "rtp_first": self.ports.rtp_first,
            "rtp_last": self.ports.rtp_last,
        }
        for template in sorted(CONF.glob("*.conf")):
            text = _PLACE.sub(lambda found: str(values[found[1]]), template.read_text())
            included = [path for name, path in self.includes if name == template.name]
            text += "".join(f'\n#tryinclude "{path}"\n' for path in included)
            (self.etc / template.name).write_text(text)
        state = {
            "ports": asdict(self.ports),
            "agent_password": self.agent_password,
            "includes": [(name, str(path)) for name, path in self.includes],
        }
        (self.folder / "instance.json").write_text(json.dumps(state, indent=2) + "\n")

    def _program(self) -> list[str]:
        return self.unpacked.command("usr/sbin/asterisk")

    def _launch(self) -> None:
        for left_over in ("asterisk.ctl", "asterisk.pid"):
            (self.run / left_over).unlink(missing_ok=True)
        console = self.log / "console"
        with console.open("ab") as output:
            self._process = subprocess.Popen(
                [*self._program(), "-C", str(self.etc / "asterisk.conf"), "-f"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            deadline.wait_until(self._has_booted, within_s=BOOT_WITHIN_S, what="Asterisk boots")
        except SandboxError as error:
            last = console.read_text(errors="replace").splitlines()[-3:]
            self.kill()
            raise SandboxError(f"{error}; {console} ends: {' / '.join(last)}") from error

    def _has_booted(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise SandboxError(f"Asterisk ended with {self._process.returncode}")
        if not (self.run / "asterisk.ctl").exists():
            return False
        try:
            return "fully booted" in self.rx("core waitfullybooted")
        except SandboxError:
            return False

    def _has_its_ports(self) -> bool:
        pid = self.pid()
        wanted = [("udp", self.ports.sip), ("tcp", self.ports.http), ("tcp", self.ports.manager)]
        return pid is not None and all(ports.owns(pid, protocol, port) for protocol, port in wanted)


def _link(link: Path, target: Path) -> None:
    if not link.is_symlink():
        link.symlink_to(target)
