"""Runs one stage: computes what the store lacks, writes the output folder, runs the gate.

DVC calls it as ``python -m stages NAME``. It does not import Prefect.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from threading import Thread

from stages.engine import codes, plots
from stages.engine.attempts import MAX_ATTEMPTS, Attempts
from stages.engine.execution.executor import count_gpus, execute
from stages.engine.execution.leash import LEASHED, exit_with_starter
from stages.engine.execution.progress import Reporter
from stages.engine.execution.units import Ref, SourceUnits, Unit, Units, UpstreamUnits
from stages.engine.faults import save_traceback, user_message
from stages.engine.files import pretty_json, sha256_file, write_atomically
from stages.engine.gates import gate, names
from stages.engine.gates.messages import FailureMessages
from stages.engine.gates.suite import Suite, load_suite
from stages.engine.gates.summary import MEANINGS, Upstream, load_metrics, summarise
from stages.engine.printing import printable
from stages.engine.provenance import code_digest
from stages.engine.settings import Settings, load_settings, open_store
from stages.engine.stage import Reject, Stage
from stages.engine.storage.assemble import Assembly, ResultsLost, assemble
from stages.engine.storage.pairs import Pairs, make_pairs, with_photos
from stages.engine.storage.source_list import parts
from stages.engine.storage.store import Store
from stages.engine.storage.tables import (
    MANIFEST,
    METRICS,
    PHOTOS,
    Table,
    output_digest,
)
from stages.engine.workspace import FactoryError, Workspace

_CODE = "its code"
_TRACEBACKS = 20
"""Maximum number of tracebacks in the report."""


@dataclass(frozen=True)
class Work:
    """The photos that a stage has to process."""

    refs: list[Ref]
    units: Iterable[Unit]
    """The units of `refs`, made anew each time they are iterated."""
    refused: list[Reject]
    """Lines of the source list that are rejected without opening their file."""
    upstream: Upstream


def gather(stage: Stage, workspace: Workspace) -> Work:
    """Gather all units of a stage from its upstream outputs, or from the source list.

    Raises:
        FactoryError: an upstream stage has no output, or two photos have the same key.
    """
    if stage.reads:
        return _gather_upstream(stage, workspace)
    entries, refused = stage.entries(workspace.sources)
    keys = [entry.key for entry in entries] + [reject.key for reject in refused]
    if twice := [key for key, count in Counter(keys).items() if count > 1]:
        raise FactoryError(f"{stage.name}: the source list has the key {twice[0]} twice")
    units = SourceUnits(stage, entries)
    return Work(_refer(units), units, refused, Upstream(keys))


def _gather_upstream(stage: Stage, workspace: Workspace) -> Work:
    units = UpstreamUnits(stage, workspace.data)
    refs = _refer(units)
    upstream = Upstream([ref.key for ref in refs], _incoming_variants(stage, workspace))
    return Work(refs, units, [], upstream)


def _refer(units: Iterable[Unit]) -> list[Ref]:
    return [Ref(unit.key, unit.position, unit.store_key) for unit in units]


def _incoming_variants(stage: Stage, workspace: Workspace) -> Pairs:
    """Return the variants of the incoming photos, from the nearest upstream stage whose rows are
    variants."""
    direct = workspace.stage(next(iter(stage.reads)))
    for name in stage.reads:
        rows = Table(workspace.stage(name) / MANIFEST)
        if rows and "variant" in rows.names:
            pairs = rows.select(("key", "variant")).arrow()
            photos = Table(direct / PHOTOS, ("key",)).arrow()["key"]
            return with_photos(pairs, photos)
        if not rows and _read_variants_in(workspace.stage(name)):  # it rejected all of them
            break
    return make_pairs()


def _read_variants_in(folder: Path) -> int:
    return json.loads((folder / METRICS).read_bytes()).get("variants_in", 0)


@dataclass(frozen=True)
class _Job:
    """Brings a stage's output folder up to date."""

    stage: Stage
    store: Store
    work: Work
    settings: Settings
    code: str
    workspace: Workspace
    attempts: Attempts
    tracebacks: dict[str, str] = field(default_factory=dict)
    """Photo key to the traceback of its internal error, or of where it hung."""

    def run(self) -> tuple[Assembly, int]:
        """Compute and assemble; return the assembly and the number of photos computed.

        Each result is read once, when the folder is written. If one is damaged, it is computed
        again and the folder written again.
        """
        failures, computed = self._compute([])
        try:
            return self._assemble(failures), computed
        except ResultsLost:
            failures, again = self._compute(failures)
            return self._assemble(failures), computed + again

    def _compute(self, failures: list[Reject]) -> tuple[list[Reject], int]:
        """Fill the store; return the failures so far and the number of photos computed.

        A failed photo leaves nothing in the store. Those in `failures` are not tried again.
        """
        failed = {reject.key for reject in failures}
        refs = [ref for ref in self.work.refs if ref.key not in failed]
        missing = self.store.find_missing(ref.store_key for ref in refs)
        given_up = self.attempts.give_up(missing)
        missing -= given_up.keys()
        todo = Units(self.work.units, {ref.key for ref in refs if ref.store_key in missing})
        name, total = self.stage.name, len(self.work.refs)
        path = self.workspace.reports / f"{name}.progress.json"
        workers = ""
        if given_up:
            print(
                f"{name}: photos given up after {MAX_ATTEMPTS} builds: {len(given_up)} "
                "(`flawfactory build --try-again`)"
            )
        if todo:
            gpus = count_gpus(self.stage)
            workers = self.settings.executor.describe_workers(len(todo), gpus)
            print(f"{name}: {len(todo)} photos to compute, {workers}", flush=True)
            if models := self.stage.describe_models():
                workers += f", to load {models}"
            Thread(target=gate.load_library, daemon=True).start()
        reporter = Reporter(name, total, total - len(todo), path, workers)
        failures = [*failures, *given_up.values()]
        for outcome in execute(self.stage, self.store, todo, self.settings.executor, self.code):
            failures += [outcome.failure] if outcome.failure else []
            if outcome.failure and outcome.try_again:
                self.attempts.add(outcome.unit, outcome.failure)
            if outcome.traceback and len(self.tracebacks) < _TRACEBACKS:
                self.tracebacks[outcome.unit.key] = outcome.traceback
            reporter.advance(outcome.rejected)
        return failures, len(todo)

    def _assemble(self, failures: list[Reject]) -> Assembly:
        folder = self.workspace.stage(self.stage.name)
        failures = failures + self.work.refused
        return assemble(self.stage, self.store, self.work.refs, failures, folder)


def _judge(
    stage: Stage, suite: Suite, work: Work, out: Assembly, workspace: Workspace
) -> gate.GateResult:
    """Summarise, write metrics and plots for DVC, run the suite."""
    aside = codes.aside_codes(stage.codes)
    upstream = work.upstream
    if stage.sifts_blocks:
        upstream = replace(upstream, variants=out.offered)
    summary = summarise(upstream, out.accepted, out.rows, out.rejects, aside, stage.counted)
    further = stage.numbers(out.rows)
    summary = replace(
        summary,
        numbers={**summary.numbers, **further},
        keys={**summary.keys, **stage.examples()},
    )
    folder = workspace.stage(stage.name)
    metrics = summary.metrics({*load_metrics(_folder_of(stage)), *further})
    write_atomically(folder / METRICS, pretty_json(metrics))
    outcomes = plots.count_outcomes(stage.name, metrics, out.rejects, aside)
    drawn = stage.plots(out.rows, out.rejects)
    plots.write_plots(folder, {plots.OUTCOMES: outcomes, **drawn})
    tables = {
        "manifest": out.rows,
        "photos": out.photos,
        "rejects": out.rejects.table,
    }

    @cache
    def messages() -> FailureMessages:
        # Only a failure reads the source list, which may be long.
        paths = names.file_names(workspace.sources, out.rejects)
        return FailureMessages(stage.name, summary.numbers, out.rejects, paths)

    return gate.run(
        suite, tables, summary, lambda check, expectation: messages().explain(check, expectation)
    )


def _folder_of(stage: Stage) -> Path:
    return Path(sys.modules[type(stage).__module__].__file__ or "").parent


def _input_digests(stage: Stage, workspace: Workspace, read: Iterable[Path]) -> dict[str, str]:
    """Return the digests of everything that a run depends on except its params, among it the files
    that the stage has `read`."""
    files = [*read, *(workspace.stage(name) / PHOTOS for name in stage.reads)]
    files += [part for half in stage.lists for part in parts(workspace.sources / half)]
    files += [_folder_of(stage) / name for name in ("gate.json", MEANINGS)]
    found = {str(path): sha256_file(path) if path.is_file() else "absent" for path in files}
    return {_CODE: code_digest(stage), **found}


def run(stage: Stage, workspace: Workspace) -> gate.GateResult:
    """Bring one stage's output folder up to date and run its gate.

    Raises:
        FactoryError: settings are wrong, weights are missing, or the code, the gate or an input
            changed while the stage ran (DVC would record the new version with results of the old).
    """
    start = time.monotonic()
    settings = load_settings(workspace)
    store = open_store(workspace, settings)
    suite = load_suite(stage, _folder_of(stage))
    read = stage.read_files(workspace)
    before = _input_digests(stage, workspace, read) | {str(p): d for p, d in read.items()}
    work = gather(stage, workspace)
    attempts = Attempts.of(workspace, stage.name)
    job = _Job(stage, store, work, settings, before[_CODE], workspace, attempts)
    out, computed = job.run()
    folder = workspace.stage(stage.name)
    verdict = _judge(stage, suite, work, out, workspace)
    after = _input_digests(stage, workspace, read)
    if changed := [name for name in before if before[name] != after[name]]:
        raise FactoryError(f"{stage.name}: {changed[0]} changed while it ran; run it again")
    aside_codes = codes.aside_codes(stage.codes)
    counts = plots.count_rejects(out.rejects)
    photos = Counter({code: n for (of_variant, code), n in counts.items() if not of_variant})
    variants = Counter({code: n for (of_variant, code), n in counts.items() if of_variant})
    aside = sum(photos[code] for code in aside_codes)
    variants_aside = sum(variants[code] for code in aside_codes)
    report = {
        "stage": stage.name,
        "photos": len(work.refs),
        "computed": computed,
        "rejected": photos.total() - aside,
        "aside": aside,
        "variants_rejected": variants.total() - variants_aside,
        "variants_aside": variants_aside,
        "reasons": photos + variants,
        "try_again": attempts.counts(given_up=False),
        "given_up": attempts.counts(given_up=True),
        "tracebacks": job.tracebacks,
        "rows": len(out.rows),
        "stored_bytes": store.size(ref.store_key for ref in work.refs),
        "output_bytes": sum(path.stat().st_size for path in folder.rglob("*")),
        "workers": settings.executor.worker_count(computed, count_gpus(stage)) if computed else 0,
        "seconds": round(time.monotonic() - start, 2),
        "gate": verdict.to_dict(),
        "thresholds": stage.params.gate.model_dump(mode="json"),
        "output": output_digest(folder),
    }
    if verdict.success:
        attempts.save()
    write_atomically(workspace.reports / f"{stage.name}.json", pretty_json(report))
    return verdict


def main(build: Callable[[Path], Stage]) -> None:
    """Entry point of ``python -m stages NAME``: exit 0, 1 (gate failed) or 2 (cannot run)."""
    if os.environ.get(LEASHED):
        exit_with_starter()
    try:
        workspace = Workspace.find()
        stage = build(workspace.root)
        verdict = run(stage, workspace)
        again = build(workspace.root)
        if (again.params, again.base) != (stage.params, stage.base):
            raise FactoryError(f"{stage.name}: params.yaml changed while it ran; run it again")
    except Exception as error:  # uncaught, it would exit with 1, as a failed gate does
        print(f"flawfactory: {user_message(error) or save_traceback(error)}", file=sys.stderr)
        sys.exit(2)
    passed = sum(check.success for check in verdict.checks)
    print(f"gate of {stage.name}: {passed} of {len(verdict.checks)} expectations met")
    for check in [*verdict.failures, *verdict.warnings]:
        print(printable(f"  {check}"), file=sys.stderr)
    sys.exit(0 if verdict.success else 1)
