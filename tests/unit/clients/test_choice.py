"""Which of IBM's clients is chosen, and what is said when none can be."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import tomli

from wml_deployer import CloudCredentials, SoftwareCredentials
from wml_deployer._clients.door import CLIENTS, ClientPackage, choose, release_of
from wml_deployer._install import install_command
from wml_deployer._transport.pool import Transport
from wml_deployer._transport.responses import Response
from wml_deployer.errors import ClientNotInstalledError, InvalidResponseError

OLD, NEW = "machine-learning", "watsonx"


def cloud(region: str, client: str = "auto") -> CloudCredentials:
    """Make credentials of a region."""
    return CloudCredentials(url=region, apikey="k", client=client)


def software(client: str = "auto", version: str | None = None) -> SoftwareCredentials:
    """Make credentials of a Cloud Pak."""
    return SoftwareCredentials(url="https://cpd.example.com", token="t", version=version, client=client)


def everything(_: ClientPackage) -> bool:
    """Both are installed."""
    return True


@pytest.mark.parametrize(
    ("region", "python", "expected"),
    [
        ("eu-de", (3, 10), OLD),
        ("us-south", (3, 12), OLD),
        ("https://private.jp-tok.ml.cloud.ibm.com", (3, 11), OLD),
        ("eu-de", (3, 13), NEW),
        ("eu-gb", (3, 14), NEW),
        ("au-syd", (3, 11), NEW),
        ("ca-tor", (3, 12), NEW),
        ("ap-south-1", (3, 12), NEW),
    ],
)
def test_the_region_and_the_python_decide_in_the_cloud(region: str, python: tuple[int, int], expected: str) -> None:
    """The older client knows four regions and ends with Python 3.12."""
    assert expected == choose(cloud(region), None, python, everything).name


@pytest.mark.parametrize(
    ("release", "python", "expected"),
    [
        ((4, 0), (3, 10), OLD),
        ((4, 8, 5), (3, 12), OLD),
        ((5, 0, 3), (3, 12), OLD),
        ((5, 0), (3, 13), NEW),
        ((5, 1), (3, 11), NEW),
        ((5, 10), (3, 11), NEW),
        ((6, 0), (3, 14), NEW),
        (None, (3, 12), OLD),
    ],
)
def test_the_release_and_the_python_decide_on_a_cloud_pak(
    release: tuple[int, ...] | None, python: tuple[int, int], expected: str
) -> None:
    """Release 5.0 is the only one that both reach; 5.10 comes after 5.9."""
    assert expected == choose(software(), release, python, everything).name


@pytest.mark.parametrize("name", [OLD, NEW])
def test_the_caller_may_decide(name: str) -> None:
    """Where both can, the wish counts."""
    assert name == choose(software(name), (5, 0), (3, 12), everything).name


def test_the_one_that_is_installed_is_taken() -> None:
    """A client that is not there is not preferred."""
    assert NEW == choose(cloud("eu-de"), None, (3, 12), lambda one: one.name == NEW).name


@pytest.mark.parametrize(
    ("credentials", "release", "needed"),
    [(cloud("au-syd"), None, "watsonx"), (software(), (4, 8), "wml")],
)
def test_a_missing_client_is_named_with_its_extra(
    credentials: CloudCredentials | SoftwareCredentials, release: tuple[int, ...] | None, needed: str
) -> None:
    """The next step can be pasted into a shell."""
    with pytest.raises(ClientNotInstalledError) as caught:
        choose(credentials, release, (3, 12), lambda _: False)

    assert install_command(needed) == caught.value.next_step


@pytest.mark.parametrize(
    ("credentials", "release", "python"),
    [(software(), (4, 8), (3, 13)), (cloud("au-syd"), None, (3, 10)), (software(OLD), (5, 1), (3, 12))],
)
def test_a_platform_that_no_client_reaches_from_here_is_refused(
    credentials: CloudCredentials | SoftwareCredentials, release: tuple[int, ...] | None, python: tuple[int, int]
) -> None:
    """It helps to install nothing: another Python is needed."""
    with pytest.raises(ClientNotInstalledError, match="Take another Python"):
        choose(credentials, release, python, everything)


def test_the_choice_is_logged_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever wonders which client works underneath reads it in the log."""
    caplog.set_level(logging.INFO)
    choose(software(NEW), (5, 0), (3, 12), everything)

    assert ["ibm-watsonx-ai>=1.3 is used for Cloud Pak for Data 5.0 on Python 3.12: it was asked for"] == [
        record.getMessage() for record in caplog.records
    ]


@pytest.mark.parametrize(
    ("region", "python", "there", "reason"),
    [
        ("eu-de", (3, 12), (OLD, NEW), "it is the first choice where it can be used"),
        ("eu-de", (3, 12), (NEW,), "ibm-watson-machine-learning is not installed"),
        ("eu-de", (3, 13), (NEW,), "ibm-watson-machine-learning does not exist for this Python"),
        ("au-syd", (3, 12), (OLD, NEW), "ibm-watson-machine-learning does not reach it"),
    ],
)
def test_the_reason_is_what_keeps_the_other(
    region: str, python: tuple[int, int], there: tuple[str, ...], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Not every choice is the first one."""
    caplog.set_level(logging.INFO)
    choose(cloud(region), None, python, lambda one: one.name in there)

    assert reason == caplog.records[0].getMessage().rpartition(": ")[2]


def answering(answers: dict[str, tuple[int, object]]) -> Transport:
    """A Cloud Pak that answers these paths, and 404 to others."""

    class CloudPak(Transport):
        def request(self, method: str, url: str, **options: Any) -> Response:
            assert ("GET", {}) == (method, options)
            status, document = answers.get(url.removeprefix("https://cpd.example.com"), (404, {}))
            return Response(status, json.dumps(document).encode(), {}, url)

    return CloudPak()


@pytest.mark.parametrize("path", ["/ml/wml_services/v2/version", "/ml/wml_services/version"])
@pytest.mark.parametrize(
    ("told", "release"),
    [
        ("4.0.9", (4, 0, 9)),
        ("4.8", (4, 8)),
        ("5.0.0", (5, 0, 0)),
        ("5.10.1", (5, 10, 1)),
        ("5.2.0-rc1", (5, 2, 0)),
        ("6.0.0", (6, 0, 0)),
        ("next", None),
        (None, None),
    ],
)
def test_a_cloud_pak_is_asked_for_its_release(path: str, told: str | None, release: tuple[int, ...] | None) -> None:
    """Each generation under its own path; no key is sent."""
    assert release == release_of(software(), answering({path: (200, {"version": told})}))


def test_a_cloud_pak_that_does_not_tell_is_of_any_release() -> None:
    """The first client that is there is tried."""
    assert release_of(software(), answering({})) is None


def test_a_page_is_no_release() -> None:
    """A list where a document belongs is said to be none."""
    with pytest.raises(InvalidResponseError, match="not an object"):
        release_of(software(), answering({"/ml/wml_services/v2/version": (200, [])}))


def test_a_given_release_is_not_asked_for() -> None:
    """No request is made where the credentials say it."""
    assert (4, 8) == release_of(software(version="4.8"), Transport())


def test_requirements_are_those_of_the_package() -> None:
    """What the message tells to install is what the package itself asks for, on some Pythons or by an extra."""
    project = tomli.loads(pyproject())["project"]
    offered = {"": project["dependencies"], **project["optional-dependencies"]}
    declared = {extra: [line.split(";")[0] for line in lines] for extra, lines in offered.items()}

    assert [] == [one.name for one in CLIENTS for extra in ("", one.extra) if one.requirement not in declared[extra]]


def pyproject() -> str:
    """Read the project's file, which stands beside the suite."""
    return (Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8")
