"""`people ...` against a real office with a real database, as an administrator types it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from commands.people.retire import NOT_UNDONE
from daemon.desks.people import PeopleDesk
from daemon.people_office import PeopleOffice
from daemon.store_thread import StoreThread
from policy.clock import SteppedClock
from policy.vocabulary import CallId
from store import settings
from store.logbook import ledger
from store.persons import call_agents
from store.persons.ways import LineKind, way
from tests.commands.conftest import CommandLine, OpenDesk, one_error
from tests.store.scene import STARTED_AT, Scene, scene

pytestmark = pytest.mark.exhaustive  # whole command lines: seconds, not milliseconds

ADD_ANNA = ("people", "add", "anna", "--name", "Anna de Wit", "--login", "awit")
NUNSPEET = ("--policy", "nunspeet")
CHANNEL = CallId("1795282161.900")


Result = TypeVar("Result")


class Premises:
    """The office at work, and its database in the thread that it belongs to."""

    def __init__(self, folder: Path) -> None:
        self._thread = StoreThread()
        self._stack = ExitStack()
        self.clock = SteppedClock(STARTED_AT)
        self.stage = self.within(lambda: self._stack.enter_context(scene(folder, clock=self.clock)))
        archive, policies = self.stage.archive, self.stage.policies
        self.office = PeopleOffice(archive=archive, policies=policies, thread=self._thread)

    def within(self, work: Callable[[], Result]) -> Result:
        """Run something in that thread."""
        return asyncio.run(self._thread.run(work))

    def close(self) -> None:
        """End it."""
        self.within(self._stack.close)
        self._thread.close()


@pytest.fixture
def premises(tmp_path: Path, open_desk: OpenDesk) -> Iterator[Premises]:
    """An office that answers on the control socket."""
    opened = Premises(tmp_path / "store")
    open_desk(PeopleDesk(opened.office).routes())
    yield opened
    opened.close()


@pytest.fixture
def anna(premises: Premises, command: CommandLine) -> CommandLine:
    """A command line behind which Anna is an agent of Nunspeet at 6001."""
    assert command(*ADD_ANNA).code == 0
    assert command("people", "give-hat", "anna", "agent", *NUNSPEET).code == 0
    assert command("people", "add-line", "anna", "--endpoint", "PJSIP/6001").code == 0
    return command


def test_somebody_comes_gets_hats_and_lines_and_is_listed_with_them(anna: CommandLine) -> None:
    (row,) = json.loads(anna("people", "list", "--json").out)
    assert (row["person"], row["login"], row["retired_at"]) == ("anna", "awit", None)
    assert (row["hats"], row["lines"]) == (["nunspeet:agent"], ["PJSIP/6001"])
    assert "nunspeet:agent\tPJSIP/6001" in anna("people", "list").out
    about = anna("people", "show", "anna").out
    assert "agent of nunspeet" in about
    assert "endpoint PJSIP/6001" in about


def test_every_change_is_on_the_ledger_with_who_did_it(anna: CommandLine, premises: Premises) -> None:
    words = (
        ("change", "anna", "--name", "Anna Wit"),
        ("informed", "anna", *NUNSPEET, "--how", "first_day", "--on", "2026-11-02"),
        ("end-line", "anna", "--endpoint", "PJSIP/6001"),
        ("take-hat", "anna", "agent", *NUNSPEET),
        ("retire", "anna"),
    )
    for one in words:
        premises.clock.advance(timedelta(minutes=1))
        ended = anna("people", *one)
        assert ended.code == 0, ended.err
    entries = premises.within(lambda: ledger.show(premises.stage.db, subject="person:anna"))
    assert [entry.kind for entry in entries] == [
        *("person_added", "hat_given", "line_added", "person_changed", "person_informed"),
        *("line_ended", "hat_taken", "person_retired"),
    ]
    assert {str(entry.actor).partition(" ")[0].partition(":")[0] for entry in entries} == {"login"}


def test_retiring_says_what_it_does_not_undo(anna: CommandLine) -> None:
    ended = anna("people", "retire", "anna")
    assert ended.out.splitlines() == ["person\thats\tlines\tkeys", "anna\t1\t1\t0"]
    for said in NOT_UNDONE:
        assert said in ended.err
    assert anna("people", "list", "--json").out.strip() == "[]"
    (row,) = json.loads(anna("people", "list", "--retired", "--json").out)
    assert (row["hats"], row["lines"]) == ([], [])
    one_error(anna("people", "retire", "anna"), 8, "anna: retired at 2026-11-21T17:29")
    one_error(anna(*ADD_ANNA), 8, "was somebody who retired", "take another id")


@pytest.mark.usefixtures("anna")
@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (ADD_ANNA, 8, "person anna: is there already"),
        (("people", "add", "jan", "--name", "Jan", "--login", "awit"), 8, 'login "awit" is that of anna'),
        (("people", "add", "Jan", "--name", "Jan"), 1, "must be an id such as"),
        (("people", "retire", "jan"), 4, "no person jan"),
        (("people", "show", "jan"), 4, "no person jan"),
        (("people", "give-hat", "anna", "coatch", "--policy", "nunspeet"), 4, 'did you mean "coach"?'),
        (("people", "give-hat", "anna", "coach", "--policy", "nunspet"), 4, 'did you mean "nunspeet"?'),
        (("people", "list", "--not-informed", "nunspet"), 4, 'did you mean "nunspeet"?'),
        (("people", "give-hat", "anna", "agent", "--policy", "nunspeet"), 8, "is agent of nunspeet already"),
        (("people", "take-hat", "anna", "coach", "--policy", "nunspeet"), 4, 'wears no hat "coach"'),
        (
            ("people", "give-hat", "anna", "coach", "--policy", "nunspeet", "--until", "2026-11-20"),
            1,
            "until: must be after",
        ),
        (
            ("people", "give-hat", "anna", "coach", "--policy", "nunspeet", "--since", "2026-11-20"),
            1,
            "since: must not lie in the past",
        ),
        (("people", "add-line", "anna", "--endpoint", "6001"), 1, "line: endpoint: must be a telephone"),
        (("people", "add-line", "anna", "--endpoint", "PJSIP/6001"), 8, "anna is on it from"),
        (("people", "end-line", "anna", "--dialled", "0341259911"), 4, "anna is not on it"),
        (
            ("people", "informed", "anna", "--policy", "nunspeet", "--how", "email", "--on", "2026-11-02"),
            4,
            'unknown occasion of nunspeet "email"',
        ),
        (
            (
                "people",
                "informed",
                "anna",
                "--policy",
                "nunspeet",
                "--how",
                "first_day",
                "--on",
                "2027-01-01",
            ),
            1,
            "must be a day that has come",
        ),
    ],
)
def test_bad_input_is_one_line_with_its_exit_code(
    command: CommandLine, words: tuple[str, ...], code: int, told: str
) -> None:
    one_error(command(*words), code, told)


@pytest.mark.usefixtures("anna")
@pytest.mark.parametrize(
    "words",
    [
        ("people", "change", "anna"),
        ("people", "add-line", "anna"),
        ("people", "add-line", "anna", "--endpoint", "PJSIP/1", "--dialled", "112"),
        ("people", "informed", "anna", "--policy", "nunspeet", "--how", "first_day", "--on", "gisteren"),
        ("people", "give-hat", "anna", "coach", "--policy", "nunspeet", "--since", "2026-13-01"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_asked(command: CommandLine, words: tuple[str, ...]) -> None:
    ended = command(*words)
    assert ended.code == 2
    assert ended.out == ""


def test_a_line_manager_is_refused_the_hat_of_a_coach_with_the_article(anna: CommandLine) -> None:
    assert anna("people", "give-hat", "anna", "line_manager", *NUNSPEET, "--since", "2027-01-01").code == 0
    refused = anna("people", "give-hat", "anna", "coach", *NUNSPEET)
    one_error(refused, 8, "gemeente Nunspeet N5, section 2", "never the line manager as well, on any hat")
    until = anna("people", "give-hat", "anna", "coach", *NUNSPEET, "--until", "2026-12-31", "--json")
    assert json.loads(until.out)[0]["until_at"] == "2026-12-31T23:00:00.000Z"


def test_who_was_not_informed_is_listed_until_a_record_says_so(anna: CommandLine) -> None:
    (row,) = json.loads(anna("people", "list", "--not-informed", "nunspeet", "--json").out)
    assert row["person"] == "anna"
    noted = anna("people", "informed", "anna", *NUNSPEET, "--how", "work_meeting", "--on", "2026-11-20")
    assert noted.out.splitlines()[1] == "anna\tnunspeet\twork_meeting\t2026-11-20"
    assert json.loads(anna("people", "list", "--not-informed", "nunspeet", "--json").out) == []


def test_who_held_calls_is_asked_apart_and_that_is_on_the_ledger(
    anna: CommandLine, premises: Premises
) -> None:
    call_id = premises.within(lambda: _held_at(premises.stage, "PJSIP/6001"))
    (span,) = json.loads(anna("calls", "--agents", "--json").out)
    assert (span["call_id"], span["person"], span["until_at"]) == (call_id, "anna", None)
    *_, last = premises.within(lambda: ledger.show(premises.stage.db))
    assert (last.kind, last.payload) == ("agents_shown", {"spans": 1})
    (about,) = json.loads(anna("people", "show", "anna", "--json").out)
    assert about["calls_held"] == 1


def test_a_line_typed_in_late_says_how_many_calls_are_theirs_now(
    anna: CommandLine, premises: Premises
) -> None:
    premises.within(lambda: _held_at(premises.stage, "PJSIP/6002"))
    ended = anna("people", "add-line", "anna", "--endpoint", "PJSIP/6002", "--since", "2026-11-21")
    assert ended.out.splitlines()[1].endswith("\t1")


def _held_at(stage: Scene, endpoint: str) -> CallId:
    """Store a call that somebody at this telephone has."""
    call_id = stage.open_call(1)
    ways = [way(LineKind.ENDPOINT, endpoint, tag_key=settings.tag_key(stage.db))]
    call_agents.note(stage.db, call_id, {CHANNEL: ways}, STARTED_AT)
    return call_id
