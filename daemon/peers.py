"""Who is on the other side of the control socket, and what that login may ask."""

from __future__ import annotations

import os
import pwd
import socket
import struct
from dataclasses import dataclass
from enum import Enum

from policy.config import Control
from policy.errors import AccessRefused

_PEER = struct.Struct("3i")
ROOT_UID = 0


class Asker(Enum):
    """Who may ask something; the daemon's own user and root may ask everything."""

    OPERATOR = "operator"
    ASTERISK = "asterisk"
    """Asterisk's own scripts, and operators."""

    ANYBODY = "anybody"
    """Every login here: the desk judges by the person, who proves their passphrase."""


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

    def admit(self, peer: Peer, asker: Asker) -> None:
        """Return if the peer may ask this.

        Args:
            peer: Who asks.
            asker: Who may.

        Raises:
            AccessRefused: If it may not.
        """
        if peer.uid in (ROOT_UID, os.geteuid()) or peer.login in self._operators:
            return
        if asker is Asker.ASTERISK and peer.login in self._asterisk:
            return
        if asker is Asker.ANYBODY:
            return
        raise AccessRefused(
            f'control socket: login "{peer.login}" may not ask this',
            hint="control.operator_logins of the config file names who may",
        )
