#!/bin/sh
# Starts nexus.pex, which lies beside this file and keeps variables of other programs away.
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

if ! [ -f "$folder/nexus.pex" ]; then
  echo "error: $folder/nexus.pex: is not there; keep this file in the release's folder" \
    "and link to it (ln -s)" >&2
  exit 21
fi
# It begins with a text for the shell, and is started so also where it may not be executed.
exec /bin/sh "$folder/nexus.pex" "$@"
