"""Addresses below /memories/."""

from django.urls import path

from zikra_portal import memory_deeds, memory_editor, memory_graph, memory_pages

urlpatterns = [
    path("", memory_pages.memories, name="memories"),
    path("graph/", memory_graph.graph, name="memory-graph"),
    path("new/", memory_editor.new, name="memory-new"),
    path("<uuid:memory_id>/", memory_pages.memory, name="memory"),
    path("<uuid:memory_id>/edit/", memory_editor.edit, name="memory-edit"),
    path("<uuid:memory_id>/edit/undo/<str:kept>/", memory_editor.take_back, name="memory-edit-undo"),
    path("<uuid:memory_id>/history/", memory_pages.history, name="memory-history"),
    path(
        "<uuid:memory_id>/versions/<int:number>/restore/",
        memory_deeds.bring_version_back,
        name="memory-version-restore",
    ),
    path("<uuid:memory_id>/confirm/", memory_deeds.confirm, name="memory-confirm"),
    path("<uuid:memory_id>/pin/", memory_deeds.pin, name="memory-pin"),
    path("<uuid:memory_id>/unpin/", memory_deeds.unpin, name="memory-unpin"),
    path("<uuid:memory_id>/archive/", memory_deeds.archive, name="memory-archive"),
    path("<uuid:memory_id>/unarchive/", memory_deeds.unarchive, name="memory-unarchive"),
    path("<uuid:memory_id>/put-back/<str:kept>/", memory_deeds.take_back, name="memory-put-back"),
    path("<uuid:memory_id>/delete/", memory_deeds.delete, name="memory-delete"),
    path("<uuid:memory_id>/restore/", memory_deeds.restore, name="memory-restore"),
    path("<uuid:memory_id>/restore/<str:moment>/", memory_deeds.undelete, name="memory-undelete"),
]
