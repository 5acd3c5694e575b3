"""Addresses of the board of requirements, and of what its buttons do, below /requirements/."""

from django.urls import path

from zikra_portal import board_deeds, board_page

urlpatterns = [
    path("", board_page.requirements, name="requirements"),
    path("move/", board_deeds.move_many, name="requirements-move"),
    path("reorder/", board_deeds.reorder, name="requirements-reorder"),
    path("<uuid:requirement_id>/move/", board_deeds.move, name="requirement-move"),
]
