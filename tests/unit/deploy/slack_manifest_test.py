#!/usr/bin/env python3
"""slack_manifest_test.py DEPLOY/SLACK SOURCES: the app's manifest is one that Slack takes (docs.slack.dev, /reference/app-manifest), asks
for the scopes that the README's table and `countersign doctor` name, and offers the commands that there are."""
import json, pathlib, re, sys


def main(folder, sources):
    manifest = json.loads((pathlib.Path(folder) / "manifest.json").read_text())
    # The parser refuses unknown keys at the top.
    assert set(manifest) <= {"_metadata", "display_information", "features", "oauth_config", "settings"}
    about = manifest["display_information"]
    assert len(about["name"]) <= 35 and len(about["description"]) <= 140 and re.fullmatch(r"#[0-9a-f]{6}", about["background_color"])
    assert len(manifest["features"]["bot_user"]["display_name"]) <= 80
    for command in manifest["features"]["slash_commands"]:
        assert re.fullmatch(r"/[a-z]{1,31}", command["command"]) and len(command["description"]) <= 2000
        assert len(command["usage_hint"]) <= 1000 and "url" not in command  # Socket Mode
    assert manifest["settings"]["socket_mode_enabled"] is True and manifest["settings"]["interactivity"] == {"is_enabled": True}
    assert manifest["settings"]["token_rotation_enabled"] is False and manifest["settings"]["org_deploy_enabled"] is False
    scopes = manifest["oauth_config"]["scopes"]
    assert set(scopes) == {"bot"} and len(set(scopes["bot"])) == len(scopes["bot"])
    readme = (pathlib.Path(folder) / "README.md").read_text()
    table = set(re.findall(r"`([a-z]+:[a-z.]+|commands)`", readme[readme.index("| scope |"):readme.index("Test and production")]))
    assert set(scopes["bot"]) == table, set(scopes["bot"]) ^ table
    doctor = (pathlib.Path(sources) / "bot/cli/doctor_slack.cpp").read_text()
    asked = set(re.findall(r'"([a-z]+:[a-z.]+|commands)"', doctor))
    assert asked == table, f"the doctor asks for {sorted(asked)}, the manifest for {sorted(table)}"
    print("ok")


if __name__ == "__main__":
    main(*sys.argv[1:])
