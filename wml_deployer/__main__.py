"""Run the command line: ``python -m wml_deployer``, the same as ``wml-deployer``."""

from __future__ import annotations

import sys

from wml_deployer._command_line import main

if __name__ == "__main__":
    sys.exit(main())
