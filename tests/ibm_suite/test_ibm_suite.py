"""IBM's own functional suite, out of the old client's wheel and unmodified, passes on the embedded service."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from tests.ibm_suite.artefacts import add_keras, add_network, add_xgboost, lay_out
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(
    not importlib.util.find_spec("ibm_watson_machine_learning"),
    reason="the older client, whose suite it is, is not here",
)

HERE = Path(__file__).parent
CRN = "crn:v1:bluemix:public:pm-20:us-south:a/1:99999999-9999-9999-9999-999999999999::"
MODES = ("software", "cloud")
RUNTIMES = ("runtime-23.1-py3.10", "tensorflow_rt23.1-py3.10")

#: Files of the suite that need scikit-learn alone, and the modes that the default run has them in.
QUICK = {
    "test_ai_function_from_func": ("software",),
    "test_ai_function_from_gz": ("cloud",),
    "test_ai_function_from_gz_keras": ("software",),
    "test_scikit_learn_from_directory": ("cloud",),
    "test_scikit_learn_from_object": ("software", "cloud"),
    "test_scikit_learn_from_tar_gz": ("software",),
    "test_scikit_learn_with_yml_pkg_extension": ("cloud",),
    "test_scikit_learn_with_zip_pkg_extension": ("software",),
    "test_storing_model_definition": ("cloud",),
}
#: Other files, and what they need.
WHOLE = {
    "test_pmml_from_xml": "pypmml",
    "test_pytorch_from_gz": "onnxruntime",
    "test_tensorflow_from_directory": "tensorflow",
    "test_tensorflow_from_gz": "tensorflow",
    "test_tensorflow_from_h5zip": "tensorflow",
    "test_tensorflow_from_object": "tensorflow",
    "test_xgboost_from_direcotry": "xgboost",
    "test_xgboost_from_gz": "xgboost",
    "test_xgboost_from_object": "xgboost",
}
#: How many tests each file has: 320 of the suite's 394. The others are about Spark, SPSS and decision optimization,
#: which are not served.
TESTS = {
    **dict.fromkeys([*QUICK, *WHOLE], 18),
    "test_scikit_learn_from_directory": 19,
    "test_scikit_learn_from_object": 19,
    "test_storing_model_definition": 10,
    "test_tensorflow_from_directory": 19,
    "test_xgboost_from_direcotry": 19,
}

MORE = {"xgboost": add_xgboost, "pytorch": add_network, "tensorflow": add_keras}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A service on which the suite's runtime, which is older than all that is supported, is still alive."""
    with LocalServer(tmp_path_factory.mktemp("service")) as server:
        for name in RUNTIMES:
            server.set_specification(name, "supported")
        yield server


def credentials(server: LocalServer, mode: str) -> dict[str, str]:
    """What stands in the suite's config.ini."""
    if mode == "cloud":
        return {"url": server.url, "apikey": server.info.apikey, "name": "WML", "iam_serviceid_crn": CRN}
    account = {"username": server.info.username, "apikey": server.info.apikey}
    return {"url": server.url, **account, "instance_id": "openshift", "version": "5.0"}


def run(server: LocalServer, mode: str, name: str, directory: Path) -> tuple[int, list[str]]:
    """Run one file of the suite; return how many tests passed, and those that did not."""
    environment = "CPD" if mode == "software" else "CLOUD"
    lay_out(directory, credentials(server, mode), environment)
    for part, add in MORE.items():
        if part in name:
            add(directory)
    package = importlib.util.find_spec("ibm_watson_machine_learning")
    assert package is not None
    assert package.origin is not None
    file = Path(package.origin).parent / "tests" / "base" / "deployments" / f"{name}.py"
    bundle = str(server.info.ca_bundle)
    variables = {
        "ENV": environment,
        "IBM_SUITE_MODE": mode,
        "IBM_SUITE_URL": server.url,
        "IBM_SUITE_KERAS": "yes" if "tensorflow" in name else "",
        "SPACE_NAME": f"{mode} {name}",
        "WML_CLIENT_VERIFY_REQUESTS": bundle,
        # These beat what the client is told, so they say the same.
        "REQUESTS_CA_BUNDLE": bundle,
        "CURL_CA_BUNDLE": bundle,
        "PYTHONPATH": os.pathsep.join([str(HERE), *(path for path in sys.path if path)]),
    }
    report = directory / "report.xml"
    command = [sys.executable, "-m", "pytest", str(file), "-p", "plugin", "-p", "no:randomly", "-p", "no:cacheprovider"]
    command += ["--noconftest", "-c", os.devnull, "--rootdir", str(directory), "-q", f"--junitxml={report}"]
    child = subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert report.exists(), child.stdout + child.stderr
    cases = list(ET.parse(report).getroot().iter("testcase"))
    failed = [case for case in cases if len(case.findall("properties")) < len(case)]
    return len(cases) - len(failed), [f"{case.get('name')}: {child.stdout[-3000:]}" for case in failed]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("name", "mode"),
    [
        pytest.param(name, mode, marks=[] if mode in often else [pytest.mark.exhaustive])
        for name, often in QUICK.items()
        for mode in MODES
    ],
)
def test_file_passes(name: str, mode: str, service: LocalServer, tmp_path: Path) -> None:
    """Every test of the file passes."""
    assert (TESTS[name], []) == run(service, mode, name, tmp_path)


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("name", "needed"), WHOLE.items())
def test_other_file_passes(name: str, needed: str, mode: str, service: LocalServer, tmp_path: Path) -> None:
    """Every test of the file passes where what it needs is installed."""
    if importlib.util.find_spec(needed) is None:
        pytest.skip(f"{needed} is not installed")

    assert (TESTS[name], []) == run(service, mode, name, tmp_path)
