"""How calls are reviewed to coach agents, and how somebody listens along."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Self

from pydantic import Field, model_validator

from policy.access import IncidentKind
from policy.consent import FeatureCode
from policy.period import Period
from policy.section import Chosen, Listed, Name, OrNone, Section, Text, unknown


class Drawn(Enum):
    """How calls are chosen."""

    RANDOM_SAMPLE = "random_sample"
    PICKED = "picked"


class Form(Enum):
    """Which form is filled in."""

    NONE = "none"
    FIVE_A = "5a"
    QM = "qm"


class Judged(Enum):
    """What the form judges."""

    MANNER = "manner"
    MANNER_AND_CONTENT = "manner_and_content"


class Seen(Enum):
    """How much of a review somebody sees."""

    SCORES = "scores"
    NOTE = "note"


class Viewer(Section):
    """Somebody who sees a review.

    Attributes:
        role: Whose; of those who take calls, only whoever held this one.
        sees: `scores`, or `note`: what the coach writes about how the agent develops, never more (N6).
    """

    role: Name
    sees: Chosen[Seen]


class Scale(Section):
    """From which score to which each criterion is scored.

    Attributes:
        lowest: The score of what went worst.
        highest: The score of what went best.
    """

    lowest: Annotated[int, Field(ge=0, le=100)]
    highest: Annotated[int, Field(ge=1, le=100)]

    @model_validator(mode="after")
    def _goes_up(self) -> Self:
        if self.lowest >= self.highest:
            raise ValueError(f"highest: must be more than lowest ({self.lowest}), got {self.highest}")
        return self


class Reviews(Section):
    """How calls are reviewed.

    Attributes:
        at_least_every: An agent's calls are reviewed no less often.
        at_most_every: And no more often.
        calls_per_agent: How many calls each time; absent: the reviewer decides.
        drawn: `random_sample`, whose seed and population are on the ledger, or `picked`.
        form: `5a`: aanvang, analyse, antwoord, afsluiting, algemeen; `qm`: quality monitoring; `none`.
        criteria: What the form asks, in order.
        content_criteria: Those of them that judge what was said; the others judge how it was said (N8).
        scale: From which score to which; needed where a form is filled in.
        judged: `manner` in which the call was held, or `manner_and_content`.
        scored_by: Roles of which one scores.
        viewers: Who sees what.
        agent_agrees_to_reuse: The agent is asked before a call serves training or calibration (R5).
        live_by: Roles that may listen along.
        live_when_asked: When the agent asks for it (N9).
        live_when_recording_fails: When recording is technically impossible (N9).
        live_on_refused_calls: Also on a call whose recording was refused.
        live_at_most_min: For how many minutes at once.
    """

    at_least_every: Period | None = None
    at_most_every: Period | None = None
    calls_per_agent: Annotated[int, Field(ge=1, le=100)] | None = None
    drawn: Chosen[Drawn] = Drawn.RANDOM_SAMPLE
    form: Chosen[Form] = Form.NONE
    criteria: Listed[Text] = ()
    content_criteria: Listed[Text] = ()
    scale: Scale | None = None
    judged: Chosen[Judged] = Judged.MANNER
    scored_by: Annotated[Listed[Name], Field(min_length=1)]
    viewers: Listed[Viewer] = ()
    agent_agrees_to_reuse: bool = True
    live_by: Listed[Name] = ()
    live_when_asked: bool = False
    live_when_recording_fails: bool = False
    live_on_refused_calls: bool = False
    live_at_most_min: Annotated[int, Field(ge=1, le=240)] = 30

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        slow, quick = self.at_least_every, self.at_most_every
        if slow is not None and quick is not None and not quick.at_most(slow):
            raise ValueError(
                f'at_most_every: must be no longer than at_least_every ("{slow}"), got "{quick}"'
            )
        if self.form is not Form.NONE and not self.criteria:
            raise ValueError(f'criteria: must list what form "{self.form.value}" asks, got none')
        if self.form is not Form.NONE and self.scale is None:
            raise ValueError(f'scale: must say how form "{self.form.value}" is scored, got none')
        if len(set(self.criteria)) != len(self.criteria):
            raise ValueError("criteria: must name each criterion once")
        if problems := list(unknown("content_criteria", "criterion", self.content_criteria, self.criteria)):
            raise ValueError("\n".join(problems))
        if self.judged is Judged.MANNER_AND_CONTENT and self.criteria and not self.content_criteria:
            raise ValueError(
                'content_criteria: must name what judges content under judged "manner_and_content", got none'
            )
        if (self.live_when_asked or self.live_when_recording_fails) and not self.live_by:
            raise ValueError("live_by: must name a role where listening along is possible, got none")
        return self


class Incidents(Section):
    """How aggression is registered (G3-G5).

    Attributes:
        register_name: Where, such as `GIR`; absent: incidents are registered here only.
        registered_by: Roles of which one registers.
        audio_in_register: The recording itself goes into the register.
        flag_code: What the agent presses in mid-call to point the call out; `none`: no such key.
        flag_kind: For what that is; absent: the first kind that somebody may look into under this policy.
    """

    register_name: Text | None = None
    registered_by: Listed[Name] = ()
    audio_in_register: bool = False
    flag_code: OrNone[FeatureCode] = "*8"
    flag_kind: Chosen[IncidentKind] | None = None
