"""What every table of the config file is: closed, frozen, and strict about types."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class ConfigTable(BaseModel):
    """One table; an unknown key in it is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
