"""A service in this process whose one deployment is switched at any moment of a request."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import orjson

from wml_deployer._clients.records import DeploymentRecord, ModelRecord
from wml_deployer.errors import BadRequestError, WMLDeployerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wml_deployer._clients.documents import Document
    from wml_deployer.schema import ClassLabel

DEPLOYMENT = "3f2c"
BUY_STAY = ("buy", "stay")
BUY_LEAVE = ("buy", "leave")


class SwitchingService:
    """Answers ``[label, [probabilities]]`` with the classes of whatever revision serves.

    A row is a number: the place of the class that is predicted, with nine tenths of the probability.

    Attributes:
        looks: How often the deployment was looked at.
        bodies: Every request.
        before: Called before a request is answered.
        after: Called once its answer is on its way.
        failure: What a look fails with.

    """

    url = "https://service"

    @classmethod
    def with_revisions(cls, name: str) -> SwitchingService:
        """Serve the first of two revisions."""
        service = cls()
        # What is known of a deployment is shared by the whole process, by its URL.
        service.url = f"https://{name}"
        service.store("1", BUY_STAY)
        service.store("2", BUY_LEAVE)
        service.switch("1")
        return service

    def __init__(self) -> None:
        """Serve nothing yet."""
        self.looks = 0
        self.bodies: list[bytes] = []
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None
        self.failure: WMLDeployerError | None = None
        self._classes: dict[str, tuple[ClassLabel, ...]] = {}
        self._fields: dict[str, tuple[str, ...]] = {}
        self._custom: dict[str, Document] = {}
        self._answering = self._named = ""
        self._state = "ready"
        self._changes = 0

    def store(
        self, revision: str, classes: Sequence[ClassLabel], fields: Sequence[str] = ("x",), *, tells: bool = True
    ) -> None:
        """Store a revision, which says of its classes itself or does not."""
        self._classes[revision], self._fields[revision] = tuple(classes), tuple(fields)
        facts = {"digest": f"sha256:{revision}", "classes": list(classes)}
        self._custom[revision] = {"wml_deployer": facts} if tells else {}

    def switch(self, revision: str, *, through: bool = True) -> None:
        """Serve another revision, or begin to."""
        self._changes += 1
        self._named, self._state = revision, "updating"
        if through:
            self.arrive()

    def arrive(self) -> None:
        """Bring an update to its end."""
        self._answering, self._state = self._named, "ready"

    def deployment(self, deployment_id: str) -> DeploymentRecord:
        """Tell what is served, or will be."""
        self.looks += 1
        if self.failure is not None:
            raise self.failure
        asset = {"id": "9d0e", "rev": self._named}
        metadata = {"id": deployment_id, "modified_at": str(self._changes)}
        return DeploymentRecord.from_document(
            {"metadata": metadata, "entity": {"name": "d", "asset": asset, "status": {"state": self._state}}}
        )

    def model(self, model_id: str, revision: str | None = None) -> ModelRecord:
        """Tell what a revision says of itself."""
        fields = [{"name": name, "type": "float64"} for name in self._fields[str(revision)]]
        entity = {"schemas": {"input": [{"fields": fields}]}, "custom": self._custom[str(revision)]}
        return ModelRecord.from_document({"metadata": {"id": model_id, "rev": revision}, "entity": entity})

    def score(self, deployment_id: str, body: bytes) -> bytes:  # noqa: ARG002 - there is one
        """Answer with what serves when the request arrives."""
        self.before()
        self.bodies.append(body)
        block = orjson.loads(body)["input_data"][0]
        if tuple(block.get("fields", self._fields[self._answering])) != self._fields[self._answering]:
            raise BadRequestError("The columns are not the model's.")
        answer = [self._row(int(row[0])) for row in block["values"]]
        self.after()
        return orjson.dumps({"predictions": [answer_block(answer)]})

    @property
    def is_crowded(self) -> bool:
        """No request waits for its turn."""
        return False

    def beside(self, work: Callable[[], None]) -> None:
        """Run something on a thread of its own."""
        threading.Thread(target=work, daemon=True).start()

    def _row(self, place: int) -> list[Any]:
        classes = self._classes[self._answering]
        if not classes:
            return [float(place)]
        rest = 0.1 / (len(classes) - 1)
        return [classes[place], [0.9 if other == place else rest for other in range(len(classes))]]


def answer_block(rows: list[list[Any]]) -> dict[str, Any]:
    """Put rows into a block of the fields that they have."""
    fields = ["prediction", "probability"][: len(rows[0])] if rows else ["prediction"]
    return {"fields": fields, "values": rows}
