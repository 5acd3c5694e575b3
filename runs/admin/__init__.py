"""Runs and prices in the admin."""

from runs.admin.prices import ModelPriceAdmin
from runs.admin.runs import RunAdmin

__all__ = ["ModelPriceAdmin", "RunAdmin"]
