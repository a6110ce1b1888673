# Sourced by `pants`: Pants and its `pex` tool, from the package index, checked against the locks.

TOOL_VERSION=2.33.10
TOOL_SHA256=bb8020b36cb462d4a3ee3bba21c46650703439cc5398a2f951a2de1fd126c2d5
TOOL_SIZE=14404943

# pip_in VENV COMMAND ARGS...: pip of that venv, which takes what the locks name and nothing else.
# --isolated, because neither a file nor a variable of pip may change the result.
pip_in() {
  local venv=$1 command=$2
  shift 2
  local index=()
  if [[ -n ${NEXUS_PANTS_INDEX:-} ]]; then index=(--index-url "$NEXUS_PANTS_INDEX"); fi
  "$venv/bin/python" -I -m pip --isolated --disable-pip-version-check "$command" -q \
    --require-hashes --only-binary :all: ${index[@]+"${index[@]}"} "$@" >&2
}

# locked NAME LOCK: the entry of one distribution, cut out of a lock with its hashes.
locked() {
  awk -v name="$1==" 'index($0, name) == 1 {on = 1} on {print} on && !/\\$/ {exit}' "$support/$2"
}

# wheel_platform: the tag of Pants's wheel for this machine.
wheel_platform() {
  case $(uname -s)-$(uname -m) in
    Linux-*) printf 'manylinux2014_%s\n' "$(uname -m)" ;;
    Darwin-arm64) echo macosx_11_0_arm64 ;;
    Darwin-*) echo macosx_10_15_x86_64 ;;
  esac
}

make_venv() {
  # The caller says what it means, so that `set -e` ends nothing here.
  "$python" -I -m venv "$1" >&2 || return
  if [[ $version == 3.9 ]]; then
    pip_in "$1" install -r "$support/pants.lock.txt"
    return
  fi
  pip_in "$1" install -r "$support/pants-newer.lock.txt" || return
  # Their metadata declares 3.9 only; the second is for tests of plugins.
  locked pantsbuild-pants pants.lock.txt >"$1/pants.txt"
  locked pantsbuild-pants-testutil tools.lock.txt >>"$1/pants.txt"
  pip_in "$1" install --no-deps --ignore-requires-python --platform "$(wheel_platform)" \
    --python-version 3.9 --implementation cp --abi cp39 \
    --target "$1/lib/python$version/site-packages" -r "$1/pants.txt" || return
  cp "$support/nexus_pants_stdio.py" "$1/lib/python$version/site-packages/"
  echo 'import nexus_pants_stdio' >"$1/lib/python$version/site-packages/nexus_pants_stdio.pth"
}

# sha256: of standard input, in hexadecimal digits.
sha256() {
  if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1
}

# make_pex_tool VENV: the same bytes on every interpreter; file modes are part of them (umask).
make_pex_tool() {
  local scratch=$1/pex-scratch
  mkdir "$scratch"
  locked pex tools.lock.txt >"$scratch/pex.txt"
  pip_in "$1" download --no-deps -d "$scratch" -r "$scratch/pex.txt" || return
  "$1/bin/python" -I -m zipfile -e "$scratch"/pex-"$TOOL_VERSION"-*.whl "$scratch/pex"
  PEX_ROOT=$scratch/root PYTHONPATH=$scratch/pex "$1/bin/python" -m pex --no-pypi --no-build \
    --no-compile --no-compress --no-use-system-time --no-strip-pex-env \
    --python-shebang '/usr/bin/env python3' \
    -c pex -o "$1/pex-cli" "$scratch"/pex-"$TOOL_VERSION"-*.whl >&2
  if [[ $(sha256 <"$1/pex-cli") != "$TOOL_SHA256" ]]; then
    refuse 21 "the pex tool built from the locked wheel is not the one that is expected"
  fi
  rm -rf "$scratch"
}

# install_pants: into the cache, once; several launchers wait for each other.
install_pants() {
  check_writable "$cache" "Pants is to be installed there" \
    "set NEXUS_PANTS_CACHE or XDG_CACHE_HOME to a folder of yours"
  say "installing Pants $PANTS_VERSION for CPython $version into $venv (once)"
  mkdir -p "$cache"
  exec 9>"$cache/lock"
  if command -v flock >/dev/null; then flock 9; fi
  if [[ ! -e $venv/complete ]]; then
    rm -rf "$venv"
    make_venv "$venv" && make_pex_tool "$venv" || refuse 21 "Pants could not be installed;" \
      "if there is no way to PyPI, NEXUS_PANTS_INDEX names another index"
    touch "$venv/complete"
  fi
  exec 9>&-
}

# export_pex_tool: Pants takes it instead of the one it would download.
export_pex_tool() {
  local platform known=
  # The same file serves every platform: it is pure Python.
  for platform in linux_x86_64 linux_arm64 macos_x86_64 macos_arm64; do
    known+="'v$TOOL_VERSION|$platform|$TOOL_SHA256|$TOOL_SIZE',"
  done
  export PANTS_PEX_CLI_VERSION="v$TOOL_VERSION"
  export PANTS_PEX_CLI_URL_TEMPLATE="file://$(plain_path "$venv")/pex-cli"
  export PANTS_PEX_CLI_KNOWN_VERSIONS="[$known]"
}
