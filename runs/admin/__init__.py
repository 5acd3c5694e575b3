"""Runs, prices and budgets in the admin."""

from runs.admin.budgets import BudgetAdmin
from runs.admin.prices import ModelPriceAdmin
from runs.admin.runs import RunAdmin

__all__ = ["BudgetAdmin", "ModelPriceAdmin", "RunAdmin"]
