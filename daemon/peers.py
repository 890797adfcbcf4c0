"""Who is on the other side of the control socket, and what that login may ask."""

from __future__ import annotations

import os
import pwd
import socket
import struct
from dataclasses import dataclass

from policy.config import Control
from policy.errors import AccessRefused

_PEER = struct.Struct("3i")
ROOT_UID = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A process on the other side.

    Attributes:
        login: OS login name, or `uid <n>` where the uid has none.
    """

    uid: int
    login: str


def peer_of(connection: socket.socket) -> Peer:
    """Return who connected, as the kernel knows it (SO_PEERCRED)."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    _, uid, _ = _PEER.unpack(raw)
    try:
        login = pwd.getpwuid(uid).pw_name
    except KeyError:
        login = f"uid {uid}"
    return Peer(uid=uid, login=login)


class Doorman:
    """Says which login may ask what: root and the daemon's own user everything."""

    def __init__(self, control: Control) -> None:
        self._operators = frozenset(control.operator_logins)
        self._asterisk = frozenset(control.asterisk_logins)

    def admit(self, peer: Peer, *, for_asterisk: bool) -> None:
        """Return if the peer may ask this.

        Args:
            peer: Who asks.
            for_asterisk: Whether Asterisk's own scripts may ask it too.

        Raises:
            AccessRefused: If it may not.
        """
        if peer.uid in (ROOT_UID, os.geteuid()) or peer.login in self._operators:
            return
        if for_asterisk and peer.login in self._asterisk:
            return
        raise AccessRefused(
            f'control socket: login "{peer.login}" may not ask this',
            hint="control.operator_logins of the config file names who may",
        )
