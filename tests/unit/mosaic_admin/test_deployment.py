"""How an install looks from outside: Django's own list for a deployment, cookies, caches, the secret key, the home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client, RequestFactory

from mosaic_admin import views
from mosaic_admin.access import Role
from mosaic_admin.env import Environment
from mosaic_admin.people.models import User
from tests.unit.people.conftest import PASSWORD

ROOT = Path(__file__).resolve().parents[3]
PUBLIC = {"MOSAIC_PUBLIC_URL": "https://mosaic.example.org"}


def run(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {"PATH": os.environ["PATH"], "MOSAIC_HOME": str(home), "PYTHONPATH": str(ROOT), **variables}
    kept |= {"DJANGO_SETTINGS_MODULE": "mosaic_admin.settings", "MOSAIC_CONTROL_VALKEY_PORT": "1"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=kept, cwd=ROOT, capture_output=True, text=True, umask=0o022, check=False)


def test_django_finds_nothing_to_say_about_a_deployment(tmp_path: Path) -> None:
    done = run(tmp_path, "manage.py", "check", "--deploy", "--fail-level", "WARNING", **PUBLIC)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


SHOW = """
import django; django.setup()
from django.conf import settings as s
from django.core.management import call_command
from django.test import Client
call_command("migrate", verbosity=0)
inside = Client(headers={"host": "mosaic.example.org", "x-forwarded-proto": "https"}, enforce_csrf_checks=True)
page = inside.get("/sign-in/")
print(page["Strict-Transport-Security"])
for c in page.cookies.values():
    print(c.key, bool(c["secure"]), bool(c["httponly"]), c["samesite"], c["path"])
plain = Client(headers={"host": "mosaic.example.org"}).get("/sign-in/")
print(plain.status_code, plain["Location"])
print(Client(headers={"host": "127.0.0.1"}).get("/healthz").status_code)
token = page.content.decode().partition('csrfmiddlewaretoken" value="')[2].partition('"')[0]
form = {"name": "nobody", "password": "x", "csrfmiddlewaretoken": token}
print(inside.post("/sign-in/", form, headers={"origin": "https://mosaic.example.org"}).status_code)
print(inside.post("/sign-in/", form, headers={"origin": "https://evil.example"}).status_code)
print(s.SESSION_COOKIE_NAME, s.SESSION_COOKIE_SECURE, s.SESSION_COOKIE_HTTPONLY, s.SESSION_COOKIE_SAMESITE)
"""


def test_behind_a_proxy_with_tls_everything_goes_by_tls(tmp_path: Path) -> None:
    done = run(tmp_path, "-c", SHOW, **PUBLIC)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "max-age=31536000",
        "__Host-mosaic_csrf True True Lax /",
        "301 https://mosaic.example.org/sign-in/",
        "200",
        "422",
        "403",
        "__Host-mosaic_session True True Lax",
    ]


@pytest.mark.parametrize("value", ["mosaic.example.org", "ftp://x", "https://", "https://x/path", "https://x?y"])
def test_a_public_address_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"an address such as https://mosaic\.example\.org was expected"):
        Environment(public_url=value)


@pytest.mark.django_db
def test_no_answer_is_kept_by_a_browser_or_a_cache() -> None:
    client = Client()
    client.force_login(User.objects.create(username="ada", role=Role.ADMIN))
    pages = ("/", "/tiers/", "/audit/", "/people/", "/people/tokens/", "/api/v1/tiers", "/nothing/")
    files = ("/audit/export.csv", "/migrations/runs.json", "/doctor/bundle/", "/stack/compose.tar.gz")
    for address in (*pages, *files):
        assert "no-store" in client.get(address)["Cache-Control"], address


@pytest.mark.django_db
def test_the_cookies_are_ours_and_no_script_reads_them() -> None:
    User.objects.create_user("ada", PASSWORD, role=Role.ADMIN)
    client = Client()
    client.post("/sign-in/", {"name": "ada", "password": PASSWORD})
    assert {name: bool(morsel["httponly"]) for name, morsel in client.cookies.items()} == {
        "mosaic_session": True, "mosaic_csrf": True,
    }  # fmt: skip


def test_the_secret_key_is_made_once_for_its_owner_and_the_home_is_closed(tmp_path: Path) -> None:
    home = tmp_path / "deep" / "home"
    show = "from mosaic_admin import settings; print(settings.SECRET_KEY)"
    first, second = run(home, "-c", show), run(home, "-c", show)
    assert len(first.stdout.strip()) >= 50
    assert first.stdout == second.stdout
    key = home / "keys" / "django-secret-key"
    assert [path.stat().st_mode & 0o777 for path in (home, key.parent, key)] == [0o700, 0o700, 0o600]
    key.chmod(0o644)
    run(home, "-c", show)
    assert key.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("weak", ["", "guess-me", "a" * 60])
def test_a_weak_secret_key_is_refused_and_not_shown(tmp_path: Path, weak: str) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "django-secret-key").write_text(weak)
    done = run(tmp_path, "-c", "from mosaic_admin import settings")
    assert done.returncode == 78
    assert "MOS-ENV-001" in done.stderr
    assert f"rm {tmp_path}" in done.stderr
    if weak:
        given = run(tmp_path, "-c", "from mosaic_admin import settings", MOSAIC_SECRET_KEY=weak)
        assert given.returncode == 78
        assert weak not in given.stderr


@pytest.mark.parametrize("more", [PUBLIC, {"MOSAIC_WEB_HOST": "0.0.0.0"}, {"MOSAIC_ALLOWED_HOSTS": "mosaic.lan"}])
def test_debug_pages_are_refused_where_others_reach_them(tmp_path: Path, more: dict[str, str]) -> None:
    done = run(tmp_path, "-c", "from mosaic_admin import env; env.load()", MOSAIC_DEBUG="1", **more)
    assert (done.returncode, "MOSAIC_DEBUG is on" in done.stderr) == (78, True)
    assert run(tmp_path, "-c", "from mosaic_admin import env; env.load()", MOSAIC_DEBUG="1").returncode == 0


@pytest.mark.django_db
def test_somebody_who_is_not_signed_in_learns_neither_version_nor_folder() -> None:
    from importlib.metadata import version

    page = Client().get("/sign-in/").content.decode()
    assert version("mosaic-admin") not in page
    assert "/logs" not in views.server_error(RequestFactory().get("/")).content.decode()
