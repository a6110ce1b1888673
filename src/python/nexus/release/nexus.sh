#!/bin/sh
# Starts nexus.pex, which lies beside this file, out of reach of what the environment says to
# other programs.
#
# A PEX acts on every PEX_* variable and on the files `pexrc`, and its interpreter on every PYTHON*
# variable, before the first line of ours runs: a PEX_PATH or PYTHONHOME of another program ends it
# with a traceback, a PEX_MODULE starts something else.  So none of them gets through.
#
#     NEXUS_UNPACK_TO     where the program is unpacked at its first start; unset: ~/.cache/pex

# For tools of the host, also where PATH leads to a Python and nothing else.
tools=/usr/bin:/bin${PATH:+:$PATH}

program=$0
if [ -h "$program" ]; then
  program=$(PATH=$tools && readlink -f -- "$program")
fi
case $program in
  */*) folder=${program%/*} ;;
  *) folder=. ;;
esac

# By their first letters, since each release of pex and of Python has some more.
for name in $(
  PATH=$tools
  env | LC_ALL=C sed -n \
    -e 's/^\(_*PEX[A-Za-z0-9_]*\)=.*/\1/p' \
    -e 's/^\(_*PYTHON[A-Za-z0-9_]*\)=.*/\1/p'
); do
  unset "$name"
done
PEX_IGNORE_RCFILES=1
export PEX_IGNORE_RCFILES
if [ -n "${NEXUS_UNPACK_TO-}" ]; then
  PEX_ROOT=$NEXUS_UNPACK_TO
  export PEX_ROOT
fi

if ! [ -f "$folder/nexus.pex" ]; then
  echo "error: $folder/nexus.pex: is not there; keep this file in the release's folder" \
    "and link to it (ln -s)" >&2
  exit 21
fi
for python in python3 python3.14 python3.13 python3.12 python3.11; do
  if command -v "$python" >/dev/null; then
    exec "$python" -I "$folder/nexus.pex" "$@"
  fi
done
echo "error: python3 is not in PATH; nexus needs CPython 3.11 to 3.14" >&2
exit 21
