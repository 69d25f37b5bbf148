"""mosaic.config.json: rules of the tiers, variables, secret files, the old word; every problem at once."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

import tiers
from mosaic_admin.codes import ExitCode
from mosaic_admin.redaction import redact
from tiers import codes, parameters
from tiers import config as configs
from tiers.config import ConfigError, ConfigFileError, PgliteStorage, PostgresStorage, ResolvedConfig, Tier, ValkeyQueue
from tiers.variables import OWN_SECRETS

ENVIRON = {"MOSAIC_PG_PASSWORD": "p@ss/wörd 1", "MOSAIC_VALKEY_PASSWORD": "valkey-secret"}
FEDERATED = tiers.DEFAULT_FEDERATED_CONFIG
STANDALONE = tiers.DEFAULT_STANDALONE_CONFIG
LOCAL = tiers.DEFAULT_LOCAL_CONFIG


def resolve(
    document: Mapping[str, Any], *, environ: Mapping[str, str] = ENVIRON, base_dir: Path = Path("/base")
) -> ResolvedConfig:
    return configs.resolve_document(dict(document), base_dir=base_dir, environ=environ)


def problems(document: Mapping[str, Any], *, environ: Mapping[str, str] = ENVIRON) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        resolve(document, environ=environ)
    assert all(problem.remedy for problem in caught.value.problems)
    assert caught.value.exit_code == ExitCode.CONFIG
    return {problem.path: problem.reason for problem in caught.value.problems}


def changed(document: Mapping[str, Any], section: str, **values: Any) -> dict[str, Any]:
    return {**document, section: {**document[section], **values}}


@pytest.mark.parametrize("document", [LOCAL, STANDALONE, FEDERATED])
def test_each_default_obeys_the_rules_of_its_tier(document: dict[str, Any]) -> None:
    assert resolve(document).tier == document["tier"]


def test_a_relative_data_folder_starts_at_the_file() -> None:
    storage = resolve(LOCAL).storage
    assert isinstance(storage, PgliteStorage)
    assert storage.data_dir == Path("/base/.mosaic/pglite")


def test_a_raw_password_from_a_variable_is_percent_encoded_inside_the_address() -> None:
    storage = resolve(FEDERATED).storage
    assert isinstance(storage, PostgresStorage)
    assert storage.url == "postgresql://mosaic:p%40ss%2Fw%C3%B6rd%201@127.0.0.1:5433/mosaic"
    assert storage.display == "127.0.0.1:5433/mosaic"


def test_a_whole_address_from_a_variable_is_taken_as_it_is() -> None:
    config = resolve(changed(STANDALONE, "storage", url="${DB}"), environ={**ENVIRON, "DB": "postgresql://u:a%40b@h/d"})
    assert isinstance(config.storage, PostgresStorage)
    assert config.storage.url == "postgresql://u:a%40b@h/d"


def test_repr_of_a_resolved_config_holds_no_secret() -> None:
    assert "valkey-secret" not in repr(resolve(FEDERATED))


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (changed(FEDERATED, "storage", enableVector=False), "storage.enableVector"),
        ({**FEDERATED, "queue": {"type": "local"}}, "queue.type"),
        ({**FEDERATED, "memory": {"type": "keyword"}}, "memory.type"),
        ({**FEDERATED, "storage": LOCAL["storage"]}, "storage.type"),
        (changed(STANDALONE, "storage", enableVector=True), "storage.enableVector"),
        ({**STANDALONE, "memory": {"type": "pgvector"}}, "memory.type"),
        ({**STANDALONE, "storage": LOCAL["storage"]}, "storage.type"),
        ({**LOCAL, "storage": STANDALONE["storage"]}, "storage.type"),
        ({**LOCAL, "queue": STANDALONE["queue"]}, "queue.type"),
        ({**LOCAL, "memory": {"type": "pgvector"}}, "memory.type"),
    ],
)
def test_what_contradicts_the_tier_is_refused_at_its_path(document: dict[str, Any], path: str) -> None:
    assert list(problems(document)) == [path]


def test_every_problem_is_reported_at_once() -> None:
    document = {
        "version": 2,
        "tier": "federatd",
        "storage": {"type": "postgres", "uri": "x", "enableVector": "yes", "dataDir": "d"},
        "queue": {"type": "bulmq"},
        "memory": [],
        "extra": 1,
    }
    found = problems(document)
    assert set(found) == {
        "version", "tier", "storage.uri", "storage.url", "storage.enableVector", "storage.dataDir", "queue.type",
        "memory", "extra",
    }  # fmt: skip
    assert 'Did you mean "federated"?' in found["tier"]
    assert 'Did you mean "url"?' in found["storage.uri"]
    assert 'Did you mean "bullmq"?' in found["queue.type"]
    assert found["storage.dataDir"] == 'does not belong to "type": "postgres"'


@pytest.mark.parametrize(
    ("key", "meant"), [("enable_vector", "enableVector"), ("Url", "url"), ("passwordfile", "passwordFile")]
)
def test_a_near_miss_of_a_key_is_answered_with_did_you_mean(key: str, meant: str) -> None:
    assert f'Did you mean "{meant}"?' in problems(changed(FEDERATED, "storage", **{key: "x"}))[f"storage.{key}"]


@pytest.mark.parametrize("version", [True, 2, "1", None, 1.5])
def test_another_version_is_refused(version: object) -> None:
    assert "version" in problems({**LOCAL, "version": version})


@pytest.mark.parametrize("name", ["version", "tier", "storage", "queue", "memory"])
def test_a_missing_section_is_named(name: str) -> None:
    assert problems({key: value for key, value in LOCAL.items() if key != name}) == {name: "is missing"}


def test_set_but_empty_is_not_unset() -> None:
    assert problems(changed(STANDALONE, "storage", url="")) == {"storage.url": "is set and empty"}
    assert "set and empty" in problems(STANDALONE, environ={**ENVIRON, "MOSAIC_PG_PASSWORD": ""})["storage.url"]
    document = changed(STANDALONE, "storage", url="postgresql://${HOST:-127.0.0.1}/d")
    assert "set and empty" in problems(document, environ={**ENVIRON, "HOST": ""})["storage.url"]


def test_an_unset_variable_is_named() -> None:
    assert (
        "MOSAIC_PG_PASSWORD is not set" in problems(STANDALONE, environ={"MOSAIC_VALKEY_PASSWORD": "x"})["storage.url"]
    )


def test_a_default_stands_in_for_an_unset_variable_and_shows_as_its_source() -> None:
    config = resolve(changed(STANDALONE, "storage", url="postgresql://u@${DB_HOST:-db.local}:5432/d"))
    assert isinstance(config.storage, PostgresStorage)
    assert config.storage.url == "postgresql://u@db.local:5432/d"
    assert {v.path: v.source for v in config.effective()}["storage.url"] == "default of DB_HOST"


def test_a_doubled_dollar_is_a_literal() -> None:
    storage = resolve(changed(LOCAL, "storage", dataDir="a$${B}")).storage
    assert isinstance(storage, PgliteStorage)
    assert storage.data_dir.name == "a${B}"


@pytest.mark.parametrize("text", ["${", "${A", "${}", "${1A}", "${A-b}"])
def test_a_reference_that_cannot_be_read_is_refused(text: str) -> None:
    assert "cannot be read" in problems(changed(LOCAL, "storage", dataDir=text))["storage.dataDir"]


@pytest.mark.parametrize(
    "url",
    ["mysql://h/d", "postgresql:///d", "postgresql://h:99999/d", "postgresql://h:0/d", "postgresql://[::1/d",
     "postgresql://h", "postgresql://h/d d", "postgresql://u:•••@h/d", "postgresql://h:x/d"],
)  # fmt: skip
def test_an_unusable_postgres_address_is_refused_without_showing_it(url: str) -> None:
    found = problems(changed(STANDALONE, "storage", url=url))
    assert list(found) == ["storage.url"]
    assert url not in found["storage.url"]


@pytest.mark.parametrize("url", ["http://h", "redis://", "redis://h/zero", "redis://h:70000/0"])
def test_an_unusable_valkey_address_is_refused(url: str) -> None:
    assert list(problems(changed(STANDALONE, "queue", url=url))) == ["queue.url"]


def test_tls_addresses_of_valkey_are_accepted() -> None:
    assert isinstance(resolve(changed(STANDALONE, "queue", url="rediss://h:6379/0")).queue, ValkeyQueue)


def secret_file(folder: Path, content: str = "fi/le secret\n", *, mode: int = 0o600) -> dict[str, Any]:
    file = folder / "pw"
    file.write_text(content)
    file.chmod(mode)
    return changed(STANDALONE, "storage", url="postgresql://mosaic@h/d", passwordFile="pw")


def test_a_password_file_is_read_relative_to_the_document(tmp_path: Path) -> None:
    config = resolve(secret_file(tmp_path), base_dir=tmp_path)
    assert isinstance(config.storage, PostgresStorage)
    assert config.storage.url == "postgresql://mosaic:fi%2Fle%20secret@h/d"
    shown = {v.path: (v.value, v.source) for v in config.effective()}
    assert shown["storage.url"] == ("postgresql://mosaic:•••@h/d", "file")
    assert shown["storage.passwordFile"] == ("•••", f"secret file {tmp_path / 'pw'}")
    assert config.warnings == ()


def test_a_password_file_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (warning,) = resolve(secret_file(tmp_path, mode=0o644), base_dir=tmp_path).warnings
    assert warning.code is codes.SECRET_FILE_OPEN
    assert warning.remediation == f"Run `chmod 600 {tmp_path / 'pw'}`."


def test_a_readable_password_file_in_a_closed_folder_is_none(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert resolve(secret_file(tmp_path, mode=0o444), base_dir=tmp_path).warnings == ()


@pytest.mark.parametrize(
    ("content", "reason"), [("", "is empty"), ("a\nb\n", "has several lines"), ("x" * 65_000, "cannot be read")]
)
def test_an_unusable_password_file_is_named(tmp_path: Path, content: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(secret_file(tmp_path, content), base_dir=tmp_path)
    assert str(tmp_path / "pw") in caught.value.message
    assert reason in caught.value.message


def test_an_absent_password_file_is_named() -> None:
    document = changed(STANDALONE, "storage", url="postgresql://mosaic@h/d", passwordFile="nope")
    assert "/base/nope cannot be read" in problems(document)["storage.passwordFile"]


def test_a_password_in_both_places_is_refused(tmp_path: Path) -> None:
    document = changed(secret_file(tmp_path), "storage", url="postgresql://mosaic:x@h/d")
    assert "a password stands in storage.url as well" in problems(document)["storage.passwordFile"]


def test_a_variable_can_come_from_its_file(tmp_path: Path) -> None:
    secret_file(tmp_path)
    environ = {"MOSAIC_PG_PASSWORD_FILE": str(tmp_path / "pw"), "MOSAIC_VALKEY_PASSWORD": "x"}
    config = resolve(STANDALONE, environ=environ)
    assert isinstance(config.storage, PostgresStorage)
    assert "fi%2Fle%20secret@" in config.storage.url
    assert {v.path: v.source for v in config.effective()}["storage.url"] == f"secret file {tmp_path / 'pw'}"


def test_a_variable_and_its_file_together_are_refused() -> None:
    found = problems(STANDALONE, environ={**ENVIRON, "MOSAIC_PG_PASSWORD_FILE": "/x"})
    assert "MOSAIC_PG_PASSWORD and MOSAIC_PG_PASSWORD_FILE are both set" in found["storage.url"]


def test_the_old_word_works_and_warns_once(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configs, "_warned", set())
    with caplog.at_level(logging.WARNING):
        found = [resolve({**STANDALONE, "tier": "team"}) for _ in range(2)]
    assert {config.tier for config in found} == {Tier.STANDALONE}
    assert [warning.code for warning in found[1].warnings] == [codes.TEAM_ALIAS]
    assert "2.0" in found[0].warnings[0].message
    assert '"standalone"' in found[0].warnings[0].message
    assert len(caplog.records) == 1


def test_a_secret_variable_in_the_wrong_place_is_masked_all_the_same() -> None:
    environ = {**ENVIRON, "APP_SECRET": "deep-secret-1", "DB_USER": "mosaic", "DB_PASSWORD": "deep-secret-2"}
    folder = resolve(changed(LOCAL, "storage", dataDir="data/${APP_SECRET}"), environ=environ)
    assert {v.path: v.value for v in folder.effective()}["storage.dataDir"] == "/base/data/•••"
    url = "postgresql://${DB_USER}:${DB_PASSWORD}@h/mosaic"
    shown = resolve(changed(STANDALONE, "storage", url=url), environ=environ).effective()
    assert {v.path: v.value for v in shown}["storage.url"] == "postgresql://mosaic:•••@h/mosaic"


def test_a_user_name_from_a_variable_is_no_secret_elsewhere() -> None:
    url = "postgresql://${SOME_USER}@h/d"
    resolve(changed(STANDALONE, "storage", url=url), environ={**ENVIRON, "SOME_USER": "unsuspicious-name"})
    assert redact("hello unsuspicious-name") == "hello unsuspicious-name"


def test_a_left_out_key_shows_as_default() -> None:
    document = {**STANDALONE, "storage": {key: STANDALONE["storage"][key] for key in ("type", "url")}}
    shown = {v.path: (v.value, v.source) for v in resolve(document).effective()}
    assert shown["storage.enableVector"] == ("false", "default")
    assert shown["storage.url"] == ("postgresql://mosaic:•••@127.0.0.1:5432/mosaic", "env MOSAIC_PG_PASSWORD")
    assert shown["tier"] == ("standalone", "file")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not JSON: line 1, column 1"),
        (b"{\n \"a\": 1,\n}", "is not JSON: line"),
        (b"[]", "not an object"),
        (b"null", "not an object"),
        (b'{"a": "\\ud800"}', "half of a UTF-16 pair"),
        (b'{"a": NaN}', "number or a nesting"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "number or a nesting"),
        (b"\xff\xfe{\x00}\x00", "is UTF-16"),
        (b'{"a": "\xe4"}', "is not UTF-8: byte 8"),
        (b'{"a":' + b"[" * 40 + b"]" * 40 + b"}", "nested more than"),
        (b"[" * 200_000, "nesting"),
        (b" " * 1_000_001, "larger than"),
        (b'{"tier": "local", "tier": "team"}', "stands twice"),
        (b'{"storage": {"url": 1, "url": 2}}', "stands twice"),
    ],
)  # fmt: skip
def test_what_is_not_a_json_object_is_one_clear_problem(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "mosaic.config.json"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        configs.load_config(file)
    assert reason in caught.value.message


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    file = tmp_path / "mosaic.config.json"
    file.write_bytes(b'\xef\xbb\xbf{"version":1,"tier":"local","storage":{"type":"pglite","dataDir":"d"},'
                     b'"queue":{"type":"local"},"memory":{"type":"keyword"}}')  # fmt: skip
    assert configs.load_config(file).tier is Tier.LOCAL


def test_a_missing_file_is_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(ConfigFileError) as caught:
        configs.load_config(tmp_path / "nope.json")
    assert (caught.value.code, caught.value.exit_code) == (codes.CONFIG_MISSING, ExitCode.CONFIG)


@pytest.mark.parametrize(
    ("section", "url", "reason"),
    [
        ("storage", "postgresql://h/d?sslmod=require", 'Did you mean "sslmode"?'),
        ("storage", "postgresql://h/d?sslmode=requird", 'Did you mean "require"?'),
        ("storage", "postgresql://h/d?channel_binding=yes", "is not one of"),
        ("storage", "postgresql://h/d?sslmode=require&sslmode=disable", "twice"),
        ("storage", "postgresql://h/d?sslmode", "cannot be read"),
        ("queue", "rediss://h/0?ssl_cert_req=required", 'Did you mean "ssl_cert_reqs"?'),
        ("queue", "rediss://h/0?ssl_cert_reqs=requried", 'Did you mean "required"?'),
        ("queue", "redis://h/0?ssl_cert_reqs=required", "needs TLS"),
        ("queue", "redis://h/0?socket_timeout=soon", "that is no number"),
        ("storage", "postgresql://h/d?connect_timeout=soon", "that is no number"),
    ],
)
def test_a_misspelt_parameter_fails_closed(section: str, url: str, reason: str) -> None:
    assert reason in problems(changed(STANDALONE, section, url=url))[f"{section}.url"]


@pytest.mark.parametrize("url", ["postgresql://h/d?sslmode=verify-full&sslrootcert=/ca.pem", "postgresql://h/d?"])
def test_known_parameters_are_accepted(url: str) -> None:
    assert resolve(changed(STANDALONE, "storage", url=url)).tier is Tier.STANDALONE


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://h/d?sslkeylogfile=/tmp/keys", "writes the keys of each connection into a file"),
        ("postgresql://h/d?host=elsewhere", "names one host before the ? and another one after it"),
        ("postgresql://u:p@ss@h/d", "has a character that its driver reads as something else"),
        ("postgresql://u:100%@h/d", "has a character that its driver reads as something else"),
        ("postgresql://h/d#x", "has a character that its driver reads as something else"),
        ("POSTGRESQL://h/d", "does not begin with postgresql://"),
        ("postgresql://h/d?application_name==x", "has parameters that cannot be read"),
    ],
)
def test_what_a_driver_knows_and_nobody_may_ask_for_is_refused(url: str, reason: str) -> None:
    assert reason in problems(changed(STANDALONE, "storage", url=url))["storage.url"]


def test_a_valkey_address_names_one_host() -> None:
    assert "names several hosts" in problems(changed(FEDERATED, "queue", url="redis://h1,h2:6380/0"))["queue.url"]


def test_a_valkey_database_stands_in_the_address_only() -> None:
    assert "has the parameter db" in problems(changed(FEDERATED, "queue", url="redis://h/0?db=3"))["queue.url"]


def test_the_known_parameters_are_the_drivers() -> None:
    drivers = {default.keyword.decode() for default in psycopg.pq.Conninfo.get_defaults()}
    assert drivers - set(parameters.POSTGRES) == set()


@pytest.mark.parametrize("name", parameters.REFUSED)
def test_a_parameter_that_would_lead_elsewhere_or_write_a_file_is_refused(name: str) -> None:
    url = f"postgresql://h/shown?{name}=hidden"
    assert f"has the parameter {name}" in problems(changed(STANDALONE, "storage", url=url))["storage.url"]


@pytest.mark.parametrize("name", sorted(OWN_SECRETS))
def test_a_secret_of_the_install_itself_does_not_go_into_an_address(name: str) -> None:
    document = changed(STANDALONE, "storage", url=f"postgresql://u:${{{name}}}@elsewhere/d")
    with pytest.raises(ConfigError) as refused:
        resolve(document, environ={name: "canary-of-the-install"})
    assert "this install's own" in str(refused.value.problems)
    assert "canary" not in str(refused.value.as_dict())


def test_a_key_file_of_the_install_itself_is_no_password_file(tmp_path: Path) -> None:
    (tmp_path / "home" / "keys").mkdir(parents=True)
    (tmp_path / "home" / "keys" / "gateway-token").write_text("canary-of-the-install")
    (tmp_path / "looks-fine").symlink_to(tmp_path / "home" / "keys")
    document = changed(STANDALONE, "storage", url="postgresql://u@elsewhere/d", passwordFile="looks-fine/gateway-token")
    with pytest.raises(ConfigError) as refused:
        resolve(document, base_dir=tmp_path, environ={"MOSAIC_HOME": str(tmp_path / "home")})
    assert "this install's own" in str(refused.value.problems)


@pytest.mark.parametrize("name", parameters._VALKEY_TLS)
def test_the_valkey_client_takes_every_parameter_we_let_through(name: str) -> None:
    value = (parameters._VALKEY_TLS[name] or ("x",))[0]
    redis.Redis.from_url(f"rediss://h/0?{name}={value}").connection_pool.make_connection()


def test_a_remark_is_a_key_and_a_comment_says_so(tmp_path: Path) -> None:
    remarked = {**changed(LOCAL, "storage", **{"$comment": "on the fast disk"}), "$comment": "of the laptop"}
    assert resolve(remarked).tier is Tier.LOCAL
    file = tmp_path / "mosaic.config.json"
    for comment in ("// why", "/* why */", "# why"):
        file.write_text(f'{{"version": 1, {comment}\n "tier": "local"}}')
        with pytest.raises(ConfigError, match="has a comment at line 1") as caught:
            configs.load_config(file)
        assert '"$comment"' in caught.value.remediation


def test_the_old_and_the_new_word_together_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "mosaic.config.json"
    file.write_text('{"version": 1, "tier": "team", "tier": "standalone"}')
    with pytest.raises(ConfigError, match="tier: stands twice"):
        configs.load_config(file)
