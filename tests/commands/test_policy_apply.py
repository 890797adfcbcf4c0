"""`policy apply`: the plan, the question, and what is done."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.desks.policies import PoliciesDesk
from daemon.desks.promises import PromisesDesk
from daemon.store_thread import StoreThread
from tests.casework.test_promises import SHORTER, changed
from tests.commands.conftest import CommandLine, OpenDesk, one_error
from tests.store.scene import Scene, scene


@pytest.fixture
def served(tmp_path: Path, open_desk: OpenDesk) -> Iterator[Scene]:
    """An installation with two recordings whose daemon runs the shorter policy."""
    thread, opening = StoreThread(), scene(tmp_path / "store")

    def open_store() -> Scene:
        stage = opening.__enter__()
        stage.keep(1), stage.keep(2)
        return stage

    stage = asyncio.run(thread.run(open_store))
    runs = changed(tmp_path / "shorter", *SHORTER)
    desks = (PoliciesDesk(runs), PromisesDesk(stage.archive, thread, runs))
    open_desk([route for desk in desks for route in desk.routes()])
    yield stage
    asyncio.run(thread.run(lambda: opening.__exit__(None, None, None)))
    thread.close()


def test_the_command_shows_the_plan_and_does_it_once_agreed(
    served: Scene,
    command: CommandLine,
) -> None:
    planned = command("policy", "apply", "eindhoven", "--dry-run")
    assert planned.out == "goes\trecordings\n2026-12-21\t2\n"
    assert "the file beside the config file is another" in planned.err
    assert len(json.loads(command("policy", "apply", "eindhoven", "--dry-run", "--json").out)) == 2
    assert command("policy", "apply", "eindhoven", "--json").code == 2
    (done,) = json.loads(command("policy", "apply", "eindhoven", "--yes", "--json").out)
    assert done == {"policy": "eindhoven", "recordings": 2, "calls": 2}
    (again,) = json.loads(command("policy", "apply", "eindhoven", "--yes", "--json").out)
    assert again == {"policy": "eindhoven", "recordings": 0, "calls": 0}


def test_a_policy_that_does_not_run_is_not_applied(
    served: Scene,
    command: CommandLine,
) -> None:
    one_error(command("policy", "apply", "heerde", "--yes"), 4, 'no policy "heerde" runs')
