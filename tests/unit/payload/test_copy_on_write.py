"""Frames behave the same where pandas copies on write: on wish in pandas 2, always from pandas 3 on."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from wml_deployer.display._frames import Scores
from wml_deployer.payload import decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(pd.__version__.startswith("1."), reason="pandas 1 always shares")

BODY = b'{"predictions":[{"fields":["prediction","probability"],"values":[[0,[0.75,0.25]],[1,[0.5,0.5]]]}]}'


@pytest.fixture(autouse=True)
def copy_on_write() -> Iterator[None]:
    """Switch it on where it is not always on."""
    with pd.option_context("mode.copy_on_write", True) if pd.__version__.startswith("2.") else nullcontext():
        yield


def test_a_slice_is_written_without_touching_its_frame() -> None:
    """What it shares with its frame is read alone: a change of either later changes nothing of the other."""
    frame = pd.DataFrame({"a": [1.5, 2.5, 3.5], "b": [4.5, 5.5, 6.5]})
    part = frame.iloc[1:]
    body = encode(part)
    part.loc[1, "a"] = -1.0

    assert b'{"input_data":[{"fields":["a","b"],"values":[[2.5,5.5],[3.5,6.5]]}]}' == body
    assert [1.5, 2.5, 3.5] == frame["a"].tolist()


@pytest.mark.parametrize("kind", [pd.DataFrame, Scores])
def test_scores_can_be_changed(kind: type[pd.DataFrame]) -> None:
    """Rounded, replaced and extended in place, as users do, and no other frame changes with them."""
    scores = kind(decode(BODY, classes=("no", "yes")))
    chances = scores["probability_yes"]
    scores.loc[0, "probability_yes"] = 0.125
    scores["sure"] = scores["probability_yes"] > 0.25

    assert ([0.125, 0.5], [False, True]) == (scores["probability_yes"].tolist(), scores["sure"].tolist())
    assert [0.25, 0.5] == chances.tolist()


def test_answers_share_nothing() -> None:
    """Two frames of one answer are two frames."""
    first, second = decode(BODY), decode(BODY)
    first.iloc[:, 1] = 0.0

    assert [0.75, 0.5] == second["probability_0"].tolist()
