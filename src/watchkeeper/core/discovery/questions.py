"""What discovery asks a host: read-only POSIX shell, one question per kind of finding.

Values of secrets are cut off on the host itself: of settings files only names are printed, of command lines only the
first words, of crontabs what is not a password. Where a tool is missing the next best one is asked, and a question
that nothing can answer prints nothing. ``WK-`` lines part the answers of one question.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """One command. about: what it finds out, for people. needs_root: without it the answer may be incomplete."""

    name: str
    about: str
    text: str
    needs_root: bool = False
    deadline_s: float = 20.0


SYSTEM = r"""
echo WK-release; cat /etc/os-release 2>/dev/null
echo WK-kernel; uname -srm
echo WK-name; cat /proc/sys/kernel/hostname
echo WK-init; cat /proc/1/comm
echo WK-user; id -u
echo WK-zone; readlink /etc/localtime || cat /etc/timezone 2>/dev/null
echo WK-programs; for p in systemctl ss curl openssl sqlite3 bash docker podman supervisorctl; do
  command -v $p >/dev/null 2>&1 && echo $p; done; true"""

DISKS = r"""
echo WK-kilobytes; LC_ALL=C df -PTk 2>/dev/null
echo WK-inodes; LC_ALL=C df -Pi 2>/dev/null; true"""

UNITS = r"""
export LC_ALL=C SYSTEMD_PAGER=
systemctl show --all --no-pager -p Id,Names,Description,LoadState,ActiveState,SubState,UnitFileState,FragmentPath \
  -p Type,MainPID,ControlGroup,TriggeredBy,EnvironmentFiles,Result,RemainAfterExit '*.service' 2>/dev/null
echo WK-timers
systemctl show --all --no-pager -p Id,Unit,TimersCalendar,TimersMonotonic,ActiveState,UnitFileState,FragmentPath \
  '*.timer' 2>/dev/null; true"""

# Of a command line the first words are enough to know the program; what follows an equals sign is cut off there.
PROCESSES = r"""
{ LC_ALL=C ps -eww -o pid=,ppid=,tty=,etimes=,user:32=,comm:32=,cgroup:400=,args= 2>/dev/null ||
  for d in /proc/[0-9]*; do
  p=${d#/proc/}; read -r s <$d/stat || continue; set -- ${s##*) }
  c=; read -r c <$d/comm; g=; read -r g <$d/cgroup; echo "$p $2 ? 99 - $c ${g:--} $(tr '\0' ' ' <$d/cmdline)"
  done 2>/dev/null; } | awk '{ n = NF < 12 ? NF : 12; line = ""
  for (i = 1; i <= n; i++) { word = $i; if (i > 8) sub(/[=@].*/, "=", word); line = line word " " } print line }'"""

LISTENERS = r"""
{ ss -Hlntup || netstat -lntup || cat /proc/net/tcp /proc/net/tcp6; } 2>/dev/null; true"""

CONNECTIONS = r"""
ss -Hntp state established 2>/dev/null; true"""

# Passwords in a crontab: behind -u NAME:, in a URL, behind a telling option; assignments keep their names only.
CRON = r"""
for f in /etc/crontab /etc/anacrontab /etc/cron.d/* /var/spool/cron/crontabs/* /var/spool/cron/* /etc/crontabs/*; do
  [ -f "$f" ] && [ -r "$f" ] && awk '/^[[:space:]]*[^#[:space:]]/ { print FILENAME ":" FNR ":" $0 }' "$f"
done | sed -E 's/^([^:]*:[0-9]+:[[:space:]]*[A-Za-z_][A-Za-z0-9_]*[[:space:]]*=).*/\1/
  s#(://[^:/ ]*:)[^@ ]*@#\1@#g; s/(-u|--user)([ =]+)[^ :]+:[^ ]*/\1\2:/g
  s/(([Pp][Aa][Ss][Ss]|[Tt][Oo][Kk][Ee][Nn]|[Ss][Ee][Cc][Rr][Ee][Tt]|[Kk][Ee][Yy]|[Pp][Ww][Dd])[A-Za-z_-]*[= :]+)[^ ]+/\1/g'
echo WK-folders
for d in hourly daily weekly monthly; do for f in /etc/cron.$d/* /etc/periodic/$d/*; do
  [ -f "$f" ] && [ -x "$f" ] || continue
  g=; grep -q -e /run/systemd/system "$f" 2>/dev/null && g=guarded; echo "$d $f $g"; done; done
true"""

CONTAINERS = r"""
for c in docker podman; do command -v $c >/dev/null 2>&1 || continue; echo "WK-engine $c"
l=com.docker.compose; f='{{.ID}}|{{.Names}}|{{.Image}}|{{.Status}}|{{.Ports}}'
case $c in podman) k='index .Labels';; *) k=.Label;; esac
f="$f|{{$k \"$l.project\"}}|{{$k \"$l.service\"}}|{{$k \"$l.project.config_files\"}}"
$c ps -a --no-trunc --format "$f" 2>/dev/null && break
done; true"""

COMPOSE = r"""
for d in /srv /opt /home /root /etc /var/lib /var/www /app /data; do [ -d $d ] || continue
find $d -xdev -maxdepth 4 \( -name node_modules -o -name .git -o -path /var/lib/docker -o -path /var/lib/containers \) \
  -prune -o -type f \( -name 'compose*.y*ml' -o -name 'docker-compose*.y*ml' \) -print 2>/dev/null
done | while read -r f; do echo "WK-file $f"
awk '/^[A-Za-z]/ { inside = ($1 == "services:") } inside && /^  [A-Za-z0-9._-]+:[[:space:]]*(#.*)?$/ { print FNR ":" $1 }' "$f"
done; true"""

SUPERVISOR = r"""
named=$(ps -eww -o args= 2>/dev/null | sed -n 's/.*supervisord.* -c  *\(\/[^ ]*\).*/\1/p' | sort -u)
for c in /etc/supervisor/supervisord.conf /etc/supervisord.conf $named; do
  [ -r "$c" ] || continue; case " $seen " in *" $c "*) continue;; esac; seen="$seen $c"
  echo "WK-config $c"; supervisorctl -c "$c" status 2>/dev/null
  d=$(dirname "$c"); for f in "$c" "$d"/conf.d/*.conf "$d"/conf.d/*.ini "$d".d/*.ini "$d".d/*.conf "$d"/supervisord.d/*; do
    [ -r "$f" ] && awk '/^\[(program|group|eventlistener|fcgi-program):/ || /^(autostart|stdout_logfile)[[:space:]]*=/ {
      print "WK-line " FILENAME ":" FNR ":" $0 }' "$f"
  done; done; true"""

# Directives that say where a site is; of every other line only the braces, so that blocks can be followed.
NGINX = r"""
main="/etc/nginx/nginx.conf $(ps -eww -o args= 2>/dev/null | sed -n 's/^nginx: master.* -c  *\(\/[^ ]*\).*/\1/p')"
more=$(sed -n 's/^[[:space:]]*include[[:space:]]*\(\/[^;]*\);.*/\1/p' $main 2>/dev/null)
for f in $main /etc/nginx/conf.d/*.conf /etc/nginx/sites-enabled/* /etc/nginx/http.d/*.conf $more; do
case " $seen /etc/nginx/mime.types " in *" $f "*) continue;; esac; seen="$seen $f"
[ -f "$f" ] && [ -r "$f" ] && awk '
  { gsub(/\\["\047]/, ""); gsub(/"[^"]*"/, "\"\""); gsub(/\047[^\047]*\047/, "\047\047"); sub(/(^|[[:space:]])#.*/, "") }
  /(^|[[:space:];{])(server|server_name|listen|ssl_certificate|(proxy|fastcgi|uwsgi)_pass|upstream)[[:space:]{]/ {
    gsub(/:\/\/[^:\/ ]*:[^@ ]*@/, "://"); print FILENAME ":" FNR ":" $0; next }
  /[{}]/ { gsub(/[^{}]/, ""); print FILENAME ":" FNR ":" $0 }' "$f"
done; true"""

APACHE = r"""
for f in /etc/apache2/ports.conf /etc/apache2/sites-enabled/* /etc/apache2/conf.d/*.conf /etc/httpd/conf/httpd.conf \
  /etc/httpd/conf.d/*.conf; do [ -f "$f" ] && [ -r "$f" ] && awk '
  tolower($1) ~ /^(<virtualhost|<\/virtualhost>|servername|serveralias|sslcertificatefile|sslengine|proxypass)$/ {
    gsub(/:\/\/[^:\/ ]*:[^@ ]*@/, "://"); print FILENAME ":" FNR ":" $0 }' "$f"
done; true"""

CADDY = r"""
for f in /etc/caddy/Caddyfile /etc/caddy/conf.d/* /etc/caddy/sites-enabled/*; do [ -f "$f" ] && [ -r "$f" ] && awk '
  { sub(/(^|[[:space:]])#.*/, "") }
  /^[^[:space:]{}(]/ { print FILENAME ":" FNR ":" $0; next }
  $1 == "reverse_proxy" { print FILENAME ":" FNR ":\t" $1 " " $2 " " $3
    if (/{[[:space:]]*$/ && $2 != "{" && $3 != "{") print FILENAME ":" FNR ":{"; next }
  /[{}]/ { gsub(/\{[^{} ]+\}/, ""); gsub(/[^{}]/, ""); if ($0 != "") print FILENAME ":" FNR ":" $0 }' "$f"
done; true"""

CERTIFICATES = r"""
command -v openssl >/dev/null 2>&1 || exit 0
{ for f in /etc/letsencrypt/live/*/cert.pem /etc/ssl/private/*.crt; do [ -f "$f" ] && echo "$f"; done
  cat /etc/nginx/nginx.conf /etc/nginx/conf.d/*.conf /etc/nginx/sites-enabled/* /etc/nginx/http.d/*.conf \
    /etc/apache2/sites-enabled/* /etc/httpd/conf.d/*.conf /etc/postfix/main.cf /etc/dovecot/conf.d/10-ssl.conf \
    /etc/postgresql/*/*/postgresql.conf /etc/haproxy/haproxy.cfg 2>/dev/null |
  grep -v '^[[:space:]]*#' | tr ';{' '\n\n' | sed -nE "s/^[[:space:]]*(ssl_certificate|SSLCertificateFile|\
(smtpd_tls_cert_file|ssl_cert_file|ssl_cert)[[:space:]]*=)[[:space:]]*<?[\"']?(\/[^;\"'[:space:]]+).*/\3/p
    s/.*[[:space:]]crt[[:space:]]+(\/[^[:space:]]+).*/\1/p"
} | sort -u | while read -r f; do [ -r "$f" ] || { echo "WK-unreadable $f"; continue; }
echo "WK-file $f"
openssl x509 -in "$f" -noout -subject -issuer -startdate -enddate -ext subjectAltName 2>/dev/null; done; true"""

DATABASES = r"""
for s in /var/run/postgresql/.s.PGSQL.* /tmp/.s.PGSQL.*; do [ -S "$s" ] || continue
p=${s##*.}; echo "WK-postgresql ${s%/*} $p"
q="select datname from pg_database where datallowconn and not datistemplate order by 1"
cd / && if [ "$(id -u)" = 0 ]; then
  timeout 5 runuser -u "$(stat -c %U "$s")" -- psql -XAtqw -h "${s%/*}" -p "$p" -d postgres -c "$q"
else timeout 5 psql -XAtqw -h "${s%/*}" -p "$p" -d postgres -c "$q"; fi 2>/dev/null; done
for c in mariadb mysql; do command -v $c >/dev/null 2>&1 || continue; echo WK-mysql
timeout 5 $c -N -B --connect-timeout=3 -e 'show databases' 2>/dev/null && break; done; true"""

# Files that living processes hold open, and SQLite files by their first bytes, where services keep their data.
FILES = r"""
find /proc/[0-9]*/fd -maxdepth 1 -type l \( -lname '/*.db' -o -lname '/*.sqlite' -o -lname '/*.sqlite3' \
  -o -lname '/*.log' \) -printf 'WK-open %p %l\n' 2>/dev/null
for d in /srv /opt /home /root /var/www /app /data /var/lib; do [ -d $d ] || continue
find $d -xdev -maxdepth 4 \( -name node_modules -o -name .git -o -name .cache -o -path /var/lib/docker \
  -o -path /var/lib/containers -o -path /var/lib/apt -o -path /var/lib/dpkg \) -prune -o \
  -type f -size +1k \( -name '*.db' -o -name '*.sqlite' -o -name '*.sqlite3' \) -print 2>/dev/null
done | head -n 200 | while read -r f; do
[ "$(head -c 15 "$f" 2>/dev/null)" = "SQLite format 3" ] && echo "WK-sqlite $f"; done; true"""

# Names only: what follows the equals sign is never printed, nor the further lines of a value in quotes.
ENVIRONMENTS = r"""
{ for d in /srv /opt /home /root /var/www /app /data; do [ -d $d ] || continue
find $d -xdev -maxdepth 4 \( -name node_modules -o -name .git -o -name .cache -o -name .venv \) -prune -o \
  -type f \( -name .env -o -name '*.env' -o -name '.env.production' \) -print 2>/dev/null; done
systemctl show -p EnvironmentFiles '*.service' 2>/dev/null | sed -n 's/^EnvironmentFiles=\(\/[^ ]*\) .*/\1/p'
} | sort -u | head -n 200 | while read -r f; do [ -f "$f" ] || continue
[ -r "$f" ] || { echo "WK-unreadable $f"; continue; }
awk 'open != "" { if (index($0, open)) open = ""; next }
  /^[[:space:]]*(export[[:space:]]+)?[A-Za-z_][A-Za-z0-9_]*=/ {
    value = $0; sub(/^[^=]*=/, "", value); quote = substr(value, 1, 1)
    if ((quote == "\"" || quote == "\047") && !index(substr(value, 2), quote)) open = quote
    sub(/=.*/, ""); sub(/^[[:space:]]*(export[[:space:]]+)?/, ""); print "WK-name " FNR " " $0 " " FILENAME }' "$f"
done; true"""

LOGS = r"""
LC_ALL=C du -skx /var/log 2>/dev/null | sed 's/^/WK-folder /'
for d in /var/log/*/ /srv/*/log/ /srv/*/logs/ /opt/*/log/ /opt/*/logs/ /home/*/logs/; do [ -d "$d" ] || continue
LC_ALL=C du -skx "$d" 2>/dev/null | sed 's/^/WK-folder /'; done
for f in /var/log/*.log /var/log/*/*.log /srv/*/log/*.log /srv/*/logs/*.log /srv/*/*.log /opt/*/logs/*.log; do
[ -f "$f" ] && echo "WK-file $f"; done | head -n 500
true"""

PACKAGES = r"""
if [ -r /var/log/dpkg.log ]; then cat /var/log/dpkg.log.1 /var/log/dpkg.log 2>/dev/null |
  awk '$3 == "upgrade" || $3 == "install" || $3 == "remove"' | tail -n 200
elif command -v rpm >/dev/null 2>&1; then
  rpm -qa --qf '%{installtime} installed %{name} %{version}-%{release}\n' | sort -rn | head -n 100
fi; true"""

QUESTIONS = (
    Question("system", "operating system, name, tools", SYSTEM),
    Question("disks", "disks and inodes", DISKS),
    Question("units", "systemd units and timers", UNITS),
    Question("processes", "processes", PROCESSES),
    Question("listeners", "listening ports and the processes behind them", LISTENERS, needs_root=True),
    Question("connections", "which process talks to which", CONNECTIONS, needs_root=True),
    Question("cron", "cron jobs", CRON, needs_root=True),
    Question("containers", "containers", CONTAINERS, needs_root=True),
    Question("compose", "compose files", COMPOSE, deadline_s=30.0),
    Question("supervisor", "supervisor programs", SUPERVISOR, needs_root=True),
    Question("nginx", "sites of nginx", NGINX),
    Question("apache", "sites of Apache", APACHE),
    Question("caddy", "sites of Caddy", CADDY),
    Question("certificates", "certificate files", CERTIFICATES, needs_root=True),
    Question("databases", "databases", DATABASES, needs_root=True, deadline_s=30.0),
    Question("files", "SQLite files and open logs", FILES, needs_root=True, deadline_s=30.0),
    Question("environments", "names in settings files", ENVIRONMENTS, needs_root=True, deadline_s=30.0),
    Question("logs", "log files", LOGS, needs_root=True, deadline_s=30.0),
    Question("packages", "recent changes of packages", PACKAGES),
)
"""The first round, in the order it is shown. Every question stands alone."""

HOSTNAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})(?:\.[A-Za-z0-9-]{1,63})*\Z")
ADDRESS = re.compile(r"[0-9A-Fa-f.:]{2,45}\Z")


@dataclass(frozen=True, slots=True)
class Door:
    """A place to knock: an address of the host itself, a port, and the name that is asked for there ("" for none)."""

    address: str
    port: int
    name: str = ""

    @property
    def sound(self) -> bool:
        """Whether all of it may stand in a command; what a host wrote elsewhere must not become one."""
        return (
            bool(ADDRESS.match(self.address))
            and 0 < self.port < 65536
            and (not self.name or bool(HOSTNAME.match(self.name)))
        )

    @property
    def host(self) -> str:
        """The address as it stands in a URL."""
        return f"[{self.address}]" if ":" in self.address else self.address


def knocking(doors: tuple[Door, ...]) -> Question:
    """What answers over HTTP or HTTPS behind these doors: status and certificate, GET / with a limit of 3 s each."""
    ask = "curl -q -ksS -o /dev/null --noproxy '*' -m 3 -w '%{http_code}'"
    lines = ["command -v curl >/dev/null 2>&1 || exit 0", f'k() {{ s=$({ask} "$@" 2>/dev/null); }}']
    for door in doors:
        if not door.sound:
            continue
        place = f"{door.address} {door.port} {door.name or '-'}"
        header = f" -H 'Host: {door.name}'" if door.name else ""
        lines.append(f"{{ k{header} 'http://{door.host}:{door.port}/'; a=$s; k{header} 'https://{door.host}:{door.port}/'; "
                     f"echo \"WK-door {place} $a $s\"; }} &")  # fmt: skip
    return Question("doors", "what answers over HTTP", "\n".join([*lines, "wait"]), deadline_s=30.0)


def shown_certificates(doors: tuple[Door, ...]) -> Question:
    """The certificates that these doors show."""
    lines = ["command -v openssl >/dev/null 2>&1 || exit 0"]
    for door in doors:
        if door.sound:
            name = f"-servername '{door.name}' " if door.name and not ADDRESS.match(door.name) else "-noservername "
            lines.append(
                f"echo 'WK-door {door.address} {door.port} {door.name or '-'}'; timeout 4 openssl s_client {name}"
                f"-connect '{door.host}:{door.port}' </dev/null 2>/dev/null | "
                "openssl x509 -noout -subject -issuer -startdate -enddate -ext subjectAltName 2>/dev/null"
            )
    return Question("shown", "certificates shown on ports", "\n".join([*lines, "true"]), deadline_s=60.0)
