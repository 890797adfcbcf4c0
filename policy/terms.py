"""Until when one recording stays: its term, an extension, holds. Pure, over values.

The promise comes first. An extension lengthens it once, decided before the first end; a hold
keeps a recording only while it lasts, and when it is released the recording falls back to the
end it had. No later decision moves a promise backwards in time or a hold beyond its own end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from policy.errors import NotFound, StateConflict
from policy.model import Policy
from policy.retention import CountsFrom, DataKind, Extension, SelectionList
from policy.rules import due_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A reason to keep one recording, for a while.

    Attributes:
        reason: One that the policy knows.
        placed_at: When it was decided.
        until: Its end; never later than the policy's longest.
        released_at: When it was taken away before that, or None.
    """

    reason: str
    placed_at: datetime
    until: datetime
    released_at: datetime | None = None

    @property
    def ends_at(self) -> datetime:
        """Its end, or when it was released if that was earlier."""
        return self.until if self.released_at is None else min(self.until, self.released_at)


def data_due_at(policy: Policy, kind: DataKind, begins_at: datetime) -> datetime:
    """Return when data of a kind have to be gone.

    Args:
        policy: The policy that was in force then.
        kind: What they are.
        begins_at: Start of the call for recordings and evidence, else when the matter was closed.

    Raises:
        StateConflict: If a selection list decides and the organisation has filled in no period.
    """
    term = policy.retention.term(kind)
    if isinstance(term, SelectionList) and term.period is None:
        raise StateConflict(
            f"{policy.name}.toml: retention.{kind.value}: must have a period before use, got none",
            hint=f'fill in what {term.selection_list} says for "{term.category}"',
        )
    return term.after(begins_at, policy.working_days)


def extension_named(policy: Policy, name: str) -> Extension:
    """Return the extension of that name.

    Raises:
        NotFound: If the policy has none such.
    """
    for extension in policy.extensions:
        if extension.name == name:
            return extension
    known = ", ".join(extension.name for extension in policy.extensions) or "none"
    raise NotFound(f'{policy.name}: no extension "{name}", expected one of: {known}')


def extended_until(
    policy: Policy, extension: Extension, *, first_end: datetime, decided_at: datetime
) -> datetime:
    """Return the end of a recording whose term is extended, once (G4).

    Args:
        policy: The policy of the recording.
        extension: One of its extensions.
        first_end: Of the term that the recording was promised.
        decided_at: Now.

    Raises:
        StateConflict: If it was decided after the first term was over.
    """
    if decided_at >= first_end:
        raise StateConflict(
            f'{policy.name}: extension "{extension.name}" must be decided before {first_end:%Y-%m-%d %H:%M}Z'
        )
    begins_at = first_end if extension.counts_from is CountsFrom.END_OF_TERM else decided_at
    return max(first_end, extension.lasts.after(begins_at, policy.working_days))


def place_hold(
    policy: Policy,
    reason: str,
    *,
    placed_at: datetime,
    until: datetime | None = None,
    earlier: Iterable[Hold] = (),
) -> Hold:
    """Return a hold that the policy allows.

    Args:
        policy: The policy of the recording.
        reason: One of `policy.hold_reasons`.
        placed_at: Now.
        until: Its end; left out: as late as the policy allows.
        earlier: Every hold ever placed on the recording.

    Raises:
        NotFound: If the policy knows no such reason.
        StateConflict: If it would end before it began, or later than the policy allows, or
            renews what the policy does not renew.
    """
    known = policy.hold_reasons.get(reason)
    if known is None:
        names = ", ".join(policy.hold_reasons)
        raise NotFound(f'{policy.name}: no hold reason "{reason}", expected one of: {names}')
    if not known.renewable and any(hold.reason == reason for hold in earlier):
        raise StateConflict(f'{policy.name}: a hold for "{reason}" is placed once on a recording, not anew')
    latest = known.longest.after(placed_at, policy.working_days)
    end = latest if until is None else until
    if not placed_at < end <= latest:
        raise StateConflict(
            f'{policy.name}: a hold for "{reason}" must end after it was placed and by '
            f"{latest:%Y-%m-%d %H:%M}Z, got {end:%Y-%m-%d %H:%M}Z"
        )
    return Hold(reason=reason, placed_at=placed_at, until=end)


def deviates_from_the_text(policy: Policy, reason: str) -> bool:
    """Return whether a hold is one by law where the text promises a fixed end: shown as a deviation."""
    return policy.retention.fixed_end and reason not in policy.holds.reasons


def kept_until(end: datetime, holds: Iterable[Hold]) -> datetime:
    """Return when a recording goes if nothing more is decided.

    Args:
        end: Of its term or extension.
        holds: All that were ever placed on it; one that was placed when it was gone has no effect.
    """
    for hold in sorted(holds, key=lambda hold: hold.placed_at):
        if hold.placed_at < end:
            end = max(end, hold.ends_at)
    return end


def due_after_change(promised: datetime, policy: Policy, started_at: datetime) -> datetime:
    """Return the end of a recording after its policy changed: what was promised, or sooner."""
    return min(promised, due_at(policy, started_at))
