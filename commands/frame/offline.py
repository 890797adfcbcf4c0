"""Records without a daemon: the same questions, answered by the files themselves under its lock.

What needs a running call cannot be done here: nobody listens to Asterisk, so a tape that
runs cannot be stopped. What has ended can be sealed, withdrawn, purged and swept.
"""

from __future__ import annotations

import asyncio
import os
import pwd
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

import click

from commands.frame.records import Row
from daemon.checkpoints import make_and_bring
from daemon.lock import sole_owner
from daemon.metrics import Metrics
from daemon.register import Register
from daemon.store_thread import StoreThread
from policy.clock import Clock, Randomness, SystemClock, SystemRandomness, from_iso
from policy.config import Config
from policy.errors import ConsentlineError, NotFound, StateConflict
from policy.load import load_policies
from policy.vocabulary import CallId, ErasedBecause, RecordingId, RecordingState, TakenBack, WithdrawnBy
from recorder.finishing import Finisher
from recorder.spool import Spool
from store import settings
from store.cases import request_calls
from store.files.archive import Archive
from store.files.opening import open_archive
from store.records import alarms, calls, recordings
from store.retention import destruction, purge, sweep, withdrawals
from store.retention.clock_guard import ClockGuard, this_boot
from store.retention.destruction import Doom


@dataclass(frozen=True, slots=True, kw_only=True)
class Offline:
    """Answers for the time in which the lock is held.

    Attributes:
        boot: From `this_boot`.
    """

    config: Config
    archive: Archive
    boot: str

    @property
    def actor(self) -> str:
        """Return how the ledger names who runs this."""
        return f"login:{_login()}"

    @classmethod
    @contextmanager
    def opened(
        cls,
        config: Config,
        *,
        clock: Clock | None = None,
        randomness: Randomness | None = None,
        boot: str | None = None,
    ) -> Iterator[Offline]:
        """Take the lock, open everything, and give both back at the end.

        Args:
            config: The installation.
            clock: The machine's own, but in tests.
            randomness: The machine's own, but in tests.
            boot: This boot, but in tests.

        Raises:
            NotFound: If there is no installation.
            StateConflict: If a daemon or another offline command has the lock.
            Unavailable: If something cannot be opened.
        """
        database = config.path("database")
        if not database.is_file():
            raise NotFound(f"{database}: must be the database, got no file", hint="run: consentline init")
        with sole_owner(database):
            archive = open_archive(
                config, clock=clock or SystemClock(), randomness=randomness or SystemRandomness()
            )
            with closing(archive):
                archive.prepare()
                yield cls(config=config, archive=archive, boot=this_boot() if boot is None else boot)

    def calls(self, *, queue: str | None = None, most: int | None = None) -> Sequence[Row]:
        """Return one row a call, oldest first; of one queue, and at most so many, the newest."""
        return [row.to_json() for row in calls.all_calls(self.archive.db, queue=queue, limit=most)]

    def recordings(self, *, most: int | None = None) -> Sequence[Row]:
        """Return one row a recording, oldest first; at most so many, the newest."""
        return [row.to_json() for row in request_calls.shown(self.archive.db, limit=most)]

    def withdraw(self, *, by: str, call_id: str | None = None, recording_id: str | None = None) -> Row:
        """Withdraw a recording that is not being made any more.

        Raises:
            NotFound: If there is no such call or recording.
            StateConflict: If it may still be recorded, which only the daemon can stop.
            DestructionIncomplete: If something of it is still there.
        """
        if recording_id is None:
            call = calls.get_call(self.archive.db, CallId(call_id or ""))
            if call.recording_id is None:
                return {
                    "recording_id": None,
                    "call_id": call.call_id,
                    "state": None,
                    "note": "was not recorded",
                }
            recording_id = call.recording_id
        row = recordings.get_recording(self.archive.db, RecordingId(recording_id))
        if row.erased_at is not None:
            return {**row.to_json(), "note": "was gone already"}
        if row.state is RecordingState.RECORDING:
            raise StateConflict(
                f"recording {recording_id}: its call may still be on, and only the daemon can stop the tape",
                hint="the caller's and the agent's own key still work; or start: consentline serve",
            )
        if withdrawals.take_back(self.archive, row.recording_id, WithdrawnBy(by)) is TakenBack.RESTRICTED:
            closed = recordings.get_recording(self.archive.db, row.recording_id).to_json()
            return {**closed, "note": "closed instead: an incident or a hold is open"}
        doom = Doom(recording_id=row.recording_id, because=ErasedBecause.WITHDRAWN, by=WithdrawnBy(by))
        try:
            destruction.destroy(self.archive, doom)
        finally:
            self._checkpoint()
        return recordings.get_recording(self.archive.db, row.recording_id).to_json()

    def purge(self, *, dry_run: bool, as_of: str | None, clock_is_right: bool) -> Sequence[Row]:
        """Destroy what is due, or say what would be; one row a recording.

        Raises:
            ClockSuspect: If the wall clock is in doubt; nothing was done then.
            DestructionIncomplete: If something that had to go is still there.
        """
        if dry_run:
            at = self.archive.clock.now() if as_of is None else from_iso(as_of)
            return purge.look(self.archive, at).to_json()
        guard = ClockGuard(db=self.archive.db, clock=self.archive.clock, boot=self.boot)
        if clock_is_right:
            guard.confirm(actor=self.actor)
        try:
            return purge.run(self.archive, guard).to_json()
        finally:
            self._checkpoint()

    def _checkpoint(self) -> None:
        """Have what went be signed and brought out; what fails is said, and costs nothing else."""
        try:
            key_path, targets = self.config.path("signing_key"), self.config.ledger.targets
            problems = make_and_bring(self.archive, key_path, targets)
        except ConsentlineError as error:
            problems = (error.text,)
        for problem in problems:
            click.echo(f"checkpoint: {problem}", err=True)

    def sweep(self, *, dry_run: bool) -> Sequence[Row]:
        """Put rows and bytes in step again; one row a finding.

        Raises:
            DestructionIncomplete: If something that had to go is still there.
        """
        if dry_run:
            return [finding.to_json() for finding in sweep.look(self.archive)]
        try:
            return [finding.to_json() for finding in sweep.run(self.archive)]
        finally:
            self._checkpoint()

    def alarms(self) -> Sequence[Row]:
        """Return the alarms that stand, the one that was last raised last."""
        return [alarm.to_json() for alarm in alarms.standing(self.archive.db)]

    def settle_alarms(self, alarm_ids: Sequence[int] | None) -> Sequence[Row]:
        """Put alarms aside, and return them; None: all that stand.

        Raises:
            NotFound: If there is no alarm of one of these numbers; then nothing is settled.
        """
        with self.archive.db.write() as tx:
            settled = alarms.settle(tx, alarm_ids, at=self.archive.clock.now(), actor=self.actor)
        return [alarm.to_json() for alarm in settled]

    def finalise(self) -> Sequence[Row]:
        """Seal the captures that wait in the spool; one row a recording."""
        return asyncio.run(_finalise(self.config, self.archive))


async def _finalise(config: Config, archive: Archive) -> Sequence[Row]:
    thread = StoreThread()
    policies = load_policies(config.path("policies"))

    def open_in_thread() -> tuple[Archive, bytes]:
        # A connection belongs to the thread that opened it.
        own = open_archive(config, clock=archive.clock, randomness=archive.randomness)
        return own, settings.tag_key(own.db)

    try:
        own, tag_key = await thread.run(open_in_thread)
        register = Register(archive=own, policies=policies, thread=thread, metrics=Metrics(), tag_key=tag_key)
        spool = Spool(config.path("spool"), floor_bytes=0)
        done = await Finisher(spool=spool, register=register, alarms=register).finish_captured()
        await thread.run(own.close)
    finally:
        thread.close()
    return [
        {"recording_id": recording_id, "result": finished.value} for recording_id, finished in done.items()
    ]


def _login() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid {os.geteuid()}"
