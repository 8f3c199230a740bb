"""What users write, with the types that they are entitled to: mypy and pyright read it, nothing runs it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.axes import Axes
from typing_extensions import assert_type

import wml_deployer
from wml_deployer import (
    CheckReport,
    CloudCredentials,
    Comparison,
    Deployer,
    Deployment,
    Finding,
    LocalCredentials,
    Metadata,
    SoftwareCredentials,
    StoredModel,
    WMLDeployerError,
    load_credentials,
    to_frame,
    to_input_data,
)
from wml_deployer.batch import Job
from wml_deployer.display import Differences, History, Scores, View, show
from wml_deployer.errors import Fault, RateLimitError, RolloutError
from wml_deployer.progress import ProgressEvent, ProgressHook, automatic, set_progress
from wml_deployer.schema import Field, Schema
from wml_deployer.scorer import Scorer
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from pathlib import Path


class Estimator:
    """Stands for whatever was fitted."""


class Table:
    """Stands for a frame of polars or a table of pyarrow."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Export the rows."""


def opening(folder: Path) -> Deployer:
    """Open a project in each of the ways."""
    assert_type(load_credentials("credentials.yaml"), CloudCredentials | SoftwareCredentials | LocalCredentials)
    assert_type(Deployer.from_files("credentials.yaml", folder / "metadata.yaml"), Deployer)
    cloud = CloudCredentials(url="us-south", apikey="key", space="churn")
    assert_type(Deployer(cloud, folder / "metadata.yaml").metadata, Metadata)
    with Deployer.local(folder / "metadata.yaml") as deployer:
        assert_type(deployer, Deployer)
    return Deployer.local()


def rolling_out(deployer: Deployer, model: Estimator, rows: pd.DataFrame) -> None:
    """Store, deploy, update, try, take back."""
    report = deployer.check(model, sample=rows, strict=True)
    assert_type(report, CheckReport)
    assert_type(report.findings, tuple[Finding, ...])
    stored = deployer.store(model, sample=rows, version="v0.2", metrics={"f1": 0.93})
    assert_type(stored, StoredModel)
    assert_type(stored.schema, Schema | None)
    assert_type(deployer.deploy(stored, reason="first"), Deployment)
    assert_type(deployer.update("model.joblib", unpickle=True, timeout=60), Deployment)
    assert_type(deployer.release(model), Deployment)
    assert_type(deployer.rollback(to="v0.1", reason="slow"), Deployment)
    assert_type(deployer.candidate(model), Deployment)
    comparison = deployer.compare(rows)
    assert_type(comparison, Comparison)
    assert_type(comparison.changed, pd.DataFrame)
    assert_type(comparison.plot(), Axes)
    assert_type(deployer.promote(), Deployment)
    assert_type(deployer.prune(keep=3, named=["v0.1"]), tuple[str, ...])
    assert_type(deployer.recover(), Metadata)
    assert_type(deployer.status().refresh().wait(timeout=5).state, str)


def scoring(deployer: Deployer, rows: pd.DataFrame, chunks: Iterator[pd.DataFrame]) -> None:
    """Score a frame, rows, chunks and in batch."""
    assert_type(deployer.score(rows), Scores)
    assert_type(deployer.score([[1.0, 2.0]], batch_rows=500, on_error="null"), Scores)
    assert_type(deployer.score(chunks), Iterator[Scores])
    assert_type(deployer.status().score(rows), Scores)
    assert_type(deployer.score(Table(), timeout=5), Table)
    assert_type(deployer.status().score(Table()), Table)
    assert_type(deployer.score_batch(Table()), Table)
    assert_type(deployer.scorer(Table())(Table()), Table)
    assert_type(deployer.scorer(rows)(rows), pd.DataFrame)
    assert_type(deployer.scorer(rows, keep=["id"]), Scorer)
    job = deployer.submit_batch(rows)
    assert_type(job, Job)
    assert_type(job.result(timeout=60), Scores)
    assert_type(deployer.jobs(), list[Job])
    assert_type(to_input_data(rows), dict[str, Any])
    assert_type(to_frame({"predictions": []}, classes=["no", "yes"]), pd.DataFrame)
    plain: pd.DataFrame = deployer.score(rows)
    plain.head()


async def scoring_in_an_event_loop(deployer: Deployer, rows: pd.DataFrame) -> None:
    """Score while something else goes on."""
    assert_type(await deployer.ascore(rows, in_flight=2), Scores)
    assert_type(await deployer.ascore(Table()), Table)


def looking(deployer: Deployer, ax: Axes) -> None:
    """Look at what there is."""
    history = deployer.history()
    assert_type(history, History)
    assert_type(history.plot(ax=ax), Axes)
    assert_type(deployer.diff("v0.1", "v0.2"), Differences)
    assert_type(show(deployer), View)
    assert_type(show(history).text, str)
    assert_type(wml_deployer.__version__, str)


def handling(deployer: Deployer) -> str | None:
    """Catch what goes wrong."""
    try:
        deployer.rollback()
    except RolloutError as error:
        assert_type(error.differing, pd.DataFrame | None)
        return error.next_step
    except RateLimitError as error:
        assert_type(error.retry_after, float | None)
    except WMLDeployerError as error:
        assert_type(error.faults, tuple[Fault, ...])
        assert_type(error.status, int | None)
    except (ValueError, TimeoutError):
        pass
    return None


def following() -> None:
    """Follow what takes long."""

    def hook(event: ProgressEvent) -> None:
        assert_type(event.rate, float | None)

    before: ProgressHook | None = set_progress(hook)
    set_progress(before)
    set_progress(automatic)
    set_progress(None)


def testing() -> Schema:
    """Test without an account."""
    with LocalServer() as server:
        server.fault("POST", "/predictions$", status=503, times=2)
        assert_type(server.info.url, str)
    return Schema(fields=(Field("age", "int64"),), classes=("no", "yes"))


def what_is_wrong_is_found(deployer: Deployer, rows: pd.DataFrame) -> None:
    """Each of these is an error to a type checker; one that is none makes the ignore unused, which is an error."""
    deployer.score(rows, on_error="nul")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    deployer.deploy(rows, smaple=rows)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    deployer.rollback(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    deployer.prune(keep="3")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    print(deployer.status().stat)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]
