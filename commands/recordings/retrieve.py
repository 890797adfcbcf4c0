"""`consentline recordings retrieve`: a sealed file, for who handles it and does not listen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.identity.asking_why import who_of, who_options, why_of, why_options


@click.command()
@click.argument("recording", metavar="RECORDING")
@click.option(
    "--to",
    "target",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="File to make; it must not be there.",
)
@why_options
@who_options
@pass_invocation
def retrieve(invocation: Invocation, /, *, recording: str, target: Path, **given: Any) -> None:
    """Bring the sealed file of RECORDING up, without anything that opens it.

    \b
    Example:
      consentline recordings retrieve 5f0c1d2e3b4a59687786a5b4c3d2e1f0 --purpose quality \\
        --reason "the coach asked, TOP-4711" --to ./recording.sealed
    """
    from commands.audio import copies
    from commands.audio.disclosure import opened
    from commands.frame.endings import ending_leaves_nothing
    from commands.identity.proving import asked

    who, why = who_of(given), why_of(given)
    daemon = invocation.daemon()
    copies.refuse_file(target)
    proved = asked(daemon, who).prove(daemon)
    with (
        ending_leaves_nothing(),
        opened(daemon, proved, recording, "retrieve", why) as access,
        copies.new_file(target) as file,
    ):
        daemon.fetch(f"/access/{access.released.token}/sealed", file.stream)
        access.complete([file.finish("sealed")])
        file.publish()
    click.echo(str(target))
