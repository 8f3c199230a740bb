"""What no verb does: trust a stranger, print, or change the caller's process."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from tests.contract.verbs import VERBS, verbs
from wml_deployer import Deployer, SoftwareCredentials
from wml_deployer.errors import CertificateError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from wml_deployer.testing import LocalServer


@pytest.fixture
def prepared(deployer: Deployer, model: Any, better: Any, features: pd.DataFrame) -> Deployer:
    """Deploy two versions, so that each verb has something to do."""
    deployer.deploy(model, sample=features.head(3), version="v0.1")
    deployer.update(better, sample=features.head(3), version="v0.2")
    return deployer


@pytest.mark.parametrize("verb", verbs())
def test_a_foreign_certificate_is_refused(
    verb: str,
    prepared: Deployer,
    credentials: SoftwareCredentials,
    server: LocalServer,
    tmp_path: Path,
    metadata_path: Path,
    model: Any,
    features: Any,
) -> None:
    """Not one request reaches a service whose certificate is not of the given authority."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    stranger = credentials.model_copy(update={"ca_bundle": tmp_path / "other.pem"})
    server.clear_requests()

    with pytest.raises(CertificateError), Deployer(stranger, metadata_path) as deployer:
        VERBS[verb](deployer, model, features.head(3))

    assert [] == server.requests


def test_a_check_reports_a_foreign_certificate(
    prepared: Deployer,
    credentials: SoftwareCredentials,
    server: LocalServer,
    tmp_path: Path,
    metadata_path: Path,
    model: Any,
) -> None:
    """It raises nothing, and no request reaches the service."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    stranger = credentials.model_copy(update={"ca_bundle": tmp_path / "other.pem"})
    server.clear_requests()
    with Deployer(stranger, metadata_path) as deployer:
        report = deployer.check(model)

    assert (False, []) == (report.ok, server.requests)


@pytest.mark.parametrize("verb", verbs())
def test_the_callers_process_stays_as_it_is(
    verb: str, prepared: Deployer, model: Any, features: pd.DataFrame, capfd: pytest.CaptureFixture[str]
) -> None:
    """Environment, working directory, warnings, streams and log levels are the same, and nothing is printed."""

    def process() -> tuple[object, ...]:
        return dict(os.environ), os.getcwd(), warnings.filters[:], sys.stdout, logging.root.level  # noqa: PTH109

    before = process()
    VERBS[verb](prepared, model, features.head(3))

    assert (before, ("", "")) == (process(), capfd.readouterr())


@pytest.mark.parametrize("verb", verbs())
def test_the_working_directory_stays_empty(
    verb: str,
    prepared: Deployer,
    model: Any,
    features: pd.DataFrame,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Archives are packed elsewhere."""
    folder = tmp_path_factory.mktemp("empty")
    monkeypatch.chdir(folder)
    VERBS[verb](prepared, model, features.head(3))

    assert [] == list(folder.iterdir())


@pytest.mark.parametrize("verb", verbs())
def test_secrets_stay_out_of_the_log(
    verb: str,
    prepared: Deployer,
    server: LocalServer,
    model: Any,
    features: pd.DataFrame,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither key nor token is logged, at any level."""
    caplog.set_level(logging.DEBUG)
    VERBS[verb](prepared, model, features.head(3))

    assert not [r for r in caplog.records if server.info.apikey in r.getMessage() or "Bearer" in r.getMessage()]
