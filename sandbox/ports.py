"""Free loopback ports, chosen so that two sandboxes side by side do not collide."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = "127.0.0.1"
_LOOPBACK_IN_PROC = "0100007F"
_LISTENING = "0A"

# Below the kernel's ephemeral ports, so that nobody's outgoing connection sits on one.
_RTP_FIRST = 12_000
_RTP_BLOCKS = 60
_RTP_BLOCK = 320


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The ports of one Asterisk. RTP ranges may overlap: Asterisk takes the next port that is free."""

    sip: int
    http: int
    manager: int
    rtp_first: int
    rtp_last: int


def choose_ports() -> Ports:
    """Ports that are free now; whoever uses them checks with `owns` that it got them."""
    sip = free_port(socket.SOCK_DGRAM)
    rtp_first = _RTP_FIRST + (sip % _RTP_BLOCKS) * _RTP_BLOCK
    return Ports(
        sip=sip,
        http=free_port(socket.SOCK_STREAM),
        manager=free_port(socket.SOCK_STREAM),
        rtp_first=rtp_first,
        rtp_last=rtp_first + _RTP_BLOCK - 1,
    )


def free_port(kind: socket.SocketKind) -> int:
    """A port of 127.0.0.1 on which nobody listens at this moment."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def owns(pid: int, protocol: str, port: int) -> bool:
    """Tell whether this very process listens on 127.0.0.1 at `port` ("udp" or "tcp")."""
    address = f"{_LOOPBACK_IN_PROC}:{port:04X}"
    inodes = set()
    for line in Path(f"/proc/net/{protocol}").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1] == address and (protocol == "udp" or fields[3] == _LISTENING):
            inodes.add(f"socket:[{fields[9]}]")
    try:
        return any(str(link.readlink()) in inodes for link in Path(f"/proc/{pid}/fd").iterdir())
    except FileNotFoundError:  # the process, or one of its descriptors, has just gone
        return False
