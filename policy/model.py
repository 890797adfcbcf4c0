"""A policy: what one organisation promises its callers, as data that the code obeys.

Frozen, and closed: a key that is not here is an error. `policy/load.py` reads the files
and puts the errors into words.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from string import Formatter
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from policy.period import Period
from policy.vocabulary import ConsentMode, ControllerLost, PolicyName

DtmfKey = Annotated[str, StringConstraints(pattern=r"^[0-9]$")]
FeatureCode = Annotated[str, StringConstraints(pattern=r"^[*#][0-9]{1,3}$|^\*\*[0-9]?$")]
LanguageTag = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]
DialledNumber = Annotated[str, StringConstraints(pattern=r"^\+?[0-9]{2,18}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=4000, strip_whitespace=True)]

_ANY_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_SPOKEN_SPACES = re.compile(r"\s+")


class Section(BaseModel):
    """One table of a policy file.

    Attributes:
        source: The article of the published text that this table keeps, such as
            `"E6"`, or `assumed: text silent` with the reason (X10).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)

    source: str | None = None


class Identity(Section):
    """Whose promise this is, and where a caller reads more.

    Attributes:
        organisation: As the caller knows it, such as `gemeente Eindhoven`.
        title: Title of the published text.
        statement: Where the privacy statement stands, as it is spoken.
    """

    organisation: Text
    title: Text
    statement: Text


class Consent(Section):
    """How a caller is asked, and how what was said is taken back.

    Attributes:
        mode: `opt_out`: recorded unless refused; `announce`: told only; `opt_in`:
            recorded only after the accept key.
        refuse_key: The digit that refuses, under `opt_out`.
        accept_key: The digit that accepts, under `opt_in`.
        reply_window_ms: How long after the notice a key still counts, in milliseconds.
        withdraw_code: What the caller presses in mid-call; absent: no such key.
        agent_withdraw_code: What the agent presses when the caller said it aloud.
        controller_lost: What becomes of a call recorded while the daemon was away (I9).
    """

    mode: ConsentMode = Field(strict=False)
    refuse_key: DtmfKey | None = None
    accept_key: DtmfKey | None = None
    reply_window_ms: int = Field(default=3000, ge=0, le=30_000)
    withdraw_code: FeatureCode | None = "*9"
    agent_withdraw_code: FeatureCode | None = "*9"
    controller_lost: ControllerLost = Field(default=ControllerLost.DROP, strict=False)

    @model_validator(mode="after")
    def _keys_fit_the_mode(self) -> Self:
        needed = {ConsentMode.OPT_OUT: "refuse_key", ConsentMode.OPT_IN: "accept_key"}.get(self.mode)
        for key in ("refuse_key", "accept_key"):
            given = getattr(self, key)
            if key == needed and given is None:
                raise ValueError(
                    f'{key} must be a digit such as "1" under mode "{self.mode.value}", got nothing'
                )
            if key != needed and given is not None:
                raise ValueError(f'{key} has no meaning under mode "{self.mode.value}", got "{given}"')
        return self


class Spoken(Section):
    """One thing that is said, in each language.

    Attributes:
        text: A template for each language. Slots: `{organisation}`, `{why}`, `{statement}`,
            `{refuse_key}`, `{accept_key}`, `{how_to_withdraw}`.
    """

    text: dict[LanguageTag, Text] = Field(min_length=1)


class Notice(Spoken):
    """What the caller hears before anything is recorded.

    Attributes:
        default_language: Spoken when there is no text in the channel's language.
        why: What fills `{why}`, for each language.
        how_to_withdraw: What fills `{how_to_withdraw}`, for each language.
    """

    default_language: LanguageTag = "nl"
    why: dict[LanguageTag, Text] = Field(min_length=1)
    how_to_withdraw: dict[LanguageTag, Text] = Field(default_factory=dict)


class Retention(Section):
    """How long each kind of data is kept, measured from the start of the call.

    Attributes:
        recording: The recording, sealed or not.
        call_data: Number, times, decision and evidence; never shorter than the recording.
    """

    recording: Period
    call_data: Period


class Policy(Section):
    """What one organisation promises.

    Attributes:
        name: File name without `.toml`.
        content_hash: SHA-256 of the file, 64 hexadecimal digits; identifies this version.
        numbers: Every number that reaches this organisation, as dialled or as the trunk delivers it.
        withdrawn: What both parties hear once a recording is stopped and deleted.
        agent_recorded: What the agent hears when the call is recorded.
        agent_not_recorded: What the agent hears when it is not.
    """

    name: PolicyName
    content_hash: str
    identity: Identity
    numbers: tuple[DialledNumber, ...] = Field(min_length=1, strict=False)
    consent: Consent
    notice: Notice
    withdrawn: Spoken
    agent_recorded: Spoken
    agent_not_recorded: Spoken
    retention: Retention

    @model_validator(mode="after")
    def _promises_hang_together(self) -> Self:
        if problems := self._problems():
            raise ValueError("\n".join(problems))
        return self

    def _problems(self) -> list[str]:
        languages = set(self.notice.text)
        problems = []
        if self.notice.default_language not in languages:
            problems.append(
                f"notice.text.{self.notice.default_language}: must be there (the default), got nothing"
            )
        for spoken_name in ("withdrawn", "agent_recorded", "agent_not_recorded"):
            spoken: Spoken = getattr(self, spoken_name)
            problems += [
                f"{spoken_name}.text.{language}: must be there, as in notice.text, got nothing"
                for language in sorted(languages - set(spoken.text))
            ]
        kept, evidence = self.retention.recording, self.retention.call_data
        if evidence.after(_ANY_DAY) < kept.after(_ANY_DAY):
            problems.append(
                f"retention.call_data: must be no shorter than recording ({kept}), got {evidence}"
            )
        for language, template in self.notice.text.items():
            where = f"notice.text.{language}"
            problems += [f"{where}: {problem}" for problem in self._template_problems(language, template)]
        return problems

    def _template_problems(self, language: str, template: str) -> list[str]:
        try:
            slots = {slot for _, slot, _, _ in Formatter().parse(template) if slot is not None}
        except ValueError as broken:
            return [f'must be a template with slots such as {{why}}, got a broken one ("{broken}")']
        known = self._slots(language)
        wanted = {"why", "statement"}
        if self.consent.mode is ConsentMode.OPT_OUT:
            wanted.add("refuse_key")
        if self.consent.mode is ConsentMode.OPT_IN:
            wanted.add("accept_key")
        if self.consent.withdraw_code is not None:
            wanted.add("how_to_withdraw")
        problems = [f"must hold the slot {{{slot}}}, got none" for slot in sorted(wanted - slots)]
        problems += [f"slot {{{slot}}} has no value here" for slot in sorted(slots - set(known))]
        return problems

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
        """Return the very words of a prompt, slots filled, white space folded to single spaces."""
        section: Spoken = getattr(self, prompt)
        filled = section.text[language].format(**self._slots(language))
        return _SPOKEN_SPACES.sub(" ", filled).strip()

    def text_hash(self, prompt: PromptName, language: str) -> str:
        """Return SHA-256 over the spoken words in UTF-8, 64 hexadecimal digits."""
        return hashlib.sha256(self.spoken(prompt, language).encode()).hexdigest()


PromptName = Literal["notice", "withdrawn", "agent_recorded", "agent_not_recorded"]
PROMPT_NAMES: tuple[PromptName, ...] = ("notice", "withdrawn", "agent_recorded", "agent_not_recorded")
