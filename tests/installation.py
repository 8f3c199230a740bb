"""Print the versions of the data libraries as JSON; given an earlier output, refuse what pip changed since.

Only a requirement of IBM's client may take a library back: this package sets no upper bound on any of them.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import requires, version

from packaging.requirements import Requirement

LIBRARIES = ("numpy", "pandas", "scikit-learn")
CLIENT = "ibm-watsonx-ai"


def is_refused_by_the_client(library: str, installed: str) -> bool:
    """Tell whether IBM's client does not work with a version of a library."""
    found = [requirement for text in requires(CLIENT) or () if (requirement := Requirement(text)).name == library]
    here = [requirement for requirement in found if requirement.marker is None or requirement.marker.evaluate()]
    return any(installed not in requirement.specifier for requirement in here)


def main(before: str | None) -> None:
    """Print what is installed, or compare it with what was."""
    versions = {library: version(library) for library in LIBRARIES}
    if before is None:
        print(json.dumps(versions))
        return
    changes = {
        library: f"{was} became {versions[library]}"
        for library, was in json.loads(before).items()
        if was != versions[library] and not is_refused_by_the_client(library, was)
    }
    if changes:
        sys.exit(f"Installing the package changed what was there: {changes}")
    print(f"{versions}: changed by nothing but the requirements of {CLIENT}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
