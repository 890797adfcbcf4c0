"""A door that stands: real records, real keys, real sound, asked by the command line over a real socket.

There is no Asterisk and no running daemon: the desks answer from a thread, as the daemon's do.
"""

from __future__ import annotations

import asyncio
import io
import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path
from typing import Self

import numpy as np
import pytest
import soundfile

from casework import request_calls, requests
from casework.requests import Asked
from cli import run
from daemon.control import ControlSocket
from daemon.desks.access import AccessDesk
from daemon.desks.giving_out import GivingOutDesk
from daemon.desks.incidents import IncidentsDesk
from daemon.desks.keys import KeyDesk
from daemon.desks.registrations import RegistrationsDesk
from daemon.desks.reports import ReportsDesk
from daemon.desks.requests import RequestsDesk
from daemon.desks.reviews import ReviewsDesk
from daemon.doorway import Doorway
from daemon.peers import Doorman
from daemon.proofs import Proofs
from daemon.store_thread import StoreThread
from policy.access import Action, PurposeName
from policy.clock import SystemRandomness
from policy.config import Control, load_config
from policy.rights import IdentityCheck, Right
from policy.situation import PersonId
from policy.vocabulary import CallId, RecordingId
from store import settings
from store.access import draws
from store.access.door import Question
from store.access.draws import Draw
from store.access.finding import Search
from store.files.archive import Archive
from store.files.opening import open_archive
from store.logbook import ledger
from store.persons import hats
from store.records import calls, recordings, sealing
from tests.commands.conftest import Ended, descriptor
from tests.store.holding import PASSPHRASE, enrol, hold
from tests.store.scene import EINDHOVEN, Scene

COACH, AGENT, OFFICER, HEAD = (PersonId(name) for name in ("coach-anna", "agent-kim", "po-lee", "head-jo"))
STAFF = {COACH: "coach", AGENT: "agent", OFFICER: "privacy_officer", HEAD: "head"}
RATE_HZ = 8000
CALLER_HZ, AGENT_HZ = 440, 1000
DAY = timedelta(days=1)


class Doorstep:
    """Runs command lines as somebody, and knows what came of them.

    Args:
        stage: The records, in the folder of the config file.
        config_file: That config file.
    """

    def __init__(self, stage: Scene, config_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.stage = stage
        self._config_file = config_file
        self.capsys = capsys
        self._doorway: Doorway | None = None

    def open(self) -> None:
        """Start answering."""
        self._thread = StoreThread()
        self._loop = asyncio.new_event_loop()
        self._runner = threading.Thread(target=self._loop.run_forever)
        self._runner.start()
        self._await(self._start())

    def close(self) -> None:
        """Stop answering."""
        self._await(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._runner.join(timeout=10)
        self._loop.close()
        self._thread.close()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def settle(self) -> None:
        """Do what the daemon does at its start."""
        assert self._doorway is not None
        self._await(self._doorway.settle())

    async def _start(self) -> None:
        config = load_config(self._config_file)

        def opening() -> tuple[Archive, bytes]:
            archive = open_archive(config, clock=self.stage.clock, randomness=SystemRandomness())
            return archive, settings.tag_key(archive.db)

        self._archive, tag_key = await self._thread.run(opening)
        clock = self.stage.clock
        proofs = Proofs(
            db=self._archive.db, thread=self._thread, clock=clock, randomness=self._archive.randomness
        )
        self._doorway = Doorway(
            archive=self._archive, policies=self.stage.policies, thread=self._thread, tag_key=tag_key
        )
        desks = (
            KeyDesk(db=self._archive.db, thread=self._thread, proofs=proofs, clock=clock),
            AccessDesk(self._doorway, proofs),
            ReportsDesk(self._archive, self._thread, self.stage.policies, proofs),
            IncidentsDesk(self._archive, self._thread, proofs),
            RegistrationsDesk(self._archive, self._thread, self.stage.policies, proofs),
            GivingOutDesk(
                self._archive, self._thread, self.stage.policies, proofs=proofs, doorway=self._doorway
            ),
            RequestsDesk(
                archive=self._archive,
                thread=self._thread,
                policies=self.stage.policies,
                proofs=proofs,
                tag_key=tag_key,
            ),
            ReviewsDesk(archive=self._archive, thread=self._thread, doorway=self._doorway, proofs=proofs),
        )

        async def nobody(login: str) -> PersonId | None:
            return None  # the command line is the daemon's own user here, and says who it is

        self._socket = ControlSocket(
            config.path("socket"),
            [route for desk in desks for route in desk.routes()],
            Doorman(Control(), nobody),
        )
        await self._socket.start()

    async def _stop(self) -> None:
        await self._socket.stop()
        await self._thread.run(self._archive.db.close)

    def _await(self, work: object) -> None:
        future: Future[None] = asyncio.run_coroutine_threadsafe(work, self._loop)  # type: ignore[arg-type]  # each is a coroutine
        future.result(timeout=30)

    # ---------------------------------------------------------------- asking

    def run(
        self,
        person: str,
        *words: object,
        passphrase: str = PASSPHRASE,
        others: Sequence[str] = (),
        extra: Sequence[str] = (),
    ) -> Ended:
        """Run a command line as somebody, their passphrase on a file descriptor.

        Args:
            person: Who asks.
            words: The command line.
            passphrase: Theirs.
            others: The passphrases of each `--with`.
            extra: Further secrets; `{}` in the words stands for the descriptor of each, in order.
        """
        fds = [descriptor(secret) for secret in (passphrase, *others, *extra)]
        filled = iter(fds[1 + len(others) :])
        line = [str(next(filled)) if word == "{}" else str(word) for word in words]
        line += ["--person", person, "--passphrase-fd", str(fds[0])]
        for fd in fds[1 : 1 + len(others)]:
            line += ["--with-passphrase-fd", str(fd)]
        try:
            code = run(["--config", str(self._config_file), *line])
        finally:
            for fd in fds:
                os.close(fd)
        said = self.capsys.readouterr()
        return Ended(code=code, out=said.out, err=said.err)

    # ---------------------------------------------------------------- what is there

    def keep(
        self,
        number: int,
        *,
        seconds: float = 3,
        agent: PersonId | None = AGENT,
        flac: bytes | None = None,
    ) -> RecordingId:
        """Store a call with real sound: the caller at 440 Hz on the left, the agent at 1 kHz on the right."""
        stage = self.stage
        recording_id = stage.begin(number)
        path = stage.spool / f"{recording_id}.flac"
        path.write_bytes(flac or sound(seconds))
        stage.clock.advance(timedelta(seconds=seconds))
        with stage.db.write() as tx:
            if agent is not None:
                tx.execute(
                    "INSERT INTO call_agents (call_id, channel_id, person_id, since) VALUES (?, 'c', ?, 1)",
                    (f"1795282161.{number}", agent),
                )
            calls.end_call(tx, CallId(f"1795282161.{number}"), stage.clock.now())
            now = stage.clock.now()
            recordings.captured(tx, recording_id, now, duration_ms=int(seconds * 1000))
        sealing.seal(stage.archive, recording_id, path)
        path.unlink()
        return recording_id

    def request(
        self, number: int, right: Right = Right.ACCESS, *, by: PersonId = OFFICER, reference: str = "2026-118"
    ) -> int:
        """Have a data subject's request about a call taken in, identity shown and the call confirmed."""
        stage, now = self.stage, self.stage.clock.now()
        asked = Question(
            person=by,
            login=by,
            actor=f"person:{by} login:{by}",
            policy=stage.policies.named(stage.policy),
            action=Action.EXPORT,
            purpose=requests.PURPOSE,
            reason="DigiD checked",
            case=reference,
        )
        taken = Asked(right=right, search=Search(number=f"+3161234{number:04d}"), reference=reference)
        tag_key = settings.tag_key(stage.db)
        row = requests.receive(stage.archive, stage.policies, asked, taken, tag_key=tag_key)
        check = IdentityCheck.DIGID
        row = requests.check_identity(stage.archive, asked, row, check, shown=True)
        for call in request_calls.candidates(stage.archive, row):
            request_calls.confirm(
                stage.archive, asked, row, call.row.recording_id, named_at=now, matter="afvalcontainer"
            )
        return row.request_id

    def draw(self, *drawn: RecordingId) -> None:
        """Draw these recordings for training."""
        now = self.stage.clock.now()
        draw = Draw(
            policy=EINDHOVEN,
            purpose=PurposeName("training"),
            drawn_by=COACH,
            seed=bytes(32),
            population={AGENT: drawn},
            per_agent=len(drawn),
            until=now + 14 * DAY,
            due_at=now + 365 * DAY,
        )
        with self.stage.db.write() as tx:
            draws.record(tx, draw, at=now, actor="test")

    def told(self, kind: str) -> list[ledger.Entry]:
        """Return the ledger's entries of a kind."""
        return [entry for entry in ledger.show(self.stage.db) if entry.kind == kind]


def staff(stage: Scene) -> None:
    """Add everybody of `STAFF`, with the keys of their roles."""
    policy, now = stage.policies.named(EINDHOVEN), stage.clock.now()
    for person, role in STAFF.items():
        enrol(stage.db, person, at=now)
        with stage.db.write() as tx:
            hats.give(tx, person, policy, role, since=None, until=None, at=now, actor="test")
        if role in stage.halves:
            hold(stage.db, person, stage.halves, role, at=now)


def sound(seconds: float) -> bytes:
    """Return a FLAC of two channels, each with a tone of its own."""
    at = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    tones = np.stack([np.sin(2 * np.pi * hz * at) for hz in (CALLER_HZ, AGENT_HZ)], axis=1) * 0.5
    flac = io.BytesIO()
    soundfile.write(flac, tones, RATE_HZ, format="FLAC", subtype="PCM_16")
    return flac.getvalue()


def noise(seconds: float) -> bytes:
    """Return a FLAC of soft noise, which a ZIP makes no smaller than FLAC does."""
    random = np.random.default_rng(1)
    flac = io.BytesIO()
    samples = random.integers(-100, 100, size=(int(seconds * RATE_HZ), 2), dtype=np.int16)
    soundfile.write(flac, samples, RATE_HZ, format="FLAC", subtype="PCM_16")
    return flac.getvalue()
