"""What the keys of a report are called, in Dutch and English.

A test asserts that each key that a report can hold stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from policy.clock import LOCAL_ZONE, from_iso
from policy.reports import ReportName
from publish.reports.figures import By, Fact, Unit
from publish.words import Language, Said

TITLES: Final[Mapping[ReportName, Said]] = {
    ReportName.CALLS: Said("Gesprekken", "Calls"),
    ReportName.CONSENT: Said("Opnemen: wat bellers ervan zeggen", "Recording: what callers say"),
    ReportName.ACCESS: Said("Inzage in opnamen", "Access to recordings"),
    ReportName.RETENTION: Said("Bewaren en wissen", "Keeping and erasing"),
    ReportName.CASEWORK: Said("Zaken", "Casework"),
    ReportName.COMPLIANCE: Said("Naleving van het beleid", "Compliance with the policy"),
    ReportName.BREACH: Said("Wat er op een moment op de server stond", "What was on the host at a moment"),
}

BY: Final[Mapping[By, Said]] = {
    By.ALL: Said("Hele periode", "Whole period"),
    By.DAY: Said("Dag", "Day"),
    By.HOUR: Said("Uur van de dag", "Hour of the day"),
    By.QUEUE: Said("Wachtrij", "Queue"),
    By.AGENT: Said("Medewerker", "Agent"),
    By.PURPOSE: Said("Doel of reden", "Purpose or reason"),
}

KEYS: Final[Mapping[str, Said]] = {
    "whole": Said("samen", "together"),
    "total": Said("totaal", "total"),
    "unnamed": Said("niet bekend", "not known"),
    # tables
    "calls": Said("Gesprekken", "Calls"),
    "consent": Said("Opnemen", "Recording"),
    "access": Said("Geopende opnamen", "Recordings opened"),
    "retention": Said("Gewiste opnamen", "Recordings erased"),
    "incidents": Said("Gemelde incidenten", "Incidents flagged"),
    "holds": Said("Opnamen langer vastgehouden", "Recordings held longer"),
    # how a call was answered
    "answered": Said("beantwoord", "answered"),
    "in_vain": Said("voor niets gewacht", "waited in vain"),
    "gone_at_notice": Said("opgehangen tijdens de melding", "hung up during the notice"),
    "not_known": Said("niet bekend", "not known"),
    "answered_rate": Said("deel beantwoord", "share answered"),
    "waited_median": Said("wachttijd, mediaan", "waiting time, median"),
    "waited_p90": Said("wachttijd, 90 % korter dan", "waiting time, 90 % shorter than"),
    "talked_median": Said("gespreksduur, mediaan", "duration, median"),
    "talked_p90": Said("gespreksduur, 90 % korter dan", "duration, 90 % shorter than"),
    "talked_hours": Said("gesproken", "talked"),
    "passed_unasked": Said(
        "Langs de poort gegaan zonder vraag (intern of uitgaand)",
        "Went past the gate unasked (internal or outbound)",
    ),
    "waiting_not_kept": Said(
        "Wachttijd wordt niet bewaard: het beleid noemt haar niet",
        "Waiting time is not kept: the policy names none",
    ),
    # what was said to being recorded
    "recorded": Said("opgenomen", "recorded"),
    "withdrawn": Said("ingetrokken", "withdrawn"),
    "refused": Said("geweigerd", "refused"),
    "left_at_notice": Said("melding niet uitgehoord", "notice not heard out"),
    "not_asked": Said("niet gevraagd", "not asked"),
    "refusal_rate": Said("weigert, van wie gevraagd is", "refused, of those asked"),
    "withdrawal_rate": Said("trekt in, van wie opgenomen is", "withdrew, of those recorded"),
    # accesses
    "listen": Said("beluisterd", "listened to"),
    "export": Said("kopie verstrekt", "copy given"),
    "hand_over": Said("overgedragen", "handed over"),
    "register": Said("geregistreerd", "registered"),
    "retrieve": Said("opgehaald", "retrieved"),
    "erase": Said("gewist op verzoek", "erased by request"),
    "monitor": Said("meegeluisterd", "listened along"),
    "access_refused": Said("Geweigerde inzage", "Access refused"),
    # erasures
    "due": Said("termijn voorbij", "term over"),
    "requested": Said("op verzoek", "by request"),
    "incident_dropped": Said("incident afgewezen", "incident dropped"),
    "not_to_be_made": Said("hoorde er niet te zijn", "not to be made"),
    "nothing_in_it": Said("er is niets gezegd", "nothing was said"),
    "late_median": Said("te laat, mediaan", "late by, median"),
    "late_p90": Said("te laat, 90 % minder dan", "late by, 90 % less than"),
    "latest_erasure": Said("Meest te laat gewist", "Latest erasure was late by"),
    "erased_late": Said("Meer dan een minuut te laat gewist", "Erased more than a minute late"),
    "erased_early": Said("Voor hun einde gewist zonder verzoek", "Erased before their end without a word"),
    "present": Said("Opnamen die er nu zijn", "Recordings there now"),
    "overdue": Said("Daarvan over hun einde", "Of those past their end"),
    "held": Said("Nu vastgehouden", "Held now"),
    "lost": Said(
        "Zonder bestand, buiten iemands toedoen (lost)", "Without bytes, without anybody's doing (lost)"
    ),
    "oldest": Said("De oudste is van", "The oldest is of"),
    # casework
    "flagged": Said("gemeld", "flagged"),
    "kept": Said("bewaard", "kept"),
    "dropped": Said("afgewezen", "dropped"),
    "lapsed": Said("niet op tijd beoordeeld", "not assessed in time"),
    "placed": Said("geplaatst", "placed"),
    # what was on the host
    "open_recordings": Said("Nog niet verzegeld (leesbaar)", "Not sealed yet (readable)"),
    "sealed_recordings": Said("Verzegeld", "Sealed"),
    "gone_since": Said("Van al deze sindsdien gewist", "Of all these erased since"),
    "keyless": Said("Verzegeld, en geen sleutel meer over", "Sealed, and no key is left"),
    "sound_hours": Said("Samen, voor zover bekend", "Together, as far as is known"),
    "newest": Said("De nieuwste is van", "The newest is of"),
    "calls_with_data": Said("Gesprekken waarvan gegevens er stonden", "Calls whose data were there"),
    "caller_lines": Said("Verschillende nummers", "Different numbers"),
    "callers_withheld": Said("Zonder nummer", "Without a number"),
    "call_data_gone_since": Said(
        "Waarvan de gegevens sindsdien gewist zijn", "Of which the data were erased since"
    ),
    "agents_concerned": Said("Medewerkers die zo'n gesprek hadden", "Agents who held such a call"),
    "newest_call": Said("De nieuwste belgegevens zijn van", "The newest call data are of"),
    # evidence of promises
    "oldest_call": Said("De oudste belgegevens zijn van", "The oldest call data are of"),
    "calls_overdue": Said("Belgegevens over hun einde", "Call data past their end"),
    "erased_due": Said("Gewist na hun termijn", "Erased when their term was over"),
    "last_erasure": Said("De laatste keer op", "The last time at"),
    "permitted": Said("Opgenomen na de melding", "Recorded after the notice"),
    "recorded_after_refusal": Said("Opnamen na een weigering", "Recordings after a refusal"),
    "recorded_unheard": Said(
        "Opnamen zonder dat de melding was uitgehoord", "Recordings whose notice was not heard out"
    ),
    "slowest_withdrawal": Said("Langste tijd tot gewist", "Longest time until erased"),
    "withdrawn_and_there": Said("Ingetrokken en nog niet gewist", "Withdrawn and not erased yet"),
    "dropped_out_of_scope": Said("Gewist omdat het er niet bij hoorde", "Erased for being out of scope"),
    "out_of_scope_and_there": Said("Opnamen die er niet bij horen", "Recordings out of scope that are there"),
    "accesses": Said("Keer geopend", "Times opened"),
    "accesses_for_it": Said("Keer geopend hiervoor", "Times opened for it"),
    "accesses_for_no_purpose": Said("Keer geopend voor een ander doel", "Times opened for another purpose"),
    "accesses_by_it": Said("Keer geopend op deze regel", "Times opened by this rule"),
    "accesses_by_no_grant": Said("Keer geopend zonder regel", "Times opened by no rule"),
    "accesses_against_it": Said("Keer geopend tegen deze regel", "Times opened against it"),
    "refused_by_it": Said("Keer geweigerd op deze regel", "Times refused by it"),
    "heard_undrawn": Said("Daarvan buiten een steekproef", "Of those outside a draw"),
    "holds_placed": Said("Keer langer vastgehouden", "Times held longer"),
    "holds_for_no_reason": Said("Daarvan om een onbekende reden", "Of those for an unknown reason"),
    "holds_past_end": Said("Vastgehouden na het einde", "Held past their end"),
    "extended": Said("Keer verlengd", "Times extended"),
    "extended_past_end": Said("Verlengd en na het einde nog daar", "Extended and there past the end"),
    "handed_over": Said("Keer overgedragen", "Times handed over"),
    "draws": Said("Steekproeven", "Draws"),
    "agents_not_told": Said("Medewerkers die het niet verteld is", "Agents who were not told"),
    "unnamed_waiting": Said("Wachttijden die niet genoemd zijn", "Waiting times that are not named"),
    "ledger_entries": Said("Regels in het logboek", "Entries of the ledger"),
    "checkpoint_entries": Said("Daarvan onder een ondertekend ijkpunt", "Of those under a signed checkpoint"),
    "ledger_breaks": Said("Breuken gevonden", "Breaks found"),
    "ledger_breaks_at": Said("Breuk", "Break"),
    "ledger_not_verified": Said("Niet nagerekend; doe dat met", "Not verified; do so with"),
    "keys_without_holder": Said("Sleutels zonder houder", "Keys without a holder"),
    "keys_in_custody": Said("Sleutels nog bij een bewaarder", "Keys still with a custodian"),
    "backup_mode": Said("Reservekopie van opnamen", "Backup of recordings"),
    "folders_unmarked": Said(
        "Mappen die een reservekopie niet overslaat", "Folders that a backup would not pass"
    ),
    "requests": Said("Verzoeken van betrokkenen", "Requests of data subjects"),
    "handovers": Said("Overdrachten gevraagd", "Hand-overs asked for"),
    "orders": Said("Bevelen", "Compulsory orders"),
    "reviews": Said("Beoordelingen ingevuld", "Reviews filled in"),
    "requests_overdue": Said("Verzoeken over hun termijn", "Requests past their deadline"),
    "requests_taken": Said("Verzoeken ontvangen", "Requests received"),
    "orders_overdue": Said("Bevelen die beantwoord hadden moeten zijn", "Orders overdue for an answer"),
    "reviews_overdue": Said("Medewerkers zonder beoordeling op tijd", "Agents without their review in time"),
    "notices_waiting": Said("Berichten die nog niet verstuurd zijn", "Notices that were not sent yet"),
    "incidents_overdue": Said(
        "Incidenten die beoordeeld hadden moeten zijn", "Incidents overdue for assessment"
    ),
}


def said(key: str, language: Language) -> str:
    """Return what a key is called."""
    return KEYS[key].in_(language)


def in_unit(value: float | str | None, unit: Unit, language: Language) -> str:
    """Return a number as people read it; a dash where there is none or it is hidden."""
    if value is None:
        return "–"
    match unit:
        case Unit.MOMENT:
            return _moment(from_iso(str(value)))
        case Unit.TEXT:
            return str(value)
        case Unit.PERCENT:
            return f"{_number(float(value), language)} %"
        case Unit.HOURS:
            return f"{_number(float(value), language)} {Said('uur', 'h').in_(language)}"
        case Unit.SECONDS:
            return _duration(float(value), language)
        case Unit.COUNT:
            return f"{int(value):,}".replace(",", "." if language is Language.NL else ",")


def fact(one: Fact, language: Language) -> str:
    """Return the value of a fact."""
    return in_unit(one.value, one.unit, language)


def label(text: str, by: By, language: Language) -> str:
    """Return what a group is called."""
    if not text:
        return said("unnamed", language)
    if by is By.DAY and language is Language.NL:
        return date.fromisoformat(text).strftime("%d-%m-%Y")
    return text


def between(since: str, before: str, language: Language) -> str:
    """Return from when until when, in local time; both are ISO-8601."""
    to = Said("tot", "to").in_(language)
    return f"{_moment(from_iso(since))} {to} {_moment(from_iso(before))}"


def _moment(moment: datetime) -> str:
    return moment.astimezone(LOCAL_ZONE).strftime("%Y-%m-%d %H:%M")


def _number(value: float, language: Language) -> str:
    text = f"{value:,.1f}"
    return text.translate(str.maketrans(",.", ".,")) if language is Language.NL else text


def _duration(value_s: float, language: Language) -> str:
    if value_s < 60:
        return f"{round(value_s)} s"
    minutes, seconds = divmod(round(value_s), 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} {Said('uur', 'h').in_(language)} {minutes:02d} min"
