"""Where web servers serve files from, and scripts there that uploads must have brought."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from files import File
from finding import Finding

if TYPE_CHECKING:
    from detectors.table import Analysis
    from machine import Machine

DEFAULT_ROOTS = ("/var/www", "/var/www/html", "/srv/www", "/srv/http", "/usr/share/nginx/html", "/usr/share/nginx/www", "/opt/lampp/htdocs")
_TOMCAT = re.compile(r"^/(?:var/lib|opt|usr/share|usr/local)/[^/]*tomcat[^/]*/webapps$|^/home/[^/]+/public_html$")
CONFIGURATION = ("/etc/apache2/sites-enabled", "/etc/apache2/conf-enabled", "/etc/httpd/conf", "/etc/httpd/conf.d", "/etc/nginx/sites-enabled", "/etc/nginx/conf.d")
_ROOT_DIRECTIVE = re.compile(r"^\s*(?:DocumentRoot\s+|root\s+)[\"']?(/[^\s\"';]+)", re.M | re.I)
SCRIPTS = re.compile(r"\.(?:php\d?|phtml|phar|pht|inc|jspx?|jspf|asp|aspx|ashx|asmx|cfm|cgi)$", re.I)
UPLOADS = re.compile(r"/(?:uploads?|files?|images?|img|media|avatars?|attachments?|thumbs?|cache|tmp)/(?:[^/]+/)*[^/]+$", re.I)


def web_roots(machine: Machine) -> list[str]:
    """Document roots: the usual ones and those that Apache's and nginx's configuration names, the longest first."""
    roots = {path for path in DEFAULT_ROOTS if machine.find(path)}
    roots |= {file.where for file in machine.files() if file.is_directory and _TOMCAT.match(file.where)}
    for directory in CONFIGURATION:
        for entry in machine.listing(directory):
            file = machine.find(entry.where)
            roots |= {match[1].rstrip("/") for match in _ROOT_DIRECTIVE.finditer(file.text())} if file else set()
    return sorted(roots - {""}, key=lambda root: (-len(root), root))


def served_path(file: File, roots: list[str]) -> str | None:
    """The URL path of a file, None for one that no web server serves."""
    root = next((root for root in roots if file.where.startswith(root + "/")), None)
    return file.where[len(root):] if root else None


def detect(machine: Machine, analysis: Analysis) -> Iterator[Finding]:
    """Scripts in upload directories that no rule knows: a place for pictures, not for programs."""
    roots = web_roots(machine)
    known = {(finding.file.volume_id, finding.file.path) for finding in analysis.findings}
    for file in machine.files():
        if not file.is_regular or not SCRIPTS.search(file.name) or (file.volume_id, file.path) in known:
            continue
        served = served_path(file, roots)
        if served and UPLOADS.search(served) and (head := file.read(4096)) and (b"<?" in head or b"<%" in head):
            recent = machine.is_recent(file)
            if recent or file.uid not in (0, owner_of_root(machine, file, roots)):
                yield Finding("web-shell", "medium", "low", "A script in a directory for uploads" + ("; it was changed recently" if recent else ""), file, head[:200])


def owner_of_root(machine: Machine, file: File, roots: list[str]) -> int | None:
    root = next((root for root in roots if file.where.startswith(root + "/")), None)
    directory = machine.find(root) if root else None
    return directory.uid if directory else None
