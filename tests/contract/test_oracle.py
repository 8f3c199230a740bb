"""Any sequence of verbs on two machines, with failures, kills and lost files, does what the documentation says."""

from __future__ import annotations

import copy
import inspect
import json
import os
import shutil
import sys
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from string import ascii_letters
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple
from uuid import uuid4

import pandas as pd
import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from sklearn.dummy import DummyRegressor

from tests.contract import any_service
from tests.contract.insides import connect
from tests.contract.interruptions import Killed, interruption
from tests.contract.project_model import Checkout, Content, Entry, Refused, Revision, World
from wml_deployer import Deployer, SoftwareCredentials
from wml_deployer._rollout import waiting
from wml_deployer._scoring import lookups
from wml_deployer.errors import VersionError, WMLDeployerError
from wml_deployer.metadata import MetadataFile
from wml_deployer.packaging import pack
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.contract.insides import Client, DeploymentRecord

KEY = "wml_deployer"
OWNED = ("model_uid:", "deployment_uid:", "versions:", "log:", "pending:")
CONTENTS = [Content(answer, 1) for answer in range(4)] + [Content(answer, 2) for answer in range(4, 7)]


def rows(columns: int) -> pd.DataFrame:
    """Two rows that every model of so many columns takes."""
    return pd.DataFrame({name: [1.0, 2.0] for name in "ab"[:columns]})


MODELS = {
    content: DummyRegressor(strategy="constant", constant=float(content.answer)).fit(rows(content.columns), [0, 1])
    for content in CONTENTS
}


def digest_of(content: Content) -> str:
    """Digest a content as the library does."""
    with pack(MODELS[content]) as package:
        return package.digest


class Seconds(datetime):
    """A clock that is a second further at each look, long ago: the history tells seconds apart, and tests are fast."""

    looks: ClassVar[int] = 0

    @classmethod
    def now(cls, tz: Any = None) -> Seconds:
        """Return the next second."""
        Seconds.looks += 1
        return cls(2020, 1, 1, tzinfo=tz or timezone.utc) + timedelta(seconds=Seconds.looks)


class Place(NamedTuple):
    """Where the machines work."""

    server: LocalServer
    credentials: SoftwareCredentials
    client: Client
    folder: Path
    contents: dict[str, Content]


class ProjectMachine(RuleBasedStateMachine):
    """One project on two machines, and the model of it."""

    place: ClassVar[Place]

    def __init__(self) -> None:
        super().__init__()
        self.name = f"p{uuid4().hex[:10]}"
        self.world = World()
        self.model_ids: dict[int, str] = {}
        self.revisions: dict[tuple[str, str | None], Revision] = {}
        self.folders = [self.place.folder / self.name / str(machine) for machine in range(2)]
        self.bases = iter(ascii_letters)
        self.texts = [self.begun() for _ in range(2)]
        self.deployers: list[Deployer] = []
        self.said: list[str] = []
        self.before, self.here = self.world, self.world.checkouts[0]
        for folder, text in zip(self.folders, self.texts, strict=True):
            folder.mkdir(parents=True)
            (folder / "metadata.yaml").write_text(text)
            self.deployers.append(Deployer(self.place.credentials, folder / "metadata.yaml"))

    def begun(self) -> str:
        """Write a new metadata.yaml, as its author does: names of versions count on from a base of its own."""
        version = f"{next(self.bases)}1"
        return f"# Written by hand\nproject_name: {self.name}\nproject_version: {version}\nowner: Ana  # yes\n"

    def teardown(self) -> None:
        """Go back as far as the history says, and remove the project."""
        try:
            if self.world.serving is not None:
                self.call(0, "recover")
                for _ in range(4):
                    self.call(0, "rollback")
        finally:
            client = self.place.client
            for deployment in client.deployments():
                client.delete_deployment(deployment.id)
            for model in client.models():
                client.delete_model(model.id)
            shutil.rmtree(self.folders[0].parent)
            for deployer in self.deployers:
                deployer.close()

    @property
    def story(self) -> str:
        """Tell what was called so far."""
        return "\n".join(["", *self.said])

    # Rules.

    machines = st.integers(0, 1)
    contents = st.sampled_from(CONTENTS)

    @rule(at=machines, verb=st.sampled_from(["release", "update", "start_candidate"]), content=contents)
    def change(self, at: int, verb: str, content: Content) -> None:
        self.call(at, verb, content)

    @rule(
        at=machines,
        verb=st.sampled_from(["release", "update", "deploy", "start_candidate"]),
        content=contents,
        sample=st.booleans(),
        works=st.booleans(),
    )
    def change_with_less_luck(self, at: int, verb: str, content: Content, sample: bool, works: bool) -> None:
        self.call(at, verb, content, sample=sample, works=works)

    @rule(at=machines, content=contents, sample=st.booleans())
    def store(self, at: int, content: Content, sample: bool) -> None:
        self.call(at, "store", content, sample=sample)

    @rule(at=machines, works=st.sampled_from([True, True, False]))
    def rollback(self, at: int, works: bool) -> None:
        self.call(at, "rollback", works=works)

    @precondition(lambda self: self.world.names)
    @rule(at=machines, which=st.integers(0, 20), by=st.sampled_from(["name", "revision", "digest"]))
    def rollback_to(self, at: int, which: int, by: str) -> None:
        chosen = list(self.world.names)[which % len(self.world.names)]
        # A machine knows its own versions alone by what it is told.
        here = self.world.checkouts[at].versions
        alike = [one for one in here if one.content == chosen.content] if by == "digest" else []
        alike += (
            [one for one in here if self.world.names[one] == self.world.names[chosen]] if chosen not in here else []
        )
        chosen = alike[-1] if alike else chosen
        self.call(at, "rollback", chosen, by=by)

    @rule(at=machines, works=st.sampled_from([True, True, False]))
    def promote(self, at: int, works: bool) -> None:
        self.call(at, "promote", works=works)

    @rule(at=machines)
    def discard(self, at: int) -> None:
        self.call(at, "discard")

    @rule(at=machines, keep=st.integers(0, 2))
    def prune(self, at: int, keep: int) -> None:
        self.call(at, "prune", keep)

    @rule(at=machines, cascade=st.booleans())
    def delete(self, at: int, cascade: bool) -> None:
        self.call(at, "delete", cascade=cascade)

    @rule(at=machines)
    def recover(self, at: int) -> None:
        self.call(at, "recover")

    @rule(at=machines, recovers=st.booleans())
    def lose_file(self, at: int, recovers: bool) -> None:
        self.world.checkouts[at] = Checkout(samples=self.world.checkouts[at].samples)
        for file in self.folders[at].glob("metadata.*"):
            file.unlink()
        self.texts[at] = self.begun()
        (self.folders[at] / "metadata.yaml").write_text(self.texts[at])
        self.reopen(at)
        if recovers:
            self.call(at, "recover")

    @rule(at=machines)
    def copy_file(self, at: int) -> None:
        files = self.world.checkouts
        # Samples do not travel.
        files[1 - at] = replace(copy.deepcopy(files[at]), samples=files[1 - at].samples)
        for file in self.folders[1 - at].glob("metadata.*"):
            file.unlink()
        for file in self.folders[at].glob("metadata.*"):
            shutil.copy(file, self.folders[1 - at])
        self.texts[1 - at] = self.texts[at]
        self.check(1 - at)

    @rule(at=machines, line=st.sampled_from(["# a comment\n", "reviewed: yes\n", "\n"]))
    def edit_file(self, at: int, line: str) -> None:
        path = self.folders[at] / "metadata.yaml"
        if line.strip() not in self.texts[at]:
            path.write_text(line + path.read_text())
            self.texts[at] = line + self.texts[at]

    @precondition(lambda self: self.world.serving)
    @rule(which=st.integers(0, 20))
    def serve_by_console(self, which: int) -> None:
        there = [revision for revisions in self.world.models.values() for revision in revisions]
        chosen = there[which % len(there)]
        live = self.live_deployment()
        if live is None or chosen == self.world.serving:
            return
        self.place.client.serve(live.id, self.model_ids[chosen.model], str(chosen.number))
        while self.place.client.deployment(live.id).state != "ready":
            pass
        self.world.serving = chosen
        self.check(0)

    @rule(
        at=machines,
        verb=st.sampled_from(
            ["release", "start_candidate", "store", "rollback", "promote", "discard", "prune", "delete"]
        ),
        content=contents,
        event=st.integers(0, 45),
        dies=st.booleans(),
        again=st.booleans(),
    )
    def interrupt(self, at: int, verb: str, content: Content, event: int, dies: bool, again: bool) -> None:
        arguments: dict[str, tuple[Any, ...]] = {"prune": (0,), **dict.fromkeys(("rollback", "promote", "discard"), ())}
        options: dict[str, Any] = {"cascade": True} if verb == "delete" else {}
        given = () if verb == "delete" else arguments.get(verb, (content,))
        before = copy.deepcopy(self.world)
        self.call(at, verb, *given, interrupted=(event, dies), **options)
        logged = len(self.world.checkouts[at].log) > len(before.checkouts[at].log)
        if again and not (verb == "rollback" and logged):
            self.call(at, verb, *given, **options)

    # How a rule is carried out.

    def call(
        self, at: int, verb: str, *given: Any, interrupted: tuple[int, bool] | None = None, **options: Any
    ) -> None:
        """Let model and library do the same, and compare."""
        self.said.append(f"{at} {verb} {given} {options} {interrupted or ''}")
        before = copy.deepcopy(self.world)
        self.before, self.here = before, copy.deepcopy(before.checkouts[at])
        known = {k: v for k, v in options.items() if k != "by"}
        removed, allowed = self.expect(self.world, at, verb, given, known)
        result, error, event = self.act(at, verb, given, options, interrupted)
        if event is None:
            assert isinstance(error, allowed) if allowed else error is None, (allowed, error, self.story)
            if verb == "prune" and error is None:
                expected = sorted(self.world.names[one] for one in removed)
                assert expected == sorted(map(first_name, result)), (expected, result, self.story)
        else:
            self.said.append(f"  at {event}, {error!r}")
            ends, self.world = [self.world], before
            if "works" in inspect.signature(getattr(World, verb)).parameters:
                failed = copy.deepcopy(before)
                failed.orders = ends[0].orders
                self.expect(failed, at, verb, given, {**known, "works": False})
                ends.append(failed)
            ends.append(copy.deepcopy(before))
            ends[-1].orders = ends[0].orders
            if given and isinstance(given[0], Content):
                ends[-1].opened(at)
            self.reopen(at)
            # The service goes on with what a call that was killed had begun.
            for deployment in self.place.client.deployments():
                waiting.wait_until_settled(self.place.client, deployment)
            self.absorb(at, ends)
        self.check(at)

    def expect(
        self, world: World, at: int, verb: str, given: tuple[Any, ...], options: dict[str, Any]
    ) -> tuple[Any, tuple[type[BaseException], ...]]:
        """Let a model do it; return what comes of it, and the errors that are right."""
        try:
            return getattr(world, verb)(at, *given, **options), ()
        except Refused as refused:
            return None, refused.args

    def act(
        self, at: int, verb: str, given: tuple[Any, ...], options: dict[str, Any], interrupted: tuple[int, bool] | None
    ) -> tuple[Any, BaseException | None, str | None]:
        """Let the library do it; return what came of it, or the event that interrupted it."""
        works = options.get("works", True)
        if not works:
            self.place.server.fault("POST", "/predictions$", status=400, times=None)
        event, dies = interrupted or (None, True)
        result, error = None, None
        with interruption(self.folders[at], event, dies=dies) as watch:
            try:
                result = self.invoke(self.deployers[at], verb, given, options)
            except (WMLDeployerError, Killed, KeyboardInterrupt) as raised:
                error = raised
        if not works:
            self.place.server.clear_faults()
        return result, error, watch.events[event] if event is not None and watch.happened else None

    def invoke(self, deployer: Deployer, verb: str, given: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Call the verb."""
        call = getattr(deployer, {"start_candidate": "candidate"}.get(verb, verb))
        more = {"allow_schema_change": True} if "allow_schema_change" in inspect.signature(call).parameters else {}
        if given and isinstance(given[0], Content):
            content = given[0]
            return call(MODELS[content], sample=rows(content.columns) if options.get("sample", True) else None, **more)
        if given and isinstance(given[0], Revision):
            chosen, by = given[0], options["by"]
            if by == "revision" and deployer.metadata.model_uid == self.model_ids[chosen.model]:
                return call(str(chosen.number), **more)
            known = {(one.model_id, one.revision): one.name for one in deployer.metadata.versions}
            name = known.get((self.model_ids.get(chosen.model, ""), str(chosen.number)), self.world.names[chosen])
            return call(self.digests[chosen.content] if by == "digest" else name, **more)
        return call(*given, **{key: options[key] for key in ("cascade",) if key in options}, **more)

    def reopen(self, at: int) -> None:
        """Open the project again, as another process does, on the open connection: logging in takes a while."""
        client = self.deployers[at]._project.client
        self.deployers[at] = Deployer(self.place.credentials, self.folders[at] / "metadata.yaml")
        self.deployers[at]._project._client = client

    # What is looked at.

    def check(self, at: int) -> None:
        """Compare service, files and answers with the model."""
        self.check_stored()
        deployed = self.check_deployed()
        for machine in range(2):
            self.check_file(machine, exact=machine == at)
        self.check_answer(at, deployed)

    def check_stored(self) -> None:
        """See that the service holds the model's revisions and nothing else, each under a name of its own."""
        found: dict[str, tuple[int, list[Content]]] = {}
        told: list[tuple[str, str | None, str]] = []
        for stored in self.place.client.models():
            listed = [
                (item.revision, *self.read(item.message)) for item in self.place.client.revisions(stored.id)[::-1]
            ]
            found[stored.id] = (len(stored.schema.fields), [content for _, _, content in listed])
            told += [(stored.id, revision, name) for revision, name, _ in listed]
        for model, revisions in self.world.models.items():
            if model not in self.model_ids:
                new = [one for one in found if one not in self.model_ids.values()]
                assert new, (found, self.world.models, self.story)
                self.model_ids[model] = new[0]
            for revision in revisions:
                self.revisions[self.model_ids[model], str(revision.number)] = revision
        expected = {
            self.model_ids[model]: (self.world.columns[model], [one.content for one in revisions])
            for model, revisions in self.world.models.items()
        }
        assert expected == found, self.story
        for model_id, number, name in told:
            self.learn(self.revisions[model_id, number], name)

    def learn(self, revision: Revision, name: str) -> None:
        """See that an old version has its name, and a new one a name that nobody who can be asked knows of another."""
        if revision not in self.world.names:
            assert not self.before.name_is_taken(self.here, name, revision.content), (name, revision, self.story)
        assert self.world.names.setdefault(revision, name) == name, self.story

    def read(self, message: str | None) -> tuple[str, Content]:
        """Read what a revision says that it holds."""
        _, name, digest = str(message).split(" ")
        return name, self.place.contents[digest]

    def check_deployed(self) -> list[DeploymentRecord]:
        """See that what is deployed is the live version and the candidate, and nothing else; return it."""
        found = self.deployed()
        assert sum(map(len, found)) == len([one for one in (self.world.serving, self.world.candidate) if one]), (
            self.story
        )
        served = [[self.revisions[one.model_id, one.revision] for one in kind] for kind in found]
        assert served == [[one] if one else [] for one in (self.world.serving, self.world.candidate)], self.story
        return [record for kind in found for record in kind]

    def deployed(self) -> tuple[list[DeploymentRecord], list[DeploymentRecord]]:
        """List what is live, and candidates."""
        everything = self.place.client.deployments()
        candidates = [one for one in everything if "candidate_of" in one.custom.get(KEY, {})]
        return [one for one in everything if one not in candidates], candidates

    def live_deployment(self) -> DeploymentRecord | None:
        """Return the live deployment."""
        return next(iter(self.deployed()[0]), None)

    def check_file(self, at: int, *, exact: bool) -> None:
        """Compare what one machine's file says with what that machine knows."""
        here, deployer = self.world.checkouts[at], self.deployers[at]
        text = (self.folders[at] / "metadata.yaml").read_text()
        assert self.texts[at] == written_by_hand(text), self.story
        history = deployer.history()
        told = history[["action", "from", "to", "verification"]].itertuples(index=False, name=None)
        assert [self.row(entry) for entry in here.log] == list(map(first_names, told)), (at, self.story)
        versions, retired = deployer.metadata.versions, deployer.metadata.retired
        dead = [one for one in here.versions if one not in self.world.stored()]
        reused = {self.world.names[one] for one in here.versions if one not in dead}
        here.versions = [one for one in here.versions if one not in dead or self.world.names[one] not in reused]
        listed = Counter(self.world.names[one] for one in here.versions)
        assert listed == Counter(first_name(one.name) for one in versions), self.story
        gone = {self.world.names[one] for one in here.retired}
        assert gone - listed.keys() == set(map(first_name, retired)) - listed.keys(), (gone, retired, self.story)
        if exact:
            by_age = sorted(versions, key=lambda version: version.stored_at)
            here.versions = [self.revisions[one.model_id, one.revision] for one in by_age]
        try:
            status = deployer.status()
        except VersionError:
            status = None
        if status is None or self.world.serving is None:
            assert (status is None) == (self.world.serving is None), (status, self.story)
            return
        names = {self.world.names[self.world.serving]} | ({None} if self.world.serving not in here.versions else set())
        assert (status.version and first_name(status.version)) in names, (status, self.story)

    def row(self, entry: Entry) -> tuple[str, str | None, str | None, str]:
        """Write an entry as the history shows it."""
        before, now = (self.world.names.get(one) if one else None for one in (entry.before, entry.now))
        return entry.action, before, now, entry.verification

    def check_answer(self, at: int, deployed: list[DeploymentRecord]) -> None:
        """See what the endpoints answer, asked raw and through the machine."""
        for record in deployed:
            served = self.revisions[record.model_id, record.revision]
            given = rows(served.content.columns)
            body = {"input_data": [{"fields": list(given), "values": given.to_numpy().tolist()}]}
            answer = json.loads(self.place.client.score(record.id, json.dumps(body).encode()))
            assert answer["predictions"][0]["values"][0][0] == served.content.answer, self.story
        serving = self.world.serving
        if serving is not None and serving in self.world.checkouts[at].versions:
            scores = self.deployers[at].status().score(rows(serving.content.columns))
            assert scores["prediction"].tolist() == [serving.content.answer] * 2, self.story

    # What an interrupted call left.

    def absorb(self, at: int, ends: list[World]) -> None:
        """Find out how far an interrupted call came: each part is as before it, or as after it, well or badly."""
        world, found = self.world, {model.id: model for model in self.place.client.models()}
        for model, model_id in self.model_ids.items():
            if model in world.models and model_id not in found:
                assert any(model not in end.models for end in ends), self.story
                del world.models[model]
        for model_id in found:
            listed = self.place.client.revisions(model_id)
            known = next((model for model, other in self.model_ids.items() if other == model_id), None)
            if known is None:
                known = next(model for model in ends[0].models if model not in world.models)
                self.model_ids[known] = model_id
                world.models[known], world.columns[known] = [], ends[0].columns[known]
            world.models[known] += ends[0].models.get(known, [])[len(world.models[known]) : len(listed)]
        world.orders = ends[-1].orders
        self.check_stored()
        live, candidates = self.deployed()
        while live and live[0].state not in {"ready", "failed"}:
            live, candidates = self.deployed()
        served = [next((self.revisions[d.model_id, d.revision] for d in kind), None) for kind in (live, candidates)]
        assert served[0] in {world.serving, *(end.serving for end in ends)}, (served, self.story)
        assert served[1] in {world.candidate, *(end.candidate for end in ends)}, (served, self.story)
        world.serving, world.candidate = served
        custom = live[0].custom.get(KEY, {}).get("log", []) if live else []
        told = [(one["action"], one.get("from"), one.get("to"), one["verification"]) for one in custom]
        world.told.log = self.fitting(told, [world.told.log, *(end.told.log for end in ends)])
        names = live[0].custom.get(KEY, {}).get("retired", {}) if live else {}
        world.told.retired = self.retired(names, [world, *ends], at)
        self.absorb_file(at, ends)

    def absorb_file(self, at: int, ends: list[World]) -> None:
        """Find out what an interrupted call wrote down."""
        here, then = self.world.checkouts[at], [end.checkouts[at] for end in ends]
        metadata = MetadataFile(self.folders[at] / "metadata.yaml").read()
        told = [(entry.action, entry.from_version, entry.to_version, entry.verification) for entry in metadata.log]
        # A call learns first what others did.
        learned = [one.log[:length] for one in then for length in range(len(here.log), len(one.log) + 1)]
        here.log = self.fitting(told, [here.log, *learned])
        here.retired = self.retired(metadata.retired, [self.world, *ends], at)
        names = Counter(first_name(version.name) for version in metadata.versions)
        # Old models are removed and forgotten one after the other.
        left = {model for model in self.world.columns if names >= Counter(self.names_of(here, model))}
        listed = [here.versions, *(one.versions for one in then), [one for one in here.versions if one.model in left]]
        fitting = [versions for versions in listed if Counter(map(self.world.names.get, versions)) == names]
        assert fitting, (names, self.story)
        here.versions = [*fitting[0]]
        pending = metadata.pending
        here.interrupted = (
            (pending.action, self.revisions[pending.model_id, pending.revision]) if pending is not None else None
        )
        here.names_deployment = metadata.deployment_uid is not None
        knows_nothing = not (metadata.versions or metadata.log)
        numbers = {model_id: model for model, model_id in self.model_ids.items()}
        here.names_model = numbers.get(metadata.model_uid or "") if knows_nothing else None
        samples = self.folders[at] / ".wml" / "samples"
        kept = {path.stem for path in samples.glob("*.json")}
        here.samples = {
            content for content, digest in self.digests.items() if digest.removeprefix("sha256:")[:32] in kept
        }

    def names_of(self, here: Checkout, model: int) -> list[str]:
        """List the names of a model's versions in a file."""
        return [self.world.names[one] for one in here.versions if one.model == model]

    def retired(self, names: Iterable[str], ends: list[World], at: int) -> set[Revision]:
        """Return the versions of these names, of those that the call may have retired."""
        known = {*names}
        here = [end.checkouts[at] for end in ends]
        possible = set().union(*(end.told.retired for end in ends), *(one.retired for one in here))
        possible |= {revision for one in here for revision in one.versions}
        return {revision for revision in possible if self.world.names.get(revision) in known}

    def fitting(self, told: list[Any], logs: list[list[Entry]]) -> list[Entry]:
        """Return the history that is told."""
        told = list(map(first_names, told))
        found = next((log for log in logs if told == [self.row(entry) for entry in log]), None)
        assert found is not None, (told, [[self.row(entry) for entry in log] for log in logs], self.story)
        return [*found]

    @property
    def digests(self) -> dict[Content, str]:
        """Content -> digest."""
        return {content: digest for digest, content in self.place.contents.items()}


def first_name(name: str) -> str:
    """Return the name that a version got first: recover makes another of it where two machines gave it unknowingly."""
    return name.partition("@")[0]


def first_names(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a row of the history with the names that the versions got first."""
    before, now = (name and first_name(name) for name in row[1:3])
    return row[0], before, now, row[3]


def written_by_hand(text: str) -> str:
    """Leave out the keys that the library owns."""
    kept, ours = [], False
    for line in text.splitlines(keepends=True):
        ours = line.startswith(OWNED) or (ours and line[0] in " -")
        kept += [] if ours else [line]
    return "".join(kept)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Prepare a service whose space nobody else uses, and the clock."""
    if any_service.ENABLED:
        pytest.skip("controls the embedded service")
    for name, module in list(sys.modules.items()):
        if name.startswith("wml_deployer._rollout") and getattr(module, "datetime", None) is datetime:
            monkeypatch.setattr(module, "datetime", Seconds)
    # Looks beside requests depend on the time; which requests a call sends must not.
    monkeypatch.setattr(lookups, "LOOK_AGAIN_SECONDS", float("inf"))
    monkeypatch.setattr(waiting, "FIRST_PAUSE_SECONDS", 0.005)
    contents = {digest_of(content): content for content in CONTENTS}
    with LocalServer(tmp_path / "service") as server:
        info = server.info
        credentials = SoftwareCredentials(
            url=info.url, username=info.username, apikey=info.apikey, ca_bundle=info.ca_bundle, space_id=info.space_id
        )
        client = connect(credentials)
        yield Place(server, credentials, client, tmp_path, contents)
        client.close()


def run_machine(place: Place, *, runs: int, steps: int, number: int) -> None:
    """Run a number of random sequences; the same number gives the same ones."""
    ProjectMachine.place = place
    run_state_machine_as_test(
        seed(number)(ProjectMachine),
        settings=settings(
            max_examples=runs,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_library_does_what_the_documentation_says(place: Place) -> None:
    """Answers, status, history, what is stored and deployed, and the user's bytes are the model's at every step."""
    run_machine(place, runs=50, steps=30, number=0)


@pytest.mark.exhaustive
@pytest.mark.timeout(36_000)
def test_the_library_does_so_in_thousands_of_sequences(place: Place) -> None:
    """The same for 2,000 longer sequences; WML_DEPLOYER_ORACLE_SHARD=2/8 runs the second eighth of them."""
    shard, _, shards = os.environ.get("WML_DEPLOYER_ORACLE_SHARD", "1/1").partition("/")
    run_machine(place, runs=2000 // int(shards), steps=50, number=int(shard))
