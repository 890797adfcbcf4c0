"""Release: what the daemon hands out so that a person can open one recording, once it is on the ledger.

One path of the recording's key leaves its epoch wrap, and no other: the acting role's part, those of
the people who unlock with it, and what somebody passed on for just this. It opens nothing by itself:
each part needs a private half, each private half a passphrase, and neither is ever here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from policy.access import Action, Grant, RoleName
from policy.errors import AccessRefused, ConsentlineError, IntegrityError, NotFound, Unavailable
from policy.key_groups import KeyPath, roles_of
from policy.situation import Person, PersonId
from policy.vocabulary import RecordingId
from store.access import accesses, door
from store.access.accesses import Ending
from store.access.asking import standing_parts
from store.access.door import Passed, Question
from store.access.situation import staff_of
from store.access.words import WordRow
from store.files.archive import Archive
from store.keyring import envelopes, passed_shares, person_keys, reading_keys
from store.keyring.envelopes import EnvelopeRow
from store.keyring.passed_shares import PassedRow
from store.keyring.shares import AccessId, PassedShare, Share
from store.keys import PublicHalf
from store.logbook import ledger
from store.logbook.ledger import Json, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOn:
    """A part that somebody passed on.

    Attributes:
        word: The number of the word that it came with; the part is bound to it.
    """

    word: int
    share: PassedShare


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What one approved access takes.

    Attributes:
        entry: The ledger entry that came first.
        shares: Of one path; empty where the action needs no audio.
        passed: Parts of that path that others passed on.
        grants: By person, the role keys that open those shares.
        manifest: Call, evidence and hashes, as it goes with a copy.
    """

    access_id: AccessId
    recording_id: RecordingId
    entry: int
    shares: tuple[Share, ...] = field(repr=False)
    passed: tuple[PassedOn, ...] = field(repr=False)
    grants: Mapping[PersonId, tuple[reading_keys.Grant, ...]] = field(repr=False)
    manifest: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lent:
    """What the giver of a word takes to pass on their part.

    Attributes:
        shares: Their role's part of each path that serves.
        to: The receiver's own public half.
    """

    word: WordRow
    shares: tuple[Share, ...] = field(repr=False)
    grants: tuple[reading_keys.Grant, ...] = field(repr=False)
    to: PublicHalf


def release(
    archive: Archive, question: Question, recording: str, at: datetime, *, audio: bool = True
) -> Release:
    """Decide, put the access on the ledger, then release what it takes (I5).

    Args:
        archive: Where the recording is.
        question: Who asks what.
        recording: Its id, or whatever they typed.
        at: Now.
        audio: Whether it is to be opened; a hand-over of data takes no key at all (G7).

    Raises:
        RefusedByPolicy: If it is refused whatever the recording; told freely.
        NotFound: If there is no such recording, or it is refused for a reason that lies in it.
        StateConflict: If it is not there to be opened.
        AccessRefused: If nobody who is there holds the keys of a path.
        IntegrityError: If its envelopes or its file are not what they were.
        Unavailable: If its epoch key cannot be read.
    """
    passed = door.decide(archive, question, recording, at)
    row = passed.facts.row
    opens = audio and question.action is not Action.RETRIEVE
    path = _path(archive, question, passed, at) if opens else None
    if not archive.vault.stamps((row.recording_id,)):
        raise NotFound(f"recording {row.recording_id}: its sealed file is not in the vault")
    access_id, entry = door.open_access(archive, question, passed, at)
    try:
        with _epoch_key_read(row.recording_id):
            shares, parts = _unwrapped(archive, path)
            manifest = door.manifest(archive, question, passed, at, entry)
    except ConsentlineError as problem:
        failed(archive, access_id, problem)
        raise
    return Release(
        access_id=access_id,
        recording_id=row.recording_id,
        entry=entry,
        shares=shares,
        passed=parts,
        grants={} if path is None else path.grants,
        manifest=manifest,
    )


def failed(archive: Archive, access_id: AccessId, problem: ConsentlineError) -> None:
    """Put on the ledger that an access came to nothing, and why."""
    with archive.db.write() as tx:
        told: dict[str, Json] = {"problem": problem.text}
        at = archive.clock.now()
        accesses.end_access(tx, access_id, Ending.FAILED, at=at, actor="daemon", told=told)


def lend(archive: Archive, word: WordRow, at: datetime, *, actor: str) -> Lent:
    """Put it on the ledger, then release to the giver of a word their own part, to be passed on (I5).

    Args:
        archive: Where the recording is.
        word: Pending, and theirs to give: an opening or company.
        at: Now.
        actor: The giver, as the ledger names them.

    Raises:
        AccessRefused: If the giver holds no key of a path under a hat that they wear.
        NotFound: If the receiver has no key of their own.
        IntegrityError: If an envelope is not what it was; that it came to nothing is on the ledger then.
        Unavailable: If its epoch key cannot be read; as above.
    """
    to = person_keys.get(archive.db, word.receiver).public
    held = reading_keys.held_by(archive.db, word.giver)
    giver = staff_of(archive.db, word.policy).get(word.giver) or Person(id=word.giver, hats=())
    rows = [
        row
        for rows in envelopes.paths_of(envelopes.of_recording(archive.db, word.recording_id)).values()
        for row in rows
        if _holds(giver, row, held, at)  # a custodian's other keys are not theirs to use
    ]
    if not rows:
        raise _no_key(word.giver)
    with archive.db.write() as tx:  # I5
        told: dict[str, Json] = {"word": word.word_id, "from": word.giver, "to": word.receiver}
        ledger.append(tx, Kind.PART_LENT, at, actor=actor, subject=word.recording_id, payload=told)
    try:
        with _epoch_key_read(word.recording_id):
            shares = tuple(envelopes.unwrap(row, archive.epochs) for row in rows)
    except ConsentlineError as problem:
        with archive.db.write() as tx:
            told["problem"] = problem.text
            now = archive.clock.now()
            ledger.append(
                tx, Kind.PART_NOT_LENT, now, actor="daemon", subject=word.recording_id, payload=told
            )
        raise
    return Lent(
        word=word,
        shares=shares,
        grants=tuple(grant for grant in held if grant.key_id in {row.key_id for row in rows}),
        to=to,
    )


@contextmanager
def _epoch_key_read(recording_id: RecordingId) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"recording {recording_id}: its epoch key cannot be read: {error.strerror}"
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Path:
    """The path by which a recording will be opened, still wrapped."""

    rows: tuple[EnvelopeRow, ...]
    passed: tuple[PassedRow, ...]
    grants: Mapping[PersonId, tuple[reading_keys.Grant, ...]]


def _path(archive: Archive, question: Question, passed: Passed, at: datetime) -> _Path:
    """Return the path that those who are there can open, before anything is released.

    Raises:
        AccessRefused: If there is none.
        IntegrityError: If the recording has no whole path at all.
    """
    access = question.access
    assert access is not None  # noqa: S101 - a policy without one allows nothing
    id_ = passed.facts.row.recording_id
    paths = envelopes.paths_of(envelopes.of_recording(archive.db, id_))
    if not paths:
        raise IntegrityError(f"recording {id_}: is sealed, but no path of its key is whole")
    words = standing_parts(passed.facts, question.person, question.action, question.purpose)
    passed_on = passed_shares.of_words(archive.db, [word.word_id for word in words])
    there = {person.id: person for person in passed.facts.context.present}
    people = [
        _whose(archive, passed, question.person),
        *(there[one] for one in question.company if one in there),
    ]
    held = {person.id: reading_keys.held_by(archive.db, person.id) for person in people}
    served = _roles(access.grants[passed.rule.name], passed.role)
    for path in sorted(paths, key=lambda path: (not set(roles_of(path)) <= served, path)):
        found = _covered(path, paths[path], people, held, passed_on, at)
        if found is not None:
            return found
    missing = " or ".join(sorted(paths))
    raise AccessRefused(
        f"keys: nobody who is there holds all of {missing} for this",
        hint="a holder passes it on with: consentline keys grant; or unlocks with you: --with, approvals ask",
    )


def _covered(  # noqa: PLR0917 - each of them is needed, and none of another kind
    path: KeyPath,
    rows: Sequence[EnvelopeRow],
    people: Iterable[Person],
    held: Mapping[PersonId, Sequence[reading_keys.Grant]],
    passed_on: Sequence[PassedRow],
    at: datetime,
) -> _Path | None:
    """Return how a path is opened, each part by somebody who wears its role and holds its key, or None."""
    own: list[EnvelopeRow] = []
    parts: list[PassedRow] = []
    grants: dict[PersonId, tuple[reading_keys.Grant, ...]] = {}
    by_role = {one.role: one for one in reversed(passed_on) if one.path == path}  # the latest word counts
    for row in rows:
        holder = next((one for one in people if _holds(one, row, held[one.id], at)), None)
        if holder is not None:
            own.append(row)
            mine = tuple(grant for grant in held[holder.id] if grant.key_id == row.key_id)
            grants[holder.id] = (*grants.get(holder.id, ()), *mine)
        elif row.role in by_role:
            parts.append(by_role[row.role])
        else:
            return None
    return _Path(rows=tuple(own), passed=tuple(parts), grants=grants)


def _holds(person: Person, row: EnvelopeRow, held: Iterable[reading_keys.Grant], at: datetime) -> bool:
    wears = any(hat.role == row.role and hat.worn_at(at) for hat in person.hats)
    return wears and any(grant.key_id == row.key_id for grant in held)


def _roles(grant: Grant, role: RoleName) -> set[str]:
    return {*(grant.via or (role,)), *grant.together_with}


def _whose(archive: Archive, passed: Passed, person: PersonId) -> Person:
    staff = staff_of(archive.db, passed.facts.row.policy)
    return staff.get(person) or Person(id=person, hats=())


def _unwrapped(archive: Archive, path: _Path | None) -> tuple[tuple[Share, ...], tuple[PassedOn, ...]]:
    if path is None:
        return (), ()
    shares = tuple(envelopes.unwrap(row, archive.epochs) for row in path.rows)
    parts = tuple(
        PassedOn(word=row.word_id, share=passed_shares.unwrap(row, archive.epochs)) for row in path.passed
    )
    return shares, parts


def _no_key(person: PersonId) -> AccessRefused:
    return AccessRefused(
        f"person {person}: holds no key that opens this",
        hint="a holder grants a role's key with: consentline keys grant",
    )
