"""Who may decide something about a recording: a named person, under the hat that the policy names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from policy.access import RoleName
from policy.errors import AccessRefused
from policy.model import Policy
from policy.permission import excluding_roles
from policy.situation import Person, PersonId
from policy.vocabulary import CallId
from store.db import Db
from store.persons import people
from store.retention.holds import Ruling


@dataclass(frozen=True, slots=True, kw_only=True)
class Caseworker:
    """Who asks.

    Attributes:
        actor: As the ledger names them, such as `person:an login:an`.
    """

    id: PersonId
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What the policy says about who decides.

    Attributes:
        roles: Of which one is needed.
        says: In words, such as `a hold for "threat" is decided by`.
        source: Its article.
    """

    roles: Sequence[str]
    says: str
    source: str | None


def rule_on(
    db: Db, policy: Policy, by: Caseworker, rule: Rule, call_id: CallId, *, now: datetime, why: str
) -> Ruling:
    """Return the decision of somebody who may take it.

    A role of those who take calls counts only for whoever held this call, and nobody counts who
    wears two hats that exclude each other.

    Raises:
        NotFound: If there is no such person.
        AccessRefused: If they may not, naming the rule.
    """
    person = people.in_policy(db, by.id, policy.name)
    role = worn(policy, person, rule.roles, now, held=by.id in people.agents_of_call(db, call_id))
    if role is None:
        raise AccessRefused(refusal(policy, rule, by.id))
    return Ruling(by=by.id, role=role, actor=by.actor, why=why)


def worn(
    policy: Policy, person: Person, roles: Sequence[str], now: datetime, *, held: bool
) -> RoleName | None:
    """Return the first of these roles that somebody wears now and that counts, or None.

    Args:
        policy: The policy whose roles they are.
        person: With their hats under it.
        roles: Of which one is wanted.
        now: Aware.
        held: Whether they held the call that this is about.
    """
    if policy.access is None:
        return None
    wears = {hat.role for hat in person.hats if hat.worn_at(now)}
    if excluding_roles(wears, policy.access) is not None:
        return None
    for name in roles:
        role = policy.access.roles.get(name)
        if role is not None and name in wears and (held or not role.takes_calls):
            return RoleName(name)
    return None


def refusal(policy: Policy, rule: Rule, person: PersonId) -> str:
    """Return one line that names the rule."""
    access = policy.access
    known = {} if access is None else access.roles
    takers = [name for name in rule.roles if name in known and known[name].takes_calls]
    roles = " or ".join(f"the {role.replace('_', ' ')}" for role in rule.roles) or "nobody"
    held = " who held the call" if takers else ""
    source = f" {rule.source}" if rule.source else ""
    return f"{policy.identity.organisation}{source}: {rule.says} {roles}{held}, and {person} is not"
