#include "bot/process/program.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

#include "tests/unit/process/support.hpp"

using namespace process_test;
using process::open_program;

TEST_CASE("program: a bare name is found on the fixed path, whatever PATH says") {
  TempDir const dir;
  write_file(dir / "sh", "#!/bin/false\n");
  std::string const before = std::getenv("PATH");
  REQUIRE(::setenv("PATH", dir.str().c_str(), 1) == 0);
  auto const program = open("sh");
  REQUIRE(::setenv("PATH", before.c_str(), 1) == 0);
  CHECK((program.identity().path == "/usr/bin/sh" || program.identity().path == "/bin/sh"));
  CHECK(program.identity().sha256.size() == 64);
  CHECK_FALSE(program.identity().interpreter.has_value());
  CHECK_FALSE(program.writable_by_others());
}

TEST_CASE("program: the digest is the SHA-256 of the file") {
  TempDir const dir;
  write_file(dir / "p", "abc");  // FIPS 180-2, appendix B.1
  CHECK(open(dir / "p").identity().sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("program: what can't be run is refused with the reason") {
  TempDir const dir;
  write_file(dir / "plain", "data", 0644);
  write_file(dir / "relative", "#!bin/sh\n");
  write_file(dir / "nothing", "#!\n");
  write_file(dir / "long", "#!/" + std::string(400, 'x') + "\n");
  write_file(dir / "inner", "#!/bin/sh\n");
  write_file(dir / "outer", "#!" + (dir / "inner") + "\n");
  write_file(dir / "lost", "#!/nowhere/sh\n");
  REQUIRE(::mkfifo((dir / "fifo").c_str(), 0755) == 0);
  auto const number = [](std::string const& name) {
    auto const program = open_program(name);
    REQUIRE_FALSE(program.has_value());
    CHECK(program.error().text.back() == '.');
    return program.error().number;
  };
  CHECK(number(dir / "plain") == EACCES);
  CHECK(number(dir / "missing") == ENOENT);
  CHECK(number(dir / "fifo") == EACCES);
  CHECK(number(dir.str()) == EACCES);
  CHECK(number("no-such-program-anywhere") == ENOENT);
  CHECK(number("bin/sh") == EINVAL);
  CHECK(number("./sh") == EINVAL);
  CHECK(number("") == EINVAL);
  CHECK(number(std::string{"/bin/sh\0x", 9}) == EINVAL);
  CHECK(number(dir / "relative") == ENOEXEC);
  CHECK(number(dir / "nothing") == ENOEXEC);
  CHECK(number(dir / "long") == ENOEXEC);
  CHECK(number(dir / "outer") == ENOEXEC);
  CHECK(number(dir / "lost") == ENOENT);
}

TEST_CASE("program: a script's interpreter and its one argument are part of the identity") {
  TempDir const dir;
  write_file(dir / "s", "#! /bin/sh  -e -u \t\necho\n");
  auto const program = open(dir / "s");
  REQUIRE(program.identity().interpreter.has_value());
  CHECK(program.identity().interpreter->path == "/bin/sh");
  CHECK(program.identity().interpreter->argument == "-e -u");
  CHECK(program.identity().interpreter->sha256 == open("/bin/sh").identity().sha256);
}

TEST_CASE("program: a link runs what it points to under its own name") {
  TempDir const dir;
  std::filesystem::create_symlink("/bin/echo", dir / "link");
  auto const program = open(dir / "link");
  CHECK(program.identity().path == dir / "link");
  CHECK(program.identity().sha256 == open("/bin/echo").identity().sha256);
}

TEST_CASE("program: advice about files and folders that others may change") {
  TempDir const dir;
  std::filesystem::create_directory(dir / "in");
  write_file(dir / "in/p", "#!/bin/sh\n");
  CHECK_FALSE(open(dir / "in/p").writable_by_others());
  std::filesystem::create_symlink("in/p", dir / "link");
  REQUIRE(::chmod((dir / "in").c_str(), 0777) == 0);
  CHECK(open(dir / "in/p").writable_by_others());
  CHECK(open(dir / "link").writable_by_others());
  REQUIRE(::chmod((dir / "in").c_str(), 0755) == 0);
  REQUIRE(::chmod((dir / "in/p").c_str(), 0775) == 0);
  CHECK(open(dir / "in/p").writable_by_others());
}

TEST_CASE("T20 program: bytes changed in place after the look are noticed before the run") {
  TempDir const dir;
  write_file(dir / "s", "#!/bin/sh\necho old\n");
  auto const program = open(dir / "s");
  REQUIRE(program.check_unchanged().has_value());
  write_file(dir / "s", "#!/bin/sh\necho new\n");
  REQUIRE_FALSE(program.check_unchanged().has_value());
  process::Spec spec;
  spec.program = &program;
  auto const outcome = process::run(spec);
  REQUIRE_FALSE(outcome.has_value());
  CHECK(outcome.error().number == ETXTBSY);
}

TEST_CASE("T20 program: a swapped file or link changes nothing for what was opened, and shows on the next look") {
  TempDir const dir;
  auto const script = GENERATE(false, true);
  CAPTURE(script);
  if (script) {
    write_file(dir / "old", "#!/bin/sh\necho old bytes\n");
    write_file(dir / "new", "#!/bin/sh\necho new bytes\n");
  } else {
    std::filesystem::copy_file("/bin/echo", dir / "old");
    std::filesystem::copy_file("/bin/false", dir / "new");
  }
  std::filesystem::copy_file(dir / "old", dir / "target");
  std::filesystem::create_symlink("target", dir / "link");
  auto const by_file = open(dir / "target"), by_link = open(dir / "link");
  // Both ways to swap: another file under the name, another target under the link.
  std::filesystem::copy_file(dir / "new", dir / "next");
  REQUIRE(std::rename((dir / "next").c_str(), (dir / "target").c_str()) == 0);
  std::filesystem::create_symlink("new", dir / "next-link");
  REQUIRE(std::rename((dir / "next-link").c_str(), (dir / "link").c_str()) == 0);
  for (auto const* program : {&by_file, &by_link}) {
    process::Spec spec;
    spec.program = program;
    if (!script) spec.arguments = {"old", "bytes"};
    auto const outcome = process::run(spec);
    REQUIRE(outcome.has_value());
    CHECK(outcome->output == "old bytes\n");
  }
  CHECK_FALSE(open(dir / "target").identity() == by_file.identity());
  CHECK_FALSE(open(dir / "link").identity() == by_link.identity());
}
