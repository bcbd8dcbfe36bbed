#!/usr/bin/python3
"""meshctl policy check / can, which need no coordinator: exit codes and findings that CI relies on.

03-policy.md, Commands."""
import json
import os
import subprocess
import sys
import tempfile

BUILD = os.environ.get("BUILD", "build")
MESHCTL = os.path.join(BUILD, "bin", "meshctl")
GOOD = """version: 1
groups:
  admins: [mamba]
  servers: [ubongo, "tag:server"]
allow:
  - { from: admins, to: servers, ports: [tcp/22, icmp] }
  - { from: "tag:server", to: mamba, ports: [tcp/8000-8099] }
"""
BAD = """version: 1
groups:
  admins: [mamba]
allow:
  - from: group:admin
    to: all
    ports: [tcp/22]
  - { from: admins, to: "group:serverz", ports: [tcp/22] }
"""
MISSPELT = """version: 1
allow:
  - { from: all, to: all, prots: [tcp/22] }
"""
failed = 0
count = 0


def meshctl(*words):
    return subprocess.run([MESHCTL, *words], capture_output=True, text=True, timeout=20, check=False)


def check(text, good, detail=""):
    global failed, count
    count += 1
    print(f"{'ok' if good else 'not ok'} {count} - {text}")
    if not good:
        failed += 1
        print(f"# {detail}")


def main():
    with tempfile.TemporaryDirectory() as directory:
        good, bad = os.path.join(directory, "good.yaml"), os.path.join(directory, "bad.yaml")
        with open(good, "w", encoding="utf-8") as file:
            file.write(GOOD)
        with open(bad, "w", encoding="utf-8") as file:
            file.write(BAD)

        run = meshctl("policy", "check", good)
        check("a good policy exits 0", run.returncode == 0, run)
        run = meshctl("policy", "check", bad)
        check("findings exit 1", run.returncode == 1, run)
        check("a finding names file, line and column", f"{bad}:5:11: " in run.stdout, run.stdout)
        check("it suggests the nearest name", "`admins`" in run.stdout, run.stdout)
        check("the next fault is found in the same run", f"{bad}:8:25: " in run.stdout, run.stdout)
        check("a caret points at it", "\n              ^" in run.stdout, run.stdout)
        run = meshctl("policy", "check", bad, "--json")
        found = json.loads(run.stdout)
        check("JSON has schema and findings",
              found["schema"] == 1 and not found["ok"] and found["findings"][0]["line"] == 5, run.stdout)
        run = meshctl("policy", "check", os.path.join(directory, "none.yaml"))
        check("an unreadable path exits 65", run.returncode == 65, run)
        misspelt = os.path.join(directory, "misspelt.yml")
        with open(misspelt, "w", encoding="utf-8") as file:
            file.write(MISSPELT)
        run = meshctl("policy", "check", misspelt)
        check("an unknown key is a finding with the nearest one",
              run.returncode == 1 and f"{misspelt}:3:27: " in run.stdout and "`ports`" in run.stdout, run.stdout)
        check("no path exits 64", meshctl("policy", "check").returncode == 64)
        run = meshctl("policy", "check", directory)
        check("a directory is one namespace: both files are read", run.returncode == 1 and bad in run.stdout, run)

        for words, code in [
            (("mamba", "ubongo", "tcp/22"), 0),
            (("mamba", "ubongo", "icmp"), 0),
            (("mamba", "tag:server", "tcp/22"), 0),
            (("mamba", "ubongo", "tcp/23"), 1),
            (("ubongo", "mamba", "tcp/22"), 1),
            (("tag:server", "mamba", "tcp/8042"), 0),
            (("tag:server", "mamba", "tcp/8100"), 1),
            (("stranger", "ubongo", "tcp/22"), 1),
            (("mamba", "mamba", "tcp/1"), 0),
            (("mamba", "ubongo", "tcp/22-23"), 64),
            (("mamba", "ubongo", "tcp/0"), 64),
            (("mamba", "ubongo", "carrier-pigeon"), 64),
            (("Mamba!", "ubongo", "tcp/22"), 64),
        ]:
            run = meshctl("policy", "can", *words, "--policy", good)
            check(f"can {' '.join(words)} exits {code}", run.returncode == code, run)
        run = meshctl("policy", "can", "mamba", "ubongo", "tcp/22", "--policy", good)
        check("an allowed answer names the rule's line", f"{good}:6" in run.stdout, run.stdout)
        check("a bad policy exits 65",
              meshctl("policy", "can", "a", "b", "tcp/22", "--policy", bad).returncode == 65)
        check("without --policy it says what is missing",
              "not built yet" in meshctl("policy", "can", "a", "b", "tcp/22").stderr)
    print(f"1..{count}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
