"""A project with two checkouts, as the documentation describes what each verb does to it: no service, and no file."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple

from wml_deployer.errors import ConflictError, RolloutError, VersionError


class Content(NamedTuple):
    """A model that answers one number for any row of so many columns."""

    answer: int
    columns: int


class Revision(NamedTuple):
    """One frozen content: the service numbers the revisions of each model asset, and the project orders all of them."""

    order: int
    model: int
    number: int
    content: Content


class Entry(NamedTuple):
    """One line of the history; the order tells which of two happened first."""

    order: int
    action: str
    before: Revision | None
    now: Revision | None
    verification: str


class Refused(Exception):  # noqa: N818 - an outcome, which tests expect
    """The verb raises one of the errors given; the model has changed as far as the failed call changes anything."""


@dataclass
class Checkout:
    """What one machine has: its project's files and its folder of samples."""

    versions: list[Revision] = field(default_factory=list)
    log: list[Entry] = field(default_factory=list)
    retired: set[Revision] = field(default_factory=set)  # no longer stored; their names stay taken
    samples: set[Content] = field(default_factory=set)
    interrupted: tuple[str, Revision] | None = None  # the action that began, and what it serves
    names_deployment: bool = False
    names_model: int | None = None  # in metadata.yaml alone, where a call was killed before it wrote metadata.lock


@dataclass
class World:
    """The deployment space, and two checkouts of the project."""

    checkouts: list[Checkout] = field(default_factory=lambda: [Checkout(), Checkout()])
    models: dict[int, list[Revision]] = field(default_factory=dict)
    columns: dict[int, int] = field(default_factory=dict)
    serving: Revision | None = None
    candidate: Revision | None = None
    told: Checkout = field(default_factory=Checkout)  # the log and the retired versions that the deployment keeps
    orders: count[int] = field(default_factory=count)
    names: dict[Revision, str] = field(default_factory=dict)  # chosen by the library

    def store(self, at: int, content: Content, *, sample: bool = True) -> Revision:
        """Freeze a content once, whoever stored it first."""
        return self._stored(self.opened(at), content, sample=sample)[0]

    def deploy(self, at: int, content: Content, *, sample: bool = True, works: bool = True) -> None:
        """Make the first deployment; one that fails its verification leaves nothing behind."""
        here = self.opened(at)
        if self.serving is not None:
            self._refuse_unknown(here)
            if not self._find(here.versions, content) or self._stored(here, content, sample=sample)[0] != self.serving:
                raise Refused(ConflictError)
        self.release(at, content, sample=sample, works=works)

    def update(self, at: int, content: Content, **options: bool) -> None:
        """Serve a content in place of what serves."""
        self.opened(at)
        self._require_deployment()
        self.release(at, content, **options)

    def release(self, at: int, content: Content, *, sample: bool = True, works: bool = True) -> None:
        """Deploy the first time, then update."""
        here = self.opened(at)
        if self.serving is None:
            return self._deploy(here, content, sample=sample, works=works)
        self._refuse_unknown(here)
        return self._switch(here, "update", self._stored(here, content, sample=sample)[0], works=works)

    def rollback(self, at: int, to: Revision | None = None, *, works: bool = True) -> None:
        """Go back to a named version, or to the one that was live before."""
        here = self.checkouts[at]
        self._require_deployment()
        self._refuse_unknown(here)
        if to is not None and to not in set(here.versions) & set(self.stored()):
            raise Refused(VersionError)
        chosen = to or self.rollback_target(here)
        resumed = here.interrupted is not None and here.interrupted[1] == self.serving
        if chosen is None or (chosen == self.serving == live(here.log) and not resumed):
            raise Refused(VersionError)
        self._switch(here, "rollback", chosen, works=works)

    def start_candidate(self, at: int, content: Content, *, sample: bool = True, works: bool = True) -> None:
        """Deploy a content beside what is live, in place of an earlier candidate."""
        here = self.opened(at)
        self._refuse_unknown(here, candidate=True)
        self.candidate, _ = self._stored(here, content, sample=sample)
        if not works and content in here.samples:
            self.candidate = None
            raise Refused(RolloutError)

    def promote(self, at: int, *, works: bool = True) -> None:
        """Serve the candidate's version, and remove the candidate."""
        self._require_deployment()
        self._switch(self.checkouts[at], "update", self._required_candidate(at), works=works)
        self.discard(at)

    def discard(self, at: int) -> None:
        """Remove the candidate."""
        self._required_candidate(at)
        self.candidate = None

    def prune(self, at: int, keep: int) -> list[Revision]:
        """Delete the models that hold old versions alone."""
        here = self.checkouts[at]
        self._refuse_unknown(here, candidate=True)
        kept = [*here.versions[max(0, len(here.versions) - keep) :], self.serving, self.candidate]
        kept += [live(here.log), self.rollback_target(here)] if live(here.log) else []
        models = {revision.model for revision in kept if revision}
        gone = [revision for revision in here.versions if revision.model not in models]
        removed = {revision.model for revision in gone}
        if not {revision for model in removed for revision in self.models.get(model, ())} <= set(gone):
            raise Refused(ConflictError)
        self.models = {model: revisions for model, revisions in self.models.items() if model not in removed}
        here.versions = [one for one in here.versions if one not in gone]
        here.retired.update(gone)
        self.told = self._known(here) if gone and self.serving else self.told
        return gone

    def delete(self, at: int, *, cascade: bool) -> None:
        """Remove the deployment; and if asked, the candidate and everything that is stored."""
        here = self.checkouts[at]
        self._refuse_unknown(here, candidate=True)
        if not (cascade and here.versions):
            self._require_deployment()
        if cascade and not set(self.stored()) <= set(here.versions):
            raise Refused(ConflictError)
        if here.names_deployment and live(here.log):
            here.log = [*here.log, Entry(next(self.orders), "delete", live(here.log), None, "skipped")]
        self.serving, self.told, here.names_deployment, here.interrupted = None, Checkout(), False, None
        if cascade:
            self.models, self.candidate, here.versions, here.retired = {}, None, [], here.retired | {*here.versions}

    def recover(self, at: int) -> None:
        """Learn what the space knows."""
        here = self.checkouts[at]
        here.retired |= self.told.retired | ({*here.versions} - {*self.stored()})
        here.log, here.versions = self._merged(here), sorted(self.stored())
        here.interrupted, here.names_model, here.names_deployment = None, None, self.serving is not None
        here.log += self._missed(here.log)

    def opened(self, at: int) -> Checkout:
        """Return a checkout that a model is brought to: one that knows nothing learns what the space knows."""
        here = self.checkouts[at]
        names_another = self.serving is not None and here.names_model not in {None, self.serving.model}
        if not (here.versions or here.log or names_another) and (self.stored() or self.serving):
            self.recover(at)
        return here

    def stored(self) -> list[Revision]:
        """List what is on the service."""
        return [revision for revisions in self.models.values() for revision in revisions]

    def name_is_taken(self, here: Checkout, name: str, content: Content) -> bool:
        """Say whether a name belongs to another content, as far as a checkout and the service know."""
        logged = [entry.now for entry in self._merged(here) if entry.now]
        known = [*self.stored(), *here.versions, *logged, *here.retired, *self.told.retired]
        return any(self.names.get(one) == name and one.content != content for one in known)

    def rollback_target(self, here: Checkout) -> Revision | None:
        """Return the last different version that was live and passed before the live one, whatever was interrupted."""
        if here.interrupted is not None and here.interrupted[1] == self.serving:
            if here.interrupted[0] == "rollback":
                return self.serving
            if live(here.log) not in {None, self.serving}:
                return live(here.log)
        listed = served(here.log)
        present = listed[-1] if live(here.log) else self.serving
        target = next((one for one in reversed(listed) if one != present and one in self.stored()), None)
        if target is not None and target not in here.versions:
            raise Refused(ConflictError)
        return target

    def _merged(self, here: Checkout) -> list[Entry]:
        return sorted({*here.log, *self.told.log})

    def _missed(self, log: list[Entry]) -> list[Entry]:
        """Return the entry that a history lacks because something was served without it."""
        action = "deploy" if live(log) is None else "rollback" if self.serving in served(log) else "update"
        missed = self.serving not in {None, live(log)}
        return [Entry(next(self.orders), action, live(log), self.serving, "skipped")] if missed else []

    def _refuse_unknown(self, here: Checkout, *, candidate: bool = False) -> None:
        """Refuse to act on what a file does not know; learn what the deployment says was live."""
        if self.serving is not None:
            if self.serving not in here.versions:
                raise Refused(ConflictError)
            log = self._merged(here)
            here.retired |= self.told.retired
            if here.interrupted is None or here.interrupted[1] != self.serving:
                log += self._missed(log) if live(log) else []
            here.log = log if live(log) else here.log
        if candidate and self.candidate not in {None, *here.versions}:
            raise Refused(ConflictError)

    def _require_deployment(self) -> None:
        if self.serving is None:
            raise Refused(VersionError, ConflictError)

    def _required_candidate(self, at: int) -> Revision:
        self._refuse_unknown(self.checkouts[at], candidate=True)
        if self.candidate is None:
            raise Refused(VersionError)
        return self.candidate

    def _find(self, revisions: list[Revision], content: Content) -> Revision | None:
        return next((one for one in reversed(revisions) if one.content == content and one in self.stored()), None)

    def _stored(self, here: Checkout, content: Content, *, sample: bool) -> tuple[Revision, bool]:
        """Return the revision of a content, and whether a model was made for it."""
        adoptable = [one for one in self.stored() if not self.name_is_taken(here, self.names.get(one, ""), content)]
        revision, made = self._find(here.versions, content) or self._find(adoptable, content), False
        if revision is None:
            fitting = [one for one in self.models if self.columns[one] == content.columns]
            model, made = fitting[0] if fitting else next(self.orders), not fitting
            self.columns[model] = content.columns
            numbered = self.models.setdefault(model, [])
            revision = Revision(next(self.orders), model, len(numbered) + 1, content)
            numbered.append(revision)
        here.versions += [] if revision in here.versions else [revision]
        here.samples, here.names_model = here.samples | ({content} if sample else set()), None
        return revision, made

    def _deploy(self, here: Checkout, content: Content, *, sample: bool, works: bool) -> None:
        revision, made = self._stored(here, content, sample=sample)
        if not works and content in here.samples:
            if made:
                here.versions.remove(self.models.pop(revision.model)[0])
            raise Refused(RolloutError)
        self._write(here, "deploy", None, revision, "passed" if content in here.samples else "skipped")
        self.serving = revision

    def _switch(self, here: Checkout, action: str, revision: Revision, *, works: bool) -> None:
        here.interrupted, proven = None, live(here.log)
        if self.serving == revision == proven:
            return
        action = "deploy" if proven is None and self.serving == revision else action
        sampled = revision.content in here.samples
        if works or not sampled:
            before = None if action == "deploy" else proven or self.serving
            self._write(here, action, before, revision, "passed" if sampled else "skipped")
            self.serving = revision
            return
        if action == "deploy" and proven is None:
            self.serving, self.told, here.names_deployment = None, Checkout(), False
        else:
            goes_back = proven not in {None, revision}
            self._write(here, action, proven if goes_back else self.serving, revision, "failed")
            if goes_back:
                self._write(here, "revert", revision, proven, "skipped")
            self.serving = proven or revision
        raise Refused(RolloutError)

    def _write(self, here: Checkout, *change: Any) -> None:
        here.log, here.names_deployment = [*self._merged(here), Entry(next(self.orders), *change)], True
        self.told = self._known(here)

    def _known(self, here: Checkout) -> Checkout:
        return Checkout(log=self._merged(here), retired=self.told.retired | here.retired)


def served(log: list[Entry]) -> list[Revision]:
    """Return the versions that were live, one after the other; a rollback takes away what came after its target."""
    found: list[Revision] = []
    for action, now in [(entry.action, entry.now) for entry in log if entry.now and entry.verification != "failed"]:
        if action in {"rollback", "revert"} and now in found:
            del found[len(found) - found[::-1].index(now) :]
        elif found[-1:] != [now]:
            found.append(now)
    return found


def live(log: list[Entry]) -> Revision | None:
    """Return the version that the history says is live."""
    return next((entry.now for entry in reversed(log) if entry.verification != "failed"), None)
