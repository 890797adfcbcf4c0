"""`incident` and `holds`, from the command line through the control socket to the store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from commands.incident.flag import KINDS
from daemon.desks.holds import HoldsDesk
from daemon.desks.incidents import IncidentsDesk
from daemon.peers import Peer
from daemon.store_thread import StoreThread
from daemon.who import who, who_if_any
from policy.access import IncidentKind
from policy.errors import AccessRefused, NotFound, StateConflict
from policy.situation import PersonId
from policy.vocabulary import PolicyName
from store.access.door import NO_SUCH
from store.db import Db
from store.logbook import ledger
from store.persons import people
from tests.casework.staff import AGENT, COLLEAGUE, HEAD, call_of, hold_call, staff
from tests.commands.conftest import CommandLine, OpenDesk, one_error
from tests.store.scene import Scene, recording_named, scene


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
    desks = (IncidentsDesk(stage.archive, thread), HoldsDesk(stage.archive, thread))
    open_desk([route for desk in desks for route in desk.routes()])
    yield stage
    asyncio.run(thread.run(lambda: opening.__exit__(None, None, None)))
    thread.close()


def test_from_flagging_to_the_hold_and_its_release(groningen: Scene, command: CommandLine) -> None:
    call = call_of(1)
    flagged = command("incident", "flag", call, "--kind", "aggression", "--as", AGENT.id, "--json")
    assert json.loads(flagged.out)[0]["assess_by_at"] == "2026-11-23T17:29:00.000Z"
    command("incident", "assess", call, "--keep", "--reason", "dreigde", "--as", HEAD.id)
    (row,) = json.loads(command("incident", "list", "--json").out)
    assert (row["stage"], row["assessed_by"], row["reason"]) == ("kept", "an", "dreigde")
    placed = command("holds", "place", call, "--reason", "access_request", "--why", "inzage", "--as", "fg")
    assert (placed.code, placed.err) == (0, "")
    listed = command("holds", "list", "--as", "fg").out.splitlines()
    assert listed[1].split("\t")[:4] == ["1", recording_named(1), "access_request", "fg"]
    command("holds", "release", 1, "--why", "gegeven", "--as", "fg")
    assert command("holds", "list").out.count("\n") == 1
    (over,) = json.loads(command("holds", "list", "--all", "--json").out)
    assert over["released_by"] == "fg"


def test_refusals_are_one_line_that_names_the_rule(groningen: Scene, command: CommandLine) -> None:
    call = call_of(1)
    flag = ("incident", "flag", call, "--kind", "aggression")
    one_error(command(*flag, "--as", HEAD.id), 5, "Groningen G4, art. 6", "the agent who held the call")
    one_error(command(*flag), 5, "is nobody's here", "--as PERSON")
    one_error(command(*flag, "--as", "nobody"), 4, "nobody")
    one_error(command("incident", "assess", call, "--keep", "--reason", "x", "--as", "an"), 8, "not flagged")
    assert command("incident", "assess", call, "--reason", "x").code == 2
    place = ("holds", "place", call, "--why", "x", "--as", "fg", "--reason")
    one_error(command(*place, "politics"), 4, "no hold reason")
    assert command(*place, "access_request", "--until", "morgen").code == 2
    one_error(command(*place, "access_request", "--until", "2030-01-01"), 8, "must end after it was placed")
    one_error(command("holds", "release", 7, "--why", "x", "--as", "fg"), 4, NO_SUCH)


def test_who_has_nothing_to_do_with_a_call_cannot_tell_whether_there_is_one(
    groningen: Scene, command: CommandLine
) -> None:
    call, no_call = call_of(1), "1795282161.404"
    assert command("incident", "flag", call, "--kind", "threat", "--as", AGENT.id).code == 0
    placed = command("holds", "place", call, "--reason", "access_request", "--why", "x", "--as", "fg")
    assert placed.code == 0
    questions: list[tuple[str, ...]] = [
        question
        for subject in (call, recording_named(1), no_call, "0" * 32, "../../etc/passwd")
        for question in (
            ("incident", "flag", subject, "--kind", "threat"),
            ("incident", "assess", subject, "--drop", "--reason", "x"),
            ("holds", "place", subject, "--reason", "access_request", "--why", "x"),
        )
    ]
    questions += [("holds", "release", number, "--why", "x") for number in ("1", "2")]
    for question in questions:
        ended = command(*question, "--as", COLLEAGUE.id)
        assert (ended.code, ended.out, ended.err) == (4, "", f"Error: {NO_SUCH}\n"), question
    with closing(Db.open_to_read(groningen.db.path, clock=groningen.clock)) as db:
        refused = [entry for entry in ledger.show(db) if entry.kind == "access_refused"]
    assert len(refused) == len(questions)
    assert {str(entry.actor).split()[0] for entry in refused} == {f"person:{COLLEAGUE.id}"}
    rules = [entry.payload["rule"] for entry in refused if entry.payload is not None]
    assert any("Groningen G4" in str(rule) for rule in rules)
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
