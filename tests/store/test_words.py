"""A word is given once, for a while, by one person to another, and can be taken back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from policy.access import Action, PurposeName
from policy.clock import to_iso
from policy.errors import AccessRefused, NotFound, StateConflict
from policy.situation import PersonId
from store.access import words
from store.access.words import Said, Stage, WordKind, WordRow
from store.logbook import ledger
from tests.store.scene import EINDHOVEN, Scene, recording_named

pytestmark = pytest.mark.exhaustive

COACH, AGENT, STRANGER = PersonId("coach"), PersonId("agent"), PersonId("stranger")


def said(stage: Scene, kind: WordKind = WordKind.OPENING, receiver: PersonId = AGENT) -> Said:
    return Said(
        kind=kind,
        policy=EINDHOVEN,
        recording_id=recording_named(1),
        giver=COACH,
        receiver=receiver,
        action=Action.LISTEN,
        purpose=PurposeName("training"),
        reason="to discuss it",
        due_at=stage.clock.now() + timedelta(days=365),
    )


def ask(stage: Scene, kind: WordKind = WordKind.OPENING) -> int:
    stage.keep(1)
    with stage.db.write() as tx:
        return words.ask(tx, said(stage, kind), at=stage.clock.now(), actor="person:agent login:agent")


def grant(stage: Scene, word: int, lasts: timedelta = timedelta(days=30)) -> WordRow:
    now = stage.clock.now()
    with stage.db.write() as tx:
        return words.grant(tx, word, until=now + lasts, at=now, actor="person:coach login:coach")


def standing(stage: Scene) -> list[int]:
    return [row.word_id for row in words.of_recordings(stage.db, [recording_named(1)], stage.clock.now())]


def test_what_was_asked_counts_only_once_it_is_granted_and_until_its_end(stage: Scene) -> None:
    word = ask(stage)
    assert words.get_word(stage.db, word).stage(stage.clock.now()) is Stage.PENDING
    assert standing(stage) == []
    granted = grant(stage, word)
    assert granted.until == stage.clock.now() + WordKind.OPENING.longest
    assert standing(stage) == [word]
    stage.clock.advance(WordKind.OPENING.longest)
    assert standing(stage) == []
    assert words.get_word(stage.db, word).stage(stage.clock.now()) is Stage.LAPSED


@pytest.mark.parametrize("kind", list(WordKind))
def test_no_word_lasts_longer_than_its_kind(stage: Scene, kind: WordKind) -> None:
    stage.keep(1)
    now = stage.clock.now()
    with stage.db.write() as tx:
        word = words.give(tx, said(stage, kind), until=now + timedelta(days=5000), at=now, actor="test")
    assert words.get_word(stage.db, word).until == now + kind.longest


def test_a_question_that_nobody_answers_lapses(stage: Scene) -> None:
    word = ask(stage)
    stage.clock.advance(words.ASK_LASTS)
    with pytest.raises(StateConflict, match="must be pending, is lapsed"):
        grant(stage, word)


@pytest.mark.parametrize("before", ["granted", "denied", "taken back"])
def test_it_is_answered_once(stage: Scene, before: str) -> None:
    word = ask(stage)
    now = stage.clock.now()
    with stage.db.write() as tx:
        match before:
            case "granted":
                words.grant(tx, word, until=now + timedelta(days=1), at=now, actor="test")
            case "denied":
                words.deny(tx, word, at=now, actor="test")
            case _:
                words.take_back(tx, word, at=now, actor="test")
    with pytest.raises(StateConflict, match="must be pending"):
        grant(stage, word)
    with stage.db.write() as tx, pytest.raises(StateConflict, match="must be pending"):
        words.deny(tx, word, at=now, actor="test")


def test_what_is_taken_back_counts_no_more_from_that_moment(stage: Scene) -> None:
    word = ask(stage)
    grant(stage, word)
    with stage.db.write() as tx:
        words.take_back(tx, word, at=stage.clock.now(), actor="test")
    assert standing(stage) == []
    with stage.db.write() as tx, pytest.raises(StateConflict, match="nothing to take back"):
        words.take_back(tx, word, at=stage.clock.now(), actor="test")


def test_nobody_gives_a_word_to_themselves(stage: Scene) -> None:
    stage.keep(1)
    with stage.db.write() as tx, pytest.raises(AccessRefused, match="nobody counts as a second person"):
        words.ask(tx, said(stage, receiver=COACH), at=stage.clock.now(), actor="test")


def test_somebody_elses_word_is_as_one_that_is_not_there(stage: Scene) -> None:
    row = words.get_word(stage.db, ask(stage))
    told = []
    for question in (
        lambda: words.must_concern(row, STRANGER),
        lambda: words.must_be_giver(row, AGENT),
        lambda: words.get_word(stage.db, row.word_id),
    ):
        try:
            question()
        except NotFound as error:
            told.append(error.text)
    assert told == [f"no word {row.word_id}, or not yours"] * 2
    with pytest.raises(NotFound, match="no word 999, or not yours"):
        words.get_word(stage.db, 999)


def test_each_step_is_on_the_ledger_with_its_actor(stage: Scene) -> None:
    word = ask(stage)
    grant(stage, word)
    with stage.db.write() as tx:
        words.take_back(tx, word, at=stage.clock.now(), actor="person:coach login:coach")
    entries = ledger.show(stage.db, subject=recording_named(1))[-3:]
    assert [entry.kind for entry in entries] == ["word_asked", "word_given", "word_taken_back"]
    assert [entry.actor for entry in entries] == [
        "person:agent login:agent",
        "person:coach login:coach",
        "person:coach login:coach",
    ]
    told = entries[1].payload
    assert told is not None
    assert (told["from"], told["to"], told["action"]) == ("coach", "agent", "listen")
    assert told["until"] == to_iso(stage.clock.now() + WordKind.OPENING.longest)


def test_the_database_refuses_to_change_what_was_said(stage: Scene) -> None:
    word = ask(stage)
    grant(stage, word)
    for change in ("giver = 'other'", "purpose = 'other'", "given_at = 1"):
        with stage.db.write() as tx, pytest.raises(Exception, match="a word is given once"):
            tx.execute(f"UPDATE words SET {change} WHERE word_id = ?", (word,))  # noqa: S608 - ours
