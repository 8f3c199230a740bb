"""Refusals of deployments, in the recorded texts where there are any."""

from __future__ import annotations

from wml_deployer.server.errors import ConflictError, InvalidRequestError, NotFoundError

__all__ = [
    "BusyError",
    "DeploymentError",
    "NotReadyError",
    "ServingNameTakenError",
    "invalid_serving_name",
    "not_found",
]


class DeploymentError(InvalidRequestError):
    """400: the deployment cannot be as it is asked for."""

    shows_status = False


class _AbsentError(NotFoundError):
    code = "deployment_does_not_exist"
    shows_status = False


class NotReadyError(ConflictError):
    """409: the deployment does not answer predictions (yet)."""

    code = "deployment_not_ready"
    shows_status = False


class BusyError(ConflictError):
    """409: an earlier change of the deployment is still being made."""

    code = "deployment_update_in_progress"
    shows_status = False


class ServingNameTakenError(ConflictError):
    """409: another deployment has the serving name."""

    code = "serving_name_exists"
    shows_status = False


def not_found(identifier: str) -> NotFoundError:
    """Return the error for a deployment that is not there."""
    return _AbsentError(f"Deployment with id '{identifier}' does not exist. Re-try with a valid deployment id.")


def invalid_serving_name() -> DeploymentError:
    """Return the error for a serving name that breaks the rule."""
    return DeploymentError(
        "Field 'serving_name' is either blank or has invalid characters in it. Serving name can be up to 36 characters"
        " and can include _, a-z and 0-9. Try again with a valid serving name",
        code="invalid_serving_name",
    )
