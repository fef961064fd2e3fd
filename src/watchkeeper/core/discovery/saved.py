"""Databases to named connections, and secrets in settings files to names. No value is ever here."""

from __future__ import annotations

import re

from watchkeeper.core.discovery.drafts import CheckDraft, Connection, Draft, Found, SecretName, ServiceDraft, slug
from watchkeeper.core.discovery.findings import Facts, Setting
from watchkeeper.core.discovery.owners import Owner, Owners
from watchkeeper.core.discovery.stores import is_secret
from watchkeeper.core.discovery.yaml_text import flow


def add_databases(made: Draft, facts: Facts, owners: Owners, homes: dict[Owner, ServiceDraft]) -> None:
    """Connections for databases.yaml, and a query to finish beside each. Databases of MySQL are noted only."""
    for one in facts.databases:
        home = _server(one.port or 3306, facts, owners, homes)
        where = f"psql -h {one.socket} -p {one.port}" if one.kind == "postgresql" else "show databases"
        if not one.name:
            continue
        key = f"database:{one.kind}/{one.name}"
        made.note(Found(key, "database", f"{one.kind} {one.name}", where, "" if one.kind == "postgresql" else
                        "MySQL and MariaDB cannot be asked yet; the port is watched", home.name if home else ""))  # fmt: skip
        if one.kind == "postgresql":
            name = _free(made, slug(one.name, 40))
            secret = SecretName(
                key, f"{name}-database-url"[:63], variable(f"{name}_database_url"), f"{where}: {one.name}"
            )
            _secret(made, secret)
            made.databases.append(Connection(key, name, "postgresql", f"secret:{secret.name}", f"{where}: {one.name}"))
            _query(key, name, home, "select count(*) from pg_stat_activity")
    for path in facts.sqlite:
        holder = next((each.pid for each in facts.open_files if each.path == path), 0)
        home = homes.get(owners.of(holder)) if holder else None
        key = made.note(Found(f"sqlite:{path}", "database", f"sqlite {path}", path,
                              f"open in {home.name}" if home else "", home.name if home else "")).key  # fmt: skip
        stem = path.rpartition("/")[2].partition(".")[0]
        name = _free(made, slug(f"{home.name}-{stem}" if home and stem != home.name else stem, 50))
        made.databases.append(Connection(key, name, "sqlite", path, path))
        _query(key, name, home, "select count(*) from sqlite_master")


def _query(key: str, name: str, home: ServiceDraft | None, query: str) -> None:
    if home is not None:
        lines = (("sql", flow({"database": name, "query": query})), ("warn", "value > 100"))
        home.add(
            CheckDraft(
                key, f"query-{name}"[:63], lines, "a query that tells how this service is; needs your limit", True
            )
        )


def _server(port: int, facts: Facts, owners: Owners, homes: dict[Owner, ServiceDraft]) -> ServiceDraft | None:
    for listener in facts.listeners:
        if listener.port == port and listener.protocol == "tcp":
            owner = owners.of_first(listener.pids)
            if owner is not None and owner in homes:
                return homes[owner]
    words = ("postgres",) if port != 3306 else ("mysql", "mariadb")
    return next((home for owner, home in homes.items() if any(word in owner.name for word in words)), None)


def _free(made: Draft, name: str) -> str:
    taken = {each.name for each in made.databases}
    free, at = name, 2
    while free in taken:
        free, at = f"{name}-{at}", at + 1
    return free


def add_settings(made: Draft, facts: Facts) -> None:
    """Names for secrets.yaml, of settings whose name speaks of a secret; the files themselves are noted."""
    files: dict[str, list[Setting]] = {}
    for setting in facts.settings:
        if not setting.file.startswith("/etc/default/"):
            files.setdefault(setting.file, []).append(setting)
    for file, settings in files.items():
        secrets = [each for each in settings if is_secret(each.name)]
        note = f"{len(settings)} names, {len(secrets)} of secrets"
        key = made.note(Found(f"settings:{file}", "settings file", file, file, note)).key
        for each in secrets:
            prefix = owner_of(file)
            name = slug(f"{prefix}-{each.name.lower().replace('_', '-')}", 60)
            _secret(made, SecretName(key, name, variable(f"{prefix}_{each.name}"), f"{file}:{each.line}, {each.name}"))


def owner_of(file: str) -> str:
    """A word for what a settings file is about: its own name, or that of its folder for ``.env``."""
    folder, _, name = file.rpartition("/")
    stem = name.partition(".")[0]
    return slug(stem if stem and stem != "env" else folder.rpartition("/")[2], 30).lower()


def variable(text: str) -> str:
    """The name of an environment variable."""
    return re.sub(r"[^A-Z0-9]+", "_", text.upper()).strip("_")[:100]


def _secret(made: Draft, secret: SecretName) -> None:
    if secret.name not in {each.name for each in made.secrets}:
        made.secrets.append(secret)
