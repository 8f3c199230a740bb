"""Compare scores with the classes that their columns are named by.

The service answers ``[label, [probabilities]]``, and does not say which probability is whose. The label says a part of
it: it is one of the model's classes and, of most models, the most probable one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from wml_deployer.payload._answer import probability_names

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wml_deployer.schema import ClassLabel

__all__ = ["ClassNames", "Verdict"]

_NUMBERED = "probability_0"
_FEW_ROWS = 8
"""Up to so many rows, NumPy's functions take longer to be called than Python takes for the work."""


class Verdict(Enum):
    """The result of comparing scores with classes.

    Attributes:
        UNNAMED: No column is named by a class.
        AGREES: Each predicted label is a class, and none is more probable.
        LESS_PROBABLE: A predicted label is a class, and another one is more probable.
        FOREIGN: A predicted label is not a class.
        OTHER_COUNT: There are not as many probabilities as classes.

    """

    UNNAMED = "unnamed"
    AGREES = "agrees"
    LESS_PROBABLE = "less probable"
    FOREIGN = "foreign"
    OTHER_COUNT = "other count"


@dataclass(frozen=True)
class ClassNames:
    """The classes of a revision, and what its probabilities are called.

    Attributes:
        classes: The k labels in the order of the probabilities.

    Example:
        >>> import pandas as pd
        >>> scores = pd.DataFrame({"prediction": ["leave"], "probability_buy": [0.2], "probability_leave": [0.8]})
        >>> ClassNames(("buy", "leave")).judge(scores)
        <Verdict.AGREES: 'agrees'>
        >>> ClassNames(("buy", "leave")).judge(scores.assign(prediction="stay"))
        <Verdict.FOREIGN: 'foreign'>

    """

    classes: tuple[ClassLabel, ...]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns of probabilities."""
        return probability_names(len(self.classes), self.classes)

    def judge(self, scores: pd.DataFrame) -> Verdict:
        """Compare scores with the classes.

        Args:
            scores: n rows, named by these classes where the answer has as many probabilities; rows without scores are
                null.

        """
        if not self.classes:
            return Verdict.UNNAMED
        columns = scores.columns.tolist()
        if columns != self._usual:
            probabilities = sum(str(column).startswith("probability_") for column in columns)
            if probabilities != len(self.classes) or not set(columns).issuperset(self.columns):
                # A runtime that answers a mapping for each row names the columns itself.
                return Verdict.OTHER_COUNT if _NUMBERED in columns else Verdict.UNNAMED
            if "prediction" not in columns:
                # Models with several outputs predict a label for each, none of which is that of a column.
                return Verdict.AGREES
            scores = scores[self._usual]
        try:
            return self._judge_few(scores) if len(scores) <= _FEW_ROWS else self._judge_many(scores)
        except TypeError:  # lists are not labels
            return Verdict.AGREES

    def could_have_given(self, scores: pd.DataFrame) -> bool:
        """Say whether each predicted label is one of the classes; which is the most probable tells nothing for sure."""
        if "prediction" not in scores.columns:
            return True
        try:
            return self._place_of.keys() >= set(scores["prediction"].dropna())
        except TypeError:  # lists are not labels
            return True

    @cached_property
    def _usual(self) -> list[str]:
        return ["prediction", *self.columns]

    @cached_property
    def _place_of(self) -> dict[Any, int]:
        return {label: place for place, label in enumerate(self.classes)}

    def _judge_few(self, scores: pd.DataFrame) -> Verdict:
        verdict = Verdict.AGREES
        for label, *probabilities in scores.to_numpy(dtype=object).tolist():
            place = self._place_of.get(label)
            if place is None:
                if not all(map(isnan, probabilities)):
                    return Verdict.FOREIGN
            elif probabilities[place] < max(probabilities):
                verdict = Verdict.LESS_PROBABLE
        return verdict

    def _judge_many(self, scores: pd.DataFrame) -> Verdict:
        places = self._places(scores["prediction"])
        # Column by column: pandas takes longer to cut a frame than all the rest takes.
        block = np.column_stack([scores[name].to_numpy(dtype=np.float64) for name in self.columns])
        if (places < 0).any() and not np.isnan(block[places < 0]).all():
            return Verdict.FOREIGN
        # Null where there are no scores, which is neither less nor more than anything.
        chosen = block[np.arange(len(places)), places]
        return Verdict.LESS_PROBABLE if (chosen[:, None] < block).any() else Verdict.AGREES

    def _places(self, labels: pd.Series[Any]) -> NDArray[np.intp]:
        """The place of each label among the classes; -1 where it is none."""
        codes, found = pd.factorize(labels.to_numpy())
        places = np.array([*(self._place_of.get(label, -1) for label in found.tolist()), -1], dtype=np.intp)
        of_rows: NDArray[np.intp] = places[codes]
        return of_rows
