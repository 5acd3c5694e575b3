"""Addresses of one requirement and of writing them, below /requirements/; the board has its own."""

from django.urls import path

from zikra_portal import requirement_pages

urlpatterns = [
    path("<uuid:requirement_id>/", requirement_pages.requirement, name="requirement"),
]
