"""Work on tokens and notifications in the background."""

from celery import shared_task

from access import clients, login, notifications, rates


@shared_task(name="access.flush_token_uses")
def flush_token_uses() -> int:
    """Move use counts from the Redis server into the tokens' rows."""
    return rates.flush_token_uses()


@shared_task(name="access.mail_notification")
def mail_notification(notification_id: int) -> bool:
    """Send the mail about one notification."""
    return notifications.mail_notification(notification_id)


@shared_task(name="access.mail_what_was_missed")
def mail_what_was_missed() -> int:
    """Send mails that no message announced, or that failed."""
    return notifications.mail_what_was_missed()


@shared_task(name="access.forget_clients")
def forget_clients() -> int:
    """Remove codes, refresh tokens and clients of OAuth that are past use."""
    return clients.forget_what_is_over()


@shared_task(name="access.forget_sessions")
def forget_sessions() -> int:
    """Remove the browsers' sessions that are over."""
    return login.forget_sessions()
