"""Where else on the PBX telephone numbers are kept, and for how long: CDR, CEL, logs, astdb.

Consentline erases its own data on time; these are not its own, so `doctor` names them.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from commands.doctor.asterisk_files import AsteriskFiles
from commands.doctor.diagnosis import Check, note, ok
from commands.doctor.logrotate import Rotation

_CDR_TABLES = (
    "cdr_adaptive_odbc.conf",
    "cdr_odbc.conf",
    "cdr_pgsql.conf",
    "cdr_tds.conf",
    "cdr_radius.conf",
    "cdr_beanstalkd.conf",
    "cdr_syslog.conf",
)
_CEL_TABLES = ("cel_odbc.conf", "cel_pgsql.conf", "cel_tds.conf", "cel_radius.conf", "cel_beanstalkd.conf")
_TELLING_LEVELS = frozenset({"verbose", "debug", "dtmf", "*"})
_NUMBER = re.compile(r"(?<!\d)\+?\d{9,15}(?!\d)")
_LARGEST_ROWS = 100_000


def record_checks(files: AsteriskFiles, rotations: Sequence[Rotation]) -> list[Check]:
    """Return a note for each place that keeps numbers, and an ok for each that does not.

    Raises:
        OSError: If a conf file cannot be read.
    """
    return [
        *_cdr(files, rotations),
        *_cel(files, rotations),
        _queue_log(files, rotations),
        *_logs(files, rotations),
        _astdb(files),
    ]


def _cdr(files: AsteriskFiles, rotations: Sequence[Rotation]) -> list[Check]:
    conf = files.read("cdr.conf")
    if not conf.is_on("general", "enable", default=True):
        return [ok("numbers in CDR", "switched off in cdr.conf")]
    log = files.log_folder()
    places = [log / "cdr-csv" / "Master.csv"] if "csv" in conf.sections else []
    places += _custom(files, "cdr_custom.conf", log / "cdr-custom")
    if "master" in files.read("cdr_sqlite3_custom.conf").sections:
        places.append(log / "master.db")
    notes = [note("numbers in CDR", f"{place}: {_term(place, rotations)}") for place in places]
    notes += _tables("numbers in CDR", files, _CDR_TABLES)
    if files.read("cdr_manager.conf").is_on("general", "enabled", default=False):
        notes.append(note("numbers in CDR", "sent to every AMI user that reads cdr (cdr_manager.conf)"))
    return notes or [ok("numbers in CDR", "no backend keeps them")]


def _cel(files: AsteriskFiles, rotations: Sequence[Rotation]) -> list[Check]:
    if not files.read("cel.conf").is_on("general", "enable", default=False):
        return [ok("numbers in CEL", "switched off in cel.conf")]
    log = files.log_folder()
    places = _custom(files, "cel_custom.conf", log / "cel-custom")
    if "master" in files.read("cel_sqlite3_custom.conf").sections:
        places.append(log / "master.db")
    notes = [note("numbers in CEL", f"{place}: {_term(place, rotations)}") for place in places]
    notes += _tables("numbers in CEL", files, _CEL_TABLES)
    return notes or [ok("numbers in CEL", "no backend keeps them")]


def _custom(files: AsteriskFiles, conf: str, folder: Path) -> list[Path]:
    mappings = files.read(conf).sections.get("mappings")
    return [folder / name for name, _ in mappings.settings] if mappings is not None else []


def _tables(name: str, files: AsteriskFiles, confs: Sequence[str]) -> list[Check]:
    """Return a note for each backend whose conf file holds more than [general]."""
    kept_by = [conf for conf in confs if set(files.read(conf).sections) - {"general"}]
    return [note(name, f"{conf}: kept by that backend; its term is not known here") for conf in kept_by]


def _queue_log(files: AsteriskFiles, rotations: Sequence[Rotation]) -> Check:
    conf = files.read("logger.conf")
    if not conf.is_on("general", "queue_log", default=True):
        return ok("numbers in queue_log", "switched off in logger.conf")
    place = files.log_folder() / (conf.get("general", "queue_log_name") or "queue_log")
    return note("numbers in queue_log", f"{place}: {_term(place, rotations)}")


def _logs(files: AsteriskFiles, rotations: Sequence[Rotation]) -> Iterator[Check]:
    """Yield the log files whose levels tell numbers; a file of warnings alone does not."""
    section = files.read("logger.conf").sections.get("logfiles")
    telling = []
    for name, value in section.settings if section is not None else ():
        levels = {_level(word) for word in value.split(",")} & _TELLING_LEVELS
        if levels and name != "console":
            telling.append((name, ", ".join(sorted(levels))))
    for name, tell in telling:
        place = files.log_folder() / name
        yield note("numbers in full log", f"{place} ({tell}): {_term(place, rotations)}")
    if not telling:
        yield ok("numbers in full log", "no log file has a level that tells them")


def _level(word: str) -> str:
    """Return `verbose` for `verbose(3)` and for `[json]verbose`."""
    return word.strip().lower().rpartition("]")[2].partition("(")[0].strip()


def _astdb(files: AsteriskFiles) -> Check:
    name = "numbers in astdb"
    place = files.database_folder() / "astdb.sqlite3"
    if not place.exists():
        return ok(name, f"{place}: not there")
    try:
        with closing(sqlite3.connect(f"{place.as_uri()}?mode=ro", uri=True)) as database:
            rows = database.execute("SELECT key, value FROM astdb LIMIT ?", (_LARGEST_ROWS,)).fetchall()
    except sqlite3.Error as error:
        return note(name, f"{place}: cannot be read: {error}", "run doctor as root to have it looked at")
    telling = [str(key) for key, value in rows if _NUMBER.search(f"{key} {value}")]
    if not telling:
        return ok(name, f"{place}: nothing that looks like a telephone number")
    families = sorted({key.strip("/").partition("/")[0] for key in telling})
    found = f"{place}: {len(telling)} keys in {', '.join(families[:6])}: kept until deleted"
    return note(name, found, "asterisk -rx 'database deltree FAMILY' removes a family")


def _term(place: Path, rotations: Sequence[Rotation]) -> str:
    covering = [rotation for rotation in rotations if rotation.covers(str(place))]
    if not covering:
        return "kept for ever (no logrotate rule)"
    days = covering[0].days
    return "kept as long as its size allows (logrotate)" if days is None else f"kept {days} days (logrotate)"
