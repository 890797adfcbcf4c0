"""Forms that were filled in about drawn calls: scores by criterion, kept on a term of their own (N8, R4).

A form outlives the recording it is about and is about the agent, not the caller. It never changes: one
that was wrong is filled in anew by the same scorer, and the new one goes when the first would have gone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from policy.access import PurposeName, RoleName
from policy.clock import from_ms, to_iso, to_ms
from policy.errors import NotFound
from policy.review_form import Criterion, Score
from policy.reviews import Form
from policy.situation import PersonId
from policy.vocabulary import PolicyName, RecordingId
from store.db import Db, Tx, Value
from store.logbook import ledger
from store.logbook.ledger import Json, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A form, before it is stored.

    Attributes:
        calibration_id: The case it is for, or None for a review.
        agent: For whom the call was drawn.
        remark: In the scorer's own words.
        due_at: When it has to be gone.
    """

    policy: PolicyName
    purpose: PurposeName
    recording_id: RecordingId
    draw_id: int
    calibration_id: int | None
    agent: PersonId
    form: Form
    scored_by: PersonId
    role: RoleName
    remark: str
    scores: Sequence[Score]
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FormRow:
    """A form as it is stored."""

    form_id: int
    policy: PolicyName
    purpose: PurposeName
    recording_id: RecordingId
    draw_id: int
    calibration_id: int | None
    agent: PersonId
    form: Form
    scored_by: PersonId
    role: RoleName
    remark: str
    filled_at: datetime
    due_at: datetime
    scores: tuple[Score, ...]

    def to_json(self) -> list[dict[str, Json]]:
        """Return one row a criterion, as a program gets it."""
        return [
            {
                "form": self.form_id,
                "policy": self.policy,
                "purpose": self.purpose,
                "draw": self.draw_id,
                "recording_id": self.recording_id,
                "agent": self.agent,
                "scored_by": self.scored_by,
                "filled_at": to_iso(self.filled_at),
                "due_at": to_iso(self.due_at),
                "criterion": one.criterion.name,
                "judges": judges(one.criterion),
                "score": one.score,
                "lowest": one.criterion.lowest,
                "highest": one.criterion.highest,
                "remark": self.remark,
            }
            for one in self.scores
        ]


def judges(criterion: Criterion) -> str:
    """Return what a criterion judges, as a program gets it."""
    return "content" if criterion.on_content else "manner"


def fill(tx: Tx, filled: Filled, *, at: datetime, actor: str) -> int:
    """Store a form, in the place of an earlier one of the same scorer, and return its number."""
    before = tx.execute(
        "SELECT form_id, due_at FROM review_forms WHERE draw_id = ? AND recording_id = ? AND scored_by = ?"
        " AND calibration_id IS ?",
        (filled.draw_id, filled.recording_id, filled.scored_by, filled.calibration_id),
    ).fetchone()
    due_ms = to_ms(filled.due_at)
    if before is not None:
        tx.execute("DELETE FROM review_forms WHERE form_id = ?", (before["form_id"],))
        due_ms = min(due_ms, before["due_at"])
    inserted = tx.execute(
        "INSERT INTO review_forms (policy, purpose, recording_id, draw_id, calibration_id, agent, form,"
        " scored_by, role, remark, filled_at, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            filled.policy,
            filled.purpose,
            filled.recording_id,
            filled.draw_id,
            filled.calibration_id,
            filled.agent,
            filled.form.value,
            filled.scored_by,
            filled.role,
            filled.remark,
            to_ms(at),
            due_ms,
        ),
    )
    form_id = int(inserted.lastrowid or 0)
    tx.executemany(
        "INSERT INTO review_scores (form_id, line, criterion, on_content, lowest, highest, score)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                form_id,
                line,
                one.criterion.name,
                int(one.criterion.on_content),
                one.criterion.lowest,
                one.criterion.highest,
                one.score,
            )
            for line, one in enumerate(filled.scores)
        ],
    )
    told: dict[str, Json] = {
        "review_form": form_id,
        "replaces": None if before is None else before["form_id"],
        "person": filled.scored_by,
        "role": filled.role,
        "policy": filled.policy,
        "purpose": filled.purpose,
        "draw": filled.draw_id,
        "calibration": filled.calibration_id,
        "agent": filled.agent,
        "until": to_iso(from_ms(due_ms)),
    }
    ledger.append(tx, Kind.REVIEW_FILLED, at, actor=actor, subject=filled.recording_id, payload=told)
    return form_id


def note_shown(tx: Tx, form: FormRow, *, to: PersonId, role: str, at: datetime, actor: str) -> None:
    """Put on the ledger that somebody is shown scores, before they are."""
    told: dict[str, Json] = {
        "review_form": form.form_id,
        "person": to,
        "role": role,
        "policy": form.policy,
        "agent": form.agent,
        "result": "shown",
    }
    ledger.append(tx, Kind.REVIEW_SHOWN, at, actor=actor, subject=form.recording_id, payload=told)


def get_form(db: Db, form_id: int) -> FormRow:
    """Return one form.

    Raises:
        NotFound: If there is no such form.
    """
    found = _forms(db, "form_id = ?", (form_id,))
    if not found:
        raise no_such_form()
    return found[0]


def no_such_form() -> NotFound:
    """Return what is said of a form that is not there, or is not the asker's: the same."""
    return NotFound("no such review form, or not yours", hint="see: consentline review list")


def of_policy(db: Db, policy: PolicyName, *, agent: PersonId | None = None) -> tuple[FormRow, ...]:
    """Return the forms of reviews under a policy, without those of calibration, in order."""
    return _forms(
        db,
        "policy = :policy AND calibration_id IS NULL AND (:agent IS NULL OR agent = :agent)",
        {"policy": policy, "agent": agent},
    )


def of_calibration(db: Db, calibration_id: int) -> tuple[FormRow, ...]:
    """Return the forms of a calibration case, in order."""
    return _forms(db, "calibration_id = ?", (calibration_id,))


def any_due(db: Db, at: datetime) -> bool:
    """Tell whether the term of any of these rows is over."""
    return bool(db.rows("SELECT 1 FROM review_forms WHERE due_at <= ? LIMIT 1", (to_ms(at),)))


def forget_due(tx: Tx, at: datetime) -> int:
    """Erase the forms whose term is over, with their scores; tell it; and return how many."""
    return _forget(tx, [row["form_id"] for row in _due(tx, at)], at)


def forget_calibration(tx: Tx, calibration_id: int, at: datetime) -> int:
    """Erase the forms of a calibration case that ended, and return how many."""
    found = tx.execute("SELECT form_id FROM review_forms WHERE calibration_id = ?", (calibration_id,))
    return _forget(tx, [row["form_id"] for row in found.fetchall()], at)


def _due(tx: Tx, at: datetime) -> Iterable[sqlite3.Row]:
    return tx.execute(
        "SELECT form_id FROM review_forms WHERE due_at <= ? ORDER BY form_id", (to_ms(at),)
    ).fetchall()


def _forget(tx: Tx, form_ids: Sequence[int], at: datetime) -> int:
    if form_ids:
        tx.executemany("DELETE FROM review_forms WHERE form_id = ?", [(form_id,) for form_id in form_ids])
        told: dict[str, Json] = {"review_forms": list(form_ids)}
        ledger.append(tx, Kind.REVIEWS_ERASED, at, actor="daemon", subject="", payload=told)
    return len(form_ids)


def _forms(db: Db, where: str, params: Sequence[Value] | dict[str, Value]) -> tuple[FormRow, ...]:
    # The condition is this module's own words; every value is bound.
    rows = db.rows(f"SELECT * FROM review_forms WHERE {where} ORDER BY form_id", params)  # noqa: S608
    scores: dict[int, list[Score]] = {}
    for row in db.rows(
        f"SELECT s.* FROM review_scores s JOIN review_forms USING (form_id) WHERE {where}"  # noqa: S608 - as above
        " ORDER BY form_id, line",
        params,
    ):
        scores.setdefault(row["form_id"], []).append(_score(row))
    return tuple(_form(row, tuple(scores.get(row["form_id"], ()))) for row in rows)


def _score(row: sqlite3.Row) -> Score:
    criterion = Criterion(
        name=row["criterion"],
        on_content=bool(row["on_content"]),
        lowest=row["lowest"],
        highest=row["highest"],
    )
    return Score(criterion=criterion, score=row["score"])


def _form(row: sqlite3.Row, scores: tuple[Score, ...]) -> FormRow:
    return FormRow(
        form_id=row["form_id"],
        policy=PolicyName(row["policy"]),
        purpose=PurposeName(row["purpose"]),
        recording_id=RecordingId(row["recording_id"]),
        draw_id=row["draw_id"],
        calibration_id=row["calibration_id"],
        agent=PersonId(row["agent"]),
        form=Form(row["form"]),
        scored_by=PersonId(row["scored_by"]),
        role=RoleName(row["role"]),
        remark=row["remark"],
        filled_at=from_ms(row["filled_at"]),
        due_at=from_ms(row["due_at"]),
        scores=scores,
    )
