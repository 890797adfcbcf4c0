"""A policy: what one organisation promises its callers, as data that the code obeys.

Frozen, and closed: a key that is not here is an error. `policy/load.py` reads the files
and puts the errors into words. The tables stand in modules of their own, one noun each;
here they are put together, and here is what no table can check alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import combinations, permutations
from string import Formatter
from typing import Literal, Self

from pydantic import Field, model_validator

from policy.access import Access
from policy.cited import sources
from policy.clock import LOCAL_ZONE
from policy.consent import Consent, OnIncident
from policy.errors import shown
from policy.holds import Deviation, Hardship, HoldReason, Holds
from policy.identity import Conflict, Data, Identity, Staff, WorksCouncil
from policy.notice import Notice, Spoken
from policy.numbers import normalise
from policy.pause import Pause
from policy.period import Period
from policy.purposes import PURPOSES_BY_LAW, Balancing, Ground, Purpose
from policy.reports import Reports
from policy.retention import EVIDENCE, Backups, DataKind, Extension, Retention, SelectionList
from policy.reviews import Incidents, Reviews
from policy.rights import Right, Rights
from policy.scope import DialledNumber, Scope, end_of
from policy.section import Listed, Name, Section, unknown
from policy.sharing import Sharing
from policy.vocabulary import ConsentMode, PolicyName
from policy.working_days import WorkingDays

__all__ = ["PROMPT_NAMES", "Consent", "Policy", "PromptName", "sources"]

_SPOKEN_SPACES = re.compile(r"\s+")

PromptName = Literal["notice", "withdrawn", "restricted", "agent_recorded", "agent_not_recorded"]
PROMPT_NAMES: tuple[PromptName, ...] = (
    "notice",
    "withdrawn",
    "restricted",
    "agent_recorded",
    "agent_not_recorded",
)


class Policy(Section):
    """What one organisation promises.

    Attributes:
        name: File name without `.toml`.
        content_hash: SHA-256 of the file, 64 hexadecimal digits; identifies this version.
        identity: Whose promise it is.
        numbers: Every number of this organisation, as callers dial it.
        aliases: The numbers that the trunk really delivers for them, where they differ.
        scope: Which calls are recorded at all.
        consent: How a caller is asked.
        notice: What the caller hears first.
        withdrawn: What both parties hear once a recording is stopped and deleted.
        restricted: What both parties hear where a recording is stopped and kept, closed to everybody,
            while an incident or a hold is open; needed under `consent.on_incident` = `restrict`.
        agent_recorded: What the agent hears when the call is recorded.
        agent_not_recorded: What the agent hears when it is not.
        purposes: What calls are recorded for, by name.
        balancing: The weighing that ground 6(1)(f) asks for.
        data: Which personal data there can be.
        retention: How long each kind of data is kept.
        working_days: Which doubtful days are free.
        extensions: Longer terms for one recording, once.
        holds: Reasons to keep one recording.
        hardship: The hardship clause, where the text has one.
        granted_deviations: What was granted under it.
        sharing: Who outside gets what.
        rights: How data subjects use their rights.
        incidents: How aggression is registered.
        pause: How an agent keeps a spoken number out of the recording.
        access: Who may hear what; absent: nobody.
        reviews: How calls are reviewed; absent: they are not.
        reports: Who reads numbers about calls.
        works_council: Its agreement to reviewing and listening, and to counting by agent.
        staff: How agents know.
        backups: Whether recordings are in a backup.
        conflicts: Contradictions inside the text.
    """

    name: PolicyName
    content_hash: str
    identity: Identity
    numbers: tuple[DialledNumber, ...] = Field(min_length=1, strict=False)
    aliases: Listed[DialledNumber] = ()
    scope: Scope = Scope()
    consent: Consent
    notice: Notice
    withdrawn: Spoken
    restricted: Spoken | None = None
    agent_recorded: Spoken
    agent_not_recorded: Spoken
    purposes: dict[Name, Purpose] = Field(default_factory=dict)
    balancing: Balancing | None = None
    data: Data = Data()
    retention: Retention
    working_days: WorkingDays = WorkingDays()
    extensions: Listed[Extension] = ()
    holds: Holds = Holds()
    hardship: Hardship | None = None
    granted_deviations: Listed[Deviation] = ()
    sharing: Sharing = Sharing()
    rights: Rights = Rights()
    incidents: Incidents = Incidents()
    pause: Pause = Pause()
    access: Access | None = None
    reviews: Reviews | None = None
    reports: Reports = Reports()
    works_council: WorksCouncil | None = None
    staff: Staff = Staff()
    backups: Backups = Backups()
    conflicts: Listed[Conflict] = ()

    @property
    def prompts(self) -> tuple[PromptName, ...]:
        """Everything that is said under this policy."""
        return tuple(name for name in PROMPT_NAMES if getattr(self, name) is not None)

    @property
    def all_numbers(self) -> tuple[str, ...]:
        """Every number that selects this policy: as dialled, and as the trunk delivers it."""
        return self.numbers + self.aliases

    @property
    def all_purposes(self) -> Mapping[str, Purpose]:
        """Every purpose by name, those by law included."""
        return {**PURPOSES_BY_LAW, **self.purposes}

    @property
    def grounds(self) -> frozenset[Ground]:
        """The grounds of the organisation's own purposes."""
        return frozenset(purpose.ground for purpose in self.purposes.values())

    @property
    def recording_grounds(self) -> frozenset[Ground]:
        """The grounds of the purposes that recordings serve."""
        return frozenset(
            purpose.ground for purpose in self.purposes.values() if DataKind.RECORDING in purpose.about
        )

    @property
    def hold_reasons(self) -> Mapping[str, HoldReason]:
        """Every reason to hold a recording, by name, those by law included."""
        return self.holds.known()

    @model_validator(mode="after")
    def _promises_hang_together(self) -> Self:
        if problems := list(self._problems()):
            raise ValueError("\n".join(problems))
        return self

    def _problems(self) -> Iterator[str]:
        yield from self._words_that_are_missing()
        yield from self._numbers_twice()
        yield from self._evidence_gone_too_soon()
        yield from self._grounds_that_do_not_carry()
        yield from self._deviations_without_a_clause()
        yield from self._keys_that_hide_each_other()
        yield from self._names_that_nobody_declared()
        yield from self._keys_that_are_not_there()
        yield from self._reports_that_may_not_be()

    def _words_that_are_missing(self) -> Iterator[str]:
        languages = set(self.notice.text)
        for language, why in (("nl", "Dutch always"), (self.notice.default_language, "the default")):
            if language not in languages:
                yield f"notice.text.{language}: must be there ({why}), got nothing"
        if self.consent.on_incident is OnIncident.RESTRICT and self.restricted is None:
            yield 'restricted: must be there under consent.on_incident "restrict", got nothing'
        for spoken_name in self.prompts[1:]:
            spoken: Spoken = getattr(self, spoken_name)
            for language in sorted(languages - set(spoken.text)):
                yield f"{spoken_name}.text.{language}: must be there, as in notice.text, got nothing"
        for language, template in self.notice.text.items():
            for problem in self._template_problems(language, template, self._slots_wanted()):
                yield f"notice.text.{language}: {problem}"
        for spoken_name in self.prompts[1:]:
            for language, template in getattr(self, spoken_name).text.items():
                for problem in self._template_problems(language, template, set()):
                    yield f"{spoken_name}.text.{language}: {problem}"

    def _slots_wanted(self) -> set[str]:
        wanted = {"why", "statement"}
        if self.consent.mode is ConsentMode.OPT_OUT:
            wanted.add("refuse_key")
        if self.consent.mode is ConsentMode.OPT_IN:
            wanted.add("accept_key")
        if self.consent.withdraw_code is not None:
            wanted.add("how_to_withdraw")
        return wanted

    def _template_problems(self, language: str, template: str, wanted: set[str]) -> list[str]:
        try:
            fields = [field for field in Formatter().parse(template) if field[1] is not None]
        except ValueError as broken:
            return [f'must be a template with slots such as {{why}}, got a broken one ("{broken}")']
        slots = {str(slot) for _, slot, _, _ in fields}
        if any(form or conversion for _, _, form, conversion in fields):
            return ["must hold plain slots such as {why}, got one with a : or ! in it"]
        known = self._slots(language)
        problems = [f"must hold the slot {{{slot}}}, got none" for slot in sorted(wanted - slots)]
        problems += [f"slot {{{shown(slot)}}} has no value here" for slot in sorted(slots - set(known))]
        return problems

    def _numbers_twice(self) -> Iterator[str]:
        seen: dict[str, str] = {}
        for number in self.all_numbers:
            other = seen.setdefault(normalise(number), number)
            if other is not number:
                yield f'aliases: "{number}" is the same number as "{other}"'

    def _evidence_gone_too_soon(self) -> Iterator[str]:
        recording = _filled_in(self.retention.recording)
        for kind in (DataKind.RECORDING, *EVIDENCE):
            if _filled_in(self.retention.term(kind)) is None:
                yield f"retention.{kind.value}: must have a period before calls are served, got none"
        if recording is None:
            return
        longest = [_filled_in(extension.lasts) for extension in self.extensions]
        kept = recording.longest_days + max((term.longest_days for term in longest if term), default=0)
        for kind in EVIDENCE:
            if kind is not DataKind.CALL_DATA and getattr(self.retention, kind.value) is None:
                continue
            term = _filled_in(self.retention.term(kind))
            if term is None:
                continue
            if not recording.at_most(term):
                yield f"retention.{kind.value}: must be no shorter than recording ({recording}), got {term}"
            elif self.extensions and kept > term.shortest_days:
                yield (
                    f"retention.{kind.value}: must be no shorter than recording ({recording})"
                    f" with its longest extension, got {term}"
                )

    def _grounds_that_do_not_carry(self) -> Iterator[str]:
        for key in ("withdraw_code", "agent_withdraw_code"):
            if Ground.CONSENT in self.recording_grounds and getattr(self.consent, key) is None:
                yield f'consent.{key}: must be there under ground 6(1)(a) (AVG art. 7(3)), got "none"'
        if Right.PORTABILITY in self.rights.named and not self.grounds & {Ground.CONSENT, Ground.AGREEMENT}:
            yield "rights.named: portability needs a purpose under 6(1)(a) or 6(1)(b) (AVG art. 20), got none"

    def _keys_that_hide_each_other(self) -> Iterator[str]:
        """Refuse codes of one agent of which pressing the one presses the other, too."""
        codes = {
            "consent.agent_withdraw_code": self.consent.agent_withdraw_code,
            "incidents.flag_code": self.incidents.flag_code,
            "pause.code": self.pause.code,
        }
        given = [(key, code) for key, code in codes.items() if code is not None]
        for (key, code), (other, its_code) in combinations(given, 2):
            if any(one.startswith(two) or one.endswith(two) for one, two in permutations((code, its_code))):
                yield f'{other}: must neither begin nor end as {key} ("{code}"), got "{its_code}"'

    def _deviations_without_a_clause(self) -> Iterator[str]:
        if self.granted_deviations and self.hardship is None:
            yield "granted_deviations: must stand under a [hardship] clause, got none"
            return
        for index, deviation in enumerate(self.granted_deviations):
            where = f"granted_deviations.{index}"
            latest = self._latest_end(deviation)
            if latest is not None and deviation.until > latest:
                yield f"{where}.until: must be by {latest} (hardship.longest), got {deviation.until}"
            if deviation.deviates_from.split(".")[0] in ("retention", "extensions", "holds"):
                yield (
                    f"{where}.deviates_from: longer keeping is only ever a hold on named recordings (H8),"
                    f' got "{shown(deviation.deviates_from)}"'
                )

    def _latest_end(self, deviation: Deviation) -> date | None:
        """Return the last day on which a deviation may be in force; None without a clause."""
        if self.hardship is None:
            return None
        ends_at = self.hardship.longest.after(end_of(deviation.approved_on), self.working_days)
        return (ends_at - timedelta(minutes=1)).astimezone(LOCAL_ZONE).date()

    def _names_that_nobody_declared(self) -> Iterator[str]:
        if self.access is None:
            return
        for where, roles in self._roles_named():
            yield from unknown(where, "role", roles, self.access.roles)
        purposes = sorted(self.access.granted_purposes)
        yield from unknown("access.grants", "purpose", purposes, self.all_purposes)
        yield from unknown(
            "access.grants", "hold reason", sorted(self.access.hold_reasons), self.hold_reasons
        )

    def _reports_that_may_not_be(self) -> Iterator[str]:
        reports = self.reports
        if reports.purpose is not None:
            yield from unknown("reports.purpose", "purpose", (reports.purpose,), self.all_purposes)
        if reports.by_agent and self.works_council is None:
            yield "reports.by_agent: works_council must stand in the policy first (WOR art. 27), got none"

    def _keys_that_are_not_there(self) -> Iterator[str]:
        named = [(f"conflicts.{index}.about", one.about) for index, one in enumerate(self.conflicts)]
        named += [
            (f"granted_deviations.{index}.deviates_from", one.deviates_from)
            for index, one in enumerate(self.granted_deviations)
        ]
        if not named:
            return
        keys = [citation.key for citation in sources(self)]
        tables = {".".join(key.split(".")[:depth]) for key in keys for depth in range(1, key.count(".") + 2)}
        for where, key in named:
            yield from unknown(where, "key", (key,), sorted(tables))

    def _roles_named(self) -> Iterator[tuple[str, Sequence[str]]]:
        for index, extension in enumerate(self.extensions):
            yield f"extensions.{index}.indicated_by", (extension.indicated_by,)
            yield f"extensions.{index}.decided_by", (extension.decided_by,)
        for name, reason in self.holds.reasons.items():
            yield f"holds.reasons.{name}.decided_by", reason.decided_by
        if "law_decided_by" in self.holds.model_fields_set:
            yield "holds.law_decided_by", self.holds.law_decided_by
        if self.hardship is not None:
            yield "hardship.approved_by", self.hardship.approved_by
        yield "sharing.police.decided_by", self.sharing.police.decided_by
        yield "sharing.third_parties.decided_by", self.sharing.third_parties.decided_by
        yield "incidents.registered_by", self.incidents.registered_by
        if self.reviews is not None:
            yield "reviews.scored_by", self.reviews.scored_by
            yield "reviews.live_by", self.reviews.live_by
            yield "reviews.viewers", tuple(viewer.role for viewer in self.reviews.viewers)
        yield "reports.read_by", self.reports.read_by
        if "accounted_by" in self.reports.model_fields_set:
            yield "reports.accounted_by", self.reports.accounted_by

    def _slots(self, language: str) -> dict[str, str]:
        slots = {"organisation": self.identity.organisation, "statement": self.identity.statement}
        if language in self.notice.why:
            slots["why"] = self.notice.why[language]
        if language in self.notice.how_to_withdraw:
            slots["how_to_withdraw"] = self.notice.how_to_withdraw[language]
        if self.consent.refuse_key is not None:
            slots["refuse_key"] = self.consent.refuse_key
        if self.consent.accept_key is not None:
            slots["accept_key"] = self.consent.accept_key
        return slots

    def language_for(self, channel_language: str) -> str:
        """Return the language in which a caller on such a channel is addressed.

        Args:
            channel_language: Asterisk's CHANNEL(language), such as `nl` or `en_GB`.
        """
        short = channel_language[:2].lower()
        return short if short in self.notice.text else self.notice.default_language

    def spoken(self, prompt: PromptName, language: str) -> str:
        """Return the very words of a prompt of this policy, slots filled, white space folded."""
        section: Spoken = getattr(self, prompt)
        filled = section.text[language].format(**self._slots(language))
        return _SPOKEN_SPACES.sub(" ", filled).strip()

    def text_hash(self, prompt: PromptName, language: str) -> str:
        """Return SHA-256 over the spoken words in UTF-8, 64 hexadecimal digits."""
        return hashlib.sha256(self.spoken(prompt, language).encode()).hexdigest()


def _filled_in(term: Period | SelectionList) -> Period | None:
    return term.period if isinstance(term, SelectionList) else term
