"""`policy apply`: the plan, the question, and what is done."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from daemon.desks.keys import KeyDesk
from daemon.desks.policies import PoliciesDesk
from daemon.desks.promises import PromisesDesk
from daemon.proofs import Proofs
from daemon.store_thread import StoreThread
from store.db import Db
from store.logbook import ledger
from tests.casework.test_promises import SHORTER, changed
from tests.commands.conftest import CommandLine, OpenDesk, descriptor, one_error
from tests.store.holding import PASSPHRASE, enrol
from tests.store.scene import Scene, recording_named, scene

OPERATOR = "ops"


@pytest.fixture
def served(tmp_path: Path, open_desk: OpenDesk) -> Iterator[Scene]:
    """An installation with two recordings whose daemon runs the shorter policy."""
    thread, opening = StoreThread(), scene(tmp_path / "store")

    def open_store() -> Scene:
        stage = opening.__enter__()
        stage.keep(1), stage.keep(2)
        enrol(stage.db, OPERATOR, at=stage.clock.now())
        return stage

    stage = asyncio.run(thread.run(open_store))
    runs = changed(tmp_path / "shorter", *SHORTER)
    proofs = Proofs(db=stage.db, thread=thread, clock=stage.clock, randomness=stage.archive.randomness)
    desks = (
        KeyDesk(db=stage.db, thread=thread, proofs=proofs, clock=stage.clock),
        PoliciesDesk(runs),
        PromisesDesk(stage.archive, thread, runs, proofs),
    )
    open_desk([route for desk in desks for route in desk.routes()])
    yield stage
    asyncio.run(thread.run(lambda: opening.__exit__(None, None, None)))
    thread.close()


@pytest.mark.exhaustive
def test_the_command_shows_the_plan_and_does_it_once_agreed(
    served: Scene,
    command: CommandLine,
) -> None:
    def apply() -> list[dict[str, object]]:
        fd = descriptor(PASSPHRASE)
        line = (
            "policy",
            "apply",
            "eindhoven",
            "--yes",
            "--json",
            "--person",
            OPERATOR,
            "--passphrase-fd",
            fd,
        )
        ended = command(*line)
        os.close(fd)
        done: list[dict[str, object]] = json.loads(ended.out)
        return done

    planned = command("policy", "apply", "eindhoven", "--dry-run")
    assert planned.out == "goes\trecordings\n2026-12-21\t2\n"
    assert "the file beside the config file is another" in planned.err
    assert len(json.loads(command("policy", "apply", "eindhoven", "--dry-run", "--json").out)) == 2
    assert command("policy", "apply", "eindhoven", "--json").code == 2
    (done,) = apply()
    assert done == {"policy": "eindhoven", "recordings": 2, "calls": 2}
    (again,) = apply()
    assert again == {"policy": "eindhoven", "recordings": 0, "calls": 0}
    with closing(Db.open_to_read(served.db.path, clock=served.clock)) as db:
        shortened = [entry.actor for entry in ledger.show(db, subject=recording_named(1))][-1]
    assert str(shortened).startswith(f"person:{OPERATOR} login:")


def test_the_login_alone_applies_nothing(served: Scene, command: CommandLine) -> None:
    ended = command("policy", "apply", "eindhoven", "--yes", "--person", OPERATOR)
    assert (ended.code, "--passphrase-fd" in ended.err) == (2, True)
    planned = json.loads(command("policy", "apply", "eindhoven", "--dry-run", "--json").out)
    assert len(planned) == 2


def test_a_policy_that_does_not_run_is_not_applied(
    served: Scene,
    command: CommandLine,
) -> None:
    one_error(command("policy", "apply", "heerde", "--yes"), 4, 'no policy "heerde" runs')
