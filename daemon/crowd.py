"""How many connections one login may have open at the control socket.

Every login of the host can connect: the socket lets everybody in, and says afterwards who may ask what.
A connection that asks nothing costs a descriptor all the same, and so may a question that waits. So each
login has as many as people need; more are told so and closed, and nobody else notices. Root, the daemon's
own user and Asterisk's scripts, one for each call, are not counted.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections import Counter
from collections.abc import Callable
from typing import Final, cast

from daemon.peers import Peer, peer_of
from policy.errors import Unavailable

logger = logging.getLogger(__name__)

MOST_OF_A_LOGIN: Final = 32


class Crowd:
    """Counts who is connected.

    Args:
        is_counted: Whether a login is.
        most: How many connections each may have.
    """

    def __init__(self, is_counted: Callable[[Peer], bool], *, most: int = MOST_OF_A_LOGIN) -> None:
        self._is_counted = is_counted
        self._most = most
        self._open: Counter[int] = Counter()

    def enter(self, peer: Peer) -> bool:
        """Count a connection, and tell whether it may stay."""
        if not self._is_counted(peer):
            return True
        self._open[peer.uid] += 1
        if self._open[peer.uid] == self._most + 1:
            logger.warning("control socket: login %r has more than %d connections", peer.login, self._most)
        return self._open[peer.uid] <= self._most

    @property
    def busy(self) -> int:
        """How many counted connections there are."""
        return self._open.total()

    def leave(self, peer: Peer) -> None:
        """Count a connection no more, whether it stayed or not."""
        if self._is_counted(peer):
            self._open[peer.uid] -= 1
            self._open += Counter()  # forgets who has none


class Counted(asyncio.Protocol):
    """One connection: handed on to who serves it, if its login has not too many.

    Args:
        serving: Serves it.
        crowd: Counts it.
    """

    def __init__(self, serving: asyncio.Protocol, crowd: Crowd) -> None:
        self._serving = serving
        self._crowd = crowd
        self._peer: Peer | None = None
        self._stays = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Look who it is."""
        writing = cast(asyncio.Transport, transport)
        connection: socket.socket = writing.get_extra_info("socket")
        self._peer = peer_of(connection)
        self._stays = self._crowd.enter(self._peer)
        if self._stays:
            self._serving.connection_made(transport)
            return
        writing.write(_refusal(self._peer))
        writing.close()

    def data_received(self, data: bytes) -> None:
        """Hand on."""
        if self._stays:
            self._serving.data_received(data)

    def eof_received(self) -> bool | None:
        """Hand on."""
        return self._serving.eof_received() if self._stays else None

    def pause_writing(self) -> None:
        """Hand on."""
        if self._stays:
            self._serving.pause_writing()

    def resume_writing(self) -> None:
        """Hand on."""
        if self._stays:
            self._serving.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Hand on, and count it no more."""
        if self._stays:
            self._serving.connection_lost(exc)
        if self._peer is not None:
            self._crowd.leave(self._peer)


def _refusal(peer: Peer) -> bytes:
    error = Unavailable(f'control socket: login "{peer.login}" has too many connections open')
    told = {
        "error": error.text,
        "hint": "close some, or wait for what they asked",
        "exit_code": error.exit_code,
    }
    body = json.dumps(told).encode()
    head = (
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
