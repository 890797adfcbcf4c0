"""The words of a *verklaring van vernietiging*: what was destroyed in a period, run by run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from policy.clock import to_local
from policy.vocabulary import ErasedBecause, WithdrawnBy
from publish.receipt import printable, reason_in_words
from publish.words import Language, speaker

HEADS = ("VERKLARING VAN VERNIETIGING", "DECLARATION OF DESTRUCTION")
LATE_AFTER_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """One recording that went.

    Attributes:
        rule: Which promise gave its term, in the policy's words.
        entry: The ledger's entry of it; None where that has expired on its own term.
    """

    recording_id: str
    policy: str
    started_at: datetime
    due_at: datetime
    rule: str
    because: ErasedBecause
    withdrawn_by: WithdrawnBy | None
    erased_at: datetime
    lateness_ms: int
    entry: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What went at one moment, in one go."""

    at: datetime
    gone: tuple[Gone, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """What was destroyed from one moment to before another.

    Attributes:
        organisation: Whose recordings; None: those of the whole installation.
        policy: The policy they were made under; None: any.
        unfinished: Recordings whose destruction was begun and is not complete, now.
        still_there: Of those listed, which were found to be there when the declaration was made.
        epoch_keys: Names of the keys of past epochs that were destroyed in the period.
        vkey: Who signs; None: nobody signs this.
    """

    organisation: str | None
    policy: str | None
    since: datetime
    until: datetime
    made_at: datetime
    runs: tuple[Run, ...]
    unfinished: tuple[str, ...]
    still_there: tuple[str, ...]
    epoch_keys: tuple[str, ...]
    entries: int
    vkey: str


def declaration(period: Period, language: Language) -> str:
    """Return the declaration as a person reads it; each line ends in a line break."""
    lines = (
        *_head(period, language),
        *_method(language),
        *_runs(period, language),
        *_rest(period, language),
    )
    return "".join(f"{printable(line)}\n" for line in lines)


def _head(period: Period, language: Language) -> Iterator[str]:
    say = speaker(language)
    count = sum(len(run.gone) for run in period.runs)
    yield say(*HEADS)
    yield ""
    if period.organisation is not None:
        yield say("Organisatie: ", "Organisation: ") + period.organisation
    yield say("Beleid: ", "Policy: ") + (period.policy or say("alle", "all"))
    since, until = to_local(period.since), to_local(period.until)
    yield say(f"Periode: van {since} tot {until}", f"Period: from {since} to before {until}")
    yield say("Opgemaakt op: ", "Made on: ") + to_local(period.made_at)
    yield say(
        f"Aantal vernietigde opnamen: {count}, in {len(period.runs)} keer.",
        f"Recordings destroyed: {count}, in {len(period.runs)} runs.",
    )
    yield say("Alle tijden zijn Nederlandse tijd.", "All times are Dutch time.")


def _method(language: Language) -> Iterator[str]:
    say = speaker(language)
    yield ""
    yield say("HOE ER WORDT VERNIETIGD", "HOW IT IS DONE")
    yield say(
        "Eerst gaat de sleutel weg; daarna kan niemand het bestand nog openen. Dan gaan het bestand in"
        " de kluis en"
        " alle onversleutelde bestanden weg. Dan wordt gekeken of er niets meer is. Pas daarna komt de"
        " vernietiging"
        " in het logboek.",
        "First the key goes; from then on nobody can open the file. Then the file in the vault and all"
        " unsealed"
        " files go. Then it is looked whether nothing is left. Only after that the destruction is put on"
        " the ledger.",
    )


def _runs(period: Period, language: Language) -> Iterator[str]:
    say = speaker(language)
    for run in period.runs:
        count, at = len(run.gone), to_local(run.at)
        yield ""
        yield say(f"OP {at}: {count} OPNAMEN", f"ON {at}: {count} RECORDINGS")
        for gone in run.gone:
            yield from _gone(gone, language)
    if not period.runs:
        yield ""
        yield say("In deze periode is niets vernietigd.", "Nothing was destroyed in this period.")


def _gone(gone: Gone, language: Language) -> Iterator[str]:
    say = speaker(language)
    began, due = to_local(gone.started_at), to_local(gone.due_at)
    yield f"- {gone.recording_id} ({gone.policy})"
    yield say(f"  gesprek van {began}; uiterste moment {due}", f"  call of {began}; at the latest {due}")
    yield say("  reden: ", "  because: ") + reason_in_words(gone.because, gone.withdrawn_by, language)
    yield say("  bewaarregel: ", "  rule of its term: ") + gone.rule
    if gone.lateness_ms > LATE_AFTER_MS:
        late_s = gone.lateness_ms // 1000
        yield say(f"  TE LAAT: {late_s} seconden", f"  LATE: {late_s} seconds")
    if gone.entry is None:
        yield say(
            "  de regel in het logboek is op zijn termijn gewist", "  its ledger entry expired on its term"
        )
    else:
        yield say(f"  regel {gone.entry} van het logboek", f"  ledger entry {gone.entry}")


def _rest(period: Period, language: Language) -> Iterator[str]:
    say = speaker(language)
    yield ""
    yield say("WAT ER NOG BIJ HOORT", "WHAT ELSE THERE IS TO SAY")
    if period.still_there:
        for one in period.still_there:
            yield say(f"- NIET WEG: {one}", f"- NOT GONE: {one}")
    else:
        yield say(
            "- Bij het opmaken is van elke opname hierboven opnieuw gekeken: er is niets meer van.",
            "- When this was made each recording above was looked for again: nothing of it is left.",
        )
    for one in period.unfinished:
        yield say(f"- Begonnen en nog niet klaar: {one}", f"- Begun and not complete yet: {one}")
    if period.epoch_keys:
        names = ", ".join(period.epoch_keys)
        yield say(
            f"- Vernietigde periodesleutels: {names}. Kopieën van eerder zijn daarmee niet meer te openen.",
            f"- Keys of past epochs destroyed: {names}. Copies from before cannot be opened any more.",
        )
    yield say(
        "- Kopieën die eerder zijn verstrekt vallen niet onder onze controle; zie het bewijs van elke"
        " opname.",
        "- Copies handed out before are not under our control; see the receipt of each recording.",
    )
    yield say(
        f"- Deze verklaring is ondertekend met {period.vkey}; het logboek had toen {period.entries} regels.",
        f"- This declaration is signed with {period.vkey}; the ledger then had {period.entries} entries.",
    )
