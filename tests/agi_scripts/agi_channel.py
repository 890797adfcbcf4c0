"""The other end of an AGI script: what Asterisk writes to it and reads from it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

ENVIRONMENT = """\
agi_request: script
agi_channel: PJSIP/trunk-00000001
agi_language: nl
agi_type: PJSIP
agi_uniqueid: 1795282161.17
agi_callerid: 0612345678
agi_calleridname: J. Jansen

"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What an AGI script did.

    Attributes:
        commands: What it asked of Asterisk, in order.
        talk: What it wrote on stderr.
    """

    commands: tuple[str, ...]
    exit_code: int
    talk: str


def run_agi(module: str, arguments: list[str], replies: list[str], folder: Path) -> Ran:
    """Run a script as Asterisk does, answering its commands with `replies` in order."""
    finished = subprocess.run(
        [sys.executable, "-m", f"agi_scripts.{module}", *arguments],
        input=ENVIRONMENT + "".join(reply + "\n" for reply in replies),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=20,
        check=False,
    )
    return Ran(
        commands=tuple(finished.stdout.splitlines()), exit_code=finished.returncode, talk=finished.stderr
    )
