from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ivr.state import Phase
from policy.vocabulary import ErasedBecause, Outcome, RecordingState
from tests.conftest import ROOT

pytestmark = pytest.mark.exhaustive  # takes seconds: with make test

DOCS = sorted((*(ROOT / "docs").glob("*.md"), ROOT / "README.md"))


@pytest.mark.parametrize("word", [*Phase, *Outcome, *RecordingState, *ErasedBecause])
def test_every_word_of_a_closed_set_stands_in_the_docs(
    word: Phase | Outcome | RecordingState | ErasedBecause,
) -> None:
    assert f"| `{word.value}` |" in (ROOT / "docs" / "conversation.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("page", "key"),
    [
        ("policies.md", "consent.refuse_key"),
        ("policies.md", "retention.recording"),
        ("policies.md", "access.grants.NAME.roles"),
        ("files.md", "paths.spool"),
        ("files.md", "asterisk.ari_url"),
    ],
)
def test_every_key_stands_in_the_docs(page: str, key: str) -> None:
    assert f"| `{key}` |" in (ROOT / "docs" / page).read_text(encoding="utf-8")


def test_every_key_of_a_policy_has_an_example_and_a_meaning() -> None:
    page = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in page.split("## Keys")[1].splitlines() if line.startswith("| `")]
    assert len(rows) > 150
    assert [row[0] for row in rows if not row[3] or not row[5].strip(" |")] == []


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_what_is_generated_is_current(page: Path) -> None:
    command = [sys.executable, "-m", "cogapp", "--check", "-I", ".", "-I", "docs", str(page)]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_no_page_links_to_what_is_not_there() -> None:
    for page in DOCS:
        for part in page.read_text(encoding="utf-8").split("](")[1:]:
            target = part.split(")")[0].split("#")[0]
            if target and "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"
