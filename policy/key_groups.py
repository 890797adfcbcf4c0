"""Whose keys open a recording: an OR of ANDs of roles, read from a policy's grants alone.

A path is one AND: the role that acts and every role that has to be there with it (G8). Any
whole path opens a recording, and no part of one does. Where a role hears only through another
(N5), the other's key opens. A role that never needs the audio (it finds, fetches, registers,
approves, asks) is on no path and gets no key.

Two people of one role hold the same key: "together with another coach" is kept by `may()`
alone, not by a lock. What is on no path is shut; that a path is there opens nothing yet,
for calls, purposes and moments are `may()`'s to judge.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import product
from typing import Final, NewType

from policy.access import Access, Action, RoleName
from policy.sharing import Content, PoliceWhen, Sharing

KeyPath = NewType("KeyPath", str)
"""Roles in alphabetical order with `+` between them, such as `agent+head`."""

_JOINT: Final = "+"
_ALWAYS_AUDIO: Final = frozenset({Action.LISTEN, Action.EXPORT, Action.ERASE})
"""Erasing a part makes a new sealed copy, so whoever may has to open the old one."""


def path_of(roles: Iterable[str]) -> KeyPath:
    """Return the path of these roles; order and repetition do not matter."""
    return KeyPath(_JOINT.join(sorted(set(roles))))


def roles_of(path: KeyPath) -> tuple[RoleName, ...]:
    """Return the roles of a path, in alphabetical order."""
    return tuple(RoleName(role) for role in path.split(_JOINT))


def audio_paths(access: Access | None, sharing: Sharing) -> tuple[KeyPath, ...]:
    """Return the paths that open a recording: none contains another, in alphabetical order.

    Args:
        access: The policy's list; without one nobody may hear anything, and there is no path.
        sharing: Says whether a hand-over is of audio.
    """
    return () if access is None else _least(_paths(access, sharing, frozenset(Action)))


def number_paths(access: Access | None, sharing: Sharing) -> tuple[KeyPath, ...]:
    """Return the paths that open a caller's number: of who gives data subjects their data."""
    return () if access is None else _least(_paths(access, sharing, frozenset({Action.EXPORT})))


def in_words(path: KeyPath, access: Access) -> str:
    """Return a path as a person reads it: `hoofd KCC (head) together with KCC-medewerker (agent)`."""
    named = [f"{access.roles[role].title} ({role})" for role in roles_of(path)]
    return " together with ".join(named)


def _paths(access: Access, sharing: Sharing, actions: Collection[Action]) -> Iterator[frozenset[str]]:
    for grant in access.grants.values():
        for role, action, purpose in product(grant.roles, grant.actions, grant.purposes):
            if action not in actions or not _needs_audio(role, action, sharing):
                continue
            for opener in grant.via or (role,):
                path = frozenset({opener, *grant.together_with})
                if not any(
                    denial.covers(one, purpose, action)
                    for denial in access.denials.values()
                    for one in {role, *path}
                ):
                    yield path


def _needs_audio(role: str, action: Action, sharing: Sharing) -> bool:
    if action is not Action.HAND_OVER:
        return action in _ALWAYS_AUDIO
    police, others = sharing.police, sharing.third_parties
    gives_police = (
        police.when is not PoliceWhen.NEVER and police.content is Content.AUDIO and role in police.decided_by
    )
    return gives_police or (bool(others.when) and role in others.decided_by)


def _least(paths: Iterable[frozenset[str]]) -> tuple[KeyPath, ...]:
    known = set(paths)
    least = (path for path in known if not any(other < path for other in known))
    return tuple(sorted(path_of(path) for path in least))
