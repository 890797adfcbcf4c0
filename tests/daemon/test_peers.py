from __future__ import annotations

import os
import pwd
import socket

import pytest

from daemon.peers import Doorman, Peer, peer_of
from policy.config import Control
from policy.errors import AccessRefused

DOORMAN = Doorman(Control(asterisk_logins=("asterisk",), operator_logins=("coach",)))
STRANGER_UID = 64_000


def test_the_kernel_says_who_connected() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert peer_of(ours) == Peer(uid=os.getuid(), login=pwd.getpwuid(os.getuid()).pw_name)


@pytest.mark.parametrize(
    ("login", "for_asterisk", "admitted"),
    [
        ("coach", True, True),
        ("coach", False, True),
        ("asterisk", True, True),
        ("asterisk", False, False),
        ("stranger", True, False),
        ("stranger", False, False),
    ],
)
def test_a_login_may_ask_what_the_config_says(login: str, *, for_asterisk: bool, admitted: bool) -> None:
    peer = Peer(uid=STRANGER_UID, login=login)
    if admitted:
        DOORMAN.admit(peer, for_asterisk=for_asterisk)
    else:
        with pytest.raises(AccessRefused, match=login):
            DOORMAN.admit(peer, for_asterisk=for_asterisk)


@pytest.mark.parametrize("uid", [0, os.geteuid()])
def test_root_and_the_daemons_own_user_may_ask_everything(uid: int) -> None:
    DOORMAN.admit(Peer(uid=uid, login="whoever"), for_asterisk=False)
