"""The frameworks that the library knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer.frameworks._catboost import CatBoost
from wml_deployer.frameworks._keras import Keras
from wml_deployer.frameworks._lightgbm import LightGBM
from wml_deployer.frameworks._predictor import CallableModel, Predictor
from wml_deployer.frameworks._pytorch import PyTorch
from wml_deployer.frameworks._sklearn import ScikitLearn
from wml_deployer.frameworks._statsmodels import Statsmodels
from wml_deployer.frameworks._xgboost import XGBoost

if TYPE_CHECKING:
    from wml_deployer.frameworks._framework import Framework

__all__ = ["FALLBACKS", "FRAMEWORKS"]

FRAMEWORKS: list[Framework] = [
    ScikitLearn(),
    XGBoost(),
    LightGBM(),
    CatBoost(),
    Statsmodels(),
    Keras(),
    PyTorch(),
]
"""One row each; an object belongs to the first one that recognises it."""

FALLBACKS: list[Framework] = [Predictor(), CallableModel()]
"""What an object is if no framework recognises it."""
