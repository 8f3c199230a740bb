"""A link to the console of the embedded service, and of no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wml_deployer import CloudCredentials, Deployer
from wml_deployer.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


def test_only_the_embedded_service_has_this_console(tmp_path: Path) -> None:
    """A project in the cloud is told so, and nobody is asked for anything."""
    path = tmp_path / "metadata.yaml"
    path.write_text("project_name: churn\nproject_version: v0.1\n")
    deployer = Deployer(CloudCredentials(url="us-south", apikey="an-example-of-a-key", space="churn"), path)

    with pytest.raises(ConfigurationError, match="not the embedded service"):
        deployer.console_link()
