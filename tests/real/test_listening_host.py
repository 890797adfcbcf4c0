"""A machine on which people only listen: it reaches the PBX by ssh, and keeps nothing (docs/listening.md).

The command line of that machine runs in a mount namespace in which the PBX's own folders are empty, with a
config file of two lines; all it has is the socket that ssh brings. On the PBX sshd runs as the login of
whoever sits there, so that the daemon sees theirs.
"""

from __future__ import annotations

import json
import os
import pwd
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import soundfile

from sandbox import deadline
from sandbox.fetch import Unpacked, fetch_ssh
from sandbox.site import PERSON, Site
from sandbox.ssh import SshHost
from tests.real.callers import (
    agent_at_desk,
    decision,
    holds,
    place,
    query,
    settled,
    site_of,
    voice_file,
    wait_until_heard,
)
from tests.real.secrets import PASSPHRASE, secrets
from tests.real.test_scope_five import NUMBERS, filled_in

POLICY = "nunspeet"
COACH, AGENT = "coach", "agent"
AS_TOLD = """
AllowStreamLocalForwarding local
PermitListen none
PermitTTY no
X11Forwarding no
"""
FORWARD = """
    ExitOnForwardFailure yes
    StreamLocalBindUnlink yes
    StreamLocalBindMask 0177
    ServerAliveInterval 15
    LocalForward {here} {there}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The machine at which a coach sits.

    Attributes:
        site: The PBX, which that machine does not see.
        host: The PBX's sshd.
        folder: All that lies on the coach's machine.
        recording: One call of an agent.
    """

    site: Site
    host: SshHost
    folder: Path
    recording: str

    @property
    def socket(self) -> Path:
        """The forwarded socket."""
        return self.folder / "pbx.sock"

    def run(self, *words: str, as_person: bool = True) -> subprocess.CompletedProcess[bytes]:
        """Run the command line as it would run on a machine of its own."""
        config = self.folder / "consentline.toml"
        with secrets(PASSPHRASE) as (fd,):
            proved = ["--passphrase-fd", str(fd)] if as_person else []
            line = [str(self.site.executable), "--config", str(config), *words, *proved]
            return subprocess.run(
                elsewhere([self.site.home, self.site.spool], line),
                check=False,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                pass_fds=[fd],
                env={**os.environ, "TMPDIR": str(self.folder / "tmp")},
            )

    def files(self) -> list[str]:
        """Return the names of all that lies there."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*"))


def elsewhere(hidden: Sequence[Path], line: Sequence[str]) -> list[str]:
    """Return a command line that runs another where these folders are empty."""
    mounts = [f"mount -t tmpfs none {shlex.quote(str(folder))}" for folder in hidden]
    script = " && ".join([*mounts, f"exec {shlex.join(line)}"])
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]


@pytest.fixture(scope="module")
def site(unpacked: Unpacked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A PBX that another login can reach into, as far as its control socket."""
    folder = tmp_path_factory.mktemp("policies")
    with site_of(unpacked, [filled_in(POLICY, folder)]) as running:
        print(f"Asterisk {running.asterisk.version()}, OpenSSH {fetch_ssh().versions['openssh-server']}")
        for path in (running.folder, running.home):
            path.chmod(0o711)
        yield running


@pytest.fixture(scope="module")
def desk(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A coach at their own machine, whose agent asked them to hear a call."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "tmp").mkdir()
    (folder / "consentline.toml").write_text('[listening]\nsocket = "pbx.sock"\n')
    forward = FORWARD.format(here=folder / "pbx.sock", there=site.home / "control.sock")
    ssh_folder = site.folder / "sshd"
    host = SshHost(
        ssh_folder,
        fetch_ssh(),
        name="pbx",
        login=_a_login(),
        options="restrict,port-forwarding",
        server=AS_TOLD,
        client=forward,
    )
    with host:
        _staff(site, host.login)
        recording = _call(site, tmp_path_factory.mktemp("heard"))
        why = ("--purpose", "quality", "--reason", "coach, luister mee")
        with secrets(PASSPHRASE) as (fd,):
            _pbx(
                *(site, "approvals", "ask", recording, "--of", COACH, "--for", "request", *why),
                *("--person", AGENT, "--passphrase-fd", str(fd)),
                fds=[fd],
            )
        yield Desk(site=site, host=host, folder=folder, recording=recording)


@contextmanager
def forwarded(desk: Desk) -> Iterator[None]:
    """Have ssh bring the control socket, as `ssh -N pbx` does."""
    line = [*desk.host.ssh(), "-N", "pbx"]
    with subprocess.Popen(line, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as ssh:
        try:
            deadline.wait_until(desk.socket.exists, within_s=10, what="ssh brings the socket")
            yield
        finally:
            ssh.terminate()
            ssh.wait()
    desk.socket.unlink(missing_ok=True)


WHY = ("--purpose", "quality", "--reason", "meeluisteren op verzoek")


def test_a_coach_hears_a_call_at_another_machine_and_nothing_of_it_stays_there(
    desk: Desk, tmp_path: Path
) -> None:
    before = desk.files()
    with forwarded(desk):
        found = desk.run("recordings", "find", *WHY, "--json")
        assert found.returncode == 0, found.stderr
        assert json.loads(found.stdout) == []  # what an agent asks a coach to hear was not drawn
        heard = desk.run("listen", desk.recording, *WHY)
    assert heard.returncode == 0, heard.stderr
    path = tmp_path / "heard.wav"
    path.write_bytes(heard.stdout)
    samples, _ = soundfile.read(path, dtype="float64", always_2d=True)
    assert holds(samples[:, 0], voice_file("caller1"))
    assert holds(samples[:, 1], voice_file("agent1"))
    assert desk.files() == before


def test_the_daemon_sees_the_coachs_own_login_and_its_ledger_is_the_only_one(desk: Desk) -> None:
    with forwarded(desk):
        assert desk.run("listen", desk.recording, *WHY).returncode == 0
    entries = desk.site.cli("ledger", "show", "--kind", "access_released")
    assert f"person:{COACH} login:{desk.host.login}" in entries[-1]["actor"]
    if os.geteuid() == 0:
        assert desk.host.login != "root"
    assert entries[-1]["subject"] == desk.recording


def test_a_player_there_gets_the_sound_and_a_refusal_names_its_article_there_too(
    desk: Desk, tmp_path: Path
) -> None:
    with forwarded(desk):
        played = tmp_path / "played.wav"
        done = desk.run("listen", desk.recording, *WHY, "--player", f"dd status=none of={played}")
        assert (done.returncode, played.stat().st_size > 44) == (0, True), done.stderr
        refused = desk.run(
            *(
                "export",
                desk.recording,
                "--purpose",
                "data_subject_request",
                "--reason",
                "uit nieuwsgierigheid",
            ),
            *("--to", str(desk.folder / "copy")),
        )
    assert refused.returncode == 13, refused.stderr
    assert not (desk.folder / "copy").exists()


def test_another_login_cannot_be_the_coach_and_an_operators_command_is_refused(desk: Desk) -> None:
    with forwarded(desk):
        somebody = desk.run("listen", desk.recording, *WHY, "--person", PERSON)
        operators = desk.run("people", "list", as_person=False)
    if os.geteuid() == 0:
        assert somebody.returncode == 5, somebody.stderr
        assert operators.returncode == 5, operators.stderr


def test_what_needs_the_installations_own_files_is_refused_in_one_line(desk: Desk) -> None:
    for words in (("doctor",), ("serve",), ("ledger", "verify"), ("policy", "list"), ("backup",)):
        done = desk.run(*words, as_person=False)
        said = done.stderr.decode()
        assert (done.returncode, said.splitlines()[0]) == (
            3,
            "Error: consentline.toml: this is a listening host, and that needs the installation's own files",
        ), words
        assert "run it on the PBX" in said


def test_without_ssh_or_with_the_daemon_away_it_says_where_to_look(desk: Desk) -> None:
    done = desk.run("recordings", "find", *WHY)
    assert (done.returncode, "ssh -N -L" in done.stderr.decode()) == (7, True), done.stderr
    desk.site.stop_daemon()
    try:
        with forwarded(desk):
            done = desk.run("recordings", "find", *WHY)
    finally:
        desk.site.start_daemon()
    assert (done.returncode, "does the daemon run on the PBX" in done.stderr.decode()) == (7, True), (
        done.stderr
    )


def _a_login() -> str:
    """Return a login that is not ours, where we can run a program as somebody else."""
    return "games" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


def _staff(site: Site, login: str) -> None:
    """Enrol an agent and a coach, whose login is the one that ssh lets in."""
    site.run("people", "add", AGENT, "--name", "Agent")
    site.run("people", "add-line", AGENT, "--endpoint", "PJSIP/agent1")
    site.run("people", "add", COACH, "--name", "Coach", "--login", login)
    for person, role in ((AGENT, "agent"), (COACH, "coach")):
        with secrets(PASSPHRASE) as (fd,):
            fingerprint = _pbx(site, "people", "enrol", person, "--passphrase-fd", str(fd), fds=[fd]).strip()
        site.run("people", "give-hat", person, role, "--policy", POLICY)
        if role in {row["role"] for row in site.cli("keys", "list") if row["policy"] == POLICY}:
            site.run(
                *("keys", "grant", person, "--policy", POLICY, "--role", role, "--by", PERSON),
                *("--fingerprint", fingerprint),
                with_passphrase=True,
            )


def _pbx(site: Site, *words: str, fds: Sequence[int]) -> str:
    """Run a command on the PBX itself."""
    done = subprocess.run(
        [str(site.executable), *words],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        pass_fds=fds,
        env=site.environment(),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _call(site: Site, heard: Path) -> str:
    """Have a call with the agent, and return its recording, sealed."""
    with ExitStack() as stage:
        stage.enter_context(agent_at_desk(site, heard, user="agent1"))
        call = stage.enter_context(place(site, f"dial{NUMBERS[POLICY]}", "61", folder=heard))
        wait_until_heard(call, voice_file("agent1"))
        call.listen(3.0)
    recording = settled(site, decision(site, "61")["recording_id"])
    assert query(site, "SELECT 1 FROM recordings WHERE state = 'sealed'")
    return str(recording["recording_id"])
