"""AGI script that leaves the mark of a call at a gate whose daemon is away.

The dialplan writes this mark by itself with FILE(). But from the moment in which a channel was
in Stasis, Asterisk refuses the dangerous functions to its dialplan, FILE() among them, until the
call ends [M]. So whoever was freed by the dead-man switch, or comes to a second gate, leaves the
mark by this script.

Arguments, from the dialplan, which has filtered them: marks folder, unique id of the channel,
policy or called number, Unix seconds.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from agi_scripts import mark_file

_UNIQUE_ID = re.compile(r"[A-Za-z0-9._-]{1,150}")


def main() -> None:
    """Run as an AGI script that asks Asterisk for nothing."""
    for line in sys.stdin:
        if not line.strip():
            break  # the end of what Asterisk tells about the call
    marks, unique_id, policy_or_number, at = (sys.argv[1:] + [""] * 4)[:4]
    if _UNIQUE_ID.fullmatch(unique_id) is not None:  # I10: it becomes a file name
        mark_file.write(Path(marks), f"gate-{unique_id}", f"{unique_id} {policy_or_number} {at}\n")


if __name__ == "__main__":
    main()
