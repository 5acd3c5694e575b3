"""Addresses of the board of requirements, and of what its buttons do, below /requirements/."""

from django.urls import path

from zikra_portal import board_deeds, board_page

urlpatterns = [
    path("", board_page.requirements, name="requirements"),
    path("move/", board_deeds.move_many, name="requirements-move"),
    path("move/undo/<str:kept>/", board_deeds.take_moves_back, name="requirements-move-undo"),
    path("reorder/", board_deeds.reorder, name="requirements-reorder"),
    path("reorder/undo/<str:kept>/", board_deeds.take_place_back, name="requirements-reorder-undo"),
    path("<uuid:requirement_id>/move/", board_deeds.move, name="requirement-move"),
]
