"""Tables of cursors and settings."""

from django.db import models


class Cursor(models.Model):
    """How far a journal was taken, e.g. the flip journal of the watch."""

    name = models.TextField(primary_key=True)
    value = models.BigIntegerField()

    class Meta:
        db_table = "journal_cursor"


class Setting(models.Model):
    """One value set by an act, e.g. the kill switch."""

    name = models.TextField(primary_key=True)
    value = models.TextField()

    class Meta:
        db_table = "setting"
