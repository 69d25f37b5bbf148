import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaic_admin.redaction import MASK, RedactingFilter, display_url, redact, redact_data, remember_secret

CANARY = "s3cr3t-Canary"


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
    ],
)
def test_redact_masks_a_secret_in_every_form(text):
    assert CANARY not in redact(text)
    assert MASK in redact(text)


@pytest.mark.parametrize(
    "text",
    ["127.0.0.1:5433/mosaic", "password authentication failed", "time: 22:14:09", "https://example.org/a?b=c"],
)
def test_redact_leaves_harmless_text_alone(text):
    assert redact(text) == text


@given(st.text(min_size=6, max_size=40))
def test_a_remembered_secret_never_survives(secret):
    remember_secret(secret)
    try:
        assert secret not in redact(f"before {secret} after").replace(MASK, "")
    finally:
        from mosaic_admin import redaction

        redaction._known.clear()


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
