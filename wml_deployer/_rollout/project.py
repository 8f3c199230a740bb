"""One project on the service: its deployment, the version that serves, and the log of both."""

from __future__ import annotations

import getpass
import logging
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Literal

from wml_deployer._clients import connect
from wml_deployer._rollout.history import live_version
from wml_deployer._rollout.storing import CUSTOM_KEY
from wml_deployer._rollout.versions import Versions
from wml_deployer._rollout.waiting import REVERT_SECONDS, Proof, prove, revert, wait_until_serving
from wml_deployer._transport.deadline import grace
from wml_deployer.errors import NotFoundError, RolloutError, VersionError
from wml_deployer.metadata import LogEntry, Version

if TYPE_CHECKING:
    from wml_deployer._clients import Client, DeploymentRecord
    from wml_deployer._rollout.proof import Sample, SampleFolder
    from wml_deployer.credentials import Credentials
    from wml_deployer.metadata import MetadataFile

__all__ = ["Action", "Project"]

Action = Literal["deploy", "update", "rollback", "revert"]
"""What changes what serves."""

_log = logging.getLogger(__name__)


class Project:
    """Changes what serves, and writes down what happened.

    Args:
        credentials: Where the service is; it is asked at the first need.
        file: The project's metadata.yaml; its lock is held by the caller.
        samples: Where the proofs' samples are.

    """

    def __init__(self, credentials: Credentials, file: MetadataFile, samples: SampleFolder) -> None:
        """Look at nothing yet."""
        self._credentials = credentials
        self._client: Client | None = None
        self.versions = Versions(lambda: self.client, file, samples)
        self._file = file
        self._samples = samples

    @property
    def client(self) -> Client:
        """The deployment space; the first look connects."""
        if self._client is None:
            self._client = connect(self._credentials)
        return self._client

    def close(self) -> None:
        """Close every connection; the next need opens new ones."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def deployment(self) -> DeploymentRecord | None:
        """Return the project's deployment as the service tells it, or ``None`` where there is none."""
        metadata = self._file.read()
        if metadata.deployment_uid is not None:
            try:
                return self.client.deployment(metadata.deployment_uid)
            except NotFoundError:
                _log.warning("deployment %s of metadata.yaml is gone", metadata.deployment_uid)
        ours = [
            d for d in self.client.deployments() if d.custom.get(CUSTOM_KEY, {}).get("project") == metadata.project_name
        ]
        return ours[0] if ours else None

    def serving(self, record: DeploymentRecord) -> Version | None:
        """Return the version that a deployment serves, where this project knows it."""
        metadata = self._file.read()
        for version in reversed(metadata.versions):
            if (version.model_id, version.revision) == (record.model_id, record.revision):
                return version
        logged = live_version(metadata)
        return logged if record.revision is None and logged and logged.model_id == record.model_id else None

    def deploy(self, version: Version, reason: str | None) -> DeploymentRecord:
        """Deploy the first version; what does not prove itself is removed again.

        Raises:
            RolloutError: It failed or did not answer as the local model does.

        """
        metadata = self._file.read()
        facts = {"project": metadata.project_name, "version": version.name, "digest": version.digest}
        record = self.client.create_deployment(
            f"{metadata.project_name}-Deployment",
            version.model_id,
            version.revision,
            {CUSTOM_KEY: facts},
            (CUSTOM_KEY, metadata.project_name),
        )
        return self.settle(record, version, reason)

    def settle(self, record: DeploymentRecord, version: Version, reason: str | None) -> DeploymentRecord:
        """Wait for a deployment that was made, now or by a call that did not live to see it, and prove it.

        Raises:
            RolloutError: It failed or did not answer as the local model does.

        """
        metadata = self._file.read()
        self._file.write(metadata.model_copy(update={"deployment_uid": record.id}))
        try:
            record = wait_until_serving(self.client, record, version.model_id, version.revision)
            proof = prove(self.client, record.id, self._sample(version))
        except BaseException:
            with grace(REVERT_SECONDS):
                self.client.delete_deployment(record.id)
            self._file.write(metadata.model_copy(update={"deployment_uid": None}))
            raise
        self._remember("deploy", None, version, reason, proof)
        return record

    def is_settled(self, record: DeploymentRecord, version: Version) -> bool:
        """Say whether a deployment serves this version, and the log knows."""
        serving = self.serving(record) == version and record.state == "ready"
        return serving and live_version(self._file.read()) == version

    def switch(
        self, record: DeploymentRecord, version: Version, action: Action, reason: str | None
    ) -> DeploymentRecord:
        """Serve another version under the same id; go back by itself if that does not prove itself.

        Raises:
            RolloutError: It failed or did not answer as the local model does; the version before serves again.

        """
        # The log knows what was proven; what serves may be what a call before this one left unproven.
        before = live_version(self._file.read()) or self.serving(record)
        try:
            switched = self.client.serve(record.id, version.model_id, version.revision)
            switched = wait_until_serving(self.client, switched, version.model_id, version.revision)
            proof = prove(self.client, record.id, self._sample(version))
        except BaseException as error:
            if before is not None and before != version:
                self._go_back(record, version, before, action, error)
            raise
        self._remember(action, before, version, reason, proof)
        return switched

    def _go_back(
        self, record: DeploymentRecord, version: Version, before: Version, action: Action, error: BaseException
    ) -> None:
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        self._remember(action, before, version, said, "failed")
        revert(self.client, record.id, before)
        self._remember("revert", version, before, said, "skipped")
        if isinstance(error, RolloutError):
            error.message += f"\nVersion {before.name} (revision {before.revision}) serves again."

    def _sample(self, version: Version) -> Sample | None:
        return self._samples.find(version.digest, version.schema)

    def _remember(self, action: Action, before: Version | None, now: Version, why: str | None, proof: Proof) -> None:
        metadata = self._file.read()
        entry = LogEntry(
            when=datetime.now(timezone.utc),
            action=action,
            from_version=before.name if before else None,
            to_version=now.name,
            why=why,
            proof=proof,
            who=_user(),
        )
        served = {} if proof == "failed" else {"model_uid": now.model_id}
        self._file.write(metadata.model_copy(update={"log": (*metadata.log, entry), **served}))
        _log.info("%s: %s is live (proof %s)", action, now.name, proof)

    def delete(self, *, cascade: bool) -> None:
        """Delete the deployment and, if asked, every model of the project.

        Raises:
            VersionError: The project is not deployed.

        """
        record = self.required("delete")
        self.client.delete_deployment(record.id)
        metadata = self._file.read()
        self._file.write(metadata.model_copy(update={"deployment_uid": None}))
        if not cascade:
            return
        for model_id in {version.model_id for version in metadata.versions}:
            self._delete_model(model_id)
        self._file.write(self._file.read().model_copy(update={"model_uid": None, "versions": ()}))

    def _delete_model(self, model_id: str) -> None:
        try:
            self.client.delete_model(model_id)
        except NotFoundError:
            _log.info("model %s is gone already", model_id)

    def required(self, operation: str) -> DeploymentRecord:
        """Return the project's deployment.

        Raises:
            VersionError: There is none.

        """
        record = self.deployment()
        if record is None:
            raise VersionError(
                f"{self._file.read().project_name} is not deployed in space {self.client.space_id}.",
                operation=operation,
                next_step="Call deploy(model) first.",
            )
        return record


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # Containers may run under a number without a name.
        return None
