"""How an agent develops, in a coach's words: all that a line manager gets, where the policy says so (N6)."""

from __future__ import annotations

from casework.review_rules import (
    agents_of,
    agreed_reviews_of,
    refuse,
    refuse_scores,
    reviews_of,
    scoring_role,
    seen_by,
    source_of,
)
from casework.reviews import checked_words
from casework.ruling import Caseworker
from policy import terms
from policy.errors import AccessRefused, NotFound, shown
from policy.model import Policy
from policy.permission import Rule
from policy.retention import DataKind
from policy.review_form import must_be_a_note
from policy.reviews import Reviews, Seen
from policy.situation import PersonId
from store.cases import development
from store.cases.development import NoteRow
from store.files.archive import Archive


def write(archive: Archive, policy: Policy, by: Caseworker, agent: PersonId, words: str) -> NoteRow:
    """Store a coach's note about an agent.

    Raises:
        RefusedByPolicy: If the policy has no reviews, no works council, no notes, or not this writer.
        NotFound: If the agent takes no calls here.
        AccessRefused: If it is about the writer.
        ConsentlineError: If it names a call, a recording or a score.
        StateConflict: If notes could not be kept, for want of a term (R4).
    """
    settled = agreed_reviews_of(archive, policy, by, "review")
    role = scoring_role(archive, policy, by, "review")
    _must_have_notes(archive, policy, by, settled)
    if agent not in agents_of(archive, policy):
        raise NotFound(f"agent {shown(agent)}: takes no calls under {policy.name}")
    if agent == by.id:
        raise AccessRefused(f"agent {agent}: nobody writes the note about themselves")
    must_be_a_note(words, settled)
    now = archive.clock.now()
    due_at = terms.data_due_at(policy, DataKind.REVIEW_FORMS, now)
    kept = checked_words("note", words)
    with archive.db.write() as tx:
        return development.write(
            tx, policy.name, agent, by.id, role, kept, at=now, due_at=due_at, actor=by.actor
        )


def notes(archive: Archive, policy: Policy, by: Caseworker, agent: PersonId | None) -> tuple[NoteRow, ...]:
    """Return the notes about an agent, or about all, to whom the policy names; it is on the ledger first.

    An agent gets those about themselves.

    Raises:
        RefusedByPolicy: If the policy has none, or shows them nothing.
    """
    settled = reviews_of(archive, policy, by, "review")
    _must_have_notes(archive, policy, by, settled)
    everybodys = seen_by(archive, policy, by, own=False)
    if everybodys is None:
        own = seen_by(archive, policy, by, own=True)
        if own is None:
            refuse_scores(archive, policy, by, "review")
        if agent not in (None, by.id):
            says = "an agent sees the notes about themselves only"
            refuse(
                archive,
                policy,
                by,
                "review",
                Rule(name="reviews.viewers", source=source_of(settled), says=says),
            )
        agent, everybodys = by.id, own
    found = development.of_policy(archive.db, policy.name, agent=agent)
    about = sorted({note.agent for note in found})
    with archive.db.write() as tx:
        now = archive.clock.now()
        development.note_shown(tx, policy.name, by.id, everybodys[1], about, at=now, actor=by.actor)
    return found


def _must_have_notes(archive: Archive, policy: Policy, by: Caseworker, settled: Reviews) -> None:
    if any(viewer.sees is Seen.NOTE for viewer in settled.viewers):
        return
    says = "nobody is told how an agent develops by a note here"
    refuse(archive, policy, by, "review", Rule(name="reviews.viewers", source=source_of(settled), says=says))
