"""What a command accepts: strict, flat DRF serializers whose problems read as words after the field's name.

One serializer instance serves every call of a command (see registry.Command): DRF copies all fields of a new
instance, which costs more than the whole validation.
"""

import math
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.fields import empty

from access.errors import Invalid
from access.models import PROJECT_NAME_LENGTH

# Deeper than any argument needs, and far from Python's own recursion limit.
DEEPEST = 20
# PostgreSQL's bigint, which the largest counters are stored in.
LARGEST_INTEGER = 2**63 - 1
# Times outside these years are slips of the pen, and some overflow when they change time zone.
FIRST_YEAR, LAST_YEAR = 1970, 2200
TAG_LENGTH = 100
TITLE_LENGTH = 500
NAME_LENGTH = 200

# A longer number is none of ours, and Python refuses to write one of more than 4,300 digits.
DIGITS_AT_MOST = 20
DIGITS = re.compile(r"\s*[0-9]{1,19}\s*")
JSON_WORDS = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
    type(None): "null",
}
ARGUMENTS_HINT = "zikra_help shows every command's arguments."
PROBLEMS = {"required": "is required", "null": "must not be null"}


def word_for(value: Any) -> str:
    """What a JSON value is, in words: "a string", "a list", "null" …"""
    return JSON_WORDS.get(type(value), type(value).__name__)


class Text(serializers.CharField):
    """A string, and nothing that would have to be turned into one. Outer blanks are cut unless trim=False."""

    default_error_messages = {
        **PROBLEMS,
        "invalid": "must be a string, not {got}",
        "blank": "is required and must not be blank",
        "max_length": "has more than {max_length} characters",
    }

    def __init__(self, *, trim: bool = True, **options: Any) -> None:
        super().__init__(trim_whitespace=trim, **options)

    def to_internal_value(self, data: Any) -> str:
        """The string itself."""
        if not isinstance(data, str):
            self.fail("invalid", got=word_for(data))
        return data.strip() if self.trim_whitespace else data


def optional_text(max_length: int | None = None, *, trim: bool = True, help_text: str = "") -> Text:
    """A string that may be left out or empty."""
    return Text(required=False, allow_blank=True, max_length=max_length, trim=trim, help_text=help_text)


class Word(Text):
    """A short name such as a memory type: without outer blanks, in lower case."""

    def to_internal_value(self, data: Any) -> str:
        """The folded word."""
        return super().to_internal_value(data).casefold()


class WholeNumber(serializers.IntegerField):
    """A whole number in JSON; neither true nor false nor a string, unless lenient=True lets digits in a string pass."""

    default_error_messages = {
        **PROBLEMS,
        "invalid": "must be a whole number, not {got}",
        "max_value": "must be at most {max_value}",
        "min_value": "must be at least {min_value}",
    }

    def __init__(self, *, lenient: bool = False, **options: Any) -> None:
        self.lenient = lenient
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> int:
        """The number, also when it is written with a decimal point as in 10.0."""
        if self.lenient and isinstance(data, str) and DIGITS.fullmatch(data):
            return int(data)
        if isinstance(data, float) and data.is_integer():
            return int(data)
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid", got=word_for(data) if not isinstance(data, float) else str(data))
        return data


class ClampedNumber(WholeNumber):
    """A whole number that is moved to the nearest bound instead of being refused."""

    def __init__(self, lowest: int, highest: int, **options: Any) -> None:
        self.lowest, self.highest = lowest, highest
        super().__init__(required=False, **options)

    def to_internal_value(self, data: Any) -> int:
        """The number within its bounds."""
        return max(self.lowest, min(self.highest, super().to_internal_value(data)))


class Number(serializers.FloatField):
    """A finite number in JSON."""

    default_error_messages = {
        **PROBLEMS,
        "invalid": "must be a number, not {got}",
        "max_value": "must be at most {max_value}",
        "min_value": "must be at least {min_value}",
    }

    def __init__(self, *, lenient: bool = False, **options: Any) -> None:
        self.lenient = lenient
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> float:
        """The number as a float."""
        if self.lenient and isinstance(data, str) and len(data) < 40:
            data = _number_in(data)
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid", got=word_for(data))
        if abs(data) > LARGEST_INTEGER or not math.isfinite(data):
            self.fail("max_value", max_value=LARGEST_INTEGER)
        return float(data)


class Flag(serializers.BooleanField):
    """JSON's true or false; neither 1 nor "yes"."""

    default_error_messages = {**PROBLEMS, "invalid": "must be true or false, not {got}"}

    def to_internal_value(self, data: Any) -> bool:
        """The truth value itself."""
        if not isinstance(data, bool):
            self.fail("invalid", got=word_for(data))
        return data


class Moment(serializers.DateTimeField):
    """A time in ISO 8601; without a zone it is UTC, a bare date means its first second."""

    default_error_messages = {
        **PROBLEMS,
        "invalid": "must be a time in ISO 8601 such as 2026-03-31T17:00:00Z",
        "future": "must lie in the past",
    }

    def __init__(self, *, past_only: bool = False, **options: Any) -> None:
        self.past_only = past_only
        super().__init__(**options)

    def to_internal_value(self, value: Any) -> datetime:
        """The moment in UTC."""
        moment = _moment_in(value) if isinstance(value, str) else None
        if moment is None:
            self.fail("invalid")
        if self.past_only and moment > datetime.now(UTC):
            self.fail("future")
        return moment


class Day(serializers.DateField):
    """A day such as 2026-03-31, as a string. An empty string is let through: it means no day, where null means "as it was"."""

    default_error_messages = {**PROBLEMS, "invalid": "must be a day such as 2026-03-31"}

    def to_internal_value(self, value: Any) -> date | str:  # type: ignore[override]
        """The day, or the empty string."""
        if not isinstance(value, str):
            self.fail("invalid")
        try:
            return date.fromisoformat(value.strip()) if value.strip() else ""
        except ValueError:
            self.fail("invalid")


class NumberOrText(Text):
    """A string, or a whole number, which is turned into its digits."""

    def to_internal_value(self, data: Any) -> str:
        """The text or the digits."""
        is_number = isinstance(data, int) and not isinstance(data, bool)
        return super().to_internal_value(str(data)[:DIGITS_AT_MOST] if is_number else data)


class Identifier(serializers.UUIDField):
    """An id: a UUID written as a string."""

    default_error_messages = {**PROBLEMS, "invalid": "must be an id (a UUID), as other commands answer it"}

    def to_internal_value(self, data: Any) -> uuid.UUID:
        """The id."""
        if not isinstance(data, str):
            self.fail("invalid")
        try:
            return uuid.UUID(data.strip())
        except ValueError:
            self.fail("invalid")


class Words(serializers.ListField):
    """A list of short strings; a single string counts as a list of its parts between commas. Blanks are dropped."""

    default_error_messages = {
        **PROBLEMS,
        "not_a_list": "must be a list of strings, not {got}",
        "max_length": "has more than {max_length} entries",
    }

    child_class: ClassVar[type[Text]] = Text

    def __init__(self, *, entry_length: int = TAG_LENGTH, fold: bool = False, **options: Any) -> None:
        kind = Word if fold else self.child_class
        super().__init__(child=kind(max_length=entry_length, allow_blank=True), required=False, **options)

    def to_internal_value(self, data: Any) -> list[str]:
        """The strings, once each, in their order."""
        parts = data.split(",") if isinstance(data, str) else data
        if not isinstance(parts, list):
            self.fail("not_a_list", got=word_for(data))
        return list(dict.fromkeys(word for word in super().to_internal_value(parts) if word))


class Names(Words):
    """A list of names that may hold commas: a single string is one name."""

    def to_internal_value(self, data: Any) -> list[str]:
        """The names, once each, in their order."""
        return super().to_internal_value([data] if isinstance(data, str) else data)


class Lines(Words):
    """A list of sentences: a single string counts as a list of its lines."""

    def to_internal_value(self, data: Any) -> list[str]:
        """The sentences, once each, in their order."""
        return super().to_internal_value(data.splitlines() if isinstance(data, str) else data)


class Places(Lines):
    """A list of entries of another list, each by its number or its text."""

    child_class = NumberOrText

    def to_internal_value(self, data: Any) -> list[str]:
        """Numbers as digits, and texts, once each, in their order."""
        return super().to_internal_value([data] if isinstance(data, int) else data)


class Arguments(serializers.Serializer[Any]):
    """The arguments of a command. Unknown ones are ignored, so that older and newer clients get along.

    synonyms: for a field, other names that it may arrive under; the field's own name wins.
    nulls_mean_absent: for reports by machines, whose unknown values arrive as null.
    """

    synonyms: ClassVar[dict[str, tuple[str, ...]]] = {}
    nulls_mean_absent: ClassVar[bool] = False

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Validated values by field name; fields that were left out and have no default are absent."""
        if self.nulls_mean_absent:
            data = {name: value for name, value in data.items() if value is not None}
        return dict(super().to_internal_value(self._with_synonyms(data)))

    def _with_synonyms(self, data: dict[str, Any]) -> dict[str, Any]:
        """The given fields under their own names."""
        folded = dict(data)
        for name, others in self.synonyms.items():
            if folded.get(name) in (None, ""):
                found = next((data[other] for other in others if data.get(other) not in (None, "")), empty)
                if found is not empty:
                    folded[name] = found
        return folded


class ProjectArguments(Arguments):
    """The arguments of a command that reads or writes in a project."""

    project = optional_text(
        PROJECT_NAME_LENGTH, help_text="Name of the project; left out, the token's only project, else `global`."
    )


class OfRun(Arguments):
    """Which run of the caller asks, so that what it was given is kept."""

    run_id = Identifier(required=False, help_text="The run that asks: its page tells what it was given.")
    session_id = optional_text(NAME_LENGTH, help_text="The agent's session, instead of `run_id`.")


class MemoryReference(ProjectArguments):
    """One existing memory, by its id or by its title."""

    synonyms = {"id": ("memory_id",)}

    id = Identifier(required=False, help_text="Id of the memory; `memory_id` is understood too.")
    title = optional_text(TITLE_LENGTH, help_text="Its exact title, instead of the id.")
    memory_type = Word(required=False, allow_blank=True, max_length=40, help_text="Its type, beside a title.")


def validated(serializer: Arguments, body: dict[str, Any]) -> dict[str, Any]:
    """The arguments in a call's body. Raises Invalid that names the first problem and lists all."""
    problem = unstorable(body)
    if problem is not None:
        where, words = problem
        raise Invalid(f"{where} {words}", fields={where: [words]}, hint="Leave such characters and values out.")
    try:
        return serializer.run_validation(body)
    except ValidationError as error:
        fields = dict(_problems(error.detail))
        name, words_of_field = next(iter(fields.items()))
        raise Invalid(f"{name} {words_of_field[0]}", fields=fields, hint=ARGUMENTS_HINT) from None


def unstorable(body: dict[str, Any]) -> tuple[str, str] | None:
    """The first value that cannot be kept or answered, as (field, problem): NUL, half surrogates, NaN, deep nesting."""
    waiting: list[tuple[str, Any, int]] = [("", body, 0)]
    while waiting:
        where, value, depth = waiting.pop()
        if isinstance(value, str):
            words = _unstorable_text(value)
        elif isinstance(value, float):
            words = "" if math.isfinite(value) else "must be a finite number"
        else:
            words = ""
            inner = _inner(where, value)
            if depth >= DEEPEST and inner:
                words = f"is nested more than {DEEPEST} levels deep"
            waiting.extend((name, item, depth + 1) for name, item in inner)
        if words:
            return printable(where) or "body", words
    return None


def printable(text: str, length: int = 100) -> str:
    """A piece of input that can stand in any answer, log line and row."""
    return text[:length].encode("utf-8", "replace").decode().replace("\x00", "?")


def _inner(where: str, value: Any) -> list[tuple[str, Any]]:
    """Keys and items of an object or a list, each under the name of the argument that they stand in."""
    if isinstance(value, dict):
        keys = [(where or str(key), key) for key in value]
        return keys + [(where or str(key), item) for key, item in value.items()]
    return [(where, item) for item in value] if isinstance(value, list) else []


def _unstorable_text(value: str) -> str:
    if "\x00" in value:
        return "holds a NUL character"
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return "holds half a surrogate pair, which is not a character"
    return ""


def _problems(detail: Any) -> Iterator[tuple[str, list[str]]]:
    """Problems by argument; those of a list's entries stand under the list's name."""
    for name, found in detail.items():
        yield printable(str(name)), [str(problem) for problem in _flat(found)]


def _flat(found: Any) -> Iterator[str]:
    if isinstance(found, ErrorDetail | str):
        yield found
    elif isinstance(found, dict):
        for place, inner in found.items():
            yield from (f"entry {place} {problem}" for problem in _flat(inner))
    else:
        for inner in found:
            yield from _flat(inner)


def _number_in(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def _moment_in(text: str) -> datetime | None:
    try:
        if len(text.strip()) == len("2026-03-31"):
            moment = datetime.combine(date.fromisoformat(text.strip()), time(), UTC)
        else:
            moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
