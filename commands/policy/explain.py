"""`consentline policy explain`: which rule decided each thing about a call, and what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from policy.model import Policy
    from policy.vocabulary import CallId, RecordingId
    from publish.explanation import Asked, CallFacts, Kept
    from store.db import Db
    from store.logbook.ledger import Json
    from store.records.decisions import Evidence
    from store.records.recordings import RecordingRow

COLUMNS = ("about", "says", "rule", "source")


@click.command()
@click.argument("call", metavar="CALL")
@json_option
@pass_invocation
def explain(invocation: Invocation, call: str, as_json: bool) -> None:
    """Say which rule decided each thing about CALL, and what will happen to it, when and why.

    CALL is a call id or a recording id. The words heard, the outcome, the term and due
    moment and who may hear it come from the version of the policy that the call met, not
    from the one served now. Reads the database directly; needs no daemon and no key.

    \b
    Example:
      consentline policy explain 1795282161.17
    """
    from contextlib import closing

    from policy.clock import SystemClock
    from publish import explanation
    from store.db import Db

    config, clock = invocation.config(), SystemClock()
    with closing(Db.open_to_read(config.path("database"), clock=clock)) as db:
        facts, policy = _facts(db, call, clock.now())
    reasons = explanation.explain(
        facts,
        policy,
        now=clock.now(),
        running=None if policy is None else _served_now(invocation, policy.name),
    )
    rows = [
        {"about": one.about.value, "says": one.says, "rule": one.rule, "source": one.source}
        for one in reasons
    ]
    show(rows, COLUMNS, as_json=as_json, title="reasons")


def _served_now(invocation: Invocation, name: str) -> Policy | None:
    """Return the version beside the config file; None too when a file there cannot be used.

    The call goes by its own version, so a broken draft is no reason not to explain it.
    """
    from policy.errors import ConfigError

    try:
        return invocation.policies().by_name.get(name)
    except ConfigError:
        return None


def _facts(db: Db, named: str, now: datetime) -> tuple[CallFacts, Policy | None]:
    """Return what is on record about a call, and the policy version it was opened under.

    Raises:
        NotFound: If there is no such call or recording.
    """
    from policy.vocabulary import CallId, RecordingId
    from publish.explanation import CallFacts, Held
    from store.cases import request_calls
    from store.persons import call_agents
    from store.records import calls, decisions, recordings, versions

    unseen = request_calls.keeping_alone(db, now)
    recording = recordings.find_recording(db, RecordingId(named))
    row = calls.get_call(db, CallId(named) if recording is None else recording.call_id)
    opened_under = versions.of_call(db, row.call_id)
    facts = CallFacts(
        call_id=row.call_id,
        number=row.number,
        started_at=row.started_at,
        going_on=row.ended_at is None and row.data_erased_at is None,
        outcome=row.decision,
        asked=tuple(_asked(db, one) for one in decisions.of_call(db, row.call_id)),
        kept=tuple(
            _kept(db, one, now)
            for one in recordings.of_call(db, row.call_id)
            if one.recording_id not in unseen
        ),
        data_due_at=row.data_due_at,
        data_erased_at=row.data_erased_at,
        held=tuple(
            Held(person=span.person, since=span.since, until=span.until)
            for span in call_agents.of_call(db, row.call_id)
        ),
        reached_back=_reached_back(db, row.call_id),
    )
    return facts, None if opened_under is None else versions.as_policy(opened_under)


def _asked(db: Db, evidence: Evidence) -> Asked:
    from publish.explanation import Asked

    return Asked(
        outcome=evidence.outcome,
        policy=_policy(db, evidence.policy_hash),
        words=evidence.words,
        language=evidence.language,
        heard_ms=evidence.heard_ms,
        duration_ms=evidence.prompt_duration_ms,
        digit=evidence.digit,
        decided_at=evidence.decided_at,
    )


def _kept(db: Db, row: RecordingRow, now: datetime) -> Kept:
    from policy.clock import to_local
    from publish.explanation import Kept
    from store.records import recordings
    from store.retention import closures, holds, keeping

    kept_by = []
    if row.erased_at is None:
        if (extended_until := keeping.extended_until(db, row.recording_id)) is not None:
            kept_by.append(f"extended until {to_local(extended_until)}")
        kept_by += [
            f"kept by a hold: {hold.in_words}"
            for hold in holds.of_recording(db, row.recording_id)
            if now < hold.term.ends_at
        ]

    return Kept(
        recording_id=row.recording_id,
        policy=_policy(db, row.policy_hash),
        state=row.state,
        due_at=row.due_at,
        rule=row.due_rule,
        ended_because=None if row.erased_because is None else row.erased_because.value,
        erased_at=row.erased_at,
        promised_at=row.promised_at,
        kept_by=tuple(kept_by),
        closed=tuple(closures.in_words(db, row.recording_id)),
        incident=_incident(db, row.recording_id),
        reached_from=_reached_from(db, row.recording_id),
        concluded=recordings.why_concluded(db, row.recording_id),
    )


def _incident(db: Db, recording_id: RecordingId) -> str | None:
    from policy.clock import to_local
    from store.retention import incidents
    from store.retention.incidents import Stage

    found = incidents.of_recording(db, recording_id)
    if found is None:
        return None
    said = f"flagged as {found.kind.value} at {to_local(found.flagged_at)}"
    if found.stage is Stage.FLAGGED:
        return f"{said}, to be assessed before {to_local(found.assess_by_at)}"
    if found.assessed_at is None:
        return f"{said}, and lapsed: nobody assessed it before {to_local(found.assess_by_at)}"
    return f"{said}, {found.stage.value} at {to_local(found.assessed_at)}"


def _reached_from(db: Db, recording_id: RecordingId) -> CallId | None:
    from policy.vocabulary import CallId

    told = _told_of_reach(db, recording_id)
    return None if told is None else CallId(str(told["refused"]))


def _reached_back(db: Db, call_id: CallId) -> tuple[RecordingId, ...]:
    from policy.vocabulary import RecordingId

    told = _told_of_reach(db, call_id)
    listed = None if told is None else told["recordings"]
    return tuple(RecordingId(str(one)) for one in listed) if isinstance(listed, list) else ()


def _told_of_reach(db: Db, subject: str) -> Mapping[str, Json] | None:
    from store.logbook import ledger

    kind = ledger.Kind.REFUSAL_REACHED_BACK.value
    entries = ledger.show(db, subject=subject)
    return next((entry.payload for entry in entries if entry.kind == kind), None)


def _policy(db: Db, content_hash: str | None) -> Policy | None:
    from store.records import versions

    version = None if content_hash is None else versions.version(db, content_hash)
    return None if version is None else versions.as_policy(version)
