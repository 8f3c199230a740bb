"""Load the estimator from a model's file, because the caller asked for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from wml_deployer._packaging.pickles import open_pickles
from wml_deployer.errors import ModelError

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

__all__ = ["load_estimator"]


def load_estimator(source: str | os.PathLike[str], versions: Mapping[str, str]) -> Any:
    """Unpickle the model of a file, a directory or an archive. This runs the code that the pickle brings along.

    Args:
        source: A ``.joblib`` or ``.pkl`` file, or a directory or ``.tar.gz`` that holds exactly one.
        versions: Versions of the libraries that pickled it, where the pickle says so.

    Raises:
        ModelError: There is not exactly one, or it cannot be loaded here.

    """
    import joblib  # noqa: PLC0415 - deferred: it imports numpy, and only this needs it

    found = []
    try:
        for name, stream in open_pickles(Path(source)):
            found.append(name)
            estimator = joblib.load(stream)
    except Exception as error:
        saved_by = "".join(f" It was saved by {library} {version}." for library, version in versions.items())
        raise ModelError(
            f"{found[-1] if found else source} cannot be loaded here: {type(error).__name__}: {error}.{saved_by}",
            operation="store",
            next_step="Load it with the packages it was saved with. Or leave unpickle out, and set model_type in "
            "metadata.yaml.",
        ) from error
    if len(found) != 1:
        raise ModelError(
            f"{source} holds {len(found)} pickles: {', '.join(found) or 'none'}. It has to hold one, the model.",
            operation="store",
            next_step="Pass a file, directory or archive with one .joblib or .pkl.",
        )
    return estimator
