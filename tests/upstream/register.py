"""The register of defects of IBM's clients: what each does, what this library does, and which test holds that."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["REGISTER", "Defect", "table"]

OLD, NEW = "machine-learning", "watsonx"
BOTH = (OLD, NEW)


class Defect(NamedTuple):
    """One defect.

    Attributes:
        name: What the scripts call it.
        clients: Which clients have it.
        alone: Whether it is shown in a process of its own, because it changes the process.
        theirs: What the client does.
        ours: What this library does.
        held_by: The test that holds it, as file and function.

    """

    name: str
    clients: tuple[str, ...]
    alone: bool
    theirs: str
    ours: str
    held_by: str


_FOREIGN = "contract/test_manners.py::test_a_foreign_certificate_is_refused"
_PROCESS = "contract/test_manners.py::test_the_callers_process_stays_as_it_is"
_FOLDER = "contract/test_manners.py::test_the_working_directory_stays_empty"
_ENDS = "contract/test_endings.py::test_every_verb_ends"
_HERE = "upstream/test_defects.py::"

REGISTER = (
    Defect(
        "d1",
        (OLD,),
        True,
        "ignores `verify=True`, which is read when the package is imported",
        "verifies every connection, by the given authority",
        _FOREIGN,
    ),
    Defect(
        "d2",
        (OLD,),
        True,
        "turns verification off for the process after any `OSError`, a mistyped host too",
        "never turns it off",
        _HERE + "test_an_unreachable_host_changes_nothing",
    ),
    Defect(
        "d3",
        BOTH,
        True,
        "sends the password to a guessed host (`cp-console-...`)",
        "logs in at the given host alone",
        _HERE + "test_a_password_goes_to_the_given_host_alone",
    ),
    Defect(
        "d4",
        BOTH,
        False,
        "stores objects and loads models on a Cloud Pak without verification, the token in the request",
        "uploads over the verified transport",
        _FOREIGN,
    ),
    Defect(
        "d5",
        BOTH,
        True,
        "a client of a Cloud Pak disables verification for clients made later",
        "keeps the environment and the classes as they are",
        _PROCESS,
    ),
    Defect(
        "d6",
        BOTH,
        False,
        "trusts certifi alone and knows no proxy where it stores objects",
        "takes `ca_bundle`, `HTTPS_PROXY` and `NO_PROXY` for every call",
        "contract/test_proxies.py::test_a_cloud_session_asks_its_own_hosts_through_the_proxy",
    ),
    Defect(
        "d7",
        (NEW,),
        True,
        "`Credentials(verify=False)` applies to all credentials created later",
        "is not affected",
        _HERE + "test_what_others_switched_off_stays_on",
    ),
    Defect(
        "d8",
        (OLD,),
        False,
        "pastes secrets into JSON and forms without escaping them",
        "escapes them",
        "unit/clients/test_tokens.py::test_secrets_are_escaped",
    ),
    Defect(
        "d9",
        (OLD,),
        False,
        "repeats a dropped upload with an empty body and reports success",
        "reports the failure, and leaves nothing behind",
        _HERE + "test_a_dropped_upload_leaves_nothing",
    ),
    Defect(
        "d10",
        BOTH,
        False,
        "repeats the creation of a deployment whose response was lost: two, or four deployments",
        "creates it once, and finds it again",
        "contract/test_rollouts.py::test_a_deploy_whose_answer_is_lost_goes_on",
    ),
    Defect(
        "d11",
        (NEW,),
        False,
        "repeats a failed upload with a file that has been read to its end",
        "reports the service's own words",
        _HERE + "test_a_failed_upload_keeps_its_status",
    ),
    Defect(
        "d12",
        (NEW,),
        False,
        "allows five seconds for the upload of an object",
        "allows the time of the whole call",
        _HERE + "test_a_slow_upload_is_waited_for",
    ),
    Defect(
        "d13",
        BOTH,
        False,
        "leaves a model without content after a failed upload",
        "deletes it",
        _HERE + "test_a_dropped_upload_leaves_nothing",
    ),
    Defect(
        "d14",
        BOTH,
        False,
        "reports a failed upload of an object with the status of its clean-up, 204",
        "reports the status of the upload",
        _HERE + "test_a_failed_upload_keeps_its_status",
    ),
    Defect(
        "d15",
        BOTH,
        False,
        "`load()` deletes a folder `artifact` of the user",
        "writes nothing into the working directory",
        _FOLDER,
    ),
    Defect(
        "d16",
        (OLD,),
        False,
        "`download()` returns a path at which there is no file",
        "returns the bytes",
        _HERE + "test_content_comes_back_as_it_went",
    ),
    Defect(
        "d17",
        BOTH,
        False,
        "changes the payload that it is given to score",
        "leaves it as it is",
        "contract/test_lifecycle.py::test_the_callers_frame_is_not_touched",
    ),
    Defect(
        "d18",
        BOTH,
        False,
        "lists 200 resources and says nothing about the others",
        "lists all",
        _HERE + "test_all_models_are_listed",
    ),
    Defect("d19", BOTH, False, "leaves an archive beside a TensorFlow directory", "packs elsewhere", _FOLDER),
    Defect("d20", BOTH, False, "has no timeout, or one of half an hour", "ends every call within its timeout", _ENDS),
    Defect(
        "d21",
        BOTH,
        False,
        "looks at a new deployment for the first time after five seconds",
        "looks at once",
        _HERE + "test_a_deployment_is_looked_at_at_once",
    ),
    Defect(
        "d22",
        (OLD,),
        False,
        "opens a TLS connection for each score",
        "keeps one open",
        _HERE + "test_scores_share_a_connection",
    ),
    Defect(
        "d23",
        BOTH,
        False,
        "does not log in again after a 401; the newer one sends the same token four times",
        "logs in again, once",
        "contract/test_tokens.py::test_a_refused_token_is_renewed_once",
    ),
    Defect(
        "d24",
        BOTH,
        False,
        "reports a lost connection as an untrusted one, or lets httpx's error through",
        "raises `TransportError`",
        _ENDS,
    ),
    Defect(
        "d25",
        (OLD,),
        False,
        "breaks on tokens that live less than fifty minutes",
        "renews a token when a fifth of its life is left",
        _HERE + "test_a_short_lived_token_serves",
    ),
    Defect("d26", BOTH, False, "prints", "prints nothing, and logs", _PROCESS),
    Defect(
        "d27",
        BOTH,
        False,
        "scores with a default project as a bare `KeyError`",
        "knows the deployment by its id",
        "contract/test_lifecycle.py::test_scores_equal_the_local_model_bit_for_bit",
    ),
    Defect(
        "d28",
        BOTH,
        False,
        "does not understand a function whose argument has a type and a default",
        "stores models only",
        "unit/frameworks/test_frameworks.py::test_what_cannot_be_stored_is_refused",
    ),
    Defect(
        "d29",
        BOTH,
        False,
        "makes up to seven requests for one call",
        "scores with one",
        _HERE + "test_a_score_is_one_request",
    ),
)
"""Every defect that was shown on the clients."""


def table() -> str:
    """Return the register as the site shows it."""
    lines = ["| | client | what it does | what `wml_deployer` does |", "| --- | --- | --- | --- |"]
    for defect in REGISTER:
        client = "both" if len(defect.clients) > 1 else "older" if OLD in defect.clients else "newer"
        lines.append(f"| {defect.name} | {client} | {defect.theirs} | {defect.ours} |")
    return "\n".join(lines)
