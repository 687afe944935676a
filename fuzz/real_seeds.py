"""Makes seeds for one fuzz target from the real data beside the repository.

    real_seeds.py SHARED TARGET FOLDER

One file per header line, claims object or document. Targets without real data get an empty
folder. Nothing made here is committed.
"""

import json
import pathlib
import sys

LIMIT = 400  # files per target: enough shapes, and a quick start


def headers(shared):
    for entry in json.loads((shared / "reference/claims-challenges.json").read_text()):
        if entry["header"]:
            yield entry["header"].encode()
    for entry in json.loads((shared / "data/challenges/headers.json").read_text()):
        yield b"\0".join(line.encode() for line in entry["www_authenticate"])


def tokens(shared):
    for line in (shared / "data/tokens/claims.jsonl").read_text().splitlines():
        entry = json.loads(line)
        yield json.dumps(entry.get("claims", entry), separators=(",", ":")).encode()


def documents(shared):
    for path in sorted((shared / "data/policies").rglob("*.json")):
        if path.stat().st_size < 16_384:
            yield path.read_bytes()


def rules(shared):
    """Device filter rules, wherever they stand in a document."""

    def walk(node):
        if isinstance(node, dict):
            for name, value in node.items():
                if name.lower() == "rule" and isinstance(value, str):
                    yield value.encode()
                yield from walk(value)
        elif isinstance(node, list):
            for value in node:
                yield from walk(value)

    for path in sorted((shared / "data/policies").rglob("*.json")):
        try:
            yield from walk(json.loads(path.read_bytes()))
        except ValueError:
            continue


def updates(shared):
    for path in sorted((shared / "data/synced-policies").glob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            yield line


def tokens_of_events(shared):
    """Claims sets, as if they came from a transmitter of either spelling."""
    for path in sorted((shared / "vectors/shared-signals").glob("*.json")):
        claims = json.loads(path.read_text()).get("data")
        if isinstance(claims, dict) and "events" in claims:
            for profile in ("ssf-1.0", "legacy"):
                claims |= {"iss": f"https://{profile}.example", "aud": "https://rp.example"}
                yield json.dumps(claims, separators=(",", ":")).encode()


SOURCES = {
    "challenge_parse": headers,
    "claims": tokens,
    "documents": documents,
    "device_filter": rules,
    "synced": updates,
    "sets": tokens_of_events,
}


def main():
    shared, target, folder = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    seeds = sorted(set(SOURCES[target](shared))) if target in SOURCES else []
    step = max(1, len(seeds) // LIMIT)
    for number, seed in enumerate(seeds[::step]):
        (folder / f"{number:04}").write_bytes(seed)


if __name__ == "__main__":
    main()
