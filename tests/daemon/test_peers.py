from __future__ import annotations

import asyncio
import os
import pwd
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.peers import Asker, Doorman, Peer, peer_of
from policy.config import Control
from policy.errors import AccessRefused
from policy.situation import PersonId

STRANGER_UID = 64_000
PEOPLE = {"jsmit": PersonId("jan")}


async def person_of(login: str) -> PersonId | None:
    return PEOPLE.get(login)


DOORMAN = Doorman(Control(asterisk_logins=("asterisk",), operator_logins=("beheer",)), person_of)


def admit(peer: Peer, asker: Asker) -> Peer:
    return asyncio.run(DOORMAN.admit(peer, asker))


def test_the_kernel_says_who_connected() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        peer = peer_of(ours)
    assert (peer.uid, peer.login) == (os.getuid(), pwd.getpwuid(os.getuid()).pw_name)


CONNECT = """
import socket, sys
link = socket.socket(socket.AF_UNIX)
if sys.argv[2]:
    try:
        with open("/proc/self/loginuid", "w") as file:
            file.write(sys.argv[2])
    except OSError:
        sys.exit(77)
link.connect(sys.argv[1])
link.recv(1)
"""


@pytest.mark.parametrize("given", ["", "1"])
def test_the_kernel_says_with_which_login_the_session_began(tmp_path: Path, given: str) -> None:
    """As pam_loginuid writes it at a login; a child of ours may do so where we have none ourselves."""
    inherited = Path("/proc/self/loginuid")
    if not inherited.exists():
        pytest.skip("this kernel keeps no login uid")
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        with subprocess.Popen([sys.executable, "-c", CONNECT, path, given]) as child:
            listening.settimeout(10)
            try:
                connection, _ = listening.accept()
            except TimeoutError:
                assert child.wait() == 77
                pytest.skip("this machine lets nobody set a login uid")
            with connection:
                peer = peer_of(connection)
    expected = int(given or inherited.read_text())
    assert peer.behind == (None if expected == 2**32 - 1 else pwd.getpwuid(expected).pw_name)


@pytest.mark.parametrize(
    ("login", "asker", "admitted"),
    [
        ("beheer", Asker.ASTERISK, True),
        ("beheer", Asker.OPERATOR, True),
        ("beheer", Asker.PERSON, False),
        ("beheer", Asker.OWNER, False),
        ("asterisk", Asker.ASTERISK, True),
        ("asterisk", Asker.OPERATOR, False),
        ("asterisk", Asker.PERSON, False),
        ("jsmit", Asker.PERSON, True),
        ("jsmit", Asker.OPERATOR, False),
        ("jsmit", Asker.ASTERISK, False),
        ("stranger", Asker.ASTERISK, False),
        ("stranger", Asker.OPERATOR, False),
        ("stranger", Asker.PERSON, False),
    ],
)
def test_a_login_may_ask_what_the_config_and_the_people_say(
    login: str, asker: Asker, *, admitted: bool
) -> None:
    peer = Peer(uid=STRANGER_UID, login=login)
    if admitted:
        assert admit(peer, asker).login == login
    else:
        with pytest.raises(AccessRefused, match=login):
            admit(peer, asker)


@pytest.mark.parametrize("uid", [0, os.geteuid()])
@pytest.mark.parametrize("asker", Asker)
def test_root_and_the_daemons_own_user_may_ask_everything(uid: int, asker: Asker) -> None:
    admit(Peer(uid=uid, login="whoever"), asker)


def test_the_ledger_names_person_and_login_and_the_login_behind_sudo() -> None:
    assert admit(Peer(uid=STRANGER_UID, login="jsmit"), Asker.PERSON).actor == "person:jan login:jsmit"
    sudo = admit(Peer(uid=0, login="root", behind="jsmit"), Asker.OPERATOR)
    assert sudo.actor == "person:jan login:jsmit as:root"
    assert Peer(uid=0, login="root", behind="root").actor == "login:root"


def test_nobody_becomes_somebody_by_the_login_they_say_they_began_with() -> None:
    """A process without one can write one, so it counts for nobody but root and the daemon's user."""
    peer = Peer(uid=STRANGER_UID, login="stranger", behind="jsmit")
    with pytest.raises(AccessRefused, match="stranger"):
        admit(peer, Asker.PERSON)
    operator = admit(Peer(uid=STRANGER_UID, login="beheer", behind="jsmit"), Asker.OPERATOR)
    assert operator.person is None
    assert operator.actor == "login:jsmit as:beheer"
