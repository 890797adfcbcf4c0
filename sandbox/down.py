"""`python -m sandbox.down`: stop what `sandbox.up` left running; the installation and its recordings stay."""

from __future__ import annotations

import sys

from sandbox.fetch import SandboxError, fetch, sandbox_folder
from sandbox.site import Site
from sandbox.up import site_folder


def main() -> int:
    """Stop the daemon and Asterisk. Harmless when they do not run."""
    if not site_folder().is_dir():
        print("The sandbox was never up.")
        return 0
    try:
        Site(site_folder(), fetch()).stop()
    except SandboxError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    (sandbox_folder() / "env").unlink(missing_ok=True)
    print("Asterisk and consentline have stopped.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
