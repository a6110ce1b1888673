# Sourced by `pants`: which interpreters there are, and which one runs Pants.

# Upstream supports 3.9.  The wheel's native part uses the stable part of the interpreter's ABI, so
# newer ones work, too, up to 3.13: on 3.14 Pants ends when it is imported ("Cannot subclass
# ForwardRef").  Our own code needs one of the second list in any case.
RUN_PANTS=(3.9 3.10 3.11 3.12 3.13)
RUN_NEXUS=(3.11 3.12 3.13 3.14)
# In the lock for 3.9, psutil has no wheel for Linux on arm64.
if [[ $(uname -s)-$(uname -m) == Linux-aarch64 ]]; then RUN_PANTS=("${RUN_PANTS[@]:1}"); fi

# Those of the first list that are taken unasked, the best one first.
TAKEN=(3.9 3.11 3.12 3.13)

# The version that a tool of this host installs where there is none of these.
PREFERRED=3.13

NEEDS_PYTHON="needs CPython 3.11, 3.12 or 3.13 with venv; Debian, Ubuntu: apt-get install\
 python3-venv; Fedora: dnf install python3; macOS: brew install python@$PREFERRED; anywhere: uv python\
 install $PREFERRED; or name an interpreter in NEXUS_PANTS_PYTHON"

# Debian packages ensurepip and distutils apart; what lacks them cannot make a venv.
PROBE='
import sys
from importlib.util import find_spec
version = "%d.%d" % sys.version_info[:2]
parts = ["ensurepip"] + (["distutils.util"] if sys.version_info < (3, 12) else [])
missing = [part for part in parts if not find_spec(part.partition(".")[0]) or not find_spec(part)]
print(sys.implementation.name, version, *missing)
'

# probe INTERPRETER: prints "cpython 3.11" and what it lacks; nothing if it does not run, as a shim of
# pyenv may not.
probe() {
  if [[ -x $1 && ! -d $1 ]]; then "$1" -I -c "$PROBE" 2>/dev/null || true; fi
}

# candidates VERSION: prints where an interpreter of that version may be.
candidates() {
  local pyenv=${PYENV_ROOT:-${HOME:-/nonexistent}/.pyenv}
  local uv=${UV_PYTHON_INSTALL_DIR:-${XDG_DATA_HOME:-${HOME:-/nonexistent}/.local/share}/uv/python}
  printf '%s\n' "$pyenv/versions/$1".*/bin/"python$1"
  type -aP "python$1" python3 || true
  printf '%s\n' "$uv/cpython-$1".*/bin/"python$1"
}

# find_cpython VERSION...: prints the first interpreter that is one of them, and its version.
find_cpython() {
  local wanted candidate found
  for wanted in "$@"; do
    while read -r candidate; do
      found=$(probe "$candidate")
      if [[ $found == "cpython $wanted" ]]; then
        printf '%s\n%s\n' "$candidate" "$wanted"
        return
      fi
    done < <(candidates "$wanted")
  done
  return 1
}

# incomplete: prints a line for an interpreter that would do if all of it were installed.
incomplete() {
  local wanted candidate found
  for wanted in "${RUN_NEXUS[@]}"; do
    while read -r candidate; do
      found=$(probe "$candidate")
      if [[ $found == "cpython $wanted "* ]]; then
        printf '%s lacks %s; on Debian and Ubuntu: apt-get install python%s-venv\n' \
          "$candidate" "${found#"cpython $wanted "}" "$wanted"
        return
      fi
    done < <(candidates "$wanted")
  done
  return 1
}

# install_python: with a tool that is there for that.
install_python() {
  local command=()
  if command -v uv >/dev/null; then
    command=(uv python install "$PREFERRED")
  elif command -v pyenv >/dev/null; then
    command=(pyenv install --skip-existing "$PREFERRED")
  else
    refuse 21 "$NEEDS_PYTHON"
  fi
  say "installing CPython $PREFERRED with ${command[0]} (once)"
  "${command[@]}" >&2 || refuse 21 "'${command[*]}' failed; $NEEDS_PYTHON"
}

# named_interpreter: the one of NEXUS_PANTS_PYTHON; nothing else is tried.
named_interpreter() {
  local found known
  python=$NEXUS_PANTS_PYTHON
  found=$(probe "$python")
  for known in "${RUN_PANTS[@]}"; do
    if [[ $found == "cpython $known" ]]; then
      version=$known
      return
    fi
  done
  case $found in
    '') found="is not an interpreter that runs" ;;
    cpython\ *\ *) found="lacks ${found#cpython * }" ;;
    *) found="is $found" ;;
  esac
  refuse 20 "NEXUS_PANTS_PYTHON=$python $found; expected a CPython, one of ${RUN_PANTS[*]}, with venv"
}

# choose_interpreter: sets `python` and `version`, and makes sure that Pants finds one for our code.
choose_interpreter() {
  local found product lacking
  if [[ -n ${NEXUS_PANTS_PYTHON:-} ]]; then
    named_interpreter
    add_to_path "$python"
    found=$python$'\n'$version
  else
    found=$(find_cpython "${TAKEN[@]}") || found=
  fi
  product=$(find_cpython "${RUN_NEXUS[@]}") || product=
  if [[ -z $found || -z $product ]]; then
    if lacking=$(incomplete); then refuse 21 "$lacking"; fi
    install_python
    found=${found:-$(find_cpython "${TAKEN[@]}" || true)}
    product=${product:-$(find_cpython "${RUN_NEXUS[@]}" || true)}
    if [[ -z $found || -z $product ]]; then refuse 21 "$NEEDS_PYTHON"; fi
  fi
  python=${found%%$'\n'*}
  version=${found#*$'\n'}
  add_to_path "${product%%$'\n'*}"
}

# add_to_path INTERPRETER: Pants looks for the interpreters of tests on PATH and in pyenv, and this
# one may be in neither.
add_to_path() {
  local folder=${1%/*}
  case $folder: in
    "${PYENV_ROOT:-${HOME:-/nonexistent}/.pyenv}"/versions/*) ;;
    *) if [[ :$PATH: != *:"$folder":* ]]; then export PATH=$PATH:$folder; fi ;;
  esac
}

# tell_plugin_tests: tests of plugins run on what Pants runs on.  Where no installer accepts Pants's
# wheel they are given the packages that the launcher installed.
tell_plugin_tests() {
  unset NEXUS_PLUGIN_PYTHON NEXUS_PLUGIN_PACKAGES
  if [[ $version == 3.9 ]]; then return; fi
  say "running Pants $PANTS_VERSION on CPython $version, outside the range upstream declares"
  export NEXUS_PLUGIN_PYTHON=$version
  export NEXUS_PLUGIN_PACKAGES=$venv/lib/python$version/site-packages
  # Pants looks for these in a lock, and would say of each test that it finds none.
  export PANTS_IGNORE_WARNINGS="+['Pants cannot infer owners for the following imports in the target pants-plugins/']"
}
