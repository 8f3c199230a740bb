"""Methods of ``Deployer`` that score."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, overload

from typing_extensions import Unpack

from wml_deployer._rollout.assets import asset_of
from wml_deployer._scoring.options import BATCH_BYTES, IN_FLIGHT, BatchingOptions, OnError
from wml_deployer._transport.deadline import remaining
from wml_deployer.batch import Asset, Job, asset_of_job, is_job_of, start_job
from wml_deployer.deployer._base import OpenProject
from wml_deployer.deployer._verb import verb
from wml_deployer.deployment import score_on_thread
from wml_deployer.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from wml_deployer._scoring.options import ArrowRowsT
    from wml_deployer.display._frames import Scores
    from wml_deployer.monitoring import ScoringHook
    from wml_deployer.scorer import Scorer

__all__ = ["ScoringVerbs"]

Hook = TypeVar("Hook", bound="ScoringHook")

JOB_SECONDS = 3600.0
SUBMIT_SECONDS = 600.0


class ScoringVerbs(OpenProject):
    """Scores on the project's deployment: online, from workers, and in batch on the platform."""

    @overload
    def score(self, X: pd.DataFrame, *, timeout: float | None = ..., **batching: Unpack[BatchingOptions]) -> Scores: ...
    @overload
    def score(
        self, X: ArrowRowsT, *, timeout: float | None = ..., **batching: Unpack[BatchingOptions]
    ) -> ArrowRowsT: ...
    @overload
    def score(
        self, X: Iterator[Any], *, timeout: float | None = ..., **batching: Unpack[BatchingOptions]
    ) -> Iterator[Scores]: ...
    @overload
    def score(self, X: Any, *, timeout: float | None = ..., **batching: Unpack[BatchingOptions]) -> Scores: ...
    @verb
    def score(
        self,
        X: Any,
        *,
        timeout: float | None = None,
        batch_rows: int | None = None,
        batch_bytes: int = BATCH_BYTES,
        in_flight: int = IN_FLIGHT,
        on_error: OnError = "raise",
    ) -> Any:
        """Score rows on the live deployment, however many.

        Args:
            X: n rows × k fields: a frame of pandas, polars, pyarrow or DuckDB, an array, a list of rows or a single
                row. Columns are put in the model's order. An iterator of such, the chunks of a CSV file for instance,
                gives an iterator.
            timeout: Seconds for the whole call; a minute for each request if not given.
            batch_rows: Rows a request; chosen from the answer times if not given.
            batch_bytes: Bytes of a request's body at most.
            in_flight: Requests at the same time.
            on_error: ``"raise"`` fails with the first batch that fails; ``"null"`` leaves nulls in its rows.

        Returns:
            n rows on X's index: ``prediction`` and, for classifiers, ``probability_<class>`` of each class. X's
            library, if it is not pandas, gets its own kind of frame, without an index.

        Raises:
            SchemaError: The columns are not the model's; nothing was sent.
            PayloadError: A value cannot be sent; nothing was sent.
            VersionError: The project is not deployed yet.

        """
        deployment = self._deployment("score")
        return deployment.score(
            X,
            timeout=None if timeout is None else remaining(),
            batch_rows=batch_rows,
            batch_bytes=batch_bytes,
            in_flight=in_flight,
            on_error=on_error,
        )

    @verb
    def watch(self, hook: Hook) -> Hook:
        r"""Tell a hook of every scoring request from now on: from ``score``, ``ascore`` and scorers.

        Handles of this deployer tell it, too. A :meth:`scorer` that is made later takes the hook along to its workers,
        so there it has to pickle. Verifications, comparisons and batch jobs are not told.

        Args:
            hook: Called with each :class:`~wml_deployer.monitoring.ScoringEvent` after its request has ended, on the
                thread that scores. What it raises is logged and costs no scores. A hook that is there already, or that
                equals one, is not added again.

        Returns:
            The hook; or the equal one that was there.

        Raises:
            ConfigurationError: It cannot be called.

        Example:
            >>> import tempfile
            >>> from pathlib import Path
            >>> from sklearn.datasets import load_iris
            >>> from sklearn.tree import DecisionTreeClassifier
            >>> from wml_deployer import Deployer
            >>> path = Path(tempfile.mkdtemp()) / "metadata.yaml"
            >>> _ = path.write_text("project_name: iris\nproject_version: v0.1\n")
            >>> rows, labels = load_iris(return_X_y=True, as_frame=True)
            >>> with Deployer.local(path) as deployer:
            ...     _ = deployer.deploy(DecisionTreeClassifier().fit(rows, labels), sample=rows.head())
            ...     _ = deployer.watch(lambda event: print(event.version, event.rows, event.outcome))
            ...     scores = deployer.score(rows)
            v0.1 150 scored

        """
        if hook not in self._hooks:
            self._hooks.append(hook)
        return self._hooks[self._hooks.index(hook)]  # type: ignore[return-value]  # it equals the one that was given

    @verb
    def unwatch(self, hook: ScoringHook) -> None:
        """Tell a hook of no more requests.

        Args:
            hook: One that watches; any other is ignored.

        """
        if hook in self._hooks:
            self._hooks.remove(hook)

    @overload
    async def ascore(
        self, X: pd.DataFrame, *, timeout: float | None = ..., **batching: Unpack[BatchingOptions]
    ) -> Scores: ...
    @overload
    async def ascore(
        self, X: ArrowRowsT, *, timeout: float | None = ..., **batching: Unpack[BatchingOptions]
    ) -> ArrowRowsT: ...
    @overload
    async def ascore(self, X: Any, *, timeout: float | None = ..., **batching: Unpack[BatchingOptions]) -> Scores: ...
    async def ascore(self, X: Any, *, timeout: float | None = None, **batching: Unpack[BatchingOptions]) -> Any:
        """Score rows on a thread, without blocking the event loop; see :meth:`score`.

        Args:
            X: n rows × k fields.
            timeout: Seconds for the whole call.
            **batching: ``batch_rows``, ``batch_bytes``, ``in_flight`` and ``on_error`` as :meth:`score` takes them.

        Returns:
            n rows on X's index.

        Raises:
            ConfigurationError: X is an iterator: await its chunks one by one.

        """
        return await score_on_thread(self.score, X, timeout, batching)

    @verb
    def scorer(
        self,
        like: Any,
        *,
        keep: str | Sequence[str] = (),
        in_flight: int = 1,
        timeout: float | None = None,
    ) -> Scorer:
        """Make a callable that scores on the workers of Dask, Spark or any pool of processes.

        Args:
            like: A few rows of what it will be called with, of pandas or another library; they are scored once, to know
                what comes back.
            keep: Columns that are not sent and stand before the scores: the keys to join them by.
            in_flight: Requests at the same time from one worker.
            timeout: Seconds for the whole call.

        Returns:
            The callable; it pickles without secrets.

        Raises:
            SchemaError: The columns are not the model's, or one to keep is not there or called as a score is.
            VersionError: The project is not deployed yet.

        """
        from wml_deployer._scoring.options import Batching  # noqa: PLC0415
        from wml_deployer.payload import other_frame  # noqa: PLC0415
        from wml_deployer.scorer import Scorer, join_kept, split_kept  # noqa: PLC0415 - deferred: pandas is slow to import

        deployment = self._deployment("score")
        other = other_frame(like)
        like = like if other is None else other.to_pandas()
        names = (keep,) if isinstance(keep, str) else tuple(keep)
        kept, rows = split_kept(like, names)
        meta = join_kept(kept, deployment._unwatched().score(rows, timeout=timeout)).iloc[:0]  # noqa: SLF001
        source = replace(self._source, space_id=self._project.client.scope.id)
        schema, batching = deployment.schema or Schema(), Batching(in_flight=in_flight)
        known = deployment._endpoint.revisions()  # noqa: SLF001 - a handle of its own
        return Scorer(source, deployment.id, schema, meta, names, batching, known, tuple(self._hooks))

    @verb
    def submit_batch(self, X: Any, *, timeout: float = SUBMIT_SECONDS) -> Job:  # noqa: ARG002 - the verb's deadline
        """Start to score rows on the platform itself, in one job, and return at once.

        The project gets a batch deployment of the version that serves online; it is made when first needed, and another
        one where jobs for another version are still waiting.

        Args:
            X: n rows × k fields.
            timeout: Seconds for the whole call.

        Returns:
            The job: wait for it, take its result, or cancel it.

        Raises:
            SchemaError: The columns are not the model's; nothing was sent.
            PayloadError: A value cannot be sent; nothing was sent.
            VersionError: The project is not deployed yet.
            DeadlineError: The time is over.

        """
        from wml_deployer.payload import other_frame, prepare  # noqa: PLC0415 - deferred: pandas is slow to import

        served = self._deployment("score in batch")._endpoint.current(settled=True)  # noqa: SLF001
        frame = other_frame(X)
        table = prepare(X if frame is None else frame, schema=served.revision.schema)
        client, asset = self._project.client, Asset(served.record.model_id, served.record.revision)
        record = start_job(client, self.metadata.project_name, asset, table.encode())
        return Job.from_record(record, client, asset, served.revision, index=table.index, frame=frame)

    @overload
    def score_batch(self, X: pd.DataFrame, *, timeout: float = ...) -> Scores: ...
    @overload
    def score_batch(self, X: ArrowRowsT, *, timeout: float = ...) -> ArrowRowsT: ...
    @overload
    def score_batch(self, X: Any, *, timeout: float = ...) -> Scores: ...
    @verb
    def score_batch(self, X: Any, *, timeout: float = JOB_SECONDS) -> Any:
        """Score rows on the platform itself, in one job, and wait for the scores.

        Args:
            X: n rows × k fields.
            timeout: Seconds for the whole call; the job goes on when they are over.

        Returns:
            n rows on X's index: ``prediction`` and, for classifiers, ``probability_<class>`` of each class.

        Raises:
            RolloutError: The job failed.
            DeadlineError: The time is over.

        """
        return self.submit_batch(X, timeout=timeout).result(timeout)

    @verb
    def jobs(self, *, timeout: float = SUBMIT_SECONDS) -> list[Job]:  # noqa: ARG002 - the verb's deadline
        """List the jobs that score for the project on the platform.

        Args:
            timeout: Seconds for the whole call.

        Returns:
            One handle a job, newest first. Each knows the revision that it was started for, whatever serves by now.

        Raises:
            DeadlineError: The time is over.

        """
        from wml_deployer._scoring.lookups import Revision  # noqa: PLC0415 - deferred: pandas is slow to import

        metadata = self.metadata
        name = metadata.project_name
        client = self._project.client
        found = [record for record in client.jobs() if is_job_of(name, record.name)]
        known = {asset_of(version): Revision(version.name, version.schema) for version in metadata.versions}
        newest_first = sorted(found, key=lambda record: record.created_at, reverse=True)
        assets = [asset_of_job(name, record.name) for record in newest_first]
        return [
            Job.from_record(record, client, asset, known.get(asset) if asset else None)
            for record, asset in zip(newest_first, assets, strict=True)
        ]

    @verb
    def create_task_credentials(self, *, timeout: float = SUBMIT_SECONDS) -> bool:  # noqa: ARG002 - the verb's deadline
        r"""Let IBM Cloud keep your API key, with which it runs jobs on your behalf; a user needs that once.

        Without them IBM Cloud refuses what :meth:`score_batch` starts; :meth:`check` says whether there are any. They
        can be deleted on the platform's page *Profile and settings*.

        Args:
            timeout: Seconds for the whole call.

        Returns:
            Whether they were created now; ``False`` where there are some already, and on Cloud Pak for Data and the
            embedded service, which need none.

        Raises:
            CredentialsError: The project's credentials have a token in place of a key.

        Example:
            >>> import tempfile
            >>> from pathlib import Path
            >>> from wml_deployer import Deployer
            >>> path = Path(tempfile.mkdtemp()) / "metadata.yaml"
            >>> _ = path.write_text("project_name: churn\nproject_version: v0.1\n")
            >>> with Deployer.local(path) as deployer:
            ...     deployer.create_task_credentials()
            False

        """
        return self._project.client.create_task_credentials()
