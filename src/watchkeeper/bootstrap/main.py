"""Builds main: the store, the services and the engine, once per process."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from watchkeeper.adapters.here import read_here
from watchkeeper.adapters.hosts.blocking import BlockingHosts
from watchkeeper.adapters.key_file import NAME as KEY_FILE
from watchkeeper.adapters.key_file import KeyFile
from watchkeeper.adapters.notifiers import Notifiers
from watchkeeper.adapters.repositories.directory import DirectoryRepository, own_ssh_config
from watchkeeper.adapters.repositories.documents import FolderDocuments
from watchkeeper.adapters.repositories.files import RepositoryFiles
from watchkeeper.adapters.repositories.knowledge import KnowledgeRepository
from watchkeeper.adapters.repositories.last_good import LastGood
from watchkeeper.adapters.secrets import SecretReader
from watchkeeper.adapters.signing_key import replace as replace_signing_key
from watchkeeper.adapters.watch_socket import WatchClient
from watchkeeper.adapters.webhooks import Webhooks as WebhookPoster
from watchkeeper.bootstrap.log import Logbook, build_logbook
from watchkeeper.bootstrap.own_life import Own, build_own, ping_address, process_figures
from watchkeeper.bootstrap.state import database_url
from watchkeeper.core.checks.values import Judged
from watchkeeper.core.errors import Invalid, NotFound, WatchkeeperError
from watchkeeper.core.network import Network
from watchkeeper.core.redaction import Redactor
from watchkeeper.engine.embedded import EmbeddedEngine
from watchkeeper.identity.callers import Door
from watchkeeper.identity.second_factor import SecondFactor
from watchkeeper.identity.walls import Walls
from watchkeeper.identity.wiring import connect as connect_sign_in
from watchkeeper.services.access import AccessReader
from watchkeeper.services.accounts import Accounts
from watchkeeper.services.acknowledgements import Acknowledgements
from watchkeeper.services.approvals import Approvals
from watchkeeper.services.audit import Audit
from watchkeeper.services.automation import Automation
from watchkeeper.services.automation_month import AutomationMonths
from watchkeeper.services.automation_report import AutomationReports
from watchkeeper.services.availability import AvailabilityReader
from watchkeeper.services.blast_radius import Measurer
from watchkeeper.services.cancelling import Cancelling
from watchkeeper.services.changes import Changes
from watchkeeper.services.day_bars import DayBars
from watchkeeper.services.deadlines import Deadlines
from watchkeeper.services.definitions import Definitions
from watchkeeper.services.deliveries import Deliveries
from watchkeeper.services.delivery import Outbox, in_own_thread
from watchkeeper.services.doctor import Doctor, Surroundings
from watchkeeper.services.doctor.channels import ChannelTests
from watchkeeper.services.emergency import Emergencies
from watchkeeper.services.escalations import Escalations
from watchkeeper.services.expiries import Expiries
from watchkeeper.services.grants import Grants
from watchkeeper.services.heartbeats import Heartbeats
from watchkeeper.services.history import History
from watchkeeper.services.idempotency import Idempotency
from watchkeeper.services.incidents import Incidents
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.keys import Keys
from watchkeeper.services.limits import Limits
from watchkeeper.services.locks import Locks
from watchkeeper.services.log import Log
from watchkeeper.services.log.daily import Daily
from watchkeeper.services.log.tasks import Tasks
from watchkeeper.services.log.unlogged import ChangeQuestions
from watchkeeper.services.metrics import Metrics
from watchkeeper.services.nodes import NodeReader, SharedWatch, beside
from watchkeeper.services.oncall import OnCall
from watchkeeper.services.ports import Clock, EnginePort, EvidencePort, Session, StorePort, WatchPort
from watchkeeper.services.quarantine import Quarantines
from watchkeeper.services.reports import Reports
from watchkeeper.services.responses import Responder
from watchkeeper.services.runbooks import Runbooks
from watchkeeper.services.runs import Runs
from watchkeeper.services.search import Search
from watchkeeper.services.segments import Segments
from watchkeeper.services.series import SeriesReader
from watchkeeper.services.shifts import Shifts
from watchkeeper.services.shifts.checklist import Checklist
from watchkeeper.services.shifts.looking import Looking
from watchkeeper.services.spools import Spools
from watchkeeper.services.status import StatusReader
from watchkeeper.services.status_page import Posting, StatusPageReader
from watchkeeper.services.steps import StepRunner
from watchkeeper.services.tokens import Tokens
from watchkeeper.services.watch import WatchRecorder
from watchkeeper.services.watch.asking import CauseAsker
from watchkeeper.services.webhooks import Webhooks
from watchkeeper.services.windows.acts import Windows
from watchkeeper.services.windows.beat import WindowBeat
from watchkeeper.services.windows.carrying_out import Carrier
from watchkeeper.services.windows.past import Reclassifications
from watchkeeper.store.places import open_evidence, open_readings_reader
from watchkeeper.store.search import NAME as SEARCH_FILE
from watchkeeper.store.search import SearchIndex
from watchkeeper.store.writer import Store

if TYPE_CHECKING:
    from watchkeeper.bootstrap.nodes import Joined


@dataclass(slots=True)
class Application:
    """Everything main can do. Faces call these services and nothing else."""

    ops: Path
    state: Path
    clock: Clock
    store: StorePort
    evidence: EvidencePort
    holder: InventoryHolder
    watch: WatchPort
    hosts: BlockingHosts
    secrets: SecretReader
    door: Door
    walls: Walls
    keys: Keys
    heartbeats: Heartbeats
    metrics: Metrics
    windows: Windows
    window_beat: WindowBeat
    reclassifications: Reclassifications
    accounts: Accounts
    access: AccessReader
    limits: Limits
    tokens: Tokens
    audit: Audit
    second_factor: SecondFactor
    emergency: Emergencies
    locks: Locks
    idempotency: Idempotency
    recorder: WatchRecorder
    causes: CauseAsker
    incidents: Incidents
    runs: Runs
    approvals: Approvals
    deadlines: Deadlines
    grants: Grants
    automation: Automation
    automation_reports: AutomationReports
    automation_months: AutomationMonths
    quarantines: Quarantines
    expiries: Expiries
    runbooks: Runbooks
    changes: Changes
    definitions: Definitions
    webhooks: Webhooks
    logbook: Logbook
    search: Search
    tasks: Tasks
    unlogged: ChangeQuestions
    shifts: Shifts
    daily: Daily
    status: StatusReader
    history: History
    day_bars: DayBars
    availability: AvailabilityReader
    series: SeriesReader
    status_page: StatusPageReader
    posting: Posting
    reports: Reports
    doctor: Doctor
    channel_tests: ChannelTests
    acknowledgements: Acknowledgements
    deliveries: Deliveries
    oncall: OnCall
    escalations: Escalations
    outbox: Outbox
    cancelling: Cancelling
    spools: Spools
    engine: EnginePort
    own: Own
    joined: Joined | None = None
    """This node, where there are several on one PostgreSQL."""
    web_url: str = ""
    network: Network = field(default_factory=Network)
    stop_beats: Callable[[], None] = field(default=lambda: None)

    @property
    def public_url(self) -> str:
        """Where people open the pages: the address in watchkeeper.yaml, else that of this machine."""
        return self.holder.current.team.web_url or self.web_url

    @property
    def log(self) -> Log:
        """Entries: read, written, verified. What else is done with the log: `logbook`."""
        return self.logbook.log

    def ask(self, names: Sequence[str]) -> list[Judged]:
        """Ask checks now, by key or by service name; all when empty. Raises `NotFound` for an unknown name."""
        checks = self.holder.current.checks
        wanted: list[str] = []
        for name in names or list(checks):
            found = [
                key for key, check in checks.items() if name in (key, check.service) or key.partition("@")[0] == name
            ]
            if not found:
                raise NotFound(f"There is no check or service {name}.", "List them: wk status.")
            wanted.extend(found)
        return self.watch.ask(wanted)

    def take_over_inventory(self) -> None:
        """Hosts and secrets go by the inventory that is in force now."""
        _take_over(self.holder, self.hosts, self.secrets)

    def close(self) -> None:
        """Stop beats and engine, then close what is open; running spooled commands go on."""
        self.stop_beats()
        self.tokens.flush(whole=True)
        self.engine.stop()
        self.cancelling.stop()
        if self.joined is not None:
            self.joined.leave()
        self.hosts.close()
        self.store.close()


_application: Application | None = None


def application() -> Application:
    """The application of this process; `open_application` made it."""
    if _application is None:
        raise Invalid("main is not running in this process.", "Start it: wk up.")
    return _application


def open_application(ops: Path, state: Path, clock: Clock = time.time) -> Application:
    """Build the application of this process. The caller holds the state lock."""
    global _application
    os.environ["WATCHKEEPER_STATE"] = str(state)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "watchkeeper.settings")
    repository, watch = DirectoryRepository(ops), WatchClient(state / "watch.sock")
    url = database_url()
    if not url:
        holder = InventoryHolder(repository, clock, last_good=LastGood(state))
        holder.refresh()
        _application = _open(ops, state, clock, repository, holder, Store.open(state), watch, None)
        return _application
    from watchkeeper.bootstrap import nodes

    nodes.assert_installed()
    nodes.name_sessions(state)
    store = Store.open(state, url)
    joined = nodes.join(state, store, url, watch)
    try:
        holder = nodes.follow(joined, repository, state, clock)
        _application = _open(ops, state, clock, repository, holder, store, watch, joined)
    except BaseException:
        joined.leave()
        raise
    return _application


def _open(
    ops: Path, state: Path, clock: Clock, repository: DirectoryRepository, holder: InventoryHolder, store: Store,
    watch: WatchClient, joined: Joined | None,
) -> Application:  # fmt: skip
    secrets = SecretReader(ops)
    hosts = BlockingHosts(holder.current.hosts, ssh_config=own_ssh_config(ops))
    secrets.replace(holder.current.secrets)
    evidence = open_evidence(state, database_url())
    return _assemble(ops, state, clock, repository, holder, store, secrets, hosts, evidence, watch, joined)


def _assemble(
    ops: Path, state: Path, clock: Clock, repository: DirectoryRepository, holder: InventoryHolder, store: Store,
    secrets: SecretReader, hosts: BlockingHosts, evidence: EvidencePort, local: WatchClient, joined: Joined | None,
) -> Application:  # fmt: skip
    redact, notifiers = _redacting(secrets), Notifiers(str(ops), secrets.value)
    journal = open_readings_reader(state, database_url())
    watch: WatchPort = SharedWatch(local, journal, joined.table, joined.nodes, holder) if joined else local
    reader = NodeReader(joined.nodes, holder) if joined else None
    responder = Responder(holder)
    carrier, history = Carrier(journal, holder), History(journal, clock)
    installation = _installation(store)
    keys = Keys(store, clock, holder, KeyFile(state / KEY_FILE))
    keys.publish()  # makes the secret once, so that signing never writes
    steps = StepRunner(hosts, evidence, secrets.known, clock, installation)
    cancelling, spools = Cancelling(store, steps, clock), Spools(store, hosts, holder, installation, clock)
    measurer = Measurer(hosts, clock)
    segments = Segments(store, steps, responder, holder, clock, measurer)
    engine = _engine(store, segments, cancelling, joined)
    automation = Automation(store, clock)
    accounts, audit = Accounts(store, holder, clock), Audit(store, clock, redact)
    tokens = Tokens(store, accounts, clock)
    connect_sign_in(lambda: holder.current.team.name, audit)
    limits = Limits(clock, accounts.limits)
    own = build_own(state, store, watch, holder, secrets, clock)
    warnings, findings = own.life.warnings, lambda: [*own.life.findings(), *spools.findings()]
    if joined and reader:
        warnings, findings = beside(joined.nodes, reader, own.life, joined.in_force)
    oncall = OnCall(store, holder, clock)
    tasks = Tasks(store, journal, holder, clock, redact)
    looking = Looking(str(ops), read_here, FolderDocuments(ops), hosts)
    availability = AvailabilityReader(store, history, holder, clock)
    months = AutomationMonths(store, holder, clock)
    checklist = Checklist(store, journal, holder, looking, _readable(secrets), own.backups.state, clock)
    recorder = WatchRecorder(store, journal, holder, responder, clock)
    incidents = Incidents(store, journal, watch, holder, clock)
    acknowledgements = Acknowledgements(incidents, keys, holder)
    logbook = build_logbook(ops, state, store, notifiers, holder, clock, redact, secrets.known)
    status = StatusReader(
        store, journal, watch, holder, automation, clock, lambda: (*warnings(), *logbook.document.warnings()),
        reader.states if reader else tuple, oncall.glance,
    )  # fmt: skip
    doctor = Doctor(
        store, journal, watch, hosts, holder, _surroundings(store, state), clock,
        lambda: [*findings(), *oncall.findings(), *logbook.document.findings()],
    )  # fmt: skip
    return Application(
        ops=ops,
        state=state,
        clock=clock,
        store=store,
        evidence=evidence,
        holder=holder,
        watch=watch,
        hosts=hosts,
        secrets=secrets,
        door=Door(store, clock, tokens, audit, lambda: holder.current.team, lambda: holder.current.sample),
        keys=keys,
        heartbeats=Heartbeats(holder, journal, watch, keys, clock, lambda: ping_address(state)),
        windows=Windows(store, journal, watch, holder, carrier, clock),
        window_beat=WindowBeat(store, journal, watch, holder, carrier, clock),
        reclassifications=Reclassifications(store, history, holder, clock),
        accounts=accounts,
        access=AccessReader(store, holder),
        limits=limits,
        tokens=tokens,
        audit=audit,
        walls=Walls(store, clock, audit),
        second_factor=SecondFactor(accounts, tokens, audit, clock),
        emergency=Emergencies(store, holder, keys, clock, lambda: replace_signing_key(state), redact),
        locks=Locks(store, holder, clock),
        idempotency=Idempotency(store, clock),
        recorder=recorder,
        causes=CauseAsker(store, watch, holder, recorder, clock),
        incidents=incidents,
        runs=Runs(store, evidence, engine, steps, responder, holder, clock, measurer, limits.requested),
        approvals=Approvals(store, engine, responder, holder, clock, measurer),
        deadlines=Deadlines(store, journal, engine, responder, holder, clock),
        grants=Grants(store, responder, holder, clock, measurer.pinner),
        automation=automation,
        automation_reports=AutomationReports(store, responder, holder, clock),
        automation_months=months,
        quarantines=Quarantines(store, holder, clock),
        expiries=Expiries(store, journal, own.backups.state, holder, clock),
        runbooks=Runbooks(holder),
        changes=Changes(store, hosts, repository, holder, clock, read_here, str(ops), redact),
        webhooks=Webhooks(store, WebhookPoster(), holder, clock, secrets.value, redact),
        definitions=Definitions(
            store,
            holder,
            repository,
            KnowledgeRepository(ops),
            RepositoryFiles(ops),
            clock,
            redact,
            lambda: joined is None or joined.nodes.leads(),
            lambda: _take_over(holder, hosts, secrets),
        ),
        logbook=logbook,
        search=Search(SearchIndex(state / SEARCH_FILE), KnowledgeRepository(ops), holder, logbook.questions, redact),
        tasks=tasks,
        shifts=Shifts(store, holder, checklist, tasks, clock, redact),
        unlogged=ChangeQuestions(store, holder, clock),
        status=status,
        metrics=Metrics(status, own.vitals, store, process_figures),
        history=history,
        day_bars=DayBars(store, history, holder),
        availability=availability,
        daily=Daily(store, availability, own.backups.state, holder, clock),
        series=SeriesReader(journal, holder),
        status_page=StatusPageReader(store, journal, history, holder, clock),
        posting=Posting(store, journal, holder, clock, redact),
        reports=Reports(store, availability, months, holder, clock),
        doctor=doctor,
        channel_tests=ChannelTests(store, holder, clock),
        acknowledgements=acknowledgements,
        deliveries=Deliveries(store, holder, clock),
        oncall=oncall,
        escalations=Escalations(store, holder, clock),
        outbox=Outbox(store, notifiers, holder, clock, in_own_thread, acknowledgements.linked),
        cancelling=cancelling,
        spools=spools,
        engine=engine,
        own=own,
        joined=joined,
    )


def _take_over(holder: InventoryHolder, hosts: BlockingHosts, secrets: SecretReader) -> None:
    """Hosts and secrets go by the inventory that is in force now."""
    hosts.replace(holder.current.hosts)
    secrets.replace(holder.current.secrets)


def _redacting(secrets: SecretReader) -> Callable[[str], str]:
    """Takes every secret that is known at that moment out of a text."""
    return lambda text: Redactor(secrets.known()).text(text)


def _readable(secrets: SecretReader) -> Callable[[str], str]:
    """Why the value of a secret cannot be read; "" when it can. The sentence never holds the value."""

    def why(name: str) -> str:
        try:
            secrets.value(name)
        except WatchkeeperError as error:
            return error.sentence
        return ""

    return why


def _engine(store: Store, segments: Segments, cancelling: Cancelling, joined: Joined | None) -> EnginePort:
    if joined is None:
        return EmbeddedEngine(store, segments.execute, cancelling.end, segments.give_up)
    from watchkeeper.bootstrap.nodes import build_engine

    return build_engine(joined, segments, cancelling.end)


def _installation(store: Store) -> str:
    """The random name of this state directory, made once."""

    def work(session: Session) -> str:
        name = session.setting("installation") or uuid.uuid4().hex[:12]
        session.set_setting("installation", name)
        return name

    return store.write(work)


def _surroundings(store: Store, state: Path) -> Surroundings:
    return Surroundings(
        verify=store.verify_log,
        missing_triggers=store.missing_log_triggers,
        free_disk=lambda: _free_disk(state),
        page=lambda: _application.web_url if _application else "",
        runtime=f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, Linux {platform.release()}",
    )


def _free_disk(state: Path) -> tuple[float, float]:
    usage = shutil.disk_usage(state)
    return float(usage.free), float(usage.total)


def start_beats(app: Application, daemon: bool = False) -> None:
    """Start the engine and the beats of main: flips, proof, expiry, outbox, changes, inventory.

    daemon: also what only a main that stays does, the heartbeat to the outside and the backups on their schedule.
    """
    from watchkeeper.bootstrap.beats import Beats

    beats = Beats(app, daemon)
    app.stop_beats = beats.stop
    app.engine.start()
    beats.start()
