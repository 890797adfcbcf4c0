"""`policy show`: each key once, the assumed ones apart, contradictions and doubts at the end."""

from __future__ import annotations

from policy.cited import NOT_IN_THE_FILE, sources
from policy.key_groups import audio_paths, in_words
from policy.model import Policy
from policy.section import ASSUMED
from policy.warnings import warnings
from publish.promises import WIDTH_CHARACTERS, promises, rows

PARTS = (
    "WHAT THE PUBLISHED TEXT PROMISES",
    "ASSUMED: THE TEXT IS SILENT",
    "NOT IN THE FILE, SO THE DEFAULT HOLDS",
    "WHOSE KEYS OPEN A RECORDING",
    "WHERE THE TEXT CONTRADICTS ITSELF",
    "TO LOOK AT",
)


def _parts(policy: Policy) -> dict[str, str]:
    page = promises(policy)
    begins = [page.index(f"\n{part}\n") for part in PARTS]
    assert begins == sorted(begins)
    return {
        part: " ".join(page[begin:end].split())
        for part, begin, end in zip(PARTS, begins, [*begins[1:], len(page)], strict=True)
    }


def test_every_key_stands_in_its_own_part_with_its_article_or_reason(policy: Policy) -> None:
    parts = _parts(policy)
    for one in sources(policy):
        if one.key.startswith("conflicts."):
            continue
        part = PARTS[0] if not one.assumed else PARTS[2] if one.source == NOT_IN_THE_FILE else PARTS[1]
        told = f"{one.key} = {' '.join(one.written.split())}"
        if part != PARTS[2]:
            told += f" -- {' '.join(one.source.removeprefix(ASSUMED).split())}"
        for name, text in parts.items():
            assert (told in text) is (name == part), (one.key, name)


def test_contradictions_and_doubts_are_shown(policy: Policy) -> None:
    parts = _parts(policy)
    for conflict in policy.conflicts:
        for passage in (conflict.says, conflict.but, conflict.obeyed):
            assert " ".join(passage.split()) in parts["WHERE THE TEXT CONTRADICTS ITSELF"]
    for line in warnings(policy):
        assert line in parts["TO LOOK AT"]


def test_each_path_that_opens_a_recording_is_said_in_words(policy: Policy) -> None:
    assert policy.access is not None
    paths = audio_paths(policy.access, policy.sharing)
    told = [in_words(path, policy.access) for path in paths]
    assert _parts(policy)["WHOSE KEYS OPEN A RECORDING"] == " ".join(["WHOSE KEYS OPEN A RECORDING", *told])
    assert (" together with " in " ".join(told)) is (policy.name == "groningen")


def test_no_line_is_wider_than_a_page_unless_it_is_one_word(policy: Policy) -> None:
    for line in promises(policy).splitlines()[1:]:
        assert len(line) <= WIDTH_CHARACTERS or len(line.split()) <= 3, line


def test_a_program_gets_one_row_a_key(policy: Policy) -> None:
    assert [row["key"] for row in rows(policy)] == [one.key for one in sources(policy)]
