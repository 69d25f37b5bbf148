"""Actions on the stack: one at a time, followed live, audited, ended whatever happens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError as OperationalDatabaseError
from django.utils import timezone
from kombu.exceptions import OperationalError

from compose import actions, codes, services, tasks
from compose.embedded.process import wait_until
from compose.models import ActionState, StackAction, Verb
from mosaic_admin import env, redaction
from mosaic_admin.access import Role
from mosaic_admin.audit.models import AuditEvent
from mosaic_admin.errors import MosaicError
from mosaic_admin.people.models import User
from tests.fakes.runtime import FakeRuntime

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The messages that would go to a worker."""
    messages: list[Any] = []

    class App:
        def send_task(self, name: str, args: list[Any]) -> None:
            messages.append((name, args))

    monkeypatch.setattr(services, "celery_app", App)
    return messages


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> FakeRuntime:
    fake = FakeRuntime()
    monkeypatch.setattr(tasks, "runtime_for", lambda environment: fake)
    return fake


@pytest.fixture
def person() -> User:
    return User.objects.create(username="olga", role=Role.OPERATOR)


def request(verb: Verb = Verb.UP, **options: Any) -> StackAction:
    return services.request_action(env.load(), verb=verb, **options)


def test_a_request_is_queued_sent_and_in_the_audit_log(sent: list[Any], person: User) -> None:
    action = request(Verb.RESTART, service="valkey-federated", person=person)
    assert sent == [("compose.act", [action.pk])]
    assert (action.state, action.by_name) == (ActionState.QUEUED, "olga")
    event = AuditEvent.objects.get()
    assert (event.action, event.who, event.after) == ("stack.restart", "olga", {"services": ["valkey-federated"]})


def test_the_worker_does_it_once_and_writes_the_output(sent: list[Any], runtime: FakeRuntime) -> None:
    action = request()
    tasks.act(action.pk)
    tasks.act(action.pk)  # delivered twice
    action.refresh_from_db()
    assert runtime.said == ["Starting"]
    assert (action.state, action.output) == (ActionState.DONE, "Starting")
    assert action.finished_at is not None


def test_a_second_action_waits_for_the_first(sent: list[Any]) -> None:
    request()
    with pytest.raises(MosaicError) as caught:
        request(Verb.DOWN)
    assert caught.value.code.id == "MOS-STK-018"
    assert StackAction.objects.count() == AuditEvent.objects.count() == 1


def test_what_the_runtime_refuses_stands_in_the_row(sent: list[Any], runtime: FakeRuntime) -> None:
    runtime.fails_with = MosaicError("A port is taken.", remediation="Free it.")
    action = request()
    tasks.act(action.pk)
    action.refresh_from_db()
    assert action.state == ActionState.FAILED
    assert (action.error_message, action.error_remediation) == ("A port is taken.", "Free it.")
    assert request(Verb.UP).state == ActionState.QUEUED  # it can be tried again


def test_a_bug_ends_the_action_and_tells_nothing_of_its_words(sent: list[Any], runtime: FakeRuntime) -> None:
    runtime.fails_with = RuntimeError("hunter2")
    action = request()
    with pytest.raises(RuntimeError):
        tasks.act(action.pk)
    action.refresh_from_db()
    assert (action.state, action.error_code) == (ActionState.FAILED, "MOS-BUG-001")
    assert "hunter2" not in action.error_message + action.error_remediation + action.output


def test_output_is_redacted_before_it_is_kept(
    sent: list[Any], runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redaction, "_known", {"Starting"})
    action = request()
    tasks.act(action.pk)
    action.refresh_from_db()
    assert action.output == redaction.MASK
    assert action.state == ActionState.DONE


@pytest.mark.parametrize(
    ("state", "age_s", "seen"),
    [
        (ActionState.RUNNING, 5, ActionState.RUNNING),
        (ActionState.RUNNING, 25, ActionState.INTERRUPTED),
        (ActionState.QUEUED, 30, ActionState.QUEUED),
        (ActionState.QUEUED, 65, ActionState.INTERRUPTED),
    ],
)
def test_an_action_without_a_sign_of_life_is_interrupted(state: ActionState, age_s: int, seen: ActionState) -> None:
    then = timezone.now() - timedelta(seconds=age_s)
    action = StackAction(verb=Verb.UP, project="mosaic", state=state, created_at=then, heartbeat_at=then)
    assert action.effective_state is seen


def test_an_interrupted_action_blocks_nothing(sent: list[Any]) -> None:
    action = request()
    long_ago = timezone.now() - timedelta(minutes=5)
    StackAction.objects.filter(pk=action.pk).update(created_at=long_ago, state=ActionState.RUNNING)
    request(Verb.DOWN)
    action.refresh_from_db()
    assert (action.state, action.error_code) == (ActionState.INTERRUPTED, "MOS-STK-021")


def test_without_the_queue_nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    class App:
        def send_task(self, name: str, args: list[Any]) -> None:
            raise OperationalError("no broker")

    monkeypatch.setattr(services, "celery_app", App)
    with pytest.raises(MosaicError) as caught:
        request()
    assert caught.value.code.id == "MOS-STK-020"
    assert not StackAction.objects.exists()


def test_the_demo_s_own_servers_are_left_to_it(sent: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "is_supervised", lambda environment, runtime: True)
    with pytest.raises(MosaicError) as caught:
        request(Verb.DOWN)
    assert caught.value.code.id == "MOS-STK-019"
    assert sent == []


def test_the_command_line_is_in_the_same_list_and_raises(runtime: FakeRuntime) -> None:
    said: list[str] = []
    services.run_here(env.load(), runtime, verb=Verb.UP, say=said.append)
    assert said == ["Starting"]
    assert StackAction.objects.get().state == ActionState.DONE
    runtime.fails_with = MosaicError("No.", remediation="Fix.")
    with pytest.raises(MosaicError):
        services.run_here(env.load(), runtime, verb=Verb.DOWN, say=said.append)
    assert StackAction.objects.first().state == ActionState.FAILED  # type: ignore[union-attr]


def test_a_transcript_keeps_the_last_lines_and_a_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "FLUSH_S", 0.01)
    action = StackAction.objects.create(verb=Verb.UP, project="mosaic", state=ActionState.RUNNING)
    with actions.Transcript(action.pk) as transcript:
        for number in range(actions.KEPT_LINES + 50):
            transcript.say(f"line {number}")
        while not StackAction.objects.filter(pk=action.pk, heartbeat_at__isnull=False).exists():
            pass
    assert len(transcript.text.splitlines()) == actions.KEPT_LINES
    assert transcript.text.endswith(f"line {actions.KEPT_LINES + 49}")


def test_a_stack_that_cannot_be_reached_ends_the_action_with_its_error(
    sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(environment: env.Environment) -> FakeRuntime:
        raise MosaicError("A password file is gone.", remediation="Start the stack again.", code=codes.STACK_DOWN)

    monkeypatch.setattr(tasks, "runtime_for", refuse)
    action = request()
    tasks.act(action.pk)
    action.refresh_from_db()
    assert (action.state, action.error_message) == (ActionState.FAILED, "A password file is gone.")


def test_a_heartbeat_that_was_not_taken_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    action = StackAction.objects.create(
        verb=Verb.UP, project="mosaic", state=ActionState.RUNNING, heartbeat_at=timezone.now() - timedelta(seconds=10)
    )
    before, real, refused = action.heartbeat_at, actions._write, []

    def write(*words: Any, **values: Any) -> bool:
        if not refused:
            refused.append(values)
            raise OperationalDatabaseError("database is locked")
        return real(*words, **values)

    monkeypatch.setattr(actions, "_write", write)
    with actions.Transcript(action.pk) as transcript:
        transcript.say("one line")
        assert wait_until(lambda: StackAction.objects.get(pk=action.pk).heartbeat_at > before, 10, step_s=0.1)
    assert refused
