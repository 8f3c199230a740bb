"""One machine pauses before each of its requests while another one runs a whole verb: both end in one state.

Both machines begin with the same, newest files. Whatever they do to each other, each call succeeds or is told
of the conflict, and after both have called ``recover()`` they agree on everything.

The session slow has a fixed spread of points; the session exhaustive has every request of every pair of verbs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import islice, product
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pandas as pd
import pytest
from sklearn.dummy import DummyRegressor

from tests.contract.interruptions import requests_watched
from wml_deployer import Deployer
from wml_deployer._rollout.orphans import CUSTOM_KEY, archive_digest, checksum_of
from wml_deployer.errors import ConflictError, RolloutError, VersionError, WMLDeployerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.contract.insides import Client
    from wml_deployer import SoftwareCredentials

    Verb = Callable[[Deployer, float], Any]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

EXPECTED = (ConflictError, VersionError, RolloutError)
"""How a call may end because of the other machine: told of a conflict, or that what it names is gone."""
PAIR_STEP = 41
REQUEST_STEP = 5
POINTS = 16
"""The session slow goes through the pairs in steps that reach all verbs, and through the requests in others."""
MOST_REQUESTS = 16


def rows(columns: int) -> pd.DataFrame:
    """Two rows that every model of so many columns takes."""
    return pd.DataFrame({name: [1.0, 2.0] for name in "ab"[:columns]})


def model(answer: float, columns: int = 1) -> DummyRegressor:
    """Fit a model that answers one number."""
    return DummyRegressor(strategy="constant", constant=answer).fit(rows(columns), [0, 1])


VERBS: dict[str, Verb] = {
    "store": lambda deployer, number: deployer.store(model(number), sample=rows(1)),
    "store wider": lambda deployer, number: deployer.store(model(number, 2), sample=rows(2)),
    "update": lambda deployer, number: deployer.update(model(number), sample=rows(1)),
    "rollback": lambda deployer, _: deployer.rollback(),
    "rollback to": lambda deployer, _: deployer.rollback("first"),
    "candidate": lambda deployer, number: deployer.candidate(model(number), sample=rows(1)),
    "promote": lambda deployer, _: deployer.promote(),
    "discard": lambda deployer, _: deployer.discard(),
    "prune": lambda deployer, _: deployer.prune(1),
    "delete": lambda deployer, _: deployer.delete(),
    "cascade": lambda deployer, _: deployer.delete(cascade=True),
    "recover": lambda deployer, _: deployer.recover(),
    "release": lambda deployer, number: deployer.release(model(number), sample=rows(1)),
    "deploy": lambda deployer, number: deployer.deploy(model(number), sample=rows(1)),
    "batch": lambda deployer, _: deployer.score_batch(rows(1)),
}
BEGINNINGS = ("empty", "live", "with a candidate")


@dataclass
class TwoMachines:
    """Two checkouts of one project."""

    credentials: SoftwareCredentials
    client: Client
    folder: Path
    name: str = ""
    violations: list[str] = field(default_factory=list)
    points: int = 0

    def begin(self, beginning: str) -> tuple[Deployer, Deployer]:
        """Bring a new project as far as it is to be, and give both machines the same file."""
        self.remove()
        self.name = f"p{uuid4().hex[:10]}"
        paths = [self.folder / self.name / str(machine) / "metadata.yaml" for machine in range(2)]
        for path in paths:
            path.parent.mkdir(parents=True)
            path.write_text(f"project_name: {self.name}\nproject_version: v1\n", encoding="utf-8")
        one, other = (Deployer(self.credentials, path) for path in paths)
        if beginning != "empty":
            one.store(model(-2, 2), version="old")
            one.release(model(-1), sample=rows(1), version="first")
            one.release(model(0), sample=rows(1), version="second")
        if beginning == "with a candidate":
            one.candidate(model(1), sample=rows(1), version="third")
        if beginning != "empty":
            paths[1].write_bytes(paths[0].read_bytes())
            paths[1].with_suffix(".lock").write_bytes(paths[0].with_suffix(".lock").read_bytes())
        return one, other

    def remove(self) -> None:
        """Remove what the project has on the service."""
        for deployment in (*self.client.deployments(), *self.client.batch_deployments()):
            if self.name and self.name in deployment.name:
                self.client.delete_deployment(deployment.id)
        for stored in self.client.models():
            if self.name and self.name in stored.name:
                self.client.delete_model(stored.id)

    def requests(self, beginning: str, verb: str) -> int:
        """Count what a verb asks when nobody disturbs it."""
        one, _ = self.begin(beginning)
        one.recover()  # connected
        asked: list[str] = []
        with requests_watched(asked.append):
            self.attempt(one, verb, 7.0)
        return len(asked)

    def interleave(self, beginning: str, verb: str, disturbance: str, point: int) -> None:
        """Run a whole verb on the second machine before one request of a verb on the first."""
        where = f"{beginning}: {verb}, and before request {point} {disturbance}"
        one, other = self.begin(beginning)
        one.recover()
        asked: list[str] = []
        ended: list[WMLDeployerError | None] = []

        def watch(request: str) -> None:
            asked.append(request)
            if len(asked) - 1 == point:
                ended.append(self.attempt(other, disturbance, 8.0))

        with requests_watched(watch):
            ended.append(self.attempt(one, verb, 7.0))
        if len(ended) == 1:
            # The verb has fewer requests: one machine after the other.
            ended.insert(0, self.attempt(other, disturbance, 8.0))
        self.points += 1
        where = f"{where}, {asked[point] if point < len(asked) else 'never'}"
        for error in ended:
            if error is not None and not isinstance(error, EXPECTED):
                self.violations.append(f"{where}: {error!r}")
        self.check(where, one, other, {verb: ended[-1], disturbance: ended[0]})

    def attempt(self, deployer: Deployer, verb: str, number: float) -> WMLDeployerError | None:
        """Call a verb; return how it failed."""
        try:
            VERBS[verb](deployer, number)
        except WMLDeployerError as error:
            return error
        return None

    def check(self, where: str, one: Deployer, other: Deployer, ended: dict[str, WMLDeployerError | None]) -> None:
        """See that what is there is what both machines are told is there."""
        everything = [record for record in self.client.deployments() if self.name in record.name]
        candidates = [record for record in everything if "candidate_of" in record.custom.get(CUSTOM_KEY, {})]
        models = [record for record in self.client.models() if self.name in record.name]
        if len(candidates) > 1 or len(everything) - len(candidates) > 1:
            self.violations.append(f"{where}: {len(candidates)} candidates of {len(everything)} deployments, {ended}")
        was_deployed = not where.startswith("empty")
        if was_deployed and ended.get("cascade") is not None and "recover" not in ended and not everything:
            self.violations.append(f"{where}: the cascade stopped half-way: {ended['cascade']!r}")
        files = []
        for deployer in (one, other):
            deployer.recover()
            metadata = deployer.metadata
            files.append((metadata.deployment_uid, sorted((v.name, v.model_id, v.revision) for v in metadata.versions)))
            named = Counter(version.name for version in metadata.versions)
            twice = [name for name, times in named.items() if times > 1]
            if twice:
                self.violations.append(f"{where}: {twice} twice")
        if files[0] != files[1]:
            self.violations.append(f"{where}: {files[0]} and {files[1]}")
        known = {(model_id, revision) for _, model_id, revision in files[0][1]}
        there = {(stored.id, item.revision) for stored in models for item in self.client.revisions(stored.id)}
        if known != there:
            self.violations.append(f"{where}: known {known}, there {there}")
        for version in one.metadata.versions:
            facts = self.client.model(version.model_id, version.revision).custom[CUSTOM_KEY]
            ids = version.model_id, version.revision
            as_told = facts["checksum"] == self.client.read_model(*ids, checksum_of)
            if version.digest != (facts["digest"] if as_told else archive_digest(self.client, *ids)):
                self.violations.append(f"{where}: {version.name} holds something else")
        live = [deployment for deployment in everything if deployment not in candidates]
        if live and {machine.status().id for machine in (one, other)} != {live[0].id}:
            self.violations.append(f"{where}: the machines see different deployments")


@pytest.fixture
def machines(client: Client, reached: SoftwareCredentials, tmp_path: Path) -> Iterator[TwoMachines]:
    """Give two machines one service."""
    machines = TwoMachines(reached, client, tmp_path)
    yield machines
    machines.remove()


def test_two_machines_end_in_one_state(machines: TwoMachines) -> None:
    """Whatever one does between two requests of the other, both are told the truth and see the same."""
    pairs = list(product(BEGINNINGS, VERBS, VERBS))
    spread = (pairs[place * PAIR_STEP % len(pairs)] for place in range(len(pairs)))
    for number, (beginning, verb, disturbance) in enumerate(islice(spread, POINTS)):
        machines.interleave(beginning, verb, disturbance, number * REQUEST_STEP % MOST_REQUESTS)

    assert [] == machines.violations
    assert machines.points == POINTS


@pytest.mark.exhaustive
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_two_machines_end_in_one_state_at_every_request(machines: TwoMachines, beginning: str, verb: str) -> None:
    """Every verb of the second machine, before each request of the first machine's."""
    requests = machines.requests(beginning, verb)
    for disturbance, point in product(VERBS, range(requests)):
        machines.interleave(beginning, verb, disturbance, point)

    assert [] == machines.violations
