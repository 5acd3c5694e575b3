"""The portal itself: settings, URLs, Celery, the command that starts everything, and health."""

from zikra_portal.celery import app as celery_app

__all__ = ["celery_app"]
