"""The command line: the tutorial's whole story from its own files, exit codes, and what is said where."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import joblib
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from tests.credentials_file import write_credentials
from wml_deployer import Deployer
from wml_deployer._command_line import main

if TYPE_CHECKING:
    from collections.abc import Callable

    from wml_deployer.testing import LocalServer

METADATA = """\
author: Conceição  # quem treinou
model_type: scikit-learn_1.6
project_name: {name}
project_version: {version}
"""


class Story:
    """A folder as the tutorial has it: models, a project, credentials; and the commands of its pipelines."""

    def __init__(self, folder: Path, server: LocalServer, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        self.project = folder / "project"
        self.project.mkdir()
        self.name = f"cancer-{uuid4().hex[:8]}"
        self.metadata = self.project / "metadata.yaml"
        self.metadata.write_text(METADATA.format(name=self.name, version="v0.1"), encoding="utf-8")
        self.credentials = folder / "credentials.yaml"
        write_credentials(self.credentials, server.info)

    def save(self, name: str, model: Any) -> Path:
        """Write a model as the training script does."""
        joblib.dump(model, self.folder / name)
        return self.folder / name

    def bump(self, version: str) -> None:
        """Raise the project's version, as its authors do before an update."""
        text = self.metadata.read_text(encoding="utf-8")
        old = next(line for line in text.splitlines() if line.startswith("project_version"))
        self.metadata.write_text(text.replace(old, f"project_version: {version}"), encoding="utf-8")

    def run(self, command: str, *given: Any) -> tuple[int, Any]:
        """Run a command in this process; return its exit code and the one JSON document that it says."""
        model = [str(given[0])] if command in {"deploy", "update", "release", "check"} else []
        options = list(map(str, given[len(model) :]))
        self._capsys.readouterr()
        code = main([command, *model, str(self.project), str(self.credentials), "--json", *options])
        return code, json.loads(self._capsys.readouterr().out)

    def score(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Ask the live endpoint."""
        with Deployer.from_files(self.credentials, self.metadata) as deployer:
            return deployer.score(rows)


@pytest.fixture
def story(tmp_path: Path, server: LocalServer, capsys: pytest.CaptureFixture[str]) -> Story:
    """A fresh project in a folder of its own."""
    return Story(tmp_path, server, capsys)


def probabilities(model: Any, rows: pd.DataFrame) -> list[float]:
    """What the local model says of class 1."""
    found: list[float] = model.predict_proba(rows)[:, 1].tolist()
    return found


def test_the_tutorials_story(story: Story, fit: Callable[[float], Any], features: pd.DataFrame) -> None:
    """Deploy, update, redeploy, roll back: one id, and the first version is not lost."""
    first, second = fit(1.0), fit(0.01)
    deployed = story.run("deploy", story.save("model.joblib", first))
    story.bump("v0.2")
    updated = story.run("update", story.save("model.joblib", second), "--reason", "more data")
    again = story.run("release", story.folder / "model.joblib")
    rolled = story.run("rollback")

    codes = [code for code, _ in (deployed, updated, again, rolled)]
    ids = {result["id"] for _, result in (deployed, updated, again, rolled)}
    versions = [result["version"] for _, result in (deployed, updated, again, rolled)]
    assert ([0, 0, 0, 0], 1, ["v0.1", "v0.2", "v0.2", "v0.1"]) == (codes, len(ids), versions)
    assert probabilities(first, features) == story.score(features)["probability_1"].tolist()


def test_the_history_tells_the_story(story: Story, fit: Callable[[float], Any]) -> None:
    """One entry for each change, with its reason."""
    story.run("deploy", story.save("model.joblib", fit(1.0)))
    story.run("update", story.save("model.joblib", fit(0.01)), "--name", "v0.2", "--reason", "more data")
    entries = story.run("history")[1]

    assert [("deploy", "v0.1", None), ("update", "v0.2", "more data")] == [
        (entry["action"], entry["to"], entry["why"]) for entry in entries
    ]


def test_foreign_keys_and_comments_survive(story: Story, model: Any) -> None:
    """The authors' part of metadata.yaml is theirs."""
    story.run("deploy", story.save("model.joblib", model))

    assert story.metadata.read_text(encoding="utf-8").startswith("author: Conceição  # quem treinou\nmodel_type:")


@pytest.mark.skipif(not find_spec("ibm_watson_machine_learning"), reason="the original script needs the older client")
def test_what_the_original_script_deployed_is_updated_and_rolled_back_to(
    story: Story, server: LocalServer, fit: Callable[[float], Any], features: pd.DataFrame
) -> None:
    """Its live model is frozen first, so that the very first version is there to go back to."""
    first = fit(1.0)
    script = Path(__file__).with_name("tutorial_script.py")
    given = map(str, [story.save("model.joblib", first), story.project, story.credentials, "runtime-25.1-py3.12"])
    environment = {**os.environ, "WML_CLIENT_VERIFY_REQUESTS": str(server.info.ca_bundle)}
    command = [sys.executable, "-W", "ignore", str(script), *given]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=90)
    before = story.score(features)
    story.bump("v0.2")
    updated = story.run("update", story.save("model.joblib", fit(0.01)))
    rolled = story.run("rollback")

    assert [(0, "v0.2"), (0, "v0.1")] == [(code, result["version"]) for code, result in (updated, rolled)]
    assert updated[1]["id"] == rolled[1]["id"]
    assert_frame_equal(before, story.score(features), check_exact=True)


def test_another_model_is_deployed_already(story: Story, fit: Callable[[float], Any]) -> None:
    """Deploying twice has a code of its own, and says what to do."""
    story.run("deploy", story.save("model.joblib", fit(1.0)))
    code, document = story.run("deploy", story.save("model.joblib", fit(0.01)))

    assert (13, 13, "ConflictError") == (code, document["exit_code"], document["error"]["type"])
    assert "wml-deployer update" in document["error"]["next_step"]


def test_a_sample_and_metrics_are_read(story: Story, model: Any, features: pd.DataFrame) -> None:
    """The deployment is verified with the CSV, and the metrics are kept."""
    features.head(10).to_csv(story.folder / "sample.csv", index=False)
    (story.folder / "metrics.json").write_text('{"f1": 0.93}')
    options = ["--sample", story.folder / "sample.csv", "--metrics", story.folder / "metrics.json", "--unpickle"]
    story.run("deploy", story.save("model.joblib", model), *options)
    with Deployer.from_files(story.credentials, story.metadata) as deployer:
        verifications, metrics = deployer.history()["verification"].tolist(), deployer.metadata.versions[0].metrics

    assert (["passed"], {"f1": 0.93}) == (verifications, metrics)


def test_text_in_a_sample_stays_text(story: Story) -> None:
    """The model was fitted on postal codes as text, and says so."""
    rows = pd.DataFrame({"zip": ["00123", "00456", "00123", "70001"], "age": [1.5, 2.5, 3.5, 4.5]})
    encode = ColumnTransformer([("zip", OneHotEncoder(), ["zip"])], remainder="passthrough")
    path = story.save("model.joblib", make_pipeline(encode, Ridge()).fit(rows, rows["age"]))
    rows.to_csv(story.folder / "sample.csv", index=False)
    code, _ = story.run("deploy", path, "--unpickle", "--sample", story.folder / "sample.csv")
    with Deployer.from_files(story.credentials, story.metadata) as deployer:
        fields = [(field.name, field.dtype) for field in deployer.metadata.versions[0].fields]

    assert (0, [("zip", "object"), ("age", "float64")]) == (code, fields)


def test_types_of_a_sample_can_be_said(story: Story, model: Any, features: pd.DataFrame) -> None:
    """They are refused if a column does not have them."""
    features.head(10).to_csv(story.folder / "sample.csv", index=False)
    options = ["--unpickle", "--sample", story.folder / "sample.csv", "--dtype", "mean radius=int64"]
    code, document = story.run("deploy", story.save("model.joblib", model), *options)

    assert (11, ["column 'mean radius'"]) == (code, [fault["where"] for fault in document["error"]["faults"]])


def test_a_type_without_a_name_is_a_wrong_argument(story: Story, model: Any) -> None:
    """As any other usage error."""
    code, document = story.run("check", story.save("model.joblib", model), "--dtype", "int64")

    assert (2, "UsageError") == (code, document["error"]["type"])


def test_what_predict_raises_is_no_traceback(story: Story, model: Any, features: pd.DataFrame) -> None:
    """A model that cannot answer its sample has the code of a refused model."""
    features.head(10).assign(**{"mean radius": "large"}).to_csv(story.folder / "sample.csv", index=False)
    options = ["--unpickle", "--sample", story.folder / "sample.csv"]
    code, document = story.run("deploy", story.save("model.joblib", model), *options)

    assert (17, ["sample"]) == (code, [fault["where"] for fault in document["error"]["faults"]])


def test_a_good_model_passes_the_check(story: Story, model: Any) -> None:
    """Warnings are told, and the code is 0."""
    code, report = story.run("check", story.save("model.joblib", model))

    assert (0, True, "runtime-25.1-py3.12") == (code, report["ok"], report["specification"])


def test_a_bad_model_fails_the_check(story: Story, model: Any) -> None:
    """What store would refuse has a code of its own."""
    code, report = story.run("check", story.save("model.joblib", model), "--specification", "runtime-22.2-py3.10")

    assert (17, False, "runtime-22.2-py3.10") == (code, report["ok"], report["findings"][0]["subject"])


@pytest.mark.parametrize(
    ("command", "spoil", "expected"),
    [
        ("status", lambda story: story.credentials.unlink(), 10),
        ("status", lambda story: story.metadata.write_text("project_name: [", encoding="utf-8"), 10),
        ("status", lambda _: None, 12),
        ("rollback", lambda _: None, 12),
        ("deploy", lambda story: (story.folder / "model.joblib").unlink(), 11),
        ("deploy", lambda story: (story.folder / "model.joblib").write_bytes(b""), 11),
    ],
)
def test_each_kind_of_failure_has_its_code(
    command: str, spoil: Callable[[Story], object], expected: int, story: Story, model: Any
) -> None:
    """A pipeline can tell them apart, and the JSON document says the same."""
    path = story.save("model.joblib", model)
    spoil(story)
    code, document = story.run(command, *([path] if command == "deploy" else []))

    assert (expected, expected) == (code, document["exit_code"])


def test_a_sample_that_is_not_there_is_a_fault_of_the_input(story: Story, model: Any) -> None:
    """It is found before anything is sent, and is no crash of the program."""
    code, document = story.run("deploy", story.save("model.joblib", model), "--sample", "no/such.csv")

    assert (11, "PayloadError") == (code, document["error"]["type"])


def test_a_service_that_refuses_has_its_code(story: Story, server: LocalServer, model: Any) -> None:
    """The service's own code stands in the document."""
    path = story.save("model.joblib", model)
    server.fault("POST", "/ml/v4/models$", status=403, times=None)
    try:
        code, document = story.run("deploy", path)
    finally:
        server.clear_faults()

    assert (15, "AuthorizationError", 403) == (code, document["error"]["type"], document["error"]["status"])


def test_a_wrong_argument_has_the_usual_code(capsys: pytest.CaptureFixture[str]) -> None:
    """As every program of Unix does."""
    assert 2 == main(["deploy"])
    assert capsys.readouterr().err.startswith("usage: wml-deployer deploy")


def test_standard_output_is_the_result_alone(story: Story, model: Any) -> None:
    """As a process of its own: one JSON document there, progress on standard error."""
    given = map(str, [story.save("model.joblib", model), story.project, story.credentials, "--json", "--verbose"])
    command = [sys.executable, "-m", "wml_deployer", "deploy", *given]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)

    assert (0, "ready", True) == (done.returncode, json.loads(done.stdout)["state"], "is live" in done.stderr)


def test_a_failure_says_the_next_step_on_standard_error(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output stays empty without --json."""
    main(["status", str(story.project), str(story.credentials)])
    said = capsys.readouterr()

    command = f"wml-deployer deploy MODEL {story.project} {story.credentials}"
    assert ("", f"Next: Run `{command}` first.") == (said.out, said.err.splitlines()[-1])


def test_history_is_a_table_to_read(story: Story, model: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --json each column stands under its name."""
    empty = main(["history", str(story.project), str(story.credentials)]), capsys.readouterr().out.strip()
    story.run("deploy", story.save("model.joblib", model), "--reason", "the first")
    main(["history", str(story.project), str(story.credentials)])
    header, entry = capsys.readouterr().out.splitlines()

    assert (0, "Nothing was live yet.") == empty
    columns = "when action version revision route from to who why verification space origin"
    assert columns.split() == header.split()
    assert "the first" in entry


def test_spaces_are_created_and_listed(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    """With credentials alone: both say JSON, and the new one is in the list."""
    name = f"space {uuid4().hex[:8]}"
    codes = [
        main(["spaces", "create", str(story.credentials), name, "--json"]),
        main(["spaces", str(story.credentials), "--json"]),
    ]
    made, listed = map(json.loads, capsys.readouterr().out.splitlines())

    assert ([0, 0], "active") == (codes, made["state"])
    assert [made] == [space for space in listed if space["name"] == name]


def test_a_space_that_is_there_is_a_conflict(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 13, under the name of the command."""
    code = main(["spaces", "create", str(story.credentials), "Default space"])

    assert 13 == code
    assert capsys.readouterr().err.startswith("wml-deployer spaces create: There is a space called 'Default space'")
