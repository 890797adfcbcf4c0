"""`consentline request fulfil`: do what was asked, with the package or the letter that goes with it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option
from commands.identity.asking_why import who_of, who_options
from commands.request.asking import (
    ask,
    letter_option,
    reason_option,
    refuse_letter,
    request_argument,
    show_request,
    write_letter,
)

if TYPE_CHECKING:
    from commands.audio.copies import Target
    from commands.audio.disclosure import Access
    from commands.frame.control import Daemon
    from commands.frame.records import Row
    from commands.identity.asking_why import Why
    from commands.identity.proving import Passphrases, Proved

PURPOSE = "data_subject_request"


@click.command()
@request_argument
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path),
    metavar="FILE.zip",
    help="For access and portability: the package, one ZIP under AES-256; it must not be there.",
)
@click.option(
    "--zip-passphrase-fd",
    type=click.IntRange(min=0),
    metavar="N",
    help="Read the passphrase of the ZIP from file descriptor N; tell it by another way than the letter.",
)
@click.option("--partly", is_flag=True, help="For erasure: the parts erased before are all that goes.")
@click.option(
    "--hold",
    type=click.Choice(["erasure_opposed", "legal_claim"]),
    help="For restriction: keep it beyond its term, for this reason by law.",
)
@click.option(
    "--field",
    type=click.Choice(["caller", "statement"]),
    help="For rectification: what is put right or added.",
)
@click.option("--value", metavar="TEXT", help="For rectification: the new number, or the statement.")
@letter_option
@reason_option
@who_options
@json_option
@pass_invocation
def fulfil(
    invocation: Invocation,
    /,
    *,
    request: int,
    target: Path | None,
    zip_passphrase_fd: int | None,
    partly: bool,
    hold: str | None,
    field: str | None,
    value: str | None,
    letter: Path | None,
    reason: str,
    as_json: bool,
    **given: Any,
) -> None:
    """Do what REQUEST asks, with every call that was confirmed, and note that it is done.

    Access and portability: one ZIP with a folder for each call (the recording, the other party silenced
    where the policy says so, and a manifest with the evidence of consent) and the letter; portability
    has data.json as well. Erasure, withdrawal and objection destroy the recordings; restriction closes
    them; rectification puts a number right or adds a statement.

    \b
    Example:
      consentline request fulfil 7 --to ./2026-118.zip --reason "inzage gegeven"
      consentline request fulfil 8 --letter brief.html --reason "gewist zoals gevraagd"
    """
    refuse_letter(letter)
    if target is not None:
        row = _with_copy(invocation, given, request, target, descriptor=zip_passphrase_fd, reason=reason)
    else:
        if zip_passphrase_fd is not None:
            raise click.UsageError("--zip-passphrase-fd: goes with --to")
        question = {"reason": reason, "partly": partly, "hold": hold, "field": field, "value": value}
        row = ask(invocation, given, f"/requests/{request}/fulfil", question)
    write_letter(row, letter)
    show_request(row, as_json=as_json)


def _with_copy(
    invocation: Invocation,
    given: dict[str, Any],
    request: int,
    target: Path,
    *,
    descriptor: int | None,
    reason: str,
) -> Row:
    from commands.audio import copies
    from commands.audio.copying import zip_passphrase
    from commands.frame.endings import ending_leaves_nothing
    from commands.identity.asking_why import Why
    from commands.identity.proving import asked

    if not copies.is_zip(target):
        raise click.UsageError("--to: must end in .zip: what is handed out is encrypted")
    who, daemon = who_of(given), invocation.daemon()
    copies.refuse_target(target)
    passphrases = asked(daemon, who)
    secret = zip_passphrase(target, descriptor)
    proved = passphrases.prove(daemon)
    package = daemon.ask_object(
        "POST", f"/requests/{request}/package", {**proved.to_json(), "reason": reason}
    )
    proved = replace(proved, policy=package["policy"])  # whoever has hats under several opens under this one
    why = Why(purpose=PURPOSE, reason=reason, case=package["reference"])
    with (
        ending_leaves_nothing(),
        copies.new_target(target, secret) as copy,
        ExitStack() as open_accesses,
    ):
        accesses = [
            _add(copy, daemon, passphrases, proved, folder, package, why, open_accesses)
            for folder in package["recordings"]
        ]
        _add_texts(copy, package)
        digests = copy.finish()
        for access in accesses:
            access.complete(digests)
        for path in copy.publish():
            click.echo(str(path), err=True)
    # Last: while this is not noted the request stays open, and its term runs.
    again = passphrases.prove_again(daemon, proved)
    question = {"reason": reason, "copies": [digest.to_json() for digest in digests]}
    return daemon.ask_object("POST", f"/requests/{request}/fulfil", {**again.to_json(), **question})


def _add(  # noqa: PLR0917 - one recording of a package
    copy: Target,
    daemon: Daemon,
    passphrases: Passphrases,
    proved: Proved,
    folder: str,
    package: Row,
    why: Why,
    until: ExitStack,
) -> Access:
    """Add one recording with its manifest; its access stays open until the whole copy is told."""
    from commands.audio import rendering
    from commands.audio.copying import manifest_of
    from commands.audio.disclosure import opened

    silence, recording = package["silence"], package["recordings"][folder]
    side = None if silence is None else rendering.Side(silence)
    again = passphrases.prove_again(daemon, proved)
    access = until.enter_context(opened(daemon, again, recording, "export", why))
    with access.plaintext() as flac, rendering.opened(flac, silence=side) as sound:
        digest = copy.add_audio(sound, rendering.FORMATS["wav"], folder=folder)
        manifest = manifest_of(access, sound, digest, silence)
        copy.add_manifest({**manifest, "statements": package["statements"][folder]}, folder=folder)
    return access


def _add_texts(copy: Target, package: Row) -> None:
    copy.add_text("letter.html", package["letter"]["html"])
    copy.add_text("letter.md", package["letter"]["md"])
    if package["data"] is not None:
        copy.add_data("data.json", package["data"])
