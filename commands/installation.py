"""Making an installation, or adding a policy to one: all of it, or nothing.

What is made is remembered and taken away again when a later step fails; the config file is
written last, so that an installation whose making was cut off by a power failure is not
taken for one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from asterisk_conf.render import render
from commands.doctor import patience
from daemon.lock import sole_owner
from policy import toml_file
from policy.access import RoleName
from policy.clock import Clock, Randomness
from policy.config import Config
from policy.errors import ConfigError, ConsentlineError, NotFound, StateConflict, Unavailable
from policy.load import Policies, load_policies
from policy.model import Policy
from policy.situation import PersonId
from policy.vocabulary import PolicyName
from store import settings
from store.db import Db, Tx
from store.files.epochs import EpochFolder
from store.files.vault_folder import VaultFolder
from store.keyring import person_keys, reading_keys
from store.keyring.person_keys import PersonKey
from store.keys import (
    PrivateHalf,
    PublicHalf,
    check_passphrase,
    grant_info,
    make_private_half,
    make_slot,
    open_slot,
    seal_to,
)
from store.logbook import log_keys, signing_key
from store.persons import people

SNIPPETS = "asterisk"
"""Folder beside the config file that holds what the administrator includes."""

_PRIVATE = 0o700
_SHARED = 0o2770
_READABLE = 0o755
_SECRET_FILE = 0o600
_PASSWORD_FILE = 0o640


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The first person: custodian of every reading key until somebody who wears the role holds it.

    Attributes:
        person: Their id, and their OS login unless they are there already.
        passphrase: Guards their own key, or opens it where they have one; left out of `repr`.
    """

    person: PersonId
    passphrase: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an administrator answers; everything else has one good value.

    Attributes:
        spool: Where Asterisk records: memory-backed, absolute.
        group: OS group of Asterisk, which shares spool and marks; None where one login runs both.
    """

    ari_url: str
    ari_user: str
    ari_password: str = field(repr=False)
    ami_host: str
    ami_port: int
    ami_user: str
    ami_password: str = field(repr=False)
    spool: Path
    group: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """A reading key that was made, to be compared out of band."""

    policy: PolicyName
    role: RoleName
    fingerprint: str


def create(
    config_path: Path,
    asked: Asked,
    policy_files: Sequence[Path],
    holder: Holder,
    *,
    clock: Clock,
    randomness: Randomness,
) -> tuple[Fingerprint, ...]:
    """Make an installation around a config file that is not there yet.

    Args:
        config_path: The config file to write; its folder becomes the installation's home.
        asked: The administrator's answers.
        policy_files: Copied into the home; what lies there already is taken as well.
        holder: Becomes custodian of every role's reading key.
        clock: For the dates in the database.
        randomness: For the keys.

    Raises:
        StateConflict: If there is an installation, or something lies where it would be.
        ConfigError: If an answer or a policy cannot be used.
        AccessRefused: If the passphrase is too weak.
        Unavailable: If something cannot be written.
    """
    check_passphrase(holder.passphrase)
    if config_path.exists():
        raise StateConflict(f"{config_path}: is there already", hint="to begin anew, remove it yourself")
    home = config_path.absolute().parent
    text = config_text(asked)
    config = toml_file.build(config_path, Config, toml_file.parse(config_path, text) | {"home": home})
    with _all_or_nothing() as made:
        _folder(made, home, _READABLE)
        _folder(made, config.path("policies"), _READABLE)
        for path in policy_files:
            _copy(made, path, config.path("policies") / path.name)
        policies = load_policies(config.path("policies"))
        snippets = rendered(config, policies)
        for name in ("vault", "epochs"):
            _folder(made, config.path(name), _PRIVATE, must_be_empty=True)
        VaultFolder(folder=config.path("vault")).prepare(holds_some=False)
        _folder(made, config.path("prompts"), _READABLE)
        for name in ("spool", "marks"):
            _folder(made, config.path(name), _SHARED if asked.group else _PRIVATE, group=asked.group)
        for name in ("database", "signing_key"):
            _refuse_existing(config.path(name))
        made.callback(_unlink_database, config.path("database"))
        made.callback(config.path("signing_key").unlink, missing_ok=True)
        with sole_owner(config.path("database")):
            found = _keys(config, tuple(policies.by_name.values()), holder, clock, randomness)
            _signing_key(config, clock, randomness)
        _folder(made, home / SNIPPETS, _READABLE)
        for name, snippet in snippets.items():
            _file(made, home / SNIPPETS / name, snippet.encode(), _PASSWORD_FILE, group=asked.group)
        _file(made, config_path, text, _SECRET_FILE)
    return found


def add(
    config: Config,
    policy_files: Sequence[Path],
    holder: Holder,
    *,
    clock: Clock,
    randomness: Randomness,
) -> tuple[Fingerprint, ...]:
    """Add policies to an installation; the daemon must not run.

    Args:
        config: The installation.
        policy_files: Files to copy in, or names of policies that lie there already.
        holder: Becomes custodian of each new reading key.
        clock: For the dates in the database.
        randomness: For the keys.

    Raises:
        StateConflict: If the daemon runs, or every role of the policies has its reading key already.
        NotFound: If a named policy is not there.
        ConfigError: If a policy cannot be used.
        AccessRefused: If a new passphrase is too weak, or it does not open the key that they have.
        Unavailable: If something cannot be written.
    """
    folder = config.path("policies")
    with _all_or_nothing() as made, sole_owner(config.path("database")):
        for path in policy_files:
            if path.is_file() and path.absolute().parent != folder:
                _copy(made, path, folder / path.name)
        policies = load_policies(folder)
        wanted = [policies.named(path.name.removesuffix(".toml")) for path in policy_files]
        for name, snippet in rendered(config, policies).items():
            _rewrite(made, config.home / SNIPPETS / name, snippet.encode())
        return _keys(config, wanted, holder, clock, randomness)


def renew_patience(config: Config, policies: Policies) -> int | None:
    """Have the dialplan's snippet wait as long as the notices as they are need.

    Returns:
        The new patience in seconds; None when it was right, or the snippet lies elsewhere.

    Raises:
        Unavailable: If the snippet cannot be written.
    """
    path = config.home / SNIPPETS / "extensions.conf"
    if not path.is_file():
        return None
    before = path.read_text(encoding="utf-8")
    needed_s = patience.needed_s(config.path("prompts"), policies.by_name.values())
    after = patience.restated(before, needed_s)
    if after == before:
        return None
    with _all_or_nothing() as made:
        _rewrite(made, path, after.encode())
    return needed_s


def render_anew(config: Config, policies: Policies) -> Mapping[str, bool]:
    """Render every snippet anew where init put it, all or none.

    Returns:
        Whether it is another one now, by file name.

    Raises:
        NotFound: If one is not there.
        ConfigError: If the config holds what cannot stand in a conf file.
        Unavailable: If one cannot be written.
    """
    changed = {}
    with _all_or_nothing() as made:
        for name, snippet in rendered(config, policies).items():
            path = config.home / SNIPPETS / name
            if not path.is_file():
                raise NotFound(f"{path}: must be the snippet that init rendered, got no file")
            changed[name] = path.read_bytes() != snippet.encode()
            if changed[name]:
                _rewrite(made, path, snippet.encode())
    return changed


def rendered(config: Config, policies: Policies) -> Mapping[str, str]:
    """Return the snippets that config and policies make now, by file name.

    Raises:
        ConfigError: If the config holds what cannot stand in a conf file.
    """
    needed_s = patience.needed_s(config.path("prompts"), policies.by_name.values())
    return render(config, policies, patience_s=needed_s)


def config_text(asked: Asked) -> bytes:
    """Return the config file that the answers make.

    Raises:
        ConfigError: If an answer cannot stand in it.
    """
    values = (asked.ari_url, asked.ari_user, asked.ari_password, asked.ami_host, asked.ami_user)
    for value in (*values, asked.ami_password, str(asked.spool)):
        if not value.isprintable() or '"' in value or "\\" in value:
            raise ConfigError("config: an answer must hold no quote, backslash or line break")
    return f"""# Consentline. Relative paths are relative to this file's folder; see docs/.

[paths]
spool = "{asked.spool}"

[asterisk]
ari_url = "{asked.ari_url}"
ari_user = "{asked.ari_user}"
ari_password = "{asked.ari_password}"
ami_host = "{asked.ami_host}"
ami_port = {asked.ami_port}
ami_user = "{asked.ami_user}"
ami_password = "{asked.ami_password}"
""".encode()


def _keys(
    config: Config,
    policies: Sequence[Policy],
    holder: Holder,
    clock: Clock,
    randomness: Randomness,
) -> tuple[Fingerprint, ...]:
    """Make database, epoch folder, the holder's own key and those of the roles, in one transaction."""
    with _in_words():
        EpochFolder(path=config.path("epochs"), randomness=randomness).prepare()
    with closing(Db.open(config.path("database"), clock=clock, randomness=randomness)) as db:
        settings.tag_key(db)
        wanted = {policy.name: reading_keys.missing_roles(db, policy) for policy in policies}
        if not any(wanted.values()):
            raise StateConflict(f"policy {', '.join(wanted)}: every role has its reading key already")
        known = person_keys.find(db, holder.person)
        private = _own_half(known, holder, randomness)
        with db.write() as tx:
            if known is None:
                _enrol(tx, private, holder, clock, randomness)
            made = tuple(
                _reading_key(tx, policy, role, private.public, holder, clock, randomness)
                for policy, roles in wanted.items()
                for role in roles
            )
            for policy in policies:
                reading_keys.seal_by(tx, policy, at=clock.now(), actor="init")
        return made


def _signing_key(config: Config, clock: Clock, randomness: Randomness) -> None:
    with closing(Db.open(config.path("database"), clock=clock, randomness=randomness)) as db:
        signing_key.prepare(config.path("signing_key"), db, randomness, at=clock.now(), actor="init")


def vkey(config: Config, clock: Clock) -> str | None:
    """Return the line by which anybody can verify checkpoints and receipts, or None before there is one.

    Raises:
        ConsentlineError: If the database cannot be read.
    """
    with closing(Db.open_to_read(config.path("database"), clock=clock)) as db:
        known = log_keys.key_in_use(db)
    return None if known is None else known.text


def _own_half(known: PersonKey | None, holder: Holder, randomness: Randomness) -> PrivateHalf:
    """Return the holder's own key, opened or made; a wrong passphrase ends it before anything is made."""
    if known is not None:
        return open_slot(known.slot, holder.passphrase)
    check_passphrase(holder.passphrase)
    return make_private_half(randomness)


def _enrol(tx: Tx, private: PrivateHalf, holder: Holder, clock: Clock, randomness: Randomness) -> None:
    now = clock.now()
    if tx.execute("SELECT 1 FROM people WHERE person_id = ?", (holder.person,)).fetchone() is None:
        people.add(tx, holder.person, name=holder.person, login=holder.person, at=now, actor="init")
    slot = make_slot(private, person=holder.person, passphrase=holder.passphrase, randomness=randomness)
    person_keys.enrol(tx, private.public, slot, at=now, actor="init")


def _reading_key(  # noqa: PLR0917 - what is made, for whom, from what
    tx: Tx,
    policy: PolicyName,
    role: RoleName,
    to: PublicHalf,
    holder: Holder,
    clock: Clock,
    randomness: Randomness,
) -> Fingerprint:
    private, now = make_private_half(randomness), clock.now()
    key_id = reading_keys.add_reading_key(tx, policy, role, private.public, at=now, actor="init")
    sealed = seal_to(to, private.data, grant_info(key_id, holder.person, to))
    reading_keys.grant(tx, key_id, holder.person, sealed, is_custodian=True, at=now, actor="init")
    return Fingerprint(policy=policy, role=role, fingerprint=private.public.fingerprint)


@contextmanager
def _all_or_nothing() -> Iterator[ExitStack]:
    """Give a stack of ways back; they are gone only when the block comes to its end."""
    with ExitStack() as made:
        with _in_words():
            yield made
        made.pop_all()


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"{error.filename or 'installation'}: {error.strerror or error}",
            hint="run this as the daemon's own user, in a folder that it owns",
        ) from error


def _folder(
    made: ExitStack, path: Path, mode: int, *, group: str | None = None, must_be_empty: bool = False
) -> None:
    """Make a folder with a mode, or take the one that is there as it is."""
    if path.is_dir():
        if must_be_empty and any(path.iterdir()):
            raise StateConflict(
                f"{path}: must be empty, holds something", hint="is it another installation's?"
            )
        return
    for parent in reversed([parent for parent in path.parents if not parent.exists()]):
        parent.mkdir()
        made.callback(_remove_folder, parent)
    path.mkdir()
    made.callback(_remove_folder, path)
    _give_to_group(path, group)
    path.chmod(mode)  # after chown, which clears the set-group bit


def _file(made: ExitStack, path: Path, content: bytes, mode: int, *, group: str | None = None) -> None:
    """Write a new file, durable on return.

    Raises:
        StateConflict: If it is there.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, _SECRET_FILE)
    except FileExistsError as error:
        raise StateConflict(f"{path}: is there already") from error
    made.callback(path.unlink, missing_ok=True)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    _give_to_group(path, group)
    path.chmod(mode)


def _copy(made: ExitStack, source: Path, target: Path) -> None:
    if source.absolute() == target.absolute():
        return
    if not source.is_file():
        raise NotFound(f"{source}: must be a policy file, got none")
    _file(made, target, toml_file.read_bytes(source), 0o644)


def _give_to_group(path: Path, group: str | None) -> None:
    if group is None:
        return
    try:
        shutil.chown(path, group=group)
    except LookupError as error:
        raise ConfigError(f'--asterisk-group: no group "{group}" on this machine') from error
    except PermissionError as error:
        raise ConsentlineError(
            f'{path}: this login may not give it to group "{group}"',
            hint=f"add this login to group {group}, or run init as root",
        ) from error


def _rewrite(made: ExitStack, path: Path, content: bytes) -> None:
    """Change a file in one step; owner and mode stay as the administrator set them."""
    before = path.read_bytes()
    beside = path.with_name(f".{path.name}.new")
    shutil.copy2(path, beside)
    status = path.stat()
    os.chown(beside, status.st_uid, status.st_gid)
    beside.write_bytes(content)
    beside.replace(path)
    made.callback(path.write_bytes, before)


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise StateConflict(f"{path}: is there already", hint="is it another installation's?")


def _remove_folder(path: Path) -> None:
    # Only folders that this run made come here.
    shutil.rmtree(path, ignore_errors=True)


def _unlink_database(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", ".lock"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
