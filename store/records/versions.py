"""The very policy and the very words behind a call, kept as long as its data (X8)."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from policy import toml_file
from policy.clock import to_ms
from policy.errors import NotFound
from policy.evidence import Prompt
from policy.load import Policies
from policy.model import Policy
from policy.vocabulary import CallId, PolicyName
from store.db import Db, Tx


def remember_policy(tx: Tx, policy: Policy, policies: Policies, at: datetime) -> None:
    """Keep the text of a policy version; again is harmless."""
    tx.execute(
        "INSERT INTO policy_versions (content_hash, name, text, first_used_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        (policy.content_hash, policy.name, policies.texts[policy.content_hash], to_ms(at)),
    )


def remember_notice(tx: Tx, policy: Policy, prompt: Prompt, at: datetime) -> None:
    """Keep the words behind a prompt, where the policy still says them; again is harmless."""
    if prompt.language not in policy.notice.text:
        return
    if policy.text_hash("notice", prompt.language) == prompt.text_hash:
        tx.execute(
            "INSERT INTO notice_versions (text_hash, words, language, first_used_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (prompt.text_hash, policy.spoken("notice", prompt.language), prompt.language, to_ms(at)),
        )


def knows_policy(tx: Tx, content_hash: str) -> bool:
    """Return whether the text of that policy version is kept."""
    found = tx.execute("SELECT 1 FROM policy_versions WHERE content_hash = ?", (content_hash,))
    return found.fetchone() is not None


def knows_notice(tx: Tx, text_hash: str) -> bool:
    """Return whether those words are kept."""
    return (
        tx.execute("SELECT 1 FROM notice_versions WHERE text_hash = ?", (text_hash,)).fetchone() is not None
    )


def policy_text(db: Db, content_hash: str) -> bytes | None:
    """Return the bytes of a policy file as they were in force, or None."""
    found = db.rows("SELECT text FROM policy_versions WHERE content_hash = ?", (content_hash,))
    return bytes(found[0]["text"]) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a policy, as it was in force.

    Attributes:
        text: The bytes of its file.
    """

    name: PolicyName
    content_hash: str
    text: bytes


def version(db: Db, content_hash: str) -> Version | None:
    """Return one version, or None when it is not kept (any more)."""
    found = db.rows(
        "SELECT name, content_hash, text FROM policy_versions WHERE content_hash = ?", (content_hash,)
    )
    return _version(found)


@lru_cache(maxsize=64)
def as_policy(version: Version) -> Policy:
    """Return the policy that the kept text of a version is; read once, for a version never changes.

    Raises:
        ConfigError: If this version of the program cannot read it.
    """
    path = Path(f"{version.name}.toml")
    stated = {"name": version.name, "content_hash": hashlib.sha256(version.text).hexdigest()}
    return toml_file.build(path, Policy, toml_file.parse(path, version.text) | stated)


def promised_to(db: Db, content_hash: str) -> Policy:
    """Return the policy under which a recording was made.

    Raises:
        NotFound: If its text is not kept.
        ConfigError: If this version of the program cannot read it.
    """
    kept = version(db, content_hash)
    if kept is None:
        raise NotFound(f"policy version {content_hash[:12]}: its text is not kept any more")
    return as_policy(kept)


def of_recordings(db: Db, call_id: CallId) -> tuple[str, ...]:
    """Return the versions that the recordings of a call were made under, by their hashes."""
    found = db.rows("SELECT DISTINCT policy_hash FROM recordings WHERE call_id = ?", (call_id,))
    return tuple(row["policy_hash"] for row in found)


def newest_hash(db: Db) -> str | None:
    """Return the version that was first used last, or None where none is kept."""
    found = db.rows("SELECT content_hash FROM policy_versions ORDER BY first_used_at DESC LIMIT 1")
    return found[0]["content_hash"] if found else None


def all_versions(db: Db) -> tuple[Version, ...]:
    """Return every version that is kept."""
    found = db.rows("SELECT name, content_hash, text FROM policy_versions ORDER BY first_used_at")
    return tuple(
        Version(name=row["name"], content_hash=row["content_hash"], text=bytes(row["text"])) for row in found
    )


def of_call(db: Db, call_id: CallId) -> Version | None:
    """Return the version that a call was opened under, or None when no policy served it."""
    found = db.rows(
        "SELECT v.name, v.content_hash, v.text FROM calls c"
        " JOIN policy_versions v ON v.content_hash = c.policy_hash WHERE c.call_id = ?",
        (call_id,),
    )
    return _version(found)


def in_force(db: Db, name: str, before: datetime) -> Version | None:
    """Return the version under which the last call before a moment was opened or decided, or None.

    A version that no call ever met was in force for nobody.
    """
    found = db.rows(
        "SELECT v.name, v.content_hash, v.text FROM policy_versions v JOIN ("
        " SELECT policy_hash, started_at AS used_at FROM calls"
        " UNION ALL SELECT policy_hash, decided_at FROM decisions"
        ") ON policy_hash = v.content_hash"
        " WHERE v.name = ? AND used_at < ? ORDER BY used_at DESC, v.first_used_at DESC LIMIT 1",
        (name, to_ms(before)),
    )
    return _version(found)


def _version(found: Sequence[sqlite3.Row]) -> Version | None:
    if not found:
        return None
    (row,) = found
    return Version(name=row["name"], content_hash=row["content_hash"], text=bytes(row["text"]))
