from __future__ import annotations

import os
import pwd
import socket

import pytest

from daemon.peers import Asker, Doorman, Peer, peer_of
from policy.config import Control
from policy.errors import AccessRefused

DOORMAN = Doorman(Control(asterisk_logins=("asterisk",), operator_logins=("coach",)))
STRANGER_UID = 64_000


def test_the_kernel_says_who_connected() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert peer_of(ours) == Peer(uid=os.getuid(), login=pwd.getpwuid(os.getuid()).pw_name)


@pytest.mark.parametrize(
    ("login", "asker", "admitted"),
    [
        ("coach", Asker.ASTERISK, True),
        ("coach", Asker.OPERATOR, True),
        ("asterisk", Asker.ASTERISK, True),
        ("asterisk", Asker.OPERATOR, False),
        ("stranger", Asker.ASTERISK, False),
        ("stranger", Asker.OPERATOR, False),
    ],
)
def test_a_login_may_ask_what_the_config_says(login: str, asker: Asker, *, admitted: bool) -> None:
    peer = Peer(uid=STRANGER_UID, login=login)
    if admitted:
        DOORMAN.admit(peer, asker)
    else:
        with pytest.raises(AccessRefused, match=login):
            DOORMAN.admit(peer, asker)


@pytest.mark.parametrize("uid", [0, os.geteuid()])
def test_root_and_the_daemons_own_user_may_ask_everything(uid: int) -> None:
    DOORMAN.admit(Peer(uid=uid, login="whoever"), Asker.OPERATOR)
