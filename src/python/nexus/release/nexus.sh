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

if ! [ -f "$folder/nexus.pex" ]; then
  echo "error: $folder/nexus.pex: is not there; keep this file in the release's folder" \
    "and link to it (ln -s)" >&2
  exit 21
fi
# It begins with a text for the shell, and is started so also where it may not be executed.
exec /bin/sh "$folder/nexus.pex" "$@"
