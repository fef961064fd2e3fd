"""What every distribution brings along: it is not watched as a service of the team unless it fails."""

from __future__ import annotations

import re

from watchkeeper.core.discovery.text import words_of

_UNITS = re.compile(
    r"(?:systemd-.*|getty.*|serial-getty@.*|console-getty|container-getty@.*|user@.*|user-runtime-dir@.*|modprobe@.*|"
    r"dbus(?:-.*)?|dbus-org\..*|"
    r"emergency|rescue|initrd-.*|plymouth-.*|ifup@.*|networking|NetworkManager.*|ModemManager|wpa_supplicant.*|"
    r"polkit|accounts-daemon|udisks2|upower|rtkit-daemon|colord|switcheroo-control|power-profiles-daemon|"
    r"unattended-upgrades|apt-daily.*|apt-news|esm-cache|ua-.*|ubuntu-.*|pro-.*|packagekit.*|fwupd.*|dnf-makecache|dnf-.*|"
    r"e2scrub.*|fstrim|logrotate|man-db.*|motd-news|update-notifier-.*|dpkg-db-backup|mlocate.*|plocate-.*|updatedb|"
    r"snapd.*|snap\.lxd.*|cloud-.*|multipathd|lvm2-.*|dm-event|blk-availability|mdadm.*|mdmonitor.*|mdcheck.*|"
    r"rsyslog|syslog|syslog-ng|auditd|audit-rules|chrony(?:d|-.*)?|ntp(?:d|sec.*)?|ntpdate|timedatex|"
    r"qemu-guest-agent|open-vm-tools|vmtoolsd|vgauth.*|hv-.*|hypervkvpd|irqbalance|thermald|acpid|smartmontools|smartd|"
    r"kmod.*|keyboard-setup|console-setup|setvtrgb|apparmor|selinux-.*|rc-local|rc\.local|sysstat.*|"
    r"finalrd|grub-.*|secureboot-db|pollinate|apport.*|whoopsie|kerneloops|kdump.*|ldconfig|tuned|lm[-_]sensors|"
    r"resolvconf.*|rpcbind|nfs-blkmap|gssproxy|sssd.*|oddjobd|nis-domainname|loadmodules|import-state|"
    r"ssh|sshd.*|ssh@.*|cron|crond|anacron|atd|display-manager|alsa-.*|bluetooth|avahi-daemon|cups.*|"
    r"screen-cleanup|sudo|x11-common|procps|hwclock.*|raid-check|quotaon|rdma-.*|netplan-.*|nss-.*|auth-rpcgss-module|"
    r"low-memory-monitor|selinux|firewalld|nftables|ufw|iptables|ip6tables|netfilter-persistent|google-.*|amazon-ssm-agent|"
    r"gce-.*|walinuxagent|waagent|ec2-.*|hibinit-agent|proc-.*|dracut-.*|microcode|rngd|haveged|phpsessionclean)\Z"
)

PROGRAMS = words_of(
    "sshd ssh cron crond anacron atd agetty getty login dbus-daemon dbus-broker dbus-broker-lau rsyslogd syslogd klogd "
    "systemd systemd-journald systemd-udevd systemd-logind systemd-resolved systemd-networkd systemd-timesyncd systemd-resolve "
    "systemd-machined systemd-network systemd-journal init udevd chronyd ntpd dhclient dhcpcd polkitd NetworkManager "
    "wpa_supplicant sudo su rpcbind rpc.statd irqbalance unattended-upgr containerd-shim containerd-shim-runc-v2 conmon "
    "docker-proxy rootlessport slirp4netns pasta aardvark-dns catatonit docker-init sftp-server ssh-agent gpg-agent tmux "
    "screen bash sh dash zsh fish ksh ash ps awk sed find packagekitd multipathd qemu-ga acpid auditd snapd udisksd upowerd "
    "accounts-daemon ModemManager fwupd run-parts sleep tail less vi vim nano top htop"
)

_CRON = words_of(
    "e2scrub_all popularity-contest apt-compat dpkg man-db logrotate mdadm sysstat anacron 0hourly raid-check bsdmainutils "
    "passwd mlocate locate plocate update-notifier-common apport aptitude cracklib-runtime man-db.cron 0anacron .placeholder "
    "fake-hwclock exim4-base apache2 zfsutils-linux update-motd ubuntu-advantage-tools sysstat-summary"
)

_TIMERS = re.compile(
    r"(?:systemd-.*|apt-.*|dpkg-.*|e2scrub.*|fstrim|logrotate|man-db.*|motd-news|update-notifier-.*|ua-.*|dnf-.*|"
    r"mlocate.*|plocate-.*|sysstat.*|fwupd.*|snapd.*|raid-check.*|mdadm.*|mdcheck.*|mdmonitor.*|unbound-anchor|"
    r"anacron|apport.*|esm-cache|phpsessionclean|xfs_scrub.*|google-.*|grub-.*|pmie.*|pmlogger.*|insights-.*)\Z"
)


def is_stock_unit(name: str) -> bool:
    """Whether a service unit, with or without its ending, comes with every installation."""
    return bool(_UNITS.match(name.removesuffix(".service")))


def is_stock_timer(name: str) -> bool:
    """Whether a timer, with or without its ending, comes with every installation."""
    return bool(_TIMERS.match(name.removesuffix(".timer")))


def is_stock_cron(file: str, command: str = "") -> bool:
    """Whether a file of cron, or a line that only runs the cron folders, comes with every installation."""
    name = file.rpartition("/")[2]
    return name in _CRON or "run-parts" in command
