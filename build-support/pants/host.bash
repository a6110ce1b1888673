# Sourced by `pants`: what of the host reaches Pants, and what of the host Pants needs.
#
# A result must not depend on the host's locale, on its Python variables or on its configuration of
# pip.  How the network is reached does come from the host: certificates and proxies.

say() { printf 'pants: %s\n' "$*" >&2; }

# refuse EXIT LINE: 20 is a setting that cannot be meant, 21 is a host that lacks something.
refuse() {
  local status=$1
  shift
  say "$*"
  exit "$status"
}

clean_environment() {
  local name
  # Pants's own interpreter and its daemon would run a sitecustomize of these paths.
  for name in ${!PYTHON@}; do
    case $name in PYTHONUNBUFFERED) ;; *) unset "$name" ;; esac
  done
  # Nor may settings of another PEX reach the one that is made here.
  for name in ${!PEX_@}; do unset "$name"; done
  export PEX_IGNORE_RCFILES=true
  # One locale for all: messages of tools, and the order in which they sort, are inputs.
  for name in ${!LC_@}; do unset "$name"; done
  unset LANGUAGE
  export LANG=C.UTF-8 LC_ALL=C.UTF-8
}

# build_root: the folder that Pants will take for the repository.
build_root() {
  local folder
  folder=$(pwd -P)
  while [[ ! -e $folder/pants.toml && -n $folder ]]; do folder=${folder%/*}; done
  printf '%s\n' "${folder:-$(pwd -P)}"
}

# check_writable FOLDER WHY REMEDY: it, or the nearest folder above that exists, can be written.
check_writable() {
  local folder=$1
  while [[ ! -e $folder && ! -L $folder && -n $folder ]]; do folder=${folder%/*}; done
  folder=${folder:-/}
  if [[ ! -d $folder || ! -w $folder || ! -x $folder ]]; then
    refuse 21 "$folder is not a folder that $(id -un 2>/dev/null || id -u) can write; $2; $3"
  fi
}

check_folders() {
  local repository name
  repository=$(build_root)
  for name in '' /.pids /.pants.d /dist; do
    check_writable "$repository$name" "Pants keeps .pids, .pants.d and dist in the checkout" \
      "copy the checkout to a folder of yours"
  done
  for name in '' /lmdb_store /named_caches; do
    check_writable "$store$name" "Pants keeps its store there" \
      "set XDG_CACHE_HOME to a folder of yours"
  done
}

# Pants opens hundreds of files at once, and warns below the second number.
FILES_MIN=1024
FILES_WANTED=10000

raise_file_limit() {
  local hard soft
  hard=$(ulimit -Hn)
  soft=$(ulimit -Sn)
  if [[ $soft != unlimited ]] && ((soft < FILES_WANTED)); then
    if [[ $hard == unlimited ]] || ((hard > FILES_WANTED)); then soft=$FILES_WANTED; else soft=$hard; fi
    ulimit -Sn "$soft"
  fi
  if [[ $hard != unlimited ]] && ((hard < FILES_MIN)); then
    refuse 21 "only $hard files may be open at once (ulimit -Hn), Pants needs $FILES_MIN;" \
      "raise the limit in /etc/security/limits.conf or in the container's settings"
  fi
}

# find_network: sets certificates (a file), certificate_folder, and exports the proxies.
find_network() {
  local answer proxy name
  answer=$("$python" -I "$support/network.py")
  certificates=${PIP_CERT:-${SSL_CERT_FILE:-${REQUESTS_CA_BUNDLE:-${CURL_CA_BUNDLE:-${answer%%$'\n'*}}}}}
  certificate_folder=${SSL_CERT_DIR:-}
  if [[ -n $certificates && ! -e $certificates ]]; then
    refuse 20 "$certificates, which the environment or pip's configuration names as certificates," \
      "does not exist"
  fi
  if [[ -d $certificates ]]; then
    certificate_folder=$certificates
    certificates=
  fi
  for name in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt \
    /etc/ssl/ca-bundle.pem /etc/ssl/cert.pem; do
    if [[ -z $certificates && -e $name ]]; then certificates=$name; fi
  done
  proxy=${PIP_PROXY:-}
  if [[ -z $proxy && $answer == *$'\n'* ]]; then proxy=${answer#*$'\n'}; fi
  if [[ -n $proxy ]]; then
    export http_proxy=${http_proxy:-$proxy} https_proxy=${https_proxy:-${HTTPS_PROXY:-$proxy}}
  fi
  for name in ${!PIP_@}; do unset "$name"; done
  # pip reads machine-wide files even where it is told to be isolated; of this name it reads none.
  export PIP_CONFIG_FILE=/dev/null
  export_certificates "$certificates" "$certificate_folder"
}

# export_certificates FILE FOLDER: the variables that OpenSSL and pip look at.
export_certificates() {
  unset CURL_CA_BUNDLE SSL_CERT_FILE REQUESTS_CA_BUNDLE SSL_CERT_DIR
  if [[ -n $2 ]]; then export SSL_CERT_DIR=$2 REQUESTS_CA_BUNDLE=$2; fi
  if [[ -n $1 ]]; then export SSL_CERT_FILE=$1 REQUESTS_CA_BUNDLE=$1; fi
}

# fix_certificates: names them by paths in the cache, which are the same on every machine that has
# the same cache; what they lead to is not part of a result, but their path is part of every key.
fix_certificates() {
  local file=$cache/certificates.pem folder=$cache/certificates.d
  if [[ -z $certificates && -z $certificate_folder ]]; then
    certificates=$(compgen -G "$venv/lib/python*/site-packages/pip/_vendor/certifi/cacert.pem" || true)
  fi
  if link "${certificates:-/nonexistent}" "$file" && link "${certificate_folder:-/etc/ssl/certs}" "$folder"; then
    export_certificates "$file" "$folder"
    if [[ -z $certificates ]]; then export REQUESTS_CA_BUNDLE=$folder; fi
  fi
}

# link TARGET NAME: makes it so, unless it is so.  A launcher inside of a launcher is given the name.
link() {
  if [[ $1 == "$2" || $(readlink "$2") == "$1" ]]; then return; fi
  ln -sfn "$1" "$2" 2>/dev/null
}

# plain_path FOLDER: prints a name for it that can stand in an address.  Pants opens the path of a
# `file:` address as it is written there, so nothing can be escaped.
plain_path() {
  local plain
  if [[ $1 != *[!A-Za-z0-9/._~+@=,-]* ]]; then
    printf '%s\n' "$1"
    return
  fi
  plain=/tmp/nexus-pants-$(id -u)
  mkdir -m 700 "$plain" 2>/dev/null || true
  if [[ ! -d $plain || -L $plain || ! -O $plain ]]; then
    refuse 21 "$1 has a character that cannot stand in an address, and $plain, where a link to it" \
      "would be, is not a folder of $(id -un 2>/dev/null || id -u); set NEXUS_PANTS_CACHE"
  fi
  plain=$plain/$(printf '%s' "$1" | cksum | cut -d ' ' -f 1)
  link "$1" "$plain"
  printf '%s\n' "$plain"
}
