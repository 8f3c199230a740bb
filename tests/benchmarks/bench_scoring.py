"""Scoring beside IBM's two clients and a bare kept-alive connection: with a model behind it, and with canned answers.

Ways take turns, so that what else the machine does hits all of them; ratios of medians are held, times are shown.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import certifi
import numpy as np
import pandas as pd
import pytest

from tests.benchmarks.conftest import credentials_for, floats, handle_of
from tests.benchmarks.frames import mixed, repaired
from tests.benchmarks.ways import bare_connection, ibm_ways, medians
from wml_deployer._clients.door import open_scoring
from wml_deployer.payload import decode, encode
from wml_deployer.schema import Field, Schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.benchmarks.bars import Bars
    from tests.benchmarks.canned import Canned
    from tests.benchmarks.conftest import Authority, Deployed

PANDAS_ALONE = "pandas' constructor alone"
WHAT_IS_LEFT = "most of what is left is orjson's writing of the numbers and the request itself"
ONE_BY_ONE = "; text, dates and categories become Python values one by one, as they do on the other side"


@pytest.fixture
def to_model(deployed: Deployed) -> Callable[[pd.DataFrame], dict[str, Callable[[], object]]]:
    """Every way to the model on the embedded service."""
    info, deployer = deployed.info, deployed.deployer
    token = deployer._project.client._tokens.token()  # type: ignore[attr-defined]  # the bare way's own token
    bare = bare_connection(info.url, info.ca_bundle, deployed.deployment_id, token)
    others = dict(ibm_ways(info, deployed.deployment_id, info.ca_bundle))

    def ways(frame: pd.DataFrame) -> dict[str, Callable[[], object]]:
        return {
            "wml_deployer": partial(deployer.score, frame),
            "bare kept-alive POST": partial(bare, encode(frame)),
            "predict and predict_proba": lambda: (
                deployed.model.predict(frame),
                deployed.model.predict_proba(frame),
            ),
            **{name: partial(way, frame) for name, way in others.items()},
        }

    return ways


@pytest.fixture
def to_canned(
    deployed: Deployed, canned: Callable[[], Canned], authority: Authority, tmp_path: Path
) -> Callable[[pd.DataFrame, bool], dict[str, Callable[[], object]]]:
    """Every way to a canned service, trusting one certificate or as many as on IBM Cloud."""
    service = canned()

    def ways(
        frame: pd.DataFrame, many: bool, by_hand: Callable[[pd.DataFrame], pd.DataFrame] | None = None
    ) -> dict[str, Callable[[], object]]:
        trusted = tmp_path / "trusted.pem"
        public = certifi.contents() if many else ""
        trusted.write_text(f"{deployed.info.ca_bundle.read_text()}{authority.ca_bundle.read_text()}{public}")
        schema = Schema(tuple(Field(str(name), str(dtype)) for name, dtype in frame.dtypes.items()), (0, 1))
        deployment = handle_of(open_scoring(credentials_for(service, trusted)), schema)
        bare = bare_connection(service.url, trusted, deployment.id, "any")
        others = dict(ibm_ways(deployed.info, deployment.id, trusted, service.url))
        return {
            "wml_deployer": partial(deployment.score, frame),
            "bare kept-alive POST": partial(bare, encode(frame)),
            **{
                name: partial(done_by_hand, way, by_hand, frame) if by_hand else partial(way, frame)
                for name, way in others.items()
            },
        }

    return ways


def done_by_hand(
    way: Callable[[pd.DataFrame], pd.DataFrame], repair: Callable[[pd.DataFrame], pd.DataFrame], frame: pd.DataFrame
) -> pd.DataFrame:
    """Score with what the frame first has to be made."""
    return way(repair(frame))


def test_one_row(bars: Bars, to_model: Any) -> None:
    """Through the embedded service, whose model takes a part of every way."""
    found = medians(to_model(floats(1)), 60)
    bars.times("Scoring 1 row × 30 floats on the embedded service", found)

    ours, bare = found["wml_deployer"], found["bare kept-alive POST"]
    assert bars.at_most("score 1 row, embedded service, beside a bare POST", 2.2, ours / bare)


@pytest.mark.parametrize(("many", "bar"), [(True, 20), (False, 5)], ids=["certifi's bundle", "one certificate"])
def test_one_row_without_a_model(bars: Bars, to_canned: Any, many: bool, bar: float) -> None:
    """The client alone, frame to frame."""
    trust = "certifi's bundle" if many else "a one-certificate bundle"
    row = floats(1)
    found = medians({**to_canned(row, many), PANDAS_ALONE: partial(frame_of_scores, row.index)}, 60)
    bars.times(f"Scoring 1 row × 30 floats on a canned service, {trust}", found)

    ours, bare = found["wml_deployer"], found["bare kept-alive POST"]
    faster, beside = f"score 1 row, {trust}, faster than the old client", f"score 1 row, {trust}, beside a bare POST"
    reached = [
        bars.at_least(faster, bar, found["old client"] / ours),
        bars.at_most(beside, 2.2, ours / bare),
    ]
    bars.because(faster, f"a bare POST alone, without a frame, is {found['old client'] / bare:.1f} × faster.")
    bars.because(
        beside,
        f"a bare POST makes no frame, and pandas' constructor alone takes {found[PANDAS_ALONE] / bare:.2f} of it; the "
        "rest is the frame's encoding, and retries, deadline, token and pool around the request.",
    )
    assert all(reached)


def frame_of_scores(index: pd.Index[Any]) -> pd.DataFrame:
    """What a score of one row returns, made by pandas' constructor alone."""
    columns = {"prediction": np.array([1]), "probability_0": np.array([0.06]), "probability_1": np.array([0.94])}
    return pd.DataFrame(columns, index=index, copy=False)


def test_a_thousand_rows(bars: Bars, to_model: Any) -> None:
    """Through the embedded service, whose model takes a part of every way."""
    bars.times("Scoring 1,000 rows × 30 floats on the embedded service", medians(to_model(floats(1_000)), 15))


@pytest.mark.parametrize(
    ("frame", "by_hand", "columns"),
    [(floats(1_000), None, "30 floats"), (mixed(1_000), repaired, "25 mixed")],
    ids=["floats", "mixed"],
)
def test_a_thousand_rows_without_a_model(
    bars: Bars, to_canned: Any, frame: pd.DataFrame, by_hand: Any, columns: str
) -> None:
    """The client alone, frame to frame."""
    found = medians(to_canned(frame, True, by_hand), 20)
    job = f"score 1,000 rows × {columns}"
    bars.times(f"Scoring 1,000 rows × {columns} on a canned service", found)

    ours, newer = found["wml_deployer"], f"{job}, faster than ibm-watsonx-ai"
    faster = f"{job}, faster than the old client"
    reached = [bars.at_least(faster, 12, found["old client"] / ours)]
    if "ibm-watsonx-ai" in found:
        reached += [bars.at_least(newer, 6, found["ibm-watsonx-ai"] / ours)]
    for missed in (faster, newer):
        bars.because(missed, f"{WHAT_IS_LEFT}{ONE_BY_ONE if by_hand else ''}.")
    assert all(reached)


def test_where_the_time_of_one_row_goes(bars: Bars, deployed: Deployed) -> None:
    """A profile to read: encoding, the request, the model in it, decoding."""
    row, info = floats(1), deployed.info
    token = deployed.deployer._project.client._tokens.token()  # type: ignore[attr-defined]  # the bare way's own token
    bare = bare_connection(info.url, info.ca_bundle, deployed.deployment_id, token)
    body = encode(row)
    answer = bare(body)
    found = medians(
        {
            "score(1 row)": partial(deployed.deployer.score, row),
            "  frame to bytes": partial(encode, row),
            "  bare POST of the bytes": partial(bare, body),
            "    predict and predict_proba": lambda: (deployed.model.predict(row), deployed.model.predict_proba(row)),
            "  bytes to frame": partial(decode, answer, classes=(0, 1)),
        },
        100,
    )
    bars.times("Where the time of one row goes", found)

    assert b'"probability"' in answer
