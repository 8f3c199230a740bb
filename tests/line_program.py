"""A program beside the tests that answers each line of JSON with one; it has imported what takes long already."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextmanager
def line_program(path: Path, **environment: str) -> Iterator[Callable[[Any], Any]]:
    """Run a program with these variables besides, and ask it until the block ends."""
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        requests, answers = process.stdin, process.stdout

        def ask(job: Any) -> Any:
            print(json.dumps(job), file=requests, flush=True)
            return json.loads(answers.readline())

        yield ask
        requests.close()
