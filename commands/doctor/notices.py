"""What `doctor` finds about notices: whether those who assess incidents would be told."""

from __future__ import annotations

from collections.abc import Iterable

from casework.incidents import assessing
from casework.notices import settling_roles
from commands.doctor.diagnosis import Check, note, ok, problem
from policy.agent_keys import incident_kinds
from policy.model import Policy
from policy.notify import COUNSEL, FG, Notify
from policy.sharing import PoliceWhen

NOTICES = "notices"


def notice_checks(notify: Notify, policies: Iterable[Policy]) -> list[Check]:
    """Return whether everybody who has to be told something can be."""
    needed = [(policy, role) for policy in policies for role in told(policy)]
    if not notify.is_set:
        found = "nobody is told of incidents that wait to be assessed, nor of compulsory orders"
        return [note(NOTICES, found, "add [notify] to the config file: docs/notifications.md")]
    missing = [
        f"the {role} of {policy.name}"
        for policy, role in needed
        if notify.sendmail is not None and not notify.addresses(policy.name, role)
    ]
    if missing:
        return [problem(NOTICES, f"no address of {', '.join(missing)}", "add it to notify.recipients")]
    return [ok(NOTICES, f"{len(needed)} roles are told")]


def told(policy: Policy) -> tuple[str, ...]:
    """Return whom a policy has told of something: who assesses, hands over, settles; and of orders."""
    roles = [role for kind in incident_kinds(policy) for role in assessing(policy, kind).roles]
    if policy.sharing.police.when is not PoliceWhen.NEVER:
        roles += policy.sharing.police.decided_by
    return tuple(dict.fromkeys((*roles, *settling_roles(policy), FG, COUNSEL)))
