"""What testImage.sh does with the image that it has built: runs its command as a container
would, in namespaces of its own. Arguments: the image's root, its description, a volume."""

import json
import os
import shutil
import signal
import subprocess
import sys

root, description, volume = sys.argv[1:]
with open(description) as file:
    image = json.load(file)["Docker"]["config"]


def run(*words):
    subprocess.run(words, check=True)


def expect(what, found, expected):
    if found != expected:
        sys.exit(f"testImage.sh: {what}: expected {expected!r}, found {found!r}")


def prepare():
    """The root cannot be written, but for the volume, which gets what the image has there."""
    run("ip", "link", "set", "lo", "up")
    [folder] = image["Volumes"]
    place = root + folder
    shutil.copytree(place, volume)
    state = os.stat(place)
    os.chown(volume, state.st_uid, state.st_gid)
    os.chmod(volume, state.st_mode)
    run("mount", "--bind", root, root)
    run("mount", "--bind", volume, place)
    run("mount", "-t", "proc", "proc", root + "/proc")
    run("mount", "-o", "remount,bind,ro", root)


def start(words, environment=(), **options):
    """Starts a command in the container, as its user, without rights."""
    user, group = image["User"].split(":")
    rights = ["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all",
              f"--reuid={user}", f"--regid={group}", "--clear-groups"]
    # chroot needs a right that the command must not have: its own setpriv drops it.
    inside = ["env", "-i", "-C", image["WorkingDir"], *image["Env"], *environment, *rights, *words]
    return subprocess.Popen(["chroot", root, *inside], text=True, **options)


def command(*words, environment=(), status=0):
    process = start(["postroom", *words], environment, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE)
    output, errors = process.communicate(timeout=60)
    if process.returncode != status:
        sys.exit(f"testImage.sh: {words}: status {process.returncode}: {output}{errors}")
    return output + errors


class Server:
    """The command of the image."""

    def __init__(self, *environment):
        words = image["Entrypoint"] + image["Cmd"]
        self.process = start(words, environment, stdout=subprocess.PIPE)
        self.listeners = []
        for line in self.process.stdout:
            if line == "ready\n":
                return
            self.listeners.append(line.strip())
        sys.exit("testImage.sh: the server has ended before it was ready")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        expect("the end of the server", self.process.wait(60), 0)


def health():
    """The status of the health check, as Docker runs it."""
    kind, *words = image["Healthcheck"]["Test"]
    expect("the form of the health check", kind, "CMD")
    return start(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).wait(60)


prepare()
user = image["User"].split(":")[0]
expect("the user is a number", user.isdigit() and int(user) > 0, True)
expect("the health before the start", health(), 1)

server = Server()
for listener in server.listeners:
    expect(listener, listener.split(" ")[1].startswith("127.0.0.1:"), True)
expect("the health", health(), 0)
with open(f"{root}/proc/{server.process.pid}/status") as file:
    state = dict(line.split(":", 1) for line in file)
expect("the user of the server", state["Uid"].split(), [user] * 4)
expect("the rights of the server", {state[key].strip().strip("0") for key in ("CapEff", "CapPrm", "CapBnd")},
       {""})
command("send", "--server", "127.0.0.1:4401", "--as", "bob", "alice", "Kept in the volume")
server.stop()
expect("the health after the stop", health(), 1)

# What docs/operating.md says of the network.
output = command("serve", environment=["POSTROOM_LISTEN=mailbox=0.0.0.0:4401"], status=1)
expect("a listener without TLS is refused", "open to the network" in output, True)
command("cert", "--out", "tls", "127.0.0.1")
tls = ["POSTROOM_LISTEN=mailbox+tls=0.0.0.0:5401 proof=command,"
       "chat+tls=0.0.0.0:5405 proof=command",
       "POSTROOM_TLS_CERTIFICATE=tls/certificate.pem", "POSTROOM_TLS_KEY=tls/key.pem"]
server = Server(*tls)
expect("the health with TLS", health(), 0)
password = os.path.join(volume, "password")
with open(password, "w") as file:
    file.write("secret\n")
os.chown(password, int(user), int(user))
os.chmod(password, 0o600)
command("account", "passwd", "alice", "--password-file", "password")
found = command("read", "--server", "127.0.0.1:5401", "--ca", "tls/certificate.pem", "--as", "alice",
                "--password-file", "password")
expect("the message of before", found, "bob: Kept in the volume\n")
server.stop()
print("ok: the image was built, run, asked for its health and stopped")
