"""`consentline prompts check`: does every prompt say what its policy says?"""

from __future__ import annotations

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option
from policy.errors import ProblemsFound


@click.command()
@json_option
@pass_invocation
def check(invocation: Invocation, as_json: bool) -> None:
    """Check every prompt of every policy in every language; exit code 11 when one is unfit.

    A prompt is unfit when it is missing, says an older text, is not the audio that was
    attested, or when Asterisk could play another file in its stead. Calls whose notice is
    unfit are not recorded. A `note` marks placeholder speech.

    \b
    Example:
      consentline prompts check
    """
    from commands.doctor.diagnosis import show_checks
    from commands.doctor.prompts import prompt_checks

    policies = invocation.policies().by_name.values()
    checks = prompt_checks(invocation.config().path("prompts"), policies)
    unfit = show_checks(checks, as_json=as_json)
    if unfit:
        raise ProblemsFound(f"{unfit} of {len(checks)} prompts unfit", hint="run: consentline prompts build")
