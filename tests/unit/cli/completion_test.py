#!/usr/bin/env python3
"""completion_test.py COUNTERSIGN CONFIG: the generated completions in real shells, the manual page before its linters. A shell or
linter that is not installed is SKIPPED, and said so."""
import os, pty, select, shutil, subprocess, sys, tempfile, time

BASH = r"""
source "$1"
complete -p countersign >/dev/null || exit 9
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
compopt() { :; }
_countersign
printf '%s\n' "${COMPREPLY[@]}"
"""


def generate(program, *what):
    return subprocess.run([program, "generate", *what], capture_output=True, text=True, check=True).stdout


def in_bash(script, *words):
    done = subprocess.run(["bash", "--norc", "-c", BASH, "bash", script, *words], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return set(done.stdout.split())


def in_fish(script, line, home):
    done = subprocess.run(["fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]", script, line], text=True,
                          capture_output=True, timeout=20, env={**os.environ, "HOME": home, "TERM": "dumb"})
    assert done.returncode == 0, done.stderr
    return {one.split("\t")[0] for one in done.stdout.splitlines()}


def in_zsh(script, line, wanted, home):
    """Types the line and Tab Tab on a terminal of zsh's own; true when everything wanted is shown."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execvpe("zsh", ["zsh", "-f", "-i"], {**os.environ, "HOME": home, "TERM": "vt100", "COLUMNS": "200", "LINES": "100", "PS1": "> "})
    shown = ""

    def until(done, limit=15):
        nonlocal shown
        end = time.monotonic() + limit
        while time.monotonic() < end and not done(shown):
            if select.select([fd], [], [], 0.2)[0]:
                try:
                    shown += os.read(fd, 65536).decode("utf-8", "replace")
                except OSError:
                    break
        return done(shown)

    os.write(fd, f"autoload -U compinit && compinit -u -D; source {script}; LISTMAX=0; echo is''ready\n".encode())
    assert until(lambda text: "isready" in text), shown
    shown = ""
    os.write(fd, line.encode() + b"\t\t")
    found = until(lambda text: all(word in text for word in wanted))
    os.write(fd, b"\x03exit\n")
    os.close(fd)
    os.waitpid(pid, 0)
    assert found, f"zsh shows {shown!r} for {line!r}"


def main(program, config):
    folder = tempfile.mkdtemp()
    # The scripts call the program by the name in the line: here it is one on PATH.
    os.symlink(program, os.path.join(folder, "countersign"))
    os.environ["PATH"] = folder + os.pathsep + os.environ["PATH"]
    scripts = {}
    for shell in ("bash", "zsh", "fish"):
        scripts[shell] = os.path.join(folder, shell)
        with open(scripts[shell], "w") as file:
            file.write(generate(program, "completion", shell))

    bash = lambda *words: in_bash(scripts["bash"], "countersign", *words)
    assert {"serve", "check", "explain", "ledger", "request"} <= bash("")
    assert "generate" not in bash("") and "demo-service" not in bash("")
    assert bash("ex") == {"explain"}
    assert {"verify", "why", "export", "keys", "show", "log", "init"} <= bash("ledger", "")
    assert bash("ledger", "verify", "--k") == {"--key"}
    assert {"--config", "-c", "--as", "--json"} <= bash("explain", "-")
    assert bash("ledger", "export", "--as", "") == {"folder", "jsonl", "bundle"}
    assert os.path.basename(config) in {os.path.basename(p) for p in bash("check", "-c", os.path.dirname(config) + "/")}
    assert bash("explain", "-c", config, "") == {"restart-service"}
    assert bash("explain", "-c", config, "restart-service", "") == {"service=web", "service=api"}
    assert bash("explain", "-c", config, "restart-service", "service", "=") == {"web", "api"}
    assert bash("explain", "-c", config, "restart-service", "service", "=", "a") == {"api"}
    assert {"alice", "bob", "ci"} <= bash("explain", "-c", config, "--as", "")
    assert bash("explain", "-c", "/nowhere", "") == set()
    assert bash("ledger", "verify", "--ledger", "show", "--k") == {"--key"}  # an option's value is no command
    subprocess.run(["bash", "-n", scripts["bash"]], check=True)

    if shutil.which("fish"):
        fish = lambda line: in_fish(scripts["fish"], line, folder)
        assert {"serve", "explain", "ledger"} <= fish("countersign ") and "generate" not in fish("countersign ")
        assert {"verify", "why"} <= fish("countersign ledger ")
        assert "--key" in fish("countersign ledger verify --")
        assert fish("countersign ledger export --as ") >= {"folder", "jsonl", "bundle"}
        assert "restart-service" in fish(f"countersign explain -c {config} ")
        assert "service=web" in fish(f"countersign explain -c {config} restart-service ")
        assert "alice" in fish(f"countersign explain -c {config} --as ")
    else:
        print("SKIPPED: completion in fish: fish is not installed")

    if shutil.which("zsh"):
        subprocess.run(["zsh", "-n", scripts["zsh"]], check=True)
        in_zsh(scripts["zsh"], "countersign ", ["serve", "explain", "ledger"], folder)
        in_zsh(scripts["zsh"], "countersign ledger ", ["verify", "export", "why"], folder)
        in_zsh(scripts["zsh"], "countersign ledger verify --", ["--key", "--from"], folder)
        in_zsh(scripts["zsh"], f"countersign explain -c {config} re", ["restart-service"], folder)
    else:
        print("SKIPPED: completion in zsh: zsh is not installed")

    page = os.path.join(folder, "countersign.1")
    with open(page, "w") as file:
        file.write(generate(program, "man"))
    if shutil.which("mandoc"):
        done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", page], capture_output=True, text=True)
        assert done.returncode == 0 and not done.stdout, done.stdout
    else:
        print("SKIPPED: mandoc -Tlint: mandoc is not installed")
    if shutil.which("groff") or shutil.which("man"):
        command = ["groff", "-man", "-Tutf8", "-ww", "-z", page] if shutil.which("groff") else ["man", "--warnings", "-l", "-E", "UTF-8", page]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80"})
        assert done.returncode == 0 and not done.stderr, done.stderr
    else:
        print("SKIPPED: groff: neither groff nor man is installed")
    print("ok")


if __name__ == "__main__":
    main(sys.argv[1], os.path.abspath(sys.argv[2]))
