// Empty: a precompiled header belongs to a target that has a file reading it, and catch_main.cpp is no such file.
