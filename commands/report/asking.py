"""What the `report` commands share: period, form, and asking the daemon for one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from commands.frame.invocation import Invocation
from commands.frame.moments import MOMENT, as_iso, beginning, through
from commands.identity.asking_why import who_of

if TYPE_CHECKING:
    from publish.page import Page
    from publish.reports.figures import Table, Wire
    from publish.words import Language

Command = TypeVar("Command", bound=Callable[..., Any])
Made = TypeVar("Made", bound="Wire")

_PERIOD = (
    click.option(
        "--from", "since", metavar=MOMENT, required=True, callback=beginning, help="From this day or moment."
    ),
    click.option(
        "--to", "before", metavar=MOMENT, callback=through, help="To the end of this day.  [default: now]"
    ),
)
_FORM = (
    click.option(
        "--lang",
        "language_code",
        type=click.Choice(["nl", "en"]),
        default="nl",
        show_default=True,
        help="Language of what is printed.",
    ),
    click.option(
        "--page",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Write a page to print or send, one HTML file that needs nothing else.",
    ),
)


def period_options(command: Command) -> Command:
    """Add from when until when."""
    return _PERIOD[0](_PERIOD[1](command))


def form_options(command: Command) -> Command:
    """Add in which form: language and page."""
    return _FORM[0](_FORM[1](command))


def period_of(given: dict[str, Any]) -> Mapping[str, Any]:
    """Take the answers to `period_options` out of a command's keywords, as the daemon takes them."""
    from policy.clock import SystemClock

    since, before = given.pop("since"), given.pop("before")
    return {"since": as_iso(since), "before": as_iso(before or SystemClock().now())}


def asked_of(
    invocation: Invocation, path: str, question: Mapping[str, Any], given: dict[str, Any]
) -> Mapping[str, Any]:
    """Ask for a report, once whoever asks proved who they are.

    Raises:
        ConsentlineError: If they may not read it, or the daemon cannot be asked.
    """
    from commands.identity.proving import asked

    daemon = invocation.daemon()
    proved = asked(daemon, who_of(given)).prove(daemon)
    return daemon.ask_object("POST", path, {**proved.to_json(), **question})


def parsed(kind: type[Made], answer: Mapping[str, Any]) -> Made:
    """Return a report as the daemon gave it.

    Raises:
        Unavailable: If it is none.
    """
    import json

    from pydantic import ValidationError

    from policy.errors import Unavailable

    try:
        return kind.model_validate_json(json.dumps(answer))
    except ValidationError as error:
        raise Unavailable(
            f"/reports: must answer with a report, got another shape ({error.error_count()} problems)",
            hint="the daemon may be of another version; restart it",
        ) from error


def write_page(page: Page, to: Path) -> None:
    """Write a page in one step, and print where it is.

    Raises:
        Unavailable: If it cannot be written.
    """
    from commands.publish.publishing import write
    from publish.web_page import web_page

    write(to.parent, {to.name: web_page(page).encode()})


def show_table(table: Table, language: Language) -> None:
    """Print a table of a report for a person."""
    from commands.frame.table import show
    from publish.reports import page

    columns = page.head(table, language)
    rows = [page.cells(table, row, language, is_total=False) for row in table.rows]
    rows.append(page.cells(table, table.total, language, is_total=True))
    show([dict(zip(columns, row, strict=True)) for row in rows], columns, as_json=False)
