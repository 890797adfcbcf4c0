"""The words of a receipt: that one recording is gone, in Dutch at B1 level or in English.

Lines of text without markup: they are signed as they stand (`store/proof/receipts.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from policy.clock import to_local
from policy.retention import BackupMode
from policy.vocabulary import ErasedBecause, WithdrawnBy
from publish.words import Language, Said, Words, speaker

REASON: Final[Words] = {
    ErasedBecause.DUE: Said("de bewaartermijn was voorbij", "its term was over"),
    ErasedBecause.WITHDRAWN: Said("de toestemming of medewerking is ingetrokken", "it was withdrawn"),
    ErasedBecause.REQUEST: Said("de betrokkene vroeg erom", "the data subject asked for it"),
    ErasedBecause.OBJECTION: Said("de betrokkene maakte bezwaar", "the data subject objected"),
    ErasedBecause.OUT_OF_SCOPE: Said(
        "het gesprek had niet opgenomen mogen worden", "the call should not have been recorded"
    ),
    ErasedBecause.INCIDENT_DROPPED: Said(
        "een melding is beoordeeld en niet bewaard", "an incident was assessed and dropped"
    ),
    ErasedBecause.CONTROLLER_LOST: Said(
        "het was niet zeker dat de beller kon stoppen", "nobody could be sure that the caller could say stop"
    ),
    ErasedBecause.EMPTY: Said("er is niets gezegd", "nothing was said"),
    ErasedBecause.GHOST: Said("er was geen gesprek bij", "there was no call to it"),
}
BY: Final[Words] = {
    WithdrawnBy.CALLER_KEY: Said("de beller, met een toets", "the caller, by a key"),
    WithdrawnBy.AGENT_KEY: Said("de medewerker, met een toets", "the agent, by a key"),
    WithdrawnBy.OPERATOR: Said("een beheerder", "an operator"),
    WithdrawnBy.SECOND_GATE: Said("de beller, bij een tweede melding", "the caller, at a second notice"),
    WithdrawnBy.DIALPLAN: Said(
        "de beller, via de telefooncentrale", "the caller, through the telephone system"
    ),
}
_RULE_MAY_NAME: Final = 200


class Copied(Enum):
    """How much is known of a copy."""

    MADE = "made"
    PERHAPS = "perhaps"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOut:
    """A copy that was given to somebody before the recording went.

    Attributes:
        at: When.
        by: Who did it, as the ledger says.
        entry: The ledger's entry.
        what: What kind of file.
        sha256: Its hash, or None where none was reported.
    """

    at: datetime
    by: str
    entry: int
    copied: Copied
    what: str
    sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What there is to say of one recording that is gone.

    Attributes:
        organisation: None where the policy's text is not kept any more.
        rule: Which promise gave its term, in the policy's words.
        due_at: When it had to be gone by that.
        was_sealed: Else no key of it and no file in the vault ever was.
        removed: What the ledger says was found and removed, in its words.
        checked_at: When its absence was looked at again, for this receipt.
        blind_at: From when older copies of database and vault are unreadable; None: no key ever was.
        entry: The ledger's entry of the destruction.
        checkpoint_size, checkpoint_at: Of the checkpoint that it is proven against.
        vkey: Who signs.
    """

    organisation: str | None
    policy: str
    policy_hash: str
    recording_id: str
    call_id: str
    started_at: datetime
    erased_at: datetime
    because: ErasedBecause
    withdrawn_by: WithdrawnBy | None
    rule: str
    due_at: datetime
    was_sealed: bool
    removed: tuple[str, ...]
    checked_at: datetime
    copies: tuple[HandedOut, ...]
    backups: BackupMode | None
    blind_at: datetime | None
    entry: int
    checkpoint_size: int
    checkpoint_at: datetime
    vkey: str


def receipt_text(erasure: Erasure, language: Language) -> str:
    """Return the receipt as a person reads it; each line ends in a line break."""
    lines = (
        *_head(erasure, language),
        *_removed(erasure, language),
        *_not_removed(erasure, language),
        *_proof(erasure, language),
    )
    return "".join(f"{printable(line)}\n" for line in lines)


def printable(text: str) -> str:
    """Return text that can stand in a signed note: one line, no control characters."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def reason_in_words(because: ErasedBecause, withdrawn_by: WithdrawnBy | None, language: Language) -> str:
    """Return why a recording went, and who said so where somebody did."""
    reason = REASON[because].in_(language)
    return reason if withdrawn_by is None else f"{reason} ({BY[withdrawn_by].in_(language)})"


def _head(erasure: Erasure, language: Language) -> Iterator[str]:
    say = speaker(language)
    yield say("BEWIJS VAN VERNIETIGING VAN EEN OPNAME", "RECEIPT: A RECORDING IS GONE")
    yield ""
    if erasure.organisation is not None:
        yield say("Organisatie: ", "Organisation: ") + erasure.organisation
    yield say("Opname: ", "Recording: ") + erasure.recording_id
    began = _time(erasure.started_at, language)
    yield say(f"Gesprek: {erasure.call_id}, begonnen op {began}", f"Call: {erasure.call_id}, began {began}")
    yield say("Vernietigd op: ", "Gone since: ") + _time(erasure.erased_at, language)
    reason = reason_in_words(erasure.because, erasure.withdrawn_by, language)
    yield say("Reden: ", "Because: ") + reason
    due = _time(erasure.due_at, language)
    yield say("Bewaarregel: ", "Rule of its term: ") + erasure.rule[:_RULE_MAY_NAME]
    yield say(f"Uiterste moment volgens die regel: {due}", f"By that rule at the latest: {due}")
    yield say("Beleid: ", "Policy: ") + f"{erasure.policy}, SHA-256 {erasure.policy_hash}"


def _removed(erasure: Erasure, language: Language) -> Iterator[str]:
    say = speaker(language)
    yield ""
    yield say("WAT IS VERNIETIGD", "WHAT WAS REMOVED")
    if erasure.was_sealed:
        yield say(
            "- De sleutel van de opname. Zonder die sleutel kan niemand het bestand nog openen.",
            "- The key of the recording. Without it nobody can open the file any more.",
        )
        yield say("- Het versleutelde bestand in de kluis.", "- The sealed file in the vault.")
    else:
        yield say(
            "- De opname is nooit in de kluis gekomen. Er is nooit een sleutel van opgeslagen.",
            "- The recording never came into the vault. No key of it was ever stored.",
        )
    yield say("- De onversleutelde bestanden op de telefooncentrale.", "- The unsealed files on the PBX.")
    if erasure.removed:
        found = ", ".join(erasure.removed)
        yield say(
            f"Het logboek noemt als gevonden en verwijderd: {found}.",
            f"The ledger names as found and removed: {found}.",
        )
    checked = _time(erasure.checked_at, language)
    yield say(
        f"Op {checked} is opnieuw gekeken. Sleutel, bestand in de kluis en onversleutelde bestanden:"
        " niets gevonden.",
        f"On {checked} it was looked for again. Key, file in the vault and unsealed files: nothing was"
        " found.",
    )


def _not_removed(erasure: Erasure, language: Language) -> Iterator[str]:
    say = speaker(language)
    yield ""
    yield say("WAT WIJ NIET KUNNEN VERNIETIGEN", "WHAT WE CANNOT REMOVE")
    if not erasure.copies:
        yield say(
            "- Volgens het logboek heeft niemand een kopie gekregen.",
            "- By the ledger nobody was given a copy.",
        )
    for copy in erasure.copies:
        yield _copy(copy, language)
    match erasure.backups:
        case BackupMode.NONE:
            yield say(
                "- Back-ups: volgens het beleid komen opnamen in geen enkele back-up.",
                "- Backups: by the policy no recording is in any backup.",
            )
        case BackupMode.VAULT:
            yield say(
                "- Back-ups: de kluis wordt gekopieerd naar een tweede server, die hetzelfde vernietigt."
                " Daar is voor dit bewijs niet gekeken.",
                "- Backups: the vault is mirrored to a second host that destroys the same."
                " It was not looked at for this receipt.",
            )
        case None:
            yield say(
                "- Back-ups: het beleid van toen is niet meer bewaard.", "- Backups: that policy is not kept."
            )
    if erasure.blind_at is not None:
        blind = _time(erasure.blind_at, language)
        yield say(
            f"- Oude kopieën van kluis en database: niet meer te openen vanaf {blind}.",
            f"- Older copies of vault and database: cannot be opened from {blind} on.",
        )


def _copy(copy: HandedOut, language: Language) -> str:
    say = speaker(language)
    at = _time(copy.at, language)
    if copy.copied is Copied.PERHAPS:
        return say(
            f"- Misschien een kopie: op {at} vrijgegeven aan {copy.by} (regel {copy.entry}); wat ervan"
            " kwam is"
            " niet gemeld. Die valt niet onder onze controle.",
            f"- Perhaps a copy: released on {at} to {copy.by} (entry {copy.entry}); what came of it was not"
            " told. It is not under our control.",
        )
    digest = copy.sha256 or say("niet vastgelegd", "not on record")
    return say(
        f"- Een kopie ({copy.what}), op {at} gemaakt door {copy.by} (regel {copy.entry}), SHA-256 {digest}."
        " Die valt niet onder onze controle.",
        f"- A copy ({copy.what}), made on {at} by {copy.by} (entry {copy.entry}), SHA-256 {digest}."
        " It is not under our control.",
    )


def _proof(erasure: Erasure, language: Language) -> Iterator[str]:
    say = speaker(language)
    size, at = erasure.checkpoint_size, _time(erasure.checkpoint_at, language)
    yield ""
    yield say("HOE U DIT CONTROLEERT", "HOW TO VERIFY THIS")
    yield say(
        f"De vernietiging is regel {erasure.entry} van het logboek. Hieronder staat het bewijs dat die"
        " regel hoort"
        f" bij het ondertekende controlepunt over de eerste {size} regels, van {at}.",
        f"The destruction is entry {erasure.entry} of the ledger. Below is the proof that this entry"
        " belongs to the"
        f" signed checkpoint over the first {size} entries, of {at}.",
    )
    yield say(
        "Dit hele bewijs is ondertekend. Vergelijk de sleutel met de sleutel die u eerder kreeg, en"
        " gebruik op een"
        " computer naar keuze:",
        "This whole receipt is signed. Compare the key with the one that you were given before, and use"
        " on any"
        " machine:",
    )
    yield f'  consentline receipt verify FILE --vkey "{erasure.vkey}"'


def _time(moment: datetime, language: Language) -> str:
    zone = "Nederlandse tijd" if language is Language.NL else "Dutch time"
    return f"{to_local(moment)} ({zone})"
