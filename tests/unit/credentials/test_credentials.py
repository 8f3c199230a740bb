"""Credentials: what is accepted, what is refused and how it is said, who wins, and that no secret ever shows."""

from __future__ import annotations

import copy
import pickle
import traceback
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme
import yaml
from pydantic import SecretStr, TypeAdapter, ValidationError

from wml_deployer import Deployer
from wml_deployer import _yaml as our_yaml
from wml_deployer.credentials import (
    CloudCredentials,
    Credentials,
    LocalCredentials,
    SoftwareCredentials,
    load_credentials,
)
from wml_deployer.errors import CredentialsError, Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    AnyCredentials = CloudCredentials | SoftwareCredentials | LocalCredentials
    Writer = Callable[[str | bytes], Path]

SECRET = "hush-4711"
TUTORIAL = f"url: https://us-south.ml.cloud.ibm.com\napikey: {SECRET}\nspace_id: 6f1c-42\n"
CLOUD = {"url": "eu-de", "apikey": SECRET}
SOFTWARE = {"url": "https://cpd.example.com", "username": "ana", "apikey": SECRET}


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    """Write a credentials file that its owner alone can read."""

    def write(content: str | bytes) -> Path:
        path = tmp_path / "credentials.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(0o600)
        return path

    return write


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with one certificate."""
    path = tmp_path_factory.mktemp("certificates") / "ca.pem"
    trustme.CA().cert_pem.write_to_path(path)
    return path


def load(source: Any, **environment: str) -> AnyCredentials:
    """Load credentials with these variables and no others."""
    return load_credentials(source, environment=environment)


def faults(source: Any, **environment: str) -> list[Fault]:
    """What is wrong with credentials, the name of their file left away."""
    with pytest.raises(CredentialsError) as caught:
        load(source, **environment)
    name = f"{source}, " if isinstance(source, Path) else ""
    return [Fault(fault.where.removeprefix(name), fault.problem, fault.expected) for fault in caught.value.faults]


def revealed(credentials: AnyCredentials) -> dict[str, Any]:
    """Everything that credentials say, secrets in plain text, less what they do not say."""
    values = credentials.model_dump(exclude_none=True)
    if values["client"] == "auto":
        del values["client"]
    return {key: v.get_secret_value() if isinstance(v, SecretStr) else v for key, v in values.items()}


# What is accepted


def test_tutorial_file_loads(write: Writer) -> None:
    """The tutorial's credentials.yaml loads as it is."""
    expected = {
        "kind": "cloud",
        "url": "https://us-south.ml.cloud.ibm.com",
        "apikey": SECRET,
        "space_id": "6f1c-42",
    }

    assert expected == revealed(load(write(TUTORIAL)))


def test_file_of_a_cloud_pak_loads(write: Writer) -> None:
    """A Cloud Pak's file with the older clients' ``instance_id`` loads; that key is not kept."""
    path = write(
        f"url: https://cpd.example.com/\nusername: ana\npassword: {SECRET}\ninstance_id: openshift\nversion: 4.10\n"
    )
    expected = {
        "kind": "software",
        "url": "https://cpd.example.com",
        "username": "ana",
        "password": SECRET,
        "version": "4.10",
    }

    assert expected == revealed(load(path))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"url": "https://eu-de.ml.cloud.ibm.com", "apikey": "k"}, CloudCredentials),
        ({"region": "Frankfurt", "apikey": "k"}, CloudCredentials),
        ({"url": "eu-de", "token": "t"}, CloudCredentials),
        ({"url": "https://cpd.example.com", "token": "t"}, SoftwareCredentials),
        ({"url": "https://127.0.0.1:9443", "username": "a", "apikey": "k", "version": "4.8"}, SoftwareCredentials),
        ({"kind": "software", "url": "https://cpd.ml.cloud.ibm.com", "token": "t"}, SoftwareCredentials),
        ({"kind": "cloud", "url": "eu-de", "token": "t"}, CloudCredentials),
        ({"url": "local"}, LocalCredentials),
        ({"kind": "local"}, LocalCredentials),
    ],
)
def test_kind_is_recognised(values: dict[str, str], expected: type[AnyCredentials]) -> None:
    """The kind follows from ``kind``, else from ``url: local``, IBM's hosts and regions, or any other host."""
    assert expected is type(load(values))


@pytest.mark.parametrize("key", ["username", "password", "version", "instance_id"])
def test_a_key_of_a_cloud_pak_makes_a_cloud_pak(key: str) -> None:
    """Where the url is missing, a key that only a Cloud Pak has tells what is meant."""
    with pytest.raises(CredentialsError, match="for Cloud Pak for Data"):
        load({key: "4.8"})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("eu-de", "https://eu-de.ml.cloud.ibm.com"),
        ("Tokyo", "https://jp-tok.ml.cloud.ibm.com"),
        ("au-syd.ml.cloud.ibm.com", "https://au-syd.ml.cloud.ibm.com"),
        ("https://eu-gb.ml.cloud.ibm.com/", "https://eu-gb.ml.cloud.ibm.com"),
        ("https://private.eu-de.ml.cloud.ibm.com", "https://private.eu-de.ml.cloud.ibm.com"),
        ("private.eu-de.ml.cloud.ibm.com", "https://private.eu-de.ml.cloud.ibm.com"),
        ("https://private.internal.wxai.ibmforusgov.com", "https://private.internal.wxai.ibmforusgov.com"),
    ],
)
def test_a_region_becomes_its_url(given: str, expected: str) -> None:
    """Regions by any name become the URL; a private endpoint stays private."""
    assert expected == CloudCredentials(url=given, apikey="k").url


def test_scalars_of_a_file_are_taken_as_they_are_written(write: Writer) -> None:
    """What YAML would take for a number, a date or a truth is the text that stands there."""
    path = write("url: https://cpd.example.com\nusername: 007\napikey: 1e3\nversion: 5.10\nspace: no\n")
    expected = {"username": "007", "apikey": "1e3", "version": "5.10", "space": "no"}

    assert expected.items() <= revealed(load(path)).items()


def test_white_space_around_a_key_is_dropped() -> None:
    """A line break at the end of a secret, as files and CI systems leave it, does not count."""
    assert revealed(load({"url": "eu-de"}, WML_APIKEY=f" {SECRET}\r\n"))["apikey"] == SECRET


def test_a_password_is_taken_exactly() -> None:
    """Blanks and other letters belong to a password."""
    assert revealed(SoftwareCredentials(url="https://h", username="a", password=" é "))["password"] == " é "


def test_local_space_and_folder_are_kept(tmp_path: Path) -> None:
    """The embedded service's folder may still be missing; it is kept absolute."""
    expected = {"kind": "local", "directory": tmp_path / "new", "space": "trial"}

    assert expected == revealed(load({"url": "local", "directory": str(tmp_path / "new"), "space": "trial"}))


def test_paths_of_a_file_are_relative_to_it(write: Writer, bundle: Path) -> None:
    """A certificate beside the file is found from any working directory."""
    path = write("url: eu-de\napikey: k\nca_bundle: ca.pem\n")
    path.with_name("ca.pem").write_bytes(bundle.read_bytes())

    assert load(path).model_dump()["ca_bundle"] == path.with_name("ca.pem")


def test_the_union_reads_any_kind_by_its_tag() -> None:
    """``Credentials`` as a pydantic type picks the model by ``kind``."""
    adapter: TypeAdapter[AnyCredentials] = TypeAdapter(Credentials)

    assert LocalCredentials(space="trial") == adapter.validate_python({"kind": "local", "space": "trial"})


# What is refused, and how it is said

REGIONS = "Regions: us-south, eu-de, eu-gb, jp-tok, au-syd, ca-tor, ap-south-1, us-east-1, us-gov"
CLOUD_EXPECTED = "remove it, or set url to your Cloud Pak"
REFUSED: list[tuple[dict[str, Any], Fault]] = [
    ({**CLOUD, "url": "http://eu-de.ml.cloud.ibm.com"},
     Fault("url", "http is not encrypted", "https://eu-de.ml.cloud.ibm.com")),
    ({**CLOUD, "url": "https://eu-dee.ml.cloud.ibm.com"},
     Fault("url", "eu-dee.ml.cloud.ibm.com is not a host of IBM Cloud",
           f"did you mean https://eu-de.ml.cloud.ibm.com? {REGIONS}")),
    ({**CLOUD, "url": "eu-dee"},
     Fault("url", "no region of IBM Cloud is called that", f"did you mean eu-de? {REGIONS}")),
    ({**CLOUD, "url": "mars"}, Fault("url", "no region of IBM Cloud is called that", REGIONS)),
    ({**CLOUD, "url": SECRET}, Fault("url", "no region of IBM Cloud is called that", REGIONS)),
    ({**CLOUD, "url": "https://api.dataplatform.cloud.ibm.com"},
     Fault("url", "api.dataplatform.cloud.ibm.com is not a host of IBM Cloud", REGIONS)),
    ({**CLOUD, "url": "https://eu-de.ml.cloud.ibm.com/ml/v4"},
     Fault("url", "is the address of a page", "https://eu-de.ml.cloud.ibm.com")),
    ({**CLOUD, "apikey": ""}, Fault("apikey", "empty", "a value, or no such key")),
    ({**CLOUD, "apikey": " \n"}, Fault("apikey", "empty", "a value, or no such key")),
    ({**CLOUD, "apikey": f"{SECRET} {SECRET}"},
     Fault("apikey", "holds white space or characters that no key has", "the key alone, on one line")),
    ({**CLOUD, "apikey": 4711}, Fault("apikey", "is a number", "a text")),
    ({**CLOUD, "apikey": [SECRET]}, Fault("apikey", "is a list", "a text")),
    ({**CLOUD, "space": {"name": "churn"}}, Fault("space", "is a mapping", "a text")),
    ({**CLOUD, "space": " "}, Fault("space", "empty", "a value, or no such key")),
    ({**CLOUD, "token": SECRET}, Fault("token", "cannot be combined with apikey", "give only one of them")),
    ({**CLOUD, "space": "a", "space_id": "b"},
     Fault("space", "cannot be combined with space_id", "give only one of them")),
    ({**CLOUD, "region": "eu-de"}, Fault("region", "cannot be combined with url", "give only one of them")),
    ({**CLOUD, "username": "ana"}, Fault("username", "belongs to Cloud Pak for Data, not IBM Cloud", CLOUD_EXPECTED)),
    ({**CLOUD, "password": SECRET}, Fault("password", "belongs to Cloud Pak for Data, not IBM Cloud", CLOUD_EXPECTED)),
    ({**CLOUD, "version": "4.8"}, Fault("version", "belongs to Cloud Pak for Data, not IBM Cloud", CLOUD_EXPECTED)),
    ({**CLOUD, "api_key": SECRET}, Fault("api_key", "unknown key", "did you mean apikey?")),
    ({**CLOUD, "spaceid": "x"}, Fault("spaceid", "unknown key", "did you mean space_id?")),
    ({**CLOUD, "zzz": "x"},
     Fault("zzz", "unknown key",
           "one of url, apikey, keyring, token, token_file, space_id, space, project_id, ca_bundle, client")),
    ({**CLOUD, "kind": "clowd"}, Fault("kind", "unknown kind", "one of cloud, software, local")),
    ({**CLOUD, "kind": ["cloud"]}, Fault("kind", "unknown kind", "one of cloud, software, local")),
    ({**CLOUD, "space": "x", "project_id": "y"},
     Fault("project_id", "cannot be combined with space", "give only one of them")),
    ({"url": "eu-de", "token_file": "/nowhere/token"},
     Fault("token_file", "there is no file /nowhere/token", "a file")),
    ({"url": "https://cpd.example.com", "keyring": "wml"},
     Fault("username", "missing", "the user that the key belongs to; here or as WML_USERNAME")),
    ({"url": "eu-de"}, Fault("apikey", "missing", "apikey or keyring or token or token_file; here or as WML_APIKEY")),
    ({**SOFTWARE, "url": "http://cpd.example.com"}, Fault("url", "http is not encrypted", "https://cpd.example.com")),
    ({**SOFTWARE, "url": "cpd.example.com"},
     Fault("url", "not a URL", "https://HOST, or the name of a region of IBM Cloud")),
    ({**SOFTWARE, "url": "https://cpd.example.com:port"},
     Fault("url", "not a URL", "https://HOST, or the name of a region of IBM Cloud")),
    ({**SOFTWARE, "url": f"https://ana:{SECRET}@cpd.example.com:8443"},
     Fault("url", "carries a user name or password",
           "https://cpd.example.com:8443, and the secrets under their own keys")),
    ({**SOFTWARE, "url": "https://cpd.example.com/zen/#/homepage"},
     Fault("url", "is the address of a page", "https://cpd.example.com")),
    ({**SOFTWARE, "version": "latest"}, Fault("version", "not a release of Cloud Pak for Data", "such as 4.8")),
    ({**SOFTWARE, "version": 4.8}, Fault("version", "is a number", "a text")),
    ({**SOFTWARE, "password": SECRET}, Fault("password", "cannot be combined with apikey", "give only one of them")),
    ({"url": "https://cpd.example.com", "apikey": SECRET},
     Fault("username", "missing", "the user that the apikey belongs to; here or as WML_USERNAME")),
    ({"url": "https://cpd.example.com", "username": "ana"},
     Fault("apikey", "missing", "apikey or keyring or password or token or token_file; here or as WML_APIKEY")),
    ({**SOFTWARE, "ca_bundle": "/nowhere/ca.pem"},
     Fault("ca_bundle", "there is no file /nowhere/ca.pem",
           "a file with the certificates of the authority, in PEM form")),
    ({**SOFTWARE, "ca_bundle": "/"},
     Fault("ca_bundle", "/ is not a file", "one file with the certificates of the authority, in PEM form")),
    ({**SOFTWARE, "ca_bundle": __file__},
     Fault("ca_bundle", f"{__file__} holds no certificate that can be read",
           "-----BEGIN CERTIFICATE----- and what follows it")),
    ({"url": "local", "directory": __file__},
     Fault("directory", f"{__file__} is a file", "a folder, which is made where it is missing")),
    ({"url": "local", "direktory": "x"}, Fault("direktory", "unknown key", "did you mean directory?")),
    ({**SOFTWARE, "apikey": None, "password": ""}, Fault("password", "empty", "a value, or no such key")),
    ({"url": "local", "apikey": SECRET},
     Fault("apikey", "does not belong to the embedded service", "remove it, or set url to that service")),
]  # fmt: skip


@pytest.mark.parametrize(("values", "expected"), REFUSED, ids=[str(fault)[:50] for _, fault in REFUSED])
def test_bad_values_are_refused(values: dict[str, Any], expected: Fault) -> None:
    """The error names the key, what is wrong with it and what would be right, and nothing besides."""
    assert [expected] == faults(values)


@pytest.mark.parametrize("values", [values for values, _ in REFUSED], ids=[str(fault)[:50] for _, fault in REFUSED])
def test_no_error_shows_a_secret(values: dict[str, Any]) -> None:
    """Neither the error, nor what led to it, nor its pickle, nor its traceback holds a secret."""
    with pytest.raises(CredentialsError) as caught:
        load(values)
    seen = "".join([*traceback.format_exception(caught.value), repr(caught.value), repr(caught.value.__context__)])

    assert [False, False] == [SECRET in seen, SECRET.encode() in pickle.dumps(caught.value)]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", [Fault("the file", "is empty", "one `key: value` a line")]),
        ("# nothing\n", [Fault("the file", "is empty", "one `key: value` a line")]),
        ("- url: eu-de\n", [Fault("the file", "is a list", "one `key: value` a line")]),
        (f"apikey={SECRET}\n", [Fault("the file", "is a text", "one `key: value` a line")]),
        (
            f"url: eu-de\n\tapikey: {SECRET}\n \tspace: a\n",
            [Fault(f"line {number}", "a tab", "spaces: YAML knows no tabs there") for number in (2, 3)],
        ),
        (
            f"url: eu-de\napikey: {SECRET}\napikey: other\n",
            [Fault("line 3, apikey", "stands twice", "once; it is in line 2, too")],
        ),
        (b"url: eu-de\nspace: S\xe3o\n", [Fault("line 2", "not UTF-8", "a file saved as UTF-8")]),
        (b"url: eu-de\nspace: \x07\n", [Fault("line 2", "a character that YAML does not allow", "")]),
        ("? [url]\n: eu-de\n", [Fault("line 1", "a key that is a list or a mapping", "a plain key")]),
        ("url: eu-de\napikey: [a]\n", [Fault("line 2, apikey", "is a list", "a text")]),
        ("url: eu-de\napikey: {a: b}\n", [Fault("line 2, apikey", "is a mapping", "a text")]),
        (b"url: eu-de\napikey:\ta\n\t- x: [\n", [Fault("line 3", "a tab", "spaces: YAML knows no tabs there")]),
        ("url: eu-de\napikey:\n", [Fault("line 2, apikey", "empty", "a value, or no such key")]),
        (f"url: eu-de\napikey: {SECRET}\nspcae: a\n", [Fault("line 3, spcae", "unknown key", "did you mean space?")]),
    ],
)
def test_bad_files_are_refused(write: Writer, content: str | bytes, expected: list[Fault]) -> None:
    """The error names the line, what is wrong with it and what would be right."""
    shown = [Fault(f.where, f.problem, f.expected if expected[0].expected else "") for f in faults(write(content))]

    assert expected == shown


@pytest.mark.parametrize(
    "line",
    [
        "*{0}",
        "!{0}",
        "!{0}!{0}",
        '"{0}',
        "'{0}",
        "[{0}",
        "{{{0}",
        "@{0}",
        "`{0}",
        "{0}: {0}",
        "|{0}",
        "&{0} *{0}",
        "%{0}",
    ],
)
@pytest.mark.parametrize("loader", ["CSafeLoader", "SafeLoader"])
def test_no_syntax_error_shows_the_line(write: Writer, line: str, loader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that YAML stumbles over appears nowhere, although PyYAML's own parser quotes it."""
    monkeypatch.setattr(our_yaml, "_LOADER", getattr(yaml, loader))
    path = write(f"url: eu-de\napikey: {line.format(SECRET)}\n")

    with pytest.raises(CredentialsError) as caught:
        load(path)

    seen = "".join([*traceback.format_exception(caught.value), repr(caught.value.__context__)])
    assert SECRET not in seen


def test_a_missing_file_is_no_fault_where_the_environment_names_the_service(tmp_path: Path) -> None:
    """In CI there is no file, and the command still takes its name."""
    variables = {"WML_URL": "eu-de", "WML_APIKEY": SECRET, "WML_SPACE": "trial"}

    assert load(tmp_path / "credentials.yaml", **variables) == load(None, **variables)


def test_a_missing_file_is_refused_with_the_way_out(tmp_path: Path) -> None:
    """The error names the file, and both ways to give credentials."""
    with pytest.raises(CredentialsError) as caught:
        load(tmp_path / "credentials.yaml")

    assert [True, True] == [word in str(caught.value) for word in (str(tmp_path / "credentials.yaml"), "WML_APIKEY")]


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """The error of the operating system is ours, too."""
    assert [Fault(str(tmp_path), "Is a directory", "a file that you may read")] == faults(str(tmp_path))


@pytest.mark.parametrize(("source", "kind"), [(["eu-de"], "a list"), (4711, "a number")])
def test_a_source_of_another_kind_is_refused(source: object, kind: str) -> None:
    """Neither a mapping nor a path."""
    assert [Fault("source", f"is {kind}", "a mapping, or the path of a YAML file")] == faults(source)


def test_nothing_at_all_names_the_variables() -> None:
    """Without any source the error says what to set."""
    missing = faults(None)

    assert [("url", "WML_URL"), ("apikey", "WML_APIKEY")] == [(f.where, f.expected.split()[-1]) for f in missing]


def test_an_empty_variable_is_named() -> None:
    """A secret that the CI system does not hand over arrives as an empty variable: the error says so."""
    assert faults(None, WML_URL="eu-de", WML_APIKEY="")[0].problem == "missing; WML_APIKEY is set, but empty"


def test_all_faults_come_at_once(write: Writer) -> None:
    """One error has them all, each with its own line or variable."""
    path = write("url: http://eu-de.ml.cloud.ibm.com\napikey:\ntoken: a b\nversion: 4.8\nspace: a\nspcae: b\n")

    found = {fault.where for fault in faults(path, WML_CA_BUNDLE="/nowhere")}

    expected = {f"line {line}" for line in ("1, url", "2, apikey", "3, token", "4, version", "6, spcae")}
    assert {*expected, "WML_CA_BUNDLE"} == found


def test_a_constructor_refuses_as_the_loader_does() -> None:
    """Pydantic's error, which shows values, does not come out of a constructor either."""
    with pytest.raises(CredentialsError) as caught:
        CloudCredentials(url="http://eu-de.ml.cloud.ibm.com", apikey=SECRET, token=SECRET)

    assert (["url", "token"], None) == ([fault.where for fault in caught.value.faults], caught.value.__context__)


def test_pydantic_says_no_value_when_it_is_asked_itself() -> None:
    """Even pydantic's own doors name no value in what they print."""
    with pytest.raises(ValidationError) as caught:
        CloudCredentials.model_validate({"url": "nowhere", "apikey": SECRET})

    assert SECRET not in str(caught.value)


# Who wins


@pytest.mark.parametrize(
    ("variable", "value", "key", "expected"),
    [
        ("WML_URL", "eu-gb", "url", "https://eu-gb.ml.cloud.ibm.com"),
        ("WML_APIKEY", "new", "apikey", "new"),
        ("WML_SPACE_ID", "new", "space_id", "new"),
        ("WML_TOKEN", "new", "token", "new"),
        ("WML_SPACE", "new", "space", "new"),
    ],
)
def test_environment_wins_over_file(write: Writer, variable: str, value: str, key: str, expected: str) -> None:
    """A variable takes the place of what a file says, whichever way it says it."""
    assert {key: expected}.items() <= revealed(load(write(TUTORIAL), **{variable: value})).items()


@pytest.mark.parametrize(
    ("variable", "value", "key", "expected"),
    [
        ("WML_URL", "https://cpd.example.com/", "url", "https://cpd.example.com"),
        ("WML_USERNAME", "new", "username", "new"),
        ("WML_PASSWORD", "new", "password", "new"),
        ("WML_VERSION", "5.0", "version", "5.0"),
    ],
)
def test_environment_wins_over_file_of_a_cloud_pak(
    write: Writer, variable: str, value: str, key: str, expected: str
) -> None:
    """The variables that only a Cloud Pak has win, too."""
    path = write(f"url: https://cpd.example.com\nusername: ana\napikey: {SECRET}\nversion: 4.8\n")

    assert {key: expected}.items() <= revealed(load(path, **{variable: value})).items()


def test_bundle_of_the_environment_wins_over_file(write: Writer, bundle: Path) -> None:
    """``WML_CA_BUNDLE`` takes the place of a file's certificates, which may be missing then."""
    path = write("url: eu-de\napikey: k\nca_bundle: nowhere.pem\n")

    assert revealed(load(path, WML_CA_BUNDLE=str(bundle)))["ca_bundle"] == bundle


@pytest.mark.parametrize(
    ("variable", "value", "key"),
    [
        ("WML_URL", "eu-gb", "url"),
        ("WML_APIKEY", "other", "apikey"),
        ("WML_TOKEN", "other", "apikey"),
        ("WML_PASSWORD", "other", "apikey"),
        ("WML_SPACE_ID", "other", "space_id"),
        ("WML_SPACE", "other", "space_id"),
    ],
)
def test_mapping_wins_over_environment(variable: str, value: str, key: str) -> None:
    """What a mapping says stands, whatever the environment says in whichever way."""
    mapping = {"url": "https://eu-de.ml.cloud.ibm.com", "apikey": SECRET, "space_id": "6f1c-42"}

    assert {"kind": "cloud", **mapping} == revealed(load(mapping, **{variable: value})), key


def test_environment_fills_what_a_mapping_leaves_open() -> None:
    """The usual case in CI: the secret comes from the environment alone."""
    assert revealed(load({"url": "eu-de", "space": "a"}, WML_APIKEY=SECRET))["apikey"] == SECRET


def test_none_in_a_mapping_says_nothing() -> None:
    """``{"token": os.environ.get("TOKEN")}`` is no token where there is none."""
    assert revealed(load({"url": "eu-de", "apikey": None, "space": None}, WML_APIKEY=SECRET))["apikey"] == SECRET


def test_empty_variable_leaves_the_file_alone(write: Writer) -> None:
    """An empty variable counts as not set."""
    assert revealed(load(write(TUTORIAL), WML_APIKEY="", WML_SPACE=" "))["apikey"] == SECRET


@pytest.mark.parametrize(
    ("variable", "gone"), [("WML_APIKEY", "token"), ("WML_TOKEN", "token"), ("WML_SPACE", "space_id")]
)
def test_one_way_replaces_the_other(write: Writer, variable: str, gone: str) -> None:
    """Saying one thing in another way replaces it, rather than contradicting it."""
    path = write("url: eu-de\ntoken: old\nspace_id: old\n")

    assert revealed(load(path, **{variable: "new"})).get(gone) != "old"


def test_a_user_may_have_a_token(write: Writer) -> None:
    """A token from the environment takes the place of a file's password; the user stays."""
    path = write("url: https://cpd.example.com\nusername: ana\npassword: old\n")
    expected = {"kind": "software", "url": "https://cpd.example.com", "username": "ana", "token": "new"}

    assert expected == revealed(load(path, WML_TOKEN="new"))


def test_a_key_is_never_sent_to_another_host(write: Writer) -> None:
    """A file's key is not used for the host that ``WML_URL`` names; the error says what was left out."""
    path = write("url: https://cpd.example.com\nusername: ana\napikey: x\n")

    with pytest.raises(CredentialsError, match=r"credentials\.yaml was ignored because it is for a different service"):
        load(path, WML_URL="https://other.example.com")


def test_the_environment_of_another_service_is_left_out() -> None:
    """Variables for a Cloud Pak do not disturb a mapping for the cloud."""
    environment = {"WML_URL": "https://cpd.example.com", "WML_USERNAME": "ana", "WML_VERSION": "4.8"}

    assert {"kind": "cloud", "url": "https://eu-de.ml.cloud.ibm.com", "apikey": SECRET} == revealed(
        load(CLOUD, **environment)
    )


@pytest.mark.parametrize(("url", "is_kept"), [("eu-gb", True), ("https://us-east-1.aws.wxai.ibm.com", False)])
def test_a_key_holds_in_regions_of_one_platform(write: Writer, url: str, is_kept: bool) -> None:
    """Another region of IBM's own cloud takes the file's key; one hosted by AWS has other accounts."""
    path = write(TUTORIAL)
    try:
        key = revealed(load(path, WML_URL=url))["apikey"]
    except CredentialsError:
        key = ""

    assert (SECRET if is_kept else "") == key


def test_the_embedded_service_needs_no_key() -> None:
    """Variables for a service elsewhere do not disturb ``url: local``, except for the space."""
    environment = {"WML_APIKEY": SECRET, "WML_USERNAME": "ana", "WML_SPACE": "trial"}

    assert LocalCredentials(space="trial") == load({"url": "local"}, **environment)


def test_environment_can_switch_to_the_embedded_service(write: Writer) -> None:
    """``WML_URL=local`` runs a project without touching its credentials.yaml."""
    assert LocalCredentials() == load(write(TUTORIAL), WML_URL="local")


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without ``environment`` the variables of the process count."""
    monkeypatch.setenv("WML_URL", "eu-de")
    monkeypatch.setenv("WML_TOKEN", SECRET)

    assert revealed(load_credentials())["token"] == SECRET


# Files that others can read


@pytest.mark.parametrize(
    ("content", "mode", "expected"),
    [(TUTORIAL, 0o644, 1), (TUTORIAL, 0o604, 1), (TUTORIAL, 0o640, 0), (TUTORIAL, 0o600, 0), ("url: local", 0o644, 0)],
)
def test_a_file_that_all_can_read_is_warned_about(write: Writer, content: str, mode: int, expected: int) -> None:
    """A secret that every user of the machine can read is worth a warning; a file without one is not."""
    path = write(content)
    path.chmod(mode)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load_credentials(path, environment={})

    assert [(UserWarning, __file__)] * expected == [(warning.category, warning.filename) for warning in caught]


def test_the_warning_names_the_users_line_behind_any_door(write: Writer, tmp_path: Path) -> None:
    """Through ``Deployer.from_files``, too, the line that is warned about is the user's."""
    path = write(TUTORIAL)
    path.chmod(0o644)
    metadata = tmp_path / "metadata.yaml"
    metadata.write_text("project_name: churn\nproject_version: v1\n", encoding="utf-8")

    with pytest.warns(UserWarning, match="chmod 600") as caught:
        Deployer.from_files(path, metadata)

    assert [__file__] == [warning.filename for warning in caught]


def test_the_warning_says_what_to_do(write: Writer) -> None:
    """The command to type stands in it."""
    path = write(TUTORIAL)
    path.chmod(0o644)

    with pytest.warns(UserWarning, match=f"chmod 600 {path}"):
        load(path)


# Secrets


ALL = [
    CloudCredentials(url="eu-de", apikey=SECRET),
    CloudCredentials(url="eu-de", token=SECRET),
    SoftwareCredentials(url="https://h", username="ana", apikey=SECRET),
    SoftwareCredentials(url="https://h", username="ana", password=SECRET),
    SoftwareCredentials(url="https://h", token=SECRET),
]


@pytest.mark.parametrize("credentials", ALL, ids=lambda value: f"{value.kind}")
def test_no_representation_shows_a_secret(credentials: AnyCredentials) -> None:
    """Neither ``repr``, ``str`` nor any dump holds a secret."""
    dumps = [credentials.model_dump(), credentials.model_dump(mode="json"), credentials.model_dump_json()]

    assert SECRET not in "".join(map(repr, [credentials, str(credentials), *dumps, *credentials]))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("credentials", ALL, ids=lambda value: f"{value.kind}")
def test_secrets_are_not_pickled(credentials: AnyCredentials, protocol: int) -> None:
    """A pickle of credentials is refused, and the error says how a worker gets its own."""
    with pytest.raises(CredentialsError, match="Next: Load them where they are needed"):
        pickle.dumps(credentials, protocol)


def test_what_has_no_secret_is_pickled() -> None:
    """The embedded service's credentials travel."""
    credentials = LocalCredentials(space="trial")

    assert credentials == pickle.loads(pickle.dumps(credentials))


@pytest.mark.parametrize("credentials", ALL, ids=lambda value: f"{value.kind}")
def test_credentials_are_copied_within_the_process(credentials: AnyCredentials) -> None:
    """Copies stay in memory and are allowed."""
    assert [credentials] * 3 == [copy.copy(credentials), copy.deepcopy(credentials), credentials.model_copy()]


@pytest.mark.parametrize("credentials", ALL, ids=lambda value: f"{value.kind}")
def test_credentials_do_not_change(credentials: AnyCredentials) -> None:
    """What was checked stays as it was checked."""
    with pytest.raises(ValidationError, match="frozen"):
        credentials.space = "other"  # type: ignore[misc]  # what mypy sees too


def test_equal_credentials_are_one_key() -> None:
    """Credentials can be the key of a cache of connections."""
    assert len({CloudCredentials(url=url, apikey=SECRET) for url in ("eu-de", "Frankfurt")}) == 1


@pytest.mark.parametrize(
    "given",
    ["credentials.yaml", {"url": "https://cpd.example.com", "apikey": SECRET}, None],
    ids=["name", "dict", "None"],
)
def test_what_is_no_credentials_is_refused_at_once(given: Any, tmp_path: Path) -> None:
    """The name of a file, or what IBM's clients take, is answered with the call that was meant, not shown."""
    file = tmp_path / "metadata.yaml"
    file.write_text("project_name: churn\nproject_version: v0.1\n")

    with pytest.raises(CredentialsError, match=r"Deployer\.from_files") as refused:
        Deployer(given, file)

    assert SECRET not in str(refused.value)
