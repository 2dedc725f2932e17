# Sourced by the commands of this folder: finds Python 3.11 or 3.12 and keeps a virtual environment in the checkout.
# Sets PYTHON to the environment's interpreter. Everything it needs comes from the package index.
# TALLYSTICK_PYTHON=FILE makes the environment from that interpreter.

set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$ROOT"

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# A distribution's own Python comes first: it is built with profile-guided optimisation, which version managers leave
# out (docs/measurements.md has what it is worth). One that cannot make environments comes last.
find_python() { # prints the first interpreter that is one of the versions given
    local version candidate needed
    for needed in "import ensurepip" ""; do
        for version in "$@"; do
            for candidate in "/usr/bin/python$version" "python$version" python3 python "$HOME/.pyenv/versions/$version".*/bin/python; do
                if command -v "$candidate" >/dev/null 2>&1 &&
                    "$candidate" -c "$needed
import sys; raise SystemExit('%d.%d' % sys.version_info[:2] != '$version')" 2>/dev/null; then
                    command -v "$candidate"
                    return 0
                fi
            done
        done
    done
    return 1
}

prepare_environment() { # prepare_environment FOLDER VERSION…: makes the environment once per change of pyproject.toml
    local folder="$1" base stamp
    shift
    stamp="$(cksum <pyproject.toml) ${TALLYSTICK_PYTHON-}"
    if [ -x "$folder/bin/python" ] && [ "$(cat "$folder/.stamp" 2>/dev/null)" = "$stamp" ]; then
        return 0
    fi
    base="${TALLYSTICK_PYTHON-}"
    if [ -z "$base" ] || [ "$folder" != .venv ]; then
        base="$(find_python "$@")" || fail "Tallystick needs Python 3.11 or 3.12; none was found. Install one of them."
    fi
    printf 'Preparing %s with %s, %s (once)…\n' "$folder" "$("$base" --version)" "$base" >&2
    rm -rf "$folder"
    "$base" -m venv "$folder" || fail "python -m venv failed; on Debian and Ubuntu: apt-get install python3-venv"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --editable ".${TALLYSTICK_EXTRAS-[node,explorer,dev]}" >&2 ||
        fail "Installing the wheels failed; see the messages above."
    if [ -z "${TALLYSTICK_EXTRAS+set}" ]; then # a seal takes milliseconds with it, seconds without
        "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary blspy --editable '.[compact-native]' >&2 ||
            printf 'No wheel of blspy for this machine: seals are computed in pure Python.\n' >&2
    fi
    printf '%s' "$stamp" >"$folder/.stamp"
}

prepare_other_python() { # a small .venv-3.12 beside a .venv of 3.11, where 3.12 is found: results must not depend on it
    if ! "$PYTHON" -c 'import sys; raise SystemExit(sys.version_info[:2] != (3, 12))' && find_python 3.12 >/dev/null; then
        TALLYSTICK_EXTRAS='' prepare_environment .venv-3.12 3.12
    fi
}

prepare_environment .venv 3.11 3.12
PYTHON="$ROOT/.venv/bin/python"
export PATH="$ROOT/.venv/bin:$PATH"
