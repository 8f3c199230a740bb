"""MLflow's deployment plugin: ``mlflow deployments create -t wml --name churn -m models:/churn@champion``.

MLflow finds it by its entry point and calls it through ``mlflow.deployments.get_deploy_client("wml")``. Each deployment
is a project of this library, with its versions, history and rollback.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mlflow.deployments import BaseDeploymentClient, PredictionsResponse
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_ALREADY_EXISTS, RESOURCE_DOES_NOT_EXIST

from wml_deployer._clients.door import connect
from wml_deployer._rollout.orphans import project_of
from wml_deployer.credentials import LocalCredentials, load_credentials
from wml_deployer.deployer import Deployer
from wml_deployer.errors import VersionError, WMLDeployerError
from wml_deployer.frameworks._mlflow import fetched, is_logged
from wml_deployer.metadata import MetadataFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wml_deployer.credentials import CloudCredentials, SoftwareCredentials
    from wml_deployer.deployment import Deployment

__all__ = ["WMLDeploymentClient", "run_local", "target_help"]

_HELP = """\
Deploys to IBM Watson Machine Learning (watsonx.ai Runtime), by wml_deployer.

Target URIs
  wml          the service that credentials.yaml names, in the folder where mlflow is run; or the file that the
               variable WML_CREDENTIALS names; or the variables WML_URL, WML_APIKEY, WML_SPACE and so on
  wml:/local   the embedded service on this machine, which needs no account; it keeps what it stores in .wml/

A deployment is a project of wml_deployer. If metadata.yaml in this folder has the deployment's name as project_name,
it is used, and its versions and history can be managed with wml-deployer as well. Otherwise the project's files are
made in .wml/mlflow/NAME/; where they are missing, the service is asked for what they say.

Options of create and update, as -C NAME=VALUE
  version               name of the version
  sample                CSV or Parquet file of rows; the deployment must answer them as the model does here
  unpickle              true loads the model here, which runs the code that it brings along
  reason                why, for the history
  specification         name of the software specification; the best by default
  route                 native or function; chosen by default
  requirements          requirements file of what to install beside the runtime's libraries, or auto
  allow_schema_change   true lets update change what the URL takes and answers
  timeout               seconds for the whole call

Option of delete
  cascade               true deletes the stored models as well
"""
_CHANGES = frozenset({"version", "sample", "unpickle", "reason", "specification", "route", "requirements", "timeout"})
_OPTIONS = {
    "create": _CHANGES,
    "update": _CHANGES | {"allow_schema_change"},
    "delete": frozenset({"cascade", "timeout"}),
}
_FLAGS = frozenset({"unpickle", "allow_schema_change", "cascade"})
_WORDS = {"true": True, "false": False}


def target_help() -> str:
    """Return what ``mlflow deployments help -t wml`` prints.

    Example:
        >>> print(target_help().splitlines()[0])
        Deploys to IBM Watson Machine Learning (watsonx.ai Runtime), by wml_deployer.

    """
    return _HELP


def run_local(name: str, model_uri: str, flavor: str | None = None, config: Mapping[str, Any] | None = None) -> None:
    """Deploy a model on the embedded service, which goes on running: ``mlflow deployments run-local -t wml``.

    Args:
        name: Name of the deployment.
        model_uri: The model.
        flavor: Not taken: it follows from the model.
        config: Options of ``create``.

    Raises:
        MlflowException: It cannot be deployed.

    Example:
        >>> run_local("churn", "models:/churn@champion", flavor="sklearn")
        Traceback (most recent call last):
        mlflow.exceptions.MlflowException: The flavor of a model cannot be chosen: leave it out.

    """
    WMLDeploymentClient("wml:/local").create_deployment(name, model_uri, flavor, config)


class WMLDeploymentClient(BaseDeploymentClient):  # type: ignore[misc]  # MLflow is not there where types are checked
    """What MLflow calls to deploy; see :func:`target_help`.

    Args:
        target_uri: ``wml`` or ``wml:/local``.

    Raises:
        MlflowException: It is another one.

    Example:
        >>> WMLDeploymentClient("wml:/local").target_uri
        'wml:/local'

    """

    def __init__(self, target_uri: str) -> None:
        """Connect to nothing yet."""
        super().__init__(target_uri)
        place = target_uri.partition(":")[2].strip("/")
        if place not in {"", "local"}:
            raise MlflowException(
                f"There is no target {target_uri}: give wml or wml:/local.", error_code=INVALID_PARAMETER_VALUE
            )
        self._is_local = place == "local"

    def create_deployment(
        self,
        name: str,
        model_uri: str,
        flavor: str | None = None,
        config: Mapping[str, Any] | None = None,
        endpoint: str | None = None,
    ) -> dict[str, Any]:
        """Deploy a model, and wait until it serves.

        Args:
            name: Name of the deployment, which is its project's.
            model_uri: The model.
            flavor: Not taken: it follows from the model.
            config: Options; see :func:`target_help`.
            endpoint: Not taken: each deployment has a URL of its own.

        Returns:
            The deployment, with ``name`` and ``flavor``.

        Raises:
            MlflowException: It exists already, or the model cannot be deployed.

        """
        _refuse(flavor, endpoint)
        options = _options("create", config)
        with self._project(name) as deployer:
            if _status(deployer) is not None:
                raise MlflowException(
                    f"The deployment {name} exists already: update it, or delete it first.",
                    error_code=RESOURCE_ALREADY_EXISTS,
                )
            return {**_facts(name, deployer.deploy(model_uri, **options)), "flavor": _flavor(model_uri)}

    def update_deployment(
        self,
        name: str,
        model_uri: str | None = None,
        flavor: str | None = None,
        config: Mapping[str, Any] | None = None,
        endpoint: str | None = None,
    ) -> dict[str, Any]:
        """Serve another model under the same URL, and go back by itself if that fails.

        Args:
            name: Name of the deployment.
            model_uri: The model.
            flavor: Not taken: it follows from the model.
            config: Options; see :func:`target_help`.
            endpoint: Not taken.

        Returns:
            The deployment, with ``name`` and ``flavor``.

        Raises:
            MlflowException: There is no such deployment, no model was given, or it cannot be deployed.

        """
        _refuse(flavor, endpoint)
        options = _options("update", config)
        if model_uri is None:
            raise MlflowException("There is nothing to update: give a model.", error_code=INVALID_PARAMETER_VALUE)
        with self._project(name) as deployer:
            return {**_facts(name, deployer.update(model_uri, **options)), "flavor": _flavor(model_uri)}

    def delete_deployment(
        self, name: str, config: Mapping[str, Any] | None = None, endpoint: str | None = None
    ) -> None:
        """Delete a deployment; its stored models stay unless ``cascade`` says otherwise. One that is gone is fine.

        Args:
            name: Name of the deployment.
            config: Options; see :func:`target_help`.
            endpoint: Not taken.

        Raises:
            MlflowException: It could not be deleted.

        """
        _refuse(None, endpoint)
        options = _options("delete", config)
        with self._project(name) as deployer:
            if _status(deployer) is not None:
                deployer.delete(**options)

    def list_deployments(self, endpoint: str | None = None) -> list[dict[str, Any]]:
        """List the deployments of the space that this library made.

        Args:
            endpoint: Not taken.

        Returns:
            Their facts, each with ``name``, in the order of the names.

        Raises:
            MlflowException: The service cannot be asked.

        """
        _refuse(None, endpoint)
        with _translated():
            client = connect(self._credentials())
            try:
                records = [(name, one) for one in client.deployments() if (name := project_of(one)) is not None]
            finally:
                client.close()
        found = [{"name": name, "id": one.id, "url": one.url, "state": one.state} for name, one in records]
        return sorted(found, key=lambda facts: (facts["name"], facts["id"]))

    def get_deployment(self, name: str, endpoint: str | None = None) -> dict[str, Any]:
        """Describe a deployment.

        Args:
            name: Its name.
            endpoint: Not taken.

        Returns:
            Its facts, with ``name``.

        Raises:
            MlflowException: There is none of this name.

        """
        _refuse(None, endpoint)
        with self._project(name) as deployer:
            return _facts(name, deployer.status())

    def predict(
        self, deployment_name: str | None = None, inputs: Any = None, endpoint: str | None = None
    ) -> PredictionsResponse:
        """Score rows.

        Args:
            deployment_name: Name of the deployment.
            inputs: n rows × k fields.
            endpoint: Not taken.

        Returns:
            ``predictions``: for each row its ``prediction`` and, for classifiers, ``probability_<class>``.

        Raises:
            MlflowException: There is none of this name, or the rows cannot be scored.

        """
        _refuse(None, endpoint)
        if deployment_name is None:
            raise MlflowException("Give the name of a deployment.", error_code=INVALID_PARAMETER_VALUE)
        with self._project(deployment_name) as deployer:
            scores = deployer.score(inputs)
        plain = scores.astype(object).where(scores.notna(), None)
        return PredictionsResponse({"predictions": plain.to_dict("records")})

    @contextmanager
    def _project(self, name: str) -> Iterator[Deployer]:
        """Open the project of a deployment; what goes wrong within the block is MLflow's kind of error."""
        with _translated(), Deployer(self._credentials(), _metadata(name)) as deployer:
            yield deployer

    def _credentials(self) -> CloudCredentials | SoftwareCredentials | LocalCredentials:
        if self._is_local:
            return LocalCredentials(directory=Path(".wml").absolute())
        path = Path(os.environ.get("WML_CREDENTIALS") or "credentials.yaml")
        return load_credentials(path if path.exists() or "WML_CREDENTIALS" in os.environ else None)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except WMLDeployerError as error:
        code = RESOURCE_DOES_NOT_EXIST if isinstance(error, VersionError) else INVALID_PARAMETER_VALUE
        # Options are given as they are on MLflow's command line.
        text = str(error).replace("unpickle=True", "-C unpickle=true")
        raise MlflowException(text, error_code=code) from error


def _metadata(name: str) -> Path:
    """Return metadata.yaml of a deployment's project, and make it if there is none."""
    here = Path("metadata.yaml")
    if here.exists() and MetadataFile(here).read_yaml().project_name == name:
        return here
    # A name of dots alone would be another folder.
    folder = quote(name, safe="").replace(".", "%2E")
    path = Path(".wml", "mlflow", folder, "metadata.yaml")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"project_name: {json.dumps(name)}\nproject_version: v1\n", encoding="utf-8")
    return path


def _options(verb: str, config: Mapping[str, Any] | None) -> dict[str, Any]:
    """Read what stands behind ``-C``, where everything is text."""
    known = _OPTIONS[verb]
    given = dict(config or {})
    unknown = sorted(given.keys() - known)
    wrong = [key for key in sorted(given.keys() & _FLAGS) if _flag(given[key]) is None]
    if unknown or wrong:
        told = [f"{key} is unknown" for key in unknown] + [f"{key} has to be true or false" for key in wrong]
        raise MlflowException(
            f"These options cannot be used: {', '.join(told)}. {verb} takes {', '.join(sorted(known))}.",
            error_code=INVALID_PARAMETER_VALUE,
        )
    options: dict[str, Any] = {key: _flag(value) if key in _FLAGS else value for key, value in given.items()}
    if "timeout" in options:
        options["timeout"] = _seconds(options["timeout"])
    sample = options.get("sample")
    if isinstance(sample, str):
        from wml_deployer._verification.sample_file import read_sample_file  # noqa: PLC0415 - deferred: pandas is slow

        with _translated():
            options["sample"] = read_sample_file(Path(sample), {})
    return options


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else _WORDS.get(str(value).lower())


def _seconds(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise MlflowException(
            f"timeout has to be a number of seconds, and is {value!r}.", error_code=INVALID_PARAMETER_VALUE
        ) from error


def _refuse(flavor: str | None, endpoint: str | None) -> None:
    if flavor is not None:
        raise MlflowException(
            "The flavor of a model cannot be chosen: leave it out.", error_code=INVALID_PARAMETER_VALUE
        )
    if endpoint is not None:
        raise MlflowException(
            "There are no endpoints: each deployment has a URL of its own.", error_code=INVALID_PARAMETER_VALUE
        )


def _status(deployer: Deployer) -> Deployment | None:
    try:
        return deployer.status()
    except VersionError:
        return None


def _facts(name: str, deployment: Deployment) -> dict[str, Any]:
    names = ("id", "url", "state", "version", "model_id", "revision")
    return {"name": name, **{key: getattr(deployment, key) for key in names}}


def _flavor(model_uri: str) -> str:
    """Name the flavour that a model was deployed as."""
    if not is_logged(model_uri):
        return "none"
    with fetched(model_uri) as logged:
        return logged.flavor
