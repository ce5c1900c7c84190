#!/usr/bin/env python3
"""package.py --app-id GUID --out FILE.zip [--developer NAME] [--website URL]

Makes the app package that an administrator uploads to Teams: manifest.json filled in, and two icons drawn here. The same
words give the same bytes. The standard library alone is used."""
import argparse, json, pathlib, re, struct, sys, zipfile, zlib

BLUE, WHITE, CLEAR = (0x1D, 0x35, 0x57, 255), (255, 255, 255, 255), (0, 0, 0, 0)
# A tick in a square of 32: the corners of its stroke.
TICK = [(8.0, 16.5), (13.5, 22.0), (24.0, 10.5)]


def png(size, pixel):
    """An RGBA image; `pixel(x, y)` is asked for the middle of each pixel in a square of 32."""
    rows = b"".join(b"\0" + b"".join(bytes(pixel((x + 0.5) * 32 / size, (y + 0.5) * 32 / size)) for x in range(size))
                    for y in range(size))
    chunk = lambda name, data: struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def near(x, y, a, b, reach):
    """Whether the point is at most `reach` away from the stroke from a to b."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    along = max(0.0, min(1.0, ((x - a[0]) * dx + (y - a[1]) * dy) / (dx * dx + dy * dy)))
    return (x - a[0] - along * dx) ** 2 + (y - a[1] - along * dy) ** 2 <= reach * reach


def tick(x, y, reach):
    return any(near(x, y, a, b, reach) for a, b in zip(TICK, TICK[1:]))


def color(x, y):  # full colour, no transparency: Teams rounds the corners itself
    return WHITE if tick(x, y, 2.0) else BLUE


def outline(x, y):  # white on nothing
    frame = min(x, y, 32 - x, 32 - y)
    return WHITE if tick(x, y, 1.5) or 2.0 <= frame <= 4.0 else CLEAR


def manifest(app_id, developer, website):
    text = (pathlib.Path(__file__).parent / "manifest.json").read_text(encoding="utf-8")
    for word, value in (("APP_ID", app_id), ("DEVELOPER", developer), ("WEBSITE", website)):
        text = text.replace(f'"{word}"', json.dumps(value))
    return text.encode()


def main(words):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--app-id", required=True, help="application (client) id of the bot's registration")
    parser.add_argument("--out", required=True, help="the package to write")
    parser.add_argument("--developer", default="Operations", help="who runs it, as Teams shows it (at most 32 characters)")
    parser.add_argument("--website", default="https://example.org", help="https address about it, for your people")
    given = parser.parse_args(words)
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", given.app_id):
        parser.error(f"--app-id is no GUID: {given.app_id!r}. It stands on the overview of the app registration.")
    if not given.website.startswith("https://") or not 0 < len(given.developer) <= 32:
        parser.error("--website must be an https address and --developer 1 to 32 characters")
    files = {"manifest.json": manifest(given.app_id.lower(), given.developer, given.website),
             "color.png": png(192, color), "outline.png": png(32, outline)}
    with zipfile.ZipFile(given.out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in files.items():
            package.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
    print(f"{given.out}: upload it in the Teams admin centre, Manage apps.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
