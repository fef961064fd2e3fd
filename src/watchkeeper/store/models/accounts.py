"""Tables of who may sign in and call: accounts, their API tokens, and the audit trail."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models


class AccountManager(BaseUserManager["Account"]):
    """Finds an account by its name; making one is an act of `services.accounts`."""

    def get_by_natural_key(self, username: str | None) -> "Account":
        return self.get(name=username)


class Account(AbstractBaseUser):
    """`core.accounts.Account`; Django's user model (``AUTH_USER_MODEL``), so that allauth signs people in against it.

    roles: JSON, ``[{"role": "operator", "services": "*"}]``. limits: JSON, of an agent. password: argon2, or unusable.
    invitation: sha256 of the key of an invitation that is not used yet.
    """

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=32, unique=True)
    kind = models.CharField(max_length=16, default="person")
    roles = models.TextField(default="[]")
    email = models.TextField(default="", blank=True)
    unix_user = models.TextField(default="", blank=True)
    limits = models.TextField(default="{}")
    time_zone = models.TextField(default="", blank=True)
    theme = models.CharField(max_length=8, default="", blank=True)
    single_keys = models.BooleanField(default=True)
    invitation = models.CharField(max_length=64, default="", blank=True)
    invited_until = models.FloatField(null=True)
    accepted_at = models.FloatField(null=True)
    added_at = models.FloatField()
    added_by = models.TextField()
    disabled_at = models.FloatField(null=True)

    objects: ClassVar[AccountManager] = AccountManager()
    USERNAME_FIELD = "name"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        db_table = "account"

    @property
    def is_active(self) -> bool:
        """Only people who are not disabled may sign in; agents call by token."""
        return self.kind == "person" and self.disabled_at is None


class Token(models.Model):
    """`core.accounts.Token`: digest: sha256 of the secret, which is shown once and kept nowhere."""

    id = models.BigAutoField(primary_key=True)
    account = models.TextField(db_index=True)
    label = models.TextField()
    digest = models.CharField(max_length=64, unique=True)
    scope = models.CharField(max_length=16)
    services = models.TextField(default="*")
    made_at = models.FloatField()
    made_by = models.TextField()
    expires_at = models.FloatField(null=True)
    last_used_at = models.FloatField(null=True)
    last_used_from = models.TextField(default="")
    factor_at = models.FloatField(null=True)
    revoked_at = models.FloatField(null=True)
    revoked_by = models.TextField(default="")

    class Meta:
        db_table = "token"


class AuditEvent(models.Model):
    """`core.audit.AuditEvent`: one act that matters to security, whether it was allowed or not. Only added to."""

    id = models.BigAutoField(primary_key=True)
    at = models.FloatField()
    actor = models.TextField()
    kind = models.CharField(max_length=16)
    via = models.TextField(default="")
    address = models.TextField(default="")
    act = models.TextField()
    resource = models.TextField(default="")
    outcome = models.CharField(max_length=16)
    detail = models.TextField(default="")

    class Meta:
        db_table = "audit_event"
        indexes = (
            models.Index(fields=["at", "id"], name="audit_by_time"),
            models.Index(fields=["actor", "id"], name="audit_by_actor"),
        )
