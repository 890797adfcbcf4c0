"""The door: told freely what policy alone decides, one sentence for all the rest, the truth on the ledger."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from commands.identity.keyring import Keyring
from policy.access import Action, Closure, PurposeName
from policy.errors import (
    AccessRefused,
    ConsentlineError,
    IntegrityError,
    NotFound,
    RefusedByPolicy,
    StateConflict,
    Unavailable,
)
from policy.situation import PersonId
from policy.vocabulary import ErasedBecause
from store.access import accesses, asking, door, draws, release, words
from store.access.accesses import Copy, Ending
from store.access.asking import Wanted
from store.access.door import NO_SUCH, Question
from store.access.draws import Draw
from store.access.situation import Asked
from store.access.words import WordKind
from store.files import container
from store.files.epochs import EpochKeyGone
from store.keyring import passed_shares, shares
from store.keyring.key_wire import GrantWire
from store.logbook import ledger
from store.persons import hats
from store.retention import closures, destruction, purge
from tests.store.holding import PASSPHRASE, enrol, hold, own_half, own_slot
from tests.store.scene import EINDHOVEN, STARTED_AT, Scene, recording_named, voice

pytestmark = pytest.mark.exhaustive  # real passphrases and processes: seconds, not milliseconds

COACH, AGENT, OFFICER, NOBODY = (PersonId(name) for name in ("coach-anna", "agent-kim", "po-lee", "nobody"))
DAY = timedelta(days=1)
UNKNOWN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def staffed(stage: Scene) -> Scene:
    """A coach and a privacy officer with their roles' keys, an agent without one, and one call of hers."""
    policy, now = stage.policies.named(EINDHOVEN), stage.clock.now()
    for person, role in ((COACH, "coach"), (AGENT, "agent"), (OFFICER, "privacy_officer"), (NOBODY, None)):
        enrol(stage.db, person, at=now)
        if role is not None:
            with stage.db.write() as tx:
                hats.give(tx, person, policy, role, since=None, until=None, at=now, actor="test")
        if role is not None and role in stage.halves:
            hold(stage.db, person, stage.halves, role, at=now)
    stage.keep(1)
    note_agent(stage, 1)
    return stage


def note_agent(stage: Scene, number: int, person: PersonId = AGENT) -> None:
    with stage.db.write() as tx:
        tx.execute(
            "INSERT INTO call_agents (call_id, channel_id, person_id, since) VALUES (?, 'chan', ?, 1)",
            (f"1795282161.{number}", person),
        )


def question(
    stage: Scene, person: PersonId = COACH, action: Action = Action.LISTEN, purpose: str = "training"
) -> Question:
    return Question(
        person=person,
        login=person,
        actor=f"person:{person} login:{person}",
        policy=stage.policies.named(EINDHOVEN),
        action=action,
        purpose=PurposeName(purpose),
        reason="review of week 47",
    )


def draw(stage: Scene, *numbers: int) -> None:
    now = stage.clock.now()
    drawn = Draw(
        policy=EINDHOVEN,
        purpose=PurposeName("training"),
        drawn_by=COACH,
        seed=bytes(32),
        population={AGENT: [recording_named(number) for number in numbers]},
        per_agent=len(numbers),
        until=now + 14 * DAY,
        due_at=now + 365 * DAY,
    )
    with stage.db.write() as tx:
        draws.record(tx, drawn, at=now, actor="test")


def opened(stage: Scene, asked: Question, recording: str = recording_named(1)) -> release.Release:
    return release.release(stage.archive, asked, recording, stage.clock.now())


def last(stage: Scene) -> ledger.Entry:
    return ledger.show(stage.db)[-1]


def payload(stage: Scene) -> dict[str, object]:
    told = last(stage).payload
    assert told is not None
    return dict(told)


def heard(stage: Scene, released: release.Release, person: PersonId) -> bytes:
    """Open what was released as that person's own process does."""
    subject = shares.recording(released.recording_id)
    grants = [GrantWire.of(grant) for grant in released.grants.get(person, ())]
    ring = Keyring.open(own_slot(person), PASSPHRASE, grants)
    parts = [ring.part(share, subject) for share in released.shares]
    parts += [
        shares.take(one.share, subject, access=shares.AccessId(f"word {one.word}"), private=own_half(person))
        for one in released.passed
    ]
    key = shares.join(parts[0].path, parts)
    with stage.archive.vault.open(released.recording_id) as file:
        return b"".join(container.open_stream(file, key, container.recording_context(released.recording_id)))


# ---------------------------------------------------------------- what is released


def test_what_is_released_opens_the_recording_with_the_passphrase(staffed: Scene) -> None:
    draw(staffed, 1)
    assert heard(staffed, opened(staffed, question(staffed)), COACH) == voice(1)


def test_the_ledger_has_who_what_why_and_by_which_rule_before_anything_is_unwrapped(staffed: Scene) -> None:
    draw(staffed, 1)
    for path in staffed.archive.epochs.path.glob("*.key"):
        path.unlink()
    with pytest.raises(EpochKeyGone):
        opened(staffed, question(staffed))
    released, ended = ledger.show(staffed.db)[-2:]
    assert (released.kind, released.actor, released.subject) == (
        "access_released",
        "person:coach-anna login:coach-anna",
        recording_named(1),
    )
    assert released.payload is not None
    assert {
        key: released.payload[key] for key in ("person", "role", "purpose", "rule", "result", "reason")
    } == {
        "person": "coach-anna",
        "role": "coach",
        "purpose": "training",
        "rule": "training_sample",
        "result": "released",
        "reason": "review of week 47",
    }
    assert released.payload["policy_hash"] == staffed.policies.named(EINDHOVEN).content_hash
    assert (ended.kind, ended.payload and ended.payload["result"]) == ("access_ended", "failed")


def test_one_path_leaves_its_wrap_and_no_other(staffed: Scene) -> None:
    draw(staffed, 1)
    released = opened(staffed, question(staffed))
    assert [(share.path, share.role) for share in released.shares] == [("coach", "coach")]
    assert set(released.grants) == {COACH}


def test_the_manifest_is_json_with_evidence_hashes_who_why_and_until_when(staffed: Scene) -> None:
    draw(staffed, 1)
    released = opened(staffed, question(staffed))
    told = json.loads(json.dumps(released.manifest))
    assert told["call"]["caller"] == "********01"
    assert told["evidence"][0]["audio_sha256"] == "ab" * 32
    assert told["sealed_sha256"] == staffed.archive.vault.sha256(recording_named(1))
    assert told["released"]["ledger_entry"] == released.entry
    assert (told["released"]["role"], told["released"]["article"]) == ("coach", "E6")
    assert told["original_kept_until"] == "2027-01-20T17:29:00.000Z"


def test_a_technician_gets_a_sealed_file_and_nothing_that_opens_it(staffed: Scene) -> None:
    released = door_of_heerde(staffed)
    assert (released.shares, released.passed, dict(released.grants)) == ((), (), {})


def door_of_heerde(stage: Scene) -> release.Release:
    """Let the I-Dienst of Heerde retrieve: the recording is made Heerde's for it."""
    heerde = stage.policies.named("heerde")
    now = stage.clock.now()
    with stage.db.write() as tx:
        hats.give(tx, NOBODY, heerde, "it_service", since=None, until=None, at=now, actor="test")
        tx.execute("UPDATE recordings SET policy = 'heerde'")
    asked = replace(question(stage, NOBODY, Action.RETRIEVE, "quality"), policy=heerde)
    return opened(stage, asked)


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("person", "action", "purpose", "words_told"),
    [
        (NOBODY, Action.LISTEN, "training", "gemeente Eindhoven"),
        (AGENT, Action.EXPORT, "training", "gemeente Eindhoven"),
        (COACH, Action.LISTEN, "curiosity", "gemeente Eindhoven"),
        (OFFICER, Action.LISTEN, "data_subject_request", "gemeente Eindhoven"),
    ],
)
def test_what_policy_alone_decides_is_told_freely_and_the_same_for_every_recording(
    staffed: Scene, person: PersonId, action: Action, purpose: str, words_told: str
) -> None:
    told = set()
    for recording in (recording_named(1), UNKNOWN, "no id at all"):
        with pytest.raises(RefusedByPolicy) as refused:
            opened(staffed, question(staffed, person, action, purpose), recording)
        assert (last(staffed).kind, last(staffed).subject) == ("access_refused", "")
        told.add(refused.value.text)
    assert len(told) == 1
    assert words_told in told.pop()
    assert RefusedByPolicy.exit_code == 13


def test_a_denial_quotes_its_published_sentence(staffed: Scene) -> None:
    nunspeet = staffed.policies.named("nunspeet")
    now = staffed.clock.now()
    with staffed.db.write() as tx:
        hats.give(tx, NOBODY, nunspeet, "line_manager", since=None, until=None, at=now, actor="test")
    asked = replace(question(staffed, NOBODY, purpose="quality"), policy=nunspeet)
    with pytest.raises(
        RefusedByPolicy, match=r"gemeente Nunspeet N6, section 2: the line manager has no access"
    ):
        opened(staffed, asked)
    assert payload(staffed)["rule"] == "line_manager"
    assert payload(staffed)["article"] == "N6, section 2"


def not_drawn(stage: Scene) -> str:
    return recording_named(1)


def not_there(stage: Scene) -> str:
    return UNKNOWN


def no_id(stage: Scene) -> str:
    return "'; DROP TABLE recordings; --"


def another_policys(stage: Scene) -> str:
    draw(stage, 1)
    with stage.db.write() as tx:
        tx.execute("UPDATE recordings SET policy = 'nunspeet'")
    return recording_named(1)


def restricted(stage: Scene) -> str:
    draw(stage, 1)
    with stage.db.write() as tx:
        closures.close(
            tx, recording_named(1), Closure.RESTRICTED, stage.clock.now(), because="asked", actor="test"
        )
    return recording_named(1)


def over(stage: Scene) -> str:
    draw(stage, 1)
    stage.clock.advance(61 * DAY)
    return recording_named(1)


def purged(stage: Scene) -> str:
    stage.clock.advance(61 * DAY)
    purge.run(stage.archive, stage.guard)
    return recording_named(1)


@pytest.mark.parametrize(
    ("which", "rule"),
    [
        (not_drawn, "training_asked"),
        (not_there, "unknown"),
        (no_id, "unknown"),
        (another_policys, "unknown"),
        (restricted, "restricted"),
        (over, "term"),
        (purged, "term"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_what_lies_in_the_recording_is_one_sentence_and_the_rule_is_on_the_ledger_only(
    staffed: Scene, which: Callable[[Scene], str], rule: str
) -> None:
    recording = which(staffed)
    with pytest.raises(NotFound) as refused:
        opened(staffed, question(staffed), recording)
    assert (refused.value.text, refused.value.hint) == (NO_SUCH, None)
    assert payload(staffed)["rule"] == rule
    assert payload(staffed)["result"] == "refused"
    assert recording[:12] not in json.dumps(payload(staffed))


def test_not_yours_takes_the_same_steps_as_not_there(staffed: Scene) -> None:
    draw(staffed, 1)
    staffed.keep(2)
    with staffed.db.write() as tx:
        closures.close(
            tx, recording_named(1), Closure.OBJECTED, staffed.clock.now(), because="asked", actor="test"
        )
    steps = []
    for recording in (recording_named(1), recording_named(2), UNKNOWN, "no id"):
        statements: list[str] = []
        staffed.db._connection.set_trace_callback(statements.append)
        with pytest.raises(NotFound):
            opened(staffed, question(staffed), recording)
        staffed.db._connection.set_trace_callback(None)
        steps.append([shape(one) for one in statements if "ledger_nodes" not in one])
    assert all(one == steps[0] for one in steps)
    assert len(steps[0]) > 12


def shape(statement: str) -> str:
    """Return a statement without its values: SQLite traces it with them put in."""
    return re.sub(r"'[^']*'|x'[^']*'|\bNULL\b|-?\b\d+\b", "?", statement)


def test_who_may_is_told_that_it_is_not_sealed_yet(staffed: Scene) -> None:
    staffed.capture(2)
    draw(staffed, 2)
    with pytest.raises(StateConflict, match="must be sealed, is captured"):
        opened(staffed, question(staffed), recording_named(2))
    assert payload(staffed)["rule"] == "not_sealed"


def test_who_may_without_the_key_is_told_so_before_anything_is_released(staffed: Scene) -> None:
    draw(staffed, 1)
    with staffed.db.write() as tx:
        tx.execute("DELETE FROM key_grants WHERE person = ?", (COACH,))
    with pytest.raises(AccessRefused, match="holds all of"):
        opened(staffed, question(staffed))
    assert last(staffed).kind != "access_released"


def test_a_recording_whose_shares_are_gone_is_damaged_not_refused(staffed: Scene) -> None:
    draw(staffed, 1)
    with staffed.db.write() as tx:
        tx.execute("DELETE FROM envelopes")
    with pytest.raises(IntegrityError, match="no path of its key is whole"):
        opened(staffed, question(staffed))


def test_a_withdrawal_in_between_shuts_the_door(staffed: Scene) -> None:
    draw(staffed, 1)
    assert opened(staffed, question(staffed)).shares
    doom = destruction.Doom(recording_id=recording_named(1), because=ErasedBecause.WITHDRAWN)
    destruction.destroy(staffed.archive, doom)
    with pytest.raises((NotFound, StateConflict)):
        opened(staffed, question(staffed))


# ---------------------------------------------------------------- words and passed parts


def wanted(stage: Scene, kind: WordKind, giver: PersonId, asked: Question, recording: str = "") -> Wanted:
    return Wanted(kind=kind, question=asked, giver=giver, recording=recording or recording_named(1))


def opening(stage: Scene) -> words.WordRow:
    """Have the agent ask the coach to open her call, and the coach do so with the coach's part of the key."""
    asked = question(stage, AGENT)
    now = stage.clock.now()
    word = asking.ask(stage.archive, wanted(stage, WordKind.OPENING, COACH, asked), now)
    lent = release.lend(stage.archive, word, now, actor="person:coach-anna login:coach-anna")
    ring = Keyring.open(own_slot(COACH), PASSPHRASE, [GrantWire.of(grant) for grant in lent.grants])
    subject = shares.recording(recording_named(1))
    access = shares.AccessId(f"word {word.word_id}")
    passed = [ring.pass_on(subject, share, access=access, to=lent.to) for share in lent.shares]
    facts = door.look_up(stage.archive, recording_named(1), asked_of(stage), now)
    assert facts is not None
    epoch = stage.archive.epochs.current(facts.row.epoch)
    with stage.db.write() as tx:
        granted = words.grant(tx, word.word_id, until=now + DAY, at=now, actor="test")
        passed_shares.put(tx, word.word_id, passed, stage.archive.epochs, epoch)
    return granted


def asked_of(stage: Scene) -> Asked:
    return door.enter(stage.archive, question(stage, AGENT), stage.clock.now())


def test_an_agent_hears_her_own_call_with_the_part_that_the_coach_passed_on(staffed: Scene) -> None:
    with pytest.raises(NotFound):
        opened(staffed, question(staffed, AGENT))
    opening(staffed)
    released = opened(staffed, question(staffed, AGENT))
    assert released.shares == ()
    assert heard(staffed, released, AGENT) == voice(1)
    assert [entry.kind for entry in ledger.show(staffed.db, subject=recording_named(1))][-4:] == [
        "word_asked",
        "part_lent",
        "word_given",
        "access_released",
    ]


def test_who_passes_on_a_part_gets_that_of_their_hat_and_not_of_a_key_they_keep_for_others(
    staffed: Scene,
) -> None:
    now = staffed.clock.now()
    for role in staffed.halves:
        if role != "coach":
            hold(staffed.db, COACH, staffed.halves, role, at=now, is_custodian=True)
    word = asking.ask(
        staffed.archive, wanted(staffed, WordKind.OPENING, COACH, question(staffed, AGENT)), now
    )
    lent = release.lend(staffed.archive, word, now, actor="person:coach-anna login:coach-anna")
    assert {share.role for share in lent.shares} == {"coach"}
    assert len(lent.grants) == 1


def test_an_access_whose_epoch_key_cannot_be_read_ended_so(staffed: Scene) -> None:
    draw(staffed, 1)
    for key in staffed.archive.epochs.path.glob("*.key"):
        key.unlink()
        key.mkdir()
    with pytest.raises(Unavailable, match="its epoch key cannot be read"):
        opened(staffed, question(staffed))
    assert (last(staffed).kind, payload(staffed)["result"]) == ("access_ended", "failed")


def test_a_part_whose_epoch_key_cannot_be_read_was_not_lent_and_the_ledger_says_so(staffed: Scene) -> None:
    now = staffed.clock.now()
    word = asking.ask(
        staffed.archive, wanted(staffed, WordKind.OPENING, COACH, question(staffed, AGENT)), now
    )
    for key in staffed.archive.epochs.path.glob("*.key"):
        key.unlink()
    with pytest.raises(ConsentlineError) as problem:
        release.lend(staffed.archive, word, now, actor="person:coach-anna login:coach-anna")
    *_, lent, closed = ledger.show(staffed.db, subject=recording_named(1))
    assert (lent.kind, closed.kind) == ("part_lent", "part_not_lent")
    assert closed.payload == {**(lent.payload or {}), "problem": problem.value.text}


def test_a_part_that_was_passed_on_ends_with_its_word(staffed: Scene) -> None:
    word = opening(staffed)
    with staffed.db.write() as tx:
        words.take_back(tx, word.word_id, at=staffed.clock.now(), actor="test")
    with pytest.raises(NotFound):
        opened(staffed, question(staffed, AGENT))
    assert staffed.db.rows("SELECT * FROM passed_shares") == []


def test_a_part_that_was_passed_on_goes_with_the_recording(staffed: Scene) -> None:
    opening(staffed)
    doom = destruction.Doom(recording_id=recording_named(1), because=ErasedBecause.WITHDRAWN)
    destruction.destroy(staffed.archive, doom)
    assert staffed.db.rows("SELECT * FROM passed_shares") == []


def test_a_part_whose_epoch_key_went_is_asked_for_again(staffed: Scene) -> None:
    opening(staffed)
    staffed.keep(2)
    doom = destruction.Doom(recording_id=recording_named(2), because=ErasedBecause.WITHDRAWN)
    destruction.destroy(staffed.archive, doom)  # re-keys the epoch; the envelopes move, the part does not
    with pytest.raises(StateConflict, match="the key part that came with it is gone"):
        opened(staffed, question(staffed, AGENT))


@pytest.mark.parametrize("recording", [recording_named(2), UNKNOWN, "no id"])
def test_who_asks_about_what_is_not_theirs_learns_nothing(staffed: Scene, recording: str) -> None:
    staffed.keep(2)
    note_agent(staffed, 2, NOBODY)
    asked = question(staffed, AGENT)
    with pytest.raises(NotFound) as refused:
        asking.ask(
            staffed.archive, wanted(staffed, WordKind.OPENING, COACH, asked, recording), staffed.clock.now()
        )
    assert refused.value.text == NO_SUCH
    assert staffed.db.rows("SELECT * FROM words") == []


@pytest.mark.parametrize(
    ("kind", "giver"), [(WordKind.APPROVAL, COACH), (WordKind.OPENING, OFFICER), (WordKind.OPENING, AGENT)]
)
def test_a_word_that_no_grant_wants_is_refused_freely(
    staffed: Scene, kind: WordKind, giver: PersonId
) -> None:
    with pytest.raises((RefusedByPolicy, AccessRefused), match="is needed|second person"):
        asking.ask(
            staffed.archive, wanted(staffed, kind, giver, question(staffed, AGENT)), staffed.clock.now()
        )


def test_the_agent_of_the_call_asks_the_coach_and_another_agent_cannot(staffed: Scene) -> None:
    now = staffed.clock.now()
    enrol(staffed.db, "agent-bo", at=now)
    with staffed.db.write() as tx:
        policy = staffed.policies.named(EINDHOVEN)
        hats.give(tx, PersonId("agent-bo"), policy, "agent", since=None, until=None, at=now, actor="test")
    asked = question(staffed, COACH)
    with pytest.raises(NotFound):
        asking.give(
            staffed.archive, wanted(staffed, WordKind.REQUEST, PersonId("agent-bo"), asked), now, until=None
        )
    asking.give(staffed.archive, wanted(staffed, WordKind.REQUEST, AGENT, asked), now, until=None)
    assert heard(staffed, opened(staffed, asked), COACH) == voice(1)


def test_a_confirmed_request_opens_the_recording_to_the_privacy_officer_and_to_nobody_else(
    staffed: Scene,
) -> None:
    asked = question(staffed, OFFICER, Action.EXPORT, "data_subject_request")
    with pytest.raises(NotFound):
        opened(staffed, asked)
    now = staffed.clock.now()
    asking.confirm(staffed.archive, asked, recording_named(1), "2026-118", now + DAY, now)
    assert heard(staffed, opened(staffed, asked), OFFICER) == voice(1)
    with pytest.raises(NotFound):
        opened(staffed, question(staffed, COACH))
    with pytest.raises(NotFound):
        asking.confirm(staffed.archive, asked, UNKNOWN, "2026-119", now + DAY, now)


def test_a_word_or_request_that_is_over_before_it_begins_is_refused(staffed: Scene) -> None:
    now = staffed.clock.now()
    asked = question(staffed, OFFICER, Action.EXPORT, "data_subject_request")
    with pytest.raises(ConsentlineError, match="until: must lie ahead"):
        asking.confirm(staffed.archive, asked, recording_named(1), "2026-118", now, now)
    given = wanted(staffed, WordKind.REQUEST, AGENT, question(staffed))
    with pytest.raises(ConsentlineError, match="until: must lie ahead"):
        asking.give(staffed.archive, given, now, until=now - DAY)
    assert staffed.db.rows("SELECT 1 FROM words") == []


# ---------------------------------------------------------------- how it ends


def test_a_copy_is_on_the_ledger_with_its_digest(staffed: Scene) -> None:
    draw(staffed, 1)
    released = opened(staffed, question(staffed))
    copy = Copy(kind="zip", size_bytes=4711, sha256="cd" * 32)
    with staffed.db.write() as tx:
        row = accesses.end_access(
            tx, released.access_id, Ending.COMPLETE, at=staffed.clock.now(), actor="test", copies=[copy]
        )
    assert row.copies == (copy,)
    told = payload(staffed)
    assert (told["released"], told["result"], told["copies"]) == (
        released.entry,
        "complete",
        [{"kind": "zip", "bytes": 4711, "sha256": "cd" * 32}],
    )
    assert accesses.still_open(staffed.db) == ()
    assert accesses.of_recording(staffed.db, recording_named(1)) == (row,)


def test_rows_about_accesses_and_words_go_on_their_own_term(staffed: Scene) -> None:
    draw(staffed, 1)
    opening(staffed)
    opened(staffed, question(staffed))
    staffed.clock.advance(3 * 366 * DAY)
    purge.run(staffed.archive, staffed.guard)
    for table in ("accesses", "words", "draws", "draw_picks", "passed_shares"):
        assert staffed.db.rows(f"SELECT * FROM {table}") == [], table  # noqa: S608 - names of ours


# ---------------------------------------------------------------- small rules


@pytest.mark.parametrize(
    ("reason", "kept"),
    [
        ("review  of\nweek 47", "review of week 47"),
        ("called from 06-12345678 twice", "called from ********78 twice"),
        ("BSN 123456782", "BSN ********82"),
        ("room 12, week 47", "room 12, week 47"),
    ],
)
def test_a_reason_is_kept_on_one_line_with_long_numbers_masked(reason: str, kept: str) -> None:
    assert door.checked_reason(reason) == kept


@pytest.mark.parametrize("reason", ["", "  ", "x" * 301, "a\x1b[2Jb"])
def test_a_reason_says_something(reason: str) -> None:
    with pytest.raises(ConsentlineError, match="reason: must be"):
        door.checked_reason(reason)


@pytest.mark.parametrize("case", ["", " 1", "a" * 41, "jan@example.nl", "1\n2"])
def test_a_case_is_a_number_of_a_file(case: str) -> None:
    with pytest.raises(ConsentlineError, match="case: must be"):
        door.checked_case(case)


def test_who_has_hats_under_several_policies_says_which(staffed: Scene) -> None:
    def find(person: PersonId, named: str | None = None) -> str:
        return door.policy_for(staffed.db, staffed.policies, person, named).name

    assert find(COACH) == "eindhoven"
    assert find(COACH, "heerde") == "heerde"
    with pytest.raises(RefusedByPolicy, match="no role under any policy"):
        find(NOBODY)
    with staffed.db.write() as tx:
        heerde = staffed.policies.named("heerde")
        hats.give(
            tx, COACH, heerde, "senior_agent", since=None, until=None, at=staffed.clock.now(), actor="test"
        )
    with pytest.raises(ConsentlineError, match="must be named, coach-anna has hats under eindhoven, heerde"):
        find(COACH)
    assert staffed.clock.now() == STARTED_AT
