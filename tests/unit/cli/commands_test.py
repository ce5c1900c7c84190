#!/usr/bin/env python3
"""commands_test.py COUNTERSIGN: walks every command as --help tells it. Each has a purpose, examples and exit codes in its help,
refuses an unknown option with 2 and its name, and where it takes --json a failure is one JSON object on standard output."""
import json, os, re, subprocess, sys, tempfile

LOGS_JSON_ANYWAY = {"serve", "runner"}
HIDDEN = [["generate", "completion"], ["generate", "man"], ["generate", "names"]]


def run(program, *words, cwd=None):
    # Nothing of the caller's: no token, no terminal, no language of its own.
    done = subprocess.run([program, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, cwd=cwd,
                          env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": cwd or "/"})
    return done.returncode, done.stdout, done.stderr


def commands_in(text):
    """The names below "Subcommands:"."""
    part = text.split("\nSubcommands:\n", 1)
    return [] if len(part) < 2 else re.findall(r"^  ([a-z][a-z-]*)", part[1].split("\n\n")[0], re.M)


def walk(program, path=()):
    code, text, _ = run(program, *path, "--help")
    assert code == 0, path
    yield path, text
    for name in commands_in(text):
        yield from walk(program, (*path, name))


def main(program):
    folder = tempfile.mkdtemp()
    key = os.path.join(folder, "key")
    # What makes each command fail beyond its words, so that its failure is to be read.
    failing = {
        ("check",): ["-c", "/nowhere"], ("doctor",): ["-c", "/nowhere"], ("keygen",): ["--out", "/nowhere/key"],
        ("explain",): ["-c", "/nowhere", "x", "--as", "y"], ("request",): ["x"],
        ("playground",): ["--dir", "/dev/null/x"], ("rehearse",): ["-c", "/nowhere", "--signals", "/nowhere"],
        ("ledger", "init"): ["--ledger", folder + "/l", "--key", key], ("ledger", "verify"): ["--ledger", "/nowhere"],
        ("ledger", "log"): ["--ledger", "/nowhere"], ("ledger", "show"): ["--ledger", "/nowhere", "CS-1"],
        ("ledger", "why"): ["--ledger", "/nowhere", "CS-1"], ("ledger", "keys"): ["--ledger", "/nowhere"],
        ("ledger", "export"): ["--ledger", "/nowhere", "--out", folder + "/out"],
    }
    seen = []
    for path, text in [*walk(program), *((tuple(p), run(program, *p, "--help")[1]) for p in HIDDEN)]:
        name = " ".join(path) or "(the program)"
        seen.append(name)
        assert "Example" in text, f"{name}: no examples"
        assert re.search(rf"^  .*countersign {' '.join(path)}\b", text, re.M), f"{name}: no example that calls it"
        code, out, err = run(program, *path, "--no-such-option")
        assert code == 2, f"{name}: an unknown option ends with {code}"
        assert "--no-such-option" in err and not out, f"{name}: {out}{err}"
        if not path or commands_in(text):
            code, out, err = run(program, *path, "no-such-command")
            assert code == 2 and "no-such-command" in err, name
            continue
        if path[0] == "generate":
            continue
        if name in LOGS_JSON_ANYWAY:
            assert "--json" not in text, name
            continue
        assert "--json" in text, f"{name}: no --json"
        code, out, err = run(program, *path, *failing.get(path, ()), "--json", cwd=folder)
        assert code in (1, 2, 3), f"{name} --json ends with {code}: {err}"
        assert path in failing, f"{name}: say in this test how it fails"
        lines = out.splitlines()
        assert len(lines) == 1 and isinstance(json.loads(lines[0]), dict), f"{name} --json prints {out!r} {err!r}"
    for wanted in ("explain", "ledger why", "ledger keys", "ledger export", "ledger verify", "request", "doctor", "serve"):
        assert wanted in seen, wanted
    code, out, _ = run(program, "--version", "--json")
    assert code == 0 and json.loads(out)["program"] == "countersign"
    print(f"{len(seen)} commands")


if __name__ == "__main__":
    main(sys.argv[1])
