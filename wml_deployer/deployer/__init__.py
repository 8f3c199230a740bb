"""The facade: one project, one deployment, every version of its model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wml_deployer._rollout.rollback import live_version
from wml_deployer.credentials import LocalCredentials, load_credentials
from wml_deployer.deployer._candidates import CandidateVerbs
from wml_deployer.deployer._history import HistoryVerbs
from wml_deployer.deployer._rollouts import RolloutVerbs
from wml_deployer.deployer._scoring import ScoringVerbs
from wml_deployer.deployer._storing import StoringVerbs
from wml_deployer.display._handles import deployer_view
from wml_deployer.display._view import View, view_of

if TYPE_CHECKING:
    import os

    from typing_extensions import Self

__all__ = ["Deployer"]


class Deployer(StoringVerbs, RolloutVerbs, CandidateVerbs, ScoringVerbs, HistoryVerbs):
    r"""Stores, deploys, scores, updates and rolls back the model of one project.

    Args:
        credentials: Where the service is and how to log in.
        metadata: The project's metadata.yaml.
        credentials_file: Where a :meth:`scorer` on another machine finds the credentials, which do not travel with it;
            in the environment if not given.

    Raises:
        CredentialsError: Something else was given for the credentials, like the name of their file.
        MetadataError: metadata.yaml is missing or malformed.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "metadata.yaml"
        >>> _ = path.write_text("project_name: churn\nproject_version: v0.1\n")
        >>> Deployer.local(path).metadata.project_version
        'v0.1'

    """

    @classmethod
    def from_files(
        cls,
        credentials: str | os.PathLike[str] = "credentials.yaml",
        metadata: str | os.PathLike[str] = "metadata.yaml",
    ) -> Self:
        r"""Open a project on IBM Cloud or Cloud Pak for Data.

        Args:
            credentials: The credentials file; ``WML_*`` environment variables override its keys.
            metadata: The project's file.

        Returns:
            The project, not yet connected.

        Raises:
            CredentialsError: The credentials cannot be used; every fault is listed.
            MetadataError: metadata.yaml is missing or malformed.

        Example:
            >>> import tempfile
            >>> folder = Path(tempfile.mkdtemp())
            >>> (folder / "credentials.yaml").touch(mode=0o600)
            >>> _ = (folder / "credentials.yaml").write_text("url: us-south\napikey: k3y-example\nspace: churn\n")
            >>> _ = (folder / "metadata.yaml").write_text("project_name: churn\nproject_version: v0.1\n")
            >>> Deployer.from_files(folder / "credentials.yaml", folder / "metadata.yaml")
            Deployer.from_files('.../credentials.yaml', '.../metadata.yaml')

        """
        return cls(load_credentials(credentials), metadata, credentials_file=credentials)

    @classmethod
    def local(
        cls, metadata: str | os.PathLike[str] = "metadata.yaml", directory: str | os.PathLike[str] | None = None
    ) -> Self:
        r"""Open a project on the embedded service: no account, no network.

        Args:
            metadata: The project's file.
            directory: Where the service keeps what it stores; ``.wml/`` beside the file if not given.

        Returns:
            The project; the service is started, or joined where it runs, at the first verb that needs it.

        Example:
            >>> import tempfile
            >>> path = Path(tempfile.mkdtemp()) / "metadata.yaml"
            >>> _ = path.write_text("project_name: churn\nproject_version: v0.1\n")
            >>> Deployer.local(path)
            Deployer.local('.../metadata.yaml')

        """
        return cls(LocalCredentials(directory=None if directory is None else Path(directory)), metadata)

    def __repr__(self) -> str:
        """Write the call that opens the same project; secrets show as stars."""
        name, path, given = type(self).__name__, str(self._file.path), self._credentials
        if self._source.file is not None:
            return f"{name}.from_files({str(self._source.file)!r}, {path!r})"
        if isinstance(given, LocalCredentials):
            elsewhere = "" if given.directory == self._file.directory / ".wml" else f", {str(given.directory)!r}"
            return f"{name}.local({path!r}{elsewhere})"
        return f"{name}({given!r}, {path!r})"

    def _repr_html_(self) -> str:
        return view_of(self).html

    def _where(self) -> str:
        given = self._credentials
        return "the embedded service" if isinstance(given, LocalCredentials) else given.url


@view_of.register(Deployer)
def _(deployer: Deployer) -> View:
    metadata = deployer.metadata
    live = live_version(metadata)
    space = deployer._file.space_name  # noqa: SLF001 - its own module
    return deployer_view(metadata, deployer._where(), space, live.name if live else None)  # noqa: SLF001
