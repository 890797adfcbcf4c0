"""What changes from one policy to another, and what that means for recordings already made.

A new version takes effect for new calls. A recording already made keeps the term it was promised;
`consentline policy apply` gives it and the data about its call a shorter one where the new version
has one, and nothing ever gives it a longer one: `policy.terms.due_after_change`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from policy.cited import Citation, sources
from policy.model import Policy
from policy.period import Period
from policy.retention import DataKind, SelectionList

NOTHING: Final = "-"


class ForMade(Enum):
    """What a change means for recordings already made."""

    AS_PROMISED = "as_promised"
    SHORTER = "shorter"
    EARLIER_OF_BOTH = "earlier_of_both"
    TERM_UNTOUCHED = "term_untouched"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One key that differs.

    Attributes:
        key: Its path, such as `retention.recording`.
        before: As a policy file writes it, or `-`.
        after: The same of the new policy.
        source: Where the new value comes from; of a key that went, the old one's.
        for_made: What it means for recordings already made.
        says: The same in one sentence.
    """

    key: str
    before: str
    after: str
    source: str
    for_made: ForMade
    says: str


def policy_diff(old: Policy, new: Policy) -> tuple[Change, ...]:
    """Return every change from one policy to another, terms first."""
    terms = tuple(_terms(old, new))
    return (*terms, *_other_keys(old, new, told={change.key for change in terms}))


def term_of_made(promised: Period | SelectionList, new: Period | SelectionList) -> ForMade:
    """Return which term a recording keeps that was made under another promise: never the longer."""
    before, after = _period(promised), _period(new)
    if before is None:
        return ForMade.TERM_UNTOUCHED
    if after is None or before.at_most(after):
        return ForMade.AS_PROMISED
    return ForMade.SHORTER if after.at_most(before) else ForMade.EARLIER_OF_BOTH


def _terms(old: Policy, new: Policy) -> Iterator[Change]:
    for kind in DataKind:
        before, after = old.retention.term(kind), new.retention.term(kind)
        if before == after:
            continue
        for_made = term_of_made(before, after)
        if kind not in _APPLIED and for_made is not ForMade.TERM_UNTOUCHED:
            for_made = ForMade.AS_PROMISED
        key = f"retention.{kind.value}"
        source = new.retention.source_of(kind.value) or new.retention.source_of("call_data")
        yield Change(
            key=key,
            before=str(before),
            after=str(after),
            source=source or "no source given",
            for_made=for_made,
            says=_of_term(kind, str(before), str(after), for_made),
        )
    if _days(old) != _days(new):
        yield Change(
            key="working_days",
            before=_days(old),
            after=_days(new),
            source=new.working_days.source or "no source given",
            for_made=ForMade.EARLIER_OF_BOTH,
            says="recordings already made keep their end; `policy apply` gives the earlier of both calendars",
        )


def _of_term(kind: DataKind, before: str, after: str, for_made: ForMade) -> str:
    what = "recordings already made" if kind is DataKind.RECORDING else "what is kept already"
    match for_made:
        case ForMade.AS_PROMISED:
            return f"{what}: keep the {before} promised, never longer; {after} is for new calls"
        case ForMade.SHORTER:
            return (
                f"{what}: keep the {before} until `policy apply` gives them the shorter {after},"
                " counted from the same start"
            )
        case ForMade.EARLIER_OF_BOTH:
            return (
                f"{what}: keep the {before} until `policy apply` gives each the earlier of both, never later"
            )
        case ForMade.TERM_UNTOUCHED:
            return f"{what}: nothing, for no period was filled in before"


def _other_keys(old: Policy, new: Policy, *, told: Collection[str]) -> Iterator[Change]:
    before, after = _by_key(old), _by_key(new)
    for key in dict.fromkeys((*before, *after)):
        was, is_ = before.get(key), after.get(key)
        cited = is_ or was
        if cited is None or key in told or (was is not None and is_ is not None and _same(was, is_)):
            continue
        if key in _TERMS and (was is None or is_ is None):
            continue  # written out or left out now, and the term is the same
        for_made, says = _of_key(key, was, is_)
        yield Change(
            key=key,
            before=NOTHING if was is None else was.written,
            after=NOTHING if is_ is None else is_.written,
            source=cited.source,
            for_made=for_made,
            says=says,
        )


_APPLIED: Final = (DataKind.RECORDING, DataKind.CALL_DATA)
"""Which terms `consentline policy apply` shortens for calls already made."""

_TERMS: Final = frozenset(f"retention.{kind.value}" for kind in DataKind)
_LONGER_ENDS: Final = ("extensions.", "holds.", "hardship.")
_HEARD: Final = ("consent.", "notice.", "withdrawn.", "agent_recorded.", "agent_not_recorded.")
_USED: Final = ("purposes.", "access.", "sharing.", "reviews.", "incidents.")


def _same(was: Citation, is_: Citation) -> bool:
    return was.value == is_.value and was.source == is_.source


def _of_key(key: str, was: Citation | None, is_: Citation | None) -> tuple[ForMade, str]:
    """Return what a change of a key that is no term of its own means, and says."""
    if was is not None and is_ is not None and was.value == is_.value:
        return ForMade.TERM_UNTOUCHED, f"only its source changes: {was.source} -> {is_.source}"
    if key.startswith(_LONGER_ENDS):
        return (
            ForMade.AS_PROMISED,
            "recordings already made go by the version that their callers were told; new calls get the new",
        )
    if key.startswith(_HEARD):
        return (
            ForMade.TERM_UNTOUCHED,
            "new calls only; a call already made keeps what its caller heard and chose, and its term",
        )
    if key.startswith(_USED):
        return (
            ForMade.TERM_UNTOUCHED,
            "their term stays; callers of recordings already made were told the old version of this",
        )
    return ForMade.TERM_UNTOUCHED, "recordings already made keep their term"


def _by_key(policy: Policy) -> Mapping[str, Citation]:
    """Return each key once; a numbered extension goes by its name, so that order is no change."""
    keyed = {}
    for citation in sources(policy):
        keyed[_named(citation.key, policy)] = citation
    return {key: one for key, one in keyed.items() if not key.startswith("working_days.")}


def _named(key: str, policy: Policy) -> str:
    first, _, rest = key.partition(".")
    number, _, tail = rest.partition(".")
    if first != "extensions" or not number.isdecimal():
        return key
    return f"extensions.{policy.extensions[int(number)].name}.{tail}"


def _period(term: Period | SelectionList) -> Period | None:
    return term.period if isinstance(term, SelectionList) else term


def _days(policy: Policy) -> str:
    days = policy.working_days
    return (
        f"good_friday_free: {days.good_friday_free}, liberation_day_free: {days.liberation_day_free},"
        f" also_free: {[day.isoformat() for day in days.also_free]}"
    ).lower()
