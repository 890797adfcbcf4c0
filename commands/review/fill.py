"""`consentline review fill`: what was scored on a drawn call that was listened to."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.asking_why import who_of, who_options, why_of, why_options

if TYPE_CHECKING:
    from commands.review.form_file import FilledIn

COLUMNS = ("form", "recording_id", "agent", "criterion", "judges", "score", "due_at")


@click.command()
@click.argument("recording", metavar="RECORDING")
@click.option(
    "--from",
    "file",
    type=click.File("rb"),
    metavar="FILE",
    help="The form, as of `review form`; - is stdin.",
)
@click.option(
    "--score", "scores", multiple=True, metavar="CRITERION=N", help="One line of it; several times."
)
@click.option("--remark", default=None, metavar="TEXT", help="In your own words; kept with the scores.")
@why_options
@who_options
@json_option
@pass_invocation
def fill(
    invocation: Invocation,
    /,
    *,
    recording: str,
    file: IO[bytes] | None,
    scores: tuple[str, ...],
    remark: str | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Fill in the policy's form about RECORDING, which was drawn and which you listened to.

    With --from, with --score for each criterion, or, on a terminal, asked line by line. Filling it in
    again replaces what you scored before. Under a purpose for which the agent is asked it is your form
    in the calibration case.

    \b
    Example:
      consentline review fill 5f0c1d2e3b4a59687786a5b4c3d2e1f0 --purpose quality \\
        --reason "review of week 47" --from kim.toml
    """
    from commands.identity.proving import asked
    from commands.review.form_file import read_form, read_score

    who, why = who_of(given), why_of(given)
    if file is not None and scores:
        raise click.UsageError("--from and --score: one of the two")
    if file is None and not scores and not sys.stdin.isatty():
        raise click.UsageError("no terminal to ask for scores on; use --from or --score")
    written = None if file is None else read_form(file.name, file.read())
    typed = dict(read_score(text) for text in scores)
    daemon = invocation.daemon()
    passphrases = asked(daemon, who)
    proved = passphrases.prove(daemon)
    if written is None and not typed:
        rows = daemon.ask_rows("POST", "/reviews/form", proved.to_json())
        typed, remark = prompted(rows, remark)
        proved = passphrases.prove_again(daemon, proved)
    form = {"recording": recording, **_form(written, typed, remark)}
    rows = daemon.ask_rows("POST", "/reviews/fill", {**proved.to_json(), **why.to_json(), **form})
    show(rows, COLUMNS, as_json=as_json, title="scores")


def _form(written: FilledIn | None, typed: Mapping[str, int | str], remark: str | None) -> dict[str, Any]:
    if written is None:
        return {"scores": dict(typed), "remark": remark or ""}
    return {"scores": dict(written.scores), "remark": written.remark if remark is None else remark}


def prompted(criteria: Sequence[Mapping[str, Any]], remark: str | None) -> tuple[dict[str, int | str], str]:
    """Ask on the terminal for each criterion, and for a remark where none was given."""
    scores: dict[str, int | str] = {
        one["criterion"]: click.prompt(
            f"{one['criterion']} ({one['judges']})",
            type=click.IntRange(one["lowest"], one["highest"]),
            err=True,
        )
        for one in criteria
    }
    if remark is None:
        remark = click.prompt("Remark", default="", show_default=False, err=True)
    return scores, remark
