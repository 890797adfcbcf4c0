"""Reading keys of roles, the paths that recordings are sealed to, and who holds which key.

Only public halves are in here, and grants: a role's private half sealed to the public half of
a person who holds it. Sealing needs the public halves alone, never a holder.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from policy.access import RoleName
from policy.clock import from_ms, maybe_from_ms, to_ms
from policy.errors import NotFound, StateConflict
from policy.key_groups import KeyPath, audio_paths, number_paths, roles_of
from policy.model import Policy
from policy.situation import PersonId
from policy.vocabulary import PolicyName
from store.db import Db, Tx
from store.keyring.shares import Purpose
from store.keys import KeyId, PublicHalf
from store.logbook import ledger
from store.logbook.ledger import Json, Kind
from store.persons import people


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingKey:
    """A role's key, by which its people open what the policy lets them hear.

    Attributes:
        retired_at: Since when nothing is sealed to it any more, or None.
    """

    policy: PolicyName
    role: RoleName
    public: PublicHalf
    created_at: datetime
    retired_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A role's private half, sealed to the public half of one person who holds it.

    Attributes:
        is_custodian: Whether they hold it only until somebody who wears the role does.
    """

    key_id: KeyId
    policy: PolicyName
    role: RoleName
    person: PersonId
    sealed: bytes = field(repr=False)
    is_custodian: bool
    granted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedTo:
    """What a policy's recordings, or its callers' numbers, are sealed to.

    Attributes:
        paths: Each of them opens; never empty.
        keys: The public half of every role on them.
    """

    paths: tuple[KeyPath, ...]
    keys: Mapping[RoleName, PublicHalf]


def roles_with_keys(policy: Policy) -> tuple[RoleName, ...]:
    """Return the roles of a policy that need a reading key, in alphabetical order.

    Raises:
        StateConflict: If no grant lets anybody hear a recording.
    """
    paths = audio_paths(policy.access, policy.sharing)
    if not paths:
        raise StateConflict(
            f"policy {policy.name}: must let somebody hear a recording, or nothing may be recorded; "
            "got no grant of listen, export or erase",
            hint=f"give {policy.name}.toml an [access] table, see docs/policies.md",
        )
    return tuple(sorted({role for path in paths for role in roles_of(path)}))


def add_reading_key(
    tx: Tx, policy: PolicyName, role: RoleName, public: PublicHalf, *, at: datetime, actor: str
) -> KeyId:
    """Make a key the one of this role; again is harmless.

    Raises:
        StateConflict: If the role has another one in use.
    """
    in_use = key_in_use(tx, policy, role)
    if in_use == public.key_id:
        return public.key_id
    if in_use is not None:
        raise StateConflict(f"policy {policy}, role {role}: has reading key {in_use[:16]} in use already")
    tx.execute(
        "INSERT INTO reading_keys (key_id, policy, role, public_half, created_at) VALUES (?, ?, ?, ?, ?)",
        (public.key_id, policy, role, public.data, to_ms(at)),
    )
    told = {"policy": policy, "role": role, "key": public.key_id}
    ledger.append(tx, Kind.KEY_ADDED, at, actor=actor, subject="", payload=told)
    return public.key_id


def key_in_use(tx: Tx, policy: PolicyName, role: RoleName) -> KeyId | None:
    """Return the id of the key that this role's shares are sealed to now, or None."""
    row = tx.execute(
        "SELECT key_id FROM reading_keys WHERE policy = ? AND role = ? AND retired_at IS NULL", (policy, role)
    ).fetchone()
    return None if row is None else KeyId(row["key_id"])


def missing_roles(db: Db, policy: Policy) -> tuple[RoleName, ...]:
    """Return the roles of a policy that need a reading key and have none.

    Raises:
        StateConflict: If no grant lets anybody hear a recording.
    """
    known = {key.role for key in reading_keys(db, policy.name)}
    return tuple(role for role in roles_with_keys(policy) if role not in known)


def seal_by(tx: Tx, policy: Policy, *, at: datetime, actor: str) -> bool:
    """Have everything of this policy sealed to the paths that its file says from now on.

    What was sealed before keeps its paths: what its caller was told. `may()` judges either.

    Returns:
        Whether that is a change, which is then on the ledger.

    Raises:
        NotFound: If a role on a path has no reading key.
        StateConflict: If there is no path.
    """
    for role in roles_with_keys(policy):
        if key_in_use(tx, policy.name, role) is None:
            raise _no_key(policy.name, role)
    wanted = {
        Purpose.RECORDING.value: audio_paths(policy.access, policy.sharing),
        Purpose.CALLER_NUMBER.value: number_paths(policy.access, policy.sharing),
    }
    rows = {(purpose, path) for purpose, paths in wanted.items() for path in paths}
    found = tx.execute("SELECT purpose, path FROM key_paths WHERE policy = ?", (policy.name,)).fetchall()
    if rows == {(row["purpose"], row["path"]) for row in found}:
        return False
    tx.execute("DELETE FROM key_paths WHERE policy = ?", (policy.name,))
    tx.executemany(
        "INSERT INTO key_paths (policy, purpose, path) VALUES (?, ?, ?)",
        [(policy.name, purpose, path) for purpose, path in sorted(rows)],
    )
    told = {"policy": policy.name, "version": policy.content_hash, **wanted}
    ledger.append(tx, Kind.KEY_PATHS_SET, at, actor=actor, subject="", payload=told)
    return True


def sealed_to(db: Db, policy: PolicyName, purpose: Purpose) -> SealedTo | None:
    """Return what this policy's recordings or callers' numbers are sealed to; None: to nobody.

    Raises:
        NotFound: If a role on a path has no reading key.
        PublicHalfUnusable: If a row was damaged.
    """
    found = db.rows(
        "SELECT path FROM key_paths WHERE policy = ? AND purpose = ? ORDER BY path", (policy, purpose.value)
    )
    if not found:
        return None
    paths = tuple(KeyPath(row["path"]) for row in found)
    keys = {key.role: key.public for key in reading_keys(db, policy)}
    for role in sorted({role for path in paths for role in roles_of(path)}):
        if role not in keys:
            raise _no_key(policy, role)
    return SealedTo(paths=paths, keys=keys)


def reading_keys(
    db: Db, policy: PolicyName | None = None, *, retired: bool = False
) -> tuple[ReadingKey, ...]:
    """Return the keys in use, or those that were retired and somebody still holds, by policy and role.

    Raises:
        PublicHalfUnusable: If a row was damaged.
    """
    found = db.rows(
        "SELECT * FROM reading_keys WHERE (:policy IS NULL OR policy = :policy)"
        " AND CASE WHEN :retired THEN retired_at IS NOT NULL AND key_id IN (SELECT key_id FROM key_grants)"
        " ELSE retired_at IS NULL END ORDER BY policy, role, created_at",
        {"policy": policy, "retired": int(retired)},
    )
    return tuple(_key(row) for row in found)


def reading_key(db: Db, policy: PolicyName, role: RoleName) -> ReadingKey:
    """Return the key in use of a role.

    Raises:
        NotFound: If it has none.
        PublicHalfUnusable: If the row was damaged.
    """
    for key in reading_keys(db, policy):
        if key.role == role:
            return key
    raise _no_key(policy, role)


def grant(
    tx: Tx,
    key_id: KeyId,
    person: PersonId,
    sealed: bytes,
    *,
    is_custodian: bool = False,
    at: datetime,
    actor: str,
) -> None:
    """Add a holder of a role's key.

    Args:
        tx: The transaction.
        key_id: The role's reading key.
        person: Who has a key of their own.
        sealed: The role's private half for them, see `store.keys.grant_info`.
        is_custodian: Whether they keep it only until somebody who wears the role holds it.
        at: Now.
        actor: Who grants it.

    Raises:
        StateConflict: If they hold it already.
    """
    held = tx.execute(
        "SELECT is_custodian FROM key_grants WHERE key_id = ? AND person = ?", (key_id, person)
    ).fetchone()
    if held is not None and (is_custodian or not held["is_custodian"]):
        raise StateConflict(f"person {person}: holds this key already")
    tx.execute(
        "INSERT OR REPLACE INTO key_grants (key_id, person, sealed, is_custodian, granted_at)"
        " VALUES (?, ?, ?, ?, ?)",
        (key_id, person, sealed, int(is_custodian), to_ms(at)),
    )
    told: dict[str, Json] = {"key": key_id, "custodian": is_custodian}
    ledger.append(tx, Kind.KEY_GRANTED, at, actor=actor, subject=people.subject_of(person), payload=told)


def remove_grants(
    tx: Tx, keys: Collection[KeyId], persons: Collection[PersonId], *, because: str, at: datetime, actor: str
) -> int:
    """Take role keys from people; who does not hold one is passed over.

    The bytes are gone from the files only after `Db.forget_deleted`. What that does not undo:
    see `person_keys.forget`.

    Returns:
        How many grants went.
    """
    gone = 0
    for key_id in keys:
        for person in persons:
            deleted = tx.execute(
                "DELETE FROM key_grants WHERE key_id = ? AND person = ?", (key_id, person)
            ).rowcount
            if deleted:
                told = {"key": key_id, "because": because}
                ledger.append(
                    tx, Kind.GRANT_REMOVED, at, actor=actor, subject=people.subject_of(person), payload=told
                )
            gone += deleted
    return gone


def end_custody(
    tx: Tx, key_id: KeyId, wears_the_role: Callable[[PersonId], bool], *, at: datetime, actor: str
) -> tuple[PersonId, ...]:
    """Take a role's key from its custodians once somebody who wears the role holds it.

    A custodian who wears the role themselves keeps it and is an ordinary holder from then on.

    Returns:
        From whom it was taken.
    """
    found = tx.execute("SELECT person, is_custodian FROM key_grants WHERE key_id = ?", (key_id,)).fetchall()
    custodians = [PersonId(row["person"]) for row in found if row["is_custodian"]]
    ordinary = [person for person in custodians if wears_the_role(person)]
    for person in ordinary:
        tx.execute("UPDATE key_grants SET is_custodian = 0 WHERE key_id = ? AND person = ?", (key_id, person))
    if len(custodians) - len(ordinary) == len(found):
        return ()
    leaving = tuple(person for person in custodians if person not in ordinary)
    remove_grants(tx, [key_id], leaving, because="custody is over", at=at, actor=actor)
    return leaving


def held_alone(tx: Tx, person: PersonId) -> tuple[tuple[PolicyName, RoleName], ...]:
    """Return the roles whose key in use this person holds and nobody else does."""
    found = tx.execute(
        "SELECT k.policy, k.role FROM reading_keys k WHERE k.retired_at IS NULL"
        " AND (SELECT group_concat(person) FROM key_grants g WHERE g.key_id = k.key_id) = ?"
        " ORDER BY k.policy, k.role",
        (person,),
    ).fetchall()
    return tuple((PolicyName(row["policy"]), RoleName(row["role"])) for row in found)


def held_by(db: Db, person: str) -> tuple[Grant, ...]:
    """Return every role key that somebody holds, retired ones included, by policy and role."""
    return _grants(db, person=person)


def holders(db: Db, key_id: KeyId) -> tuple[Grant, ...]:
    """Return everybody who holds a role's key, by person."""
    return _grants(db, key_id=key_id)


def _grants(db: Db, *, person: str | None = None, key_id: KeyId | None = None) -> tuple[Grant, ...]:
    found = db.rows(
        "SELECT g.*, k.policy, k.role FROM key_grants g JOIN reading_keys k USING (key_id)"
        " WHERE (g.person = :person OR g.key_id = :key_id)"
        " ORDER BY k.policy, k.role, k.created_at, g.person",
        {"person": person, "key_id": key_id},
    )
    return tuple(
        Grant(
            key_id=KeyId(row["key_id"]),
            policy=PolicyName(row["policy"]),
            role=RoleName(row["role"]),
            person=PersonId(row["person"]),
            sealed=row["sealed"],
            is_custodian=bool(row["is_custodian"]),
            granted_at=from_ms(row["granted_at"]),
        )
        for row in found
    )


def _key(row: sqlite3.Row) -> ReadingKey:
    return ReadingKey(
        policy=PolicyName(row["policy"]),
        role=RoleName(row["role"]),
        public=PublicHalf(data=row["public_half"]),
        created_at=from_ms(row["created_at"]),
        retired_at=maybe_from_ms(row["retired_at"]),
    )


def _no_key(policy: PolicyName, role: RoleName) -> NotFound:
    return NotFound(
        f"policy {policy}, role {role}: has no reading key to seal to",
        hint=f"stop the daemon and make it with: consentline init --policy {policy}",
    )
