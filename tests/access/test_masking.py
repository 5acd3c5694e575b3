"""Secrets of every kind are masked; prose, code, hashes and placeholders stay."""

import base64
import json
import string
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from access.masking import MARKER, Masked, mask, mask_all

GITHUB = "ghp_" + "a1B2c3D4e5" * 3 + "f6G7h8"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEAxyzABC1234567890\nabcdEFGH==\n-----END RSA PRIVATE KEY-----"
PORTAL = "zikra_0123456789_" + "Ab3_-" * 8 + "xyz"

SECRETS = [
    ("Authorization: Bearer abc123def456", "Authorization: Bearer [masked: bearer token]"),
    ("Authorization: Bearer mysecrettoken", "Authorization: Bearer [masked: bearer token]"),
    ("authorization:bearer a-b_c.d~e+f/g1==", "authorization:bearer [masked: bearer token]"),
    ("-H 'Authorization: Basic dXNlcjpwYXNz'", "-H 'Authorization: Basic [masked: basic credentials]'"),
    ("it sent Basic dXNlcjpwYXNzd29yZA== again", "it sent Basic [masked: basic credentials] again"),
    ("use Bearer 0a1b2c3d4e5f6a7b8c9d.", "use Bearer [masked: bearer token]."),
    ('{"Authorization": "Bearer q9w8e7r6t5"}', '{"Authorization": "Bearer [masked: bearer token]"}'),
    ('{"authorization": "s3cr3tvalue99"}', '{"authorization": "[masked: authorization]"}'),
    ("sk-abcdefghijklmnopqrstuvwxyz123456", "[masked: api key]"),
    ("sk-abcdefghijklmnopqrstuvwxyz", "[masked: api key]"),
    ("key sk-ant-api03-AbC_dEf-123456789.", "key [masked: api key]."),
    ("sk-proj-AbCdEf123456_xyz-789", "[masked: api key]"),
    ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "[masked: stripe key]"),
    ("rk_live_4eC39HqLyjWDarjtT1zdp7dc", "[masked: stripe key]"),
    *[(GITHUB.replace("ghp_", start), "[masked: github token]") for start in ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")],
    ("github_pat_11ABCDEFG0abcdefghijkl_" + "x1" * 20, "[masked: github token]"),
    ("aws AKIAIOSFODNN7EXAMPLE, ASIAIOSFODNN7EXAMPLE", "aws [masked: aws key], [masked: aws key]"),
    ("AIzaSyA1234567890abcdefghijklmnopqrstuv", "[masked: google key]"),
    ("xoxb-123456789012-abcdefABCDEF", "[masked: slack token]"),
    ("xoxp-123456789012-abcdefABCDEF", "[masked: slack token]"),
    (f"jwt {JWT} end", "jwt [masked: jwt] end"),
    (PEM, "[masked: private key]"),
    (f"a\n{PEM}\nb", "a\n[masked: private key]\nb"),
    (json.dumps({"k": PEM}), '{"k": "[masked: private key]"}'),
    (PEM.replace("RSA ", "OPENSSH "), "[masked: private key]"),
    (PEM.replace("RSA ", ""), "[masked: private key]"),
    (PEM.replace("RSA PRIVATE KEY", "PGP PRIVATE KEY BLOCK"), "[masked: private key]"),
    (PEM.partition("-----END")[0].rstrip(), "[masked: private key]"),
    ("postgres://admin:hunter2@db.example.com/app", "postgres://admin:[masked: password]@db.example.com/app"),
    ("redis://:p4ss@localhost:6379/0", "redis://:[masked: password]@localhost:6379/0"),
    ("mongodb+srv://u:p@ss@h/x", "mongodb+srv://u:[masked: password]@h/x"),
    ("https://user:pass@example.com", "https://user:[masked: password]@example.com"),
    (f"https://x-access-token:{GITHUB}@github.com/a/b", "https://x-access-token:[masked: github token]@github.com/a/b"),
    ("API_KEY=abc", "API_KEY=[masked: key]"),
    ("STRIPE_KEY=abcdef", "STRIPE_KEY=[masked: key]"),
    ("export DB_PASSWORD='x y z' # c", "export DB_PASSWORD='[masked: password]' # c"),
    ('AWS_SECRET_ACCESS_KEY="wJalrXUtnFEMI/K7MDENG"', 'AWS_SECRET_ACCESS_KEY="[masked: secret]"'),
    ("GITHUB_TOKEN=abc.def/ghi+jkl==", "GITHUB_TOKEN=[masked: token]"),
    ("A_TOKEN=one B_SECRET=two", "A_TOKEN=[masked: token] B_SECRET=[masked: secret]"),
    ("DJANGO_SECRET_KEY=django-insecure-x(y)z!", "DJANGO_SECRET_KEY=[masked: secret]"),
    ("  password: hunter2\n", "  password: [masked: password]\n"),
    ("password: hunter\nuser: ana", "password: [masked: password]\nuser: ana"),
    ("token: 'abcd'", "token: '[masked: token]'"),
    ("db_password = hunter2", "db_password = [masked: password]"),
    ("password=hunter host=db", "password=[masked: password] host=db"),
    ("?token=abcdefg&user=1", "?token=[masked: token]&user=1"),
    ("Server=x;Pwd=hunter;", "Server=x;Pwd=[masked: password];"),
    ("mysql --password hunter22 -u x", "mysql --password [masked: password] -u x"),
    ("--password=hunter", "--password=[masked: password]"),
    ("--api-key 'quoted-key'", "--api-key '[masked: key]'"),
    ('{"password":"hunter2","user":"ana"}', '{"password":"[masked: password]","user":"ana"}'),
    (
        '{"apiKey" : "abcdef", "client_secret":"g h"}',
        '{"apiKey" : "[masked: key]", "client_secret":"[masked: secret]"}',
    ),
    ('{"accessToken":"abcdef"}', '{"accessToken":"[masked: token]"}'),
    (r'{"a":"{\"password\": \"hun\\\"ter2\", \"x\": 1}"}', r'{"a":"{\"password\": \"[masked: password]\", \"x\": 1}"}'),
    (r'"PASSWORD=hunter2\nOTHER=1"', r'"PASSWORD=[masked: password]\nOTHER=1"'),
    ('password: str = "hunter2"', 'password: str = "[masked: password]"'),
    ('os.environ["API_KEY"] = "abcd"', 'os.environ["API_KEY"] = "[masked: key]"'),
    ('if password == "hunter2":', 'if password == "[masked: password]":'),
    ('password="cut in the mid', 'password="[masked: password]'),
    ("X-Api-Key: abcdef", "X-Api-Key: [masked: key]"),
    ('-H "X-Api-Key: abcdef"', '-H "X-Api-Key: [masked: key]"'),
    ("ssh -i ~/.ssh/id_rsa host", "ssh -i [masked: private key path] host"),
    ("scp host:/home/ana/.ssh/id_ed25519 .", "scp host:[masked: private key path] ."),
    ("see /etc/ssl/private/site.key, then", "see [masked: private key path], then"),
    (r"C:\Users\ana\.ssh\id_rsa", "[masked: private key path]"),
    ("/etc/ssl/ca.key and /etc/ssl/ca-key.pem", "[masked: private key path] and [masked: private key path]"),
    ("key=/srv/tls/server.pem", "key=[masked: private key path]"),
    ('{"file_path": "/home/ana/.ssh/id_ed25519"}', '{"file_path": "[masked: private key path]"}'),
    ("ssh -i ~/.ssh/id_ed25519_work host", "ssh -i [masked: private key path] host"),
    ("ssh -i ~/.ssh/deploy -F ~/.ssh/config host", "ssh -i [masked: private key path] -F ~/.ssh/config host"),
    ("it is ~/.ssh/keys/shop.prod.", "it is [masked: private key path]."),
    ("/run/keys/id_rsa-github, then", "[masked: private key path], then"),
    (r'{"path": "C:\\Users\\ana\\.ssh\\id_rsa"}', '{"path": "[masked: private key path]"}'),
    ("openssl pkcs12 -in certs/shop.p12 -out x", "openssl pkcs12 -in [masked: private key path] -out x"),
    ("curl --key ./tls/client.pem https://h/", "curl --key [masked: private key path] https://h/"),
    ("keys/AuthKey_ABC.p8 and app/release.jks", "[masked: private key path] and [masked: private key path]"),
    ("tls/cert.p12 beside tls/cert.pem", "[masked: private key path] beside tls/cert.pem"),
    ("app/debug.keystore", "[masked: private key path]"),
    ("C:/keys/site.PFX", "[masked: private key path]"),
    (f"curl -H 'Authorization: Bearer {PORTAL}'", "curl -H 'Authorization: Bearer [masked: zikra token 0123456789]'"),
    (f"ZIKRA_TOKEN={PORTAL}", "ZIKRA_TOKEN=[masked: zikra token 0123456789]"),
    (f"API_KEY={GITHUB}", "API_KEY=[masked: github token]"),
]

ORDINARY = [
    "",
    "We keep the session token in Redis; the key is the user's id, and the password policy needs 12 characters.",
    "Bearer authentication is preferred over Basic authentication.",
    "Authorization: Bearer TOKEN",
    "Authorization: Bearer $TOKEN",
    "Authorization: Bearer ${ZIKRA_TOKEN}",
    "Authorization: Bearer <token>",
    "Authorization: Bearer YOUR_TOKEN",
    'curl -H "Authorization: Bearer $(cat ~/.zikra-portal/owner.token)"',
    "Authorization: only owners may promote 12 requirements.",
    "Basic usage: see the README. Basic dXNlcg",
    "commit da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "550e8400-e29b-41d4-a716-446655440000",
    "password=",
    "password= \nuser=ana",
    'password=""',
    "TOKEN=",
    "token: str",
    "def login(token: str, password: str | None = None) -> RoleToken:",
    "token: RoleToken",
    'password: str = ""',
    "token = get_token(request)",
    "token = row.token",
    "api_key=settings.API_KEY,",
    "f(token=token, password=password)",
    'SECRET_KEY = env("SECRET_KEY", default="")',
    "SECRET_KEY=$(openssl rand -hex 32)",
    "POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?set it}",
    "token: ${{ secrets.GITHUB_TOKEN }}",
    "password: <your password>",
    "password: '********'",
    "max_tokens=2000, max_token: 3000",
    'primary_key = "id"; foreign_key="user_id"; sort_key: name',
    'getpass("Password: ")',
    "zikra_<10 hex>_<secret>",
    "zikra_help and zikra_save_memory are tools",
    "class sk-fading-circle; risk-assessment-for-the-2024-budget; task-1234567890123",
    "from ghp_client import x; AKIAB; eyJust.words",
    "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
    "it starts with `-----BEGIN PRIVATE KEY-----` and so on",
    "it starts with `-----BEGIN PRIVATE KEY-----` and ends with `-----END PRIVATE KEY-----`.",
    "-----BEGIN CERTIFICATE-----\nMIIEpAIBAAKCAQEAxyzABC1234567890\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIEpAIBAAKCAQEAxyzABC1234567890\n-----END PUBLIC KEY-----",
    "~/.ssh/id_rsa.pub and /etc/ssl/certs/ca.pem",
    "~/.ssh/config, ~/.ssh/known_hosts.old, ~/.ssh/authorized_keys and ~/.ssh/office/laptop.pub stay; so does ~/.ssh/ itself",
    "tests/id_rsa_test.py, docs/keys.p8s and ~/.ssh/id_ed25519_work.pub",
    "row.key, item.key() and self.key",
    "http://localhost:8080/users/@me",
    "https://example.com/a:b@c",
    "postgres://user:$PASSWORD@host, postgres://<user>:<password>@host, postgres://u:${PW}@h",
    "PWD=/home/ana/app",
    "Token::new() and password ? a : b",
    "日本語の password とトークン 🔑",
]


@pytest.mark.parametrize(("text", "expected"), SECRETS, ids=[text[:40] for text, _ in SECRETS])
def test_a_secret_is_masked_and_what_tells_where_it_stood_stays(text, expected):
    assert mask(text).text == expected
    assert mask(text).count == len(MARKER.findall(expected))


@pytest.mark.parametrize(("text", "expected"), SECRETS, ids=[text[:40] for text, _ in SECRETS])
def test_masking_a_masked_text_changes_nothing(text, expected):
    assert mask(expected) == Masked(expected, 0)


@pytest.mark.parametrize(("text", "expected"), SECRETS, ids=[text[:40] for text, _ in SECRETS])
def test_a_secret_between_sentences_is_masked_alike(text, expected):
    around = "Ana wrote this down.\n{}\nThen she went home."
    assert mask(around.format(text)) == Masked(around.format(expected), len(MARKER.findall(expected)))


@pytest.mark.parametrize("text", ORDINARY, ids=[text[:40] for text in ORDINARY])
def test_ordinary_text_stays(text):
    assert mask(text) == Masked(text, 0)


TRICKY = st.sampled_from(
    [text for text, _ in SECRETS]
    + ORDINARY
    + [
        "=",
        ":",
        " ",
        "\n",
        '"',
        "'",
        "\\",
        "`",
        "@",
        "://",
        "[masked: token]",
        "password",
        "TOKEN",
        "--",
        "-",
        ".",
        "/",
        ".key",
        "(",
        ")",
        "&",
        "$",
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.one_of(TRICKY, st.text(max_size=6)), max_size=12).map("".join))
@example("PASSWORD=[masked: token]real")
@example("/a.key+/b.pem.key")
def test_masking_twice_equals_masking_once(text):
    once = mask(text)
    assert mask(once.text) == Masked(once.text, 0)


LETTERS = string.ascii_letters + string.digits


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(
        [
            ("ghp_{}", 36), ("github_pat_{}", 60), ("sk-ant-api03-{}", 40), ("xoxb-{}", 30), ("sk_live_{}", 24),
            ("AIzaSy{}", 33), ("zikra_00ff00ff00_{}", 43), ("Authorization: Bearer {}", 24), ("API_TOKEN={}", 20),
            ('"password": "{}"', 12), ("  db_password: {}", 16), ("https://ana:{}@h/", 12), ("\\\"secret\\\": \\\"{}\\\"", 20),
        ]
    ),
    st.data(),
    st.text(max_size=30),
    st.text(max_size=30),
)  # fmt: skip
def test_no_random_secret_survives_between_lines_of_any_text(form, data, before, after):
    template, length = form
    secret = "0a" + "".join(data.draw(st.lists(st.sampled_from(LETTERS), min_size=length - 2, max_size=length - 2)))
    text = f"{before}\n{template.format(secret)}\n{after}"
    assert secret not in mask(text).text


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text("abcdefghijklmnopqrstuvwxyzäöü ,.;!?-", min_size=1, max_size=40), max_size=10))
def test_sentences_of_plain_words_stay(lines):
    text = "\n".join(lines)
    assert mask(text) == Masked(text, 0)


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        " ",
        "=",
        ":",
        "-",
        "token=",
        "token:",
        "password: ",
        'password="',
        'password=\\"',
        'secret=\\\\\\"',
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nAAAAAAAA",
        "-----END PRIVATE KEY-----",
        "://a:",
        "://a:b",
        "eyJ",
        "eyJa.",
        "eyJabcdef.",
        "sk-",
        "sk-a ",
        "ghp_",
        "xox",
        "xoxb-",
        ".key",
        ".key+",
        "/.key+",
        "id_rsa/",
        "id_rsa_",
        "id_rsa_a.",
        ".ssh/",
        ".ssh/a.",
        ".ssh/a.pub",
        ".ssh\\\\a/b/",
        "Bearer ",
        "Authorization: ",
        "Authorization: a ",
        "Basic a",
        "github_pat_",
        "zikra_",
        "AKIA",
        "--a",
        "--token ",
        "'",
        '"',
        "\\",
        "a.b",
        "TOKEN=a(",
        "TOKEN=(",
        "token=$(",
        "A_KEY=",
        "password: str = ",
        "+",
        "x_token=a.",
        "[masked: ",
        "_key=",
        "İtoken=",
        "TOKEN=$a:",
        "password=%s",
        'password:"x" ',
        "API_KEY='",
    ],
)
def test_a_long_text_of_anything_is_masked_in_linear_time(piece):
    def seconds(length: int) -> float:
        text = (piece * (length // len(piece) + 1))[:length]
        started = time.thread_time()
        mask(text)
        return time.thread_time() - started

    # The thread's own time: what else the machine does is no matter. A quadratic pattern would take minutes for a
    # quarter of a mebibyte; the worst of these takes about half a second on a slow core.
    assert seconds(256 * 1024) < 4


def test_an_ordinary_paragraph_costs_little():
    paragraph = ("We decided to keep sessions in PostgreSQL: the token bucket asks runs/models.py for each key. " * 7)[
        :600
    ]
    rounds = []
    for _ in range(7):
        started = time.perf_counter()
        for _ in range(100):
            mask(paragraph)
        rounds.append((time.perf_counter() - started) / 100)
    # About 20 µs measured; the limit leaves room for a loaded machine.
    assert min(rounds) < 0.000_3


def test_nested_json_is_masked_by_name_and_by_shape():
    value = {
        "password": "hunter2",
        "headers": {"Authorization": "Bearer abc", "Accept": "text/html"},
        "list": [GITHUB, 1, None, True, ("x", f"t {JWT}")],
        "token": "<token>",
        "secret": "",
        "note": "no secret",
        "tokens_used": 12,
    }
    masked, count = mask_all(value)
    assert count == 4
    assert masked == {
        "password": "[masked: password]",
        "headers": {"Authorization": "[masked: authorization]", "Accept": "text/html"},
        "list": ["[masked: github token]", 1, None, True, ["x", "t [masked: jwt]"]],
        "token": "<token>",
        "secret": "",
        "note": "no secret",
        "tokens_used": 12,
    }
    assert list(masked) == list(value)
    assert mask_all(masked) == (masked, 0)


def test_keys_that_hold_secrets_are_masked_and_none_is_lost():
    other = GITHUB[:-1] + "Z"
    masked, count = mask_all({GITHUB: 1, other: 2})
    assert masked == {"[masked: github token]": 1, "[masked: github token] 2": 2}
    assert count == 2


def test_deep_json_does_not_exhaust_the_stack():
    value: object = GITHUB
    for _ in range(20_000):
        value = [value]
    masked, count = mask_all(value)
    for _ in range(20_000):
        masked = masked[0]
    assert (masked, count) == ("[masked: github token]", 1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_json_without_secrets_comes_back_equal(value):
    masked, count = mask_all(value)
    if count == 0:
        assert masked == value
    assert mask_all(masked) == (masked, 0)


@settings(max_examples=200, deadline=None)
@given(st.text("abcdefgh123", min_size=2, max_size=10), st.text("abcdefgh123", min_size=2, max_size=10))
def test_every_basic_header_is_masked(user, password):
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    assert mask(f"Authorization: Basic {login}").text == "Authorization: Basic [masked: basic credentials]"
    assert mask(f"sent Basic {login}").text == "sent Basic [masked: basic credentials]"
