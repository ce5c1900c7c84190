#!/usr/bin/env python3
"""recipe_script.py FILE: the shell of the one step or job that a pipeline's recipe has, and its variables' names first, a line
each, then an empty line. 77: no YAML for Python here."""
import sys

try:
    import yaml
except ImportError:
    print("SKIPPED: the recipes of deploy/ci: Python has no yaml (package python3-yaml)", file=sys.stderr)
    sys.exit(77)

data = yaml.safe_load(open(sys.argv[1]))
if "jobs" in data:  # GitHub: what others wrote may come in by env alone, so no expression stands in the script
    (job,) = data["jobs"].values()
    (step,) = job["steps"]
    script, variables = step["run"], step["env"]
    assert "${{" not in script and data["permissions"] == {} and job["timeout-minutes"] == 60 and step["shell"] == "bash"
else:
    job = data["approve"]
    (script,) = job["script"]
    variables = {**job["variables"], "COUNTERSIGN_TOKEN": "", "COUNTERSIGN_URL": ""}
    assert job["timeout"] == "1 hour" and job["interruptible"] is False
assert "COUNTERSIGN_TOKEN" not in script  # by the environment alone: never on a command line
print("\n".join(variables), script, sep="\n\n")
