"""`incident` and `holds`, from the command line through the control socket to the store."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from commands.frame.control import Daemon
from commands.identity.keyring import Keyring, prove_again
from commands.incident.flag import KINDS
from daemon.desks.holds import HoldsDesk
from daemon.desks.incidents import IncidentsDesk
from daemon.desks.keys import KeyDesk
from daemon.peers import Peer
from daemon.proofs import Proofs
from daemon.store_thread import StoreThread
from daemon.who import who, who_if_any
from policy.access import IncidentKind
from policy.errors import AccessRefused, NotFound, StateConflict
from policy.situation import PersonId
from policy.vocabulary import PolicyName
from store.access.door import NO_SUCH
from store.db import Db
from store.keys import Slot
from store.logbook import ledger
from store.persons import people
from tests.casework.staff import AGENT, COLLEAGUE, HEAD, OFFICER, call_of, hold_call, staff
from tests.commands.conftest import CommandLine, Ended, OpenDesk, descriptor, one_error
from tests.store.holding import PASSPHRASE, closed_slot, give_key, own_half, own_slot
from tests.store.scene import Scene, recording_named, scene

Decide = Callable[..., Ended]


@pytest.fixture
def groningen(tmp_path: Path, open_desk: OpenDesk) -> Iterator[Scene]:
    """Groningen with one call that its agent held, asked over the control socket."""
    thread, opening = StoreThread(), staff(scene(tmp_path / "store", policy=PolicyName("groningen")))

    def open_store() -> Scene:
        stage = opening.__enter__()
        stage.keep(1)
        hold_call(stage, 1, AGENT)
        return stage

    stage = asyncio.run(thread.run(open_store))
    proofs = Proofs(db=stage.db, thread=thread, clock=stage.clock, randomness=stage.archive.randomness)
    desks = (
        KeyDesk(db=stage.db, thread=thread, proofs=proofs, clock=stage.clock),
        IncidentsDesk(stage.archive, thread, proofs),
        HoldsDesk(stage.archive, thread, proofs),
    )
    open_desk([route for desk in desks for route in desk.routes()])
    yield stage
    asyncio.run(thread.run(lambda: opening.__exit__(None, None, None)))
    thread.close()


def enrol(stage: Scene, slot_of: Callable[[str], Slot]) -> None:
    """Give the people of Groningen keys of their own."""
    with closing(Db.open(stage.db.path, clock=stage.clock)) as db:
        for by in (COLLEAGUE, HEAD, OFFICER):
            give_key(db, by.id, at=stage.clock.now(), slot=slot_of(by.id))


@pytest.fixture
def decide(groningen: Scene, command: CommandLine) -> Decide:
    """Run a command line as somebody, their passphrase on a file descriptor."""
    enrol(groningen, own_slot)

    def run(person: str, *words: object, passphrase: str = PASSPHRASE) -> Ended:
        fd = descriptor(passphrase)
        try:
            return command(*words, "--person", person, "--passphrase-fd", fd)
        finally:
            os.close(fd)

    return run


@pytest.mark.exhaustive
def test_from_flagging_to_the_hold_and_its_release(
    groningen: Scene, command: CommandLine, decide: Decide
) -> None:
    call = call_of(1)
    flagged = command("incident", "flag", call, "--kind", "aggression", "--as", AGENT.id, "--json")
    assert json.loads(flagged.out)[0]["assess_by_at"] == "2026-11-23T17:29:00.000Z"
    decide(HEAD.id, "incident", "assess", call, "--keep", "--reason", "dreigde")
    (row,) = json.loads(command("incident", "list", "--json").out)
    assert (row["stage"], row["assessed_by"], row["reason"]) == ("kept", "an", "dreigde")
    placed = decide("fg", "holds", "place", call, "--reason", "access_request", "--why", "inzage")
    assert (placed.code, placed.err) == (0, "")
    listed = command("holds", "list", "--as", "fg").out.splitlines()
    assert listed[1].split("\t")[:4] == ["1", recording_named(1), "access_request", "fg"]
    decide("fg", "holds", "release", 1, "--why", "gegeven")
    assert command("holds", "list").out.count("\n") == 1
    (over,) = json.loads(command("holds", "list", "--all", "--json").out)
    assert over["released_by"] == "fg"


@pytest.mark.exhaustive
def test_refusals_are_one_line_that_names_the_rule(
    groningen: Scene, command: CommandLine, decide: Decide
) -> None:
    call = call_of(1)
    flag = ("incident", "flag", call, "--kind", "aggression")
    one_error(command(*flag, "--as", HEAD.id), 5, "Groningen G4, art. 6", "the agent who held the call")
    one_error(command(*flag), 5, "is nobody's here", "--as PERSON")
    one_error(command(*flag, "--as", "nobody"), 4, "nobody")
    one_error(decide("an", "incident", "assess", call, "--keep", "--reason", "x"), 8, "not flagged")
    assert command("incident", "assess", call, "--reason", "x").code == 2
    place = ("holds", "place", call, "--why", "x", "--reason")
    one_error(decide("fg", *place, "politics"), 4, "no hold reason")
    assert decide("fg", *place, "access_request", "--until", "morgen").code == 2
    refused = decide("fg", *place, "access_request", "--until", "2030-01-01")
    one_error(refused, 8, "must end after it was placed")
    one_error(decide("fg", "holds", "release", 7, "--why", "x"), 4, NO_SUCH)


@pytest.mark.exhaustive
def test_a_wrong_passphrase_decides_nothing(groningen: Scene, command: CommandLine, decide: Decide) -> None:
    command("incident", "flag", call_of(1), "--kind", "aggression", "--as", AGENT.id)
    assess = ("incident", "assess", call_of(1), "--drop", "--reason", "x")
    one_error(decide(HEAD.id, *assess, passphrase="vier andere woorden hier"), 12, "slot of 'an'")
    (row,) = json.loads(command("incident", "list", "--json").out)
    assert row["stage"] == "flagged"
    no_terminal = command(*assess, "--person", HEAD.id)
    assert (no_terminal.code, "--passphrase-fd" in no_terminal.err) == (2, True)


def test_the_login_alone_decides_nothing_and_a_proof_decides_in_its_own_name(
    groningen: Scene, command: CommandLine, daemon: Daemon
) -> None:
    enrol(groningen, closed_slot)
    call = call_of(1)
    command("incident", "flag", call, "--kind", "aggression", "--as", AGENT.id)
    assess = {"call": call, "keep": False, "reason": "x"}
    place = {"subject": call, "reason": "access_request", "why": "x"}
    release = {"hold": 1, "why": "x"}
    for path, question in (("incidents/assess", assess), ("holds/place", place), ("holds/release", release)):
        for bare in (question, {**question, "person": HEAD.id}):
            with pytest.raises(Exception, match="proof: Field required"):
                daemon.ask_object("POST", f"/{path}", bare)
    row = daemon.ask_object("POST", "/incidents/assess", {**assess, "keep": True, **_proof(daemon, HEAD.id)})
    assert (row["stage"], row["assessed_by"]) == ("kept", HEAD.id)
    held = daemon.ask_object("POST", "/holds/place", {**place, **_proof(daemon, OFFICER.id)})
    assert held["decided_by"] == OFFICER.id
    used = _proof(daemon, OFFICER.id)
    assert daemon.ask_object("POST", "/holds/release", {**release, **used})["released_by"] == OFFICER.id
    with pytest.raises(AccessRefused, match="once and within two minutes"):
        daemon.ask_object("POST", "/holds/release", {**release, **used})


def test_who_has_nothing_to_do_with_a_call_cannot_tell_whether_there_is_one(
    groningen: Scene, command: CommandLine, daemon: Daemon
) -> None:
    enrol(groningen, closed_slot)
    call, no_call = call_of(1), "1795282161.404"
    assert command("incident", "flag", call, "--kind", "threat", "--as", AGENT.id).code == 0
    held = {"subject": call, "reason": "access_request", "why": "x"}
    daemon.ask_object("POST", "/holds/place", {**held, **_proof(daemon, OFFICER.id)})
    subjects = (call, recording_named(1), no_call, "0" * 32, "../../etc/passwd")
    for subject in subjects:
        ended = command("incident", "flag", subject, "--kind", "threat", "--as", COLLEAGUE.id)
        assert (ended.code, ended.out, ended.err) == (4, "", f"Error: {NO_SUCH}\n"), subject
    questions: list[tuple[str, dict[str, object]]] = []
    for subject in subjects:
        questions.append(("/incidents/assess", {"call": subject, "keep": False, "reason": "x"}))
        questions.append(("/holds/place", {**held, "subject": subject}))
    questions += [("/holds/release", {"hold": number, "why": "x"}) for number in (1, 2)]
    for path, question in questions:
        with pytest.raises(NotFound) as refusal:
            daemon.ask_object("POST", path, {**question, **_proof(daemon, COLLEAGUE.id)})
        assert (refusal.value.text, refusal.value.hint) == (NO_SUCH, None), question
    with closing(Db.open_to_read(groningen.db.path, clock=groningen.clock)) as db:
        refused = [entry for entry in ledger.show(db) if entry.kind == "access_refused"]
    assert len(refused) == len(subjects) + len(questions)
    assert {str(entry.actor).split()[0] for entry in refused} == {f"person:{COLLEAGUE.id}"}
    rules = [entry.payload["rule"] for entry in refused if entry.payload is not None]
    assert any("neither held the call nor decides" in str(rule) for rule in rules)
    assert "no call 1795282161.404" in rules


def test_the_ledger_names_the_person_and_the_login(groningen: Scene, command: CommandLine) -> None:
    command("incident", "flag", call_of(1), "--kind", "aggression", "--as", AGENT.id)
    with closing(Db.open_to_read(groningen.db.path, clock=groningen.clock)) as db:
        (*_, entry) = ledger.show(db, subject=recording_named(1))
    assert entry.kind == "incident_flagged"
    assert entry.actor is not None
    assert entry.actor.startswith("person:jan login:")


def test_the_kinds_are_those_of_the_policies() -> None:
    assert set(KINDS) == {kind.value for kind in IncidentKind}


def test_a_login_is_its_own_person_and_only_root_names_another(tmp_path: Path) -> None:
    with staff(scene(tmp_path, policy=PolicyName("groningen"))) as stage:
        jan = Peer(uid=12345, login="jsmit", person=PersonId("jan"))
        assert who(stage.db, jan, None).actor == "person:jan login:jsmit"
        assert who(stage.db, jan, "jan").id == "jan"
        with pytest.raises(AccessRefused, match='login "jsmit" is not "an"'):
            who(stage.db, jan, "an")
        root = Peer(uid=0, login="root")
        assert who(stage.db, root, "an").actor == "person:an login:root"
        assert who_if_any(stage.db, root, None) is None
        with pytest.raises(AccessRefused, match="is nobody's here"):
            who_if_any(stage.db, Peer(uid=12345, login="x"), None)
        with pytest.raises(NotFound):
            who(stage.db, root, "x")
        with stage.db.write() as tx:
            people.retire(tx, HEAD.id, at=stage.clock.now(), actor="test")
        with pytest.raises(StateConflict, match="retired"):
            who(stage.db, root, "an")


@pytest.fixture
def daemon(config_file: Path) -> Daemon:
    """Ask without a command line."""
    return Daemon(config_file.parent / "control.sock")


def _proof(daemon: Daemon, person: str) -> dict[str, object]:
    """Return the proof of somebody whose slot is open, which takes its time once only."""
    return {
        "proof": dict(prove_again(daemon, Keyring(person=PersonId(person), private=own_half(person))).proof)
    }
