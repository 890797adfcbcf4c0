"""`consentline publish notice`: the words said on the line, from the policy that runs."""

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
def notice(invocation: Invocation, name: str, language_code: str, folder: Path | None) -> None:
    """Print the script of policy NAME: what is said to whom, and the hash by which it is kept.

    For whoever speaks it and whoever approves it. With --to it is written as NAME-notice-LANG.txt.

    \b
    Example:
      consentline publish notice eindhoven --lang nl
    """
    from publish.notice import notice_script

    policy, language = published(invocation, name, language_code)
    text = notice_script(policy, language)
    if folder is None:
        click.echo(text, nl=False)
    else:
        write(folder, {f"{policy.name}-notice-{language.value}.txt": text.encode()})
