"""One project on the service: its deployment, the version that serves, and the log of both."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from wml_deployer._clients.door import connect
from wml_deployer._rollout.assets import delete_model, is_gone, removal_as_conflict, version_served
from wml_deployer._rollout.candidates import candidate_of, candidates_of, version_of
from wml_deployer._rollout.deploying import (
    batch_deployments_of,
    create,
    delete,
    deployment_of,
    deployments_of,
    remove,
    serves_another,
)
from wml_deployer._rollout.derived import remove_unused
from wml_deployer._rollout.journal import Action, Journal
from wml_deployer._rollout.orphans import models_of, refuse_unknown_versions
from wml_deployer._rollout.recovering import learn
from wml_deployer._rollout.rollback import live_version, rollback_target
from wml_deployer._rollout.serving_options import apply_options, refuse_options, refuse_other_hardware
from wml_deployer._rollout.switching import Switch, refuse_deleted, refuse_unknown, revert_after_failure
from wml_deployer._rollout.versions import Versions
from wml_deployer._rollout.waiting import serve, wait_until_serving, wait_until_settled
from wml_deployer._transport.deadline import cleanup_deadline
from wml_deployer._transport.idempotency import add_note
from wml_deployer._verification.verify import verify
from wml_deployer.errors import ConflictError, VersionError, WMLDeployerError
from wml_deployer.progress._stage import stage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import DeploymentRecord
    from wml_deployer._verification.sample import Sample, SampleFolder
    from wml_deployer.credentials import Credentials
    from wml_deployer.metadata import MetadataFile, ServingOptions, Version

__all__ = ["Project"]

ATTEMPTS = 3
"""How often deleting a project's models is attempted while another machine deploys one of them."""

_log = logging.getLogger(__name__)


class Project:
    """Changes what serves, and writes down what happened.

    Args:
        credentials: Where the service is; it is asked at the first need.
        file: The project's metadata.yaml; its lock is held by the caller.
        samples: Where the samples are.

    """

    def __init__(self, credentials: Credentials, file: MetadataFile, samples: SampleFolder) -> None:
        """Connect to nothing yet."""
        self._credentials = credentials
        self._client: Client | None = None
        self._file = file
        self.versions = Versions(lambda: self.client, file, samples)
        self._journal = Journal(lambda: self.client, file)
        self._samples = samples

    @property
    def client(self) -> Client:
        """The deployment space; connects when first used."""
        if self._client is None:
            self._client = connect(self._credentials)
            if self._file.space is not None:
                scope = self._client.scope
                self._file.space = self._file.space._replace(id=scope.id, name=scope.name or self._file.space.name)
        return self._client

    def open(self, *, brings_model: bool) -> None:
        """Connect, and record what the space has of the project if its files know nothing of the space."""
        client = self.client
        if self._file.path.exists():
            learn(client, self._file, brings_model=brings_model)

    def close(self) -> None:
        """Close every connection; new ones are opened when needed."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def deployment(self) -> DeploymentRecord | None:
        """Ask the service for the project's deployment; return ``None`` if there is none."""
        return deployment_of(self.client, self._journal.read())

    def require_deployment(self, operation: str) -> DeploymentRecord:
        """Return the project's deployment.

        Raises:
            VersionError: There is none.

        """
        record = self.deployment()
        if record is None:
            raise VersionError(
                f"{self._journal.read().project_name} is not deployed in {self.client.scope}.",
                operation=operation,
                next_step="Call deploy(model) first.",
            )
        return record

    def wait_until_idle(self, record: DeploymentRecord) -> DeploymentRecord:
        """Wait until a deployment can be changed, and make sure that this project knows what it serves.

        Raises:
            ConflictError: Somebody else changed it; nothing was done.
            DeadlineError: The service is still at an earlier change.

        """
        return self.ensure_known_version(wait_until_settled(self.client, record))

    def ensure_known_version(self, record: DeploymentRecord) -> DeploymentRecord:
        """Make sure that this project knows what a deployment serves, and copy its log.

        Raises:
            ConflictError: Somebody else changed it, or metadata.lock is not the newest.

        """
        serving = self.serving(record)
        refuse_unknown(record, serving, live_version(self._journal.read()))
        self._journal.catch_up(record, serving)
        return record

    def refuse_options(self, record: DeploymentRecord | None, options: ServingOptions) -> None:
        """Refuse options that the service would not accept.

        Raises:
            ConfigurationError: It names each of them, with what there is; nothing was done.

        """
        refuse_options(self.client, record, options)

    def refuse_stale(self) -> DeploymentRecord | None:
        """Make sure that this project knows what its deployment and its candidate serve; return the deployment.

        Raises:
            ConflictError: Somebody else changed one of them, or metadata.lock is not the newest.

        """
        record = self.deployment()
        if record is not None:
            self.ensure_known_version(record)
        metadata = self._journal.read()
        candidate = candidate_of(self.client, metadata.project_name)
        if candidate is not None:
            version_of(metadata, candidate)
        return record

    def serving(self, record: DeploymentRecord) -> Version | None:
        """Return the version that a deployment serves, if this project knows it."""
        metadata = self._journal.read()
        found = version_served(metadata.versions, record)
        if found is not None:
            return found
        logged = live_version(metadata)
        return logged if record.revision is None and logged and logged.model_id == record.model_id else None

    def rollback_target(self, record: DeploymentRecord, to: str | None) -> Version:
        """Return the version that a rollback serves.

        Raises:
            VersionError: There is none, it is live, or it was deleted from the service; nothing was changed.
            ConflictError: The log names it, and this metadata.lock does not know it.

        """
        metadata = self._journal.read()
        chosen = rollback_target(metadata, self.serving(record), to, partial(is_gone, self.client))
        refuse_deleted(self.client, metadata, chosen)
        return chosen

    def deploy(self, version: Version, reason: str | None, options: ServingOptions) -> DeploymentRecord:
        """Deploy the first version; if its verification fails, remove it and what this call stored for it.

        The number of copies is left to :meth:`apply`.

        Raises:
            RolloutError: It failed or did not answer as the local model does.
            ConflictError: Somebody else deployed this project at the same time.

        """
        try:
            record = create(self.client, self._journal.read(), version, options)
            return self.finish_deployment(record, version, reason, options)
        except BaseException:
            self._discard_version(version)
            raise

    def finish_deployment(
        self,
        record: DeploymentRecord,
        version: Version,
        reason: str | None,
        options: ServingOptions | None = None,
    ) -> DeploymentRecord:
        """Wait for a deployment that was created, now or by an interrupted call, and verify it.

        Raises:
            RolloutError: It failed or did not answer as the local model does.

        """
        try:
            self._journal.point_to(record.id)
            with stage("rollout", 2, "steps", f"waiting for {version.name}") as progress:
                ready = wait_until_serving(self.client, record, version.model_id, version.revision, record)
                if options is not None:
                    refuse_other_hardware(ready, options)
                progress.advance(detail=f"verifying {version.name}")
                verification = verify(self.client, record.id, self.sample(version))
                progress.advance()
        except BaseException as error:
            if not serves_another(self.client, record, version) and remove(self.client, record.id, error):
                self._journal.point_to(None)
            raise
        self._journal.log_success(ready, "deploy", None, version, why=reason, verification=verification)
        return ready

    def is_settled(self, record: DeploymentRecord, version: Version) -> bool:
        """Say whether a deployment serves this version, and the log says so."""
        serving = self.serving(record) == version and record.state == "ready"
        return serving and live_version(self._journal.read()) == version

    def switch(
        self, record: DeploymentRecord, version: Version, action: Action, reason: str | None
    ) -> DeploymentRecord:
        """Serve another version under the same id; revert if its verification fails.

        Raises:
            RolloutError: It failed or did not answer as the local model does; the version before serves again.
            ConflictError: Somebody else changed what serves; nothing was done.

        """
        switch = self._plan_switch(record, version, action)
        if switch.before is None and switch.came_from == version:
            # A first deployment that was interrupted before its verification.
            return self.finish_deployment(switch.served, version, reason)
        self._journal.begin(action, version)
        try:
            with stage("rollout", 3, "steps", f"switching to {version.name}") as progress:
                started = switch.served if _is_ready(switch) else serve(self.client, record.id, version)
                progress.advance(detail=f"waiting for {version.name}")
                ready = wait_until_serving(self.client, started, version.model_id, version.revision, switch.served)
                progress.advance(detail=f"verifying {version.name}")
                verification = verify(self.client, record.id, self.sample(version))
                progress.advance()
        except BaseException as error:
            revert_after_failure(self.client, self._journal, switch, error)
            raise
        self._journal.log_success(
            ready, action, switch.before or switch.came_from, version, why=reason, verification=verification
        )
        return ready

    def serve(self, record: DeploymentRecord, version: Version, action: Action, reason: str | None) -> DeploymentRecord:
        """Serve a version as :meth:`switch` does, or only finish what a call that served it left unfinished."""
        if not self.is_settled(record, version):
            return self.switch(record, version, action, reason)
        self._journal.end(record)
        return record

    def apply(self, record: DeploymentRecord, version: Version | None, options: ServingOptions) -> DeploymentRecord:
        """Serve as the caller asks for, once a version serves; return the same record where nothing is changed.

        Raises:
            RolloutError: The service could not start the copies.
            ConflictError: Somebody else changes the deployment, or took the serving name.

        """
        try:
            changed = apply_options(self.client, record, options)
            self._journal.record_options(changed)
        except BaseException as error:
            if version is not None:
                add_note(error, f"Version {version.name} serves, but not all of it as you asked: call again to finish.")
            raise
        return changed

    def delete(self, *, cascade: bool) -> None:
        """Delete the deployment and, if asked, every other deployment and every model of the project.

        Raises:
            VersionError: The project is not deployed.
            ConflictError: The service has what metadata.lock does not know; nothing was deleted.

        """
        record = self.refuse_stale()
        metadata = self._journal.read()
        models = [*dict.fromkeys(version.model_id for version in metadata.versions)]
        if record is None and not (cascade and models):
            self.require_deployment("delete")
        if cascade:
            models += [model.id for model in models_of(self.client, metadata) if model.id not in models]
            refuse_unknown_versions(self.client, metadata, models, "delete")
        if record is not None:
            delete(self.client, record.id)
        self._journal.log_deletion(live_version(metadata) if metadata.deployment_uid else None)
        if cascade:
            self._delete_everything(metadata.project_name, models)
            remove_unused(self.client)
            self._journal.forget_versions()

    def _delete_everything(self, project: str, models: Iterable[str]) -> None:
        """Delete a project's models, and whatever is deployed of them, by whomever: it keeps a model from going."""
        for attempt in range(1, ATTEMPTS + 1):
            deployed = (deployments_of, candidates_of, batch_deployments_of)
            for record in [record for listed in deployed for record in listed(self.client, project)]:
                delete(self.client, record.id)
            try:
                for model_id in models:
                    delete_model(self.client, model_id)
            except ConflictError:  # another machine deployed one just now
                if attempt == ATTEMPTS:
                    raise
            else:
                return

    def _plan_switch(self, record: DeploymentRecord, version: Version, action: Action) -> Switch:
        with removal_as_conflict(action):
            served = self.wait_until_idle(self.client.deployment(record.id))
        came_from = self.serving(served)
        # The log knows what was verified; what serves may be what an interrupted call left unverified.
        live = live_version(self._journal.read())
        return Switch(action, served, came_from, live, version)

    def _discard_version(self, version: Version) -> None:
        try:
            with cleanup_deadline():
                self.versions.discard(version)
        except WMLDeployerError as error:
            _log.warning("version %s stays stored: %s", version.name, error.message)

    def sample(self, version: Version) -> Sample | None:
        """Return the rows to verify a version with, or ``None``."""
        return self._samples.find(version)


def _is_ready(switch: Switch) -> bool:
    """Say whether the version serves already, from a call that was interrupted before its verification."""
    return switch.came_from == switch.version and switch.served.state == "ready"
