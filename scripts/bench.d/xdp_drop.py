"""An XDP program at an interface that drops IPv4 but for one source. It stays as long as this process.

usage: xdp_drop.py INTERFACE SOURCE; prints "ready"
"""
import ctypes
import os
import socket
import struct
import sys
import time

SYS_BPF = {"x86_64": 321, "aarch64": 280}
BPF_PROG_LOAD, BPF_LINK_CREATE = 5, 28
BPF_PROG_TYPE_XDP, BPF_XDP = 6, 37  # bpf_prog_type, bpf_attach_type
XDP_DROP, XDP_PASS = 1, 2
IPV4 = socket.htons(0x0800)


def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, max(len(attributes), 128))
    found = ctypes.CDLL(None, use_errno=True).syscall(SYS_BPF[os.uname().machine], command, buffer, len(buffer))
    if found < 0:
        sys.exit(f"bpf({command}): {os.strerror(ctypes.get_errno())}")
    return found


def instruction(code, to=0, source=0, offset=0, value=0):
    return struct.pack("<BBhi", code, to | source << 4, offset, value)


def program(source):
    address = struct.unpack("<i", socket.inet_aton(source))[0]
    return b"".join((
        instruction(0x61, 2, 1, 0),              # r2 = context->data
        instruction(0x61, 3, 1, 4),              # r3 = context->data_end
        instruction(0xbf, 4, 2),                 # r4 = r2
        instruction(0x07, 4, value=34),          # r4 += Ethernet and IPv4 headers
        instruction(0x2d, 4, 3, 4),              # if r4 > r3: pass
        instruction(0x69, 5, 2, 12),             # r5 = EtherType
        instruction(0x55, 5, 0, 2, IPV4),        # if it is another (ARP): pass
        instruction(0x61, 5, 2, 26),             # r5 = source address
        instruction(0x56, 5, 0, 2, address),     # if it is another: drop
        instruction(0xb7, 0, value=XDP_PASS),
        instruction(0x95),
        instruction(0xb7, 0, value=XDP_DROP),
        instruction(0x95)))


def main():
    code = ctypes.create_string_buffer(program(sys.argv[2]))
    license_text = ctypes.create_string_buffer(b"Apache-2.0")
    loaded = bpf(BPF_PROG_LOAD, struct.pack("<IIQQ", BPF_PROG_TYPE_XDP, len(code) // 8, ctypes.addressof(code), ctypes.addressof(license_text)))
    link = bpf(BPF_LINK_CREATE, struct.pack("<IIII", loaded, socket.if_nametoindex(sys.argv[1]), BPF_XDP, 0))
    print("ready", flush=True)
    while link >= 0:
        time.sleep(3600)


if __name__ == "__main__":
    main()
