"""Whether calls are reviewed at all under a policy, by whom, and how somebody is told that they are not.

What stands in a published policy is told freely, with its article, and is on the ledger; nothing here
looks at a recording.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NoReturn

from casework.ruling import Caseworker, worn
from policy.access import Access, Action, Calls, Grant, PurposeName, RoleName
from policy.clock import LOCAL_ZONE
from policy.errors import RefusedByPolicy, StateConflict
from policy.model import Policy
from policy.permission import Because, Rule, refused_at_once
from policy.retention import DataKind
from policy.reviews import Reviews, Seen
from policy.situation import Person, PersonId
from store.access import situation
from store.files.archive import Archive
from store.logbook import ledger
from store.logbook.ledger import Json, Kind
from store.persons import people

_COUNCIL: Final = "WOR art. 27(1)(k) and (l)"


def refuse(archive: Archive, policy: Policy, by: Caseworker, action: str, rule: Rule) -> NoReturn:
    """Say no, with the article, and put it on the ledger.

    Raises:
        RefusedByPolicy: Always.
    """
    _note(archive, policy, by, action, rule)
    raise RefusedByPolicy(rule.in_words(policy.identity.organisation))


def out_of_order(  # noqa: PLR0917 - in the order in which it is said
    archive: Archive, policy: Policy, by: Caseworker, action: str, rule: Rule, hint: str | None = None
) -> NoReturn:
    """Say that something else has to come first, with the article, and put it on the ledger.

    Raises:
        StateConflict: Always.
    """
    _note(archive, policy, by, action, rule)
    raise StateConflict(rule.in_words(policy.identity.organisation), hint=hint)


def reviews_of(archive: Archive, policy: Policy, by: Caseworker, action: str) -> Reviews:
    """Return how calls are reviewed under a policy.

    Raises:
        RefusedByPolicy: If they are not.
    """
    if policy.reviews is not None:
        return policy.reviews
    recorded = [one for one in policy.purposes.values() if DataKind.RECORDING in one.about]
    source = next((one.source for one in recorded if one.source), "access")
    names = " and ".join(name for name, one in policy.purposes.items() if DataKind.RECORDING in one.about)
    says = f"calls are recorded for {names}, and are not reviewed"
    refuse(archive, policy, by, action, Rule(name="reviews", source=source, says=says))


def agreed_reviews_of(archive: Archive, policy: Policy, by: Caseworker, action: str) -> Reviews:
    """Return how calls are reviewed, where the works council agreed to it.

    Raises:
        RefusedByPolicy: If they are not reviewed, or it did not (yet).
    """
    reviews = reviews_of(archive, policy, by, action)
    council = policy.works_council
    if council is not None and council.date <= archive.clock.now().astimezone(LOCAL_ZONE).date():
        return reviews
    says = (
        "agents are reviewed only once the works council agreed;"
        f" works_council in {policy.name}.toml must hold its date and reference, got "
        + ("none" if council is None else f"{council.date}, which is still to come")
    )
    refuse(archive, policy, by, action, Rule(name="works_council", source=_COUNCIL, says=says))


def source_of(reviews: Reviews) -> str:
    """Return the article on which reviews stand."""
    return reviews.source or "reviews"


def drawn_for(access: Access, purpose: PurposeName) -> Iterator[Grant]:
    """Give the grants that open drawn calls for a purpose to be heard."""
    for grant in access.grants.values():
        if Calls.SAMPLED in grant.calls and Action.LISTEN in grant.actions and purpose in grant.purposes:
            yield grant


def drawing_role(
    archive: Archive, policy: Policy, by: Caseworker, purpose: PurposeName, action: str
) -> RoleName:
    """Return the hat under which somebody hears drawn calls for a purpose.

    Raises:
        RefusedByPolicy: If they do not, or nothing is drawn for that.
    """
    access, reviews = policy.access, reviews_of(archive, policy, by, action)
    grants = [] if access is None else list(drawn_for(access, purpose))
    roles = list(dict.fromkeys(role for grant in grants for role in grant.roles))
    role = worn(
        policy, people.in_policy(archive.db, by.id, policy.name), roles, archive.clock.now(), held=False
    )
    if role is not None:
        return role
    if not roles:
        says = f"no calls are drawn for {purpose}"
    else:
        says = f"calls are drawn for {purpose} by {spoken(roles)}, and {by.id} is not"
    refuse(archive, policy, by, action, Rule(name="reviews", source=source_of(reviews), says=says))


def scoring_role(archive: Archive, policy: Policy, by: Caseworker, action: str) -> RoleName:
    """Return the hat under which somebody scores.

    Raises:
        RefusedByPolicy: If they do not.
    """
    reviews = reviews_of(archive, policy, by, action)
    person = people.in_policy(archive.db, by.id, policy.name)
    role = worn(policy, person, reviews.scored_by, archive.clock.now(), held=False)
    if role is not None:
        return role
    says = f"agents are reviewed by {spoken(reviews.scored_by)}, and {by.id} is not"
    rule = Rule(name="reviews", source=source_of(reviews), says=says)
    refuse(archive, policy, by, action, _denial(archive, policy, person) or rule)


def seen_by(archive: Archive, policy: Policy, by: Caseworker, *, own: bool) -> tuple[Seen, RoleName] | None:
    """Return how much of a review somebody sees and under which hat, or None: nothing.

    Args:
        archive: Where the people are.
        policy: Whose review.
        by: Who asks.
        own: Whether it is about their own call.
    """
    reviews = policy.reviews
    if reviews is None:
        return None
    person, now = people.in_policy(archive.db, by.id, policy.name), archive.clock.now()
    found = [
        (viewer.sees, role)
        for viewer in reviews.viewers
        if (role := worn(policy, person, (viewer.role,), now, held=own)) is not None
    ]
    return min(found, key=lambda one: one[0] is Seen.NOTE, default=None)


def refuse_scores(archive: Archive, policy: Policy, by: Caseworker, action: str) -> NoReturn:
    """Say who sees scores, to somebody who does not: to a manager with the sentence about managers (N6).

    Raises:
        RefusedByPolicy: Always.
    """
    reviews = reviews_of(archive, policy, by, action)
    person = people.in_policy(archive.db, by.id, policy.name)
    now = archive.clock.now()
    for viewer in reviews.viewers:
        if viewer.sees is Seen.NOTE and worn(policy, person, (viewer.role,), now, held=True) is not None:
            says = f"{spoken([viewer.role])} sees the coach's note only, never scores, calls or recordings"
            rule = Rule(name="reviews.viewers", source=viewer.source or source_of(reviews), says=says)
            refuse(archive, policy, by, action, rule)
    roles = [viewer.role for viewer in reviews.viewers if viewer.sees is Seen.SCORES]
    says = f"scores are shown to {spoken(roles)}, and {by.id} is none of them"
    rule = Rule(name="reviews.viewers", source=source_of(reviews), says=says)
    refuse(archive, policy, by, action, _denial(archive, policy, person) or rule)


def agents_of(archive: Archive, policy: Policy) -> dict[PersonId, Person]:
    """Return everybody who takes calls under a policy now."""
    if policy.access is None:
        return {}
    takers = {name for name, role in policy.access.roles.items() if role.takes_calls}
    now = archive.clock.now()
    return {
        id_: person
        for id_, person in situation.staff_of(archive.db, policy.name).items()
        if any(hat.role in takers and hat.worn_at(now) for hat in person.hats)
    }


def spoken(roles: Sequence[str]) -> str:
    """Return roles in a sentence."""
    return " or ".join(f"the {role.replace('_', ' ')}" for role in roles) or "nobody"


def _denial(archive: Archive, policy: Policy, person: Person) -> Rule | None:
    """Return the rule that shuts somebody out of listening to drawn calls, in the policy's own words."""
    access = policy.access
    if access is None:
        return None
    purposes = (
        purpose
        for grant in access.grants.values()
        if Calls.SAMPLED in grant.calls
        for purpose in grant.purposes
    )
    for purpose in purposes:
        refused = refused_at_once(person, Action.LISTEN, PurposeName(purpose), archive.clock.now(), access)
        if refused is not None and refused.because in (Because.DENIED, Because.EXCLUDED):
            return refused.rule
    return None


def _note(archive: Archive, policy: Policy, by: Caseworker, action: str, rule: Rule) -> None:
    told: dict[str, Json] = {
        "action": action,
        "person": by.id,
        "policy": policy.name,
        "policy_hash": policy.content_hash,
        "result": "refused",
        "rule": rule.name,
        "article": rule.source,
    }
    with archive.db.write() as tx:
        ledger.append(tx, Kind.ACCESS_REFUSED, archive.clock.now(), actor=by.actor, subject="", payload=told)
