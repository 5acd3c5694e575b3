"""Secrets are masked before anything is stored: named patterns, each with a reason, and nothing that guesses at prose.

Standard library only and no word of Django: the file also runs on developers' machines, where the same secrets are
masked before they travel. It keeps to Python 3.9 for that reason.

What replaces a secret is `[masked: kind]`; what tells a reader where it stood (a variable's name, an address's user
and host, an authentication scheme) stays. Every pattern is linear in the text's length: quantifiers are bounded, or
their runs cannot be entered twice.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any, NamedTuple

MARKER = re.compile(r"\[masked: [a-z0-9 -]{1,40}\]")
# A replaced secret can complete another pattern beside it; that settles in one more round, and this ends it for certain.
MOST_ROUNDS = 6


class Masked(NamedTuple):
    """A text without its secrets, and how many there were."""

    text: str
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody asks of it


def mask(text: str) -> Masked:
    """Replace every secret that a named pattern recognises; masking a masked text changes nothing.

    text: any text of any length. The answer holds the same object when nothing was found.
    """
    total = 0
    for _ in range(MOST_ROUNDS):
        text, count = _mask_once(text)
        if not count:
            break
        total += count
    return Masked(text, total)


def mask_all(value: Any) -> tuple[Any, int]:
    """Mask every text inside nested JSON, keys included; a text under a name like "password" is masked whole.

    value: what json.loads gives (dict, list, tuple, str, number, bool, None), nested to any depth. Answers a new
    value of the same shape (tuples become lists) and the number of secrets.
    """
    root: list[Any] = [None]
    total = 0
    waiting: list[tuple[Any, Any, Any, str]] = [(root, 0, value, "")]
    while waiting:
        target, key, item, name = waiting.pop()
        if isinstance(item, str):
            target[key], count = _mask_named(name, item)
            total += count
        elif isinstance(item, dict):
            target[key], renamed = _masked_keys(item)
            total += renamed
            waiting.extend(
                (target[key], new, inner, old if isinstance(old, str) else "")
                for (old, inner), new in zip(item.items(), target[key])
            )
        elif isinstance(item, (list, tuple)):
            target[key] = [None] * len(item)
            waiting.extend((target[key], index, inner, "") for index, inner in enumerate(item))
        else:
            target[key] = item
    return root[0], total


def _masked_keys(item: dict[Any, Any]) -> tuple[dict[Any, Any], int]:
    """A dict of the same order with masked keys and no values; keys that fall together get a number."""
    fresh: dict[Any, Any] = {}
    total = 0
    for key in item:
        new, count = _masked_key(key) if isinstance(key, str) else (key, 0)
        total += count
        wanted, number = new, 2
        while new in fresh:
            new, number = f"{wanted} {number}", number + 1
        fresh[new] = None
    return fresh, total


# Names of fields without a secret in them: agents send the same few with each event.
_PLAIN_KEYS: set[str] = set()
PLAIN_KEYS_KEPT = 1000
LONGEST_KEPT_KEY = 60


def _masked_key(key: str) -> tuple[str, int]:
    if key in _PLAIN_KEYS:
        return key, 0
    masked = mask(key)
    if not masked.count and len(key) <= LONGEST_KEPT_KEY and len(_PLAIN_KEYS) < PLAIN_KEYS_KEPT:
        _PLAIN_KEYS.add(key)
    return masked


def _mask_named(name: str, text: str) -> tuple[str, int]:
    kind = _kind_of_name(name) if name else ""
    masked = mask(text)
    if not kind or not text.strip() or _is_masked(masked.text) or _is_placeholder(masked.text.strip()):
        return masked
    return f"[masked: {kind}]", max(1, masked.count)


# --- Order ------------------------------------------------------------------------------------------------------


def _mask_once(text: str) -> tuple[str, int]:
    folded = _folded(text)
    total = 0
    for triggers, masker in MASKERS:
        for trigger in triggers:
            if trigger in folded:
                text, count = masker(text)
                total += count
                break
    if ":" in folded or "=" in folded or "--" in folded:
        text, count = _mask_assignments(text)
        total += count
    return text, total


def _folded(text: str) -> str:
    """Lower case of the same length: a few letters grow when they are lowered."""
    folded = text.lower()
    return folded if len(folded) == len(text) else text.translate(_ASCII_LOWER)


_ASCII_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


# --- Tokens that are known by their own shape ---------------------------------------------------------------------
# The look-behind stands after the literal it looks behind, so that the engine can still search for the literal.


def _by_shape(kind: str, pattern: str) -> Callable[[str], tuple[str, int]]:
    compiled = re.compile(pattern, re.ASCII)
    replacement = f"[masked: {kind}]"
    return lambda text: compiled.subn(replacement, text)


def _with_kept(template: str, pattern: str) -> Callable[[str], tuple[str, int]]:
    compiled = re.compile(pattern, re.ASCII)
    return lambda text: compiled.subn(template, text)


_SK_KEY = re.compile(r"sk-(?<![A-Za-z0-9]sk-)([A-Za-z0-9_\-]{12,})", re.ASCII)


def _mask_sk_keys(text: str) -> tuple[str, int]:
    """`sk-…` of OpenAI, Anthropic and others; class names such as `sk-fading-circle` stay."""
    count = 0

    def replaced(match: re.Match[str]) -> str:
        nonlocal count
        body = match[1]
        if not any(c.isdigit() or c.isupper() for c in body) and max(map(len, re.split("[-_]", body))) < 16:
            return match[0]
        count += 1
        return "[masked: api key]"

    return _SK_KEY.sub(replaced, text), count


# --- Private keys -------------------------------------------------------------------------------------------------

_PEM_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_LINE = re.compile(
    r"(?:\s|\\[nr]|[\"'+,])*(?:[A-Za-z0-9\-]{3,20}: [^\n\\]{1,100}|[A-Za-z0-9+/=]+)(?=\s|\\[nr]|[\"'+,]|\Z)"
)
_KEY_MATERIAL = re.compile(r"[A-Za-z0-9+/=]{16,}")
SHORTEST_CUT_KEY = 8


def _mask_private_keys(text: str) -> tuple[str, int]:
    """PEM blocks, also in JSON (`\\n`) and in source; of a block without an end, as much as looks like key material."""
    out: list[str] = []
    done = count = 0
    begins = list(_PEM_BEGIN.finditer(text))
    ends = [(end.start(), end.end()) for end in _PEM_END.finditer(text)]
    next_end = 0
    for index, begin in enumerate(begins):
        if begin.start() < done:
            continue
        limit = begins[index + 1].start() if index + 1 < len(begins) else len(text)
        while next_end < len(ends) and ends[next_end][0] < begin.end():
            next_end += 1
        if next_end < len(ends) and ends[next_end][0] <= limit:
            start_of_end, stop = ends[next_end]
            if not _holds_key(text[begin.end() : start_of_end]):
                continue
        else:
            stop = _end_of_cut_key(text, begin.end(), limit)
            if stop == begin.end():
                continue
        out += [text[done : begin.start()], "[masked: private key]"]
        done, count = stop, count + 1
    return "".join([*out, text[done:]]), count


def _holds_key(body: str) -> bool:
    """Whether there is key material between the marks, and not dots or a sentence about them."""
    if _KEY_MATERIAL.search(body):
        return True
    lines = [line.strip(" \t\r\"'+,") for line in body.replace("\\n", "\n").replace("\\r", "").split("\n")]
    filled = [line for line in lines if line]
    return bool(filled) and all(re.fullmatch(r"[A-Za-z0-9+/=]{4,}", line) for line in filled)


def _end_of_cut_key(text: str, position: int, limit: int) -> int:
    """Where the lines that look like key material end; `position` when the first one does not look so."""
    end, longest = position, 0
    while line := _PEM_LINE.match(text, end, limit):
        run = line[0].strip(" \t\r\n\"'+,")
        if longest and len(run) < SHORTEST_CUT_KEY and "=" not in run and line.end() != limit:
            break
        if ": " not in run:
            longest = max(longest, len(run))
            if longest < SHORTEST_CUT_KEY:
                break
        end = line.end()
    return end if longest >= SHORTEST_CUT_KEY else position


_KEY_FILE = re.compile(
    r"id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?(?:[_\-][\w\-]{1,60})?(?:(?![\w.\-])|(?=\.(?:\s|\Z)))"
    r"|\.ssh(?:/|\\\\|\\(?![nrt]))"
    r"(?!(?:config|known_hosts|authorized_keys2?|allowed_signers|environment|rc)(?![\w\-])|[\w.\-/]{1,200}\.pub(?!\w))"
    r"[\w\-]{1,80}(?:\.[\w\-]{1,40}){0,3}(?:(?:/|\\\\)[\w\-]{1,80}(?:\.[\w\-]{1,40}){0,3}){0,3}"
    r"|\.(?:pem|ppk|p12|pfx|p8|jks|keystore|key)(?![\w\-/\\(]|\.\w)",
    re.ASCII | re.IGNORECASE,
)
_PATH_ENDS = frozenset(" \t\r\n\v\f\"'`<>|;=,(){}[]*?@")
_PUBLIC_FILE = re.compile(r"(?:cert|chain|pub|(?:^|[^a-z])ca(?:[^a-z]|$))[^/\\]*$", re.IGNORECASE)
LONGEST_PATH = 400


def _mask_key_paths(text: str) -> tuple[str, int]:
    """Paths of private keys: `/etc/ssl/private/site.key`, whatever a directory `.ssh` holds; certificates, `.pub` files
    and SSH's own settings stay."""
    out: list[str] = []
    done = count = 0
    examined, path_start = 0, 0
    for found in _KEY_FILE.finditer(text):
        start = found.start()
        floor = max(examined, done, start - LONGEST_PATH)
        while start > floor and text[start - 1] not in _PATH_ENDS:
            start -= 1
        if start == examined and examined > done:
            start = max(path_start, found.start() - LONGEST_PATH)
        examined, path_start = found.end(), start
        path = text[start : found.end()]
        if ("/" not in path and "\\" not in path) or (
            # A certificate alone may be a .pem; the other kinds hold keys always.
            found[0].lower() == ".pem" and _PUBLIC_FILE.search(path) and "key" not in path[path.rfind("/") + 1 :]
        ):
            continue
        # `host:/path` and `file:/path` keep what stands before the path.
        start += len(path) - len(re.sub(r"^[\w.\-]{2,60}:(?://)?(?=[/~])", "", path))
        out += [text[done:start], "[masked: private key path]"]
        done, count = found.end(), count + 1
    return "".join([*out, text[done:]]), count


# --- Headers and addresses ----------------------------------------------------------------------------------------

_SCHEMES = frozenset(
    {"bearer", "basic", "token", "apikey", "api-key", "key", "negotiate", "digest", "jwt", "oauth", "splunk", "ssws"}
)
_AUTHORIZATION = re.compile(
    r"(authorization(?:\\{0,7}[\"'])?\]?[ \t]{0,3}(?:=>|[:=])[ \t]{0,3}(?:[bfr](?=[\"']))?(?:\\{0,7}[\"'`])?)"
    r"(?:([A-Za-z][A-Za-z\-]{2,12})[ \t]{1,4})?(\$\([^)\n]{0,200}\)|[^\s\"'`\\,;]+)",
    re.ASCII | re.IGNORECASE,
)
# Words that follow a scheme in documentation instead of a token.
_DOCUMENTATION = (
    "a access an and api are as auth authenticated authentication authorization base64 based credentials encoded "
    "for format from header headers if in is jwt key keys missing none not null of only or prefix requests "
    "required scheme secret string the then to token tokens user username value values with"
)
_WORDS_FOR_TOKENS = frozenset(_DOCUMENTATION.split())
_BEARER = re.compile(r"bearer(?:[ \t]{1,4}|%20)([A-Za-z0-9\-._~+/]{6,}={0,2})", re.ASCII | re.IGNORECASE)
_BASIC = re.compile(r"basic[ \t]{1,4}([A-Za-z0-9+/\-_]{6,}={0,2})", re.ASCII | re.IGNORECASE)
_ADDRESS = re.compile(r"(://[^\s/:@\"'<>\\`]{0,100}:)([^\s/\"'<>`\\?#]{1,200})@")


def _mask_authorization(text: str) -> tuple[str, int]:
    count = 0

    def replaced(match: re.Match[str]) -> str:
        nonlocal count
        scheme, value = match[2] or "", match[3]
        known = scheme.lower() in _SCHEMES
        if value.startswith(("[masked:", "{")) or (scheme and not known):
            return match[0]
        bare = value.rstrip(".)]}>:")
        if _is_placeholder(value) or bare.lower() in _WORDS_FOR_TOKENS or bare.lower() in _SCHEMES:
            return match[0]
        if not known and not _looks_random(bare):
            return match[0]
        count += 1
        kind = (
            "basic credentials"
            if scheme.lower() == "basic"
            else "bearer token"
            if scheme.lower() == "bearer"
            else "authorization"
        )
        return f"{match[1]}{scheme + ' ' if scheme else ''}[masked: {kind}]{value[len(bare) :]}"

    return _AUTHORIZATION.sub(replaced, text), count


def _mask_bearer(text: str) -> tuple[str, int]:
    """`Bearer …` outside of a header's line, when what follows is no word of prose."""
    count = 0

    def replaced(match: re.Match[str]) -> str:
        nonlocal count
        value = match[1].rstrip(".")
        if not _looks_random(value) or _is_placeholder(value):
            return match[0]
        count += 1
        return f"{match[0][: match.start(1) - match.start()]}[masked: bearer token]{match[1][len(value) :]}"

    return _BEARER.sub(replaced, text), count


def _mask_basic(text: str) -> tuple[str, int]:
    """`Basic …` when it decodes to `user:password`."""
    count = 0

    def replaced(match: re.Match[str]) -> str:
        nonlocal count
        if not _decodes_to_a_login(match[1]):
            return match[0]
        count += 1
        return f"{match[0][: match.start(1) - match.start()]}[masked: basic credentials]"

    return _BASIC.sub(replaced, text), count


def _decodes_to_a_login(value: str) -> bool:
    bare = value.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        login = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        return False
    return ":" in login and login.isprintable()


def _mask_addresses(text: str) -> tuple[str, int]:
    """`scheme://user:password@host`: the password alone goes."""
    count = 0

    def replaced(match: re.Match[str]) -> str:
        nonlocal count
        if _is_reference(match[2]):
            return match[0]
        count += 1
        return f"{match[1]}[masked: password]@"

    return _ADDRESS.sub(replaced, text), count


# --- Assignments: NAME=value, name: value, "name": "value", --name value ------------------------------------------

_KEYWORDS = ("password", "passwd", "pwd", "passphrase", "secret", "token", "key", "pass", "secret_key_base")
_NAME_KINDS = (
    (re.compile(r"(?:password|passwd|pwd|passphrase|[_.\-]pass)$"), "password"),
    (re.compile(r"(?:secret|secret_key_base|secret[_.\-]?key|secret[_.\-]?access[_.\-]?key)$"), "secret"),
    (re.compile(r"token$"), "token"),
    (
        re.compile(
            r"(?:api|access|private|auth|encryption|encrypt|signing|sign|master|service|account|storage|shared|hmac|deploy|ssh)"
            r"[_.\-]?key$"
        ),
        "key",
    ),
)
# `FOO_KEY=` in capitals is a secret, but for the keys of tables, caches and the public half of a pair.
_CAPITAL_KEY = re.compile(r"[A-Z0-9_]*[A-Z0-9]_KEY$")
_HARMLESS_NAME = re.compile(
    r"(?:public|primary|foreign|partition|sort|cache|unique|candidate|composite|natural|surrogate|lookup|routing|group|row|lock|hot)_key$"
    r"|(?:^|[_.\-])(?:max|min|num|pad|eos|bos|unk|sep|cls|mask|stop|start|end|special|next|prev|each|per|any|no|new_?line)[_\-]?token$",
    re.IGNORECASE,
)
_TRAILING_NUMBER = re.compile(r"[_\-]?\d{1,3}$")
_CLOSERS = frozenset(("", ")", ",", ";", "]", "}", "\n"))
_TRAILERS = ")]}>,;:."
_NAME_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.")
LONGEST_NAME = 80
MOST_BLANKS = 3
MOST_CLOSERS = 10

# What may name a secret, up to the separator behind it: a cheap look in the folded text, so that the costly one is rare.
_NAME_BEFORE_SEPARATOR = re.compile(
    rf"(?:{'|'.join(_KEYWORDS)})[0-9_\-]{{0,{LONGEST_NAME}}}[\"'`\]\\]{{0,{MOST_CLOSERS}}}[ \t]{{0,{MOST_BLANKS}}}(?=[:=])"
)
_SEPARATOR_HERE = re.compile(r"(?:===?|=>|:=|[:=])(?![:=])[ \t]{0,3}")
_TYPE_THEN_TEXT = re.compile(r"[A-Za-z_][\w.\[\], |]{0,60}?[ \t]{0,3}=[ \t]{0,3}(?=[bfruBFRU]{0,2}[\"'`])", re.ASCII)
_QUOTE = re.compile(r"[bfruBFRU]{0,2}(\\{0,7})([\"'`])")
# Judged by its beginning, so that a text full of values that are none costs no more than its length.
_BARE_VALUE = re.compile(r"(?:\[masked: [a-z0-9 -]{1,40}\]|[^\s\"'`\\]|\\(?![nrt\"'\\])){1,256}")
_REST_OF_VALUE = re.compile(r"(?:[^\s\"'`\\&;,]|\\(?![nrt\"'\\]))*")
LONGEST_JUDGED = 256
_FLAG = re.compile(
    r"--(?:[A-Za-z][A-Za-z\-]{0,30}?)??(?:password|passwd|passphrase|secret|token|api-?key|access-key)"
    r"[ \t]{1,4}(?=[^\s\-])",
    re.ASCII | re.IGNORECASE,
)
_LINE_HEAD = re.compile(r"[\s\-{,>#+|]*(?:export |set |env |const |let |var |- )?\Z")

_DOTTED_CODE = re.compile(r"!?[A-Za-z_][A-Za-z_]*(?:\??\.[A-Za-z_][A-Za-z_]*)+\Z", re.ASCII)
_CALL = re.compile(r"!?[A-Za-z_][\w.:]*[(\[].*[)\]]?", re.ASCII | re.DOTALL)
_CLOSED_CALL = re.compile(r"[A-Za-z_][\w.:]*[(\[].*[)\]][\w.,;]*\Z", re.ASCII | re.DOTALL)
_CODE_HEAD = re.compile(r"[A-Za-z_][\w.]*(?=[)\]}](?:\W|\Z))", re.ASCII)
_IDENTIFIER = re.compile(r"[!&*~\-]?[A-Za-z_]\w*\Z", re.ASCII)
# A key's name, not a key: SESSION_KEY = "_auth_user".
_CONSTANT = re.compile(r"_?[a-z]+(?:[_.:\-][a-z]+)*")
SHORTEST_KEY = 4
_WORD = re.compile(r"[A-Za-z_]+\Z", re.ASCII)
_REFERENCE = re.compile(
    r"\$\{?[A-Za-z_][\w]*(?:[:?+\-=].{0,60})?\}?|\$\(.*|\$\{.*|%[A-Za-z_]\w*%|%\(\w+\)s|\{\{.*|\{[\w.!:]*\}|<[^<>\n]*>?|"
    r"\[+[\w ]*\]+|%[sdr].{0,10}|[*•]+|[xX]{3,}|\.{2,}|…+|[.…*xX\-_]+|\?|![a-z_]+|\*\w+",
    re.ASCII | re.DOTALL,
)
_PLACEHOLDER = re.compile(
    r"(?:your|my|the|some|a|an|insert|enter|example)[_\- ](?:[a-z]+[_\- ]){0,4}(?:token|key|secret|password|passphrase|here|value|api)"
    r"(?:[_\- ](?:here|goes here|value))?"
    r"|none|null|nil|undefined|true|false|yes|no|str|string|bytes|int|integer|bool|boolean|any|object|text|char|varchar|float|number|"
    r"optional|required|redacted|hidden|masked|unset|empty|missing|invalid|value|unknown|self|this",
    re.ASCII | re.IGNORECASE,
)
_CAPITAL_PLACEHOLDER = re.compile(r"(?:[A-Z]+_){0,4}(?:TOKEN|KEY|SECRET|PASSWORD|PASSPHRASE|VALUE|HERE)", re.ASCII)
_TYPE_NAME = re.compile(
    r"(?:[A-Za-z_]+\.)*(?:[A-Z][a-z0-9]*)*(?:Token|Str|String|Secret|Key|Password|Field|Type|Bytes|Any|None|Model|Config|Input|"
    r"Provider|Schema|Credentials?|Value|Data|Info|Id|UUID|Option|Optional|Callable|Final|Literal|Union|List|Dict|Promise)"
    r"(?:[\[<(].*)?|[A-Z][A-Za-z]*\[.*|[a-z]+\[.*|(?:Token|Secret|Password|Passwort|Key)[:.]?",
    re.ASCII | re.DOTALL,
)


def _kind_of_name(name: str) -> str:
    """What a variable, key or flag of this name holds: "password", "secret", "token", "key", or "" for no secret."""
    bare = _TRAILING_NUMBER.sub("", name).strip("-_.")
    lowered = bare.lower()
    if lowered in {"authorization", "proxy-authorization"}:
        return "authorization"
    if not lowered.endswith(_KEYWORDS) or _HARMLESS_NAME.search(bare):
        return ""
    for pattern, kind in _NAME_KINDS:
        if pattern.search(lowered):
            return kind
    return "key" if _CAPITAL_KEY.fullmatch(bare) else ""


def _mask_assignments(text: str) -> tuple[str, int]:
    """`NAME=value`, `name: value` and `"name": "value"` for names that tell of a secret, plain, quoted and escaped."""
    out: list[str] = []
    done = count = 0
    places = [(found.end(), 0) for found in _NAME_BEFORE_SEPARATOR.finditer(_folded(text))]
    if "--" in text:
        places += [(found.end(), 1) for found in _FLAG.finditer(text)]
        places.sort()
    for place, is_flag in places:
        if place < done:
            continue
        value = _flag_value(text, place) if is_flag else _assigned_value(text, place)
        if value is None:
            continue
        start, stop, kind = value
        out += [text[done:start], f"[masked: {kind}]"]
        done, count = stop, count + 1
    return ("".join([*out, text[done:]]), count) if count else (text, 0)


def _end_of_name(text: str, separator: int) -> int:
    """Where the name before a separator ends: blanks, closing quotes, brackets and backslashes are passed over."""
    end = separator
    while end and separator - end < MOST_BLANKS and text[end - 1] in " \t":
        end -= 1
    closed = end
    while end and closed - end < MOST_CLOSERS and text[end - 1] in "\"'`]\\":
        end -= 1
    return end


def _assigned_value(text: str, separator: int) -> tuple[int, int, str] | None:
    """Start, end and kind of the secret assigned here, or None."""
    end = _end_of_name(text, separator)
    start = end
    while start and end - start < LONGEST_NAME and text[start - 1] in _NAME_CHARACTERS:
        start -= 1
    name = text[start:end]
    kind = _kind_of_name(name)
    opening = _SEPARATOR_HERE.match(text, separator)
    if not kind or opening is None:
        return None
    begin = opening.end()
    sign = opening[0].rstrip(" \t")
    if sign == ":" and (typed := _TYPE_THEN_TEXT.match(text, begin)):
        begin = typed.end()
    if quote := _QUOTE.match(text, begin):
        closes = (end == separator and text[start - 1 : start] == quote[2]) or text[
            quote.end() : quote.end() + 1
        ] in _CLOSERS
        if closes and sign == ":":  # the quote ends a text such as "Password: "
            return None
        if sign in ("==", "===") and not _looks_random(
            text[quote.end() : quote.end() + LONGEST_NAME].split(quote[2])[0]
        ):
            kind = kind if kind in ("password", "secret") else ""
        return _quoted_value(text, quote, name, kind) if kind else None
    bare = _BARE_VALUE.match(text, begin)
    if bare is None or (name.lower() in ("pwd", "oldpwd") and bare[0].startswith(("/", "~", "$"))):
        return None
    blanks = begin - separator != len(sign) or end != separator
    judge = _bare_after_colon if sign == ":" else _bare_after_equals
    stop = judge(text, name, start, bare, blanks)
    if stop - begin >= LONGEST_JUDGED and (rest := _REST_OF_VALUE.match(text, stop)):
        stop = rest.end()
    return (begin, stop, kind) if stop > begin else None


def _flag_value(text: str, begin: int) -> tuple[int, int, str] | None:
    """The value after `--password ` and its like."""
    flag = text[:begin].rstrip(" \t")[-60:]
    kind = _kind_of_name(flag[flag.rfind("--") :]) or "key"
    if quote := _QUOTE.match(text, begin):
        return _quoted_value(text, quote, flag, kind)
    bare = _BARE_VALUE.match(text, begin)
    if bare is None:
        return None
    value = bare[0].rstrip(").,;]}")
    if not _looks_random(value) or _is_masked(value) or _is_placeholder(value):
        return None
    return begin, begin + len(value), kind


def _quoted_value(text: str, quote: re.Match[str], name: str, kind: str) -> tuple[int, int, str] | None:
    """The text between the quotes; of an unclosed one the line's rest, or its first word where no blank belongs."""
    begin = quote.end()
    stop, closed = _end_of_quoted(text, quote)
    told = text[begin:stop].strip()
    if not told or _is_masked(told[:LONGEST_JUDGED]):
        return None
    if kind in ("token", "key"):
        first = told.split(None, 1)[0]
        if not closed:
            told, stop = first, text.find(first, begin) + len(first)
        elif (first != told and first.lower() not in _SCHEMES) or len(told) < SHORTEST_KEY:
            return None
        if kind == "key" and not _NAME_KINDS[-1][0].search(name.lower()) and _CONSTANT.fullmatch(told):
            return None
    if name.lower() in ("pwd", "oldpwd") and told.startswith(("/", "~", "$")):
        return None
    if len(told) <= LONGEST_JUDGED and (_is_placeholder(told) or _TYPE_NAME.fullmatch(told)):
        return None
    return None if kind == "token" and told.lower() == name.lower() else (begin, stop, kind)


def _end_of_quoted(text: str, quote: re.Match[str]) -> tuple[int, bool]:
    """Where a quoted text ends, and whether a quote closes it on its line. Quotes escaped deeper than the opening stay inside."""
    begin, depth, mark = quote.end(), len(quote[1]), quote[2]
    stop, position = len(text), begin
    closed = False
    while not closed and (found := text.find(mark, position)) >= 0:
        slashes = 0
        while found - slashes > begin and text[found - slashes - 1] == "\\":
            slashes += 1
        closed = slashes <= depth if depth else slashes % 2 == 0
        stop = found - slashes if depth and closed else found if closed else stop
        position = found + 1
    line_end = text.find("\n", begin, stop)
    return (stop, closed) if line_end < 0 else (line_end, False)


def _bare_after_colon(text: str, name: str, name_start: int, bare: re.Match[str], blanks: bool) -> int:
    """End of the secret after `name:`. A whole line is YAML and is masked; amid other words only what looks random."""
    begin = bare.start()
    value = bare[0] if _is_masked(bare[0]) else bare[0].rstrip(_TRAILERS)
    quoted = (blanks or "-" in name) and name_start > 0 and text[name_start - 1] in "\"'"
    strict = not (quoted and text[bare.end() : bare.end() + 1] == text[name_start - 1]) and not _alone_on_its_line(
        text, name_start, bare
    )
    if strict and not _looks_random(value):
        return begin
    if (
        not value
        or value.startswith(("//", "http://", "https://", "&"))
        or _CALL.match(bare[0])
        or not _may_be_secret(value, name)
    ):
        return begin
    if not blanks and name_start and text[name_start - 1] == "/":  # //name:8080 is an address
        return begin
    if not strict and (len(value) < 3 or _TYPE_NAME.fullmatch(bare[0].rstrip(",;"))):
        return begin
    return begin + len(value)


def _alone_on_its_line(text: str, name_start: int, bare: re.Match[str]) -> bool:
    """Whether name and value make up a line, but for an indent, a dash and a comment."""
    line_start = max(text.rfind("\n", max(0, name_start - LONGEST_NAME), name_start) + 1, name_start - LONGEST_NAME, 0)
    line_end = text.find("\n", bare.end(), bare.end() + LONGEST_NAME)
    rest = text[bare.end() : line_end if line_end >= 0 else bare.end() + LONGEST_NAME].strip()
    return bool(_LINE_HEAD.match(text[line_start:name_start])) and (
        not rest or rest.startswith(("#", "//", "\\n", "\\r"))
    )


def _bare_after_equals(text: str, name: str, name_start: int, bare: re.Match[str], blanks: bool) -> int:
    """End of the secret after `NAME=`. In capitals without blanks it is an environment's; else code is told apart."""
    begin = bare.start()
    environment = not blanks and name.isupper()
    value = bare[0] if environment else re.split("[&;,]", bare[0], maxsplit=1)[0] or ""
    if not _is_masked(value):
        value = value.rstrip(_TRAILERS)
    stop = begin + len(value)
    if not value or not _may_be_secret(value, name):
        return begin
    if environment:
        return begin if _CLOSED_CALL.fullmatch(bare[0]) else stop
    if _CALL.match(bare[0]) or (_TYPE_NAME.fullmatch(value) and not _looks_random(value)):
        return begin
    if (head := _CODE_HEAD.match(bare[0])) and not _looks_random(head[0]):
        return begin
    follows = text[stop : stop + 1]
    if _IDENTIFIER.match(value) and not _looks_random(value) and (blanks or follows in ("(", ")", ",", ".", "[")):
        return begin
    return stop


def _may_be_secret(value: str, name: str) -> bool:
    """Whether a bare value is neither masked already, nor a placeholder, nor an expression of code, nor a small number."""
    if _is_masked(value) or _is_placeholder(value) or _DOTTED_CODE.match(value):
        return False
    if not _ALPHANUMERIC.search(value) or value[0] in "([{<|>":
        return False
    if value.isdigit():
        return _kind_of_name(name) in {"password", "secret"} or len(value) > 9
    # environment_token=other_token hands on a variable.
    return _WORD.match(value) is None or _kind_of_name(value) != _kind_of_name(name)


def _is_masked(value: str) -> bool:
    """Whether a value is nothing but a marker, perhaps after a scheme's word or before a host."""
    found = MARKER.search(value)
    if found is None:
        return False
    before, after = value[: found.start()], value[found.end() :]
    return (not before or before.strip().lower() in _SCHEMES) and (not after or after[0] in "@/,;:)]}>\"'&. ")


def _is_reference(value: str) -> bool:
    """Whether a value only names another one ($TOKEN, {token}, <token>) or stands for one (xxxx, ****)."""
    return _REFERENCE.fullmatch(value) is not None


def _is_placeholder(value: str) -> bool:
    """Whether a value is a reference or a word of documentation such as YOUR_TOKEN."""
    scheme, blank, rest = value.partition(" ")
    if blank and scheme.lower() in _SCHEMES:
        value = rest.strip()
        if value.lower() in _WORDS_FOR_TOKENS:
            return True
    return bool(_is_reference(value) or _PLACEHOLDER.fullmatch(value) or _CAPITAL_PLACEHOLDER.fullmatch(value))


_ALPHANUMERIC = re.compile(r"[^\W_]")
_DIGIT = re.compile(r"\d")
_LETTER = re.compile(r"[^\W\d_]")


def _looks_random(value: str) -> bool:
    """Whether a word can hardly be prose or a plain identifier: letters with digits, or one long run of letters."""
    if len(value) < 7:
        return False
    if _DIGIT.search(value):
        return _LETTER.search(value) is not None
    return len(value) >= 24 and value.isalpha()


# Triggers are looked for in the folded text; a masker runs only when one of its triggers is there.
MASKERS: tuple[tuple[tuple[str, ...], Callable[[str], tuple[str, int]]], ...] = (
    (("private key",), _mask_private_keys),
    (("zikra_",), _with_kept(r"[masked: zikra token \1]", r"zikra_([0-9a-f]{10})_[A-Za-z0-9_\-]{16,}")),
    (("sk-",), _mask_sk_keys),
    (
        ("k_live_", "k_test_"),
        _by_shape("stripe key", r"[rs]k_(?:live|test)_(?<![A-Za-z0-9][rs]k_(?:live|test)_)[A-Za-z0-9]{10,}"),
    ),
    (("whsec_",), _by_shape("stripe key", r"whsec_[A-Za-z0-9+/=]{16,}")),
    (("github_pat_",), _by_shape("github token", r"github_pat_[A-Za-z0-9_]{16,}")),
    (
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
        _by_shape("github token", r"gh[pousr]_(?<![A-Za-z0-9_]gh[pousr]_)[A-Za-z0-9]{16,}"),
    ),
    (("glpat-",), _by_shape("gitlab token", r"glpat-[A-Za-z0-9_\-]{16,}")),
    (("npm_",), _by_shape("npm token", r"npm_(?<![A-Za-z0-9_]npm_)[A-Za-z0-9]{30,}")),
    (("hf_",), _by_shape("hugging face token", r"hf_(?<![A-Za-z0-9_]hf_)[A-Za-z0-9]{30,}")),
    (("pypi-ag",), _by_shape("pypi token", r"pypi-Ag[A-Za-z0-9_\-]{30,}")),
    (("akia", "asia"), _by_shape("aws key", r"A[KS]IA(?<![A-Za-z0-9]A[KS]IA)[A-Z0-9]{16}(?![A-Za-z0-9])")),
    (("aiza",), _by_shape("google key", r"AIza(?<![A-Za-z0-9_\-]AIza)[A-Za-z0-9_\-]{30,}")),
    (("xox", "xapp-"), _by_shape("slack token", r"x(?:ox[a-z]|app)-(?:\d+-)?[A-Za-z0-9\-]{10,}")),
    (
        ("hooks.slack.com",),
        _with_kept(r"\1[masked: slack webhook]", r"(hooks\.slack\.com/(?:services|workflows)/)[A-Za-z0-9/_\-]{20,}"),
    ),
    (
        ("eyj",),
        _by_shape("jwt", r"eyJ(?<![A-Za-z0-9_\-]eyJ)[A-Za-z0-9_\-]{5,}\.[A-Za-z0-9_\-]{4,}(?:\.[A-Za-z0-9_\-]*){0,3}"),
    ),
    (("authorization",), _mask_authorization),
    (("bearer",), _mask_bearer),
    (("basic",), _mask_basic),
    (("://",), _mask_addresses),
    (("id_", ".ssh", ".pem", ".ppk", ".p12", ".pfx", ".p8", ".jks", ".key"), _mask_key_paths),
)
