"""A project on which one verb is called again and again, each time with all of its work before it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from sklearn.dummy import DummyClassifier

from tests.contract.calls import Call, calls_of
from tests.contract.observed_project import ObservedProject
from tests.contract.processes import ROWS, model, number_of
from wml_deployer import Deployer, errors

if TYPE_CHECKING:
    from wml_deployer import SoftwareCredentials
    from wml_deployer.testing import LocalServer

__all__ = ["TIMEOUT_SECONDS", "VERBS", "VerbScenario"]

TIMEOUT_SECONDS = 60.0
VERBS = (
    *("deploy", "release at first", "update", "release", "rollback", "candidate", "promote", "discard"),
    *("prune", "recover", "delete", "cascade", "batch", "scale"),
)
DEPLOYED_BEFORE = frozenset(VERBS) - {"deploy", "release at first"}
BEGINS_ANEW = frozenset({"deploy", "release at first", "delete", "cascade", "prune"})


@dataclass
class VerbScenario(ObservedProject):
    """A project, and one verb.

    Attributes:
        credentials: How the deployer logs in.
        server: The service.
        verb: The verb.
        number: Number of the model that the next call serves.
        copies: How many copies the next call asks for.
        count: How many points were run.

    """

    credentials: SoftwareCredentials
    server: LocalServer
    verb: str
    deployer: Deployer = field(init=False)
    number: int = field(default=0, init=False)
    copies: int = field(default=1, init=False)
    count: int = field(default=0, init=False)
    known_calls: ClassVar[dict[str, list[Call]]] = {}

    def calls(self) -> list[Call]:
        """Find out what the verb asks when all goes well."""
        if self.verb not in self.known_calls:
            self.prepare()
            self.server.clear_requests()
            self.run_verb()
            self.known_calls[self.verb] = calls_of(self.server.requests)
        return self.known_calls[self.verb]

    def new_deployer(self) -> None:
        """Begin a new project, not yet connected."""
        self.new_project()
        self.copies = 1
        self.deployer = Deployer(self.credentials, self.folder / "metadata.yaml")
        if self.verb in DEPLOYED_BEFORE:
            self.release(0)

    def release(self, number: int) -> None:
        """Serve the model of this number."""
        self.deployer.release(model(number), sample=ROWS, version=f"v{number}")

    def prepare(self) -> None:
        """See that the verb has all of its work before it."""
        if self.count == 0 or self.verb in BEGINS_ANEW:
            self.new_deployer()
        self.copies = 3 - self.copies
        # Another content each time: what is stored already is not stored again.
        self.number = len(self.deployer.metadata.versions)
        if self.verb == "rollback":
            if self.number == 1:
                self.release(1)
            self.number = 1 - self.live()
        elif self.verb in {"promote", "discard", "cascade"}:
            self.deployer.candidate(model(self.number), sample=ROWS, version=f"v{self.number}")
        elif self.verb == "prune":
            # Another schema takes a model of its own, which nobody needs.
            self.deployer.store(DummyClassifier().fit([[0], [1]], [0, 1]), version="old")
            self.deployer.store(model(self.number), version=f"v{self.number}")
        elif self.verb == "candidate":
            with suppress(errors.VersionError):
                self.deployer.discard()
        elif self.verb == "recover":
            (self.folder / "metadata.yaml").write_text(self.text(), encoding="utf-8")
        elif self.verb == "batch":
            # The first job makes the batch deployment.
            for deployment in self.batch_deployments():
                self.client.delete_deployment(deployment.id)

    def run_verb(self, timeout: float = TIMEOUT_SECONDS) -> None:
        """Call the verb."""
        named = {"sample": ROWS, "version": f"v{self.number}", "timeout": timeout}
        if self.verb in {"deploy", "release at first", "update", "release", "candidate"}:
            getattr(self.deployer, self.verb.partition(" ")[0])(model(self.number), **named)
        elif self.verb == "rollback":
            self.deployer.rollback(f"v{self.number}", timeout=timeout)
        elif self.verb == "prune":
            self.deployer.prune(keep=1, timeout=timeout)
        elif self.verb == "cascade":
            self.deployer.delete(cascade=True, timeout=timeout)
        elif self.verb == "scale":
            self.deployer.scale(copies=self.copies, timeout=timeout)
        elif self.verb == "batch":
            self.deployer.score_batch(ROWS, timeout=timeout)
        else:
            getattr(self.deployer, self.verb)(timeout=timeout)

    def error_of_verb(self, timeout: float = TIMEOUT_SECONDS) -> Exception | None:
        """Call the verb; return how it failed."""
        try:
            self.run_verb(timeout)
        except Exception as error:  # noqa: BLE001 - which one is what is looked at
            return error
        return None

    def serving_number(self) -> int | None:
        """Say which model answers, if one is deployed."""
        return None if self.deployer.metadata.deployment_uid is None else number_of(self.deployer)

    def check_outcome(self, where: str) -> None:
        """Compare what is there with what the verb is to leave."""
        if self.verb == "cascade":
            self.check_nothing_is_left(where)
        elif self.verb == "delete":
            self.check_agreement(where)
            self.expect(f"{where}: deployments", [], self.deployments())
        else:
            self.check(
                where,
                {
                    "error": None,
                    "version": self.deployer.status().version,
                    "number": number_of(self.deployer),
                    "candidates": [f"v{self.number}"] if self.verb == "candidate" else [],
                },
            )
        if self.verb == "batch":
            self.expect(f"{where}: batch deployments", 1, len(self.batch_deployments()))
