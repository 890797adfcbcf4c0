"""The very policy and the very words behind a call, kept as long as its data (X8)."""

from __future__ import annotations

from datetime import datetime

from policy.clock import to_ms
from policy.evidence import Prompt
from policy.load import Policies
from policy.model import Policy
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
