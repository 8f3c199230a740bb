"""Methods of ``Deployer`` that check a model and store it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer._preflight.model import refuse
from wml_deployer._rollout.checking import check
from wml_deployer._transport.deadline import deadline
from wml_deployer.deployer._base import ROLLOUT_SECONDS, OpenProject, store_request
from wml_deployer.deployer._verb import verb
from wml_deployer.deployment import StoredModel

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from wml_deployer.metadata import Route
    from wml_deployer.reports import CheckReport

__all__ = ["StoringVerbs"]


class StoringVerbs(OpenProject):
    """Check a model before anything is uploaded, and store it as a version."""

    @verb
    def check(
        self,
        model: Any,
        *,
        sample: Any = None,
        strict: bool = False,
        specification: str | None = None,
        route: Route | None = None,
        requirements: Sequence[str] | str | os.PathLike[str] | None = None,
        code: Sequence[str | os.PathLike[str]] | None = None,
        isolated: bool = False,
        unpickle: bool = False,
        timeout: float = ROLLOUT_SECONDS,
    ) -> CheckReport:
        r"""Find what would go wrong with a model before anything is uploaded.

        It looks at credentials, certificate, space, runtime, rights and quota; at the software specification and its
        life cycle; at the libraries here and in the runtime; at classes and functions that the runtime cannot import;
        and at the model's size and columns. With a sample it also rehearses a deployment in this process: it encodes
        the sample as :meth:`score` does, rebuilds the rows as the runtime does, and compares what the model answers to
        them with what it answers to the sample itself. An error about the model stops :meth:`store` as well.

        Args:
            model: Whatever :meth:`store` takes, or what it returned.
            sample: n rows × k fields, as :meth:`store` takes them.
            strict: Whether errors are raised instead of returned.
            specification: Name of the software specification, as :meth:`store` takes it.
            route: The way to go live, as :meth:`store` takes it.
            requirements: What to install beside the runtime's libraries, as :meth:`store` takes it.
            code: Own packages that go along, as :meth:`store` takes them.
            isolated: Whether to prove the model in a clean virtual environment of this machine as well: the runtime's
                libraries, the requirements and the code are installed there, the model is loaded and predicts. It
                takes a minute or so, and an index of packages.
            unpickle: Whether a path may be loaded into this process, as :meth:`store` takes it.
            timeout: Seconds for the whole call.

        Returns:
            Every finding, each with its next step.

        Raises:
            CheckError: ``strict`` was asked for, and there are errors.

        Example:
            >>> import tempfile
            >>> from pathlib import Path
            >>> from sklearn.dummy import DummyClassifier
            >>> from wml_deployer import Deployer
            >>> path = Path(tempfile.mkdtemp()) / "metadata.yaml"
            >>> _ = path.write_text("project_name: churn\nproject_version: v0.1\n")
            >>> with Deployer.local(path) as deployer:
            ...     report = deployer.check(DummyClassifier().fit([[0], [1]], [0, 1]))
            >>> [finding.subject for finding in report.findings if finding.subject in {"schema", "sample"}]
            ['schema', 'sample']

        """
        request = store_request(
            model,
            sample,
            None,
            specification,
            route=route,
            requirements=requirements,
            code=code,
            isolated=isolated,
            unpickle=unpickle,
        )
        with deadline(timeout):
            report = check(lambda: self._project.client, self.metadata, request)
        if strict:
            refuse(report.findings, "check")
        return report

    @verb
    def store(
        self,
        model: Any,
        *,
        sample: Any = None,
        version: str | None = None,
        specification: str | None = None,
        route: Route | None = None,
        requirements: Sequence[str] | str | os.PathLike[str] | None = None,
        code: Sequence[str | os.PathLike[str]] | None = None,
        unpickle: bool = False,
        metrics: Mapping[str, float] | None = None,
        timeout: float = ROLLOUT_SECONDS,
    ) -> StoredModel:
        """Pack a model, upload it and freeze it as a revision; the same content is stored once.

        Args:
            model: A fitted estimator, or a path to a ``.joblib``, ``.pkl``, ``.tar.gz`` or directory.
            sample: n rows × k fields that a deployment of it must answer as the local model does, in any form that
                :meth:`score` takes; a few dozen do, and of more than 1000 rows 1000 are taken. They stay on this
                machine. The column names of a frame are the schema of a model that was fitted on a bare array.
            version: Name of the version; the project's version, counted up where it is taken, if not given.
            specification: Name of the software specification; the best supported one if not given.
            route: The way to go live: ``"native"``, as a model that a runtime of the service serves, or ``"function"``,
                as a Python function that carries the model and rebuilds its rows as they were at the fit. If not given,
                natively where a runtime answers as the model does here, as a function otherwise.
            requirements: What to install beside the runtime's libraries: a list such as ``["lightgbm==4.6.0"]``, the
                path of a requirements file, or ``"auto"`` for what the model's classes come from, at the versions of
                this process.
            code: Own packages that go along: folders such as ``"src/shop"``, and modules such as ``"helpers.py"``.
            unpickle: Whether a path may be loaded into this process to find schema and classes. Loading a
                pickle runs code that it brings along.
            metrics: What you measured of it, such as ``{"f1": 0.93}``; :meth:`diff` sets it side by side.
            timeout: Seconds for the whole call.

        Returns:
            The frozen revision.

        Raises:
            ModelError: It cannot be stored, or :meth:`check` finds an error in it; nothing was uploaded.
            ConflictError: Somebody else stored a model of this project at the same time.

        """
        request = store_request(
            model,
            sample,
            version,
            specification,
            route=route,
            requirements=requirements,
            code=code,
            unpickle=unpickle,
            metrics=metrics,
        )
        with self._storing(timeout) as project, self._prepared(project, request) as candidate:
            stored = project.versions.get(candidate, request)
        return StoredModel.from_version(stored)
