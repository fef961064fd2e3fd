"""What docker, podman and kubectl do with their sub-commands and options."""

from __future__ import annotations

import re
from typing import Final

from watchkeeper.core.runbooks.shell import Command
from watchkeeper.core.runbooks.values import Risk


def words_of(text: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(text.split())


def docker_risk(command: Command) -> Risk:
    """docker, podman and compose; what runs inside a container is judged on its own."""
    words = [word for word in command.arguments if not word.startswith("-")]
    flags = {word for word in command.arguments if word.startswith("-")}
    joined = " ".join(words)
    if re.search(r"\b(volume|network|buildx?)\s+(rm|remove|prune)\b", joined) and "volume" in words:
        return "destroy"
    if "prune" in words:
        every = any(re.fullmatch(r"-[a-z]*a[a-z]*|--all|--volumes", flag) for flag in flags)
        return "destroy" if every else "change"
    if (
        ("compose" in words or command.name == "docker-compose")
        and "down" in words
        and flags & {"-v", "--volumes", "--rmi"}
    ):
        return "destroy"
    if re.match(r"(swarm leave|stack rm|secret rm|config rm)\b", joined):
        return "destroy"
    plain = words_of(
        "ps logs inspect stats top port version info images events diff history search config ls list df help "
        "context exec-ls"
    )
    verb = _verb(
        words, ("compose", "container", "image", "system", "volume", "network", "service", "node", "stack", "buildx")
    )
    if verb == "exec":
        return "read"  # what runs inside is judged on its own
    return "read" if verb in plain or not verb else "change"


def _verb(words: list[str], groups: tuple[str, ...]) -> str:
    """The word that acts: the first one after the group words; known verbs win over option values that stand before."""
    for index, word in enumerate(words):
        if word in groups:
            rest = words[index + 1 :]
            known = next((one for one in rest if one in _DOCKER_VERBS), "")
            return known or (rest[0] if rest else "")
    known = next((one for one in words if one in _DOCKER_VERBS), "")
    return known or (words[0] if words else "")


_DOCKER_VERBS: Final = words_of(
    "ps logs inspect stats top port version info images events diff history search config ls list df exec run up "
    "down start stop restart rm rmi kill pull "
    "push build tag create scale pause unpause update rename commit load save import export cp login logout attach "
    "wait prune deploy rollback"
)


def kubectl_risk(command: Command) -> Risk:
    """kubectl and oc."""
    words = [word for word in command.arguments if not word.startswith("-")]
    if "delete" in words:
        return (
            "destroy"
            if re.search(
                r"\b(namespace|ns|pvc|pv|persistentvolume\w*|crd|node|statefulset|sts)\b|--all\b",
                " ".join(command.arguments),
            )
            else "change"
        )
    if re.search(
        r"\brollout\s+(status|history)\b|\bauth\s+can-i\b|\bconfig\s+(view|get-contexts|current-context)\b",
        " ".join(words),
    ):
        return "read"
    reading = words_of(
        "get describe logs top explain version cluster-info api-resources api-versions diff wait events exec "
        "port-forward"
    )
    verb = next((word for word in words if word in reading or word in _KUBECTL_CHANGES), words[0] if words else "")
    return "read" if verb in reading or not verb else "change"


_KUBECTL_CHANGES: Final = words_of(
    "apply create edit patch replace scale rollout set label annotate cordon drain taint uncordon run expose "
    "autoscale cp config"
)
