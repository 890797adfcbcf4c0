"""Who is on the other side of the control socket, and what that login may ask."""

from __future__ import annotations

import os
import pwd
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Final, TypeAlias

from policy.config import Control
from policy.errors import AccessRefused
from policy.situation import PersonId

_PEER = struct.Struct("3i")
ROOT_UID = 0
_NO_LOGIN: Final = 2**32 - 1
"""What the kernel writes for a process that nobody logged in for.

Source: proc_pid_loginuid(5) and kernel/auditsc.c of Linux 6.1.
"""

PersonOf: TypeAlias = Callable[[str], Awaitable[PersonId | None]]
"""Returns the person of an OS login, or None."""


class Asker(Enum):
    """Who may ask something; the daemon's own user and root may ask everything."""

    OWNER = "owner"
    """The daemon's own user and root: who can read the files anyway."""

    OPERATOR = "operator"
    PERSON = "person"
    """Who has a login here: the personal routes."""

    ASTERISK = "asterisk"
    """Asterisk's own scripts, and operators."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A process on the other side.

    Attributes:
        login: OS login name, or `uid <n>` where the uid has none; the kernel vouches for it.
        behind: The login with which the session began, such as before sudo; None where the kernel
            does not know. Whoever has none can give themselves one, so nothing is allowed by it.
        person: Whose login it is; None: nobody's, or not looked up.
    """

    uid: int
    login: str
    behind: str | None = None
    person: PersonId | None = None

    @property
    def actor(self) -> str:
        """Return how the ledger names who did something: `person:jan login:jsmit as:root`."""
        first = "" if self.person is None else f"person:{self.person} "
        if self.behind is None or self.behind == self.login:
            return f"{first}login:{self.login}"
        return f"{first}login:{self.behind} as:{self.login}"

    def acting_as(self, person: PersonId | None) -> str:
        """Return how the ledger names who did something, once it is known who they are."""
        return replace(self, person=person).actor

    @property
    def is_owner(self) -> bool:
        """Whether it is root or the daemon's own user."""
        return self.uid in (ROOT_UID, os.geteuid())


def peer_of(connection: socket.socket) -> Peer:
    """Return who connected, as the kernel knows it (SO_PEERCRED)."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    pid, uid, _ = _PEER.unpack(raw)
    return Peer(uid=uid, login=_login(uid), behind=_behind(pid))


class Doorman:
    """Says which login may ask what: root and the daemon's own user everything.

    Args:
        control: The logins of the config file.
        person_of: Whose login it is.
    """

    def __init__(self, control: Control, person_of: PersonOf) -> None:
        self._operators = frozenset(control.operator_logins)
        self._asterisk = frozenset(control.asterisk_logins)
        self._person_of = person_of

    async def admit(self, peer: Peer, asker: Asker) -> Peer:
        """Return the peer, with the person, if it may ask this.

        Args:
            peer: Who asks.
            asker: Who may.

        Raises:
            AccessRefused: If it may not.
        """
        if asker is Asker.ASTERISK and (self._operates(peer) or peer.login in self._asterisk):
            return peer  # a call waits for the answer
        known = replace(peer, person=await self._person(peer))
        match asker:
            case Asker.OWNER:
                may, hint = peer.is_owner, "run this as root or as the daemon's own user"
            case Asker.PERSON:
                may = peer.is_owner or known.person is not None
                hint = "consentline people add says which login is whose"
            case Asker.OPERATOR | Asker.ASTERISK:
                may, hint = self._operates(peer), "control.operator_logins of the config file names who may"
        if not may:
            raise AccessRefused(f'control socket: login "{peer.login}" may not ask this', hint=hint)
        return known

    def is_counted(self, peer: Peer) -> bool:
        """Tell whether this login may have so many connections and no more."""
        return not peer.is_owner and peer.login not in self._asterisk

    def _operates(self, peer: Peer) -> bool:
        return peer.is_owner or peer.login in self._operators

    async def _person(self, peer: Peer) -> PersonId | None:
        person = await self._person_of(peer.login)
        if person is None and peer.is_owner and peer.behind is not None:
            return await self._person_of(peer.behind)
        return person


def _login(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _behind(pid: int) -> str | None:
    try:
        uid = int(Path(f"/proc/{pid}/loginuid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None  # another namespace, a kernel without audit, or the process has gone
    return None if uid == _NO_LOGIN else _login(uid)
