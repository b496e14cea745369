#!/usr/bin/env python3
"""Makes a key pair that signs packages of the server (docs/operations.md).

    tools/package_key.py make FILE      # writes the secret key (PEM, mode 0600) and prints the public one
    tools/package_key.py show FILE      # prints the public key again

The public key, base64 of its 32 bytes, is what `--trusted-package-keys` takes.
"""
import argparse
import base64
import os
import pathlib
import subprocess
import sys

PUBLIC_BYTES = 32  # the end of the DER form


def openssl(*arguments, data=None):
    answer = subprocess.run(["openssl", *map(str, arguments)], input=data, capture_output=True)
    if answer.returncode != 0:
        sys.exit(f"openssl {arguments[0]}: {answer.stderr.decode(errors='replace').strip()}")
    return answer.stdout


def make_key(file):
    """A new secret key in FILE, which must not exist yet."""
    secret = openssl("genpkey", "-algorithm", "ed25519")
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(secret)
    return public_key(file)


def public_key(file):
    der = openssl("pkey", "-in", file, "-pubout", "-outform", "DER")
    return base64.b64encode(der[-PUBLIC_BYTES:]).decode()


def sign(file, message, folder):
    """The signature of `message`, base64. OpenSSL reads it from a file in FOLDER: it must know its size."""
    content = pathlib.Path(folder) / "message"
    content.write_bytes(message)
    signature = openssl("pkeyutl", "-sign", "-rawin", "-inkey", file, "-in", content)
    return base64.b64encode(signature).decode()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["make", "show"])
    parser.add_argument("file", type=pathlib.Path)
    options = parser.parse_args()
    try:
        print(make_key(options.file) if options.what == "make" else public_key(options.file))
    except FileExistsError:
        sys.exit(f"{options.file} is there already")


if __name__ == "__main__":
    main()
