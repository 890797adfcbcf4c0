"""Rows on a terminal: a table; nothing that a network supplied is taken for markup."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from commands.frame.table import as_text
from tests.commands.conftest import ROOT


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("ended_at", None, "-"),
        ("started_at", "2026-11-21T17:29:21.250Z", "2026-11-21 18:29:21"),
        ("at", "2026-07-01T00:00:00.000Z", "2026-07-01 02:00:00"),
        ("finished", True, "yes"),
        ("duration_ms", 87000, "87000"),
        ("caller", "\x1b]0;title\x07", "\N{REPLACEMENT CHARACTER}]0;title\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_a_value_is_written_for_people(column: str, value: object, text: str) -> None:
    assert as_text(column, value) == text


def _on_a_terminal(script: str) -> str:
    """Return what a script prints on a terminal of its own."""
    master, slave = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen([sys.executable, "-c", script], stdout=slave, cwd=ROOT, env=environment)
    os.close(slave)
    output = b""
    try:
        while piece := os.read(master, 65_536):
            output += piece
    except OSError:  # Linux ends the reading side of a closed terminal so
        pass
    finally:
        os.close(master)
    assert process.wait(timeout=20) == 0
    return output.decode()


def test_a_terminal_gets_a_table_whose_cells_are_no_markup() -> None:
    script = (
        "from commands.frame.table import show\n"
        "show([{'policy': '[red]eindhoven[/]', 'number': '14040'}], ['policy', 'number'], as_json=False)"
    )
    printed = _on_a_terminal(script)
    assert "[red]eindhoven[/]" in printed
    assert "\t" not in printed


def test_a_terminal_gets_json_when_it_is_asked_for() -> None:
    script = "from commands.frame.table import show\nshow([{'a': 'é'}], ['a'], as_json=True)"
    assert '"a": "é"' in _on_a_terminal(script)
