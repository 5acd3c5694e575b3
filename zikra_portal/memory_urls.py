"""Addresses below /memories/."""

from django.urls import path

from zikra_portal import memory_pages

urlpatterns = [
    path("", memory_pages.memories, name="memories"),
    path("<uuid:memory_id>/", memory_pages.memory, name="memory"),
]
