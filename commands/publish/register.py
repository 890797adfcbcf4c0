"""`consentline publish register`: the row for the register of processing activities (AVG art. 30)."""

from __future__ import annotations

from pathlib import Path

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.publish.publishing import folder_option, language_option, published, write


@click.command()
@click.argument("name", metavar="NAME")
@language_option
@folder_option
@pass_invocation
def register(invocation: Invocation, name: str, language_code: str, folder: Path | None) -> None:
    """Print the row of policy NAME in the register of processing activities, as CSV.

    With --to it is written as NAME-register-LANG.csv and as NAME-register-LANG.xlsx.

    \b
    Example:
      consentline publish register rvo --lang nl --to ./register
    """
    from policy.clock import SystemClock
    from publish.register import register_row
    from publish.spreadsheet import csv_text, xlsx_bytes

    policy, language = published(invocation, name, language_code)
    row = register_row(policy, language)
    if folder is None:
        click.echo(csv_text(row), nl=False)
        return
    stem = f"{policy.name}-register-{language.value}"
    workbook = xlsx_bytes(row, made_at=SystemClock().now())
    write(folder, {f"{stem}.csv": csv_text(row).encode(), f"{stem}.xlsx": workbook})
