"""Prices of models: which row holds for a model on a day, and what tokens cost by it.

The table starts as a copy of the snapshot that the package genai-prices carries; owners change and add rows. What has
been priced keeps its price: a change of the table rewrites nothing by itself.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django.db.models import Count, Max
from django.utils import timezone

from runs.models import ModelPrice
from runs.tokens import TokenCounts

PER_MILLION = Decimal(1_000_000)
COST_STEP = Decimal("0.000001")
SEED_SOURCE = "genai-prices"
FIRST_DAY = date(2020, 1, 1)
# Those who make models, in the snapshot's words; resellers price the same names otherwise.
SEEDED_PROVIDERS = (
    *("anthropic", "openai", "google", "x-ai", "mistral", "deepseek", "moonshotai", "zai", "minimax", "meta", "cohere"),
)
# What Anthropic asks for a cache entry of an hour, as a multiple of input (its price list); the snapshot lacks it for old models.
HOUR_WRITE_OF_INPUT = Decimal(2)


def price_for(model: str, day: date) -> ModelPrice | None:
    """The price of a model on a day, or None for a model that no row names.

    model: as an agent reports it; letter case, a provider's prefix (`anthropic/…`) and a note in brackets (`…[1m]`)
    do not count. Of the rows whose pattern fits, the most specific pattern wins, then the newest row valid that day.
    """
    known = ModelPrice.objects.aggregate(rows=Count("pk"), newest=Max("updated_at"))
    if not known["rows"]:
        return None
    return _price_in(known["rows"], known["newest"], folded_name(model), day)


def prices_for(wanted: Iterable[tuple[str, date]]) -> dict[tuple[str, date], ModelPrice | None]:
    """The prices of many (model, day), as price_for finds each, with one look at the table."""
    known = ModelPrice.objects.aggregate(rows=Count("pk"), newest=Max("updated_at"))
    if not known["rows"]:
        return dict.fromkeys(wanted)
    return {(model, day): _price_in(known["rows"], known["newest"], folded_name(model), day) for model, day in wanted}


@lru_cache(maxsize=4096)
def _price_in(rows: int, newest: datetime, model: str, day: date) -> ModelPrice | None:
    names = (model, model.rpartition("/")[2])
    best: tuple[tuple[int, date], ModelPrice] | None = None
    for pattern in _patterns(rows, newest):
        if pattern.price.valid_from <= day and any(pattern.fits(name) for name in names):
            weight = (pattern.weight, pattern.price.valid_from)
            if best is None or weight > best[0]:
                best = (weight, pattern.price)
    return best[1] if best else None


@dataclass(frozen=True)
class _Pattern:
    """One glob of a price. weight: its literal characters; a name without a star outweighs every glob."""

    price: ModelPrice
    expression: re.Pattern[str]
    weight: int

    def fits(self, name: str) -> bool:
        return self.expression.fullmatch(name) is not None


@lru_cache(maxsize=2)
def _patterns(rows: int, newest: datetime) -> list[_Pattern]:
    """The table's globs, read again whenever the table has changed."""
    return [
        _Pattern(price, _compiled(glob), len(glob.replace("*", "").replace("?", "")) + 1000 * (not _is_glob(glob)))
        for price in ModelPrice.objects.all()
        for glob in price.patterns
    ]


def _is_glob(text: str) -> bool:
    return "*" in text or "?" in text


def _compiled(glob: str) -> re.Pattern[str]:
    return re.compile(re.escape(folded_name(glob)).replace(r"\*", ".*").replace(r"\?", "."))


def folded_name(model: str) -> str:
    """A model's name as prices compare it: letter case and a note in brackets do not count."""
    return re.sub(r"\[[^\]]*\]$", "", model.strip().casefold())


def cost_of(price: ModelPrice, tokens: TokenCounts) -> Decimal:
    """US dollars of these tokens, rounded to a millionth. A kind without a rate costs what input costs."""
    return _sum(price, tokens).quantize(COST_STEP)


def savings_of(price: ModelPrice, tokens: TokenCounts) -> Decimal:
    """What the same tokens would have cost more had nothing been cached; negative when writing cost more than it saved."""
    uncached = (
        price.input_usd
        * ((tokens.tokens_cache_read or 0) + (tokens.tokens_cache_write_5m or 0) + (tokens.tokens_cache_write_1h or 0))
        / PER_MILLION
    )
    cached = _sum(
        price,
        TokenCounts(
            tokens_cache_read=tokens.tokens_cache_read,
            tokens_cache_write_5m=tokens.tokens_cache_write_5m,
            tokens_cache_write_1h=tokens.tokens_cache_write_1h,
        ),
    )
    return (uncached - cached).quantize(COST_STEP)


def _sum(price: ModelPrice, tokens: TokenCounts) -> Decimal:
    def rate(given: Decimal | None, otherwise: Decimal) -> Decimal:
        return otherwise if given is None else given

    write = rate(price.cache_write_5m_usd, price.input_usd)
    return (
        (tokens.tokens_input or 0) * price.input_usd
        + (tokens.tokens_output or 0) * price.output_usd
        + (tokens.tokens_cache_read or 0) * rate(price.cache_read_usd, price.input_usd)
        + (tokens.tokens_cache_write_5m or 0) * write
        + (tokens.tokens_cache_write_1h or 0) * rate(price.cache_write_1h_usd, write)
    ) / PER_MILLION


# --- the snapshot ----------------------------------------------------------------------------------------------------


def seed_prices(sender: Any = None, **_: Any) -> int:
    """Add the snapshot's prices that the table lacks; answers how many. Nothing that stands there is changed.

    A rate that differs from the one seeded before, as after an update of the package, holds from today on. Rows that an
    owner made or changed are left alone. As a receiver of post_migrate it acts once, after this app's own tables.
    """
    if sender is not None and sender.name != "runs":
        return 0
    standing = {(row.provider, row.label, row.valid_from): row for row in ModelPrice.objects.order_by("valid_from")}
    newest = {(row.provider, row.label): row for row in standing.values()}
    missing = []
    for price in snapshot_prices():
        same = standing.get((price.provider, price.label, price.valid_from))
        if same is not None:
            last = newest[price.provider, price.label]
            untouched = same.source.startswith(SEED_SOURCE) and same.version == 1 and last is same
            if not untouched or rates_of(same) == rates_of(price):
                continue
            price.valid_from = timezone.now().date()
            if (price.provider, price.label, price.valid_from) in standing:
                continue
        missing.append(price)
    ModelPrice.objects.bulk_create(missing, ignore_conflicts=True)
    return len(missing)


RATES = ("input_usd", "output_usd", "cache_read_usd", "cache_write_5m_usd", "cache_write_1h_usd")


def rates_of(price: ModelPrice) -> tuple[Decimal | None, ...]:
    """The five rates, in the order of RATES."""
    return tuple(getattr(price, name) for name in RATES)


def snapshot_prices() -> list[ModelPrice]:
    """The snapshot's prices as unsaved rows: base rates for text, one row for each date that they change on."""
    # Imported here: two thousand models that only a migration needs.
    from importlib.metadata import version

    from genai_prices.data import providers

    source = f"{SEED_SOURCE} {version(SEED_SOURCE)}"
    found: dict[tuple[str, str, date], ModelPrice] = {}
    for provider in providers:
        if provider.id not in SEEDED_PROVIDERS:
            continue
        for model in provider.models:
            patterns = _globs(model.match)
            for valid_from, rates in _dated(model.prices):
                price = _seed(provider.id, model, patterns, valid_from, rates, source)
                if price is not None:
                    found[price.provider, price.label, price.valid_from] = price
    return list(found.values())


def _dated(prices: Any) -> Iterable[tuple[date, Any]]:
    """Each set of rates with the day that it holds from. Prices of certain hours of a day are left out."""
    if not isinstance(prices, list):
        return [(FIRST_DAY, prices)]
    dated = []
    for entry in prices:
        start = getattr(entry.constraint, "start_date", None)
        if entry.constraint is None or start is not None:
            dated.append((start or FIRST_DAY, entry.prices))
    return dated


def _seed(
    provider: str, model: Any, patterns: list[str], valid_from: date, rates: Any, source: str
) -> ModelPrice | None:
    given, output = _base(rates.input_mtok), _base(rates.output_mtok)
    if given is None or output is None or not patterns:
        return None
    hour = _base(getattr(rates, "cache_write_1h_mtok", None))
    write = _base(rates.cache_write_mtok)
    if hour is None and write is not None and provider == "anthropic":
        hour = given * HOUR_WRITE_OF_INPUT
    return ModelPrice(
        label=(model.name or model.id)[:200],
        provider=provider,
        patterns=patterns,
        valid_from=valid_from,
        input_usd=given,
        output_usd=output,
        cache_read_usd=_base(rates.cache_read_mtok),
        cache_write_5m_usd=write,
        cache_write_1h_usd=hour,
        source=source,
    )


def _base(rate: Any) -> Decimal | None:
    """The rate below any long-context tier: tiers go by the size of one request, which sums of a run do not tell."""
    return getattr(rate, "base", rate)


def _globs(clause: Any) -> list[str]:
    """The snapshot's way to name models, as globs; a regular expression only where it counts digits."""
    parts = getattr(clause, "or_", None)
    if parts is not None:
        return list(dict.fromkeys(glob for part in parts for glob in _globs(part)))
    both = getattr(clause, "and_", None)
    if both is not None:
        # A prefix with an exception: what is excepted has a more specific row of its own.
        return next((globs for part in both if (globs := _globs(part))), [])
    if hasattr(clause, "equals"):
        return [clause.equals]
    if hasattr(clause, "starts_with"):
        return [f"{clause.starts_with}*"]
    if hasattr(clause, "ends_with"):
        return [f"*{clause.ends_with}"]
    if hasattr(clause, "contains"):
        return [f"*{clause.contains}*"]
    return _glob_of_expression(clause.regex) if hasattr(clause, "regex") else []


def _glob_of_expression(expression: str) -> list[str]:
    """A regular expression as a glob, where it is but a name with digits counted."""
    glob = re.sub(r"\\d\{(\d+)\}", lambda count: "?" * int(count.group(1)), expression)
    glob = glob.replace("\\d", "?").replace("\\.", ".")
    start, end = glob.startswith("^"), glob.endswith("$")
    glob = glob.removeprefix("^").removesuffix("$")
    if not re.fullmatch(r"[\w.\-?:/@]+", glob):
        return []
    return [f"{'' if start else '*'}{glob}{'' if end else '*'}"]
