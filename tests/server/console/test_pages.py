"""What the console shows, and the two things that are done with it: scoring and rolling back."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pytest
from sklearn.dummy import DummyRegressor

from tests.server.conftest import RUNTIME
from tests.server.console.conftest import FIELDS, SCHEMA, Deployed, Visitor, deploy, freeze, replace
from wml_deployer import Deployer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.server.conftest import Client
    from wml_deployer.testing import LocalServer

Rows = list[list[float]]


def as_csv(rows: Rows) -> str:
    return "\n".join([",".join(FIELDS), *(",".join(map(str, row)) for row in rows)])


def as_cells(rows: Rows) -> str:
    return as_csv(rows).replace(",", "\t")


def as_payload(rows: Rows) -> str:
    return json.dumps({"input_data": [{"fields": FIELDS, "values": rows}]})


def as_block(rows: Rows) -> str:
    return json.dumps({"fields": FIELDS, "values": rows})


def as_records(rows: Rows) -> str:
    return json.dumps([dict(zip(FIELDS, row, strict=True)) for row in rows])


def as_lists(rows: Rows) -> str:
    return json.dumps(rows)


def test_a_space_shows_what_is_live(visitor: Visitor, client: Client, deployed: Deployed) -> None:
    """Each deployment with its state and version, each model with its revisions and where it is live."""
    text = visitor("GET", f"/?space={client.space_id}").text

    assert "1 deployment, 1 model" in text
    assert "deployment ready v0.2 revision 2 iris online 1 × S" in text
    assert "iris scikit-learn_1.6 runtime-25.1-py3.12 2 v0.2 deployment" in text


def test_every_space_can_be_chosen(visitor: Visitor, client: Client) -> None:
    """The first page is the default one's."""
    shown = visitor("GET", "/")

    assert "Default space" in shown.text
    assert f'href="/?space={client.space_id}"' in shown.html


def test_a_long_space_is_shown_a_page_at_a_time(
    visitor: Visitor, client: Client, archives: tuple[bytes, bytes]
) -> None:
    """A hundred models at once, the newest first, with a way to the older ones and back; none twice, none left out."""
    deployed = client.store(archives[0], name="model 000")
    client.deploy({"id": deployed}, name="of the oldest")
    document = {"type": "scikit-learn_1.6", "software_spec": {"id": RUNTIME}, "space_id": client.space_id}
    for number in range(1, 205):
        client("POST", "/ml/v4/models", {**document, "name": f"model {number:03}"})
    pages, ways = [], [f"/?space={client.space_id}"]
    while ways:
        shown = visitor("GET", unescape(ways.pop()))
        pages.append(shown)
        ways += re.findall(r'href="([^"#]*)#models">Older<', shown.html)

    names = [re.findall(r'scope="row"><a [^>]*>(model \d+)<', page.html) for page in pages]
    assert [100, 100, 5] == [len(each) for each in names]
    assert [f"model {number:03}" for number in reversed(range(205))] == [name for each in names for name in each]
    assert all("1 deployment, 205 models" in page.text and "of the oldest" in page.text for page in pages)
    assert re.search(r"model 000 scikit-learn_1.6 runtime-25.1-py3.12 0 \S of the oldest", pages[-1].text)
    assert [False, True, True] == [">Newest</a>" in page.html for page in pages]


@pytest.mark.parametrize("after", ["x", "", "-1", "1" * 20, "²"])
def test_a_page_that_is_none_is_refused(after: str, visitor: Visitor, client: Client) -> None:
    """400, whatever stands in the address."""
    assert 400 == visitor("GET", f"/?space={client.space_id}&models={quote(after)}").status


def test_an_empty_space_says_how_to_fill_it(visitor: Visitor, client: Client) -> None:
    """Nobody is left before an empty table."""
    assert "Nothing is deployed in this space. Deployer.local(" in visitor("GET", f"/?space={client.space_id}").text


def test_a_deployment_shows_the_facts_of_its_version(visitor: Visitor, deployed: Deployed) -> None:
    """Those that stand in custom, in tags and in commit messages, in words."""
    text = visitor("GET", deployed.path).text

    assert "Serves v0.2 , revision 2 of iris ." in text
    assert "Metrics accuracy 0.9733" in text
    assert "content bbbb2222" in text
    assert "c0ffee" not in text


def test_a_model_shows_its_revisions(visitor: Visitor, deployed: Deployed) -> None:
    """Newest first, with the deployment that serves each, its columns and labels."""
    text = visitor("GET", f"/console/models/{deployed.model_id}").text

    assert text.index("v0.2 2 ") < text.index("v0.1 1 ")
    assert "Labels setosa, versicolor, virginica" in text
    assert "4 petal width (cm) float64" in text
    assert "Tags flowers" in text


@pytest.mark.parametrize("path", ["/?space={space}", "/console/models/{model}", "/console/deployments/{deployment}"])
def test_names_are_text(path: str, visitor: Visitor, client: Client, archives: tuple[bytes, bytes]) -> None:
    """A model may be called ``<script>``; nobody runs it."""
    evil = '<script>alert("1")</script>'
    model = client.store(archives[0], name=evil, tags=[evil], custom={evil: evil}, description=evil)
    freeze(client, model, evil)
    deployment = client.deploy({"id": model, "rev": "1"}, name=evil, tags=[evil], description=evil)
    html = visitor("GET", path.format(space=client.space_id, model=model, deployment=deployment)).html

    assert "<script>" not in html
    assert "&lt;script&gt;alert(" in html


def test_documents_of_any_shape_are_shown(visitor: Visitor, client: Client, archives: tuple[bytes, bytes]) -> None:
    """Clients send what they like; a page is not broken by it."""
    odd: dict[str, Any] = {"custom": [1], "schemas": {"input": "none"}}
    model = client.store(archives[0], **odd)
    deployment = client.deploy({"id": model}, custom={"a": [None, {"b": 1.5}]})
    paths = [f"/?space={client.space_id}", f"/console/models/{model}", f"/console/deployments/{deployment}"]

    assert [200, 200, 200] == [visitor("GET", path).status for path in paths]
    assert "The model has no revisions" in visitor("GET", paths[2]).text


@pytest.mark.parametrize("form", [as_csv, as_cells, as_payload, as_block, as_records, as_lists])
def test_rows_are_scored_as_the_api_does(
    form: Callable[[Rows], str], visitor: Visitor, client: Client, deployed: Deployed, rows: Rows
) -> None:
    """However they are pasted: CSV, a spreadsheet's cells, or JSON in four shapes."""
    shown = visitor.send(deployed.path, rows=form(rows))
    expected = client.predict(deployed.deployment_id, rows, fields=FIELDS).json["predictions"][0]["values"]

    assert 200 == shown.status
    assert "3 rows scored in" in shown.text
    for _, probabilities in expected:
        shares = zip(("setosa", "versicolor", "virginica"), probabilities, strict=True)
        assert " ".join(f"{label} {share:.4f}" for label, share in shares) in shown.text


def test_pasted_rows_stay_in_the_form(visitor: Visitor, deployed: Deployed) -> None:
    """Whether they were scored or refused."""
    shown = visitor.send(deployed.path, rows="a,b\n<1>,2\n3\n")

    assert 400 == shown.status
    assert "Not scored. Line 3 is not of the same length as the first line, which has 2 cells" in shown.text
    assert "&lt;1&gt;,2\n3" in shown.html
    assert 'aria-invalid="true"' in shown.html


def test_the_error_of_the_model_is_shown(visitor: Visitor, client: Client, deployed: Deployed) -> None:
    """In the words that the API has for it."""
    shown = visitor.send(deployed.path, rows="[[1, 2]]")
    answer = client.predict(deployed.deployment_id, [[1, 2]])

    assert answer.status == shown.status >= 400
    assert answer.json["errors"][0]["message"] in shown.text


def test_the_form_begins_with_the_models_columns(visitor: Visitor, deployed: Deployed) -> None:
    """Ready to be overwritten, and scored as it stands."""
    shown = visitor("GET", deployed.path)

    assert f"{','.join(FIELDS)}\n0,0,0,0\n</textarea>" in shown.html


def test_a_batch_deployment_has_no_form(visitor: Visitor, client: Client, deployed: Deployed) -> None:
    """It says who scores it, and refuses what is sent all the same."""
    batch = client.deploy({"id": deployed.model_id}, batch={}, hardware_spec={"name": "S"})
    path = f"/console/deployments/{batch}"

    assert "scored by jobs" in visitor("GET", path).text
    assert 400 == visitor.send(path, rows="[[1]]").status


def test_rolling_back_is_shown_before_it_is_done(visitor: Visitor, deployed: Deployed) -> None:
    """What is live now beside what would be, and that nothing is there to verify it with."""
    text = visitor("GET", f"{deployed.path}/rollback?revision=1").text

    assert "Roll back to v0.1?" in text
    assert "Version v0.2 v0.1 Model iris iris Revision 2 1" in text
    assert "It cannot be verified here." in text


@pytest.mark.parametrize("why", ["", "  ", "x" * 201, "\x1b[31m"])
def test_rolling_back_asks_for_a_reason(why: str, visitor: Visitor, client: Client, deployed: Deployed) -> None:
    """Without one that can be written down nothing is changed, and the page says so."""
    shown = visitor.send(f"{deployed.path}/rollback", revision="1", why=why)

    assert (400, True) == (shown.status, 'aria-invalid="true"' in shown.html)
    assert "2" == client.deployment(deployed.deployment_id)["entity"]["asset"]["rev"]


def test_rolling_back_is_verified_and_written_down(
    visitor: Visitor, client: Client, archives: tuple[bytes, bytes], rows: Rows
) -> None:
    """The version answers what it answered before; the history has the reason, who it was, and that it passed."""
    deployed = deploy(client, archives)
    roll_back(visitor, client, deployed, "1", "try the first")
    client.predict(deployed.deployment_id, rows, fields=FIELDS)
    roll_back(visitor, client, deployed, "2", "the newest again")
    asks = visitor("GET", f"{deployed.path}/rollback?revision=1").text
    roll_back(visitor, client, deployed, "1", "complaints")
    log = client.deployment(deployed.deployment_id)["entity"]["custom"]["wml_deployer"]["log"]

    assert "It will be verified. v0.1 has to answer 1 request as it did when it was live." in asks
    assert [
        ("rollback", "v0.2", "v0.1", "try the first", "skipped"),
        ("update", "v0.1", "v0.2", "the newest again", "skipped"),
        ("rollback", "v0.2", "v0.1", "complaints", "passed"),
    ] == [tuple(entry[key] for key in ("action", "from", "to", "why", "verification")) for entry in log]
    assert all(entry["who"].endswith("(console)") for entry in log)
    assert "rollback v0.2 v0.1 passed complaints" in visitor("GET", deployed.path).text


def roll_back(visitor: Visitor, client: Client, deployed: Deployed, revision: str, why: str) -> None:
    """Serve a revision by the console, and wait until it does."""
    assert 303 == visitor.send(f"{deployed.path}/rollback", revision=revision, why=why).status
    client.wait_until_idle(deployed.deployment_id)


def test_a_deployer_finds_what_the_console_did(tmp_path: Path) -> None:
    """The next change has it in the history, and goes on from it."""
    (tmp_path / "metadata.yaml").write_text("project_name: iris\nproject_version: v0.1\n", encoding="utf-8")
    deployer = Deployer.local(tmp_path / "metadata.yaml")
    sample = [[1.0], [2.0]]
    for version, value in (("v0.1", 1.0), ("v0.2", 2.0)):
        deployer.release(
            DummyRegressor(strategy="constant", constant=value).fit(sample, [0, 1]), sample=sample, version=version
        )
    link = urlsplit(deployer.console_link())
    visitor = Visitor.of(f"{link.scheme}://{link.netloc}", tmp_path / ".wml" / "ca.pem")
    visitor("GET", f"{link.path}?{link.query}")
    deployment_id = deployer.metadata.deployment_uid
    visitor.send(f"/console/deployments/{deployment_id}/rollback", revision="1", why="too high")
    while deployer.status().version != "v0.1":
        time.sleep(0.05)
    visitor.close()
    deployer.rollback(to="v0.2")
    told = deployer.history()[["action", "from", "to", "why", "verification"]].tail(2)

    assert [("rollback", "v0.2", "v0.1", "too high", "passed"), ("rollback", "v0.1", "v0.2", None, "passed")] == [
        *told.itertuples(index=False, name=None)
    ]


def test_two_versions_are_compared(visitor: Visitor, client: Client, deployed: Deployed) -> None:
    """With their metrics, and what became of them; any two of the space can be chosen."""
    one, other = (f"{deployed.model_id}:{revision}" for revision in (1, 2))
    text = visitor("GET", f"/console/compare?space={client.space_id}&one={quote(one)}&other={quote(other)}").text

    assert "Version v0.1 v0.2 Model iris iris Revision 1 2" in text
    assert "Metrics accuracy 0.9533 0.9733 +0.02" in text
    assert 404 == visitor("GET", f"/console/compare?space={client.space_id}&one=none").status


def test_a_search_finds_by_name_id_and_tag(visitor: Visitor, client: Client, deployed: Deployed) -> None:
    """What does not match is not shown, and nothing found is said."""
    pages = [
        visitor("GET", f"/?space={client.space_id}&q={text}").text for text in ("FLOW", deployed.model_id[:8], "x" * 9)
    ]

    assert [("0 deployments, 1 model"), ("0 deployments, 1 model"), ("0 deployments, 0 models")] == [
        re.findall(r"\d deployments?, \d models?", page)[0] for page in pages
    ]
    assert "No deployment has “xxxxxxxxx” in its name" in pages[-1]


@pytest.mark.parametrize("language", ["curl", "python", "javascript"])
def test_a_copied_call_predicts(language: str, visitor: Visitor, deployed: Deployed, tmp_path: Path) -> None:
    """Each call gets a token and prints predictions, as it stands on the page."""
    page = visitor("GET", deployed.path).html
    [code] = re.findall(f'<pre tabindex="0" id="call-{language}">(.*?)</pre>', page, re.DOTALL)
    program = {"curl": "bash", "python": sys.executable, "javascript": "node"}[language]
    if shutil.which(program) is None or (language == "curl" and shutil.which("curl") is None):
        pytest.skip(f"needs {language}")
    path = tmp_path / "call.mjs"
    path.write_text(unescape(code), encoding="utf-8")
    trusted = {"NODE_EXTRA_CA_CERTS": str(visitor.server.info.ca_bundle)}
    done = subprocess.run(
        [program, str(path)], capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **trusted}
    )

    assert (0, True) == (done.returncode, '"predictions"' in done.stdout.replace("'", '"')), done.stderr


def test_rolling_back_lets_the_other_revision_answer(
    visitor: Visitor, client: Client, deployed: Deployed, classifiers: tuple[Any, Any], rows: Rows
) -> None:
    """Under the same id, as after the patch of the API."""
    sent = visitor.send(f"{deployed.path}/rollback", revision="1", why="as it was")
    document = client.wait_until_idle(deployed.deployment_id)
    answer = client.predict(deployed.deployment_id, rows).json["predictions"][0]["values"]

    assert (303, deployed.path) == (sent.status, sent.headers["location"])
    assert ("ready", "1") == (document["entity"]["status"]["state"], document["entity"]["asset"]["rev"])
    assert classifiers[0].predict_proba(rows).tolist() == [row[1] for row in answer]
    assert "Serves v0.1 , revision 1" in visitor("GET", deployed.path).text


def test_what_is_loading_is_told(server: LocalServer, visitor: Visitor, client: Client, deployed: Deployed) -> None:
    """The version before serves meanwhile, a second change is refused, and the page asks again by itself."""
    server.pace("deployment", seconds=1.0)
    try:
        visitor.send(f"{deployed.path}/rollback", revision="1", why="as it was")
        during = visitor("GET", deployed.path)
        refused = visitor.send(f"{deployed.path}/rollback", revision="1", why="as it was")
        client.wait_until_idle(deployed.deployment_id)
    finally:
        server.pace("deployment")

    assert "updating Serves v0.2 , revision 2 of iris . Loading v0.1 …" in during.text
    assert 'hx-trigger="every' in during.html
    assert (409, True) == (refused.status, "is being updated" in refused.text)
    assert 'hx-trigger="every' not in visitor("GET", deployed.path).html


def test_a_version_that_does_not_load_is_gone_back_from(visitor: Visitor, client: Client, deployed: Deployed) -> None:
    """The one before goes on serving, and the page says why."""
    replace(client, deployed.model_id, b"no archive", {})
    freeze(client, deployed.model_id, "broken")
    visitor.send(f"{deployed.path}/rollback", revision="3", why="the newest")
    client.wait_until_idle(deployed.deployment_id)
    text = visitor("GET", deployed.path).text

    assert "ready Serves v0.2 , revision 2" in text
    assert "The last change failed." in text
    assert re.search("update v0.2 . failed the newest", text)


@pytest.mark.parametrize("revision", ["7", "", "latest' --", "99999999999999999999"])
def test_a_revision_that_is_not_there_changes_nothing(
    revision: str, visitor: Visitor, client: Client, deployed: Deployed
) -> None:
    """The page says what is missing."""
    shown = visitor.send(f"{deployed.path}/rollback", revision=revision, why="as it was")

    assert (404, True) == (shown.status, "does not exist" in shown.text)
    assert "2" == client.deployment(deployed.deployment_id)["entity"]["asset"]["rev"]


def test_requests_are_listed(server: LocalServer, visitor: Visitor, client: Client, deployed: Deployed) -> None:
    """Newest first, with status and time; those of the deployment on its own page, too."""
    server.clear_requests()
    client.predict(deployed.deployment_id, [[1, 2, 3, 4]])
    client("GET", f"/ml/v4/models/none?{client.scope}")
    every, failed, predictions = (
        visitor("GET", f"/console/requests?only={n}").text for n in ("all", "failed", "predictions")
    )

    assert "2 requests, 1 failed" in every
    assert every.index("404 GET /ml/v4/models/none") < every.index(f"POST /ml/v4/deployments/{deployed.deployment_id}")
    assert ("1 request, 1 failed", "1 request, 0 failed") == tuple(
        text.partition("The newest first ")[2][:19] for text in (failed, predictions)
    )
    assert "1 request, 0 failed · half took at most" in visitor("GET", deployed.path).text


def test_requests_can_be_filtered(server: LocalServer, visitor: Visitor, client: Client, deployed: Deployed) -> None:
    """By deployment, and by what method, path and status contain; the icon that browsers ask for is no request."""
    server.clear_requests()
    client.predict(deployed.deployment_id, [[1, 2, 3, 4]])
    client("GET", f"/ml/v4/models/none?{client.scope}")
    icon = visitor("GET", "/favicon.ico")
    counts = [
        visitor("GET", f"/console/requests?{query}").text.partition("The newest first ")[2][:9]
        for query in (f"deployment={deployed.deployment_id}", "q=404", "q=/MODELS/", "q=nowhere", "")
    ]

    assert (301, ["1 request", "1 request", "1 request", "0 request", "2 request"]) == (icon.status, counts)


def test_the_log_can_be_stopped(visitor: Visitor) -> None:
    """A list that moves can be read in peace."""
    moving, still = (visitor("GET", f"/console/requests?only=all{more}").html for more in ("", "&paused"))

    assert ("hx-trigger" in moving, "hx-trigger" in still) == (True, False)


@pytest.mark.parametrize(
    "path",
    [
        "/console/nothing",
        "/?space=none",
        "/console/models/none",
        "/console/deployments/none",
        "/console/deployments/none/rollback",
    ],
)
def test_what_is_not_there_is_a_page(path: str, visitor: Visitor) -> None:
    """With the way back."""
    shown = visitor("GET", path)

    assert (404, True) == (shown.status, "Back to the spaces" in shown.text)


def test_a_deployment_without_a_model_that_works(visitor: Visitor, client: Client) -> None:
    """It serves nothing, says why, and does not take rows."""
    model = client.store(b"no archive")
    path = f"/console/deployments/{client.deploy({'id': model})}"
    shown = visitor("GET", path)

    assert "failed Serves nothing. The last change failed." in shown.text
    assert 409 == visitor.send(path, rows="[[1]]").status


def test_a_function_is_shown(visitor: Visitor, client: Client, archives: tuple[bytes, bytes]) -> None:
    """Functions are deployed as models are."""
    function = client.store_function(archives[0])

    assert "function" in visitor("GET", f"/console/models/{function}").text


def test_a_serving_name_is_told(visitor: Visitor, client: Client, archives: tuple[bytes, bytes]) -> None:
    """Its URL is the one that people use."""
    name = f"iris_{time.monotonic_ns()}"
    deployed = deploy(client, archives, online={"parameters": {"serving_name": name}})

    assert f"{visitor.server.url}/ml/v4/deployments/{name}/predictions" in visitor("GET", deployed.path).text


def test_who_does_not_look_pays_nothing() -> None:
    """The service starts without the templates' library."""
    code = "import sys, wml_deployer.server.app.running; print('jinja2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)

    assert "False\n" == done.stdout


def test_the_schema_of_these_tests_is_one() -> None:
    """Columns and their types stand where the library puts them."""
    assert FIELDS == [field["name"] for field in SCHEMA["input"][0]["fields"]]  # type: ignore[index]
