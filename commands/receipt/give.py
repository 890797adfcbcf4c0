"""`consentline receipt RECORDING`: the signed proof that a recording is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.signing import language_option, signed

if TYPE_CHECKING:
    from store.files.archive import Archive
    from store.logbook.notes import Signer


@click.command()
@click.argument("recording")
@language_option
@pass_invocation
def give(invocation: Invocation, recording: str, language: str) -> None:
    """Print the receipt of a recording that is gone: signed, for a person to read and to verify.

    It says what was removed, when, by which rule, what could not be removed (copies that were
    handed out, backups), and proves that the destruction is an entry of the ledger. Key,
    vault and spool are looked at before: if anything is left there is no receipt (exit code
    9). Make it while the entry is kept: on its term what it tells is erased.

    \b
    Example:
      consentline receipt 7f3a1c9e5b2d4f608a7b6c5d4e3f2a1b --lang nl > bewijs.txt
    """
    from policy.vocabulary import RecordingId
    from publish.words import Language

    recording_id = _recording_id(recording)

    def without(archive: Archive, signer: Signer) -> str:
        from store.proof import receipts

        return receipts.give(archive, signer, RecordingId(recording_id), Language(language))

    question = {"recording": recording_id, "language": language}
    click.echo(signed(invocation, "/receipt", question, without), nl=False)


def _recording_id(text: str) -> str:
    import re

    if re.fullmatch(r"[0-9a-f]{32}", text) is None:
        raise click.BadParameter(
            f'must be the id of a recording, 32 digits of 0-9 and a-f, got "{text[:60]}"',
            param_hint="RECORDING",
        )
    return text
