"""An installation in a folder, with calls in it, for the tests of the store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from policy.access import RoleName
from policy.clock import SteppedClock
from policy.evidence import Arrival, Decision, Heard, Prompt, Way
from policy.key_groups import KeyPath
from policy.load import Policies, load_policies
from policy.vocabulary import CallId, Outcome, PolicyName, RecordingId, RecordingState
from store import keys, settings
from store.db import Db
from store.files import container
from store.files.archive import Archive
from store.files.epochs import EpochFolder
from store.files.plaintext import Plaintext
from store.files.vault_folder import VaultFolder
from store.keyring import callers, envelopes, reading_keys, shares
from store.keys import PrivateHalf
from store.logbook import ledger
from store.records import calls, decisions, recordings, sealing
from store.retention.clock_guard import ClockGuard

ROOT = Path(__file__).resolve().parent.parent.parent
STARTED_AT = datetime(2026, 11, 21, 17, 29, 21, 250_000, tzinfo=UTC)
EINDHOVEN = PolicyName("eindhoven")


class CountingRandomness:
    """Bytes that differ each time and are the same in every run."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._drawn = 0

    def token(self, length_bytes: int) -> bytes:
        """Return the next `length_bytes`."""
        self._drawn += 1
        return hashlib.shake_256(f"{self._seed}/{self._drawn}".encode()).digest(length_bytes)


def recording_named(number: int) -> RecordingId:
    """Return a recording id."""
    return RecordingId(hashlib.sha256(str(number).encode()).hexdigest()[:32])


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A database with the calls and the keys of one policy, and a clock that stands still.

    Attributes:
        halves: The private half of each role's reading key.
        told: Entries on the ledger before anything happened.
    """

    archive: Archive
    guard: ClockGuard
    clock: SteppedClock
    policies: Policies
    halves: Mapping[RoleName, PrivateHalf]
    told: int
    spool: Path
    policy: PolicyName = EINDHOVEN

    @property
    def db(self) -> Db:
        """The archive's database."""
        return self.archive.db

    @property
    def vault(self) -> VaultFolder:
        """The archive's vault, which is a folder here."""
        assert isinstance(self.archive.vault, VaultFolder)
        return self.archive.vault

    def arrival(self, number: int, *, started_at: datetime | None = None) -> Arrival:
        """Return the call of that number."""
        return Arrival(
            call_id=CallId(f"1795282161.{number}"),
            channel=f"PJSIP/trunk-{number:08x}",
            policy=self.policy,
            number=self.policies.named(self.policy).numbers[0],
            caller=f"+3161234{number:04d}",
            language="nl",
            started_at=started_at or self.clock.now(),
            way=Way.ARI,
        )

    def open_call(self, number: int, *, started_at: datetime | None = None) -> CallId:
        """Store that a call reached the gate."""
        arrival = self.arrival(number, started_at=started_at)
        caller = callers.seal_caller(
            arrival.call_id,
            arrival.caller,
            to=None,
            tag_key=settings.tag_key(self.db),
            randomness=self.archive.randomness,
        )
        with self.db.write() as tx:
            calls.open_call(tx, arrival, caller=caller, policies=self.policies)
        return arrival.call_id

    def decision(
        self, number: int, outcome: Outcome = Outcome.NOT_REFUSED, *, recorded: bool | None = None
    ) -> Decision:
        """Return what the call of that number decided."""
        policy = self.policies.named(self.policy)
        permits = outcome.permits_recording if recorded is None else recorded
        return Decision(
            call_id=CallId(f"1795282161.{number}"),
            outcome=outcome,
            heard=Heard(heard_ms=5700, finished=True, window_over=True),
            prompt=Prompt(
                policy_hash=policy.content_hash,
                text_hash=policy.text_hash("notice", "nl"),
                language="nl",
                audio_sha256="ab" * 32,
                duration_ms=5700,
                path="/prompts/notice",
            ),
            recording_id=recording_named(number) if permits else None,
            decided_at=self.clock.now() + timedelta(milliseconds=700),
            way=Way.ARI,
        )

    def begin(self, number: int, *, started_at: datetime | None = None) -> RecordingId:
        """Store a call whose caller did not refuse; its recording runs."""
        self.open_call(number, started_at=started_at)
        with self.db.write() as tx:
            decisions.store(tx, self.decision(number), self.policies)
        return recording_named(number)

    def capture(self, number: int, *, started_at: datetime | None = None) -> RecordingId:
        """Store a call that was recorded and ended; its two legs lie in the spool."""
        recording_id = self.begin(number, started_at=started_at)
        for leg in ("caller", "agent"):
            (self.spool / f"{recording_id}-{leg}.wav").write_bytes(voice(number))
        with self.db.write() as tx:
            calls.end_call(tx, CallId(f"1795282161.{number}"), self.clock.now())
            recordings.captured(tx, recording_id, self.clock.now(), duration_ms=87_000)
        return recording_id

    def flac(self, number: int) -> Path:
        """Return the audio of that call, ready to be sealed."""
        path = self.spool / f"{recording_named(number)}.flac"
        path.write_bytes(voice(number))
        return path

    def keep(self, number: int, *, started_at: datetime | None = None) -> RecordingId:
        """Store a call whose recording was sealed and whose plaintext is gone."""
        recording_id = self.capture(number, started_at=started_at)
        sealing.seal(self.archive, recording_id, self.flac(number))
        self.archive.plaintext.unlink(recording_id)
        return recording_id

    def state(self, recording_id: RecordingId) -> RecordingState:
        """Return the state of a recording."""
        return recordings.get_recording(self.db, recording_id).state

    def hear(self, recording_id: RecordingId) -> bytes:
        """Open a recording as an authorised person would, by each of its paths."""
        rows = envelopes.paths_of(envelopes.of_recording(self.db, recording_id))
        (key,) = {self.open_path(recording_id, path) for path in rows}
        with self.archive.vault.open(recording_id) as file:
            return b"".join(container.open_stream(file, key, container.recording_context(recording_id)))

    def open_path(self, recording_id: RecordingId, path: KeyPath) -> bytes:
        """Return the recording's key, as whoever holds every key of the path gets it."""
        subject = shares.recording(recording_id)
        rows = envelopes.paths_of(envelopes.of_recording(self.db, recording_id))[path]
        parts = (
            shares.open_share(envelopes.unwrap(row, self.archive.epochs), subject, self.halves[row.role])
            for row in rows
        )
        return shares.join(path, parts)

    def every_byte(self) -> bytes:
        """Return all that is in any file of the installation, as a thief would copy it."""
        return b"".join(path.read_bytes() for path in sorted(self.spool.parent.rglob("*")) if path.is_file())


def voice(number: int) -> bytes:
    """Return audio that is unlike any other call's."""
    return hashlib.shake_256(f"voice {number}".encode()).digest(40_000)


class Crash(Exception):
    """The machine stops here."""


class CrashAt:
    """A step callback that stops the machine before the n-th step, counted from 1.

    Attributes:
        passed: The steps that were reached.
    """

    def __init__(self, nth: int) -> None:
        self._nth = nth
        self.passed: list[str] = []

    def __call__(self, name: str) -> None:
        """Stop, or go on."""
        self.passed.append(name)
        if len(self.passed) == self._nth:
            raise Crash(name)


@contextmanager
def scene(
    folder: Path,
    *,
    clock: SteppedClock | None = None,
    start: int = 0,
    policies: Path = ROOT / "policies",
    policy: PolicyName = EINDHOVEN,
) -> Iterator[Scene]:
    """Set one up, or start it again after a crash, and close it.

    Args:
        folder: The installation.
        clock: The clock that stood there before the crash.
        start: Differs at each start, so that no random byte comes twice.
        policy: Whose calls there are.
        policies: Folder of those that are served.
    """
    clock, randomness = clock or SteppedClock(STARTED_AT), CountingRandomness(100 + start)
    folder.mkdir(exist_ok=True)
    db = Db.open(folder / "consentline.db", clock=clock, randomness=randomness, busy_timeout_ms=2_000)
    spool = folder / "spool"
    spool.mkdir(exist_ok=True)
    served = load_policies(policies)
    halves = {
        role: keys.make_private_half(CountingRandomness(seed))
        for seed, role in enumerate(reading_keys.roles_with_keys(served.named(policy)), start=1)
    }
    archive = Archive(
        db=db,
        vault=VaultFolder(folder=folder / "vault"),
        epochs=EpochFolder(path=folder / "epochs", randomness=randomness),
        plaintext=Plaintext(folders=(spool,)),
        clock=clock,
        randomness=randomness,
    )
    archive.prepare()
    with db.write() as tx:
        for role, half in halves.items():
            reading_keys.add_reading_key(tx, policy, role, half.public, at=clock.now(), actor="test")
        reading_keys.seal_by(tx, served.named(policy), at=clock.now(), actor="test")
    try:
        yield Scene(
            archive=archive,
            guard=ClockGuard(db=db, clock=clock, boot="this boot"),
            clock=clock,
            policies=served,
            halves=halves,
            told=ledger.head(db).size,
            spool=spool,
            policy=policy,
        )
    finally:
        db.close()
