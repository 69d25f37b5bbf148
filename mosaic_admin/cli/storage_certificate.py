"""`mosaic storage verify` and `key`: for any machine, without a control plane."""

from __future__ import annotations

import json
from pathlib import Path

from migration.recheck import Recheck, recheck
from migration.signing import Trust, ensure_key, public_pem, read_certificate, read_public_key
from mosaic_admin import env
from mosaic_admin.cli.printing import echo
from mosaic_admin.codes import ExitCode

WORDS = {
    Trust.TRUSTED: "Signature trusted: made by the key that you named.",
    Trust.NOT_TRUSTED: "Signature not trusted: it fits the document, and nobody vouched for its key.",
    Trust.UNSIGNED: "Not signed: nothing shows who made it, or whether it was changed.",
}


def verify(
    certificate: Path, *, key: Path | None, fingerprint: str, source: Path | None, target: Path | None, as_json: bool
) -> int:
    """Check a certificate and say what it is worth; returns the exit code."""
    public = read_public_key(key) if key else None
    found = recheck(read_certificate(certificate), key=public, fingerprint=fingerprint, source=source, target=target)
    if as_json:
        echo(json.dumps(found.as_dict() | {"exit_code": int(exit_code(found))}, indent=2))
    else:
        _show(found)
    return exit_code(found)


def exit_code(found: Recheck) -> ExitCode:
    """Return 0 when it holds, 1 when the data is another one, 3 while nobody vouched for the key."""
    if not found.is_equal or found.differences or found.void_since:
        return ExitCode.DIFFERENCES
    return ExitCode.OK if found.trust is Trust.TRUSTED else ExitCode.DECISION


def _show(found: Recheck) -> None:
    echo(WORDS[found.trust])
    if found.fingerprint:
        echo(f"  Key: {found.fingerprint}")
    if found.trust is Trust.NOT_TRUSTED:
        echo("  Compare it with the one that the dashboard shows, then: --fingerprint F (or --key PUB).")
    document = found.document
    echo(f"Run {document['run_id']}, plan {str(document['plan_hash'])[:16]}, made {document['issued_at']}")
    equal = "every row equal" if found.is_equal else "differences were found"
    echo(f"  {found.tables} tables, {document['mode']}: {equal}; {document['rejected_rows']} rows rejected.")
    _show_stores(found)


def _show_stores(found: Recheck) -> None:
    if not found.checked:
        echo("  The stores were not asked: --target CONFIG (and --source CONFIG) takes their sums again.")
        return
    if found.void_since:
        echo(
            f"Void since {found.void_since:%d %b %Y, %H:%M:%S %Z}: a gateway has written to the federated store. The "
            "certificate says what was true until then."
        )
    for item in found.differences:
        echo(f"  {item.table} ({item.end}): {item.rows_then:,} rows then, {item.rows_now:,} now, another sum.")
    if not found.differences:
        echo(f"  The sums of {' and '.join(found.checked)} are the certificate's, today as then.")


def show_key(*, as_json: bool) -> int:
    """Print the public key that checks this install's certificates; makes the key pair at the first use."""
    environment = env.load()
    key = ensure_key(environment.home.resolve(), environment.signing_key_file)
    if as_json:
        echo(json.dumps({"fingerprint": key.fingerprint, "public_key": public_pem(key.public)}, indent=2))
    else:
        echo(public_pem(key.public), nl=False)
        echo(f"Fingerprint: {key.fingerprint}", err=True)
    return ExitCode.OK
