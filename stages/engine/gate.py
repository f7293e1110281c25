"""Gates: Great Expectations suites kept as data, run on a stage's tables."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from stages.engine.summary import EXAMPLES, name_of
from stages.engine.workspace import FactoryError

if TYPE_CHECKING:
    import pandas as pd

Suite = dict[str, list[dict[str, Any]]]
"""Table name to expectations (type, kwargs)."""
_COMMON = Path(__file__).with_name("gate.json")
TABLES = ("manifest", "photos", "rejects", "summary")


@dataclass(frozen=True)
class Check:
    """One expectation and what was seen."""

    table: str
    column: str | None
    expectation: str
    expected: str
    observed: str
    success: bool
    examples: list[str]
    """Keys of rows that break it."""

    def __str__(self) -> str:
        word = "passed" if self.success else "FAILED"
        keys = f", for example {', '.join(self.examples)}" if self.examples else ""
        return f"{word}: {self.table}: {self.expectation}({self.expected}) - {self.observed}{keys}"


@dataclass(frozen=True)
class GateResult:
    """A gate's verdict."""

    stage: str
    checks: list[Check]

    @property
    def success(self) -> bool:
        """All expectations hold."""
        return all(check.success for check in self.checks)

    @property
    def failures(self) -> list[Check]:
        """Those that do not."""
        return [check for check in self.checks if not check.success]

    def to_dict(self) -> dict[str, Any]:
        """For the run report."""
        return {
            "stage": self.stage,
            "success": self.success,
            "checks": list(map(asdict, self.checks)),
        }


def load_suite(folder: Path, thresholds: BaseModel) -> Suite:
    """The engine's own expectations and the stage's, with ``$param`` filled in.

    Raises:
        FactoryError: an expectation names a threshold that params.yaml's section does not have,
            or a table that no stage has.
    """
    suite: Suite = {}
    for path in (_COMMON, folder / "gate.json"):
        for table, expectations in json.loads(path.read_text()).items():
            if table not in TABLES:
                raise FactoryError(f"{path}: no table {table!r}; known: {', '.join(TABLES)}")
            suite.setdefault(table, []).extend(_resolve(e, thresholds, path) for e in expectations)
    return suite


def _resolve(value: Any, thresholds: BaseModel, path: Path) -> Any:
    if isinstance(value, dict) and set(value) == {"$param"}:
        name = value["$param"]
        if name not in type(thresholds).model_fields:
            raise FactoryError(f"{path}: threshold {name!r} is not in {type(thresholds).__name__}")
        return getattr(thresholds, name)
    if isinstance(value, dict):
        return {key: _resolve(item, thresholds, path) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolve(item, thresholds, path) for item in value]
    return value


def _check(table: str, frame: pd.DataFrame, outcome: Any) -> Check:
    config = outcome.expectation_config
    kwargs = {k: v for k, v in config.kwargs.items() if k != "batch_id"}
    result = outcome.result or {}
    error = (outcome.exception_info or {}).get("exception_message")
    if error is None and outcome.exception_info and not outcome.success:
        nested = [v for v in outcome.exception_info.values() if isinstance(v, dict)]
        error = next((v.get("exception_message") for v in nested), None)
    indices = result.get("unexpected_index_list") or []
    rows = [frame.iloc[i] for i in indices[:EXAMPLES] if isinstance(i, int)]
    observed = result.get("observed_value")
    if error:
        observed = error
    elif len(frame) == 1 and kwargs.get("column") in frame.columns:
        observed = frame[kwargs["column"]].iloc[0]
    elif observed is None and result.get("partial_unexpected_list"):
        observed = f"{result['unexpected_count']} rows, values {result['partial_unexpected_list']}"
    return Check(
        table=table,
        column=kwargs.get("column"),
        expectation=config.type,
        expected=", ".join(f"{k}={v}" for k, v in kwargs.items()),
        observed="as expected" if observed is None else f"observed {observed}",
        success=bool(outcome.success),
        examples=[name_of(row["key"], row.get("variant")) for row in rows if "key" in row],
    )


def _with_examples(check: Check, examples: Callable[[str], list[str]]) -> Check:
    if check.success or check.column is None:
        return check
    return replace(check, examples=examples(check.column))


def run(
    stage: str,
    suite: Suite,
    tables: Mapping[str, Sequence[dict[str, Any]]],
    examples: Callable[[str], list[str]],
) -> GateResult:
    """Judge the tables. Tables without rows are judged by the summary alone.

    `examples` names photos or variants behind a number of the summary, by its column.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    import pandas as pd

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # pyright: ignore[reportAttributeAccessIssue]
    source = context.data_sources.add_pandas(stage)
    checks: list[Check] = []
    for table, expectations in sorted(suite.items()):
        rows = tables[table]
        if not rows:
            continue
        frame = pd.DataFrame(rows)
        batch = source.add_dataframe_asset(table).add_batch_definition_whole_dataframe("all")
        expectation_suite = gx.ExpectationSuite(
            name=f"{stage}.{table}",
            expectations=expectations,  # pyright: ignore[reportArgumentType]
        )
        validation = batch.get_batch({"dataframe": frame}).validate(
            expectation_suite,
            result_format={"result_format": "COMPLETE", "return_unexpected_index_query": False},
        )
        found = [_check(table, frame, outcome) for outcome in validation.results]
        if table == "summary":
            found = [_with_examples(check, examples) for check in found]
        checks += found
    return GateResult(stage, checks)
