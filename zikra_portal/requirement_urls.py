"""Addresses of one requirement and of writing them, below /requirements/; the board has its own."""

from django.urls import path

from zikra_portal import requirement_editor, requirement_history, requirement_pages, requirement_talk

urlpatterns = [
    # Writing them.
    path("new/", requirement_editor.new, name="requirement-new"),
    path("new/draft/", requirement_editor.keep, name="requirement-new-keep"),
    path("new/discard/", requirement_editor.discard, name="requirement-new-discard"),
    path("preview/", requirement_editor.preview, name="requirement-preview"),
    path("picks/memories/", requirement_editor.picks, {"kind": "memories"}, name="pick-memories"),
    path("picks/requirements/", requirement_editor.picks, {"kind": "requirements"}, name="pick-requirements"),
    path("<uuid:requirement_id>/edit/", requirement_editor.edit, name="requirement-edit"),
    path("<uuid:requirement_id>/edit/draft/", requirement_editor.keep, name="requirement-keep"),
    path("<uuid:requirement_id>/edit/discard/", requirement_editor.discard, name="requirement-discard"),
    path("<uuid:requirement_id>/edit/newer/", requirement_editor.newer, name="requirement-newer"),
    # One of them.
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
