"""People make their own keys, holders pass role keys on, and a rotation survives being stopped anywhere."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest

from cli import run
from commands.frame.control import Daemon
from commands.identity.keyring import Keyring, Proven, prove_again
from commands.keys.rotating import Role, renew_lost, rotate
from daemon.desks.keys import KeyDesk
from daemon.desks.people import PeopleDesk
from daemon.desks.rotation import RotationDesk
from daemon.people_office import PeopleOffice
from daemon.proofs import Proofs
from daemon.store_thread import StoreThread
from policy.access import RoleName
from policy.clock import SystemRandomness
from policy.errors import AccessRefused, Unavailable
from policy.key_groups import KeyPath
from policy.situation import PersonId
from policy.vocabulary import PolicyName
from store import settings
from store.files import container
from store.keyring import callers, envelopes, person_keys, reading_keys, shares
from store.keyring.key_wire import GrantWire
from store.keyring.rotation import BATCH
from store.keyring.shares import Purpose
from store.logbook import ledger
from store.persons import hats, people
from store.records import calls
from tests.commands.conftest import Ended, OpenDesk, one_error
from tests.store.holding import PASSPHRASE, enrol, hold, own_half
from tests.store.scene import Scene, recording_named, scene, voice

pytestmark = pytest.mark.exhaustive  # real passphrases and processes: seconds, not milliseconds

GRONINGEN = PolicyName("groningen")
OTHER_PASSPHRASE = "heel andere woorden dan die"

Result = TypeVar("Result")
Line = Callable[..., Ended]


class Room:
    """The desks for keys at work, over a store with recordings, in the thread that it belongs to."""

    def __init__(self, folder: Path) -> None:
        self.thread = StoreThread()
        self._stack = ExitStack()
        self.stage: Scene = self.within(lambda: self._stack.enter_context(scene(folder, policy=GRONINGEN)))
        stage = self.stage
        proofs = Proofs(
            db=stage.db, thread=self.thread, clock=stage.clock, randomness=stage.archive.randomness
        )
        office = PeopleOffice(archive=stage.archive, policies=stage.policies, thread=self.thread)
        self.routes = [
            *KeyDesk(db=stage.db, thread=self.thread, proofs=proofs, clock=stage.clock).routes(),
            *RotationDesk(archive=stage.archive, thread=self.thread, proofs=proofs).routes(),
            *PeopleDesk(office).routes(),
        ]

    def within(self, work: Callable[[], Result]) -> Result:
        """Run something in that thread."""
        return asyncio.run(self.thread.run(work))

    def person(self, person: str, *roles: str, wears: str | None = None, is_custodian: bool = False) -> None:
        """Add somebody with a key of their own, who holds these keys and wears that role."""

        def work() -> None:
            at = self.stage.clock.now()
            enrol(self.stage.db, person, at=at)
            hold(self.stage.db, person, self.stage.halves, *roles, at=at, is_custodian=is_custodian)
            if wears is not None:
                self.dress(person, wears)

        self.within(work)

    def dress(self, person: str, role: str) -> None:
        """Give somebody a hat; in the thread."""
        policy, at = self.stage.policies.named(GRONINGEN), self.stage.clock.now()
        with self.stage.db.write() as tx:
            hats.give(tx, PersonId(person), policy, role, since=None, until=None, at=at, actor="test")

    def holders(self, role: str) -> dict[str, bool]:
        """Return who holds the key in use of a role, and whether as custodian."""

        def work() -> dict[str, bool]:
            key = reading_keys.reading_key(self.stage.db, GRONINGEN, RoleName(role))
            grants = reading_keys.holders(self.stage.db, key.public.key_id)
            return {grant.person: grant.is_custodian for grant in grants}

        return self.within(work)

    def kinds(self) -> list[str]:
        """Return the kinds of the ledger's entries."""
        return [entry.kind for entry in self.within(lambda: ledger.show(self.stage.db))]

    def close(self) -> None:
        """End it."""
        self.within(self._stack.close)
        self.thread.close()


@pytest.fixture
def room(tmp_path: Path, open_desk: OpenDesk) -> Iterator[Room]:
    """Desks that answer on the control socket."""
    opened = Room(tmp_path / "store")
    open_desk(opened.routes)
    yield opened
    opened.close()


@pytest.fixture
def line(config_file: Path, capsys: pytest.CaptureFixture[str]) -> Line:
    """Run a command line with passphrases on file descriptors."""

    def call(*words: str, passphrase: str | None = PASSPHRASE, new: str | None = None) -> Ended:
        readers, options = [], []
        for option, text in (("--passphrase-fd", passphrase), ("--new-passphrase-fd", new)):
            if text is not None:
                reader, writer = os.pipe()
                os.write(writer, text.encode() + b"\n")
                os.close(writer)
                readers.append(reader)
                options += [option, str(reader)]
        try:
            code = run(["--config", str(config_file), *words, *options])
        finally:
            for reader in readers:
                os.close(reader)
        said = capsys.readouterr()
        return Ended(code=code, out=said.out, err=said.err)

    return call


def _added(stage: Scene, person: str) -> None:
    with stage.db.write() as tx:
        people.add(tx, PersonId(person), name=person, login=person, at=stage.clock.now(), actor="test")


# --- a key of one's own ------------------------------------------------------------------


def test_somebody_makes_their_own_key_and_the_daemon_gets_no_private_half(room: Room, line: Line) -> None:
    room.within(lambda: _added(room.stage, "piet"))
    ended = line("people", "enrol", "piet")
    assert ended.code == 0, ended.err
    key = room.within(lambda: person_keys.get(room.stage.db, "piet"))
    assert ended.out.strip() == key.public.fingerprint
    private = Keyring.open(key.slot, PASSPHRASE).private
    assert private.public == key.public
    assert private.data not in room.within(room.stage.every_byte)
    assert "person_enrolled" in room.kinds()
    one_error(line("people", "enrol", "piet"), 8, "has a key of their own already", "people passphrase")


def test_nobody_enrols_who_is_not_there_or_with_a_weak_passphrase(room: Room, line: Line) -> None:
    one_error(line("people", "enrol", "jan"), 4, "no person jan")
    one_error(line("people", "enrol", "piet", passphrase="kort"), 5, "passphrase: must have at least 12")


def test_a_passphrase_is_changed_by_whoever_knows_the_old_one(room: Room, line: Line) -> None:
    room.person("anna", "head")
    before = room.within(lambda: person_keys.get(room.stage.db, "anna"))
    ended = line("people", "passphrase", "anna", new=OTHER_PASSPHRASE)
    assert (ended.code, ended.out) == (0, ""), ended.err
    after = room.within(lambda: person_keys.get(room.stage.db, "anna"))
    assert after.public == before.public
    grants = room.within(lambda: reading_keys.held_by(room.stage.db, "anna"))
    assert Keyring.open(after.slot, OTHER_PASSPHRASE).private == own_half("anna")
    assert len(grants) == 1
    assert before.slot.wrapped not in room.within(room.stage.every_byte)
    ended = line("people", "passphrase", "anna", new="nog weer andere woorden")
    one_error(ended, 12, "the passphrase does not open it", "the next try waits 1 s")
    assert room.kinds()[-1] == "proof_failed"


# --- holders -----------------------------------------------------------------------------


def test_the_custodian_passes_a_key_on_and_then_holds_it_no_more(room: Room, line: Line) -> None:
    room.person("anna", "agent", "head", is_custodian=True)
    room.person("piet", wears="head")
    told = own_half("piet").public.fingerprint[:19]
    grant = ("keys", "grant", "piet", "--policy", "groningen", "--role", "head", "--by", "anna")
    ended = line(*grant, "--fingerprint", told)
    assert ended.code == 0, ended.err
    assert "anna was its custodian and holds it no more" in ended.err
    assert room.holders("head") == {"piet": False}
    assert room.holders("agent") == {"anna": True}
    ended = line(*grant, "--fingerprint", told)
    one_error(ended, 5, "anna: does not hold the key of head of groningen")
    rows = json.loads(line("keys", "list", "--json", passphrase=None).out)
    assert {row["role"]: (row["held_by"], row["custodians"]) for row in rows} == {
        "agent": ([], ["anna"]),
        "aggression_coordinator": ([], []),
        "head": (["piet"], []),
        "privacy_officer": ([], []),
    }


def test_a_custodian_who_wears_the_role_keeps_the_key(room: Room, line: Line) -> None:
    room.person("anna", "head", wears="head", is_custodian=True)
    room.person("piet", wears="head")
    words = ("--policy", "groningen", "--role", "head", "--by", "anna", "--fingerprint")
    ended = line("keys", "grant", "piet", *words, own_half("piet").public.fingerprint)
    assert ended.code == 0, ended.err
    assert room.holders("head") == {"anna": False, "piet": False}


@pytest.mark.parametrize(
    ("wears", "fingerprint", "code", "told"),
    [
        (None, "own", 8, "piet: must wear the role head of groningen"),
        ("agent", "own", 8, "piet: must wear the role head of groningen"),
        ("head", "0123 4567 89ab cdef", 6, "own key must have the fingerprint"),
        ("head", "own, too short", 6, "own key must have the fingerprint"),
    ],
)
def test_a_key_goes_only_to_who_wears_the_role_and_has_that_fingerprint(
    *, room: Room, line: Line, wears: str | None, fingerprint: str, code: int, told: str
) -> None:
    room.person("anna", "head")
    room.person("piet", wears=wears)
    own = own_half("piet").public.fingerprint
    given = {"own": own, "own, too short": own[:9]}.get(fingerprint, fingerprint)
    words = ("--policy", "groningen", "--role", "head", "--by", "anna", "--fingerprint", given)
    one_error(line("keys", "grant", "piet", *words), code, told)
    assert room.holders("head") == {"anna": False}


def test_the_last_holder_keeps_the_key_unless_that_is_meant(room: Room, line: Line) -> None:
    room.person("anna", "head")
    room.person("piet", "head")
    revoke = ("keys", "revoke", "piet", "--policy", "groningen", "--role", "head")
    ended = line(*revoke, passphrase=None)
    assert ended.code == 0, ended.err
    assert "what they opened before" in ended.err
    one_error(line(*revoke, passphrase=None), 4, "does not hold the key")
    one_error(line("keys", "revoke", "anna", *revoke[3:], passphrase=None), 8, "is the only one who holds")
    one_error(
        line("people", "retire", "anna", passphrase=None), 8, "is the only one who holds", "--even-last"
    )
    ended = line("people", "retire", "anna", "--even-last", passphrase=None)
    assert ended.code == 0, ended.err
    assert room.holders("head") == {}
    one_error(line("people", "passphrase", "anna", new=OTHER_PASSPHRASE), 4, "has no key of their own")


# --- rotation ----------------------------------------------------------------------------

HEAD = Role(policy="groningen", role="head")


class StopsAt:
    """A daemon that is asked n questions and then no more, as when this process is killed.

    Attributes:
        asked: What was asked.
    """

    def __init__(self, daemon: Daemon, nth: int) -> None:
        self._daemon = daemon
        self._nth = nth
        self.asked: list[str] = []

    def ask_object(
        self, method: str, path: str, question: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        """Answer, or stop: before the daemon was asked, or after it did what was asked."""
        self.asked.append(path)
        if len(self.asked) * 2 - 1 == self._nth:
            raise Unavailable("killed before")
        answer = self._daemon.ask_object(method, path, question)
        if len(self.asked) * 2 == self._nth:
            raise Unavailable("killed behind")
        return answer


@pytest.fixture
def daemon(config_file: Path) -> Daemon:
    return Daemon(config_file.parent / "control.sock")


@pytest.fixture
def kept(room: Room) -> Room:
    """Six recordings with callers' numbers, and two who hold the head's key."""
    room.person("anna", "head")
    room.person("piet", "head")

    def work() -> None:
        for number in range(6):
            room.stage.keep(number)

    room.within(work)
    return room


def proven(daemon: Daemon, person: str = "anna") -> Proven:
    """Return a proof without the scrypt of each passphrase."""
    keyring = Keyring(person=PersonId(person), private=own_half(person))
    return prove_again(daemon, keyring)


def heads_parts(room: Room, person: str) -> int:
    """Open every recording as that head and the agent; return how many they were."""
    stage = room.stage
    grants = reading_keys.held_by(stage.db, person)
    ring = Keyring(person=PersonId(person), private=own_half(person)).with_grants(map(GrantWire.of, grants))
    opened = 0
    for number in range(6):
        recording_id = recording_named(number)
        rows = envelopes.paths_of(envelopes.of_recording(stage.db, recording_id))
        subject, parts = shares.recording(recording_id), []
        for row in rows[KeyPath("agent+head")]:
            share = envelopes.unwrap(row, stage.archive.epochs)
            half = stage.halves[row.role] if row.role == "agent" else ring.half(share.key_id)
            parts.append(shares.open_share(share, subject, half))
        key = shares.join(KeyPath("agent+head"), parts)
        with stage.archive.vault.open(recording_id) as file:
            opened += b"".join(
                container.open_stream(file, key, container.recording_context(recording_id))
            ) == voice(number)
    return opened


def test_a_role_gets_a_new_key_and_the_old_one_opens_nothing(kept: Room, daemon: Daemon) -> None:
    old = kept.stage.halves[RoleName("head")].public.key_id
    seen: list[tuple[int, int]] = []
    done = rotate(
        daemon, proven(daemon), HEAD, randomness=SystemRandomness(), progress=lambda *told: seen.append(told)
    )
    assert (done.resealed, done.holders, done.open_for_nobody) == (6, 2, 0)
    assert seen == [(6, 6)]
    assert kept.within(lambda: heads_parts(kept, "anna")) == 6
    assert kept.within(lambda: heads_parts(kept, "piet")) == 6
    everything = kept.within(
        lambda: kept.stage.db.rows("SELECT key_id FROM envelopes WHERE key_id = ?", (old,))
    )
    assert everything == []
    assert kept.within(lambda: reading_keys.reading_keys(kept.stage.db, retired=True)) == ()
    new = kept.within(lambda: reading_keys.reading_key(kept.stage.db, GRONINGEN, RoleName("head")))
    assert new.public.fingerprint == done.fingerprint
    assert [kind for kind in kept.kinds() if kind in ("key_rotation_begun", "key_destroyed")] == [
        "key_rotation_begun",
        "key_destroyed",
    ]


def test_a_rotation_that_is_killed_anywhere_loses_nothing_and_goes_on(kept: Room, daemon: Daemon) -> None:
    steps = 0
    for nth in range(1, 40):
        stopping = StopsAt(daemon, nth)
        try:
            rotate(stopping, proven(daemon), HEAD, randomness=SystemRandomness())
            break
        except Unavailable:
            steps += 1
        assert kept.within(lambda: heads_parts(kept, "anna")) == 6
        assert kept.within(lambda: heads_parts(kept, "piet")) == 6
        rotate(daemon, proven(daemon, "piet"), HEAD, randomness=SystemRandomness())
        assert kept.within(lambda: heads_parts(kept, "anna")) == 6
        assert kept.within(lambda: reading_keys.reading_keys(kept.stage.db, retired=True)) == ()
    assert steps == 14, "seven questions, each killed before and behind"


def test_callers_numbers_move_to_the_new_key_too(room: Room, daemon: Daemon) -> None:
    room.person("anna", "privacy_officer")

    def open_calls() -> None:
        stage = room.stage
        to = reading_keys.sealed_to(stage.db, GRONINGEN, Purpose.CALLER_NUMBER)
        for number in range(2 * BATCH + 3):
            arrival = stage.arrival(number)
            caller = callers.seal_caller(
                arrival.call_id,
                arrival.caller,
                to=to,
                tag_key=settings.tag_key(stage.db),
                randomness=stage.archive.randomness,
            )
            with stage.db.write() as tx:
                calls.open_call(tx, arrival, caller=caller, policies=stage.policies)

    room.within(open_calls)
    role = Role(policy="groningen", role="privacy_officer")
    done = rotate(daemon, proven(daemon), role, randomness=SystemRandomness())
    assert done.resealed == 2 * BATCH + 3

    def look() -> set[str]:
        rows = room.stage.db.rows("SELECT caller_sealed FROM calls")
        return {share.key_id for row in rows for share in callers.unpack(row["caller_sealed"])}

    new = room.within(lambda: reading_keys.reading_key(room.stage.db, GRONINGEN, RoleName("privacy_officer")))
    assert room.within(look) == {new.public.key_id}


def test_what_opens_for_nobody_does_not_stop_a_rotation(kept: Room, daemon: Daemon) -> None:
    def damage() -> None:
        with kept.stage.db.write() as tx:
            tx.execute(
                "UPDATE envelopes SET wrapped = zeroblob(64) WHERE role = 'head' AND recording_id = ?",
                (recording_named(3),),
            )

    kept.within(damage)
    done = rotate(daemon, proven(daemon), HEAD, randomness=SystemRandomness())
    assert (done.resealed, done.open_for_nobody) == (5, 1)
    assert kept.within(lambda: reading_keys.reading_keys(kept.stage.db, retired=True)) == ()


def test_only_who_holds_the_key_rotates_it(kept: Room, daemon: Daemon) -> None:
    kept.person("karin")
    with pytest.raises(AccessRefused, match="karin: does not hold the key"):
        rotate(daemon, proven(daemon, "karin"), HEAD, randomness=SystemRandomness())


def test_a_lost_key_is_replaced_for_what_comes_and_stays_for_what_was(kept: Room, daemon: Daemon) -> None:
    kept.person("karin")
    with pytest.raises(AccessRefused, match="so it is not lost"):
        renew_lost(daemon, proven(daemon, "anna"), HEAD, randomness=SystemRandomness())
    done = renew_lost(daemon, proven(daemon, "karin"), HEAD, randomness=SystemRandomness())
    assert (done.open_for_nobody, done.holders) == (6, 1)
    assert kept.holders("head") == {"karin": True}
    kept.within(lambda: kept.stage.keep(7))
    rows = kept.within(
        lambda: kept.stage.db.rows("SELECT DISTINCT key_id FROM envelopes WHERE role = 'head'")
    )
    assert len(rows) == 2


def test_rotating_by_the_command_line_prints_the_new_fingerprint(kept: Room, line: Line) -> None:
    ended = line("keys", "rotate", "--policy", "groningen", "--role", "head", "--by", "anna")
    assert ended.code == 0, ended.err
    new = kept.within(lambda: reading_keys.reading_key(kept.stage.db, GRONINGEN, RoleName("head")))
    assert ended.out.strip() == new.public.fingerprint
    assert "6 envelopes sealed again, 2 people hold the new key" in ended.err


def test_a_slot_that_was_moved_to_another_person_is_no_slot_of_theirs(room: Room, line: Line) -> None:
    room.person("anna", "head")
    room.person("piet")

    def swap() -> None:
        with room.stage.db.write() as tx:
            tx.execute(
                "UPDATE person_keys SET (salt, wrapped) = (SELECT salt, wrapped FROM person_keys"
                " WHERE person = 'anna') WHERE person = 'piet'"
            )

    room.within(swap)
    one_error(line("people", "passphrase", "piet", new=OTHER_PASSPHRASE), 12, "does not open it")
