"""Make the virtual environment: `python3 sandbox/environment.py .venv`, with the standard library alone.

Debian's base Python has neither pip nor ensurepip. Then pip comes as a wheel in a Debian package,
downloaded and unpacked as Asterisk is (`sandbox/fetch.py`): no root, nothing installed on the machine.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)

from sandbox.fetch import SandboxError, download, unpack  # noqa: E402 - after its folder is on the path

OLDEST = (3, 11)
PIP_PACKAGE = "python3-pip-whl"


def make(target: Path) -> None:
    """Make a virtual environment with pip in it; one that is there is kept.

    Raises:
        SandboxError: pip cannot be had.
    """
    has_pip = importlib.util.find_spec("ensurepip") is not None
    venv.create(target, with_pip=has_pip, symlinks=True)
    if has_pip:
        return
    with tempfile.TemporaryDirectory() as folder:
        for deb in download([PIP_PACKAGE], Path(folder) / "apt"):
            unpack(deb, Path(folder))
        wheels = sorted(Path(folder).glob("usr/share/python-wheels/pip-*.whl"))
        if not wheels:
            raise SandboxError(f"{PIP_PACKAGE}: holds no pip")
        command = [str(target / "bin/python"), str(wheels[0] / "pip"), "install", "--quiet", "pip"]
        if subprocess.run(command, check=False).returncode:
            raise SandboxError("pip could not install itself; see above")


def main() -> int:
    """Make the environment that the command line names."""
    if sys.version_info < OLDEST:
        print(f"venv: Python 3.11 or later is needed, this is {sys.version.split()[0]}", file=sys.stderr)
        return 1
    try:
        make(Path(sys.argv[1]))
    except SandboxError as error:
        print(f"venv: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
