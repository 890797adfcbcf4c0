"""The generated pages: each command and each exit code is on them, and they are current."""

from __future__ import annotations

import subprocess
import sys

from cli import COMMANDS
from commands.frame.reference import exit_codes
from policy.errors import ConsentlineError
from tests.commands.conftest import ROOT

PAGES = ("docs/cli.md", "docs/exit-codes.md")


def test_every_command_has_a_heading() -> None:
    page = (ROOT / "docs/cli.md").read_text(encoding="utf-8").splitlines()
    for words in COMMANDS:
        assert f"## consentline {words}" in page


def test_every_error_has_its_exit_code_and_no_two_share_one() -> None:
    kinds: list[type[ConsentlineError]] = [ConsentlineError, *ConsentlineError.__subclasses__()]
    ours = [kind for kind in kinds if kind.__module__ == "policy.errors"]
    table = exit_codes()
    for kind in ours:
        assert f"| {kind.exit_code} | `{kind.__name__}` |" in table
    assert len({kind.exit_code for kind in ours} | {0, 2, 130, 141}) == len(ours) + 4


def test_the_pages_are_current() -> None:
    command = [sys.executable, "-m", "cogapp", "--check", "-I", ".", *PAGES]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
