"""The way to the daemon for whoever asks it: HTTP over the Unix socket, blocking.

Standard library only: an AGI script starts with every call and must start fast.
"""

from __future__ import annotations

import socket
from http.client import HTTPConnection
from pathlib import Path


class ControlConnection(HTTPConnection):
    """One connection to the control socket.

    Args:
        socket_path: The socket file.
        connect_timeout_s: Bound on connecting.
        answer_timeout_s: Bound on each read and write.
    """

    def __init__(self, socket_path: Path, *, connect_timeout_s: float, answer_timeout_s: float) -> None:
        super().__init__("consentline", timeout=answer_timeout_s)
        self._socket_path = socket_path
        self._connect_timeout_s = connect_timeout_s

    def connect(self) -> None:
        """Connect to the socket file instead of a host.

        Raises:
            OSError: If nobody listens there, or not to this login.
        """
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            link.settimeout(self._connect_timeout_s)
            link.connect(str(self._socket_path))
            link.settimeout(self.timeout)
        except OSError:
            link.close()
            raise
        self.sock = link
