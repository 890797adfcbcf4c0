"""The ledger for others: whole and verifiable without us, or as a Logboek Dataverwerkingen.

The verifiable form is one JSON object a line, with what each leaf is made of (see
`store/logbook/ledger.py`), and as its last line the checkpoint over all of them and the key: whoever
has the vkey from elsewhere can hash it all again with any program.

The other form has the fields of the Dutch standard for logging the processing of personal data.
Source: Logboek Dataverwerkingen (Logius), 3.2 "Component: Logboek", Interface
(logius-standaarden.github.io/logboek-dataverwerkingen). Its `trace_id` is one call or recording,
its `span_id` one entry. The person concerned is the caller, named by the keyed tag of their number: a
pseudonym, as the standard recommends. What is ours alone stands under `dpl.consentline.`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from policy.clock import to_iso, to_ms
from policy.errors import StateConflict
from store.db import Db
from store.logbook import checkpoints, ledger_search, log_keys
from store.logbook.ledger import Entry, Json
from store.logbook.ledger_search import Wanted

SLICE: Final = 2048
SUBJECT_TYPE: Final = "HMAC-SHA-256 van het telefoonnummer"
OWN: Final = "dpl.consentline."

_TRACE_LABEL: Final = b"consentline/v1/ldv-trace\x00"
_NOT_DONE: Final = ("refused", "failed")


def verifiable(db: Db) -> Iterator[dict[str, Json]]:
    """Yield every entry under the newest checkpoint, and then that checkpoint.

    Raises:
        StateConflict: If there is no checkpoint yet.
    """
    signed = checkpoints.last(db)
    if signed is None:
        raise StateConflict(
            "ledger: has no checkpoint yet, so nothing would vouch for an export",
            hint="the daemon makes one at its start; or run: consentline ledger checkpoint",
        )
    for start in range(0, signed.size, SLICE):
        found = db.rows(
            "SELECT seq, at, kind, commitment, leaf, subject, salt, CAST(body AS TEXT) AS body"
            " FROM ledger JOIN ledger_payloads USING (seq) WHERE seq >= ? AND seq < ? ORDER BY seq",
            (start, min(start + SLICE, signed.size)),
        )
        for row in found:
            yield {
                "seq": row["seq"],
                "at_ms": row["at"],
                "kind": row["kind"],
                "commitment": row["commitment"].hex(),
                "leaf": row["leaf"].hex(),
                "subject": row["subject"],
                "salt": None if row["salt"] is None else row["salt"].hex(),
                "body": row["body"],
            }
    keys = [span.to_json() for span in log_keys.spans_in(db)]
    yield {"checkpoint": signed.note, "made_at": to_iso(signed.made_at), "keys": keys}


def ldv(db: Db, wanted: Wanted, *, register: str, version: str) -> Iterator[dict[str, Json]]:
    """Yield a log line for each entry about a call or recording, as the standard names its fields.

    Args:
        db: The database.
        wanted: Which entries.
        register: URI of the register of processing activities.
        version: Of this program.
    """
    for entry in ledger_search.search(db, wanted):
        if entry.subject and not entry.subject.startswith("person:"):
            yield _line(db, entry, register, version)


def _line(db: Db, entry: Entry, register: str, version: str) -> dict[str, Json]:
    payload = entry.payload or {}
    policy, tag = _whose(db, entry.subject or "")
    activity = "/".join(part for part in (policy, _text(payload.get("purpose"))) if part)
    attributes: dict[str, Json] = {"dpl.core.processing_activity_id": f"{register}#{activity or 'opname'}"}
    if tag is not None:
        attributes["dpl.core.data_subject_id"] = tag
        attributes["dpl.core.data_subject_id_type"] = SUBJECT_TYPE
    for name in ("purpose", "reason", "policy_hash", "result"):
        told = _text(payload.get(name))
        if told is not None:
            attributes[OWN + name] = told
    attributes |= {OWN + "actor": entry.actor, OWN + "entry": entry.seq, OWN + "subject": entry.subject}
    at_ms = to_ms(entry.at)
    return {
        "trace_id": hashlib.sha256(_TRACE_LABEL + (entry.subject or "").encode()).hexdigest()[:32],
        "span_id": f"{entry.seq + 1:016x}",  # W3C Trace Context: never all zeros
        "status_code": _status(entry),
        "name": entry.kind,
        "start_time": at_ms,
        "end_time": at_ms,
        "resource": {"attributes": {"service.name": "consentline", "service.version": version}},
        "attributes": attributes,
    }


def _status(entry: Entry) -> str:
    """Return the standard's word: a refusal is a sound answer (`Unset`), a failure an error."""
    result = None if entry.payload is None else entry.payload.get("result")
    if result == "failed" or entry.kind in ("lost", "quarantined"):
        return "STATUS_CODE_ERROR"
    if result in _NOT_DONE or entry.kind.endswith("_refused") or entry.expired:
        return "STATUS_CODE_UNSET"
    return "STATUS_CODE_OK"


def _whose(db: Db, subject: str) -> tuple[str | None, str | None]:
    """Return the policy and the caller's tag of a call or recording, as far as they are still known."""
    found = db.rows(
        "SELECT policy, caller_tag FROM calls WHERE call_id = :subject"
        " UNION ALL SELECT r.policy, c.caller_tag FROM recordings r JOIN calls c USING (call_id)"
        " WHERE recording_id = :subject LIMIT 1",
        {"subject": subject},
    )
    if not found:
        return None, None
    tag = found[0]["caller_tag"]
    return found[0]["policy"], None if tag is None else bytes(tag).hex()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
