#!/usr/bin/env python3
"""pam_ask.py FOLDER SERVICE LOGIN: pam_acct_mgmt(3) of the real libpam, by the file FOLDER/SERVICE, for LOGIN as the one who
asks. 0: let in; 1: not; 77: no libpam here that takes a folder."""
import ctypes, ctypes.util, sys


def main(folder, service, login):
    try:
        pam = ctypes.CDLL(ctypes.util.find_library("pam") or "libpam.so.0")
        start = pam.pam_start_confdir  # Linux-PAM 1.4 and later
    except (OSError, AttributeError):
        print("SKIPPED: pam_exec: no libpam with pam_start_confdir", file=sys.stderr)
        return 77
    handle = ctypes.c_void_p()

    class Conversation(ctypes.Structure):
        _fields_ = [("talk", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)),
                    ("data", ctypes.c_void_p)]

    conversation = Conversation(Conversation._fields_[0][1](lambda *_: 19), None)  # PAM_CONV_ERR: nobody to talk to
    if start(service.encode(), b"root", ctypes.byref(conversation), folder.encode(), ctypes.byref(handle)) != 0:
        return 3
    pam.pam_set_item(handle, 8, login.encode())  # PAM_RUSER, as sudo sets it
    code = pam.pam_acct_mgmt(handle, 0)
    pam.pam_end(handle, code)
    print("pam says", code)
    return 0 if code == 0 else 1


sys.exit(main(*sys.argv[1:]))
