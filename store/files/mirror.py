"""The mirror of the epoch folder on a second host, for policies whose recordings are in a backup.

Theory of operation

A copy of the vault opens only with the epoch keys, and these are in no copy: so that a lost disk
does not lose every recording, the keys lie in a second folder as well, on another machine. It obeys
the same destruction: what is destroyed here is destroyed there, by the same steps, and an entry
`.gone` stays in both. The mirror follows within a minute and never leads: nothing is destroyed
here because it is gone there. A key that is there and was never destroyed here was lost here; it
stays, for it is what a restore needs.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from policy.errors import Unavailable
from store.files.epochs import EpochFolder, EpochKeyGone, EpochKeyName

MARKER: Final = ".consentline-mirror"
"""A person puts this file into the mirror: where the other host is not mounted, it is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What makes the mirror like the folder.

    Attributes:
        to_copy: Keys that are here and not there.
        to_destroy: Keys that were destroyed here and are there.
        lost_here: Keys that are there only, and were never destroyed.
    """

    to_copy: tuple[EpochKeyName, ...]
    to_destroy: tuple[EpochKeyName, ...]
    lost_here: tuple[EpochKeyName, ...]


def plan(
    *, here: Collection[EpochKeyName], destroyed: Collection[EpochKeyName], there: Collection[EpochKeyName]
) -> Plan:
    """Return what makes the mirror like the folder.

    Args:
        here: Keys of the folder that can be used.
        destroyed: Keys that were destroyed in it.
        there: Keys of the mirror that can be used.
    """
    return Plan(
        to_copy=tuple(sorted(set(here) - set(there) - set(destroyed))),
        to_destroy=tuple(sorted(set(there) & set(destroyed))),
        lost_here=tuple(sorted(set(there) - set(here) - set(destroyed))),
    )


def look(epochs: EpochFolder, mirror: EpochFolder) -> Plan:
    """Return what makes the mirror like the folder, and change nothing.

    Raises:
        Unavailable: If the mirror is not where it should be.
        OSError: If one of them cannot be read.
    """
    if not (mirror.path / MARKER).is_file():
        raise Unavailable(
            f"{mirror.path}: must be the mirror of the epoch keys, got no {MARKER} in it",
            hint="is the other host mounted? A new mirror is marked by hand, see docs/backups.md",
        )
    return plan(here=epochs.names(), destroyed=epochs.destroyed(), there=mirror.names())


def follow(epochs: EpochFolder, mirror: EpochFolder) -> Plan:
    """Make the mirror like the folder, destruction first; return what was done. Again is harmless.

    Raises:
        Unavailable: If the mirror is not where it should be.
        EpochFolderExposed: If others may enter it.
        DestructionIncomplete: If a key there cannot be destroyed.
        OSError: If the mirror cannot be reached.
    """
    planned = look(epochs, mirror)
    mirror.prepare()
    for name in planned.to_destroy:
        mirror.destroy(name)
    for name in planned.to_copy:
        try:
            mirror.adopt(epochs.load(name))
        except EpochKeyGone:
            continue  # destroyed since it was looked up
    # What was destroyed here while it was copied there goes at once, not with the next round.
    for name in set(planned.to_copy) & set(epochs.destroyed()):
        mirror.destroy(name)
    return planned
