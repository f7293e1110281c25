"""Report a build's calls to models over the network and their cost, from the checkout's ledger."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich import box
from rich.table import Table

from stages.engine.workspace import Workspace
from stages.models.chat.ledger import NAME, Account, Ledger
from stages.models.chat.settings import load_call_settings


def read_accounts(
    workspace: Workspace, since: float = 0.0, stage: str | None = None
) -> list[Account]:
    """Sum up the calls since `since` (seconds since the epoch) by stage, question and model.

    Empty if no call was ever made.
    """
    path = workspace.calls / NAME
    if not path.exists():
        return []
    found = Ledger(path, load_call_settings(workspace)).accounts(since)
    return [account for account in found if stage in (None, account.stage)]


def format_money(found: Sequence[Account]) -> str:
    """Format the total cost as ``0.1200``; count calls of unknown price apart."""
    unpriced = sum(account.unpriced for account in found)
    known = f"{sum(account.money for account in found):.4f}"
    if not unpriced:
        return known
    unknown = f"{unpriced} of unknown price"
    return unknown if all(a.unpriced == a.sent for a in found) else f"{known} and {unknown}"


def account_rows(found: Sequence[Account]) -> list[dict[str, str | int]]:
    """Format the accounts as table rows, for a Prefect artifact or the terminal."""
    return [
        {
            "stage": account.stage,
            "question": account.purpose,
            "model": account.model,
            "sent": account.sent,
            "from cache": account.kept,
            "turned away": account.refused,
            "lost": account.lost,
            "tokens in": account.input_tokens,
            "tokens out": account.output_tokens,
            "money": format_money([account]),
        }
        for account in found
    ]


def describe_total(workspace: Workspace) -> str:
    """Describe what all builds spent, and the budget with what counts against it."""
    calls = load_call_settings(workspace)
    spent = f"spent in all builds: {format_money(read_accounts(workspace))}; "
    if calls.budget is None:
        return spent + "no budget is set"
    bound = f"the budget is {calls.budget:g}"
    if calls.budget_days is None:
        return spent + bound
    counted = format_money(read_accounts(workspace, calls.budget_start(time.time())))
    return f"{spent}{bound} for {calls.budget_days:g} days, of which {counted} are spent"


def spending_table(workspace: Workspace, since: float) -> Table | None:
    """Build a table of the calls since `since`; None if there were none."""
    found = account_rows(read_accounts(workspace, since))
    if not found:
        return None
    table = Table(title="calls to models", caption=describe_total(workspace), box=box.SIMPLE_HEAD)
    for name, value in found[0].items():
        table.add_column(name, justify="right" if isinstance(value, int) else "left")
    for row in found:
        table.add_row(*map(str, row.values()))
    return table
