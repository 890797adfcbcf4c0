"""`consentline review verify-draw`: draw again, in this process, and compare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.asking_why import who_of, who_options

COLUMNS = ("draw", "policy", "purpose", "drawn_by", "drawn_at", "population", "drawn", "ledger_entry", "same")


@click.command("verify-draw")
@click.argument("number", metavar="DRAW", type=click.IntRange(min=1, max=2**63 - 1))
@who_options
@json_option
@pass_invocation
def verify_draw(invocation: Invocation, /, *, number: int, as_json: bool, **given: Any) -> None:
    """Draw DRAW again from its seed and population, and say whether it is what was drawn.

    The digest of the population and the seed are taken from the ledger, whose own truth
    `ledger verify` shows. It is for who may draw for that purpose.

    \b
    Example:
      consentline review verify-draw 12
    """
    from commands.identity.proving import asked
    from policy.errors import IntegrityError, StateConflict

    daemon = invocation.daemon()
    proved = asked(daemon, who_of(given)).prove(daemon)
    sample = daemon.ask_object("POST", "/reviews/drawn", {**proved.to_json(), "draw": number})
    if sample["ledger"] is None:
        raise StateConflict(
            f"draw {number}: what the ledger told of it has expired, so nothing can be compared"
        )
    wrong = list(_differences(sample, sample["ledger"]))
    if wrong:
        raise IntegrityError(f"draw {number}: {wrong[0]}")
    row = {
        **{key: sample[key] for key in ("draw", "policy", "purpose", "drawn_by", "drawn_at", "ledger_entry")},
        "population": sum(len(theirs) for theirs in sample["population"].values()),
        "drawn": sum(len(theirs) for theirs in sample["picks"].values()),
        "same": True,
    }
    show([row], COLUMNS, as_json=as_json)


def _differences(sample: Mapping[str, Any], told: Mapping[str, Any]) -> Iterator[str]:
    """Give what is not as the ledger has it; the draw is made anew, here."""
    from store.access import draws

    for key in ("draw", "policy", "purpose", "seed", "per_agent", "population_sha256"):
        if told.get(key) != sample[key]:
            yield f"{key}: must be {told.get(key)}, as the ledger has it, got {sample[key]}"
    digest = draws.digest_of(sample["population"])
    if digest != told.get("population_sha256"):
        yield f"population: must have the digest {told.get('population_sha256')}, got {digest}"
        return
    again = draws.pick(
        sample["policy"],
        sample["population"],
        seed=bytes.fromhex(told["seed"]),
        per_agent=told["per_agent"],
    )
    for agent, theirs in again.items():
        if set(theirs) != set(sample["picks"].get(agent, ())):
            yield f"{agent}: must be {', '.join(sorted(theirs))}, got another choice"
    for agent in sample["picks"].keys() - again.keys():
        yield f"{agent}: was not in the population"
