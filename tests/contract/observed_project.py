"""Check what a project has on the service and in its files, and collect what is not as it should be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from wml_deployer._rollout.assets import asset_of
from wml_deployer._rollout.candidates import CANDIDATE_KEY
from wml_deployer._rollout.orphans import CUSTOM_KEY, archive_digest, checksum_of
from wml_deployer.metadata import MetadataFile

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.insides import Client, DeploymentRecord
    from wml_deployer import SoftwareCredentials
    from wml_deployer.metadata import Metadata


def plain(credentials: SoftwareCredentials) -> dict[str, Any]:
    """Write credentials as JSON carries them."""
    shown = {name: getattr(credentials, name) for name in ("url", "username", "ca_bundle", "space_id")}
    secret = credentials.apikey.get_secret_value() if credentials.apikey else None
    return {**{name: str(value) for name, value in shown.items()}, "apikey": secret}


@dataclass
class ObservedProject:
    """One project after another, each with a file and a deployment of its own."""

    client: Client
    folder: Path
    violations: list[str] = field(default_factory=list, kw_only=True)

    def remove_project(self) -> None:
        """Remove what the project has on the service, so that its processes end."""
        for deployment in (*self.client.deployments(), *self.client.batch_deployments()):
            if self.folder.name[:8] in deployment.name:
                self.client.delete_deployment(deployment.id)
        for model in self.client.models():
            if self.folder.name[:8] in model.name:
                self.client.delete_model(model.id)

    def new_project(self) -> None:
        """Begin a project that has nothing yet."""
        self.remove_project()
        self.folder = self.folder.parent / uuid4().hex
        self.folder.mkdir()
        (self.folder / "metadata.yaml").write_text(self.text(), encoding="utf-8")

    def text(self) -> str:
        """Write metadata.yaml as its authors begin it."""
        return f"project_name: project-{self.folder.name[:8]}\nproject_version: v0\n# kept\n"

    def lose_files(self) -> None:
        """Write a new metadata.yaml, without metadata.lock."""
        (self.folder / "metadata.yaml").write_text(self.text(), encoding="utf-8")
        (self.folder / "metadata.lock").unlink(missing_ok=True)

    def check(self, where: str, result: dict[str, Any]) -> None:
        """Compare service and file with what the call says; what differs is kept as a violation."""
        if result["error"]:
            self.violations.append(f"{where}: {result}")
            return
        metadata = self.metadata()
        deployments = self.deployments()
        models = [m for m in self.client.models() if metadata.project_name in m.name]
        live = metadata.version(metadata.log[-1].to_version)
        candidates = [d for d in deployments if CANDIDATE_KEY in d.custom.get(CUSTOM_KEY, {})]
        named = [v.name for d in candidates for v in metadata.versions if v.revision == d.revision]
        serving = [(d.id, d.model_id, d.revision) for d in deployments if d not in candidates]
        expected = [(metadata.deployment_uid, metadata.model_uid, live.revision if live else None)]
        seen: dict[str, tuple[Any, Any]] = {
            "what serves": (expected, serving),
            "candidates": (result.get("candidates", []), named),
            "models": ([metadata.model_uid], [m.id for m in models]),
            "version": (result["version"], live.name if live else None),
            "answers": (f"v{result['number']}", result["version"]),
            "revisions": (
                sorted((v.revision, f"wml_deployer {v.name} {v.digest}") for v in metadata.versions),
                sorted((r.revision or "", r.message or "") for m in models for r in self.client.revisions(m.id)),
            ),
            "comment": (True, "# kept\n" in (self.folder / "metadata.yaml").read_text(encoding="utf-8")),
            "left files": ([], self.left_files()),
        }
        for name, (wanted, found) in seen.items():
            self.expect(f"{where}: {name}", wanted, found)

    def check_nothing_is_left(self, where: str) -> None:
        """See that neither service nor file have anything of the project but its history."""
        metadata = self.metadata()
        models = [m.name for m in self.client.models() if metadata.project_name in m.name]
        self.expect(f"{where}: left", [], [*(d.name for d in self.deployments()), *models])
        self.expect(
            f"{where}: file", (None, None, ()), (metadata.deployment_uid, metadata.model_uid, metadata.versions)
        )

    def check_agreement(self, where: str) -> None:
        """See that the files know what the service has, that it is there once, and that nothing else is left."""
        metadata, deployments = self.metadata(), self.deployments()
        candidates = [d for d in deployments if CANDIDATE_KEY in d.custom.get(CUSTOM_KEY, {})]
        live = [d for d in deployments if d not in candidates]
        models = [m for m in self.client.models() if metadata.project_name in m.name]
        stored = {(m.id, r.revision): r.message for m in models for r in self.client.revisions(m.id)}
        known = {(v.model_id, v.revision): f"wml_deployer {v.name} {v.digest}" for v in metadata.versions}
        served = [v.name for d in live for v in metadata.versions if (v.model_id, v.revision) == asset_of(d)]
        logged = metadata.log[-1].to_version if metadata.log and live else None
        names = [v.name for v in metadata.versions]
        self.expect(f"{where}: candidates", True, len(candidates) <= 1)
        self.expect(f"{where}: deployment", [d.id for d in live], [metadata.deployment_uid] if live else [])
        self.expect(f"{where}: no deployment", None, None if live else metadata.deployment_uid)
        self.expect(f"{where}: versions", known, stored)
        self.expect(f"{where}: names", sorted(set(names)), sorted(names))
        self.expect(f"{where}: models", {model_id for model_id, _ in stored}, {m.id for m in models})
        self.expect(f"{where}: what serves", served, [logged] if live else [])
        self.expect(f"{where}: pending", None, metadata.pending)
        self.expect(f"{where}: left files", [], self.left_files())

    def deployments(self) -> list[DeploymentRecord]:
        """List what the project has deployed."""
        return [d for d in self.client.deployments() if self.metadata().project_name in d.name]

    def batch_deployments(self) -> list[DeploymentRecord]:
        """List what scores for the project in batch."""
        return [d for d in self.client.batch_deployments() if self.metadata().project_name in d.name]

    def left_files(self) -> list[str]:
        """List files of writes that did not come to their end."""
        return [str(p) for p in self.folder.rglob("*") if p.suffix in {".tmp", ".partial"}]

    def metadata(self) -> Metadata:
        """Read the project's file."""
        return MetadataFile(self.folder / "metadata.yaml").read()

    def live(self) -> int:
        """Return the number of the version that the file says is live."""
        return int(str(self.metadata().log[-1].to_version)[1:])

    def expect(self, where: str, expected: object, found: object) -> None:
        """Keep what differs as a violation."""
        if expected != found:
            self.violations.append(f"{where}: expected {expected}, found {found}")

    def check_contents(self) -> None:
        """Compare what every revision holds with what the file says."""
        for version in self.metadata().versions:
            revision = self.client.model(version.model_id, version.revision)
            facts = revision.custom.get(CUSTOM_KEY, {})
            holds_told = facts.get("checksum") == self.client.read_model(
                version.model_id, version.revision, checksum_of
            )
            # Uploads at once can mix one's content with another's facts: then the commit message counts, and where that
            # contradicts the facts, the content itself.
            digests = {facts.get("digest")}
            if not holds_told:
                content = archive_digest(self.client, version.model_id, version.revision)
                digests = {str(revision.message).rpartition(" ")[2], content}
            if version.digest not in digests:
                self.violations.append(f"{version.name} holds something else")
