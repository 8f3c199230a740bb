"""Store, deploy, score, update and roll back models on IBM Watson Machine Learning (watsonx.ai Runtime)."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wml_deployer.credentials import (
        CloudCredentials,
        Credentials,
        LocalCredentials,
        SoftwareCredentials,
        load_credentials,
    )
    from wml_deployer.deployer import Deployer
    from wml_deployer.deployment import Deployment, StoredModel
    from wml_deployer.errors import WMLDeployerError
    from wml_deployer.metadata import Metadata
    from wml_deployer.payload import to_frame, to_input_data
    from wml_deployer.reports import CheckReport, Comparison, Finding
    from wml_deployer.spaces import DeploymentSpace, create_space, list_spaces

    __version__: str

_HOMES = {
    "CheckReport": "reports",
    "CloudCredentials": "credentials",
    "Comparison": "reports",
    "Credentials": "credentials",
    "Deployer": "deployer",
    "Deployment": "deployment",
    "DeploymentSpace": "spaces",
    "Finding": "reports",
    "LocalCredentials": "credentials",
    "Metadata": "metadata",
    "SoftwareCredentials": "credentials",
    "StoredModel": "deployment",
    "WMLDeployerError": "errors",
    "create_space": "spaces",
    "list_spaces": "spaces",
    "load_credentials": "credentials",
    "to_frame": "payload",
    "to_input_data": "payload",
}

__all__ = [
    "CheckReport",
    "CloudCredentials",
    "Comparison",
    "Credentials",
    "Deployer",
    "Deployment",
    "DeploymentSpace",
    "Finding",
    "LocalCredentials",
    "Metadata",
    "SoftwareCredentials",
    "StoredModel",
    "WMLDeployerError",
    "create_space",
    "list_spaces",
    "load_credentials",
    "to_frame",
    "to_input_data",
]

# Where nobody set logging up, Python would print warnings: whoever wants them says so.
logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - deferred: slow to import

        return version("wml_deployer")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*_HOMES, "__version__"])
