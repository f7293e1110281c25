"""Gates: Great Expectations suites, kept as data and run on a stage's tables.

An expectation checks that the stage works. A single unusual photo is a reject of that photo, and a
mean or a share over the set (``of_the_set``) is not judged on fewer than ``min_photos`` photos.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from stages.engine.gates.suite import Expectation, Suite
from stages.engine.gates.summary import EXAMPLES, Summary, name_of
from stages.engine.storage.tables import Table, list_columns

if TYPE_CHECKING:
    import pandas as pd

_ROW_COUNT = "expect_table_row_count_to_be_between"
_COLUMN_SET = "expect_table_columns_to_match_set"
_COLUMN_ARGUMENTS = ("column", "column_A", "column_B")


@dataclass(frozen=True)
class Check:
    """The result of one expectation."""

    table: str
    column: str | None
    expectation: str
    """Great Expectations' name of the type."""
    expected: str
    """The arguments of the expectation."""
    observed: str
    success: bool
    examples: list[str]
    """Photos or variants that violate it: keys, or file names if `message` is set."""
    message: str = ""
    """If it failed: what is wrong and what to do (see `messages.FailureMessages`)."""
    warns: bool = False
    """Whether a failure of it is only a warning."""

    def __str__(self) -> str:
        status = "passed" if self.success else "warning" if self.warns else "FAILED"
        what = f"{self.table}: {self.expectation}({self.expected}) - {self.observed}"
        return f"{status}: {self.message or what}"


@dataclass(frozen=True)
class GateResult:
    """A gate's verdict on one run of a stage."""

    stage: str
    checks: list[Check]
    not_judged: int = 0
    """Number of expectations that were skipped because they rest on too few photos."""

    @property
    def success(self) -> bool:
        """Whether all expectations are met, apart from those that only warn."""
        return not self.failures

    @property
    def failures(self) -> list[Check]:
        """The checks that failed, apart from warnings."""
        return [check for check in self.checks if not check.success and not check.warns]

    @property
    def warnings(self) -> list[Check]:
        """The checks that failed and only warn."""
        return [check for check in self.checks if not check.success and check.warns]

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict for the run report."""
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
    elif observed is None and (values := result.get("partial_unexpected_list")):
        different = [value for n, value in enumerate(values) if value not in values[:n]]
        observed = f"{result['unexpected_count']} of {len(frame)} rows, values {different}"
    return Check(
        table=expectation.table,
        column=kwargs.get("column"),
        expectation=expectation.type,
        expected=", ".join(f"{k}={v}" for k, v in kwargs.items()),
        observed="as expected" if observed is None else f"observed {observed}",
        success=bool(outcome.success),
        examples=[name_of(row["key"], row.get("variant")) for row in rows if "key" in row],
        warns=expectation.warns,
    )


def _lacks_photos(expectation: Expectation, summary: Summary, min_photos: int) -> bool:
    """Whether the expectation is about the set and its number rests on too few photos."""
    column = expectation.kwargs.get("column")
    if not expectation.of_the_set:
        return False
    if expectation.table == "summary" and not summary.has_column(column):
        return True
    return summary.count_photos(column) < min_photos


def _make_frame(
    rows: Sequence[dict[str, Any]], expectations: Sequence[Expectation]
) -> pd.DataFrame:
    """Return the rows with the columns that the expectations and their examples need."""
    import pandas as pd

    if not isinstance(rows, Table):
        return pd.DataFrame(rows)
    named = {"key", "variant"}
    conditions = ""
    for expectation in expectations:
        kwargs = expectation.kwargs
        named |= {kwargs[name] for name in _COLUMN_ARGUMENTS if name in kwargs}
        named |= set(kwargs.get("column_list", ()))
        conditions += kwargs.get("row_condition", "")
    needed = [name for name in rows.names if name in named or name in conditions]
    return rows.select(needed).arrow().to_pandas()


def load_library() -> None:
    """Import Great Expectations, which takes seconds: while workers compute, nobody waits for it.

    Does nothing if the import fails; `run` then raises the error.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    with suppress(Exception):
        import_module("great_expectations")


def run(
    suite: Suite,
    tables: Mapping[str, Sequence[dict[str, Any]]],
    summary: Summary,
    explain: Callable[[Check, Expectation], Check] = lambda check, _: check,
) -> GateResult:
    """Check the tables and the summary against the suite.

    In a table without rows only the number of rows is checked.

    Args:
        suite: the expectations.
        tables: table name to rows. Of a `Table` only the columns that are needed are read.
        summary: the table ``summary``.
        explain: adds the message to a failed check.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    import pandas as pd

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # pyright: ignore[reportAttributeAccessIssue]
    source = context.data_sources.add_pandas(suite.stage)
    judged = [e for e in suite.expectations if not _lacks_photos(e, summary, suite.min_photos)]
    checks: list[Check] = []
    for table, rows in sorted({**tables, "summary": [summary.numbers]}.items()):
        own = [e for e in judged if e.table == table and (rows or e.type == _ROW_COUNT)]
        # What is about the names of columns needs no rows, and nothing else all columns.
        about_names = [e for e in own if e.type == _COLUMN_SET]
        about_rows = [e for e in own if e.type != _COLUMN_SET]
        for name, part, frame in (
            (f"{table} columns", about_names, pd.DataFrame(columns=pd.Index(list_columns(rows)))),
            (table, about_rows, _make_frame(rows, about_rows)),
        ):
            if not part:
                continue
            batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")
            expectations: list[Any] = [_config(e, n, bool(rows)) for n, e in enumerate(part)]
            validation = batch.get_batch({"dataframe": frame}).validate(
                gx.ExpectationSuite(name=f"{suite.stage}.{name}", expectations=expectations),
                result_format={"result_format": "COMPLETE", "return_unexpected_index_query": False},
            )
            for outcome in validation.results:
                config: Any = outcome.expectation_config
                expectation = part[config.meta["number"]]
                check = _check(expectation, frame, outcome)
                if not check.success and table == "summary":
                    check = replace(check, examples=summary.examples(check.column or ""))
                checks.append(check if check.success else explain(check, expectation))
    return GateResult(suite.stage, checks, len(suite.expectations) - len(judged))


def _config(expectation: Expectation, number: int, rows: bool) -> dict[str, Any]:
    """Return Great Expectations' configuration of an expectation.

    Conditions are left out for a table without rows, which has no columns that they could name.
    """
    conditions = () if rows else ("row_condition", "condition_parser")
    kwargs = {name: v for name, v in expectation.kwargs.items() if name not in conditions}
    return {"type": expectation.type, "kwargs": kwargs, "meta": {"number": number}}
