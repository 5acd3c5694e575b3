"""Money as people read it: dollars from the database, in the currency of the settings."""

from decimal import ROUND_HALF_UP, Decimal

from django.conf import settings

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "CHF": "CHF ", "INR": "₹"}
CENT = Decimal("0.01")


def in_currency(usd: Decimal) -> Decimal:
    """US dollars in the shown currency, unrounded."""
    return usd * settings.COST_CURRENCY_RATE


def shown(usd: Decimal | None, *, empty: str = "–") -> str:
    """An amount of US dollars in the shown currency: "$1,234.56", "< $0.01" for less than a cent, `empty` for none."""
    return empty if usd is None else in_words(in_currency(usd))


def in_words(amount: Decimal) -> str:
    """An amount that is in the shown currency already, as `shown` writes it."""
    symbol = SYMBOLS.get(settings.COST_CURRENCY, f"{settings.COST_CURRENCY} ")
    if 0 < abs(amount) < CENT:
        return f"< {symbol}0.01" if amount > 0 else f"> −{symbol}0.01"
    rounded = amount.quantize(CENT, ROUND_HALF_UP)
    return f"{'−' if rounded < 0 else ''}{symbol}{abs(rounded):,.2f}"
