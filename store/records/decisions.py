"""Decisions: the evidence of how a caller was asked, durable before anything is recorded (I1)."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from policy import rules
from policy.clock import from_ms, to_iso, to_ms
from policy.errors import NotFound, StateConflict
from policy.evidence import Decision, Prompt
from policy.load import Policies
from policy.model import Policy
from policy.vocabulary import CallId, Outcome, PolicyName, RecordingId
from store.db import Db, Tx
from store.files.epochs import EpochLength
from store.logbook import ledger
from store.logbook.ledger import Json, Kind
from store.records import calls, evidence_terms, recordings, versions


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A decision as it was stored, for exports and receipts.

    Attributes:
        words: What the caller heard, or None when nothing was played.
    """

    outcome: Outcome
    policy_hash: str | None
    text_hash: str | None
    words: str | None
    language: str | None
    audio_sha256: str | None
    prompt_duration_ms: int | None
    heard_ms: int
    digit: str | None
    digit_offset_ms: int | None
    decided_at: datetime
    way: str

    def to_json(self) -> dict[str, Json]:
        """Return the evidence as a program gets it."""
        return {
            "outcome": self.outcome.value,
            "policy_hash": self.policy_hash,
            "text_hash": self.text_hash,
            "words": self.words,
            "language": self.language,
            "audio_sha256": self.audio_sha256,
            "prompt_duration_ms": self.prompt_duration_ms,
            "heard_ms": self.heard_ms,
            "digit": self.digit,
            "digit_offset_ms": self.digit_offset_ms,
            "decided_at": to_iso(self.decided_at),
            "way": self.way,
        }


def store(tx: Tx, decision: Decision, policies: Policies) -> bool:
    """Store a decision, and with it the recording that it permits; again is harmless.

    Once the transaction is committed the capture may start (I1), and not before.

    Args:
        tx: The transaction.
        decision: The evidence.
        policies: Every policy served.

    Returns:
        Whether it is new.

    Raises:
        NotFound: If the call was never opened.
        StateConflict: If a recording is asked for that this call's decisions, or what is
            known of the policy and the words, do not permit; nothing is stored then.
    """
    call = tx.execute("SELECT started_at FROM calls WHERE call_id = ?", (decision.call_id,)).fetchone()
    if call is None:
        raise NotFound(f"call {decision.call_id}: was never opened, so nothing can be decided about it")
    policy = _policy_played(decision.prompt, policies)
    if policy is not None and decision.prompt is not None:
        versions.remember_policy(tx, policy, policies, decision.decided_at)
        versions.remember_notice(tx, policy, decision.prompt, decision.decided_at)
        started_at = from_ms(call["started_at"])
        evidence_terms.promise(tx, decision.call_id, policy, started_at)
        evidence_terms.promise_notice(tx, decision.prompt.text_hash, policy, started_at)
    if not _insert(tx, decision):
        return _was_stored(tx, decision)
    strictest = calls.note_outcome(tx, decision.call_id, decision.outcome)
    told: dict[str, Json] = {
        "outcome": decision.outcome.value,
        "recording": decision.recording_id,
        "policy_hash": None if decision.prompt is None else decision.prompt.policy_hash,
        "text_hash": None if decision.prompt is None else decision.prompt.text_hash,
        "audio_sha256": None if decision.prompt is None else decision.prompt.audio_sha256,
    }
    ledger.append(
        tx,
        Kind.DECIDED,
        decision.decided_at,
        actor=decision.way.value,
        subject=decision.call_id,
        payload=told,
    )
    if decision.recording_id is not None:
        permitted = _permitted(tx, decision, strictest, policy)
        _open_recording(tx, decision, decision.recording_id, permitted, from_ms(call["started_at"]))
    return True


def evidence(db: Db, recording_id: RecordingId) -> Evidence:
    """Return the decision that permitted a recording.

    Raises:
        NotFound: If it was erased on its term, or never was.
    """
    found = db.rows(
        "SELECT d.*, n.words FROM decisions d LEFT JOIN notice_versions n USING (text_hash)"
        " WHERE recording_id = ?",
        (recording_id,),
    )
    if not found:
        raise NotFound(f"recording {recording_id}: no evidence of a decision is kept")
    return _evidence(found[0])


def of_call(db: Db, call_id: CallId) -> tuple[Evidence, ...]:
    """Return every decision of a call, in order."""
    found = db.rows(
        "SELECT d.*, n.words FROM decisions d LEFT JOIN notice_versions n USING (text_hash)"
        " WHERE call_id = ? ORDER BY decision_id",
        (call_id,),
    )
    return tuple(_evidence(row) for row in found)


def _policy_played(prompt: Prompt | None, policies: Policies) -> Policy | None:
    """Return the policy whose words were played: of the gate at hand, not of the call's first one."""
    if prompt is None:
        return None
    return next(
        (known for known in policies.by_name.values() if known.content_hash == prompt.policy_hash), None
    )


def _was_stored(tx: Tx, decision: Decision) -> bool:
    """Return False: the same decision is there; another one of that moment is a bug made visible."""
    stored = tx.execute(
        "SELECT recording_id FROM decisions WHERE call_id = ? AND decided_at = ? AND outcome = ?",
        (decision.call_id, to_ms(decision.decided_at), decision.outcome.value),
    ).fetchone()
    if stored["recording_id"] != decision.recording_id:
        raise StateConflict(f"call {decision.call_id}: was decided at that moment for another recording")
    return False


def _permitted(tx: Tx, decision: Decision, strictest: Outcome, policy: Policy | None) -> Policy:
    """Return the policy under which this may be recorded; any doubt is an error (I9)."""
    where = f"call {decision.call_id}: must not be recorded:"
    prompt = decision.prompt
    if not strictest.permits_recording:
        raise StateConflict(f"{where} its strictest decision is {strictest.value}")
    if policy is None or prompt is None or not versions.knows_notice(tx, prompt.text_hash):
        raise StateConflict(f"{where} the words played, if any, are not those of a policy in force")
    return policy


def _open_recording(
    tx: Tx, decision: Decision, recording_id: RecordingId, policy: Policy, started_at: datetime
) -> None:
    term = policy.retention.recording
    source = f" ({policy.retention.source})" if policy.retention.source else ""
    recordings.open_recording(
        tx,
        recordings.Opening(
            recording_id=recording_id,
            call_id=decision.call_id,
            policy=PolicyName(policy.name),
            policy_hash=policy.content_hash,
            started_at=started_at,
            due_at=rules.due_at(policy, started_at),
            due_rule=f"{policy.name}: retention.recording = {term}{source}",
            epoch_length=EpochLength.HOUR if term.in_hours else EpochLength.DAY,
        ),
    )


def _insert(tx: Tx, decision: Decision) -> bool:
    prompt: Prompt | None = decision.prompt
    knows_policy = prompt is not None and versions.knows_policy(tx, prompt.policy_hash)
    knows_notice = prompt is not None and versions.knows_notice(tx, prompt.text_hash)
    inserted = tx.execute(
        "INSERT INTO decisions (call_id, outcome, policy_hash, text_hash, language, audio_sha256,"
        " prompt_duration_ms, heard_ms, finished, window_over, digit, digit_offset_ms, hung_up,"
        " recording_id, decided_at, way)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (call_id, decided_at, outcome) DO NOTHING",
        (
            decision.call_id,
            decision.outcome.value,
            prompt.policy_hash if prompt is not None and knows_policy else None,
            prompt.text_hash if prompt is not None and knows_notice else None,
            None if prompt is None else prompt.language,
            None if prompt is None else prompt.audio_sha256,
            None if prompt is None else prompt.duration_ms,
            decision.heard.heard_ms,
            int(decision.heard.finished),
            int(decision.heard.window_over),
            decision.heard.digit,
            decision.heard.digit_offset_ms,
            int(decision.heard.hung_up),
            decision.recording_id,
            to_ms(decision.decided_at),
            decision.way.value,
        ),
    )
    return inserted.rowcount > 0


def _evidence(row: sqlite3.Row) -> Evidence:
    return Evidence(
        outcome=Outcome(row["outcome"]),
        policy_hash=row["policy_hash"],
        text_hash=row["text_hash"],
        words=row["words"],
        language=row["language"],
        audio_sha256=row["audio_sha256"],
        prompt_duration_ms=row["prompt_duration_ms"],
        heard_ms=row["heard_ms"],
        digit=row["digit"],
        digit_offset_ms=row["digit_offset_ms"],
        decided_at=from_ms(row["decided_at"]),
        way=row["way"],
    )
