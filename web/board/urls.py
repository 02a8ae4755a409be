"""The URLs of the board, the activity and the workplans' pages, below that of the admin."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path

from web.board.activity import activity_view
from web.board.board import board_view
from web.board.workplan import workplan_view

urlpatterns = [
    path("board/", admin.site.admin_view(board_view), name="board"),
    path("activity/", admin.site.admin_view(activity_view), name="activity"),
    path("workplan/<str:slug>/<str:key>/", admin.site.admin_view(workplan_view), name="workplan"),
]
