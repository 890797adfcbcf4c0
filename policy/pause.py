"""How an agent keeps a spoken number out of a recording."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from policy.consent import FeatureCode
from policy.section import OrNone, Section


class Pause(Section):
    """How an agent keeps a spoken number (BSN, card) out of a recording, while the tape goes on in silence.

    Attributes:
        code: What the agent presses to begin, and to end it; `none`: no such key.
        at_most_s: After so many seconds it ends by itself.
    """

    code: OrNone[FeatureCode] = "*7"
    at_most_s: Annotated[int, Field(ge=5, le=600)] = 90
