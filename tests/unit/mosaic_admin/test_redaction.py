import html
import json
import logging
import re
import threading
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mosaic_admin.access import Role
from mosaic_admin.redaction import (
    MASK,
    OUR_WORDS,
    SHORTEST_SECRET,
    RedactingFilter,
    display_url,
    forget_secrets,
    redact,
    redact_data,
    remember_secret,
)
from tests.fuzzing import MANY

CANARY = "s3cr3t-Canary"
MOST_S = 2.0  # of processor time; it takes a twentieth of that, and took minutes


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://mosaic:{CANARY}@db:5432/mosaic",
        f"redis://:{CANARY}@127.0.0.1:6380/0",
        f"could not connect to postgresql://u:{CANARY}%40x@h/db?sslmode=require",
        f"postgresql://db/mosaic?user=u&password={CANARY}&x=1",
        f"host=db password={CANARY} dbname=mosaic",
        f"host=db password = '{CANARY} with \\' quote' dbname=mosaic",
        f"PGPASSWORD={CANARY} psql",
        f'{{"password": "{CANARY}"}}',
        f"{{'api_key': '{CANARY}'}}",
        f"Authorization: Bearer {CANARY}",
        f"sslpassword={CANARY}",
        f"MOSAIC_SECRET_KEY={CANARY}",
        f"${{DB_PASSWORD:-{CANARY}}}",
        f"postgresql://u:a@{CANARY}@h/db",
        f"postgresql://u:it's{CANARY}@h/db",
        f"redis://{CANARY}@h:6379/0",
        f"before\n  DB_PASSWORD: {CANARY}\nafter",
        f"x-api-key={CANARY}",
    ],
)
def test_redact_masks_a_secret_in_every_form(text):
    assert CANARY not in redact(text)
    assert MASK in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1:5433/mosaic",
        "password authentication failed",
        "time: 22:14:09",
        "https://example.org/a?b=c",
        '"passwordFile": "secrets/pg"',
        "MOSAIC_PG_PASSWORD_FILE=/run/secrets/pg",
        "sslkey=/x passfile=/home/u/.pgpass",
        "the token: it was read",
        "redis://${PW}@h",
    ],
)
def test_redact_leaves_harmless_text_alone(text):
    assert redact(text) == text


@pytest.fixture(autouse=True)
def _forget():
    forget_secrets()
    yield
    forget_secrets()


@given(st.text(min_size=6, max_size=40).filter(lambda text: text.lower() not in OUR_WORDS))
@example("e afte")
@example("PgVectors")
def test_a_remembered_secret_never_survives(secret):
    forget_secrets()
    remember_secret(secret)
    assert secret not in redact(f"before {secret} after").replace(MASK, "")


SPELLINGS = {
    "address": lambda text: quote(text, safe=""),
    "path": quote,
    "lower case": lambda text: re.sub("%..", lambda found: found[0].lower(), quote(text, safe="")),
    "form": quote_plus,
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON in UTF-8": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "HTML": html.escape,
    "Python": lambda text: repr(text)[1:-1],
    "libpq": lambda text: text.replace("\\", "\\\\").replace("'", "\\'"),
}


@MANY
@given(
    st.text(min_size=6, max_size=40, alphabet=st.characters(exclude_characters="•", exclude_categories=["Cs"])),
    st.sampled_from([*SPELLINGS]),
)
@example('pa"s\\s/w é', "JSON")
@example("mosaic%6d", "address")
def test_a_remembered_secret_survives_in_no_spelling(secret, spelling):
    forget_secrets()
    remember_secret(secret)
    spelt = SPELLINGS[spelling](secret)
    if len(spelt) >= SHORTEST_SECRET and spelt.lower() not in OUR_WORDS:
        assert spelt not in redact(f"before {spelt} after").replace(MASK, "")


@MANY
@given(st.text(max_size=200))
def test_what_is_masked_once_stays_as_it_is_and_no_text_is_lost(text):
    """Without a secret, and without what looks like one, a text passes; the mask itself is not masked again."""
    forget_secrets()
    once = redact(text)
    assert redact(once) == once
    assert MASK in once or once == text


@pytest.mark.parametrize(
    "part",
    ["pass", "token", "?pass", "password=", "x://", "a.", "x://a:", "/join/", "${pass", "secret_", "'", "a@", " \t"],
)
def test_a_long_text_is_looked_at_in_no_time(part):
    """An address that nobody has is logged, up to 8 KB of it, without a sign-in: the log must not hold everybody up."""
    text = part * (64_000 // len(part))
    remember_secret("mosaic", "sesame", CANARY)
    started = time.process_time()
    redact(text)
    assert time.process_time() - started < MOST_S


def test_a_secret_that_is_no_text_is_masked_as_well():
    remember_secret("caf\udce9-4711")  # an environment variable that is not UTF-8
    assert "4711" not in redact("before caf\udce9-4711 after")


def test_a_secret_that_is_remembered_meanwhile_disturbs_nobody():
    remember_secret(*(f"{chr(97 + n % 26)}esame" for n in range(26)))
    text = " ".join(f"{chr(97 + n % 26)}esame" for n in range(26))
    done = threading.Event()

    def remember():
        for number in range(100_000, 103_000):
            remember_secret(f"{number}")
        done.set()

    thread = threading.Thread(target=remember)
    thread.start()
    while not done.is_set():
        redact(text)
    thread.join()


def test_a_log_record_stays_one_record():
    forged = "2026-11-26 12:00:00 INFO mosaic nothing happened"
    try:
        raise ValueError(f"bad\n{forged}\x1b[2K")
    except ValueError as exc:
        info = (type(exc), exc, exc.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "no %s", (f"/a\r\n{forged}\x1b[31m",), info)
    RedactingFilter().filter(record)
    lines = logging.Formatter("%(asctime)s %(message)s").format(record).split("\n")
    assert not [line for line in lines if line.startswith(forged)]
    assert not [code for line in lines for code in line if ord(code) < 32]


@pytest.mark.parametrize("word", ["mosaic", "Postgres", "admin", "valkey", "a", "12345", "password"])
def test_a_word_of_ours_stays_readable_and_is_masked_where_a_password_stands(word):
    remember_secret(word)
    for text in (f"mosaic doctor checks the {word} server", f"host {word}:5432/{word}", f"{word} mosaic.config.json"):
        assert redact(text) == text
    for before, after in (
        ("postgresql://u:", "@h/d"), ("redis://:", "@h"), ("u:", "@h"), ("password=", ""), ("password: ", ""),
        ("password ", " refused"), ('the password "', '"'), ("PGPASSWORD='", "'"), ("?password=", "&x=1"),
        ('{"secret": "', '"}'), ("password is ", ""),
    ):  # fmt: skip
        assert redact(f"{before}{word}{after}") == f"{before}{MASK}{after}"


def test_a_file_of_a_secret_is_shown_and_a_profile_is_not():
    assert redact("passwordFile=secrets/pg") == "passwordFile=secrets/pg"
    assert redact("DB_PASSWORD_FILE=/run/pg") == "DB_PASSWORD_FILE=/run/pg"
    assert redact("PASSWORD_PROFILE=hunter22x") == f"PASSWORD_PROFILE={MASK}"


@pytest.mark.parametrize("word", ["sesame", "Hunter", "987654"])
def test_a_plain_word_is_masked_as_a_word_and_not_inside_another(word):
    remember_secret(word)
    assert redact(f"the value {word}, and x-{word}.") == f"the value {MASK}, and x-{MASK}."
    assert redact(f"open{word}s") == f"open{word}s"


def test_the_names_of_the_product_are_words_of_ours():
    names = {"mosaic", "postgres", "postgresql", "valkey", "redis", "pgvector", "federated", "standalone", "gateway"}
    assert names <= OUR_WORDS
    assert {role.value for role in Role} <= OUR_WORDS


def test_redact_data_masks_values_of_secret_keys_but_not_file_paths():
    document = {"storage": {"password": CANARY, "passwordFile": "secrets/pg", "urls": [f"redis://:{CANARY}@h/0"]}}
    assert redact_data(document) == {
        "storage": {"password": MASK, "passwordFile": "secrets/pg", "urls": [f"redis://:{MASK}@h/0"]}
    }


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"postgresql://mosaic:{CANARY}@127.0.0.1:5433/mosaic?password={CANARY}", "127.0.0.1:5433/mosaic"),
        ("postgresql://[::1]:5433/mosaic", "[::1]:5433/mosaic"),
        ("postgresql:///mosaic", "local socket/mosaic"),
        ("postgresql://host:notaport/x", "an address that cannot be read"),
    ],
)
def test_display_url_shows_host_port_and_database_only(url, shown):
    assert display_url(url) == shown


def test_the_log_filter_redacts_arguments_and_tracebacks():
    try:
        raise ValueError(f"postgresql://u:{CANARY}@h/db")
    except ValueError as exc:
        record = logging.LogRecord(
            "x", logging.ERROR, "f", 1, "failed for %s", (f"password={CANARY}",), (type(exc), exc, exc.__traceback__)
        )
    RedactingFilter().filter(record)
    assert CANARY not in logging.Formatter().format(record)
