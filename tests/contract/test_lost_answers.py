"""Every response of every verb is lost or spoilt in every way: nothing is made twice or left, and the files agree.

After each of them the verb has succeeded, or ended with an error of ours. Then either the same call succeeds, or
``recover()`` brings files and service to agree; which of the two is tried alternates.
"""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.contract.spoiling_proxy import WAYS, SpoilingProxy
from tests.contract.verb_scenario import VERBS, VerbScenario
from wml_deployer.errors import WMLDeployerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.contract.calls import Call
    from tests.contract.insides import Client
    from wml_deployer import SoftwareCredentials
    from wml_deployer.testing import LocalServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

SHARE = 20
"""The session slow has one point of so many."""


@dataclass(kw_only=True)
class LostAnswerScenario(VerbScenario):
    """A project behind a proxy that spoils responses.

    Attributes:
        proxy: What the deployer talks to.
        log: What the library logs.
        spoilt: How many responses were spoilt.

    """

    proxy: SpoilingProxy
    log: pytest.LogCaptureFixture
    spoilt: int = 0

    def run_point(self, call: Call, way: str, *, again: bool) -> None:
        """Spoil one response, then call the verb again or recover, and compare what is there."""
        where = f"{self.verb}, {call}, {way}"
        self.prepare()
        self.count += 1
        self.proxy.spoil(call.method, call.path, call.before, WAYS[way])
        error = self.error_of_verb()
        # How often a deployment at work is looked at depends on the time.
        self.spoilt += self.proxy.stop_spoiling()
        self.expect(f"{where}: {error!r} is ours", True, error is None or isinstance(error, WMLDeployerError))
        self.check_nothing_is_twice(where)
        self.check_secrets(where, error)
        if error is None:
            self.check_outcome(where)
        elif again:
            self.expect(f"{where}, {error}: then", None, self.error_of_verb())
            self.check_outcome(f"{where}, then again")
        else:
            self.deployer.recover()
            self.check_agreement(f"{where}, {error}: then recover()")

    def check_nothing_is_twice(self, where: str) -> None:
        """See that a call leaves one deployment of a kind, whatever came of it."""
        live = [d for d in self.deployments() if "candidate_of" not in str(d.custom)]
        candidates = len(self.deployments()) - len(live)
        counts = len(live), candidates, len(self.batch_deployments())
        self.expect(f"{where}: {counts} deployments, candidates, batch deployments", True, max(counts) <= 1)

    def check_secrets(self, where: str, error: Exception | None) -> None:
        """See that neither the error, with the library's frames, nor the log or a file shows a key or a token."""
        texts = [*self.log.messages]
        texts += [path.read_text("utf-8", "replace") for path in self.folder.rglob("*") if path.is_file()]
        if error is not None:
            told = traceback.TracebackException.from_exception(error, capture_locals=True)
            texts += ["".join(told.format()), repr(error), str(error)]
        self.log.clear()
        secrets = {self.server.info.apikey, *self.proxy.tokens}
        self.expect(f"{where}: secrets", [], [text[:200] for text in texts if any(one in text for one in secrets)])


@pytest.fixture(scope="module")
def proxy(server: LocalServer) -> Iterator[SpoilingProxy]:
    """Stand in front of the service."""
    with SpoilingProxy(server.url, server.info.ca_bundle.parent) as proxy:
        yield proxy


@pytest.fixture
def scenario(
    request: pytest.FixtureRequest,
    client: Client,
    server: LocalServer,
    reached: SoftwareCredentials,
    proxy: SpoilingProxy,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> Iterator[LostAnswerScenario]:
    """Prepare a project for a verb."""
    caplog.set_level(logging.DEBUG, "wml_deployer")
    through_proxy = reached.model_copy(update={"url": proxy.url})
    scenario = LostAnswerScenario(
        client, tmp_path / "project", through_proxy, server, request.param, proxy=proxy, log=caplog
    )
    yield scenario
    proxy.stop_spoiling()
    scenario.remove_project()


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.exhaustive)], ids=["part", "whole"])
@pytest.mark.parametrize("scenario", VERBS, indirect=True)
def test_a_response_is_lost(scenario: LostAnswerScenario, whole: bool) -> None:
    """The verb succeeds or fails with an error of ours; nothing is made twice, left behind or shown."""
    first = VERBS.index(scenario.verb)
    for place, (call, way) in enumerate((call, way) for call in scenario.calls() for way in WAYS):
        if whole or (place + first) % SHARE == 0:
            scenario.run_point(call, way, again=(place // len(WAYS) + place) % 2 == 0)

    assert [] == scenario.violations
    # Looks at a deployment at work depend on the time, so that a few may not come.
    assert 0 < scenario.count <= scenario.spoilt + max(1, 0.2 * scenario.count)
