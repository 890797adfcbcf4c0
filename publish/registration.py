"""A page of one registered incident, to be printed or typed over into the register; never its sound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from publish.page import Heading, Page, Table, paragraph
from publish.words import Language, Said, speaker

AGGRESSION: Final[Mapping[str, Said]] = {
    "verbal": Said("verbale agressie", "verbal aggression"),
    "intimidation": Said("intimidatie", "intimidation"),
    "threat": Said("bedreiging", "threat"),
    "discrimination": Said("discriminatie", "discrimination"),
    "sexual": Said("seksuele intimidatie", "sexual harassment"),
    "misconduct": Said("verwijtbaar gedrag", "misconduct"),
    "other": Said("anders", "other"),
}


def registration_page(row: Mapping[str, object], local_time: str, language: Language) -> Page:
    """Return the page of a registration.

    Args:
        row: As `RegistrationRow.to_json` has it.
        local_time: When it happened, as people read it.
        language: Of the page; what somebody wrote stays as they wrote it.
    """
    say = speaker(language)
    day, _, hour = local_time.partition(" ")
    fields = (
        (say("Datum", "Date"), day),
        (say("Tijd", "Time"), hour[:5]),
        (say("Plaats of kanaal", "Place or channel"), _text(row["place"])),
        (say("Aard", "What happened"), AGGRESSION[str(row["aggression"])].in_(language)),
        (say("Maatregelen", "Measures"), _text(row["measures"])),
        (
            say("Aangifte gedaan", "Report filed with the police"),
            say("ja", "yes") if row["report_filed"] else say("nee", "no"),
        ),
        (say("Nummer in het register", "Number in the register"), _text(row["register_number"])),
        (say("Vastgelegd door", "Registered by"), f"{row['registered_by']} ({row['role']})"),
    )
    return Page(
        language=language.value,
        title=f"Incident {row['incident']}, {row['policy']}",
        blocks=(
            Table(
                (say("Veld", "Field"), say("Inhoud", "Content")),
                tuple(((name,), (text,)) for name, text in fields),
            ),
            Heading(say("Wat er is gezegd", "What was said")),
            *(paragraph(line) for line in str(row["said"]).splitlines() if line.strip()),
        ),
        foot=say(
            "Gegevens uit het gesprek, in eigen woorden; nooit het gesprek zelf.",
            "Data from the call, in the registrar's own words; never the call itself.",
        ),
    )


def _text(value: object) -> str:
    return str(value) if value else "-"
