#!/usr/bin/env bash
# Installs the servers and clients that nobody here wrote, which the peer tests talk to, into TARGET_DIR:
# a Python environment (asyncua, pymodbus, pyserial) and a node_modules folder (node-opcua). Says what is missing of the
# system's own packages (libmodbus-dev, socat).
# Does nothing where they are in place. It starts no server and writes nothing outside TARGET_DIR.
#
#   equipment-drivers/tests/peers/install.sh TARGET_DIR
#   export MES_PEER_PYTHON=TARGET_DIR/python/bin/python MES_PEER_NODE=TARGET_DIR
#   cargo test -p equipment-drivers --test it -- --ignored peer
set -euo pipefail
[ $# = 1 ] || { echo "usage: $0 TARGET_DIR" >&2; exit 2; }
mkdir -p "$1"
target="$(cd "$1" && pwd)"
asyncua=2.1.0 pymodbus=3.16.1 pyserial=3.5 node_opcua=2.182.2

python="$target/python/bin/python"
if ! "$python" - "$asyncua" "$pymodbus" "$pyserial" 2>/dev/null <<'PYTHON'
import sys
from importlib.metadata import version
sys.exit([version(name) for name in ("asyncua", "pymodbus", "pyserial")] != sys.argv[1:])
PYTHON
then
  python3 -m venv "$target/python"
  "$python" -m pip install --quiet --disable-pip-version-check \
    "asyncua==$asyncua" "pymodbus==$pymodbus" "pyserial==$pyserial"
fi

installed="$(node -p "require('$target/node_modules/node-opcua/package.json').version" 2>/dev/null || true)"
if [ "$installed" != "$node_opcua" ]; then
  npm install --prefix "$target" --no-save --no-audit --no-fund --ignore-scripts --loglevel=error \
    "node-opcua@$node_opcua"
fi
# libmodbus and socat come from the system: apt-get install libmodbus-dev socat
echo '#include <modbus/modbus.h>' | cc -fsyntax-only -x c - 2>/dev/null || echo "missing: libmodbus-dev" >&2
command -v socat >/dev/null || echo "missing: socat" >&2
echo "peers are in $target"
