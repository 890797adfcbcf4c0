"""A real sshd on 127.0.0.1, without root's rights, and ssh to it: what stands for another host.

    with SshHost(folder, fetch_ssh(), name="pbx", login="games") as host:
        subprocess.run([*host.ssh(), "pbx", ...])

An sshd that is not root lets in its own login and no other. Run by root it therefore runs as the login
that is named; or, where none is, in a user namespace in which root is somebody else: there it still reads
root's own folders. `libnss_wrapper` gives that somebody a name, a home and a shell.
"""

from __future__ import annotations

import os
import pwd
import shlex
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final

from sandbox import deadline
from sandbox.fetch import SandboxError, Unpacked
from sandbox.ports import LOOPBACK, free_port, owns

UP_WITHIN_S = 10.0
_SOMEBODY: Final = 1000
_WRAPPER: Final = "libnss_wrapper.so"
_SSHD: Final = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
SshdSessionPath {folder}/sshd-session
SshdAuthPath {folder}/sshd-auth
"""
_CLIENT: Final = """
Host {name}
    HostName 127.0.0.1
    Port {port}
    User {login}
    IdentityFile {folder}/client_key
    UserKnownHostsFile {folder}/known_hosts
    StrictHostKeyChecking yes
    BatchMode yes
"""


class SshHost:
    """One sshd of its own, for one login, and the client's side of it.

    Attributes:
        login: Who is let in, as this machine knows them where `login` was given.
        name: What the client calls it.
    """

    def __init__(
        self,
        folder: Path,
        unpacked: Unpacked,
        *,
        name: str,
        login: str | None = None,
        options: str = "",
        server: str = "",
        client: str = "",
    ) -> None:
        """Describe it; nothing is written before `start`.

        Args:
            folder: Holds its keys and files; made.
            unpacked: OpenSSH.
            name: What the client calls it.
            login: Of this machine; where root starts it, it has their rights. None, or not root: our own.
            options: Before the key in `authorized_keys`, such as `restrict,port-forwarding`.
            server: Further lines of the server's config file.
            client: Further lines of the client's config file.
        """
        self.folder = folder.absolute()
        self.name = name
        self._unpacked = unpacked
        self._is_root = os.geteuid() == 0
        self._as = login if self._is_root else None
        self.login = self._as or (name if self._is_root else pwd.getpwuid(os.geteuid()).pw_name)
        self._options = options
        self._server = server
        self._client = client
        self._port = free_port(socket.SOCK_STREAM)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Write keys and files if they are not there, and listen.

        Raises:
            SandboxError: it does not come up.
        """
        if not (self.folder / "sshd_config").exists():
            self._write()
        with (self.folder / "sshd.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *self._rights(),
                    *self._program("usr/sbin/sshd"),
                    "-f",
                    str(self.folder / "sshd_config"),
                    "-D",
                    "-e",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=self._environment(),
            )
        deadline.wait_until(self._listens, within_s=UP_WITHIN_S, what=f"{self.name}: sshd listens")

    def kill(self) -> None:
        """SIGKILL to it and to all that it runs, as a power cut does. Harmless when it is down."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def freeze(self) -> None:
        """Have it and all that it runs answer nothing from now on, as behind a cable that was cut."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def ssh(self) -> list[str]:
        """Return the start of a command line; its host is called `name`."""
        return [*self._unpacked.command("usr/bin/ssh"), "-F", str(self.folder / "ssh_config")]

    def __enter__(self) -> SshHost:
        """Start it."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill it."""
        self.kill()

    def _write(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)  # another login reads its own configuration in it
        for key in ("host_key", "client_key"):
            self._run(
                "usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", key, "-f", str(self.folder / key)
            )
        uid, home = (pwd.getpwnam(self._as).pw_uid if self._as else self._uid()), str(self.folder)
        if self._as is not None:
            os.chown(self.folder / "host_key", uid, -1)
        host_key, client_key = (
            (self.folder / f"{key}.pub").read_text() for key in ("host_key", "client_key")
        )
        facts = {"folder": self.folder, "port": self._port, "name": self.name, "login": self.login}
        files = {
            "authorized_keys": f"{self._options} {client_key}".lstrip(),
            "known_hosts": f"[{LOOPBACK}]:{self._port} {host_key}",
            "passwd": f"{self.login}:x:{uid}:{uid}:{self.name}:{home}:/bin/sh\n",
            "group": f"{self.login}:x:{uid}:\n",
            "ssh_config": _CLIENT.format(**facts) + self._client,
            "sshd_config": _SSHD.format(**facts) + self._server,
        }
        for name, text in files.items():
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o644)
        for program in ("sshd-session", "sshd-auth"):
            line = shlex.join(["exec", *self._program(f"usr/lib/openssh/{program}")])
            exports = shlex.join(["export", *(f"{key}={value}" for key, value in self._names().items())])
            path = self.folder / program
            path.write_text(f'#!/bin/sh\n{exports}\n{line} "$@"\n')
            path.chmod(0o755)

    def _rights(self) -> list[str]:
        if self._as is not None:
            known = pwd.getpwnam(self._as)
            return ["setpriv", f"--reuid={known.pw_uid}", f"--regid={known.pw_gid}", "--clear-groups"]
        if self._is_root:
            return ["unshare", "--user", f"--map-user={_SOMEBODY}", f"--map-group={_SOMEBODY}"]
        return []

    def _uid(self) -> int:
        return _SOMEBODY if self._is_root else os.geteuid()

    def _program(self, program: str) -> list[str]:
        *loader, path = self._unpacked.command(program)
        return [*loader, "--preload", _WRAPPER, path]

    def _names(self) -> dict[str, str]:
        return {
            "NSS_WRAPPER_PASSWD": str(self.folder / "passwd"),
            "NSS_WRAPPER_GROUP": str(self.folder / "group"),
        }

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self._names()}

    def _run(self, *words: str) -> None:
        program, *rest = words
        done = subprocess.run(
            [*self._unpacked.command(program), *rest], check=False, capture_output=True, text=True
        )
        if done.returncode:
            raise SandboxError(f"{program}: {done.stderr.strip()}")

    def _listens(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            last = (self.folder / "sshd.log").read_text(errors="replace").splitlines()[-3:]
            raise SandboxError(f"{self.name}: sshd ended: {' / '.join(last)}")
        return owns(self._process.pid, "tcp", self._port)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        for pid in (self._process.pid, *_descendants(self._process.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def _descendants(pid: int) -> list[int]:
    """Return the processes that a process started, and theirs, the nearest first."""
    children: list[int] = []
    with suppress(FileNotFoundError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += [int(word) for word in (task / "children").read_text().split()]
    return children + [grandchild for child in children for grandchild in _descendants(child)]
