"""AGI script behind the withdrawal keys of features.conf.

With the daemon it hands the withdrawal over and returns at once. Without the daemon it
does the first half itself, in the order of I6: the spool files are renamed, the tape is
stopped, a durable mark is left, the bytes are unlinked. The daemon takes the mark in at
its next start and destroys what may still be there.

Arguments, from the dialplan: socket, spool folder, marks folder, recording id, who
pressed (`caller_key` or `agent_key`), MixMonitor id.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from asterisk.agi import AGI, AGIException

from agi_scripts import mark_file
from agi_scripts.daemon_socket import DaemonAway, ask

DAEMON_TIMEOUT_S = 0.4
_RECORDING = re.compile(r"[0-9a-f]{32}")
_PRESSED_BY = ("caller_key", "agent_key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the dialplan hands over.

    Attributes:
        mixmonitor: Asterisk's id of the tape; empty when there is none.
    """

    socket: str
    spool: Path
    marks: Path
    recording_id: str
    pressed_by: str
    mixmonitor: str


def parse(arguments: list[str]) -> Request | None:
    """Return the request, or None when the call is not being recorded (harmless)."""
    socket, spool, marks, recording_id, pressed_by, mixmonitor = (arguments + [""] * 6)[:6]
    if _RECORDING.fullmatch(recording_id) is None or pressed_by not in _PRESSED_BY:
        return None
    return Request(
        socket=socket,
        spool=Path(spool),
        marks=Path(marks),
        recording_id=recording_id,
        pressed_by=pressed_by,
        mixmonitor=mixmonitor,
    )


def spool_files(request: Request) -> list[Path]:
    """Return the names under which Asterisk writes the two voices."""
    return [request.spool / f"{request.recording_id}-{voice}.wav" for voice in ("caller", "agent")]


def rename_away(request: Request) -> list[Path]:
    """Rename what is there to `.withdrawn`; the writer keeps its inode (I6).

    A file that cannot be renamed stops nothing of what follows: tape, mark and removal.
    """
    renamed = []
    for path in spool_files(request):
        withdrawn = path.with_suffix(".wav.withdrawn")
        try:
            path.rename(withdrawn)
        except OSError:
            continue
        renamed.append(withdrawn)
    return renamed


def leave_mark(request: Request) -> None:
    """Write the durable mark that the daemon takes in at its next start."""
    text = f"{request.recording_id} {request.pressed_by}\n"
    mark_file.write(request.marks, f"withdraw-{request.recording_id}", text)


def withdraw_alone(request: Request, agi: AGI) -> None:
    """Withdraw without the daemon, in the order of I6."""
    renamed = rename_away(request)
    try:
        if request.mixmonitor:
            agi.appexec("StopMixMonitor", request.mixmonitor)
    except AGIException:
        pass  # the caller hung up meanwhile: the tape ends with the call
    finally:
        leave_mark(request)
        for path in [*renamed, *spool_files(request)]:
            path.unlink(missing_ok=True)


def main() -> None:
    """Run as an AGI script; says nothing on stderr, which Asterisk would print."""
    request = parse(sys.argv[1:])
    with Path(os.devnull).open("w", encoding="utf-8") as silence:
        agi = AGI(stderr=silence)
        if request is None:
            return
        try:
            body = {"recording": request.recording_id, "by": request.pressed_by}
            ask(request.socket, "/withdraw", body, timeout_s=DAEMON_TIMEOUT_S)
        except DaemonAway:
            withdraw_alone(request, agi)


if __name__ == "__main__":
    main()
