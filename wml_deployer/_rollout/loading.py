"""The estimator in a model's file, unpickled because the caller asked for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from wml_deployer.errors import ModelError
from wml_deployer.pickles import pickles_of

if TYPE_CHECKING:
    import os

__all__ = ["load_estimator"]


def load_estimator(source: str | os.PathLike[str]) -> Any:
    """Unpickle the model of a file, a directory or an archive. This runs code that the pickle brings along.

    Args:
        source: A ``.joblib`` or ``.pkl`` file, or a directory or ``.tar.gz`` that holds exactly one.

    Raises:
        ModelError: There is not exactly one, or it cannot be loaded here.

    """
    import joblib  # noqa: PLC0415 - with numpy, a third of a second that only this needs

    found = []
    try:
        for name, stream in pickles_of(Path(source)):
            found.append(name)
            estimator = joblib.load(stream)
    except Exception as error:
        where = found[-1] if found else source
        raise ModelError(
            f"{where} cannot be loaded here: {type(error).__name__}: {error}",
            operation="store",
            next_step="Save it with joblib.dump, and load it with the packages it was saved with; or leave unpickle "
            "away, and set model_type in metadata.yaml.",
        ) from error
    if len(found) != 1:
        raise ModelError(
            f"{source} holds {len(found)} pickles: {', '.join(found) or 'none'}. Which is the model is not known.",
            operation="store",
            next_step="Hand in a file, directory or archive with one .joblib or .pkl.",
        )
    return estimator
