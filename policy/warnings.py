"""What a policy may say, and a person had better look at: told by `policy check`, and no error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from policy.access import Action
from policy.cited import NO_SOURCE, sources
from policy.model import Policy
from policy.purposes import Ground
from policy.retention import DataKind, SelectionList
from policy.rights import Right
from policy.vocabulary import ConsentMode


def warnings(policy: Policy) -> tuple[str, ...]:
    """Return one line for each doubt about a sound policy: file, key, what and why."""
    return (*_told(policy, _accepted(policy)), *open_warnings(policy))


def open_warnings(policy: Policy) -> tuple[str, ...]:
    """Return those that nobody has answered for: every one but what a named person accepted."""
    found = (
        *_silence_nobody_accepted(policy),
        *_grounds(policy),
        *terms_not_filled_in(policy),
        *_people_not_named(policy),
        *_keys_without_source(policy),
    )
    return tuple(_told(policy, found))


def _told(policy: Policy, found: Iterable[str]) -> Iterator[str]:
    return (f"{policy.name}.toml: {line}" for line in found)


_SILENCE: Final = (
    "consent.mode: silence is no consent in the sense of AVG art. 4(11), and the ground is 6(1)(a)"
)


def _takes_silence_for_consent(policy: Policy) -> bool:
    return policy.consent.mode is not ConsentMode.OPT_IN and Ground.CONSENT in policy.recording_grounds


def _accepted(policy: Policy) -> Iterator[str]:
    consent = policy.consent
    if _takes_silence_for_consent(policy) and consent.accepted_by is not None:
        yield f"{_SILENCE}; accepted by {consent.accepted_by} on {consent.accepted_on}"


def _silence_nobody_accepted(policy: Policy) -> Iterator[str]:
    if _takes_silence_for_consent(policy) and policy.consent.accepted_by is None:
        yield f"{_SILENCE}; accepted_by and accepted_on must say who accepted that, got nobody"


def _grounds(policy: Policy) -> Iterator[str]:
    if not policy.purposes:
        yield "purposes: must say what calls are recorded for and on which ground, got none"
    weighed = policy.balancing
    for name, purpose in policy.purposes.items():
        if purpose.ground is not Ground.LEGITIMATE_INTEREST:
            continue
        if policy.identity.public_body and (weighed is None or weighed.task is None):
            yield (
                f"purposes.{name}.ground: a public body may not rest its tasks on 6(1)(f); "
                "balancing.task must name the task that is not a statutory one, got none"
            )
        elif weighed is None:
            yield f"purposes.{name}.ground: 6(1)(f) asks for a weighing; [balancing] must hold it, got none"
    objects = policy.grounds & {Ground.PUBLIC_TASK, Ground.LEGITIMATE_INTEREST}
    if policy.purposes and Right.OBJECTION in policy.rights.named and not objects:
        yield "rights.named: objection needs ground 6(1)(e) or 6(1)(f); under 6(1)(a) it is a withdrawal"


def terms_not_filled_in(policy: Policy) -> Iterator[str]:
    """Give a line for each kind of data that can be made only once its selection list is filled in (R4)."""
    for kind in DataKind:
        term = policy.retention.term(kind)
        if isinstance(term, SelectionList) and term.period is None:
            yield (
                f"retention.{kind.value}: no period filled in for {term.selection_list}, "
                f'"{term.category}"; nothing of this kind can be made until there is'
            )


def how_to_fill_in(policy: Policy) -> str:
    """Return what a person does about such a term."""
    return f'write beside `category` in {policy.name}.toml: period = "5y", as your selection list says'


def _people_not_named(policy: Policy) -> Iterator[str]:
    identity = policy.identity
    if identity.storage is None:
        yield "identity.storage: must say where recordings lie, got nothing"
    elif identity.storage.declared_by is None:
        yield (
            f'identity.storage.declared_by: region "{identity.storage.region}" is declared by nobody; '
            "must name a person"
        )
    if identity.controller is None:
        yield "identity.controller: must name the controller, got nobody"
    contacts = identity.contacts
    if not (contacts.email or contacts.post or contacts.phone):
        yield "identity.contacts: must hold a way to reach the organisation, got none"
    if contacts.fg is None and identity.public_body:
        yield "identity.contacts.fg: a public body has one (AVG art. 37), got none"
    done = _done_to_agents(policy)
    if done is not None and policy.works_council is None:
        yield (
            f"works_council: agents are {done}, so its agreement must stand here "
            "(WOR art. 27(1)(k) and (l)), got none"
        )
    if policy.access is None:
        yield "access: nobody may hear anything, for there is no [access] table"


def _done_to_agents(policy: Policy) -> str | None:
    """Return what needs the works council's agreement, or None where nothing does."""
    if policy.reviews is not None:
        return "reviewed"
    grants = () if policy.access is None else policy.access.grants.values()
    heard = any({Action.LISTEN, Action.MONITOR} & set(grant.actions) for grant in grants)
    return "listened to" if heard else None


def _keys_without_source(policy: Policy) -> Iterator[str]:
    bare = dict.fromkeys(
        citation.key.split(".")[0] for citation in sources(policy) if citation.source == NO_SOURCE
    )
    if bare:
        yield f"no source for: {', '.join(bare)}; must name an article, or say `assumed: text silent: <why>`"
