"""This machine with everything that is done to it thrown away: packages are installed in it as on a fresh one."""

import os
import subprocess

# In a mount namespace of its own, for as long as somebody holds its standard input. What is written goes to memory.
HOLD = """
set -e
mount --make-rprivate /
mount -t tmpfs -o size=1g tmpfs "$1"
mkdir "$1/written" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/written,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs tmpfs "$1/root/run"
mount -t tmpfs tmpfs "$1/root/tmp"
# The index of all manual pages is not made anew for one page, and nobody forbids services to start (as images of containers do).
rm -f "$1/root/var/lib/man-db/auto-update" "$1/root/usr/sbin/policy-rc.d"
echo ready
exec cat
"""

# systemd-nspawn brings its own /proc, /dev, /run and /tmp. No network but a loopback of its own.
BOOT = """
set -e
for name in proc dev run tmp; do umount --lazy "$1/$name"; done
exec systemd-nspawn --quiet --directory="$1" --boot --private-network --register=no --keep-unit --console=pipe \\
    systemd.unit=trial.target
"""

UNITS = {
    "trial.target": "[Unit]\nRequires=basic.target trial.service\n",
    "trial.service": """[Unit]
After=basic.target
SuccessAction=poweroff
FailureAction=poweroff
[Service]
Type=oneshot
ExecStart=/bin/sh /var/trial/script
StandardOutput=file:/var/trial/output
StandardError=file:/var/trial/log
""",
}


class ScratchMachine:
    """`machine("dpkg", "-i", path)` runs a command as root, on a copy-on-write layer over this machine's files."""

    def __init__(self, folder):
        self.root = folder / "root"
        self.holder = subprocess.Popen(["unshare", "--mount", "--", "sh", "-c", HOLD, "sh", str(folder)],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        # Why there is none, such as missing privileges in a container; None where it works.
        self.obstacle = None if self.holder.stdout.readline() == b"ready\n" else self._end().strip() or "no reason given"
        if os.geteuid() != 0:
            self.obstacle = "only root can make a scratch machine"

    def __call__(self, *command, environment=None, input=None):
        enter = ["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", "chroot", str(self.root)]
        clean = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
        return subprocess.run([*enter, *map(str, command)], env={**clean, **(environment or {})}, input=input or b"",
                              capture_output=True)

    def output(self, *command, **options):
        done = self(*command, **options)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout.decode()

    def put(self, data, path):
        """Writes a file that everybody can read."""
        self.output("sh", "-c", 'mkdir -p "$(dirname "$1")" && cat >"$1"', "sh", path, input=data)
        return path

    def boot(self, script, within=90):
        """Boots the machine with systemd, runs a shell script as its only service, and turns it off. Returns (output, log);
        both are empty where it did not come as far as the script. Nothing else can be done with the machine then."""
        self.put(script.encode(), "/var/trial/script")
        for name, text in UNITS.items():
            self.put(text.encode(), f"/etc/systemd/system/{name}")
        inside = ["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt"]
        try:
            subprocess.run([*inside, "sh", "-c", BOOT, "sh", str(self.root)], stdin=subprocess.DEVNULL, capture_output=True,
                           timeout=within)
        except subprocess.TimeoutExpired:
            pass
        read = [subprocess.run([*inside, "cat", self.root / "var" / "trial" / name], capture_output=True, text=True)
                for name in ("output", "log")]
        return tuple(done.stdout for done in read)

    def _end(self):
        return self.holder.communicate()[1].decode(errors="replace")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._end()
