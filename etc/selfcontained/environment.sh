#!/bin/sh
# Makes the environment of a self-contained mcpgate: Python's own venv, filled from the locked sets.
#
#   environment.sh PREFIX [DESTDIR]
#
# PREFIX is where it will be used, and DESTDIR where it is put together, as with `make install`; nothing in
# it names DESTDIR afterwards. For the packages, the RPM and the container alike. It is run in the source's
# top directory, and asks the package index unless PIP_NO_INDEX and PIP_FIND_LINKS say where the wheels are.
set -eu

prefix=$1
destdir=${2-}
to=$destdir$prefix
here=etc/selfcontained
locked=etc/constraints
python=${PYTHON-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PIP_ROOT_USER_ACTION=ignore
export PYTHONDONTWRITEBYTECODE=1
# Nothing is compiled, because what compiles also runs.
export PIP_ONLY_BINARY=:all:
unset PYTHONPATH

# The tools get an environment of their own, from a locked set of their own. Debian's Python has no
# ensurepip, and needs none: pip runs from its wheel.
"$python" -m venv --without-pip "$work/tools"
tools=$work/tools/bin/python
if [ -n "${PIP_FIND_LINKS-}" ]; then
  set -- "$PIP_FIND_LINKS"/pip-*.whl
  pip=$1/pip
else
  "$python" -m venv "$work/first"
  pip=$work/first/bin/pip
  "$pip" download -qq --no-deps --require-hashes -d "$work/pip" -r "$locked/build.txt"
  set -- "$work"/pip/pip-*.whl
  pip=$1/pip
fi
"$python" "$pip" --python "$tools" install -qq --require-hashes -r "$locked/build.txt"

# Our own wheel, built without a network: the tools are all that it needs.
mkdir "$work/source" "$work/wheel"
cp -R mcpgate twisted etc docs setup.cfg pyproject.toml MANIFEST.in README.md LICENSE "$work/source"
"$tools" -m pip wheel -qq --no-deps --no-build-isolation --no-index -w "$work/wheel" "$work/source"

mkdir -p "$to"
"$python" -m venv --without-pip "$to"
"$tools" -m pip --python "$to/bin/python" install -qq --require-hashes -r "$locked/selfcontained.txt"
"$tools" -m pip --python "$to/bin/python" install -qq --no-deps --no-index "$work"/wheel/mcpgate-*.whl
"$tools" -m pip --python "$to/bin/python" check

# Of the commands that came along, those that are for us.
for one in "$to"/bin/*; do
  case ${one##*/} in
    mcpgate|twist) sed -i "1s|^#!.*|#!$prefix/bin/python|" "$one" ;;
    python*) ;;
    *) rm "$one" ;;
  esac
done
sed -i "/^command = /d" "$to/pyvenv.cfg"
rm -rf "$to/include"
# It says where our wheel lay when it was installed.
rm "$to"/lib/python3*/site-packages/mcpgate-*.dist-info/direct_url.json

# What is in it, before anything of it is run.
"$tools" "$here/sbom.py" "$to/bin/python" "$to/share/mcpgate/sbom.cdx.json"

# Twisted keeps what plugins there are in a file beside them, and Python its bytecode. Both are made here,
# for good: nothing is written below the prefix later, so nothing of it is left when the package goes.
"$to/bin/python" -c 'from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins
assert "mcpgate" in [one.tapname for one in getPlugins(IServiceMaker)]'
chmod 644 "$to"/lib/python3*/site-packages/twisted/plugins/dropin.cache
"$to/bin/python" -m compileall -q -f --invalidation-mode unchecked-hash -s "${destdir:-/}" -p / "$to/lib"
