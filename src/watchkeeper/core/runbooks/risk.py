"""How much a command can do: `read`, `change` or `destroy`, judged on the syntax tree, per simple command.

The phase gives the base, the tree only raises it. A program that nobody knows keeps the base of its phase, but a name
or an option that speaks of changing (``./restart-all.sh``, ``--apply``) raises it.
"""

from __future__ import annotations

import re
from typing import Final

from watchkeeper.core.runbooks.commands import all_commands
from watchkeeper.core.runbooks.containers import words_of
from watchkeeper.core.runbooks.interpreters import telling
from watchkeeper.core.runbooks.programs import JUDGES
from watchkeeper.core.runbooks.shell import Command, Script
from watchkeeper.core.runbooks.sql import sql_risk
from watchkeeper.core.runbooks.values import Risk, highest

READS: Final = words_of(
    "ls cat head tail grep egrep fgrep rg zgrep zcat gzcat awk gawk mawk sed find df du free uptime w who whoami id "
    "groups ps pgrep pidof pwdx pstree "
    "vmstat iostat mpstat sar ss netstat lsof fuser ip ifconfig dig nslookup host ping ping6 traceroute tracepath "
    "mtr curl wget date echo printf true "
    "false test [ [[ wc sort uniq cut tr jq yq column stat file readlink realpath basename dirname pwd cd pushd popd "
    "env printenv set hostname uname "
    "journalctl dmesg lsblk blkid findmnt sha256sum sha1sum md5sum cksum diff cmp comm type which whereis command "
    "getent systemctl service docker "
    "docker-compose podman kubectl helm git redis-cli psql mysql mariadb sqlite3 openssl nc ncat sleep seq nproc apt "
    "apt-get apt-cache dpkg rpm pip pip3 "
    "npm less more top htop watch export unset local declare readonly return exit shift source . : time timeout nice "
    "sudo xargs tee nohup bash sh "
    "ssh rev tac nl fold paste join od xxd hexdump strings expr bc lscpu lsmem lspci lsusb last lastlog uptimed "
    "crontab ufw iptables nft nginx "
    "apachectl haproxy caddy pg_isready mysqladmin rabbitmqctl supervisorctl pm2 certbot terraform aws gcloud az fly "
    "flyctl heroku gh vercel"
)
CHANGES: Final = words_of(
    "cp mv rm mkdir rmdir touch ln install chmod chown chgrp tee tar unzip zip gzip gunzip bzip2 xz zstd patch rsync "
    "scp sftp make cmake cargo go yarn "
    "pnpm npx pip pip3 gem bundle composer apt apt-get yum dnf apk pacman brew snap useradd usermod groupadd adduser "
    "passwd mount umount swapon swapoff "
    "sysctl modprobe insmod rmmod kill reboot ansible ansible-playbook puppet chef-client salt kamal cap alembic "
    "flyway liquibase sqlmap truncate "
    "logrotate split certbot nft iptables ip6tables ufw firewall-cmd setenforce update-rc.d chkconfig "
    "systemd-tmpfiles at batch crontab mysqldump pg_dump "
    "pg_dumpall restic borg duplicity vacuumdb reindexdb pg_ctl pg_ctlcluster createdb createuser mongodump "
    "mongorestore hostnamectl timedatectl nmcli "
    "netplan ifup ifdown resize2fs e2fsck fsck xfs_growfs lvextend growpart mdadm renice ionice chattr setfacl "
    "dpkg-reconfigure update-grub wg-quick "
    "start stop restart reload initctl invoke-rc.d pkexec newgrp vi vim nano emacs code ed ex visudo node python "
    "python3 python2 perl ruby php deno bun "
    "java Rscript lua dotnet"
)
DESTROYS: Final = words_of(
    "pkill killall mkfs wipefs shred dd fdisk parted sgdisk sfdisk gdisk dropdb dropuser pg_restore pg_resetwal "
    "userdel groupdel deluser lvremove vgremove "
    "pvremove halt poweroff mongorestore kexec blkdiscard hdparm nvme cryptsetup skill slay srm unlink-all tmpreaper "
    "tmpwatch bleachbit"
)


def command_risk(command: Command) -> Risk:
    """What one simple command can do, without its phase. An unknown program whose name tells nothing is `read`."""
    name = command.name
    if not name:
        return "read"
    if command.words[0].startswith(("$", "`")):
        return "change"
    if command.arguments and command.arguments[-1] in ("--version", "--help", "-h") and len(command.arguments) <= 2:
        return "read"
    if name in DESTROYS or name.startswith("mkfs."):
        return "destroy"
    if name in JUDGES:
        return JUDGES[name](command)
    if name in CHANGES:
        return "change"
    if name in READS:
        return "read"
    sql = highest(
        "read",
        *(sql_risk(word) for word in command.arguments if re.search(r"\bdrop\s+(table|database|schema)\b", word, re.I)),
    )
    return highest(sql, telling(command.words))


def is_known(command: Command) -> bool:
    """Whether watchkeeper knows what the program does."""
    return command.name in READS or command.name in CHANGES or command.name in DESTROYS or command.name in JUDGES


def script_risk(script: Script, base: Risk, *, strict: bool = False) -> Risk:
    """Risk of a whole script: never below `base`. strict: a program that nobody knows counts as `change`."""
    found: Risk = base
    if script.broken:
        found = highest(found, "change")
    for target in script.writes:
        found = highest(found, "destroy" if re.match(r"/dev/(sd|nvme|vd|xvd|hd|mapper|disk)", target) else "change")
    for command in all_commands(script):
        found = highest(found, command_risk(command))
        if strict and not is_known(command) and command.name:
            found = highest(found, "change")
    return found
