"""What `doctor` finds among the people: agents who were not informed, hats that cannot be worn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

from commands.doctor.diagnosis import Check, note, ok, problem
from policy.clock import SystemClock
from policy.errors import ConsentlineError
from policy.model import Policy
from policy.permission import excluding_roles
from policy.situation import PersonId
from store.db import Db
from store.persons import agent_lines, hats, informed
from store.persons.hats import HatRow

INFORMED = "agents informed"
HATS = "hats"
LINES = "agent lines"


def people_checks(database: Path, policies: Iterable[Policy]) -> list[Check]:
    """Return a check of the hats, one of the lines, and one for each policy that promises to tell agents."""
    clock = SystemClock()
    serving = {policy.name: policy for policy in policies}
    try:
        with closing(Db.open_to_read(database, clock=clock)) as db:
            now = clock.now()
            worn = [row for row in hats.all_hats(db) if row.hat.worn_at(now)]
            return [
                _hats(worn, serving.values()),
                _lines(db, worn, serving.values(), now),
                *_informed(db, serving.values(), now),
            ]
    except ConsentlineError as error:
        return [problem("people", error.text, error.hint)]


def _hats(worn: Sequence[HatRow], policies: Iterable[Policy]) -> Check:
    """A policy may have changed since a hat was given."""
    found = [said for policy in policies for said in _impossible(worn, policy)]
    if found:
        return problem(HATS, "; ".join(found), "take one: consentline people take-hat")
    return ok(HATS, f"{len(worn)} worn")


def _impossible(worn: Sequence[HatRow], policy: Policy) -> Iterator[str]:
    if policy.access is None:
        return
    by_person: dict[PersonId, list[HatRow]] = {}
    for row in worn:
        if row.policy == policy.name:
            by_person.setdefault(row.person, []).append(row)
    for person, rows in by_person.items():
        for row in rows:
            if row.hat.role not in policy.access.roles:
                yield f'{person} wears "{row.hat.role}", which {policy.name} does not know'
        rule = excluding_roles([row.hat.role for row in rows], policy.access)
        if rule is not None:
            yield f"{person}: {rule.in_words(policy.identity.organisation)}"


def _lines(db: Db, worn: Sequence[HatRow], policies: Iterable[Policy], now: datetime) -> Check:
    takes_calls = {
        (policy.name, name)
        for policy in policies
        if policy.access is not None
        for name, role in policy.access.roles.items()
        if role.takes_calls
    }
    agents = {row.person for row in worn if (row.policy, row.hat.role) in takes_calls}
    on_a_line = {row.person for row in agent_lines.all_lines(db) if row.lasts_at(now)}
    if odd := sorted(agents - on_a_line):
        advice = "consentline people add-line, or no call is theirs"
        return note(LINES, f"agents on no line now: {', '.join(odd)}", advice)
    if odd := sorted(on_a_line - agents):
        advice = "consentline people give-hat, where a policy lets agents do anything with their own calls"
        return note(LINES, f"on a line and no agent of any policy: {', '.join(odd)}", advice)
    return ok(LINES, f"{len(on_a_line)} people on one")


def _informed(db: Db, policies: Iterable[Policy], now: datetime) -> Iterator[Check]:
    for policy in policies:
        if not policy.staff.told_at:
            continue
        name = f"{INFORMED} {policy.name}"
        missing = informed.not_informed(db, policy, now)
        if missing:
            source = policy.staff.source_of("told_at") or "staff.told_at"
            found = f"no record that they were told ({source}): {', '.join(missing)}"
            yield problem(name, found, f"consentline people informed {missing[0]} --policy {policy.name} ...")
        else:
            yield ok(name, "everybody who takes calls")
