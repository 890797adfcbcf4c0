"""`consentline receipt verify FILE`: does a receipt prove what it says? On any machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option

if TYPE_CHECKING:
    from store.logbook.notes import VerifierKey


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--vkey", metavar="VKEY", help="The key to believe; without it that of this installation.")
@json_option
@pass_invocation
def verify(invocation: Invocation, file: Path, vkey: str | None, as_json: bool) -> None:
    """Verify a receipt, or a verklaring; exit code 6 when it does not prove what it says.

    With --vkey nothing else is needed: no config file, no database, no network. The key is
    one line that `init` and `doctor` print; take it from somebody you trust, not from the
    receipt itself.

    \b
    Example:
      consentline receipt verify bewijs.txt --vkey "$(cat kluis/vkey)"
    """
    from policy.clock import to_iso, to_local
    from policy.errors import NotFound
    from store.logbook.notes import VerifierKey
    from store.proof import declarations, receipts

    key = VerifierKey.parse(vkey) if vkey is not None else _own_key(invocation)
    try:
        text = file.read_bytes().decode(errors="replace")
    except OSError as error:
        raise NotFound(f"{file}: must be a receipt: {error.strerror}") from error
    if not receipts.is_receipt(text):
        signed = declarations.confirm(text, key)
        told = {"size": signed.size, "origin": signed.origin, "vkey": key.text}
        words = f"declaration holds: signed by {key.text} when the ledger had {signed.size} entries"
        click.echo(json.dumps([told], indent=2) if as_json else words)
        return
    found = receipts.confirm(text, key)
    if as_json:
        row = {
            "recording_id": found.recording_id,
            "erased_at": to_iso(found.at),
            "because": found.because,
            "entry": found.entry,
            "checkpoint_size": found.size,
            "origin": found.origin,
            "vkey": key.text,
        }
        click.echo(json.dumps([row], indent=2))
        return
    click.echo(f"receipt holds: recording {found.recording_id} is gone since {to_local(found.at)}")
    click.echo(f"because: {found.because}")
    click.echo(f"entry {found.entry} of {found.origin}, under the checkpoint of {found.size} entries")
    click.echo(f"signed by {key.text}")


def _own_key(invocation: Invocation) -> VerifierKey:
    from contextlib import closing

    from policy.clock import SystemClock
    from policy.errors import NotFound
    from store.db import Db
    from store.logbook import signing_key

    with closing(Db.open_to_read(invocation.config().path("database"), clock=SystemClock())) as db:
        key = signing_key.key_in_use(db)
    if key is None:
        raise NotFound("this installation has no signing key yet", hint="name the key with --vkey")
    return key
