"""`consentline publish privacy-statement`: the page for callers, from the policy that runs."""

from __future__ import annotations

from pathlib import Path

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.publish.publishing import folder_option, language_option, published, write


@click.command("privacy-statement")
@click.argument("name", metavar="NAME")
@language_option
@folder_option
@click.option("--html", "as_html", is_flag=True, help="Print HTML instead of Markdown.")
@pass_invocation
def privacy_statement(
    invocation: Invocation, name: str, language_code: str, folder: Path | None, as_html: bool
) -> None:
    """Print the privacy statement of policy NAME, in Markdown or HTML.

    With --to both are written: NAME-privacy-LANG.html, which needs no other file, and
    NAME-privacy-LANG.md. Where the published text contradicts itself, the page says so.

    \b
    Example:
      consentline publish privacy-statement nunspeet --lang nl --to ./site
    """
    from publish import statement
    from publish.markdown import markdown
    from publish.web_page import web_page

    if as_html and folder is not None:
        raise click.UsageError("--html: has no meaning with --to, which writes both")
    policy, language = published(invocation, name, language_code)
    page = statement.privacy_statement(policy, language)
    if folder is None:
        click.echo(web_page(page) if as_html else markdown(page), nl=False)
        return
    stem = f"{policy.name}-privacy-{language.value}"
    write(folder, {f"{stem}.html": web_page(page).encode(), f"{stem}.md": markdown(page).encode()})
