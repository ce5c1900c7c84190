#!/usr/bin/env python3
"""What the READMEs say is true.
readme_test.py COUNTERSIGN SOURCES                 every link leads somewhere; every command of ours in a code block is one, with options
                                                   that it has; the configuration is without mistakes; the steps of "Ten minutes" run
readme_test.py COUNTERSIGN SOURCES LEDGER PIN      the auditor's commands, on a real ledger that has a case"""
import os, pathlib, re, shlex, subprocess, sys, tempfile


def pages(sources):
    yield from (sources / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md"))
    yield from sorted(sources.glob("deploy/**/README.md"))


def code_lines(text):
    """Lines of indented blocks and of fences that are no YAML."""
    fence = None
    for line in text.splitlines():
        if re.match(r"\s*```", line):
            fence = None if fence is not None else line.strip("` \t")
        elif fence in ("", "sh", "bash") or (fence is None and re.match(r" {4,}\S", line)):
            yield line.strip()


def help_of(program, path, cache={}):
    if path not in cache:
        cache[path] = subprocess.run([program, *path, "--help"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return cache[path]


def check_command(program, where, words):
    """`words`: after the program's name."""
    path = ()
    while len(path) < len(words) and re.fullmatch(r"[a-z][a-z-]*", words[len(path)]):
        deeper = (*path, words[len(path)])
        if help_of(program, deeper).returncode != 0:
            break
        path = deeper
    assert path or words[:1] == ["--version"], f"{where}: no such command: {words}"
    for word in words[len(path):]:
        if word in ("&&", "||", "|", ";", ">", "#"):
            break
        if re.match(r"--?[a-z]", word):
            name = word.split("=")[0]
            assert re.search(rf"(^|[\s,]){re.escape(name)}\b", help_of(program, path).stdout), f"{where}: {path} has no {name}"


def run(command, folder, program, code=0, **variables):
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=folder, stdin=subprocess.DEVNULL,
                          env={"PATH": f"{folder}/bin:{os.environ['PATH']}", "HOME": str(folder), "LC_ALL": "C.UTF-8",
                               "GIT_CONFIG_NOSYSTEM": "1", **variables})
    assert done.returncode == code, f"{command}\nends with {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


def workplace(program):
    folder = pathlib.Path(tempfile.mkdtemp())
    (folder / "bin").mkdir()
    (folder / "bin/countersign").symlink_to(program)
    return folder


def section(text, title):
    return text.split(f"\n## {title}", 1)[1].split("\n## ", 1)[0]


def read_pages(program, sources):
    count = 0
    for page in pages(sources):
        text = page.read_text()
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page}: the link {target} leads nowhere"
        for line in code_lines(text):
            line = re.sub(r"\bsh -c '([^']*)'", r"sh; \1", line)  # what the inner shell is told
            for command in re.findall(r"(?:^|[;&|] *|sudo |=\S* +|--rm .* countersign )countersign +(.*)", line):
                check_command(program, f"{page}: {line}", shlex.split(command.replace("…", "x"), comments=True))
                count += 1
            for name in re.findall(r"(?:^|\s)(deploy/[\w./-]+)", line):
                assert (sources / name).exists(), f"{page}: there is no {name}"
        for name in re.findall(r"`(?:sudo )?(deploy/[a-z/]+)[ `]", text):
            assert (sources / name).exists(), f"{page}: there is no {name}"
    assert count >= 12, count
    return count


def ten_minutes(program, sources):
    text = section((sources / "README.md").read_text(), "Ten minutes")
    folder = workplace(program)
    elsewhere = lambda words: words.replace("/etc/countersign", f"{folder}/etc").replace("/var/lib/countersign", f"{folder}/var")
    (folder / "etc").mkdir()
    (folder / "var").mkdir()
    (block,) = re.findall(r"```yaml\n(.*?)```", text, re.S)
    (folder / "etc/countersign.yaml").write_text(elsewhere(block))
    # What the service's account needs for it: tokens that it can read, and polkit's word for the unit that it restarts.
    lines = list(code_lines(text))
    for token in re.findall(r"token: \{file: (\S+)\}", block):
        assert f"sudo install -m 640 -g countersign /dev/stdin {token}" in lines, token
    (unit,) = re.findall(r"run: \[systemctl, restart, (\S+)\]", block)
    (rule,) = re.findall(r"(deploy/\S+\.rules) /etc/polkit-1/rules\.d/", text)
    assert f'"{unit}"' in (sources / rule).read_text() and f"`{unit}`" in text, unit
    assert any("systemd-sysusers" in line and "systemd-tmpfiles" in line for line in lines)
    ran = []
    for line in lines:
        if line.startswith("countersign ") and line.split()[1] in ("keygen", "ledger", "check", "explain"):
            run(elsewhere(line), folder, program)
            ran.append(line.split()[1])
    assert ran == ["keygen", "ledger", "check", "explain"], ran


def audit(program, sources, ledger, pin):
    folder = workplace(program)
    run(f"git clone -q --bare '{ledger}' ledger.git", folder, program)
    lines = [line for line in code_lines(section((sources / "README.md").read_text(), "What an auditor does"))]
    assert lines[0].startswith("git clone ledger.git audit"), lines
    run(lines[0], folder, program)
    for line in lines[1:]:
        words = line.replace("SHA256:…", pin)
        # "prints nothing": grep that finds nothing says so.
        out = run("cd audit && " + words, folder, program, code=1 if "grep -v" in line else 0)
        if "grep -v" in line:
            assert not out, out
        if "ssh-keygen" in line:
            assert pin in out, out
    assert sum(line.startswith("countersign ") for line in lines) >= 5
    return len(lines)


def main(program, sources, *ledger):
    sources = pathlib.Path(sources)
    if ledger:
        print(audit(program, sources, *ledger), "lines of the auditor's ran")
        return
    print(read_pages(program, sources), "commands are as their --help says")
    ten_minutes(program, sources)


if __name__ == "__main__":
    main(*sys.argv[1:])
