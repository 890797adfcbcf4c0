"""Which policy a word on the command line means: a name, a file, or a name on a date."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from commands.frame.invocation import Invocation

if TYPE_CHECKING:
    from policy.model import Policy

HOW_TO_NAME = "a name such as eindhoven, a file such as ./eindhoven.toml, or eindhoven@2026-11-01"


def chosen(invocation: Invocation, word: str) -> Policy:
    """Return the policy that a word means.

    Args:
        invocation: Where the installation is; not read when the word is a file.
        word: `eindhoven`: beside the config file; with `.toml` or `/`: a file; `eindhoven@2026-11-01`:
            the version that was in force on that day, or before that moment.

    Raises:
        ConfigError: If it cannot be used.
        NotFound: If there is none.
    """
    from policy.load import load_policy

    if word.endswith(".toml") or "/" in word:
        return load_policy(Path(word))
    name, at, day = word.partition("@")
    if at:
        return _on_a_day(invocation, name, day)
    return invocation.policies().named(name)


def _on_a_day(invocation: Invocation, name: str, day: str) -> Policy:
    from contextlib import closing
    from datetime import date, datetime

    import click

    from policy.clock import SystemClock
    from policy.errors import NotFound
    from policy.scope import end_of
    from store.db import Db
    from store.records import versions

    try:
        moment = datetime.fromisoformat(day) if "T" in day else date.fromisoformat(day)
    except ValueError:
        raise click.UsageError(f'"{name}@{day}": must be a day such as {name}@2026-11-01') from None
    with closing(Db.open_to_read(invocation.config().path("database"), clock=SystemClock())) as db:
        version = versions.in_force(db, name, end_of(moment))
    if version is None:
        raise NotFound(
            f'no version of policy "{name}" was used by any call up to {day}',
            hint="versions are kept as long as their calls; see: consentline policy list",
        )
    return versions.as_policy(version)
