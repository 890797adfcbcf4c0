"""`report` from the command line to the page, with real keys: who may, in which form, and on the ledger."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.logbook import ledger
from tests.commands.conftest import Ended, one_error
from tests.commands.doorstep import COACH, HEAD, OFFICER, Doorstep, staff
from tests.store.scene import STARTED_AT, scene

pytestmark = pytest.mark.exhaustive  # real passphrases: takes seconds, with make test

DAY = STARTED_AT.date().isoformat()
TO = ("--to", STARTED_AT.replace(hour=23).isoformat())
PERIOD = ("--from", DAY, *TO)


@pytest.fixture
def door(config_file: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Doorstep]:
    """Eindhoven, with six calls that were recorded."""
    with scene(config_file.parent) as stage:
        staff(stage)
        with Doorstep(stage, config_file, capsys) as doorstep:
            for number in range(6):
                stage.keep(number)
            yield doorstep


def kinds(door: Doorstep) -> list[str]:
    return [entry.kind for entry in ledger.show(door.stage.db)]


def refused(ended: Ended, code: int, says: str) -> None:
    one_error(ended, code)
    assert says in ended.err


def test_a_manager_reads_a_table_csv_json_and_a_page(door: Doorstep, tmp_path: Path) -> None:
    table = door.run(HEAD, "report", "consent", *PERIOD, "--by", "hour", "--lang", "en").out
    assert "Hour of the day" in table
    sheet = list(csv.reader(io.StringIO(door.run(HEAD, "report", "consent", *PERIOD, "--csv").out)))
    assert sheet[1][:2] == ["totaal", "6"]
    (report,) = json.loads(door.run(HEAD, "report", "consent", *PERIOD, "--json").out)
    assert (report["policy"], report["tables"][0]["total"]["counts"][-1]) == ("eindhoven", 6)
    page = tmp_path / "november.html"
    assert door.run(HEAD, "report", "calls", *PERIOD, "--page", page).out.strip() == str(page)
    assert "gemeente Eindhoven: Gesprekken" in page.read_text()
    assert kinds(door).count("report_given") == 4


def test_who_may_not_gets_one_line_with_the_rule_and_it_is_on_the_ledger(door: Doorstep) -> None:
    refused(door.run(COACH, "report", "calls", *PERIOD), 13, "E10: report calls is read by the head")
    refused(door.run(HEAD, "report", "retention", *PERIOD), 13, "AVG art. 5(2)")
    refused(door.run(HEAD, "report", "calls", *PERIOD, "--exact"), 13, "exact")
    assert kinds(door).count("access_refused") == 3


def test_compliance_and_breach_for_who_gives_account(door: Doorstep, tmp_path: Path) -> None:
    (report,) = json.loads(door.run(OFFICER, "report", "compliance", "eindhoven", *PERIOD, "--json").out)
    (kept,) = [one for one in report["lines"] if one["promise"] == "retention.recording"]
    assert (kept["source"], kept["kept"]) == ("E6", "yes")
    page = tmp_path / "naleving.html"
    assert (
        door.run(OFFICER, "report", "compliance", "eindhoven", *PERIOD, "--page", page, "--quick").code == 0
    )
    assert "nagekomen" in page.read_text()
    moment = STARTED_AT.isoformat()
    found = door.run(OFFICER, "report", "breach", "--at", moment, "--known", moment, "--callers", "--json")
    (breach,) = json.loads(found.out)
    assert {one["caller"] for one in breach["callers"]} == {f"********0{number}" for number in range(6)}
    told = door.run(OFFICER, "report", "breach", "--at", moment, "--known", moment, "--lang", "en").out
    assert "Sealed\t6" in told
    one_error(door.run(HEAD, "report", "breach", "--at", moment), 13)


def test_bad_input_is_one_line_and_nothing_is_written(door: Doorstep, tmp_path: Path) -> None:
    page = tmp_path / "not there" / "x" / "page.html"
    page.parent.parent.write_text("a file")
    one_error(door.run(OFFICER, "report", "calls", *PERIOD, "--page", page), 7)
    backwards = ("--from", "2026-12-01", "--to", "2026-11-01")
    refused(door.run(OFFICER, "report", "calls", *backwards), 1, "--to must be after --from")
    ahead = ("--at", "2027-11-01")
    refused(door.run(OFFICER, "report", "breach", *ahead), 1, "must not lie ahead")
