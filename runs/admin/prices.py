"""Prices of models in the admin."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextareaWidget

from access.admin_base import PortalModelAdmin, RefusableForm, deed
from access.callers import Caller
from access.roles import Role
from runs.models import ModelPrice
from runs.price_table import delete_price, save_price
from runs.prices import FIRST_DAY

# Enough to recognise a model by.
GLOBS_LISTED = 2


class ModelPriceForm(RefusableForm):
    """A row of the table; each rate in US dollars for a million tokens."""

    class Meta:
        model = ModelPrice
        fields = (
            *("label", "provider", "patterns", "valid_from", "input_usd", "output_usd"),
            *("cache_read_usd", "cache_write_5m_usd", "cache_write_1h_usd"),
        )
        widgets = {"patterns": UnfoldAdminTextareaWidget(attrs={"rows": 3})}


@admin.register(ModelPrice)
class ModelPriceAdmin(PortalModelAdmin):
    """Prices: the bundled list, and what admins add and change."""

    form = ModelPriceForm
    list_display = ("named", "provider", "models", "since", "read", "written", "cached", "kept_5m", "kept_1h")
    readonly_fields = ("origin",)
    list_filter = ("provider",)
    search_fields = ("label", "provider", "patterns")
    ordering = ("provider", "label", "-valid_from")
    deeds = ("delete_price",)
    fieldsets = (
        ("Which model", {"fields": ("label", "provider", "patterns", "valid_from", "origin")}),
        (
            "US dollars for a million tokens",
            {
                "fields": ("input_usd", "output_usd", "cache_read_usd", "cache_write_5m_usd", "cache_write_1h_usd"),
                "description": "A kind that is left empty costs what input costs. What has been priced keeps its price.",
            },
        ),
    )

    def visible(self, caller: Caller) -> QuerySet:
        """All of them: prices are the same for every project."""
        return ModelPrice.objects.all()

    def save_by_verb(self, request: HttpRequest, caller: Caller, obj: Any, form: forms.ModelForm, change: bool) -> str:
        """Add or change a row."""
        save_price(caller, obj)
        return "save_price"

    @deed(
        "Delete",
        command="delete_price",
        role=Role.ADMIN,
        look="bad",
        asks="Delete the price of “{name}”? Runs of this model that come later have no price then.",
    )
    def delete_price(self, request: HttpRequest, caller: Caller, price: ModelPrice, answers: dict[str, Any]) -> str:
        """Delete a row that has priced nothing."""
        delete_price(caller, price)
        return f"Deleted the price of {price.label}."

    @admin.display(description="model", ordering="label")
    def named(self, price: ModelPrice) -> str:
        """What it is called."""
        return price.label

    @admin.display(description="named")
    def models(self, price: ModelPrice) -> SafeString:
        """The first globs."""
        named = format_html_join(", ", "<code>{}</code>", [(glob,) for glob in price.patterns[:GLOBS_LISTED]])
        more = len(price.patterns) - GLOBS_LISTED
        rest = format_html(' <span class="quiet">and {} more</span>', more) if more > 0 else ""
        return format_html('<span class="title-cell">{}{}</span>', named, rest)

    @admin.display(description="valid from", ordering="valid_from")
    def since(self, price: ModelPrice) -> SafeString | str:
        """The first day, or that there is none."""
        if price.valid_from <= FIRST_DAY:
            return format_html('<span class="quiet">{}</span>', "always")
        return date_format(price.valid_from, "j M Y")

    @admin.display(description="input", ordering="input_usd")
    def read(self, price: ModelPrice) -> SafeString:
        """Rate of input."""
        return _rate(price.input_usd)

    @admin.display(description="output", ordering="output_usd")
    def written(self, price: ModelPrice) -> SafeString:
        """Rate of output."""
        return _rate(price.output_usd)

    @admin.display(description="cache read", ordering="cache_read_usd")
    def cached(self, price: ModelPrice) -> SafeString:
        """Rate of reading a cache."""
        return _rate(price.cache_read_usd)

    @admin.display(description="write 5 min", ordering="cache_write_5m_usd")
    def kept_5m(self, price: ModelPrice) -> SafeString:
        """Rate of writing a cache for 5 minutes."""
        return _rate(price.cache_write_5m_usd)

    @admin.display(description="write 1 h", ordering="cache_write_1h_usd")
    def kept_1h(self, price: ModelPrice) -> SafeString:
        """Rate of writing a cache for an hour."""
        return _rate(price.cache_write_1h_usd)

    @admin.display(description="rates from")
    def origin(self, price: ModelPrice) -> str:
        """Where the rates are from, and how often they were changed."""
        return f"{price.source or '–'}, version {price.version}" if price.pk else "–"


def _rate(rate: Decimal | None) -> SafeString:
    """A rate with the decimals that it has, two at least."""
    if rate is None:
        return format_html('<span class="quiet">{}</span>', "as input")
    exact = f"{rate.normalize():f}"
    return format_html('<span class="figures">{}</span>', exact if len(exact.partition(".")[2]) > 2 else f"{rate:.2f}")
