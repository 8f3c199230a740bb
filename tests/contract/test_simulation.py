"""Two machines live through outages, lost answers, silent servers and kills, all drawn from one number.

The real client works with the real service; only time is simulated. After each call the service, both machines' files
and the answers are compared with the model of the documentation, as the state machine does. A seed that fails is run
again by its number: ``pytest -m exhaustive -k "seed-17" tests/contract/test_simulation.py``.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.simulated_time import KINDS, simulated
from tests.contract.test_oracle import CONTENTS, ProjectMachine, Seconds, place
from wml_deployer.errors import WMLDeployerError

if TYPE_CHECKING:
    from tests.contract.simulated_time import Network
    from tests.contract.test_oracle import Place

__all__ = ["place"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

STEPS = 8
SEEDS = 300
SPREAD = 15
"""The session slow has one seed of so many."""
VERBS = (
    "release",
    "update",
    "start_candidate",
    "store",
    "rollback",
    "promote",
    "discard",
    "prune",
    "delete",
    "recover",
)
BRINGS_MODEL = frozenset({"release", "update", "start_candidate", "store"})
OUTAGE_REQUESTS = (1, 1, 1, 4, 1000)


class Simulation(ProjectMachine):
    """A project on two machines, whose calls meet what the seed says."""

    def __init__(self, network: Network, draw: random.Random) -> None:
        super().__init__()
        self.network = network
        self.draw = draw

    def step(self) -> None:
        """Call a verb on one of the machines."""
        draw = self.draw
        at, verb = draw.randrange(2), draw.choice(VERBS if self.world.serving else VERBS[:4])
        given: tuple[Any, ...] = (draw.choice(CONTENTS),) if verb in BRINGS_MODEL else ()
        options: dict[str, Any] = {"cascade": draw.random() < 0.5} if verb == "delete" else {}
        if verb == "prune":
            given = (draw.randrange(3),)
        luck = draw.random()
        if luck < 0.25:
            self.call(at, verb, *given, interrupted=(draw.randrange(40), draw.random() < 0.5), **options)
            return
        if luck < 0.75:
            self.network.plan(draw.randrange(25), draw.choice(KINDS), draw.choice(OUTAGE_REQUESTS))
        self.call(at, verb, *given, **options)
        if self.draw.random() < 0.3:
            self.call(1 - at, "recover")

    def act(self, *arguments: Any) -> tuple[Any, BaseException | None, str | None]:
        """Let the library do it; an error after a failure of the network is where the call was interrupted."""
        result, error, event = super().act(*arguments)
        failed = self.network.failed
        self.network.plan(None)
        if failed and event is None and isinstance(error, WMLDeployerError):
            event = f"{failed[0]} and {len(failed) - 1} more"
        return result, error, event


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(seed, id=f"seed-{seed}", marks=[] if seed % SPREAD == 0 else [pytest.mark.exhaustive])
        for seed in range(SEEDS)
    ],
)
def test_a_simulation_is_as_the_documentation_says(place: Place, seed: int) -> None:
    """Nothing is lost, made twice or believed by one machine alone, whatever fails."""
    random.seed(seed)  # the library's jitter
    Seconds.looks = 0
    place.server.seed(seed)
    ProjectMachine.place = place
    try:
        with simulated(place.server) as network:
            machine = Simulation(network, random.Random(seed))
            try:
                for _ in range(STEPS):
                    machine.step()
            finally:
                network.plan(None)
                machine.teardown()
    finally:
        place.server.seed(None)
