"""What a policy says about giving out: to whom, what, by whose decision, and what has to be shown for it.

What it never gives is refused before anything else is looked at, with the sentence that was published (N7,
H6); so is what this role may not. Then: who decides, how much is given, and whether what the policy asks for
is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from casework.at_the_door import Asking, question
from casework.ruling import Rule, refusal, worn
from policy.access import Action
from policy.errors import AccessRefused, ConsentlineError, RefusedByPolicy
from policy.load import Policies
from policy.model import Policy
from policy.permission import Because, Refused
from policy.permission import Rule as DoorRule
from policy.sharing import Content, HandoverField, PoliceWhen, ThirdPartyWhen
from policy.situation import PersonId
from store.access import door
from store.access.door import Question
from store.cases.handovers import RecipientKind
from store.files.archive import Archive
from store.logbook.ledger import Json
from store.persons import people
from store.retention.incidents import IncidentRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What is to be handed over, to whom, and on which ground.

    Attributes:
        incident: Its number; None: then `recording`.
        content: None: what the policy gives.
        second: Whose word is asked for.
    """

    incident: int | None = None
    recording: str | None = None
    recipient: RecipientKind
    content: Content | None = None
    authority: str
    officer: str | None = None
    legal_basis: str | None = None
    report_number: str | None = None
    agreement: str | None = None
    second: PersonId


def contradictions(policy: Policy) -> list[dict[str, Json]]:
    """Return where the text contradicts itself on giving out, for whoever is about to (E8)."""
    return [
        {"says": conflict.says, "but": conflict.but, "obeyed": conflict.obeyed, "source": conflict.source}
        for conflict in policy.conflicts
        if conflict.about.startswith("sharing")
    ]


def entered(
    archive: Archive, policies: Policies, by: Asking, recipient: RecipientKind, at: datetime
) -> Question:
    """Return what is asked, unless the policy refuses it whatever the recording.

    Raises:
        RefusedByPolicy: With article and sentence; it is on the ledger.
    """
    asked = question(archive, policies, by, Action.HAND_OVER)
    refuse_never(archive, asked, at)
    police = asked.policy.sharing.police
    if recipient is RecipientKind.POLICE and police.when is PoliceWhen.NEVER:
        _refuse(archive, asked, _police_rule(asked.policy, "the police are given nothing as such"), at)
    door.enter(archive, asked, at)
    return asked


def refuse_never(archive: Archive, asked: Question, at: datetime) -> None:
    """Refuse at every step where the policy never hands anything over, whoever asks (N7).

    Raises:
        RefusedByPolicy: With article and sentence; it is on the ledger.
    """
    access = asked.policy.access
    for name, denial in {} if access is None else access.denials.items():
        if Action.HAND_OVER in denial.actions and not denial.roles and not denial.purposes:
            rule = DoorRule(name=name, source=denial.source, says=denial.says, quote=denial.quote)
            if asked.policy.sharing.police.when is PoliceWhen.NEVER and asked.policy.sharing.police.denial:
                rule = _police_rule(asked.policy, denial.says)
            _refuse(archive, asked, rule, at)


def _police_rule(policy: Policy, says: str) -> DoorRule:
    police = policy.sharing.police
    quotes = police.denial
    quote = quotes.get(policy.notice.default_language) or next(iter(quotes.values()), None)
    return DoorRule(name="sharing.police", source=police.source or "sharing", says=says, quote=quote)


def _refuse(archive: Archive, asked: Question, rule: DoorRule, at: datetime) -> NoReturn:
    refused = Refused(rule=rule, because=Because.DENIED)
    door.note_refusal(archive, asked, refused, at, known=None)
    raise RefusedByPolicy(
        rule.in_words(asked.policy.identity.organisation),
        hint="a compulsory order is its own thing: consentline order register",
    )


def must_decide(
    archive: Archive, policy: Policy, person: PersonId, recipient: RecipientKind, at: datetime
) -> None:
    """Refuse who does not decide on what such a recipient gets.

    Raises:
        AccessRefused: Naming the rule.
    """
    rule = deciding(policy, recipient)
    if worn(policy, people.in_policy(archive.db, person, policy.name), rule.roles, at, held=False) is None:
        raise AccessRefused(refusal(policy, rule, person))


def deciding(policy: Policy, recipient: RecipientKind) -> Rule:
    """Return who decides on what such a recipient gets."""
    sharing = policy.sharing
    who = sharing.police if recipient is RecipientKind.POLICE else sharing.third_parties
    word = recipient.value.replace("_", " ")
    return Rule(roles=who.decided_by, says=f"what a {word} gets is decided by", source=who.source)


def source_of(policy: Policy, recipient: RecipientKind) -> str:
    """Return the article on what such a recipient gets."""
    return deciding(policy, recipient).source or "sharing"


def content_of(policy: Policy, demand: Demand) -> Content:
    """Return what is given; less than the policy gives can be asked for, and never more (G7).

    Raises:
        AccessRefused: Naming the rule.
    """
    given = policy.sharing.police.content if demand.recipient is RecipientKind.POLICE else Content.AUDIO
    if demand.content is None:
        return given if demand.recipient is RecipientKind.POLICE and given is not None else Content.DATA
    if demand.content is Content.AUDIO and given is Content.DATA:
        source = source_of(policy, demand.recipient)
        raise AccessRefused(
            f"{policy.identity.organisation} {source}: data from the call are given, never the call itself"
        )
    return demand.content


def must_be_complete(policy: Policy, demand: Demand, incident: IncidentRow | None) -> None:
    """Refuse what lacks something that the policy asks for.

    Raises:
        ConsentlineError: With all that is missing.
    """
    missing = list(_missing(policy, demand, incident))
    if missing:
        organisation, source = policy.identity.organisation, source_of(policy, demand.recipient)
        raise ConsentlineError(f"handover: {organisation} {source} asks for {', '.join(missing)}, got none")


def _missing(policy: Policy, demand: Demand, incident: IncidentRow | None) -> Iterator[str]:
    police = demand.recipient is RecipientKind.POLICE
    sharing = policy.sharing.police if police else policy.sharing.third_parties
    fields = set(sharing.fields)
    if police or HandoverField.INCIDENT in fields:
        if incident is None:
            yield "an incident (--incident)"
    elif demand.recording is None and incident is None:
        yield "a recording (--recording) or an incident (--incident)"
    if HandoverField.REPORT_NUMBER in fields and demand.report_number is None:
        yield "the number of the report that was filed, the aangifte (--report-number)"
    if HandoverField.OFFICER in fields and demand.officer is None:
        yield "who receives it (--officer)"
    grounds = []
    when = () if police else policy.sharing.third_parties.when
    if HandoverField.LEGAL_BASIS in fields and (police or ThirdPartyWhen.BY_LAW in when):
        grounds.append(("the law that requires it (--legal-basis)", demand.legal_basis))
    if HandoverField.AGREEMENT in fields and (police or ThirdPartyWhen.EXPLICIT_AGREEMENT in when):
        grounds.append(("the resident's explicit agreement (--agreement)", demand.agreement))
    if grounds and all(given is None for _, given in grounds):
        yield " or ".join(name for name, _ in grounds)
