"""Credentials of the service: typed, checked as a whole, from a YAML file, the environment or a mapping.

There are three kinds, told apart by what they say: IBM Cloud (a region or its URL), Cloud Pak for Data software (any
other host) and the embedded service (``url: local``). Secrets are ``SecretStr``: no representation, error or pickle
shows them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NoReturn

from pydantic import AfterValidator, Field, SecretStr

import wml_deployer.credentials._checks as checks
from wml_deployer._strict import StrictModel, kind_of
from wml_deployer.credentials._sources import (
    SOFTWARE_ONLY,
    TITLES,
    Source,
    classify,
    from_environment,
    from_file,
    from_mapping,
    from_notebook,
    merge,
)
from wml_deployer.errors import CredentialsError, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["CloudCredentials", "Credentials", "LocalCredentials", "SoftwareCredentials", "load_credentials"]

_Text = Annotated[str, AfterValidator(checks.non_empty)]
_Key = Annotated[SecretStr, AfterValidator(checks.secret)]
_Client = Literal["auto", "machine-learning", "watsonx"]


class _RemoteCredentials(StrictModel):
    """The fields that credentials of remote services have in common."""

    error = CredentialsError
    signs_in_with: ClassVar[tuple[str, ...]]

    kind: Literal["cloud", "software"]
    url: str
    apikey: _Key | None = None
    keyring: _Text | None = None
    token: _Key | None = None
    token_file: Annotated[Path, AfterValidator(checks.existing_file)] | None = None
    space_id: _Text | None = None
    space: _Text | None = None
    project_id: _Text | None = None
    ca_bundle: Annotated[Path, AfterValidator(checks.bundle_of_certificates)] | None = None
    client: _Client = "auto"

    def __getstate__(self) -> NoReturn:
        """Refuse to be pickled: the pickle would contain the secrets in plain text."""
        raise CredentialsError(
            "Credentials cannot be pickled: the pickle would contain the secrets in plain text.",
            next_step="Load them where they are needed: load_credentials() reads a file or the worker's environment.",
        )

    @classmethod
    def contradictions(cls, data: Mapping[str, Any]) -> Iterator[Fault]:
        """Require one way to sign in, and at most one name for the place."""
        given = [key for key in data if data[key] is not None]
        for alternatives in (cls.signs_in_with, ("space_id", "space", "project_id")):
            first, *others = [key for key in alternatives if key in given] or [""]
            yield from (Fault(other, f"cannot be combined with {first}", "give only one of them") for other in others)
        if not set(cls.signs_in_with) & set(given):
            yield Fault("apikey", "missing", " or ".join(cls.signs_in_with))


class CloudCredentials(_RemoteCredentials):
    """Credentials of IBM Cloud.

    Attributes:
        url: A region by code (``"eu-de"``), place (``"Frankfurt"``) or URL, public or private; kept as the URL.
        apikey: API key of IBM Cloud; the better choice, because tokens made from it are renewed.
        keyring: Name under which the system's keyring keeps the key, for the user ``apikey``.
        token: A bearer token instead of the key; it expires after about an hour and is not renewed.
        token_file: File that holds such a token instead, and is read again when that ran out.
        space_id: Id of the deployment space.
        space: Its name instead.
        project_id: Id of a project instead: models are stored there, but not deployed.
        ca_bundle: File of certificates (PEM) to trust, for a proxy that signs with its own.
        client: Which of IBM's clients works underneath: ``"machine-learning"``, ``"watsonx"``, or what fits.

    Raises:
        CredentialsError: Something is missing, malformed or contradictory; ``faults`` has all of it.

    Example:
        >>> credentials = CloudCredentials(url="eu-de", apikey="jD3-example", space="churn")
        >>> credentials.url, credentials.apikey
        ('https://eu-de.ml.cloud.ibm.com', SecretStr('**********'))

    """

    signs_in_with = ("apikey", "keyring", "token", "token_file")

    kind: Literal["cloud"] = "cloud"
    url: Annotated[str, AfterValidator(checks.cloud_url)]

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            url: str,
            apikey: str | SecretStr | None = None,
            keyring: str | None = None,
            token: str | SecretStr | None = None,
            token_file: str | Path | None = None,
            space_id: str | None = None,
            space: str | None = None,
            project_id: str | None = None,
            ca_bundle: str | Path | None = None,
            client: str = "auto",
        ) -> None:
            """Take plain text for secrets, as pydantic does."""

    @classmethod
    def unknown(cls, key: str) -> Fault:
        """Report a Cloud Pak key as belonging to another service, not as a typo."""
        if key in SOFTWARE_ONLY:
            return Fault(key, "belongs to Cloud Pak for Data, not IBM Cloud", "remove it, or set url to your Cloud Pak")
        return super().unknown(key)


class SoftwareCredentials(_RemoteCredentials):
    """Credentials of Cloud Pak for Data software, at your own host.

    Attributes:
        url: URL of the Cloud Pak: https, host and port.
        username: Whom the key or the password belongs to.
        apikey: The user's API key; the better choice, because a password can be used for everything.
        keyring: Name under which the system's keyring keeps the key, for the user of ``username``.
        password: The user's password instead.
        token: A bearer token instead of both.
        token_file: File that holds such a token instead, and is read again when that ran out.
        version: Release of the Cloud Pak, such as ``"4.8"``; None to ask it.
        space_id: Id of the deployment space.
        space: Its name instead.
        project_id: Id of a project instead: models are stored there, but not deployed.
        ca_bundle: File of certificates (PEM) to trust: a Cloud Pak usually signs with its own authority.
        client: Which of IBM's clients works underneath: ``"machine-learning"``, ``"watsonx"``, or what fits.

    Raises:
        CredentialsError: Something is missing, malformed or contradictory; ``faults`` has all of it.

    Example:
        >>> SoftwareCredentials(url="https://cpd.example.com/", username="ana", apikey="x1", version="4.8").url
        'https://cpd.example.com'

    """

    signs_in_with = ("apikey", "keyring", "password", "token", "token_file")

    kind: Literal["software"] = "software"
    url: Annotated[str, AfterValidator(checks.https_url)]
    username: _Text | None = None
    password: Annotated[SecretStr, AfterValidator(checks.password)] | None = None
    version: Annotated[str, AfterValidator(checks.release)] | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            url: str,
            username: str | None = None,
            apikey: str | SecretStr | None = None,
            keyring: str | None = None,
            password: str | SecretStr | None = None,
            token: str | SecretStr | None = None,
            token_file: str | Path | None = None,
            version: str | None = None,
            space_id: str | None = None,
            space: str | None = None,
            project_id: str | None = None,
            ca_bundle: str | Path | None = None,
            client: str = "auto",
        ) -> None:
            """Take plain text for secrets, as pydantic does."""

    @classmethod
    def contradictions(cls, data: Mapping[str, Any]) -> Iterator[Fault]:
        """Require username with an API key, keyring or password."""
        yield from super().contradictions(data)
        given = [key for key in ("apikey", "keyring", "password") if data.get(key) is not None]
        if given and data.get("username") is None:
            whose = "key" if given[0] == "keyring" else given[0]
            yield Fault("username", "missing", f"the user that the {whose} belongs to")


class LocalCredentials(StrictModel):
    """The embedded service: no account, no network.

    Attributes:
        directory: Folder that it keeps everything in; None for ``.wml`` beside metadata.yaml.
        space: Name of the deployment space; None for the only one there is.
        client: Which of IBM's clients works underneath: ``"machine-learning"``, ``"watsonx"``, or what fits.

    Raises:
        CredentialsError: A key is unknown, or the folder is a file.

    Example:
        >>> LocalCredentials(space="trial")
        LocalCredentials(kind='local', directory=None, space='trial', client='auto')

    """

    error = CredentialsError

    kind: Literal["local"] = "local"
    directory: Annotated[Path, AfterValidator(checks.usable_folder)] | None = None
    space: _Text | None = None
    client: _Client = "auto"

    if TYPE_CHECKING:

        def __init__(
            self, *, directory: str | Path | None = None, space: str | None = None, client: str = "auto"
        ) -> None:
            """Take plain text for the folder, as pydantic does."""

    @classmethod
    def unknown(cls, key: str) -> Fault:
        """Report a key of another service as such, not as a typo."""
        if key in SoftwareCredentials.model_fields:
            return Fault(key, "does not belong to the embedded service", "remove it, or set url to that service")
        return super().unknown(key)


Credentials = Annotated[CloudCredentials | SoftwareCredentials | LocalCredentials, Field(discriminator="kind")]
"""Any of the three kinds, told apart by ``kind``."""

_MODELS: dict[str, Callable[..., CloudCredentials | SoftwareCredentials | LocalCredentials]] = {
    "cloud": CloudCredentials,
    "software": SoftwareCredentials,
    "local": LocalCredentials,
}


def load_credentials(
    source: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
) -> CloudCredentials | SoftwareCredentials | LocalCredentials:
    """Load credentials from a mapping or a YAML file, and from the environment.

    A mapping wins over the environment, and the environment over a file, key by key. Ways of saying one thing replace
    each other: ``WML_APIKEY`` takes the place of a file's ``token``, ``WML_SPACE`` that of its ``space_id``. The
    highest-priority source that gives a ``url`` selects the service; sources for a different service are ignored
    entirely, so that no key is sent to a host that it was not given for.

    The variables are ``WML_URL``, ``WML_APIKEY``, ``WML_KEYRING``, ``WML_TOKEN``, ``WML_USERNAME``, ``WML_PASSWORD``,
    ``WML_VERSION``, ``WML_CA_BUNDLE``, ``WML_SPACE_ID``, ``WML_SPACE``, ``WML_PROJECT_ID`` and ``WML_CLIENT``. An empty
    one counts as not set.

    Where nothing else is said, a notebook of Watson Studio or Cloud Pak for Data is asked, whose environment names the
    service (``RUNTIME_ENV_APSX_URL``), a token for it (``RUNTIME_ENV_ACCESS_TOKEN_FILE`` or ``USER_ACCESS_TOKEN``) and
    the place (``SPACE_ID`` or ``PROJECT_ID``).

    Args:
        source: Keys and values, or the path of a YAML file with them; None for the environment alone. The file may be
            missing where ``WML_URL`` is set. Besides the
            fields of the three kinds it may say ``region`` (``eu-de``) instead of ``url``, and ``instance_id`` for a
            Cloud Pak, which is ignored. The kind is what ``kind`` says; else ``local`` for ``url: local``, ``cloud``
            for IBM's hosts and regions, and ``software`` for others.
        environment: Variables to read instead of the process's own.

    Returns:
        The credentials, checked.

    Raises:
        CredentialsError: Something is missing, malformed or contradictory; ``faults`` has all of it, and where.

    Warns:
        UserWarning: The file holds a secret, and every user of the machine can read it.

    Example:
        >>> environment = {"WML_APIKEY": "jD3-example"}
        >>> load_credentials({"region": "eu-de", "space": "churn"}, environment=environment).url
        'https://eu-de.ml.cloud.ibm.com'

    """
    try:
        return _load(source, os.environ if environment is None else environment)
    except CredentialsError as error:
        # The frames below hold the secrets in their variables, and so do the arguments here.
        failure = error.with_traceback(None)
    del source, environment
    raise failure


def _load(
    source: Mapping[str, Any] | str | os.PathLike[str] | None, variables: Mapping[str, str]
) -> CloudCredentials | SoftwareCredentials | LocalCredentials:
    sources = [from_environment(variables)]
    if isinstance(source, Mapping):
        sources.insert(0, from_mapping(source))
    elif isinstance(source, (str, os.PathLike)):
        # In CI there is often no file: variables that name a service take its place.
        if "url" not in sources[0].values or Path(source).exists():
            sources.append(from_file(source))
    elif source is not None:
        fault = Fault("source", f"is {kind_of(source)}", "a mapping, or the path of a YAML file")
        raise CredentialsError("Cannot load credentials from this type of source.", faults=(fault,))
    return _build(merge([*sources, from_notebook(variables)]))


def _build(said: Source) -> CloudCredentials | SoftwareCredentials | LocalCredentials:
    """Make credentials of the kind that the values are for, or list everything that is wrong with them."""
    kind, values, faults = classify(said.values)
    credentials = None
    try:
        credentials = _MODELS[kind](**values)
    except CredentialsError as error:
        faults.extend(error.faults)
    if faults or credentials is None:
        left_out = f"; {said.left_out[0]} was ignored because it is for a different service" if said.left_out else ""
        raise CredentialsError(
            f"The credentials in {said.name} are not valid for {TITLES[kind]}{left_out}.",
            faults=tuple(said.locate(fault) for fault in faults),
            next_step="Correct what is listed; nothing was sent.",
        )
    return credentials
