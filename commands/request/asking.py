"""What the commands about requests share: who asks, proven; the letter, and how a request is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from commands.frame.control import Daemon
from commands.frame.invocation import Invocation
from commands.frame.records import Row
from commands.frame.table import show
from commands.identity.asking_why import who_of

COLUMNS = (
    "request_id",
    "reference",
    "policy",
    "right",
    "stage",
    "received_on",
    "decide_by",
    "keeps_until_at",
)

request_argument = click.argument("request", type=click.IntRange(min=1), metavar="REQUEST")
reason_option = click.option(
    "--reason", required=True, metavar="TEXT", help="Why, in a few words; kept on the ledger and in the file."
)
letter_option = click.option(
    "--letter",
    "letter",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.html|FILE.md",
    help="Write the letter to whoever asked; it must not be there.",
)


def ask(invocation: Invocation, given: dict[str, Any], path: str, question: Row) -> Row:
    """Prove who asks, and put one question about requests to the daemon.

    Args:
        invocation: Of the command.
        given: Holds the answers to `who_options`, which are taken out.
        path: Such as `/requests/7/close`.
        question: Beside the proof.
    """
    daemon, proof = proven(invocation, given)
    return daemon.ask_object("POST", path, {**proof, **question})


def proven(invocation: Invocation, given: dict[str, Any]) -> tuple[Daemon, Row]:
    """Return the daemon, and the proof that goes with one question."""
    from commands.identity.proving import asked

    who = who_of(given)
    daemon = invocation.daemon()
    return daemon, asked(daemon, who).prove(daemon).to_json()


def show_request(row: Row, *, as_json: bool) -> None:
    """Print one request."""
    show([{name: value for name, value in row.items() if name != "letter"}], COLUMNS, as_json=as_json)


def refuse_letter(target: Path | None) -> None:
    """Refuse a letter's file that is there, or of another kind, before anything is asked.

    Raises:
        click.UsageError: If its name ends in neither `.html` nor `.md`.
        StateConflict: If it is there.
    """
    from commands.audio.copies import refuse_file

    if target is None:
        return
    if target.suffix not in (".html", ".md"):
        raise click.UsageError("--letter: must end in .html or .md")
    refuse_file(target)


def write_letter(row: Row, target: Path | None) -> None:
    """Write the letter that an answer came with, whole or not at all.

    Raises:
        Unavailable: If it cannot be written; what was decided stands, and `request show --letter` writes it.
        StateConflict: If there is nothing to tell yet.
    """
    from commands.audio.copies import new_file
    from policy.errors import StateConflict

    if target is None:
        return
    letter = row.get("letter")
    if not isinstance(letter, dict):
        raise StateConflict("letter: there is nothing to tell yet: no decision, and it was not put off")
    with new_file(target) as file:
        file.stream.write(str(letter[target.suffix[1:]]).encode())
        file.finish("manifest")
        file.publish()
    click.echo(str(target), err=True)
