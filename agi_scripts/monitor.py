"""AGI script behind the extension at which a coach listens in.

It brings the code that was dialled to the daemon, which says what may be heard and for how long.
No daemon, no listening: then it sets nothing, and the dialplan hangs up.

Arguments, from the dialplan, which has filtered them: socket, code, unique id of the coach's channel.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from asterisk.agi import AGI, AGIException

from agi_scripts.daemon_socket import DaemonAway, ask

DAEMON_TIMEOUT_S = 75.0
"""A wrong code makes the next one wait, a minute at most."""
_UNIQUE_ID = re.compile(r"[A-Za-z0-9._-]{1,150}")


def main() -> None:
    """Run as an AGI script; says nothing on stderr, which Asterisk would print."""
    socket, code, channel = (sys.argv[1:] + [""] * 3)[:3]
    with Path(os.devnull).open("w", encoding="utf-8") as silence:
        agi = AGI(stderr=silence)
        try:
            body = {"code": code, "channel": channel}
            answer = ask(socket, "/monitor-enter", body, timeout_s=DAEMON_TIMEOUT_S)
        except DaemonAway:
            return
        call, seconds = str(answer.get("call", "")), answer.get("seconds")
        if _UNIQUE_ID.fullmatch(call) is None or not isinstance(seconds, int) or seconds < 1:
            return
        try:
            agi.set_variable("CONSENTLINE_MONITOR_S", str(seconds))
            agi.set_variable("CONSENTLINE_MONITOR", call)
        except AGIException:
            return  # the coach hung up meanwhile


if __name__ == "__main__":
    main()
