"""Tables of the nodes; empty where the store is SQLite."""

from django.db import models


class Node(models.Model):
    """`core.nodes.Node`. number: order of joining."""

    number = models.BigAutoField(primary_key=True)
    id = models.TextField(unique=True)
    epoch = models.BigIntegerField()
    host = models.TextField()
    pid = models.IntegerField()
    version = models.TextField(default="")
    started_at = models.FloatField()
    seen_at = models.FloatField()
    revision = models.TextField(default="")

    class Meta:
        db_table = "node"


class NodeEpoch(models.Model):
    """The last epoch of a node; stays when the node goes, so that no epoch comes twice."""

    id = models.TextField(primary_key=True)
    epoch = models.BigIntegerField()

    class Meta:
        db_table = "node_epoch"


class OpsRevision(models.Model):
    """The files of the ops repo in one revision, as a zip archive. The newest row is in force."""

    id = models.BigAutoField(primary_key=True)
    revision = models.TextField()
    files = models.BinaryField()
    node = models.TextField()
    at = models.FloatField()

    class Meta:
        db_table = "ops_revision"


class NodeAsk(models.Model):
    """Checks that their owner is to ask now; checks: JSON. The row goes when that is done."""

    id = models.BigAutoField(primary_key=True)
    node = models.TextField()
    checks = models.TextField()
    at = models.FloatField()

    class Meta:
        db_table = "node_ask"
        indexes = (models.Index(fields=["node", "id"], name="ask_by_node"),)
