"""`consentline receipt verify FILE`: does a receipt prove what it says? On any machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option

if TYPE_CHECKING:
    from store.proof.own_papers import Paper


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--vkey", metavar="VKEY", help="The key to believe; without it those of this log.")
@json_option
@pass_invocation
def verify(invocation: Invocation, file: Path, vkey: str | None, as_json: bool) -> None:
    """Verify a receipt, or a verklaring; exit code 6 when it does not prove what it says.

    With --vkey nothing else is needed: no config file, no database, no network. The key is
    one line that `init` and `doctor` print; take it from somebody you trust, not from the
    receipt itself. Without it the text is held against this installation's log: its keys, one
    after the other, and its tree.

    \b
    Example:
      consentline receipt verify bewijs.txt --vkey "$(cat kluis/vkey)"
    """
    from policy.clock import to_iso, to_local
    from policy.errors import NotFound
    from store.logbook.notes import VerifierKey
    from store.proof import own_papers

    try:
        text = file.read_bytes().decode(errors="replace")
    except OSError as error:
        raise NotFound(f"{file}: must be a receipt: {error.strerror}") from error
    if vkey is not None:
        paper = own_papers.confirm(text, VerifierKey.parse(vkey))
    else:
        paper = _by_own_log(invocation, text)
    found, key, size = paper.receipt, paper.key.text, paper.checkpoint.size
    if found is None:
        told = {"size": size, "origin": paper.checkpoint.origin, "vkey": key}
        words = f"declaration holds: signed by {key} when the ledger had {size} entries"
        click.echo(json.dumps([told], indent=2) if as_json else words)
        return
    if as_json:
        row = {
            "recording_id": found.recording_id,
            "erased_at": to_iso(found.at),
            "because": found.because,
            "entry": found.entry,
            "checkpoint_size": size,
            "origin": paper.checkpoint.origin,
            "vkey": key,
        }
        click.echo(json.dumps([row], indent=2))
        return
    click.echo(f"receipt holds: recording {found.recording_id} is gone since {to_local(found.at)}")
    click.echo(f"because: {found.because}")
    click.echo(f"entry {found.entry} of {paper.checkpoint.origin}, under the checkpoint of {size} entries")
    click.echo(f"signed by {key}")


def _by_own_log(invocation: Invocation, text: str) -> Paper:
    from contextlib import closing

    from policy.clock import SystemClock
    from store.db import Db
    from store.proof import own_papers

    with closing(Db.open_to_read(invocation.config().path("database"), clock=SystemClock())) as db:
        return own_papers.confirm_here(db, text)
