"""The one config file of an installation: where things lie and how to reach Asterisk.

Relative paths are relative to the file's own folder. Policies lie beside it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from policy import toml_file
from policy.errors import ConfigError
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
Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:-]{1,253}$")]
CallerNamePrefix = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9 .\[\]-]{0,20}$")]
Port = Annotated[int, Field(ge=1, le=65535)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Paths(_Table):
    """Where things lie.

    Attributes:
        policies: Folder of policy files.
        prompts: Folder of spoken prompts; Asterisk reads it.
        spool: Memory-backed folder into which Asterisk records; the daemon renames and unlinks there.
        marks: Durable folder into which the dialplan and the AGI scripts write when the daemon is away.
        vault: Sealed recordings.
        epochs: Epoch keys; outside every ordinary backup.
        database: SQLite file.
        socket: Control socket.
    """

    policies: str = "policies"
    prompts: DialplanPath = "prompts"
    spool: DialplanPath
    marks: DialplanPath = "marks"
    vault: str = "vault"
    epochs: str = "epochs"
    database: str = "consentline.db"
    socket: DialplanPath = "control.sock"


class AsteriskAccess(_Table):
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


class RecordingLimits(_Table):
    """When no new recording starts.

    Attributes:
        spool_floor_bytes: Free space in the spool below which callers go on unrecorded.
        vault_floor_bytes: The same for the vault.
    """

    spool_floor_bytes: Annotated[int, Field(ge=0)] = 256 * 1024 * 1024
    vault_floor_bytes: Annotated[int, Field(ge=0)] = 1024 * 1024 * 1024


class Control(_Table):
    """Which OS logins may ask the daemon what, by SO_PEERCRED; root and the daemon's own may all.

    Attributes:
        asterisk_logins: May store an AGI decision and withdraw.
        operator_logins: May do everything the command line does.
    """

    asterisk_logins: tuple[str, ...] = Field(default=("asterisk",), strict=False)
    operator_logins: tuple[str, ...] = Field(default=(), strict=False)


class Agents(_Table):
    """How an agent sees whether a call is recorded.

    Attributes:
        prefix_recorded: Put before the caller's name when the call is recorded; empty: nothing.
        prefix_not_recorded: The same when it is not.
    """

    prefix_recorded: CallerNamePrefix = "[rec]"
    prefix_not_recorded: CallerNamePrefix = "[not rec]"


class Metrics(_Table):
    """Where Prometheus scrapes.

    Attributes:
        listen_port: Loopback port; absent: no metrics are served.
    """

    listen_port: Port | None = None


class _File(_Table):
    paths: Paths
    asterisk: AsteriskAccess
    recording: RecordingLimits = RecordingLimits()
    agents: Agents = Agents()
    control: Control = Control()
    metrics: Metrics = Metrics()


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
    """Read the config file.

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
    config = toml_file.build(path, Config, tables | {"home": path.resolve().parent})
    for name in ("prompts", "spool", "marks", "socket"):
        absolute = str(config.path(name))
        if _DIALPLAN_SAFE.fullmatch(absolute) is None:
            raise ConfigError(
                f"{path.name}: paths.{name}: must hold only letters, digits and . _ / + -, got {absolute!r}",
                hint="these paths stand in the dialplan; move the installation or name an absolute path",
            )
    return config
