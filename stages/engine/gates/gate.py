"""Gates: Great Expectations suites kept as data, run on a stage's tables.

An expectation asks whether the stage works. What is odd about one photo is a reject of that photo,
and what holds for the set as a whole (``of_the_set``) is not judged on a handful of photos.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from stages.engine.gates.suite import Expectation, Suite
from stages.engine.gates.summary import EXAMPLES, Summary, name_of

if TYPE_CHECKING:
    import pandas as pd

_ROW_COUNT = "expect_table_row_count_to_be_between"


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
    """Photos or variants that break it: keys, or paths once `message` is there."""
    message: str = ""
    """Of a failed one: what is wrong and what to do (`complaint.explain`)."""

    def __str__(self) -> str:
        word = "passed" if self.success else "FAILED"
        what = f"{self.table}: {self.expectation}({self.expected}) - {self.observed}"
        return f"{word}: {self.message or what}"


@dataclass(frozen=True)
class GateResult:
    """A gate's verdict."""

    stage: str
    checks: list[Check]
    not_judged: int = 0
    """Expectations of the set that too few photos stand behind."""

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
            "not_judged": self.not_judged,
            "checks": list(map(asdict, self.checks)),
        }


def _check(expectation: Expectation, frame: pd.DataFrame, outcome: Any) -> Check:
    kwargs = expectation.kwargs
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
    elif expectation.table == "summary" and kwargs.get("column") in frame.columns:
        observed = frame[kwargs["column"]].iloc[0]
    elif observed is None and result.get("partial_unexpected_list"):
        rows_told = f"{result['unexpected_count']} of {len(frame)} rows"
        observed = f"{rows_told}, values {result['partial_unexpected_list']}"
    return Check(
        table=expectation.table,
        column=kwargs.get("column"),
        expectation=expectation.type,
        expected=", ".join(f"{k}={v}" for k, v in kwargs.items()),
        observed="as expected" if observed is None else f"observed {observed}",
        success=bool(outcome.success),
        examples=[name_of(row["key"], row.get("variant")) for row in rows if "key" in row],
    )


def _too_few(expectation: Expectation, summary: Summary, least: int) -> bool:
    """Whether a number of the set stands on too few photos to say anything of the stage."""
    column = expectation.kwargs.get("column")
    if not expectation.of_the_set:
        return False
    if expectation.table == "summary" and not summary.known(column):
        return True
    return summary.photos_behind(column) < least


def run(
    suite: Suite,
    tables: Mapping[str, Sequence[dict[str, Any]]],
    summary: Summary,
    complain: Callable[[Check, Expectation], Check] = lambda check, _: check,
) -> GateResult:
    """Judge the tables and the summary.

    Of a table without rows only the number of rows is judged. `complain` puts a failed check into
    words.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    import pandas as pd

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # pyright: ignore[reportAttributeAccessIssue]
    source = context.data_sources.add_pandas(suite.stage)
    judged = [e for e in suite.expectations if not _too_few(e, summary, suite.least_photos)]
    checks: list[Check] = []
    for table, rows in sorted({**tables, "summary": [summary.numbers]}.items()):
        mine = [e for e in judged if e.table == table and (rows or e.type == _ROW_COUNT)]
        if not mine:
            continue
        frame = pd.DataFrame(rows)
        batch = source.add_dataframe_asset(table).add_batch_definition_whole_dataframe("all")
        expectations: list[Any] = [_config(e, number, bool(rows)) for number, e in enumerate(mine)]
        validation = batch.get_batch({"dataframe": frame}).validate(
            gx.ExpectationSuite(name=f"{suite.stage}.{table}", expectations=expectations),
            result_format={"result_format": "COMPLETE", "return_unexpected_index_query": False},
        )
        for outcome in validation.results:
            config: Any = outcome.expectation_config
            expectation = mine[config.meta["number"]]
            check = _check(expectation, frame, outcome)
            if not check.success and table == "summary":
                check = replace(check, examples=summary.examples(check.column or ""))
            checks.append(check if check.success else complain(check, expectation))
    return GateResult(suite.stage, checks, len(suite.expectations) - len(judged))


def _config(expectation: Expectation, number: int, rows: bool) -> dict[str, Any]:
    """For Great Expectations. A table without rows has no columns that a condition could name."""
    conditions = () if rows else ("row_condition", "condition_parser")
    kwargs = {name: v for name, v in expectation.kwargs.items() if name not in conditions}
    return {"type": expectation.type, "kwargs": kwargs, "meta": {"number": number}}
