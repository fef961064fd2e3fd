"""Ports: what the services need from the world. Adapters, store and engine implement these Protocols.

Each port has one contract suite in ``tests/contract`` which every implementation passes.
"""

from collections.abc import Callable

from watchkeeper.core.checks.heartbeats import Ping
from watchkeeper.services.ports.checks import JournalPort, ProbePort, ReadingsPort, WatchPort
from watchkeeper.services.ports.engine import EnginePort
from watchkeeper.services.ports.hosts import CommandResult, HostPort, HostsPort, SpoolAnswer, SpoolStatus, SpoolStep
from watchkeeper.services.ports.notifiers import DeliveryError, NotifierPort
from watchkeeper.services.ports.repositories import LastGoodPort, OpsRepositoryPort
from watchkeeper.services.ports.store import EvidencePort, Session, StorePort

Clock = Callable[[], float]

__all__ = [
    "Clock",
    "CommandResult",
    "DeliveryError",
    "EnginePort",
    "EvidencePort",
    "HostPort",
    "HostsPort",
    "JournalPort",
    "LastGoodPort",
    "NotifierPort",
    "OpsRepositoryPort",
    "Ping",
    "ProbePort",
    "ReadingsPort",
    "Session",
    "SpoolAnswer",
    "SpoolStatus",
    "SpoolStep",
    "StorePort",
    "WatchPort",
]
