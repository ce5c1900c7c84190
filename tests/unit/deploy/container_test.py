#!/usr/bin/env python3
"""container_test.py SOURCES [PROGRAM [SANITIZER]]: what can be said of deploy/container/Containerfile without a container engine. Its build
uses the packages of deploy/lib/packages.sh and the presets that deploy/test proves; its second stage has every library that PROGRAM is
linked with (but a SANITIZER's, of a build for tests), runs as nobody special, and holds no secret."""
import pathlib, re, shlex, subprocess, sys


def instructions(text):
    joined = re.sub(r"\\\n", " ", "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#")))
    for line in joined.splitlines():
        if line.strip():
            name, _, words = line.strip().partition(" ")
            yield name, re.sub(r"\s+", " ", words)


def installed(words):
    """The packages of an apt-get install."""
    part = words.split("--no-install-recommends", 1)[1].split("&&")[0]
    return set(part.split())


def main(sources, program=None, sanitizer=None):
    folder = pathlib.Path(sources) / "deploy"
    stages = []
    for name, words in instructions((folder / "container/Containerfile").read_text()):
        if name == "FROM":
            stages.append([])
        stages[-1].append((name, words))
    build, image = stages
    assert build[0] == ("FROM", "debian:12 AS build") and image[0] == ("FROM", "debian:12-slim")
    runs = [words for name, words in build if name == "RUN"]
    listed = subprocess.run(["bash", "-c", f"source {shlex.quote(str(folder))}/lib/packages.sh; printf '%s\\n' \"${{packages_build[@]%%=*}}\""],
                            capture_output=True, text=True, check=True).stdout.split()
    assert installed(runs[0]) == set(listed), installed(runs[0]) ^ set(listed)
    assert "cmake --preset release -DCOUNTERSIGN_TESTS=OFF" in runs[1] and "cmake --build --preset release" in runs[1]
    assert "DESTDIR=/image cmake --install build/release" in runs[1]
    by_name = {}
    for name, words in image:
        by_name.setdefault(name, []).append(words)
    assert "ENV" not in by_name and "ARG" not in by_name and "ADD" not in by_name
    user = by_name["USER"]
    assert user == ["64201:64201"] and [name for name, _ in image].index("USER") < [name for name, _ in image].index("ENTRYPOINT")
    assert by_name["VOLUME"] == ["/var/lib/countersign"] and by_name["HEALTHCHECK"][0].endswith('CMD ["/usr/libexec/countersign-health"]')
    assert by_name["ENTRYPOINT"] == ['["/usr/bin/countersign"]'] and by_name["STOPSIGNAL"] == ["SIGTERM"]
    assert (folder / "container/health").stat().st_mode & 0o111
    for words in by_name["COPY"]:
        source = words.split()[-2]
        assert source == "/image/usr" or (pathlib.Path(sources) / source).exists(), words
    if program:
        # Libraries that the program names itself; each must come from a package of the second stage.
        needed = re.findall(r"NEEDED\s+(\S+)", subprocess.run(["objdump", "-p", program], capture_output=True, text=True, check=True).stdout)
        packages = installed([words for words in by_name["RUN"] if "apt-get" in words][0])
        for library in needed:
            if re.match(r"lib(c|m|stdc\+\+|gcc_s|pthread)\.so|ld-linux", library):
                continue  # of every image
            if sanitizer and re.match(r"lib(asan|ubsan|tsan)\.so", library):
                continue
            found = subprocess.run(["bash", "-c", f"dpkg-query -S {shlex.quote('*/' + library)} | cut -d: -f1 | sort -u"], capture_output=True, text=True).stdout.split()
            assert not found or packages & set(found), f"{library} comes from {found}, which the image does not install"
    print("ok")


if __name__ == "__main__":
    main(*sys.argv[1:])
