"""Whatever the network says of a caller is data: kept, masked, and used nowhere (I10)."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from policy.numbers import normalise
from sandbox import deadline
from sandbox.fetch import Unpacked
from sandbox.sipp import BareCall, call_many
from sandbox.site import Site
from store.keys import number_tag
from tests.real.callers import Row, query, recording, voice_file

TALK_MS = 11_000
REFUSE_MS = 500
BRIEF_MS = 3_500
MASKED = "********"
DIALLED_WITH_LINE_BREAKS = "14040%0D%0A%0D%0Aresult=x"


def _names(bait: Path) -> dict[str, tuple[str, str]]:
    """Return From headers, and how their caller is to be shown.

    Args:
        bait: A file that must never be made.
    """
    touch = f"touch {bait}"
    escaped = touch.replace(" ", "%20").replace("/", "%2F")
    return {
        "ordinary": ('"Jan" <sip:0612345651@127.0.0.1>', f"{MASKED}51"),
        "empty": ("<sip:127.0.0.1>", "anonymous"),
        "anonymous": ('"Anonymous" <sip:anonymous@anonymous.invalid>', "anonymous"),
        "long number": (f"<sip:06{'1' * 298}@127.0.0.1>", MASKED),
        "long name": (f'"{"x" * 300}" <sip:0612345652@127.0.0.1>', f"{MASKED}52"),
        "UTF-8": ('"J\u00fcrgen \u00d6z \u674e" <sip:J%C3%BCrgen@127.0.0.1>', MASKED),
        "quotes and commas": ('"A, \\"B\\", C\\\\" <sip:0612345653@127.0.0.1>', f"{MASKED}53"),
        "comma in the number": ("<sip:0612345654,1,x@127.0.0.1>", MASKED),
        "line breaks": ('"a" <sip:06123%0D%0AVariable%3A%20A=B%0D%0A%0D%0A200%20result=1@127.0.0.1>', MASKED),
        "shell": (f'"${{SHELL({touch})}}" <sip:%24%7BSHELL({escaped})%7D@127.0.0.1>', MASKED),
        "application": (f'"x):System({touch}" <sip:0612345655@127.0.0.1>', f"{MASKED}55"),
        "expression": (f'"x\\" = \\"x\\"]?y):System({touch}" <sip:0612345656@127.0.0.1>', f"{MASKED}56"),
    }


@pytest.fixture(scope="module")
def bait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that nobody makes."""
    return tmp_path_factory.mktemp("bait") / "made"


@pytest.fixture(scope="module")
def calls(
    site: Site, unpacked: Unpacked, bait: Path, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Row]:
    """Every name once by ARI and once by AGI, all at once; rows by way and the dialplan's caller number."""
    names = _names(bait)
    placed = [
        BareCall(number=number, caller=header, talk_ms=TALK_MS, headers=_privacy(header))
        for number in ("14040", "agi14040")
        for header, _ in names.values()
    ]
    placed.append(BareCall(number=DIALLED_WITH_LINE_BREAKS, caller=names["ordinary"][0], talk_ms=TALK_MS))
    folder = tmp_path_factory.mktemp("sipp")
    call_many(unpacked, site.asterisk.sip_address(), placed, folder, voice=voice_file("caller1"))
    rows = _when_over(site, len(placed))
    return {f"{row['way']} {row['call_id']}": row for row in rows}


def test_every_call_is_asked_and_recorded_like_any_other(
    site: Site, calls: Mapping[str, Row], bait: Path
) -> None:
    count = len(_names(bait))
    assert sorted(row["way"] for row in calls.values()) == ["agi"] * count + ["ari"] * (count + 1)
    assert {row["outcome"] for row in calls.values()} == {"not_refused"}
    assert {row["number"] for row in calls.values()} == {"14040"}
    for row in calls.values():
        (tape,) = query(site, "SELECT * FROM recordings WHERE call_id = ?", row["call_id"])
        assert recording(site, tape["recording_id"])["duration_ms"] > 1000


def test_callers_are_shown_masked_and_nothing_more(calls: Mapping[str, Row], bait: Path) -> None:
    names = _names(bait)
    expected = [shown for _, shown in names.values()]
    shown = [row["caller_masked"] for row in calls.values()]
    assert sorted(shown) == sorted([*expected, *expected, names["ordinary"][1]])


def test_what_the_network_said_is_kept_as_it_was_said(site: Site, calls: Mapping[str, Row]) -> None:
    (setting,) = query(site, "SELECT value FROM settings WHERE name = 'tag_key'")
    said = _said(site)
    assert not any("\n" in number for number in said.values())
    for row in calls.values():
        number = said[row["call_id"]]
        if row["caller_masked"] == "anonymous":
            assert row["caller_tag"] is None
            continue
        assert row["caller_tag"] == number_tag(setting["value"], normalise(number) or number), number
        assert row["caller_sealed"] is not None


def test_no_caller_had_anything_done(site: Site, calls: Mapping[str, Row], bait: Path) -> None:
    assert calls
    assert not bait.exists()
    names = [path.name for path in site.home.rglob("*")] + [path.name for path in site.spool.rglob("*")]
    assert not any(re.search(r"SHELL|0612345|anonymous|result=", name) for name in names)
    log = site.log.read_text(errors="replace")
    assert not re.search(r"SHELL|\b06\d{8}\b|Variable|touch", log)
    assert "Traceback" not in log


@pytest.fixture
def no_prefix(site: Site) -> Iterator[Site]:
    """The agents' telephones show no prefix: another way through the dialplan."""
    snippet = site.home / "asterisk" / "extensions.conf"
    before = snippet.read_text()
    snippet.write_text(re.sub(r"(?m)^( same => n,Set\(CONSENTLINE_PREFIX_\w+=).*\)$", r"\1)", before))
    assert snippet.read_text() != before
    site.asterisk.rx("dialplan reload")
    yield site
    snippet.write_text(before)
    site.asterisk.rx("dialplan reload")


def test_a_callers_name_runs_no_application_either_where_no_prefix_is_shown(
    no_prefix: Site, calls: Mapping[str, Row], bait: Path, tmp_path: Path
) -> None:
    site = no_prefix
    names = _names(bait)
    placed = [
        BareCall(number="14040", caller=names[name][0], keys=((REFUSE_MS, "1"),), talk_ms=BRIEF_MS)
        for name in ("application", "expression", "shell", "quotes and commas")
    ]
    call_many(site.unpacked, site.asterisk.sip_address(), placed, tmp_path / "sipp")
    rows = _when_over(site, len(calls) + len(placed))[len(calls) :]
    assert [row["outcome"] for row in rows] == ["refused"] * len(placed)
    assert not bait.exists()


def _privacy(header: str) -> tuple[str, ...]:
    return ("Privacy: id",) if "anonymous" in header else ()


def _when_over(site: Site, count: int) -> list[Row]:
    sql = "SELECT * FROM calls WHERE ended_at IS NOT NULL ORDER BY started_at, call_id"

    def all_over() -> bool:
        return len(query(site, sql)) >= count

    deadline.wait_until(all_over, within_s=15, what=f"{count} calls are over", every_s=0.2)
    return query(site, sql)


def _said(site: Site) -> dict[str, str]:
    """Return the caller's number as Asterisk had it, by call, from its own CDRs."""
    with (site.asterisk.log / "cdr-csv" / "Master.csv").open(newline="", errors="surrogateescape") as file:
        return {row[16]: row[1] for row in csv.reader(file)}
