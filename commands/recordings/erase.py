"""`consentline erase`: a recording, or a part of it, before its term."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.identity.asking_why import together_options, who_of, who_options, why_of, why_options

if TYPE_CHECKING:
    from commands.frame.control import Daemon
    from commands.identity.asking_why import Why
    from commands.identity.proving import Proved

_PLACE = re.compile(r"(?:(?:(\d{1,2}):)?(\d{1,3}):)?(\d{1,5})(?:\.(\d{1,3}))?")


@click.command()
@click.argument("recording", metavar="RECORDING")
@click.option("--from", "first", metavar="PLACE", help="Where the part begins: MM:SS, HH:MM:SS or seconds.")
@click.option("--to", "end", metavar="PLACE", help="Where it ends.")
@click.option("--yes", "sure", is_flag=True, help="Do not ask again.")
@why_options
@together_options
@who_options
@pass_invocation
def erase(
    invocation: Invocation,
    /,
    *,
    recording: str,
    first: str | None,
    end: str | None,
    sure: bool,
    **given: Any,
) -> None:
    """Erase RECORDING, or with --from and --to a part of it; what is erased is gone for ever.

    A part is replaced by silence in both channels, in a new sealed copy under a new key; then the
    old key and the old file are destroyed. Nothing of it is heard in any later copy, and no
    backup opens it.

    \b
    Example:
      consentline erase 5f0c1d2e3b4a59687786a5b4c3d2e1f0 --from 01:12 --to 01:31 \\
        --purpose data_subject_request --reason "the caller's BSN" --case 2026-118
    """
    from commands.frame.endings import ending_leaves_nothing
    from commands.identity.proving import asked

    who, why = who_of(given), why_of(given)
    part = _part(first, end)
    what = f"recording {recording}" if part is None else f"{first} to {end} of recording {recording}"
    daemon = invocation.daemon()
    passphrases = asked(daemon, who)
    if not sure and who.passphrase_fd is None:
        click.confirm(f"Erase {what} for ever?", abort=True, err=True)
    proved = passphrases.prove(daemon)
    if part is None:
        question = {**proved.to_json(), **why.to_json(), "recording": recording}
        done = daemon.ask_object("POST", "/erase", question)
    else:
        with ending_leaves_nothing():
            done = _erase_part(daemon, proved, recording, why, part)
    click.echo(f"{done['recording_id']}\terased\t{'whole' if part is None else f'{first} to {end}'}")


def _part(first: str | None, end: str | None) -> tuple[int, int] | None:
    if first is None and end is None:
        return None
    if first is None or end is None:
        raise click.UsageError("a part needs both --from and --to")
    part = _place_ms("--from", first), _place_ms("--to", end)
    if part[1] <= part[0]:
        raise click.UsageError(f"--to: must be after --from, got {first} to {end}")
    return part


def _place_ms(option: str, text: str) -> int:
    match = _PLACE.fullmatch(text)
    if match is None:
        raise click.UsageError(f'{option}: must be a place such as 01:12 or 72.5, got "{text}"')
    hours, minutes, seconds, thousandths = match.groups()
    whole = (int(hours or 0) * 60 + int(minutes or 0)) * 60 + int(seconds)
    return whole * 1000 + int((thousandths or "").ljust(3, "0"))


def _erase_part(
    daemon: Daemon, proved: Proved, recording: str, why: Why, part: tuple[int, int]
) -> dict[str, Any]:
    """Make the new copy here, hand it in sealed, and have it take the recording's place."""
    from commands.audio import resealing
    from commands.audio.disclosure import opened

    with opened(daemon, proved, recording, "erase", why) as access:
        done = resealing.erase_part(daemon, access, part)
        access.complete()
    return dict(done)
