#!/usr/bin/python3
"""Enrols members that then stay away, so that a mesh has many: crowd.py HOST PORT FIRST LAST STUBS

They are named peer-FIRST to peer-LAST. The reusable setup key comes on standard input; STUBS is a
folder for what protoc makes. Called by the benchmarks."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../interop"))
import mesh_client  # noqa: E402


def main():
    host, port, first, last, folder = sys.argv[1:]
    key = sys.stdin.read().strip()
    stubs = mesh_client.load_stubs(folder)
    channel = mesh_client.tls_channel(host, int(port))
    for number in range(int(first), int(last) + 1):
        mesh_client.Member(stubs).enroll(channel, key, f"peer-{number}")
    channel.close()


main()
