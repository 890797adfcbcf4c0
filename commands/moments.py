"""Moments on the command line: a date, or a time, Dutch local where no zone is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from datetime import datetime


def moment_option(*names: str, text: str, required: bool = False) -> Callable[[Any], Any]:
    """Return an option that takes a moment such as `2026-11-21` or `2026-11-21T18:29`."""
    return click.option(*names, metavar="TIME", callback=_moment, required=required, help=text)


def _moment(context: click.Context, option: click.Parameter, value: str | None) -> datetime | None:
    from policy.clock import from_iso

    if value is None:
        return None
    try:
        return from_iso(value)
    except ValueError:
        message = f'must be a time such as 2026-11-21T18:29, got "{value}"'
        raise click.BadParameter(message, ctx=context, param=option) from None
