"""Accounts, API tokens and the audit trail. Adds tables, and moves the people of the setting of before into them."""

import json

from django.db import migrations, models

from watchkeeper.store.audit_schema import statements


def protect(apps, schema_editor):
    for statement in statements(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


def move_people(apps, schema_editor):
    """Everybody keeps his name, role and token; the setting stays as it was, and nobody reads it any more."""
    using = schema_editor.connection.alias
    account, token = apps.get_model("store", "Account"), apps.get_model("store", "Token")
    kept = apps.get_model("store", "Setting").objects.using(using).filter(name="people").first()
    for name, person in sorted(json.loads(kept.value if kept else "{}").items()):
        facts = {"added_at": float(person["added_at"]), "added_by": str(person["added_by"])}
        roles = json.dumps([{"role": person["role"], "services": "*"}])
        account.objects.using(using).create(
            name=name, password="!", roles=roles, accepted_at=facts["added_at"], **facts
        )
        token.objects.using(using).create(
            account=name, label="of before", digest=person["digest"], scope="admin",
            made_at=facts["added_at"], made_by=facts["added_by"],
        )  # fmt: skip


class Migration(migrations.Migration):
    dependencies = (("store", "0018_log_tasks"),)
    # allauth's tables point to the account, and depend on the first migration of this app only
    run_before = (("account", "0001_initial"), ("mfa", "0001_initial"), ("usersessions", "0001_initial"))
    operations = [
        migrations.CreateModel(
            name="Account",
            fields=[
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=32, unique=True)),
                ("kind", models.CharField(default="person", max_length=16)),
                ("roles", models.TextField(default="[]")),
                ("email", models.TextField(blank=True, default="")),
                ("unix_user", models.TextField(blank=True, default="")),
                ("limits", models.TextField(default="{}")),
                ("time_zone", models.TextField(blank=True, default="")),
                ("theme", models.CharField(blank=True, default="", max_length=8)),
                ("single_keys", models.BooleanField(default=True)),
                ("invitation", models.CharField(blank=True, default="", max_length=64)),
                ("invited_until", models.FloatField(null=True)),
                ("accepted_at", models.FloatField(null=True)),
                ("added_at", models.FloatField()),
                ("added_by", models.TextField()),
                ("disabled_at", models.FloatField(null=True)),
            ],
            options={
                "db_table": "account",
            },
        ),
        migrations.CreateModel(
            name="Token",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("account", models.TextField(db_index=True)),
                ("label", models.TextField()),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("scope", models.CharField(max_length=16)),
                ("services", models.TextField(default="*")),
                ("made_at", models.FloatField()),
                ("made_by", models.TextField()),
                ("expires_at", models.FloatField(null=True)),
                ("last_used_at", models.FloatField(null=True)),
                ("last_used_from", models.TextField(default="")),
                ("factor_at", models.FloatField(null=True)),
                ("revoked_at", models.FloatField(null=True)),
                ("revoked_by", models.TextField(default="")),
            ],
            options={
                "db_table": "token",
            },
        ),
        migrations.CreateModel(
            name="AuditEvent",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.FloatField()),
                ("actor", models.TextField()),
                ("kind", models.CharField(max_length=16)),
                ("via", models.TextField(default="")),
                ("address", models.TextField(default="")),
                ("act", models.TextField()),
                ("resource", models.TextField(default="")),
                ("outcome", models.CharField(max_length=16)),
                ("detail", models.TextField(default="")),
            ],
            options={
                "db_table": "audit_event",
                "indexes": [
                    models.Index(fields=["at", "id"], name="audit_by_time"),
                    models.Index(fields=["actor", "id"], name="audit_by_actor"),
                ],
            },
        ),
        migrations.RunPython(protect, migrations.RunPython.noop, elidable=False),
        migrations.RunPython(move_people, migrations.RunPython.noop, elidable=False),
    ]
