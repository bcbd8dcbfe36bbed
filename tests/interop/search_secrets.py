#!/usr/bin/python3
"""Looks for secrets in what somebody was told; exits 1 and names them if one is there.

    search_secrets.py LOG [--keys FILE] [--setup-key FILE] [--word TEXT]...

--keys is the agent's key file: every 32 bytes of it count as a key. A setup key counts as its text
and as its seed. Bytes are looked for as they are (16 of them in a row are enough), in hexadecimal,
base64 and base32, at every alignment; words as they are, in any case. An empty or missing log is an
error (2): it would prove nothing."""
import argparse
import base64
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../proto/vectors"))
import mesh_crypto as mc  # noqa: E402

PIECE = 16


def spellings(secret):
    """(name, bytes) of each way in which SECRET may stand in a text."""
    yield "in hexadecimal", secret.hex().encode()
    for name, encode, group, digit in (("in base64", base64.b64encode, 3, 6),
                                       ("in base32", base64.b32encode, 5, 5)):
        for shift in range(group):
            text = encode(bytes(shift) + secret).rstrip(b"=")
            first = -(-8 * shift // digit)  # digits that hold bits of what is before the secret
            yield name, text[first:-1].lower()


def secrets(options):
    """(name, bytes) of each secret."""
    for path in options.keys:
        with open(path, "rb") as file:
            data = file.read()
        for i in range(len(data) - 31):
            yield f"bytes {i} to {i + 31} of {path}", data[i:i + 32]
    for path in options.setup_key:
        with open(path, encoding="ascii") as file:
            yield f"the seed of {path}", mc.SetupKey.parse(file.read()).seed


def words(options):
    for path in options.setup_key:
        with open(path, "rb") as file:
            yield f"the text of {path}", file.read().strip()
    for word in options.word:
        yield f"the word {word}", word.encode()


def find(log, options):
    lower = log.lower()
    for name, secret in secrets(options):
        for i in range(0, len(secret) - PIECE + 1):
            if secret[i:i + PIECE] in log:
                yield name
                break
        for spelling, text in spellings(secret):
            if text in lower:
                yield f"{name}, {spelling}"
    for name, word in words(options):
        if word.lower() in lower:
            yield name


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log")
    parser.add_argument("--keys", action="append", default=[])
    parser.add_argument("--setup-key", action="append", default=[])
    parser.add_argument("--word", action="append", default=[])
    options = parser.parse_args()
    try:
        with open(options.log, "rb") as file:
            log = file.read()
    except FileNotFoundError:
        log = b""
    if not log:
        print("nothing was logged")
        sys.exit(2)
    found = sorted(set(find(log, options)))
    print(f"{len(log)} bytes searched")
    for name in found:
        print("found", name)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
