from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.lock import sole_owner
from policy.errors import StateConflict, Unavailable
from tests.conftest import ROOT

HOLD = """
import sys
from pathlib import Path
from daemon.lock import sole_owner
with sole_owner(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_owner_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    database = tmp_path / "consentline.db"
    with (
        sole_owner(database),
        pytest.raises(StateConflict, match=f"held by process {os.getpid()}"),
        sole_owner(database),
    ):
        pass
    with sole_owner(database):
        pass


def test_the_lock_of_a_killed_process_is_free_at_once(tmp_path: Path) -> None:
    database = tmp_path / "consentline.db"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StateConflict, match=str(holder.pid)), sole_owner(database):
            pass
        holder.kill()
    with sole_owner(database):
        pass


def test_a_folder_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be made: No such file"), sole_owner(tmp_path / "no" / "db"):
        pass
