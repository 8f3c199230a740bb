"""What the views say, as HTML and as plain text."""

from __future__ import annotations

import pickle
import re
from datetime import datetime, timezone
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from wml_deployer import CheckReport, Deployer, Deployment, Finding, StoredModel
from wml_deployer.display import Differences, History, Scores, View, show
from wml_deployer.display._history import spans_of
from wml_deployer.display._view import DARK, LIGHT
from wml_deployer.errors import ConfigurationError, Fault, RolloutError
from wml_deployer.reports import Comparison
from wml_deployer.schema import Field, Schema

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>"
VOID = {"br", "img"}
TONES = ("good", "bad", "warning", "neutral")


class Reader(HTMLParser):
    """Reads a view: its tags, attributes, texts, and whether every element is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open += [] if tag in VOID else [tag]

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.open.pop()

    def handle_data(self, data: str) -> None:
        self.texts += [] if self.open[-1] == "style" else [data]


def deployment(
    url: str = "https://eu-de.ml.cloud.ibm.com/ml/v4/deployments/d1/predictions", **facts: Any
) -> Deployment:
    """Make a handle as the service would fill it."""
    schema = Schema((Field("age", "int64"), Field("income", "float64"), Field("city", "object")), (0, 1))
    known: dict[str, Any] = {"id": "d1", "name": "churn", "state": "ready", "version": "v0.1", "model_id": "m1"}
    raw = {
        "metadata": {"id": "d1", "tags": ["team-a", "wml_deployer"], "description": "Who leaves"},
        "entity": {
            "asset": {"id": "m1"},
            "custom": {"wml_deployer": {"project": "churn"}},
            "hardware_spec": {"name": "M", "num_nodes": 3},
            "online": {"parameters": {"serving_name": "churn"}},
            "status": {"state": "ready"},
        },
    }
    handle: dict[str, Any] = {"url": url, "revision": "1", "raw": raw, "_client": None, "_schema": schema}
    return Deployment(**(handle | known | facts))


def hostile_values() -> dict[str, Any]:
    """Make one of everything, each with markup wherever a caller or the service can put text."""
    evil = HOSTILE
    when = datetime(2026, 1, 31, tzinfo=timezone.utc)
    columns = ["when", "action", "from", "to", "verification", "why", "who"]
    return {
        "deployment": deployment(name=evil, id=evil, state=evil, version=evil, model_id=evil, url=f"https://x/{evil}"),
        "model": StoredModel(evil, evil, evil, evil, evil, evil, Schema((Field(evil, evil),), (evil,))),
        "finding": Finding("warning", evil, evil, evil),
        "report": CheckReport((Finding("error", evil, evil, evil),), evil, evil),
        "comparison": Comparison(
            evil,
            evil,
            1,
            0.0,
            pd.DataFrame([[evil, evil]], columns=pd.MultiIndex.from_tuples([("live", evil), ("candidate", evil)])),
            pd.DataFrame({"largest": [0.1]}, index=[evil]),
            {"live": 0.1, "candidate": 0.2},
        ),
        "error": RolloutError(f"{evil}\n{evil}", operation=evil, next_step=evil, faults=(Fault(evil, evil, evil),)),
        "history": History([(when, evil, evil, evil, evil, evil, evil)], columns=columns),
        "scores": Scores({"prediction": [evil], f"probability_{evil}": [0.5]}, index=[evil]),
        "differences": Differences(
            [[evil, evil]], index=pd.MultiIndex.from_tuples([(evil, evil)]), columns=[evil, f"{evil}2"]
        ),
    }


@pytest.mark.parametrize("kind", hostile_values())
def test_hostile_text_stays_text(kind: str) -> None:
    """Markup in names, reasons or the service's words becomes neither an element nor an attribute."""
    reader = Reader(show(hostile_values()[kind]).html)
    active = [name for _, attributes in reader.tags for name in attributes if name.startswith("on")]

    assert (set(), []) == ({tag for tag, _ in reader.tags} & {"script", "img", "iframe", "link"}, active)


@pytest.mark.parametrize("kind", hostile_values())
def test_the_text_is_shown_as_it_is(kind: str) -> None:
    """Escaping loses nothing: what the caller named stands there to be read."""
    assert any(HOSTILE in text for text in Reader(show(hostile_values()[kind]).html).texts)


@pytest.mark.parametrize("kind", hostile_values())
def test_every_element_is_closed(kind: str) -> None:
    """A view cannot break the page around it."""
    assert [] == Reader(show(hostile_values()[kind]).html).open


@pytest.mark.parametrize("kind", hostile_values())
def test_every_head_of_a_table_says_its_scope(kind: str) -> None:
    """Screen readers are told what a head is of."""
    heads = [attributes for tag, attributes in Reader(show(hostile_values()[kind]).html).tags if tag == "th"]

    assert [] == [head for head in heads if head.get("scope") not in {"row", "col"}]


@pytest.mark.parametrize("kind", hostile_values())
def test_notebooks_draw_the_view(kind: str) -> None:
    """What a cell ends with is drawn as ``show`` draws it."""
    value = hostile_values()[kind]

    assert show(value).html == value._repr_html_()


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_texts_can_be_read(colours: dict[str, str]) -> None:
    """Every text has the contrast of 4.5 to 1 that WCAG asks for, bars 3 to 1."""
    texts = [("text", "page"), ("muted", "page"), ("text", "inset"), *((tone, f"{tone}-page") for tone in TONES)]
    pairs = [*((one, other, 4.5) for one, other in texts), ("bar", "page", 3.0)]

    def contrast(one: str, other: str) -> float:
        dark, light = sorted((luminance(colours[one]), luminance(colours[other])))
        return (light + 0.05) / (dark + 0.05)

    assert [] == [pair for pair in pairs if contrast(pair[0], pair[1]) < pair[2]]


def test_both_themes_have_the_same_colours() -> None:
    """No name is coloured in one theme only."""
    assert list(LIGHT) == list(DARK)


def test_deployment_says_its_copies() -> None:
    """The copies are what the service's document says."""
    text = " ".join(show(deployment()).text.split())

    assert "Copies 3 of hardware M Serving name churn Description Who leaves Tags team-a" in text


def test_curl_takes_the_token_from_the_environment() -> None:
    """The request to copy names variables, and its body is the model's own fields."""
    expected = [
        "Call it with curl:",
        "  curl -X POST 'https://eu-de.ml.cloud.ibm.com/ml/v4/deployments/d1/predictions?version=2026-08-17' \\",
        '    -H "Authorization: Bearer $WML_TOKEN" \\',
        '    -H "Content-Type: application/json" \\',
        '    --data \'{"input_data": [{"fields": ["age", "income", "city"], "values": [[0, 0.0, "text"]]}]}\'',
    ]
    lines = show(deployment()).text.splitlines()

    assert expected == lines[lines.index(expected[0]) :][:5]


def test_curl_trusts_the_given_authority_away_from_the_cloud() -> None:
    """A Cloud Pak's or the embedded service's certificate is checked against its own authority."""
    assert '--cacert "$WML_CA_BUNDLE"' in show(deployment("https://127.0.0.1:8443/ml/v4/deployments/d1")).text


def test_shell_cannot_be_led_astray() -> None:
    """A field's name with quotes stays one argument."""
    schema = Schema((Field("it's; rm -rf ~", "float64"),))

    assert """--data '{"input_data": [{"fields": ["it'"'"'s; rm -rf ~"]""" in show(deployment(_schema=schema)).text


def test_python_call_is_python() -> None:
    """The code to copy compiles, and opens the embedded service where it runs there."""
    text = show(deployment("https://127.0.0.1:8443/ml/v4/deployments/d1/predictions")).text
    code = "\n".join(line[2:] for line in text.partition("Call it with Python:\n")[2].splitlines())
    compile(code, "view", "exec")

    assert 'Deployer.local("metadata.yaml").score(rows)' == code.splitlines()[-1]


def test_project_is_shown_without_a_service(tmp_path: Path) -> None:
    """A deployer's view reads metadata.yaml and asks nobody."""
    path = tmp_path / "metadata.yaml"
    path.write_text("project_name: churn\nproject_version: v0.1\n", encoding="utf-8")

    assert "Deployer churn v0.1 [not deployed]" == show(Deployer.local(path)).text.splitlines()[0]


def changes(*rows: tuple[int, str, str | None, str | None, str]) -> History:
    """Make a history from minutes, action, from, to and verification."""
    start = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)
    records = [
        (start + pd.Timedelta(minutes=minutes), action, before, after, verification, None, "ana")
        for minutes, action, before, after, verification in rows
    ]
    return History(records, columns=["when", "action", "from", "to", "verification", "why", "who"])


def test_a_view_without_its_style_can_be_read() -> None:
    """GitHub drops the style, and so does JupyterLab where it does not trust: words are not run together then."""
    html = re.sub("<style>.*?</style>", "", show(changes((0, "deploy", None, "v1", "passed"))).html)
    text = re.sub("<[^>]*>", "", html)

    assert "History · 1 change · v1 is live" in text
    assert re.search(r"v1 \d+ d", text)


def test_a_long_history_is_whole() -> None:
    """No change is cut off, however many there are."""
    updates = [(number, "update", f"v{number}", f"v{number + 1}", "passed") for number in range(1, 80)]

    assert 80 == show(changes((0, "deploy", None, "v1", "passed"), *updates)).html.count('<th scope="row"')


def test_history_says_what_was_live_for_how_long() -> None:
    """A verification that failed made nothing live; each version's span ends where the next one's begins."""
    history = changes(
        (0, "deploy", None, "v1", "passed"),
        (5, "update", "v1", "v2", "failed"),
        (10, "update", "v1", "v3", "passed"),
        (12, "rollback", "v3", "v1", "passed"),
    )
    now = datetime(2026, 1, 31, 12, 20, tzinfo=timezone.utc)

    assert [("v1", 600.0), ("v3", 120.0), ("v1", 480.0)] == spans_of(history, now)


def test_nothing_is_live_after_a_deletion() -> None:
    """The span of the deleted version ends, and the next deployment begins another."""
    deleted = (
        (0, "deploy", None, "v1", "passed"),
        (5, "delete", "v1", None, "skipped"),
    )
    now = datetime(2026, 1, 31, 12, 20, tzinfo=timezone.utc)
    history = changes(*deleted, (15, "deploy", None, "v2", "passed"))

    assert [("v1", 300.0), (None, 600.0), ("v2", 300.0)] == spans_of(history, now)
    assert "History 2 changes [nothing is live]" == show(changes(*deleted)).text.splitlines()[0]


def test_the_strip_of_a_long_history_ends_with_what_is_live() -> None:
    """The oldest spans are one, so that none of the newest is cut off."""
    updates = [(number, "update", f"v{number}", f"v{number + 1}", "passed") for number in range(1, 10)]
    text = show(changes((0, "deploy", None, "v1", "passed"), *updates)).text
    [line] = [line for line in text.splitlines() if line.startswith("Live, one after the other")]

    assert ["5 earlier", "v6", "v7", "v8", "v9", "v10"] == re.findall(r"(?:: |> )([^(]+) \(", line)


def test_history_shows_the_newest_change_first() -> None:
    """What just happened is what one looks for."""
    lines = show(changes((0, "deploy", None, "v1", "passed"), (5, "update", "v1", "v2", "passed"))).text.splitlines()

    assert ["update", "deploy"] == [line.split()[2] for line in lines if line.startswith("  2026")]


def test_empty_history_says_so() -> None:
    """A project that was never deployed has a view, too."""
    assert "History [empty]\n\nNothing was deployed yet." == show(changes()).text


def test_history_is_a_frame() -> None:
    """Whatever is cut out of a history is plain pandas."""
    assert pd.DataFrame is type(changes((0, "deploy", None, "v1", "passed"))[["when", "to"]])


def test_history_pickles() -> None:
    """A history goes to another process and is one there."""
    history = changes((0, "deploy", None, "v1", "passed"))
    there = pickle.loads(pickle.dumps(history))

    assert (History, True) == (type(there), history.equals(there))


def test_report_counts_what_was_found() -> None:
    """The badge says whether the model can be stored, the caption how much there is."""
    report = CheckReport((Finding("error", "space", "gone", "Make one."), Finding("warning", "numpy", "old", "Mind.")))
    text = show(report).text

    assert ("Check of the model [not to be stored]", True) == (text.splitlines()[0], "Errors: 1, warnings: 1" in text)


def test_report_says_why_a_model_takes_another_route() -> None:
    """A reader of the view learns what a reader of the text learns."""
    report = CheckReport((), route="function", why="column 'plan' would arrive otherwise")

    assert "function: column 'plan' would arrive otherwise" in show(report).text


def test_details_keep_their_lines() -> None:
    """What an error says after its first line stands as the error wrote it."""
    error = RolloutError("2 of 5 rows differ:\n   local  deployed\n0      0         1", next_step="Compare.")

    assert "<pre" in show(error).html
    assert "     local  deployed\n  0      0         1" in show(error).text


def test_proof_that_failed_has_a_table() -> None:
    """The rows that differ are drawn as a table, not once more as text, and the cause that was found stands below."""
    sides = pd.MultiIndex.from_tuples([("local", "prediction"), ("deployed", "prediction")])
    differing = pd.DataFrame([["yes", "no"]], columns=sides, index=[7])
    error = RolloutError(f"1 of 5 rows differs:\n{differing.to_string()}\nLikely cause: the labels changed")
    error.differing = differing
    text = show(error).text.splitlines()

    assert ["RolloutError: 1 of 5 rows differs", "", "The first 1 rows, local → deployed:"] == text[:3]
    assert (["7", "yes", "→", "no"], "Likely cause: the labels changed") == (text[4].split(), text[-1])


def test_differences_have_a_column_for_each_version() -> None:
    """What one version does not have is left empty."""
    index = pd.MultiIndex.from_tuples([("metrics", "f1")], names=["part", "name"])
    text = show(Differences([[None, 0.93]], index=index, columns=["v1", "v2"])).text.splitlines()

    assert ("Differences v1 and v2 [1 difference]", ["metrics", "f1", "0.93"]) == (text[0], text[-1].split())


def test_differences_of_pipelines_are_told_by_their_steps() -> None:
    """A parameter stands at its step; where it is not set it has its default, and a missing step has none."""
    told = {
        "logisticregression": ("LogisticRegression", None),
        "logisticregression__C": ("0.1", None),
        "standardscaler__with_mean": (None, "False"),
    }
    index = pd.MultiIndex.from_tuples([("parameters", name) for name in told], names=["part", "name"])
    text = show(Differences([*told.values()], index=index, columns=["v1", "v2"])).text.splitlines()

    assert [
        ["parameters", "logisticregression", "LogisticRegression"],
        ["step", "logisticregression", "C", "0.1"],
        ["step", "standardscaler", "with_mean", "default", "False"],
    ] == [line.split() for line in text[-3:]]


def test_comparison_says_what_changed() -> None:
    """The share of equal predictions, the changed rows by their labels, and the shift."""
    sides = pd.MultiIndex.from_tuples([("live", "prediction"), ("candidate", "prediction")])
    shift = pd.DataFrame({"mean": [0.01], "largest": [0.2]}, index=["probability_1"])
    changed = pd.DataFrame([["no", "yes"]], columns=sides, index=["row 7"])
    text = show(Comparison("v1", "v2", 4, 0.75, changed, shift, {"live": 0.1, "candidate": 0.2})).text

    assert "Comparison v2 beside v1 [75.00% agree]" == text.splitlines()[0]
    assert ["probability_1", "0.0100", "0.2000"] == text.partition("Largest\n")[2].split()[:3]
    assert ["row", "7", "no", "→", "yes"] == text.splitlines()[-1].split()


def test_scores_of_many_classes_show_the_likeliest() -> None:
    """Thirty columns of probabilities would say nothing; the prediction's own one does."""
    scores = pd.DataFrame({"prediction": [3], **{f"probability_{n}": [0.7 if n == 3 else 0.01] for n in range(30)}})

    assert "  0    3           ███████░░░ 0.700" == show(scores).text.splitlines()[-1]


def test_rows_without_an_answer_are_counted() -> None:
    """Nulls that a failed batch left are seen."""
    scores = pd.DataFrame({"prediction": [1.0, None], "probability_0": [0.2, None], "probability_1": [0.8, None]})

    assert "  Without an answer  1" in show(scores).text


def test_regression_is_summed_up() -> None:
    """Numbers without classes have quartiles."""
    assert "  Median         2.5" in show(pd.DataFrame({"prediction": [1.0, 2.0, 3.0, 4.0]})).text


def test_long_scores_are_cut() -> None:
    """A view of a million rows is as long as one of ten."""
    assert "... and 999,990 more rows." == show(pd.DataFrame({"prediction": range(1_000_000)})).text.splitlines()[-1]


def test_what_is_cut_out_of_scores_is_a_plain_frame() -> None:
    """Arithmetic, selections and copies of scores are pandas's own frames."""
    scores = Scores({"prediction": [1.0, 2.0]})

    assert [pd.DataFrame] * 3 == [type(frame) for frame in (scores.round(1), scores.head(1), scores[["prediction"]])]


def test_several_predictions_to_a_row_are_a_plain_table() -> None:
    """Scores that have no one prediction are drawn as every frame is."""
    html = Scores({"prediction_0": [1], "prediction_1": [2]})._repr_html_()

    assert ("<th>prediction_1</th>" in html, "wml-view" in html) == (True, False)


def test_no_scores_have_a_view() -> None:
    """A frame without rows is shown, not refused."""
    columns = ["prediction", "probability_0", "probability_1"]

    assert "Scores 0 rows" == show(pd.DataFrame(columns=columns, dtype=float)).text.splitlines()[0]


def test_a_view_is_shown_as_it_is() -> None:
    """``show`` of a view is that view."""
    view = show(Finding("error", "space", "gone", "Make one."))

    assert (view, View) == (show(view), type(view))


def test_anything_else_is_refused() -> None:
    """The error says what can be shown."""
    with pytest.raises(ConfigurationError, match="no view of a dict"):
        show({})


@pytest.mark.parametrize("kind", [Scores, History, Differences])
def test_frames_compare_with_plain_ones(kind: type[pd.DataFrame]) -> None:
    """Users' tests hold what they get against frames of their own."""
    plain = pd.DataFrame({"prediction": [1.0, 2.0]})

    pd.testing.assert_frame_equal(kind(plain), plain)
