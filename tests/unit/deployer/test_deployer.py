"""The deployer itself: what it shows, and what it offers on the embedded service alone."""

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


def test_representation_can_be_pasted(tmp_path: Path) -> None:
    """A deployer's representation is the call that opens the same project."""
    path = tmp_path / "metadata.yaml"
    path.write_text("project_name: churn\nproject_version: v1\n", encoding="utf-8")
    deployer = Deployer.local(path)

    assert f"Deployer.local({str(path)!r})" == repr(deployer)
    assert repr(deployer) == repr(eval(repr(deployer), {"Deployer": Deployer}))
