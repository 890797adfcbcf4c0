"""What `doctor` finds about the ledger: who signs it, and whether its checkpoints leave this host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from commands.doctor.diagnosis import Check, note, ok, problem
from daemon.checkpoints import is_behind
from policy.clock import Clock, to_local
from policy.config import Config, Target, TargetKind
from policy.errors import ConsentlineError
from store.db import Db
from store.logbook import checkpoints, log_keys

NAME = "ledger"


def ledger_checks(config: Config, clock: Clock) -> list[Check]:
    """Return a check for the signing key, one for each target, and one where there is none."""
    try:
        with closing(Db.open_to_read(config.path("database"), clock=clock)) as db:
            return [*_key(db, clock.now()), *_targets(db, config, clock.now())]
    except ConsentlineError as error:
        return [problem(NAME, error.text, error.hint)]


def _key(db: Db, now: datetime) -> Iterator[Check]:
    name = f"{NAME}: signed by"
    key, since = log_keys.key_in_use(db), log_keys.in_use_since(db)
    if key is None or since is None:
        yield problem(name, "nobody yet", "start the daemon: it makes the key")
        return
    yield ok(name, f"{key.text}, in use for {(now - since).days} days, since {to_local(since)}")
    newest = checkpoints.last(db)
    if newest is None:
        yield note(f"{NAME}: checkpoint", "none yet", "the daemon makes one at its start")
    else:
        yield ok(f"{NAME}: checkpoint", f"{newest.size} entries, {to_local(newest.made_at)}")


def _targets(db: Db, config: Config, now: datetime) -> Iterator[Check]:
    if not config.ledger.targets:
        found = "no target off this host: whoever owns it can rewrite the ledger unseen"
        if config.ledger.without_target:
            yield note(f"{NAME}: targets", f"{found} (ledger.without_target)")
        else:
            yield problem(f"{NAME}: targets", found, "name one under [[ledger.targets]], see docs/ledger.md")
    for target in config.ledger.targets:
        yield from _reached(db, target, now)
        yield from _away(target, config.home)


def _reached(db: Db, target: Target, now: datetime) -> Iterator[Check]:
    name = f"{NAME}: target {target.name}"
    waiting = checkpoints.waiting(db, target.name, limit=1)
    has = checkpoints.delivered_to(db, target.name)
    state = "has nothing yet" if has is None else f"has {has.size} entries since {to_local(has.at)}"
    if waiting and is_behind(waiting[0], now):
        count = checkpoints.count_waiting(db, target.name)
        found = f"{state}; {count} checkpoints wait since {to_local(waiting[0].made_at)}"
        yield problem(name, found, "see that it is reached; the daemon's log says why not")
    elif has is None:
        yield note(name, state, "the daemon brings the first checkpoint at its start")
    else:
        yield ok(name, state)


def _away(target: Target, home: Path) -> Iterator[Check]:
    """Tell where a target lies on this very host: what is kept there can be taken back here."""
    name = f"{NAME}: target {target.name}: off this host"
    if target.kind is TargetKind.DIRECTORY:
        try:
            here = Path(target.to).stat().st_dev == home.stat().st_dev
        except OSError as error:
            yield problem(name, f"{target.to}: {error.strerror}", "is it mounted?")
            return
        if here:
            advice = "mount a folder of another host there"
            yield problem(name, f"{target.to} lies on the same disk as the installation", advice)
    elif _is_local(target.to):
        found = f"{target.to} is this host itself"
        yield note(name, found, "it must send the messages on, at once, to a host whose owner is another")
    if target.to.startswith(("udp://", "tcp://")):
        found = f"{target.to}: nobody proves to be the other side, and what is lost is not missed"
        yield note(f"{NAME}: target {target.name}: way", found, "tls:// is safer")


def _is_local(address: str) -> bool:
    host = urlsplit(address).hostname
    if address.startswith("unix://") or host in (None, "localhost"):
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False
