"""The main store as a Django app."""

from django.apps import AppConfig


class StoreConfig(AppConfig):
    """Models in `store/models/`, one file per noun; the query module of the same name stands beside it."""

    name = "watchkeeper.store"
    label = "store"
