"""How a caller is asked, and how what was said is taken back."""

from __future__ import annotations

from datetime import date
from enum import Enum
from typing import Annotated, Self

from pydantic import Field, model_validator

from policy.period import Period
from policy.section import OrNone, Section, Text, shaped
from policy.vocabulary import ConsentMode, ControllerLost

DtmfKey = Annotated[str, shaped(r"[0-9]", 'must be a digit such as "1"')]
FeatureCode = Annotated[
    str, shaped(r"[*#][0-9]{1,3}|\*\*[0-9]?", 'must be * or # and up to three digits such as "*9", or "none"')
]


class OnIncident(Enum):
    """What a withdrawal does while an incident, a hold or a hand-over is open."""

    DELETE = "delete"
    RESTRICT = "restrict"


class Consent(Section):
    """How a caller is asked, and how what was said is taken back.

    Attributes:
        mode: `opt_out`: recorded unless refused; `announce`: told only; `opt_in`:
            recorded only after the accept key.
        refuse_key: The digit that refuses, under `opt_out`.
        accept_key: The digit that accepts, under `opt_in`.
        reply_window_ms: How long after the notice a key still counts, in milliseconds.
        withdraw_code: What the caller presses in mid-call; `none`: no such key.
        agent_withdraw_code: What the agent presses when the caller said it aloud; `none`: no such key.
        refusal_reaches_back: A refusal also erases this caller's calls of so long before, or
            `none` (E4).
        on_incident: What a withdrawal does while an incident, hold or hand-over is open: `delete`, or
            `restrict`: the recording stops, is closed to everybody and goes when what keeps it ends.
        controller_lost: What becomes of a call recorded while the daemon was away (I9).
        accepted_by: Who accepted that silence counts although the ground is 6(1)(a).
        accepted_on: When.
    """

    mode: ConsentMode = Field(strict=False)
    refuse_key: DtmfKey | None = None
    accept_key: DtmfKey | None = None
    reply_window_ms: int = Field(default=3000, ge=0, le=30_000)
    withdraw_code: OrNone[FeatureCode] = "*9"
    agent_withdraw_code: OrNone[FeatureCode] = "*9"
    refusal_reaches_back: OrNone[Period] = None
    on_incident: OnIncident = Field(default=OnIncident.DELETE, strict=False)
    controller_lost: ControllerLost = Field(default=ControllerLost.DROP, strict=False)
    accepted_by: Text | None = None
    accepted_on: date | None = None

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

    @model_validator(mode="after")
    def _what_cannot_be_refused_cannot_reach_back(self) -> Self:
        if self.mode is ConsentMode.ANNOUNCE and self.refusal_reaches_back is not None:
            got = self.refusal_reaches_back
            raise ValueError(f'refusal_reaches_back has no meaning under mode "announce", got "{got}"')
        if (self.accepted_by is None) is not (self.accepted_on is None):
            raise ValueError("accepted_by and accepted_on must be given together, got one of them")
        return self
