"""A receipt or a declaration held against the log of this installation, not against one key alone.

More is known here than the vkey tells: every key of the log with its sizes, the tree that a checkpoint
has to be of, and for a key that signs no more, which texts the ledger gave while it did. So what somebody
signs with an old key that they got hold of is not believed here, whatever size they write into it.
"""

from __future__ import annotations

from dataclasses import dataclass

from policy.errors import IntegrityError, NotFound
from store.db import Db
from store.logbook import ledger, ledger_nodes, ledger_search, log_keys, notes, proofs
from store.logbook.checkpoints import Checkpoint
from store.logbook.ledger import Kind
from store.logbook.ledger_search import Wanted
from store.logbook.log_keys import Span
from store.logbook.notes import NoteUnsigned, VerifierKey
from store.proof import declarations, receipts
from store.proof.receipts import Confirmed

_GIVEN = (Kind.RECEIPT_GIVEN.value, Kind.DECLARATION_GIVEN.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """What a signed text proves.

    Attributes:
        key: Who signed it.
        checkpoint: The log that it was proven against.
        receipt: What it says of a recording; None: it is a declaration.
    """

    key: VerifierKey
    checkpoint: Checkpoint
    receipt: Confirmed | None


def confirm(text: str, key: VerifierKey) -> Paper:
    """Return what a text proves to whoever believes this key; errors as those of both kinds of text."""
    if receipts.is_receipt(text):
        receipt = receipts.confirm(text, key)
        return Paper(key=key, checkpoint=receipt.checkpoint, receipt=receipt)
    return Paper(key=key, checkpoint=declarations.confirm(text, key), receipt=None)


def confirm_here(db: Db, text: str) -> Paper:
    """Return what a text proves by the log of this installation.

    Raises:
        NotFound: If it has no signing key yet.
        NoteUnsigned: If no key of this log signed it.
        IntegrityError: If it does not prove what it says, or is not what this log gave.
    """
    spans = log_keys.spans_in(db)
    if not spans:
        raise NotFound("this installation has no signing key yet", hint="name the key with --vkey")
    span = _signer(text, spans)
    paper = confirm(text, span.key)
    _must_be_of_this_log(db, paper.checkpoint)
    if span.last is not None:
        _must_have_been_given(db, text, span.last)
    return paper


def _signer(text: str, spans: tuple[Span, ...]) -> Span:
    for span in spans:
        try:
            notes.open_note(text, span.key)
        except NoteUnsigned:
            continue
        return span
    raise NoteUnsigned(f"note: bears no signature of {' or '.join(span.key.text for span in spans)}")


def _must_be_of_this_log(db: Db, checkpoint: Checkpoint) -> None:
    size = ledger.head(db).size
    if checkpoint.size > size or proofs.root_at(ledger_nodes.nodes(db), checkpoint.size) != checkpoint.root:
        raise IntegrityError(f"checkpoint of {checkpoint.size} entries: is not of this installation's log")


def _must_have_been_given(db: Db, text: str, last: int) -> None:
    digest = notes.digest_of(text)
    for entry in ledger_search.search(db, Wanted(kinds=_GIVEN)):
        if entry.seq < last and entry.payload is not None and entry.payload.get("sha256") == digest:
            return
    raise IntegrityError(
        f"signed with a key that signs nothing beyond {last} entries, and the ledger tells of no such text",
        hint="what it told of it may have expired; who got the vkey before then verifies with --vkey",
    )
