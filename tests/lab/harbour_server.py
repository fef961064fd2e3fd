"""A small team's server as it grew over the years, on a machine of the lab, and the list of what truly runs there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.lab.machines import Machine

SECRETS = {"DATABASE_PASSWORD": "kelp-7-anchors-Vq", "SESSION_KEY": "0f3c9be1aa724d51", "MAIL_PASSWORD": "gull,wing=9"}
DEPLOY = 4101

ORDERS = r"""
import http.server, os, subprocess
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        good = os.path.exists("/srv/shop/open")
        body = b"ok\n" if good else b"closed\n"
        self.send_response(200 if good else 503); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        open("/var/log/shop/access.log", "a").write("%s %s\n" % (self.path, words))
http.server.ThreadingHTTPServer(("127.0.0.1", 8801), Page).serve_forever()
"""
WORKER = r"""
import os, time
while True:
    with open("/srv/shop/lease", "w") as lease:
        lease.write("%d %f\n" % (os.getpid(), time.time()))
    time.sleep(1)
"""
MAILER = """
import time
while True: time.sleep(60)
"""
NGINX_SHOP = """
server {
    listen 80;
    server_name shop.harbour.example.org www.harbour.example.org;
    access_log /var/log/nginx/shop.access.log;
    location / { proxy_pass http://127.0.0.1:8801; }
}
"""
NGINX_DOCS = """
server {
    listen 443 ssl;
    server_name docs.harbour.example.org;
    ssl_certificate /etc/ssl/harbour/docs.pem;
    ssl_certificate_key /etc/ssl/harbour/docs.key;
    root /srv/docs;
}
"""
SUPERVISED = """
[program:mailer]
command=/usr/bin/python3 /srv/mailer/mailer.py
user=deploy
autorestart=true
stdout_logfile=/var/log/mailer.log
redirect_stderr=true
"""
GUARDED = """\
# renews the certificates; systemd does it where it runs
SHELL=/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
0 */12 * * * root test -x /usr/local/bin/renew-certs -a \\! -d /run/systemd/system && /usr/local/bin/renew-certs
"""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that runs there. pattern: what a file of the ops repo says when it was found."""

    what: str
    pattern: str

    def found_in(self, text: str) -> bool:
        return re.search(self.pattern, text) is not None


TRUTH = (
    Fact("the order desk, a unit", r"\bshop\.service\b"),
    Fact("its port", r"\b8801\b"),
    Fact("its leased worker, a unit", r"\bshop-worker\.service\b"),
    Fact("nginx", r"\bnginx\.service\b"),
    Fact("the shop's virtual host", r"\bshop\.harbour\.example\.org\b"),
    Fact("the docs' virtual host", r"\bdocs\.harbour\.example\.org\b"),
    Fact("the docs' certificate", r"tls:|/etc/ssl/harbour/docs\.pem"),
    Fact("PostgreSQL", r"\bpostgresql(@15-main)?\.service\b"),
    Fact("its port", r"\b5432\b"),
    Fact("supervisor", r"\bsupervisor(d)?\b"),
    Fact("the mailer, under supervisor", r"\bmailer\b"),
    Fact("cron", r"\bcron\.service\b"),
    Fact("sshd", r"\bssh\.service\b|\bname: sshd?\b"),
    Fact("the nightly backup, a timer", r"\bshop-backup\b"),
    Fact("the renewal, a timer and a guarded cron job", r"\brenew-certs\b"),
    Fact("the invoices, a line of /etc/cron.d", r"\binvoices\b"),
    Fact("the report, a line of deploy's crontab", r"\breport\.sh\b|\breport\b"),
    Fact("the root disk", r"disk: /(\s|$)|disk: \{path: /[,}]"),
    Fact("the names of the secrets", r"\bDATABASE_PASSWORD\b|\bdatabase[-_]password\b"),
)
SERVICES = (
    "harbour1", "shop", "shop-worker", "shop-backup", "nginx", "postgresql", "supervisor", "mailer", "renew-certs", "cron",
    "docs.harbour.example.org", "certificates",
)  # fmt: skip
"""Names under which a file about them may stand: the machine itself, units, timers, supervisor's programs."""


def furnish(machine: Machine) -> None:
    """Everything above, installed and running; the certificate of the docs has expired."""
    for path, text in {
        "/srv/shop/orders.py": ORDERS, "/srv/shop/worker.py": WORKER, "/srv/mailer/mailer.py": MAILER,
        "/srv/shop/open": "", "/srv/docs/index.html": "<h1>Docs</h1>\n",
    }.items():  # fmt: skip
        machine.write(path, text, owner=DEPLOY)
    for path in ("/srv/shop/backup.sh", "/srv/shop/invoices.sh", "/srv/shop/report.sh", "/usr/local/bin/renew-certs"):
        machine.write(path, "#!/bin/sh\nexit 0\n", mode=0o755)
    lines = [f"{name}={value}" for name, value in SECRETS.items()]
    machine.write("/srv/shop/.env", "\n".join(["SHOP_PORT=8801", *lines]) + "\n", mode=0o600, owner=DEPLOY)
    _web(machine)
    _jobs(machine)
    machine.run("chown deploy /srv/shop; install -d -o deploy /var/log/shop")
    user = "User=deploy\nEnvironmentFile=/srv/shop/.env\nRestart=always"
    machine.unit("shop", f"ExecStart=/usr/bin/python3 /srv/shop/orders.py\n{user}", start=False)
    machine.unit("shop-worker", f"ExecStart=/usr/bin/python3 /srv/shop/worker.py\n{user}", start=False)
    machine.write("/etc/supervisor/conf.d/mailer.conf", SUPERVISED)
    machine.run("install -d -o postgres -g postgres -m 2775 /var/log/postgresql; install -d /var/log/supervisor")
    units = "shop shop-worker nginx postgresql@15-main postgresql supervisor cron shop-backup.timer renew-certs.timer"
    machine.run(f"systemctl enable -q {units} 2>&1; systemctl start {units}")
    machine.run("su postgres -c \"psql -qc 'create database shop'\"")


def _web(machine: Machine) -> None:
    machine.run("rm -f /etc/nginx/sites-enabled/*; install -d /var/log/nginx /etc/ssl/harbour")
    certificate, key = expired_certificate("docs.harbour.example.org")
    machine.write("/etc/ssl/harbour/docs.pem", certificate)
    machine.write("/etc/ssl/harbour/docs.key", key, mode=0o600)
    machine.write("/etc/nginx/sites-enabled/shop", NGINX_SHOP)
    machine.write("/etc/nginx/sites-enabled/docs", NGINX_DOCS)


def _jobs(machine: Machine) -> None:
    machine.run("rm -f /etc/cron.d/*")
    machine.write("/etc/cron.d/invoices", "30 6 * * 1-5 deploy /srv/shop/invoices.sh\n")
    machine.write("/etc/cron.d/renew-certs", GUARDED)
    machine.run("crontab -u deploy -", input="*/15 * * * * /srv/shop/report.sh\n")
    for name, command, when in (
        ("shop-backup", "/srv/shop/backup.sh", "*-*-* 02:30:00"),
        ("renew-certs", "/usr/local/bin/renew-certs", "*-*-* 00,12:00:00"),
    ):
        machine.write(f"/etc/systemd/system/{name}.service", f"[Service]\nType=oneshot\nExecStart={command}\n")
        machine.write(
            f"/etc/systemd/system/{name}.timer",
            f"[Timer]\nOnCalendar={when}\n[Install]\nWantedBy=timers.target\n",
        )
    machine.run("systemctl daemon-reload")


def expired_certificate(name: str) -> tuple[str, str]:
    """(certificate, key) as PEM; it ended three days ago."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=93))
        .not_valid_after(now - timedelta(days=3))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(encoding).decode(), private.decode()
