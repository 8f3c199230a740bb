"""A specification is chosen by what it carries and where it is in its life cycle, or the refusal says the way out."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from wml_deployer.errors import SpecificationError
from wml_deployer.specifications import Specification, choose_specification, fits

OLD = Specification("336b29df", "runtime-23.1-py3.10", "constricted", "runtime-24.1-py3.11")
MIDDLE = Specification(
    "45f12dfe",
    "runtime-24.1-py3.11",
    "deprecated",
    "runtime-25.1-py3.12",
    {"scikit-learn": "1.3.2", "xgboost": "2.0.3"},
)
NEW = Specification("f47ae1c3", "runtime-25.1-py3.12", packages={"scikit-learn": "1.6.1", "xgboost": "2.1.4"})
CUDA = Specification("0", "runtime-25.1-py3.12-cuda", packages=NEW.packages)
AUTOAI = Specification("1", "autoai-kb_rt25.1-py3.12", packages=NEW.packages)
MINE = Specification("2", "runtime-25.1-with-my-transformers", packages={"scikit-learn": "1.6.1"})
ONNX = Specification("3", "onnxruntime_opset_21")
OFFERED = [OLD, AUTOAI, CUDA, MIDDLE, MINE, ONNX, NEW]


@pytest.mark.parametrize(
    ("model_type", "expected"),
    [
        ("scikit-learn_1.6", NEW),
        ("scikit-learn_1.3", MIDDLE),
        ("xgboost_2.1", NEW),
        ("xgboost_2.0", MIDDLE),
        ("onnxruntime_1.17", ONNX),
        ("tensorflow_2.14", MIDDLE),
    ],
)
def test_the_runtime_that_carries_the_type_is_chosen(model_type: str, expected: Specification) -> None:
    """Of everything that the service lists, the plain runtime of the right version is taken."""
    assert expected == choose_specification(model_type, OFFERED)


@pytest.mark.parametrize("newer_state", ["deprecated", "constricted", "retired", "withdrawn", "never-heard-of"])
def test_a_supported_one_comes_before_a_newer_one_on_its_way_out(newer_state: str) -> None:
    """Life cycle counts more than age."""
    older = Specification("1", "runtime-30.1-py3.14", packages={"scikit-learn": "2.0.1"})
    newer = Specification("2", "runtime-30.2-py3.15", newer_state, packages={"scikit-learn": "2.0.3"})

    assert older == choose_specification("scikit-learn_2.0", [newer, older])


@pytest.mark.parametrize("state", ["available", "supported", "deprecated"])
def test_a_specification_of_its_best_years_is_taken_by_name(state: str) -> None:
    """These three take new models."""
    specification = Specification("1", "mine", state)

    assert specification == choose_specification("scikit-learn_1.6", [specification], name="mine")


@pytest.mark.parametrize(
    "state", ["constricted", "retired", "withdrawn", "unsupported", "create-unsupported", "never-heard-of"]
)
def test_a_specification_that_takes_no_new_models_is_refused_by_name(state: str) -> None:
    """With the state in the service's word."""
    with pytest.raises(SpecificationError, match=f"mine is {state} and takes no new models"):
        choose_specification("scikit-learn_1.6", [Specification("1", "mine", state)], name="mine")


def test_the_newest_of_equal_state_is_chosen() -> None:
    """Versions are compared as numbers: 9.2 is older than 10.1."""
    names = ["runtime-9.2-py3.9", "runtime-10.1-py3.10", "runtime-9.10-py3.10"]
    offered = [Specification(name, name, packages={"scikit-learn": "1.6.0"}) for name in names]

    assert "runtime-10.1-py3.10" == choose_specification("scikit-learn_1.6", offered).name


def test_packages_overrule_the_known_pairs() -> None:
    """What the service says that it carries is believed before any table."""
    changed = Specification("1", "runtime-24.1-py3.11", packages={"scikit-learn": "1.4.0"})

    assert changed == choose_specification("scikit-learn_1.4", [changed])


def test_known_pairs_help_where_no_packages_are_listed() -> None:
    """A specification without a list of packages is paired by what is known to work."""
    silent = Specification("1", "runtime-24.1-py3.11")

    assert silent == choose_specification("scikit-learn_1.3", [silent])


@pytest.mark.parametrize(
    ("specification", "model_type", "expected"),
    [
        (NEW, "scikit-learn_1.6", True),
        (NEW, "scikit-learn_1.3", False),
        (Specification("1", "mine", packages={"py-xgboost": "1.5.1"}), "xgboost_1.5", True),
        (OLD, "scikit-learn_1.1", True),
        (OLD, "scikit-learn_1.0", False),
        (Specification("1", "mine"), "scikit-learn_1.6", None),
        (Specification("1", "mine", packages={"pendulum": "1.0.0"}), "scikit-learn_1.6", None),
    ],
)
def test_fits_says_yes_no_or_unknown(specification: Specification, model_type: str, expected: bool | None) -> None:
    """Only what is known is claimed."""
    assert expected is fits(model_type, specification)


def test_a_warning_is_not_printed_where_nobody_set_logging_up() -> None:
    """Python would write it to the standard error stream."""
    code = (
        "from wml_deployer.specifications import Specification, choose_specification;"
        "choose_specification('scikit-learn_1.3', [Specification('4', 'runtime-24.1-py3.11', 'deprecated')])"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)

    assert "" == ran.stdout + ran.stderr


def test_a_deprecated_choice_is_logged_with_its_replacement(caplog: pytest.LogCaptureFixture) -> None:
    """The user hears of it while there is time."""
    with caplog.at_level(logging.WARNING):
        choose_specification("scikit-learn_1.3", OFFERED)

    assert ["runtime-24.1-py3.11 is deprecated: use runtime-25.1-py3.12"] == caplog.messages


@pytest.mark.parametrize("specification", [NEW, MIDDLE, MINE, CUDA, AUTOAI])
def test_a_named_one_that_takes_models_is_used(specification: Specification) -> None:
    """Naming one overrules the order, for derived and special ones too."""
    model_type = f"scikit-learn_{specification.packages['scikit-learn'][:3]}"

    assert specification == choose_specification(model_type, OFFERED, name=specification.name)


def test_a_named_one_of_unknown_content_is_used() -> None:
    """The user knows what is in a specification that lists nothing."""
    derived = Specification("1", "our-own")

    assert derived == choose_specification("scikit-learn_1.6", [*OFFERED, derived], name="our-own")


@pytest.mark.parametrize(
    ("model_type", "name", "message", "next_step"),
    [
        pytest.param(
            "scikit-learn_1.7",
            None,
            "scikit-learn 1.7 has no runtime here",
            "runtime-25.1-py3.12 carries 1.6: pip install 'scikit-learn>=1.6,<1.7'",
            id="too-new",
        ),
        pytest.param(
            "scikit-learn_1.1", None, "scikit-learn 1.1 has no runtime here", "and fit again", id="constricted"
        ),
        pytest.param("xgboost_3.0", None, "xgboost 3.0", "pip install 'xgboost>=2.1,<2.2'", id="xgboost"),
        pytest.param("lightgbm_4.5", None, "lightgbm 4.5", "no runtime here is known to carry lightgbm", id="other"),
        pytest.param(
            "scikit-learn_1.6",
            "runtime-25.1-py3.21",
            "no software specification 'runtime-25.1-py3.21'",
            "Did you mean 'runtime-25.1-py3.12'?",
            id="misspelt",
        ),
        pytest.param("scikit-learn_1.6", "zzz", "'zzz'", "Choose one of autoai-kb_rt25.1-py3.12, onnx", id="unknown"),
        pytest.param(
            "scikit-learn_1.1",
            "runtime-23.1-py3.10",
            "constricted and takes no new models",
            "Use runtime-24.1-py3.11.",
            id="closed",
        ),
        pytest.param(
            "scikit-learn_1.6",
            "runtime-24.1-py3.11",
            "does not run scikit-learn_1.6: it carries scikit-learn 1.3",
            "pip install 'scikit-learn>=1.3,<1.4'",
            id="mismatch",
        ),
        pytest.param(
            "scikit-learn_1.6", "onnxruntime_opset_21", "does not run scikit-learn_1.6", "runtime-25.1", id="other-kind"
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_the_way_out(
    model_type: str, name: str | None, message: str, next_step: str
) -> None:
    """Each refusal says what is wrong and the next thing to do."""
    with pytest.raises(SpecificationError) as caught:
        choose_specification(model_type, OFFERED, name=name)

    assert message in caught.value.message
    assert next_step in (caught.value.next_step or "")


def test_closed_runtimes_of_the_right_version_are_named() -> None:
    """The user sees that the version was right and the time was not."""
    with pytest.raises(SpecificationError) as caught:
        choose_specification("scikit-learn_1.1", OFFERED)

    assert ["runtime-23.1-py3.10: runs scikit-learn_1.1, but is constricted (use runtime-24.1-py3.11)"] == [
        str(fault) for fault in caught.value.faults
    ]


def test_an_empty_list_is_not_blamed_on_the_model() -> None:
    """A service that lists nothing is a matter of rights or address."""
    with pytest.raises(SpecificationError, match=r"lists no software specification"):
        choose_specification("scikit-learn_1.6", [])
