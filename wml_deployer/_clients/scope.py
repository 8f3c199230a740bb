"""What models are stored in: a deployment space, or a project, from which nothing is deployed."""

from __future__ import annotations

from typing import Literal, NamedTuple

from wml_deployer.errors import CredentialsError

__all__ = ["Scope", "refuse_project"]


class Scope(NamedTuple):
    """A deployment space or a project.

    Example:
        >>> scope = Scope("project", "7e45")
        >>> str(scope), scope.query
        ('project 7e45', {'project_id': '7e45'})

    """

    kind: Literal["space", "project"]
    id: str

    @property
    def query(self) -> dict[str, str]:
        """What names it in a request."""
        return {f"{self.kind}_id": self.id}

    def __str__(self) -> str:
        """Say what it is."""
        return f"{self.kind} {self.id}"


def refuse_project(project_id: str | None) -> None:
    """Refuse to work with deployments where the credentials name a project.

    Raises:
        CredentialsError: They do.

    """
    if project_id is not None:
        raise CredentialsError(
            f"The service deploys from a deployment space alone, and the credentials name the project {project_id}.",
            next_step="Give space or space_id instead of project_id; in a project, models can only be stored.",
        )
