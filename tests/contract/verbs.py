"""Every verb of a deployer, as a call on a project with two versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from wml_deployer import Deployer, StoredModel

if TYPE_CHECKING:
    from collections.abc import Callable

    Verb = Callable[..., object]

__all__ = ["VERBS", "verbs"]

VERBS: dict[str, Verb] = {
    "store": lambda deployer, model, rows, **time: deployer.store(model, sample=rows, **time),
    "deploy": lambda deployer, _, __, **time: deployer.deploy(newest(deployer), **time),
    "release": lambda deployer, model, rows, **time: deployer.release(model, sample=rows, **time),
    "update": lambda deployer, model, rows, **time: deployer.update(model, sample=rows, **time),
    "rollback": lambda deployer, _, __, **time: deployer.rollback(to="v0.1", **time),
    "scale": lambda deployer, _, __, **time: deployer.scale(copies=2, **time),
    "score": lambda deployer, _, rows, **time: deployer.score(rows, **time),
    "status": lambda deployer, _, __, **time: deployer.status(**time),
    "delete": lambda deployer, _, __, **time: deployer.delete(**time),
    "candidate": lambda deployer, model, rows, **time: deployer.candidate(model, sample=rows, **time),
    "score in batch": lambda deployer, _, rows, **time: deployer.score_batch(rows, **time),
    "jobs": lambda deployer, _, __, **time: deployer.jobs(**time),
    "prune": lambda deployer, _, __, **time: deployer.prune(1, **time),
    "recover": lambda deployer, _, __, **time: deployer.recover(**time),
}
"""Verb -> what does it, within ``timeout=`` seconds where the verb takes a time."""
OFTEN = ("store", "deploy", "release", "update", "rollback", "score", "status", "delete")


def newest(deployer: Deployer) -> StoredModel:
    """Return the version that was stored last."""
    return StoredModel.from_version(deployer.metadata.versions[-1])


def verbs() -> list[Any]:
    """Return the verbs as parameters: those that most users call every time, the others in the session slow."""
    return [pytest.param(verb, marks=[] if verb in OFTEN else [pytest.mark.slow]) for verb in VERBS]
