"""Sweep: rows, keys and bytes are put in step again after whatever a crash left.

Theory of operation

`look` takes stock, `plan` is pure and says what of it does not fit, `run` mends. A finding is
mended by a path that exists anyway (destruction, `lost`, unlinking), so nothing here decides
what may be kept. The rules, in the order in which they are applied to one recording:

* an end was decided and is not complete: destruction is run again;
* plaintext was renamed to `.withdrawn`: somebody said stop, whatever the row says (I6); unless the
  withdrawal closed the recording: then the daemon gives it its name back at its next start;
* plaintext of a recording that is gone, or that no decision ever permitted: it goes (I1);
* plaintext of a sealed recording: a crash came between commit and unlink; it goes (I3);
* a sealed file that no envelope opens, of a recording not sealed yet: left by a crash in
  sealing; it goes, the plaintext is sealed again;
* a sealed file of no recording at all: not ours to judge; an alarm;
* a sealed recording without its file, or whose epoch key is gone: `lost`, and an alarm;
  back, byte for byte: `sealed` again;
* a recording whose call has ended, with no bytes anywhere: `lost`, and an alarm.

Recordings whose call is still on, and complete captures that wait to be sealed, are the
recorder's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, assert_never

from policy.alarm_kinds import Ending
from policy.clock import to_ms
from policy.errors import DestructionIncomplete
from policy.vocabulary import CallId, ErasedBecause, RecordingId, RecordingState, WithdrawnBy
from store.files.archive import Archive
from store.files.plaintext import WITHDRAWN_SUFFIX
from store.keyring import envelopes
from store.logbook import ledger
from store.logbook.ledger import Json, Kind
from store.records import alarms, recordings
from store.records.recordings import RecordingRow
from store.retention import closures, destruction
from store.retention.destruction import Doom
from store.steps import Step, straight_on

ALARM_LOST: Final = "recording_lost"
ALARM_STRANGER: Final = "vault_stranger"
GRACE_MS: Final = 60_000
"""How long after a call's end its capture may be on its way without a finding."""


class Action(Enum):
    """What is done about a finding."""

    DESTROY = "destroy"
    REMOVE_PLAINTEXT = "remove_plaintext"
    REMOVE_SEALED = "remove_sealed"
    MARK_LOST = "mark_lost"
    MARK_FOUND = "mark_found"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing out of step.

    Attributes:
        found: In words.
        because: Why it is destroyed, where it is.
        call_id: The call, where one is known.
    """

    recording_id: RecordingId
    found: str
    action: Action
    because: ErasedBecause | None = None
    call_id: CallId | None = None

    def to_json(self) -> dict[str, Json]:
        """Return the finding as a program gets it."""
        return {"recording_id": self.recording_id, "found": self.found, "action": self.action.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """What there is, taken at one moment; what is plainly in step is left out, rows and files.

    Attributes:
        rows: Recordings.
        ended: Recordings in state `recording` whose call ended longer ago than the grace.
        sealed_files: Recordings with a finished file in the vault.
        leftovers: Recordings with an unfinished one.
        returned: Lost recordings whose sealed file is there again, byte for byte.
        plaintext: Unsealed files by recording.
        opened: Recordings that a whole path of envelopes opens, under epoch keys that are there.
        restricted: Recordings that are closed by a restriction.
    """

    rows: Mapping[RecordingId, RecordingRow]
    ended: frozenset[RecordingId]
    sealed_files: frozenset[RecordingId]
    leftovers: frozenset[RecordingId]
    returned: frozenset[RecordingId]
    plaintext: Mapping[RecordingId, tuple[Path, ...]]
    opened: frozenset[RecordingId]
    restricted: frozenset[RecordingId] = frozenset()


def take_stock(archive: Archive) -> Stock:
    """Return what there is.

    Raises:
        Unavailable: If the vault or the database cannot be reached.
    """
    files = frozenset(archive.vault.ids())
    leftovers = frozenset(archive.vault.leftovers())
    plaintext = archive.plaintext.found()
    ended = archive.db.rows(
        "SELECT recording_id FROM recordings JOIN calls USING (call_id)"
        " WHERE recordings.state = 'recording' AND calls.ended_at <= ?",
        (to_ms(archive.clock.now()) - GRACE_MS,),
    )
    opened = envelopes.openable(archive.db, archive.epochs.names())
    in_step = _in_step(archive, strays=leftovers | plaintext.keys(), files=files, opened=opened)
    sealed_files = files - in_step
    rows = _rows_but(archive, in_step)
    return Stock(
        rows=rows,
        ended=frozenset(row["recording_id"] for row in ended),
        sealed_files=sealed_files,
        leftovers=leftovers,
        returned=frozenset(
            row.recording_id
            for row in rows.values()
            if row.state is RecordingState.LOST
            and row.recording_id in sealed_files
            and row.recording_id in opened
            and archive.vault.sha256(row.recording_id) == row.sealed_sha256
        ),
        plaintext=plaintext,
        opened=opened,
        restricted=closures.all_restricted(archive.db),
    )


def _in_step(
    archive: Archive,
    *,
    strays: frozenset[RecordingId],
    files: frozenset[RecordingId],
    opened: frozenset[RecordingId],
) -> frozenset[RecordingId]:
    """Return the recordings that `plan` need not look at: by far the most, and each row has its price.

    Args:
        archive: Where from.
        strays: Of which there are bytes that should not last.
        files: Of which there is a sealed file.
        opened: Which a whole path of envelopes opens.
    """

    def ids(condition: str) -> frozenset[RecordingId]:
        rows = archive.db.rows(f"SELECT recording_id FROM recordings WHERE {condition}")  # noqa: S608 - ours
        return frozenset(RecordingId(row["recording_id"]) for row in rows)

    kept = ids("state = 'sealed'") & files & opened
    gone = ids("erased_at IS NOT NULL") - files
    return (kept | gone) - strays


def _rows_but(archive: Archive, in_step: frozenset[RecordingId]) -> dict[RecordingId, RecordingRow]:
    ids = {row["recording_id"] for row in archive.db.rows("SELECT recording_id FROM recordings")}
    wanted = sorted(ids - in_step)
    return {recording_id: recordings.get_recording(archive.db, recording_id) for recording_id in wanted}


def plan(stock: Stock) -> tuple[Finding, ...]:
    """Return what is out of step, and what is done about it; at most one finding a recording."""
    everywhere = {*stock.rows, *stock.sealed_files, *stock.leftovers, *stock.plaintext}
    return tuple(finding for recording_id in sorted(everywhere) for finding in _judge(stock, recording_id))


def look(archive: Archive) -> tuple[Finding, ...]:
    """Return what is out of step, and change nothing (`--dry-run`)."""
    return plan(take_stock(archive))


def run(archive: Archive, *, step: Step = straight_on) -> tuple[Finding, ...]:
    """Mend what is out of step; running again is safe.

    Returns:
        What was found.

    Raises:
        DestructionIncomplete: If something that had to go is still there; all the rest is mended.
        Unavailable: If the vault or the database cannot be reached.
    """
    findings = plan(take_stock(archive))
    dooms = tuple(_doom(finding) for finding in findings if finding.action is Action.DESTROY)
    result = destruction.run(archive, dooms, step=step)
    for finding in findings:
        step(finding.action.value)
        try:
            _mend(archive, finding)
        except OSError as error:
            raise DestructionIncomplete(f"{_line(finding)}: {error.strerror}") from error
    strange = {finding.recording_id for finding in findings if finding.action is Action.ALARM}
    with archive.db.write() as tx:
        alarms.over_but(tx, Ending.SWEPT, still=strange, at=archive.clock.now())
    if result.problems:
        raise DestructionIncomplete("\n".join(result.problems.values()), hint="the next purge tries again")
    return findings


def _judge(stock: Stock, recording_id: RecordingId) -> Iterator[Finding]:
    row = stock.rows.get(recording_id)
    plain = stock.plaintext.get(recording_id, ())
    in_vault = recording_id in stock.sealed_files
    if row is None:
        yield from _judge_strange(recording_id, plain, in_vault or recording_id in stock.leftovers)
        return
    said_stop = any(path.name.endswith(WITHDRAWN_SUFFIX) for path in plain)
    if row.half_gone:
        yield _finding(row, f"{row.state.value}, but not gone yet", Action.DESTROY, row.erased_because)
    elif said_stop and recording_id in stock.restricted:
        return
    elif said_stop and row.erased_at is None:
        yield _finding(row, "withdrawn plaintext", Action.DESTROY, ErasedBecause.WITHDRAWN)
    elif row.erased_at is not None:
        if plain or in_vault or recording_id in stock.leftovers:
            yield _finding(row, "bytes of a recording that is gone", Action.DESTROY, ErasedBecause.GHOST)
    else:
        yield from _judge_kept(stock, row, plain, in_vault)


def _judge_strange(recording_id: RecordingId, plain: tuple[Path, ...], sealed: bool) -> Iterator[Finding]:
    if sealed:
        yield Finding(
            recording_id=recording_id, found="sealed file of no known recording", action=Action.ALARM
        )
    elif plain:
        yield Finding(
            recording_id=recording_id,
            found="plaintext of no known recording",
            action=Action.DESTROY,
            because=ErasedBecause.GHOST,
        )


def _judge_kept(
    stock: Stock, row: RecordingRow, plain: tuple[Path, ...], in_vault: bool
) -> Iterator[Finding]:
    match row.state:
        case RecordingState.SEALED:
            if not in_vault:
                yield _finding(row, "sealed, but its file is gone", Action.MARK_LOST)
            elif row.recording_id not in stock.opened:
                yield _finding(row, "sealed, but its epoch key or its envelopes are gone", Action.MARK_LOST)
            elif plain:
                yield _finding(row, "plaintext of a sealed recording", Action.REMOVE_PLAINTEXT)
        case RecordingState.LOST:
            if row.recording_id in stock.returned:
                yield _finding(row, "lost, but its file is back", Action.MARK_FOUND)
        case RecordingState.RECORDING | RecordingState.CAPTURED:
            over = row.state is RecordingState.CAPTURED or row.recording_id in stock.ended
            if not plain and over:
                yield _finding(row, f"{row.state.value}, but no bytes anywhere", Action.MARK_LOST)
            elif in_vault or row.recording_id in stock.leftovers:
                yield _finding(row, "sealed file without an envelope", Action.REMOVE_SEALED)
        case RecordingState.EMPTY | RecordingState.WITHDRAWN | RecordingState.PURGING | RecordingState.PURGED:
            return  # unfinished or gone, and judged as such before
        case _:
            assert_never(row.state)


def _finding(row: RecordingRow, found: str, action: Action, because: ErasedBecause | None = None) -> Finding:
    return Finding(
        recording_id=row.recording_id, found=found, action=action, because=because, call_id=row.call_id
    )


def _doom(finding: Finding) -> Doom:
    because = finding.because or ErasedBecause.GHOST
    by = WithdrawnBy.DIALPLAN if because is ErasedBecause.WITHDRAWN else None
    return Doom(recording_id=finding.recording_id, because=because, by=by)


def _mend(archive: Archive, finding: Finding) -> None:
    at, recording_id = archive.clock.now(), finding.recording_id
    match finding.action:
        case Action.DESTROY:
            return  # done, all of them together
        case Action.REMOVE_PLAINTEXT:
            archive.plaintext.unlink(recording_id)  # I3: `sealed` is committed
            _tell_removed(archive, finding)
        case Action.REMOVE_SEALED:
            archive.vault.unlink(recording_id)
            _tell_removed(archive, finding)
        case Action.MARK_LOST:
            with archive.db.write() as tx:
                recordings.lost(tx, recording_id, at, problem=finding.found)
                alarms.raise_alarm(tx, ALARM_LOST, _line(finding), call_id=finding.call_id, at=at)
        case Action.MARK_FOUND:
            with archive.db.write() as tx:
                recordings.found_again(tx, recording_id, at)
                alarms.over(tx, Ending.FOUND, at=at, about=recording_id)
        case Action.ALARM:
            with archive.db.write() as tx:
                alarms.raise_alarm(tx, ALARM_STRANGER, _line(finding), call_id=finding.call_id, at=at)
        case _:
            assert_never(finding.action)


def _tell_removed(archive: Archive, finding: Finding) -> None:
    with archive.db.write() as tx:
        told: dict[str, Json] = {"found": finding.found}
        ledger.append(
            tx,
            Kind.STRAY_REMOVED,
            archive.clock.now(),
            actor="daemon",
            subject=finding.recording_id,
            payload=told,
        )


def _line(finding: Finding) -> str:
    return f"recording {finding.recording_id}: {finding.found}"
