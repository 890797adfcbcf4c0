"""`consentline approvals grant`: give the word that somebody asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from commands.approvals.words import show_word
from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.moments import MOMENT, as_iso, through
from commands.frame.table import json_option
from commands.identity.asking_why import person_options, who_of

if TYPE_CHECKING:
    from datetime import datetime

    from commands.frame.control import Daemon
    from commands.identity.proving import Proved


@click.command()
@click.argument("word", type=click.IntRange(min=1), metavar="WORD")
@click.option(
    "--until",
    metavar=MOMENT,
    callback=through,
    help="From when on it counts no more.  [default: as long as it can]",
)
@person_options
@json_option
@pass_invocation
def grant(
    invocation: Invocation, /, *, word: int, until: datetime | None, as_json: bool, **given: Any
) -> None:
    """Grant WORD, a number from `approvals pending`.

    An opening, and your company from another place, come with your part of the recording's key,
    sealed in this process to the person who asked; nobody else can use it, and only for this.

    \b
    Example:
      consentline approvals grant 12
    """
    from commands.identity.proving import asked

    daemon = invocation.daemon()
    passphrases = asked(daemon, who_of(given))
    proved = passphrases.prove(daemon)
    passed = _parts(daemon, proved, word)
    proof = dict(passphrases.prove_again(daemon, proved).person.proof)
    question = {"proof": proof, "until": as_iso(until), "passed": passed}
    show_word(daemon.ask_object("POST", f"/words/{word}/grant", question), as_json=as_json)


def _parts(daemon: Daemon, proved: Proved, word: int) -> list[dict[str, Any]]:
    """Return this person's parts of the key, sealed to whoever asked; none where the word needs none."""
    from commands.audio.disclosure import passed_with
    from policy.vocabulary import RecordingId
    from store.keyring import shares
    from store.keyring.key_wire import Base64, GrantWire, PassedShareWire, ShareWire, Wire, parse, to_json
    from store.keys import PublicHalf

    class LentWire(Wire):
        recording_id: str
        shares: tuple[ShareWire, ...]
        grants: tuple[GrantWire, ...]
        to: Base64

    where = f"/words/{word}/lend"
    answer = daemon.ask_object("POST", where, {"proof": dict(proved.person.proof)})
    if not answer:
        return []
    lent = parse(LentWire, answer, where=where)
    ring, to = proved.person.keyring.with_grants(lent.grants), PublicHalf(data=lent.to)
    click.echo(
        f"Passing on your part to the key {to.fingerprint}; compare it with theirs in doubt.", err=True
    )
    subject = shares.recording(RecordingId(lent.recording_id))
    return [
        to_json(PassedShareWire.of(ring.pass_on(subject, wire.share(), access=passed_with(word), to=to)))
        for wire in lent.shares
    ]
