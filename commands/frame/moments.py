"""Moments and days as people type them: `2026-11-21`, `2026-11-21 08:30`, or ISO-8601.

These are callbacks of options; what is no moment is a usage error. Without a zone it is Dutch time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from datetime import date, datetime

Command = TypeVar("Command", bound=Callable[..., Any])

MOMENT = "MOMENT"
DAY = "DAY"


def until_option(command: Command) -> Command:
    """Add when something that begins has its end."""
    return click.option(
        "--until", metavar=MOMENT, callback=through, help="Through this day, or until this moment."
    )(command)


def beginning(context: click.Context, option: click.Parameter, value: str | None) -> datetime | None:
    """Return a moment; of a bare day, its beginning."""
    from policy.scope import beginning_of

    return None if value is None else beginning_of(_given(value))


def through(context: click.Context, option: click.Parameter, value: str | None) -> datetime | None:
    """Return a moment; of a bare day, its end: the day counts."""
    from policy.scope import end_of

    return None if value is None else end_of(_given(value))


def day(context: click.Context, option: click.Parameter, value: str) -> date:
    """Return a date."""
    from datetime import date

    try:
        return date.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f'must be a day such as "2026-11-21", got "{value}"') from None


def as_iso(moment: datetime | None) -> str | None:
    """Return a moment as the daemon takes it."""
    from policy.clock import to_iso

    return None if moment is None else to_iso(moment)


def _given(text: str) -> date | datetime:
    from datetime import date, datetime

    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        expected = 'must be a day or moment such as "2026-11-21" or "2026-11-21 08:30"'
        raise click.BadParameter(f'{expected}, got "{text}"') from None
