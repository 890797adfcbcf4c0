"""`consentline prompts build`: placeholder speech, or the organisation's own recording."""

from __future__ import annotations

from pathlib import Path

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from policy.errors import ProblemsFound

COLUMNS = ("policy", "language", "prompt", "voice", "duration_ms", "result")


@click.command()
@click.option(
    "--espeak", default="espeak-ng", show_default=True, help="espeak-ng: a program or a command line."
)
@click.option(
    "--espeak-data",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="The folder that holds espeak-ng-data, when espeak-ng does not find it by itself.",
)
@click.option(
    "--wav",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The organisation's own recording of one prompt, of any rate.",
)
@click.option("--attested-by", metavar="NAME", help="With --wav: who heard that it says the text.")
@click.option("--policy", metavar="NAME", help="Only this policy.")
@click.option("--language", metavar="LL", help="Only this language.")
@click.option(
    "--prompt",
    type=click.Choice(["notice", "withdrawn", "agent_recorded", "agent_not_recorded"]),
    help="Only this prompt.",
)
@json_option
@pass_invocation
def build(
    invocation: Invocation,
    /,
    *,
    espeak: str,
    espeak_data: Path | None,
    wav: Path | None,
    attested_by: str | None,
    policy: str | None,
    language: str | None,
    prompt: str | None,
    as_json: bool,
) -> None:
    """Make the prompts that are missing or say an older text, as 8 kHz WAV with a manifest.

    Without --wav they are read by espeak-ng and marked as placeholders. With --wav one
    prompt is the organisation's own recording; it is never replaced by synthetic speech,
    even after its text has changed (exit code 11: record it anew). Where the longest notice
    is another length now, the rendered extensions.conf is told how long to wait for the gate.

    \b
    Example:
      consentline prompts build
      consentline prompts build --wav studio.wav --attested-by "A. de Vries" \\
          --policy eindhoven --language nl --prompt notice
    """
    from commands import installation
    from commands.prompts import making as prompt_making
    from policy.clock import SystemClock
    from policy.vocabulary import Voice

    policies, config = invocation.policies(), invocation.config()
    workshop = prompt_making.Workshop(folder=config.path("prompts"), clock=SystemClock())
    wanted = prompt_making.choose(policies, policy=policy, language=language, prompt=prompt)
    if wav is not None:
        if attested_by is None or len(wanted) != 1:
            raise click.UsageError("--wav: needs --attested-by, --policy, --language and --prompt")
        made = [workshop.take(wanted[0], wav, attested_by=attested_by)]
    elif attested_by is not None:
        raise click.UsageError("--attested-by: has no meaning without --wav")
    else:
        made = [workshop.speak(one, espeak=espeak, espeak_data=espeak_data) for one in wanted]
    patience_s = installation.renew_patience(config, policies)
    show([one.to_row() for one in made], COLUMNS, as_json=as_json, title="prompts")
    if patience_s is not None:
        told = f"The dialplan is to wait {patience_s} s for the gate now. Reload it: dialplan reload"
        click.echo(told, err=True)
    outdated = [one for one in made if one.result is prompt_making.Result.OUTDATED]
    if outdated:
        raise ProblemsFound(
            f"{len(outdated)} prompts are own recordings of an older text",
            hint="record them anew and use --wav; until then their calls are not recorded",
        )
    if any(one.voice is Voice.PLACEHOLDER for one in made):
        click.echo("Placeholder speech is for trying out: callers should hear a person.", err=True)
