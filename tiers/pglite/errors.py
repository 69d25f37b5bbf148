"""What keeps a PGlite directory from being used, as errors with a remedy."""

from __future__ import annotations

from mosaic_admin.errors import MosaicError
from tiers.pglite import codes


class PgliteError(MosaicError):
    """The root of what can be wrong with a PGlite directory."""

    code = codes.NOT_OPENED


class DirectoryError(PgliteError):
    """The directory is missing, empty or unreadable."""

    code = codes.DIRECTORY


class MajorError(PgliteError):
    """No release opens the directory's version."""

    code = codes.MAJOR


class NoNodeError(PgliteError):
    code = codes.NO_NODE


class NoEngineError(PgliteError):
    code = codes.NO_ENGINE


class InUseError(PgliteError):
    """Another program has the directory; `context["processes"]` lists those that can be seen."""

    code = codes.IN_USE


class TwoDatabasesError(PgliteError):
    code = codes.TWO_DATABASES


class InstallError(PgliteError):
    code = codes.INSTALL_FAILED


class ChangedError(PgliteError):
    """The directory changed while it was being copied."""

    code = codes.CHANGED


class NoRoomError(PgliteError):
    code = codes.NO_ROOM
