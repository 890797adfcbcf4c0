"""Reading keys and the slots that guard them, as rows. Only public halves are in here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from policy.clock import from_ms, to_ms
from policy.errors import NotFound, StateConflict
from policy.vocabulary import PolicyName
from store import ledger
from store.db import Db, Tx
from store.keys import KeyId, PublicHalf, Slot


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingKey:
    """A reading key that recordings are sealed to.

    Attributes:
        policy: Whose recordings.
        public: The public half.
        created_at: When it came.
    """

    policy: PolicyName
    public: PublicHalf
    created_at: datetime


def add_reading_key(tx: Tx, policy: PolicyName, public: PublicHalf, *, at: datetime, actor: str) -> KeyId:
    """Make a key the one that this policy's recordings are sealed to; again is harmless.

    Raises:
        StateConflict: If the policy has another one in use.
    """
    in_use = tx.execute(
        "SELECT key_id FROM reading_keys WHERE policy = ? AND retired_at IS NULL", (policy,)
    ).fetchone()
    if in_use is not None and in_use["key_id"] == public.key_id:
        return public.key_id
    if in_use is not None:
        raise StateConflict(f"policy {policy}: has reading key {in_use['key_id'][:16]} in use already")
    tx.execute(
        "INSERT INTO reading_keys (key_id, policy, public_half, created_at) VALUES (?, ?, ?, ?)",
        (public.key_id, policy, public.data, to_ms(at)),
    )
    ledger.append(
        tx,
        ledger.Kind.KEY_ADDED,
        at,
        actor=actor,
        subject="",
        payload={"policy": policy, "key": public.key_id},
    )
    return public.key_id


def reading_key(db: Db, policy: PolicyName) -> ReadingKey:
    """Return the key to which this policy's recordings are sealed.

    Raises:
        NotFound: If it has none; then nothing can be sealed.
        PublicHalfUnusable: If the row was damaged.
    """
    found = db.rows("SELECT * FROM reading_keys WHERE policy = ? AND retired_at IS NULL", (policy,))
    if not found:
        raise NotFound(
            f"policy {policy}: has no reading key to seal to",
            hint=f"make one with: consentline init --policy {policy}",
        )
    row = found[0]
    return ReadingKey(
        policy=PolicyName(row["policy"]),
        public=PublicHalf(data=row["public_half"]),
        created_at=from_ms(row["created_at"]),
    )


def reading_keys(db: Db) -> tuple[ReadingKey, ...]:
    """Return every key in use, by policy."""
    names = db.rows("SELECT policy FROM reading_keys WHERE retired_at IS NULL ORDER BY policy")
    return tuple(reading_key(db, PolicyName(row["policy"])) for row in names)


def put_slot(tx: Tx, slot: Slot, *, at: datetime, actor: str) -> None:
    """Add a person's slot or replace it, as a new passphrase does."""
    tx.execute(
        "INSERT INTO key_slots (key_id, person, salt, n, r, p, wrapped, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (key_id, person) DO UPDATE SET salt = excluded.salt, n = excluded.n,"
        " r = excluded.r, p = excluded.p, wrapped = excluded.wrapped",
        (slot.key_id, slot.person, slot.salt, slot.n, slot.r, slot.p, slot.wrapped, to_ms(at)),
    )
    ledger.append(
        tx,
        ledger.Kind.SLOT_ADDED,
        at,
        actor=actor,
        subject="",
        payload={"person": slot.person, "key": slot.key_id},
    )


def slot(db: Db, key_id: KeyId, person: str) -> Slot:
    """Return a person's slot of a reading key.

    Raises:
        NotFound: If the person has none.
        SlotDamaged: If the row was damaged.
    """
    for known in slots(db, key_id):
        if known.person == person:
            return known
    raise NotFound(f"{person[:60]!r} has no slot of reading key {key_id[:16]}")


def slots(db: Db, key_id: KeyId) -> tuple[Slot, ...]:
    """Return every slot of a reading key, by person.

    Raises:
        SlotDamaged: If a row was damaged.
    """
    found = db.rows("SELECT * FROM key_slots WHERE key_id = ? ORDER BY person", (key_id,))
    return tuple(
        Slot(
            person=row["person"],
            key_id=KeyId(row["key_id"]),
            salt=row["salt"],
            n=row["n"],
            r=row["r"],
            p=row["p"],
            wrapped=row["wrapped"],
        )
        for row in found
    )
