"""The five policies in each language."""

from __future__ import annotations

import pytest

from policy.load import load_policies, load_policy
from policy.model import Policy
from publish.words import Language
from tests.conftest import ROOT

FOLDER = ROOT / "policies"
NAMES = sorted(path.stem for path in FOLDER.glob("*.toml"))


@pytest.fixture(params=NAMES)
def policy(request: pytest.FixtureRequest) -> Policy:
    """One of the five."""
    return load_policy(FOLDER / f"{request.param}.toml")


@pytest.fixture(params=list(Language), ids=lambda language: str(language.value))
def language(request: pytest.FixtureRequest) -> Language:
    """Dutch, then English."""
    found: Language = request.param
    return found


@pytest.fixture
def eindhoven() -> Policy:
    """Eindhoven's policy: `opt_out` under ground (a)."""
    return load_policies(FOLDER).named("eindhoven")
