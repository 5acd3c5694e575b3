"""Addresses of one requirement and of writing them, below /requirements/; the board has its own."""

from django.urls import path

from zikra_portal import requirement_history, requirement_pages, requirement_talk

urlpatterns = [
    path("<uuid:requirement_id>/", requirement_pages.requirement, name="requirement"),
    path("<uuid:requirement_id>/criteria/", requirement_pages.check, name="requirement-criteria"),
    path("<uuid:requirement_id>/assignee/", requirement_pages.assign, name="requirement-assign"),
    path("<uuid:requirement_id>/watch/", requirement_pages.set_watch, name="requirement-watch"),
    path("<uuid:requirement_id>/history/", requirement_history.history, name="requirement-history"),
    path(
        "<uuid:requirement_id>/history/<int:number>/restore/", requirement_history.restore, name="requirement-restore"
    ),
    # What is said about it.
    path("<uuid:requirement_id>/comments/", requirement_talk.comments, name="requirement-comments"),
    path("<uuid:requirement_id>/comment/", requirement_talk.comment, name="requirement-comment"),
    path("<uuid:requirement_id>/comments/<uuid:comment_id>/", requirement_talk.edit, name="comment-edit"),
    path("<uuid:requirement_id>/comments/<uuid:comment_id>/delete/", requirement_talk.delete, name="comment-delete"),
    path("<uuid:requirement_id>/comments/<uuid:comment_id>/restore/", requirement_talk.restore, name="comment-restore"),
]
