"""A real Asterisk, SIPp, espeak-ng and OpenSSH in a folder: fetched once, without root, installed nowhere.

Debian 12 and 13 ship no Asterisk, Debian forky ships the LTS. A private apt state downloads the whole
closure from the mirror that this machine's own apt uses, `dpkg-deb -x` unpacks it, and the unpacked
loader runs it with the unpacked libraries: nothing on the machine is older or newer than it should be.

    python -m sandbox.fetch
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FOLDER_VARIABLE = "CONSENTLINE_SANDBOX_DIR"
MIRROR_VARIABLE = "CONSENTLINE_DEBIAN_MIRROR"

RELEASE = "forky"
WANTED = ("asterisk", "asterisk-modules", "espeak-ng", "sip-tester")
SSH_WANTED = ("libnss-wrapper", "openssh-client", "openssh-server")
SSH_ROOT = "ssh"
# Downloaded because something names them as a dependency, never needed to run those above.
NOT_UNPACKED = (
    "adduser", "base-passwd", "debconf", "dirmngr", "gcc-", "gnupg", "gpg", "libperl5", "libpython3", "login",
    "passwd", "perl", "pinentry", "procps", "python3", "readline-common", "systemd_", "sysvinit", "tzdata",
    "ucf",
)  # fmt: skip
KEYRINGS = tuple(
    Path("/usr/share/keyrings") / name
    for name in ("debian-archive-keyring.gpg", "debian-archive-keyring.pgp", "debian-archive-keyring.asc")
)
STAMP = "versions.json"
UNPACKERS = 2


class SandboxError(Exception):
    """The sandbox cannot do what was asked; one line says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """The unpacked Debian packages: where they are, and which versions."""

    root: Path
    versions: dict[str, str]

    def command(self, program: str) -> list[str]:
        """Return the start of a command line that runs `program`, such as "usr/sbin/asterisk"."""
        folders = f"{self.libraries()}:{self.libraries() / 'pulseaudio'}"  # espeak-ng links the latter
        return [str(self._loader()), "--library-path", folders, str(self.root / program)]

    def libraries(self) -> Path:
        """Return the folder with the shared libraries."""
        return next(iter(sorted(self.root.glob("usr/lib/*-linux-gnu*"))))

    def asterisk_modules(self) -> Path:
        """Return the folder with Asterisk's own modules."""
        return self.libraries() / "asterisk/modules"

    def _loader(self) -> Path:
        found = sorted(
            [*self.root.glob("usr/lib64/ld-linux*.so.*"), *self.root.glob("usr/lib/ld-linux*.so.*")]
        )
        if not found:
            raise SandboxError(f"{self.root}: no program loader found; remove this folder and fetch again")
        return found[0]


def sandbox_folder() -> Path:
    """Return the folder for everything that is downloaded and written: `.sandbox/` by default."""
    given = os.environ.get(FOLDER_VARIABLE)
    return Path(given).absolute() if given else Path(__file__).resolve().parent.parent / ".sandbox"


def fetch(folder: Path | None = None, *, wanted: Sequence[str] = WANTED, named: str = "root") -> Unpacked:
    """Return the unpacked packages, downloading them first if they are not there.

    Safe against a second fetch at the same time and against being killed: a folder of that name is complete.

    Args:
        folder: The sandbox's folder.
        wanted: Packages; what they depend on comes with them.
        named: The folder in it that they are unpacked to.

    Raises:
        SandboxError: no usable mirror, no keyring, or apt could not download.
    """
    folder = folder or sandbox_folder()
    folder.mkdir(parents=True, exist_ok=True)
    root, partial = folder / named, folder / f"{named}.partial"
    with _locked(folder / "fetch.lock"):
        if (known := _stamp(root, wanted)) is not None:
            return Unpacked(root=root, versions=known)
        versions = _unpack(download(wanted, folder / "apt"), partial, wanted)
        shutil.rmtree(root, ignore_errors=True)
        partial.rename(root)
        shutil.rmtree(folder / "apt")
        return Unpacked(root=root, versions=versions)


def fetch_ssh(folder: Path | None = None) -> Unpacked:
    """Return OpenSSH, client and server, unpacked apart: few tests need it; errors as those of `fetch`."""
    return fetch(folder, wanted=SSH_WANTED, named=SSH_ROOT)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _stamp(root: Path, wanted: Sequence[str]) -> dict[str, str] | None:
    try:
        versions: dict[str, str] = json.loads((root / STAMP).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return versions if set(wanted) <= set(versions) else None


def download(packages: Sequence[str], state: Path) -> list[Path]:
    """Download packages and what they depend on into a private apt state; return the .deb files.

    Raises:
        SandboxError: no usable mirror, no keyring, or apt could not download.
    """
    for part in ("state/lists/partial", "cache/archives/partial", "etc"):
        (state / part).mkdir(parents=True, exist_ok=True)
    (state / "status").write_text("")
    keyring = next((path for path in KEYRINGS if path.is_file()), None)
    if keyring is None:
        raise SandboxError("no Debian archive keyring: install the package debian-archive-keyring")
    architecture = _output(["dpkg", "--print-architecture"]).strip()
    sources = state / "etc/sources.list"
    sources.write_text(f"deb [arch={architecture} signed-by={keyring}] {_mirror()} {RELEASE} main\n")
    options = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::State": state / "state",
        "Dir::State::status": state / "status",
        "Dir::Cache": state / "cache",
        "Acquire::Check-Valid-Until": "false",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "",
        "Debug::NoLocking": "1",
    }
    apt = ["apt-get", "-q", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]
    # An incomplete update only warns: "--error-on" turns a mirror out of reach into a failure.
    _output([*apt, "--error-on=any", "update"])
    _output([*apt, "install", "--download-only", "-y", *packages])
    return sorted((state / "cache/archives").glob("*.deb"))


def _mirror() -> str:
    """The Debian mirror: the one given, else the one of this machine's own apt."""
    if given := os.environ.get(MIRROR_VARIABLE):
        return given
    targets = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    # Only after an `apt-get update` does apt know whose a repository is.
    for uri in _output([*targets, "Origin: Debian", "Label: Debian"]).split():
        return uri
    for uri in _output(targets).split():
        if _is_debian_archive(uri):
            return uri
    for source in [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*.[ls]*"))]:
        if source.suffix in {".list", ".sources"} and source.is_file():
            for uri in repositories(source.read_text()):
                if _is_debian_archive(uri):
                    return uri
    raise SandboxError(f"this machine's apt names no Debian mirror: set {MIRROR_VARIABLE} to one")


def repositories(text: str) -> list[str]:
    """Return the repositories that a sources file names, in either of apt's two notations."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    one_line = [re.match(r"\s*deb\s+(?:\[[^]]*\]\s+)?(\S+)", line) for line in lines]
    deb822 = [re.match(r"URIs:\s*(.+)", line, re.IGNORECASE) for line in lines]
    return [uri for found in (*one_line, *deb822) if found for uri in found[1].split()]


def _is_debian_archive(uri: str) -> bool:
    path = uri.rstrip("/")
    return path.endswith("/debian") and "security" not in path


def _unpack(debs: Sequence[Path], target: Path, wanted: Sequence[str]) -> dict[str, str]:
    """Unpack what is needed into a fresh `target` and stamp it with the versions; return them."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    needed = [deb for deb in debs if not deb.name.startswith(NOT_UNPACKED)]
    with ThreadPoolExecutor(UNPACKERS) as unpackers:
        list(unpackers.map(lambda deb: unpack(deb, target), needed))
    versions = {}
    for deb in debs:
        name, version, _ = deb.name.split("_")
        if name in wanted:
            versions[name] = version.replace("%3a", ":")
    (target / STAMP).write_text(json.dumps(versions, indent=2) + "\n")
    return versions


def unpack(deb: Path, target: Path) -> None:
    """Unpack the files of one package; nothing of it is run."""
    _output(["dpkg-deb", "-x", str(deb), str(target)])


def _output(command: Sequence[str]) -> str:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    except FileNotFoundError as error:
        raise SandboxError(f"{command[0]} not found: the sandbox needs a Debian machine") from error
    if done.returncode:
        problems = [line for line in done.stderr.splitlines() if line.startswith(("E:", "W:", "dpkg"))]
        raise SandboxError(f"{command[0]} {command[-1]}: {'; '.join(problems) or done.stderr.strip()}")
    return done.stdout


def main() -> int:
    """Fetch, and print the versions that will run."""
    try:
        versions = {**fetch().versions, **fetch_ssh().versions}
    except SandboxError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    for name, version in sorted(versions.items()):
        print(f"{name} {version}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
