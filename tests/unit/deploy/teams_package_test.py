#!/usr/bin/env python3
"""teams_package_test.py DEPLOY/TEAMS: what package.py makes is what Teams takes: learn.microsoft.com, app manifest schema
1.19 and the guidelines for icons."""
import json, pathlib, struct, subprocess, sys, tempfile, zipfile, zlib

APP = "C0047E00-0000-4000-8000-00000000000B"


def package(script, folder, *words):
    out = pathlib.Path(folder) / "app.zip"
    done = subprocess.run([sys.executable, "-B", str(script), "--out", str(out), *words], capture_output=True, text=True)
    return done, out


def pixels(data):
    """Width, height and the RGBA bytes of a PNG with the filter type none in every row."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, found = 8, {}
    while at < len(data):
        length, name = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length:at + 12 + length])[0] == zlib.crc32(name + body)
        found[name] = found.get(name, b"") + body
        at += 12 + length
    width, height, depth, kind = struct.unpack(">IIBB", found[b"IHDR"][:10])
    assert (depth, kind) == (8, 6)
    rows = zlib.decompress(found[b"IDAT"])
    assert len(rows) == height * (1 + 4 * width) and not any(rows[i] for i in range(0, len(rows), 1 + 4 * width))
    return width, height, b"".join(rows[i + 1:i + 1 + 4 * width] for i in range(0, len(rows), 1 + 4 * width))


def main(deploy):
    script = pathlib.Path(deploy) / "package.py"
    with tempfile.TemporaryDirectory() as folder:
        done, out = package(script, folder, "--app-id", APP, "--developer", "Ops \"X\"", "--website", "https://ops.example")
        assert done.returncode == 0, done.stderr
        first = out.read_bytes()
        package(script, folder, "--app-id", APP, "--developer", "Ops \"X\"", "--website", "https://ops.example")
        assert out.read_bytes() == first
        with zipfile.ZipFile(out) as made:
            assert sorted(made.namelist()) == ["color.png", "manifest.json", "outline.png"]
            assert made.testzip() is None
            files = {name: made.read(name) for name in made.namelist()}
        manifest = json.loads(files["manifest.json"])
        assert b"APP_ID" not in files["manifest.json"] and b"WEBSITE" not in files["manifest.json"]
        assert manifest["id"] == manifest["bots"][0]["botId"] == APP.lower()
        assert manifest["developer"]["name"] == "Ops \"X\"" and manifest["developer"]["privacyUrl"] == "https://ops.example"
        assert len(manifest["name"]["short"]) <= 30 and len(manifest["name"]["full"]) <= 100
        assert len(manifest["description"]["short"]) <= 80 and len(manifest["description"]["full"]) <= 4000
        for commands in manifest["bots"][0]["commandLists"]:
            assert len(commands["commands"]) <= 10
            for command in commands["commands"]:
                assert len(command["title"]) <= 32 and len(command["description"]) <= 128
        width, height, color = pixels(files["color.png"])
        assert (width, height) == (192, 192) and set(color[3::4]) == {255}
        assert len(set(zip(color[0::4], color[1::4], color[2::4]))) == 2
        width, height, outline = pixels(files["outline.png"])
        assert (width, height) == (32, 32)
        shown = {outline[i:i + 4] for i in range(0, len(outline), 4)}
        assert shown == {b"\xff\xff\xff\xff", b"\0\0\0\0"}  # white, or nothing
        for words in ((), ("--app-id", "nonsense"), ("--app-id", APP, "--website", "http://ops.example"),
                      ("--app-id", APP, "--developer", "x" * 33)):
            done, _ = package(script, folder, *words)
            assert done.returncode == 2 and done.stderr, words
    print("ok")


if __name__ == "__main__":
    main(sys.argv[1])
