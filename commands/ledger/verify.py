"""`consentline ledger verify`: is the log what it was, and is what it tells what there is?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option

if TYPE_CHECKING:
    from store.proof.verification import Verified


@click.command()
@click.option(
    "--checkpoint",
    "places",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE|DIR",
    help="Checkpoints fetched from a target: files, folders of them, or a syslog; several times.",
)
@click.option(
    "--vkey",
    metavar="VKEY",
    help="The key to believe, with those it vouches for.  [default: the database's]",
)
@click.option(
    "--database",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A copy of a database, on any machine; needs no config file, and looks at no vault.",
)
@click.option(
    "--contents",
    is_flag=True,
    help="Read every sealed file as well; as long as reading the vault takes.",
)
@json_option
@pass_invocation
def verify(
    invocation: Invocation,
    /,
    *,
    places: tuple[Path, ...],
    vkey: str | None,
    database: Path | None,
    contents: bool,
    as_json: bool,
) -> None:
    """Check the whole ledger; exit code 6 and the places where it is not what it was.

    Checks every entry against the tree over them, every checkpoint against the tree and its
    signature, that every erased recording is absent (row, key, file in the vault) and that
    every one that is here is told of; with --contents also that each sealed file is, byte for byte,
    what the ledger says was sealed, without any key. Needs no daemon and no private key; a vault
    host (docs/vault-host.md) is asked, and where it does not answer that is said. With --checkpoint
    also that this is the log that was shown elsewhere; without it, that nobody who has the
    signing key rewrote it is not known. Entries whose term has passed keep their place:
    `payload expired`.

    \b
    Example:
      consentline ledger verify --checkpoint /mnt/kluis
    """
    from contextlib import ExitStack, closing

    from policy.clock import SystemClock
    from store.db import Db
    from store.files.opening import vault_of
    from store.logbook import checkpoint_check
    from store.logbook.notes import VerifierKey
    from store.proof import verification

    if contents and database is not None:
        raise click.UsageError("--contents: reads the vault; a --database alone has none")
    trusted = None if vkey is None else VerifierKey.parse(vkey)
    shown = [one for place in places for one in checkpoint_check.read_shown(place)]
    config = None if database is not None else invocation.config()
    path = database if database is not None or config is None else config.path("database")
    vault = None if config is None else vault_of(config)
    with ExitStack() as stack:
        db = stack.enter_context(closing(Db.open_to_read(path or Path(), clock=SystemClock())))
        if vault is not None:
            stack.callback(vault.close)
        verified = verification.verify(db, vault=vault, shown=shown, trusted=trusted, contents=contents)
    if as_json:
        click.echo(json.dumps([verified.to_json()], indent=2))
    else:
        _print(verified)
    verified.report.must_hold()


def _print(verified: Verified) -> None:
    report = verified.report
    state = "holds" if report.holds else "does not hold"
    click.echo(f"ledger {state}: {report.size} entries, {report.expired} with payload expired")
    click.echo(f"root {report.root}")
    if verified.checked is not None:
        checked = verified.checked
        click.echo(f"checkpoints: {checked.own} own, {checked.shown} from elsewhere")
        if checked.newest_shown is None:
            click.echo("none from elsewhere: who has the signing key could have rewritten it (--checkpoint)")
        else:
            click.echo(f"vouched for from elsewhere: the first {checked.newest_shown} entries")
        for span in checked.spans:
            until = "" if span.last is None else f" up to {span.last} entries"
            click.echo(f"signed{until} by {span.key.text}")
    if verified.accounted is not None:
        accounted = verified.accounted
        read = f", {accounted.read} files read" if accounted.read else ""
        click.echo(f"recordings: {accounted.kept} kept, {accounted.erased} erased{read}")
    if verified.unseen is not None:
        click.echo(f"the vault was not looked into: {verified.unseen}")
    for found in report.breaks:
        click.echo(f"broken: {found.text}")
