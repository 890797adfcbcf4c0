"""The one config file: where an installation has its things, or how a listening host reaches one.

Relative paths are relative to the file's own folder. Policies lie beside it.
"""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from policy import toml_file
from policy.config_table import ConfigTable
from policy.errors import ConfigError
from policy.notify import Notify
from policy.scope import Endpoint

ENVIRONMENT_VARIABLE = "CONSENTLINE_CONFIG"
DEFAULT_PATH = Path("/etc/consentline/consentline.toml")

_DIALPLAN_SAFE = re.compile(r"[A-Za-z0-9._/+-]+")


def _dialplan_safe(path: str) -> str:
    """Refuse characters that mean something in a dialplan, so that a path can stand in one (I10)."""
    if _DIALPLAN_SAFE.fullmatch(path) is None:
        raise ValueError(f'must hold only letters, digits and . _ / + -, got "{path[:80]}"')
    return path


DialplanPath = Annotated[str, AfterValidator(_dialplan_safe)]
AbsolutePath = Annotated[str, StringConstraints(pattern=r"^/[^\x00-\x1f]{1,500}$")]
Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:-]{1,253}$")]
CallerNamePrefix = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9 .\[\]-]{0,20}$")]
Port = Annotated[int, Field(ge=1, le=65535)]


class Paths(ConfigTable):
    """Where things lie.

    Attributes:
        policies: Folder of policy files.
        prompts: Folder of spoken prompts; Asterisk reads it.
        spool: Memory-backed folder into which Asterisk records; the daemon renames and unlinks there.
        marks: Durable folder into which the dialplan and the AGI scripts write when the daemon is away.
        vault: Sealed recordings, unless `vault.command` names another host.
        epochs: Epoch keys; outside every ordinary backup.
        database: SQLite file.
        socket: Control socket.
        signing_key: What signs the ledger's checkpoints; outside every backup of the database.
    """

    policies: str = "policies"
    prompts: DialplanPath = "prompts"
    spool: DialplanPath
    marks: DialplanPath = "marks"
    vault: str = "vault"
    epochs: str = "epochs"
    database: str = "consentline.db"
    socket: DialplanPath = "control.sock"
    signing_key: str = "ledger.key"


class AsteriskAccess(ConfigTable):
    """How to reach Asterisk.

    Attributes:
        ari_url: Base of the HTTP server, such as `http://127.0.0.1:8088`.
        app: Name of the Stasis application.
        trunks: Endpoints from which callers from outside come, such as `PJSIP/trunk`; others are the
            organisation's own, whose calls go on unasked. Empty: everybody calls from outside.
        without_ari: This PBX has no ARI: every call enters by `Gosub(consentline-agi,s,1)`.
        ami_host: Where the manager interface listens.
    """

    ari_url: Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.:\[\]-]+(/[a-z]*)?$")]
    ari_user: str
    ari_password: Annotated[str, Field(repr=False)]
    app: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,31}$")] = "consentline"
    trunks: Annotated[tuple[Endpoint, ...], Field(strict=False)] = ()
    without_ari: bool = False
    ami_host: Host = "127.0.0.1"
    ami_port: Port = 5038
    ami_user: str
    ami_password: Annotated[str, Field(repr=False)]


class RecordingLimits(ConfigTable):
    """When no new recording starts.

    Attributes:
        spool_floor_bytes: Free space in the spool below which callers go on unrecorded.
        vault_floor_bytes: The same for the vault.
    """

    spool_floor_bytes: Annotated[int, Field(ge=0)] = 256 * 1024 * 1024
    vault_floor_bytes: Annotated[int, Field(ge=0)] = 1024 * 1024 * 1024


class Control(ConfigTable):
    """Which OS logins may ask the daemon what, by SO_PEERCRED; root and the daemon's own may all.

    Attributes:
        asterisk_logins: May store an AGI decision and withdraw.
        operator_logins: May do everything the command line does.
    """

    asterisk_logins: tuple[str, ...] = Field(default=("asterisk",), strict=False)
    operator_logins: tuple[str, ...] = Field(default=(), strict=False)


class Agents(ConfigTable):
    """How an agent sees whether a call is recorded.

    Attributes:
        prefix_recorded: Put before the caller's name when the call is recorded; empty: nothing.
        prefix_not_recorded: The same when it is not.
    """

    prefix_recorded: CallerNamePrefix = "[rec]"
    prefix_not_recorded: CallerNamePrefix = "[not rec]"


class Metrics(ConfigTable):
    """Where Prometheus scrapes.

    Attributes:
        listen_port: Loopback port; absent: no metrics are served.
    """

    listen_port: Port | None = None


class Backup(ConfigTable):
    """Where copies go; see docs/backups.md.

    Attributes:
        folder: Absolute; where `consentline backup` copies what may be copied.
        epochs_mirror: Absolute; a folder on a second host, into which the daemon mirrors the epoch keys, and
            in which it destroys what is destroyed here. Needed where a policy says `backups.mode = "vault"`.
    """

    folder: AbsolutePath | None = None
    epochs_mirror: AbsolutePath | None = None


class TargetKind(Enum):
    """How a checkpoint reaches a place off this host."""

    DIRECTORY = "directory"
    SYSLOG = "syslog"
    HTTPS = "https"


_WHERE = {
    TargetKind.DIRECTORY: (r"/[^\0\r\n]{1,4000}", "an absolute folder, mounted from another host"),
    TargetKind.SYSLOG: (
        r"(tls|tcp|udp)://([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):[0-9]{1,5}|unix:///[^\0\r\n]{1,100}",
        "tls://HOST:PORT, tcp://HOST:PORT, udp://HOST:PORT or unix:///dev/log",
    ),
    TargetKind.HTTPS: (r"https://[!-~]{1,2000}", "an address such as https://HOST/PATH"),
}


class Target(ConfigTable):
    """Where checkpoints of the ledger go, so that no one on this host can take them back.

    Attributes:
        name: What it is called in alarms and `doctor`; another place gets another name.
        kind: `directory`: a folder of another host; `syslog`: RFC 5424; `https`: a POST for each.
        to: The folder; `tls://HOST:PORT`, `tcp://`, `udp://` or `unix:///dev/log`; `https://HOST/PATH`.
        ca_file: For `tls` and `https`: whom to trust; absent: the certificate authorities of this machine.
        token_file: For `https`: a file whose line is sent as bearer token.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    kind: Annotated[TargetKind, Field(strict=False)]
    to: str
    ca_file: str | None = None
    token_file: str | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        pattern, expected = _WHERE[self.kind]
        if re.fullmatch(pattern, self.to) is None:
            raise ValueError(f'to: must be {expected}, got "{self.to[:80]}"')
        if self.ca_file is not None and not self.to.startswith(("tls://", "https://")):
            raise ValueError("ca_file: only with tls:// or https://")
        if self.token_file is not None and self.kind is not TargetKind.HTTPS:
            raise ValueError("token_file: only with https://")
        return self


class VaultAccess(ConfigTable):
    """Where sealed recordings lie, if not in `paths.vault`; see docs/vault-host.md.

    Attributes:
        command: Runs `consentline vault serve` on the vault host, such as
            `["ssh", "-o", "BatchMode=yes", "vault@store.example"]`; absent: the vault is `paths.vault`.
    """

    command: Annotated[tuple[Annotated[str, StringConstraints(min_length=1)], ...], Field(strict=False)] = ()


class Ledger(ConfigTable):
    """Where the ledger's checkpoints go.

    Attributes:
        targets: At least one, off this host.
        without_target: A sandbox that records nobody: `doctor` asks for no target.
    """

    targets: tuple[Target, ...] = Field(default=(), strict=False)
    without_target: bool = False

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [target.name for target in self.targets]
        if len(set(names)) < len(names):
            raise ValueError("targets: each must have a name of its own")
        return self


class Listening(ConfigTable):
    """The whole config file of a machine on which people only listen; see docs/listening.md.

    Attributes:
        socket: The control socket of the PBX, as ssh forwards it to this machine.
    """

    socket: Annotated[str, StringConstraints(min_length=1, max_length=500)]


class _ListeningFile(ConfigTable):
    listening: Listening


class ListeningHost(_ListeningFile):
    """What a listening host knows: the way to the daemon, and nothing else.

    Attributes:
        home: Folder of the config file.
    """

    home: Path

    @property
    def socket_path(self) -> Path:
        """The forwarded socket, absolute."""
        return self.home / Path(self.listening.socket).expanduser()


class _File(ConfigTable):
    paths: Paths
    asterisk: AsteriskAccess
    recording: RecordingLimits = RecordingLimits()
    agents: Agents = Agents()
    control: Control = Control()
    metrics: Metrics = Metrics()
    vault: VaultAccess = VaultAccess()
    backup: Backup = Backup()
    ledger: Ledger = Ledger()
    notify: Notify = Notify()


class Config(_File):
    """The whole config file.

    Attributes:
        home: Folder of the config file; the base of relative paths.
    """

    home: Path

    def path(self, name: str) -> Path:
        """Return one of `Paths` as an absolute path."""
        return self.home / str(getattr(self.paths, name))


def load_config(path: Path) -> Config:
    """Read the config file of an installation.

    Raises:
        ConfigError: With one line for each problem; or if it is a listening host's.
    """
    place = load_place(path)
    if isinstance(place, ListeningHost):
        raise ConfigError(
            f"{path.name}: this is a listening host, and that needs the installation's own files",
            hint="run it on the PBX; what listens, finds, exports and decides can be run here",
        )
    return place


def load_place(path: Path) -> Config | ListeningHost:
    """Read the config file of an installation, or of a machine on which people only listen.

    Raises:
        ConfigError: With one line for each problem.
    """
    try:
        content = toml_file.read_bytes(path)
    except ConfigError as error:
        hint = f"name the config file with --config or {ENVIRONMENT_VARIABLE}, or run: consentline init"
        raise ConfigError(*error.problems, hint=hint) from error
    tables = toml_file.parse(path, content)
    if "home" in tables:
        raise ConfigError(f"{path.name}: home: unknown key")
    home = {"home": path.resolve().parent}
    if "listening" in tables:
        return toml_file.build(path, ListeningHost, tables | home)
    config = toml_file.build(path, Config, tables | home)
    for name in ("prompts", "spool", "marks", "socket"):
        absolute = str(config.path(name))
        if _DIALPLAN_SAFE.fullmatch(absolute) is None:
            raise ConfigError(
                f"{path.name}: paths.{name}: must hold only letters, digits and . _ / + -, got {absolute!r}",
                hint="these paths stand in the dialplan; move the installation or name an absolute path",
            )
    return config
