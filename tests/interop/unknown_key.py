#!/usr/bin/python3
"""Makes a well-formed setup key that its coordinator never made: unknown_key.py KEY.

Same coordinator, another id and seed, right checksum. TRANSCRIPTS.md, "Setup key"."""
import base64
import hashlib
import os
import struct
import sys

text = sys.argv[1].strip()[len("mesh-"):].upper()
raw = base64.b32decode(text + "=" * (-len(text) % 8))
host_len = raw[3]
head = raw[:4 + host_len + 32]
body = head + os.urandom(8) + os.urandom(32)
transcript = b"mesh/v1/setup-key\0" + struct.pack(">I", len(body)) + body
check = hashlib.blake2b(transcript, digest_size=32).digest()[:4]
print("mesh-" + base64.b32encode(body + check).decode().lower().rstrip("="))
