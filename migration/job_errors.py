"""Errors of jobs; the engine's own are in `migration.errors`."""

from __future__ import annotations

from migration import job_codes
from mosaic_admin.errors import MosaicError


class JobBusyError(MosaicError):
    """Another run works on the same target."""

    code = job_codes.JOB_BUSY


class StalePlanError(MosaicError):
    """The confirmed hash is not the newest plan's."""

    code = job_codes.STALE_PLAN


class WrongNameError(MosaicError):
    """The typed name is not the target's."""

    code = job_codes.WRONG_NAME


class PlanNotReadyError(MosaicError):
    """Decisions are open or checks block."""

    code = job_codes.NOT_READY


class WrongStateError(MosaicError):
    """The run is in a state that does not allow the action."""

    code = job_codes.WRONG_STATE


class BrokerDownError(MosaicError):
    """The control plane's Valkey does not answer."""

    code = job_codes.NO_BROKER


class WrongConfirmationError(MosaicError):
    """Cancelling was not confirmed with the run's name."""

    code = job_codes.WRONG_CONFIRMATION


class BadDecisionError(MosaicError):
    """A decision cannot be understood."""

    code = job_codes.BAD_DECISION


class NoTargetError(MosaicError):
    """No federated configuration to write to."""

    code = job_codes.NO_TARGET


class CutoverNotReadyError(MosaicError):
    """The run is not verified, or the install boots from a store that has nothing to do with it."""

    code = job_codes.CUTOVER_NOT_READY


class CutoverChangedError(MosaicError):
    """Somebody wrote into source or target after the verification."""

    code = job_codes.CUTOVER_CHANGED


class SmokeFailedError(MosaicError):
    """The federated store did not do what a gateway asks of it."""

    code = job_codes.SMOKE_FAILED


class NoCutoverError(MosaicError):
    code = job_codes.NO_CUTOVER


class GainedUnseenError(MosaicError):
    """The federated store does not answer, and nobody said that a rollback may go on without it."""

    code = job_codes.GAINED_UNSEEN


class SigningKeyError(MosaicError):
    code = job_codes.SIGNING_KEY


class BadCertificateError(MosaicError):
    """A file is no certificate, or one that was tampered with."""

    code = job_codes.BAD_CERTIFICATE


class NoScratchError(MosaicError):
    """The role may not create the database that a rehearsal needs."""

    code = job_codes.NO_SCRATCH


class BadThrottleError(MosaicError):
    code = job_codes.BAD_THROTTLE
