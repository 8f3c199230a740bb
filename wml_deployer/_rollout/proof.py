"""The proof of a deployment: a sample that the live endpoint must answer as the local model did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from wml_deployer.errors import RolloutError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from wml_deployer.schema import Schema

__all__ = ["Sample", "SampleFolder", "disagreement", "take_sample"]

TOLERANCE = 1e-6
SHOWN_ROWS = 10


@dataclass(frozen=True)
class Sample:
    """Rows to score and what the local model says of them.

    Attributes:
        payload: The ``input_data`` bytes of the n rows.
        expected: The answer's bytes as the service should give them.
        schema: The model's fields and classes.

    """

    payload: bytes
    expected: bytes
    schema: Schema


class SampleFolder:
    """Keeps samples beside metadata.yaml: they are the user's data and go nowhere else.

    Args:
        directory: A folder that is not under version control.

    """

    def __init__(self, directory: Path) -> None:
        """Create nothing yet."""
        self._directory = directory

    def keep(self, digest: str, sample: Sample) -> None:
        """Write the sample of the model with this content digest."""
        self._directory.mkdir(parents=True, exist_ok=True)
        # The folder ignores itself, whatever the project's own .gitignore says.
        (self._directory / ".gitignore").write_text("*\n", encoding="utf-8")
        path = self._path(digest)
        partial = path.with_suffix(".partial")
        partial.write_bytes(
            b'{"payload":' + sample.payload + b',"expected":' + sample.expected + b"}",
        )
        partial.replace(path)

    def find(self, digest: str, schema: Schema) -> Sample | None:
        """Return the sample of the model with this content digest, if there is one."""
        try:
            kept = orjson.loads(self._path(digest).read_bytes())
        except FileNotFoundError:
            return None
        return Sample(orjson.dumps(kept["payload"]), orjson.dumps(kept["expected"]), schema)

    def _path(self, digest: str) -> Path:
        return self._directory / f"{digest.removeprefix('sha256:')[:32]}.json"


def take_sample(estimator: Any, rows: Any, schema: Schema) -> Sample:
    """Encode the rows and let the local estimator answer them as the service's runtime does.

    Args:
        estimator: The fitted estimator.
        rows: n rows × k fields.
        schema: Its fields and classes.

    """
    import numpy as np  # noqa: PLC0415 - importing this module is cheap

    from wml_deployer.payload import encode  # noqa: PLC0415

    names = [field.name for field in schema.fields]
    given = rows[names] if names and hasattr(rows, "columns") else np.asarray(rows)
    columns = [_plain(estimator.predict(given))]
    fields = ["prediction"]
    if hasattr(estimator, "predict_proba"):
        fields.append("probability")
        columns.append(_plain(estimator.predict_proba(given)))
    answer = {"predictions": [{"fields": fields, "values": [list(row) for row in zip(*columns, strict=True)]}]}
    return Sample(encode(rows, schema=schema), orjson.dumps(answer), schema)


def disagreement(score: Callable[[bytes], bytes], sample: Sample) -> RolloutError | None:
    """Score the sample and return what differs from the local model's answers, or ``None``.

    Args:
        score: Sends payload bytes to the live endpoint and returns the answer's bytes.
        sample: The rows and the expected answers.

    """
    from wml_deployer.payload import decode  # noqa: PLC0415 - importing this module is cheap

    live = decode(score(sample.payload), classes=sample.schema.classes)
    local = decode(sample.expected, classes=sample.schema.classes)
    if list(live.columns) != list(local.columns) or len(live) != len(local):
        return _error(
            f"The deployment answers {len(live)} rows of {list(live.columns)}, "
            f"the local model {len(local)} rows of {list(local.columns)}."
        )
    differing = _differing_rows(live, local)
    if differing.empty:
        return None
    shown = differing.head(SHOWN_ROWS).to_string()
    return _error(f"{len(differing)} of {len(local)} sample rows differ between deployment and local model:\n{shown}")


def _differing_rows(live: pd.DataFrame, local: pd.DataFrame) -> pd.DataFrame:
    import numpy as np  # noqa: PLC0415 - importing this module is cheap
    import pandas as pd  # noqa: PLC0415

    differs = np.zeros(len(local), dtype=bool)
    for name in local.columns:
        ours, theirs = local[name], live[name]
        if pd.api.types.is_float_dtype(ours.dtype) and pd.api.types.is_numeric_dtype(theirs.dtype):
            differs |= ~np.isclose(ours, theirs, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
        else:
            differs |= np.array([a != b for a, b in zip(ours, theirs, strict=True)], dtype=bool)
    return pd.concat({"local": local[differs], "deployed": live[differs]}, axis=1)


def _error(message: str) -> RolloutError:
    return RolloutError(
        message,
        next_step=(
            "Compare the library versions of this process with those of the software specification, "
            "the order of the columns, and their dtypes."
        ),
    )


def _plain(values: Any) -> list[Any]:
    import numpy as np  # noqa: PLC0415 - importing this module is cheap

    array = np.asarray(values)
    # The runtime answers a float32 as the double of the same value.
    plain = (array.astype(np.float64) if array.dtype.kind == "f" else array).tolist()
    return list(plain)
