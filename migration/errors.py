"""The engine's errors. Each stops a run; none of them loses what was committed."""

from __future__ import annotations

from migration import codes
from mosaic_admin.errors import MosaicError


class MigrationError(MosaicError):
    """The root of what can stop a tier migration."""

    code = codes.DATABASE_REFUSED


class DirectionError(MigrationError):
    code = codes.DIRECTION


class PlanNotReadyError(MigrationError):
    code = codes.NOT_READY


class TargetNotEmptyError(MigrationError):
    code = codes.TARGET_NOT_EMPTY


class OtherRunError(MigrationError):
    code = codes.OTHER_RUN


class SourceChangedError(MigrationError):
    code = codes.SOURCE_CHANGED


class SchemaMismatchError(MigrationError):
    code = codes.SCHEMA_MISMATCH


class RunInterruptedError(MigrationError):
    code = codes.CONNECTION_LOST


class NotDiscardableError(MigrationError):
    code = codes.NOT_DISCARDABLE


class DatabaseRefusedError(MigrationError):
    code = codes.DATABASE_REFUSED
