#!/bin/sh
#
#  Samba DFS Replication
#  Prove that a bare Debian with git is enough
#
#  This program is free software; you can redistribute it and/or modify
#  it under the terms of the GNU General Public License as published by
#  the Free Software Foundation; either version 3 of the License, or
#  (at your option) any later version.
#
#  This program is distributed in the hope that it will be useful,
#  but WITHOUT ANY WARRANTY; without even the implied warranty of
#  MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.  See the
#  GNU General Public License for more details.
#
#  You should have received a copy of the GNU General Public License
#  along with this program; if not, see <http://www.gnu.org/licenses/>.
#
# Makes a minimal Debian in a folder, clones the committed tree into it and
# runs a command there (by default the demo and all tests). Mounts and
# processes live in namespaces of their own and end with them; the folder is
# removed. Not part of ./run check: it takes many minutes and the network.

set -eu

suite=bookworm
format=sources
keep=no
mirror=${MIRROR:-}
security=${SECURITY_MIRROR:-}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

usage() {
	cat <<'END'
usage: tests/bare/debootstrap.sh [OPTION...] [COMMAND]

  --suite=NAME            Debian release (bookworm)
  --format=sources|list   how apt's entries are written there (sources)
  --keep                  leave the folder behind and print its name

COMMAND is run by sh in the clone; default: ./run demo && ./run check
END
}

while [ $# -gt 0 ]; do
	case "$1" in
	--suite=*) suite=${1#*=} ;;
	--format=sources | --format=list) format=${1#*=} ;;
	--keep) keep=yes ;;
	--help)
		usage
		exit 0
		;;
	--*)
		usage >&2
		exit 2
		;;
	*) break ;;
	esac
	shift
done
command=${*:-./run demo && ./run check}

for tool in debootstrap git unshare; do
	command -v "$tool" >/dev/null || {
		echo "$0: needs $tool" >&2
		exit 1
	}
done

# Where this machine gets its own Debian from, unless told otherwise.
site() {
	# shellcheck disable=SC2016 # these are apt's variables
	apt-get indextargets --format '$(SITE) $(LABEL)' \
		"Created-By: Packages" 2>/dev/null |
		sed -n "s/ $1\$//p" | head -n 1
}
[ -n "$mirror" ] || mirror=$(site Debian)
[ -n "$security" ] || security=$(site Debian-Security)
if [ -z "$mirror" ] || [ -z "$security" ]; then
	echo "$0: set MIRROR and SECURITY_MIRROR: apt does not say them" >&2
	exit 1
fi

top=$(cd "$(dirname "$0")/../.." && pwd -P)
root=$(mktemp -d "${TMPDIR:-/var/tmp}/samba-dfs-bare.XXXXXX")
# A root directory that only root may enter is not a bare Debian.
chmod 0755 "$root"
finish() {
	if [ "$keep" = yes ]; then
		echo "kept: $root" >&2
	else
		rm -rf --one-file-system "$root"
	fi
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

debootstrap --variant=minbase --include=git,ca-certificates \
	"$suite" "$root" "$mirror" >"$root.log" 2>&1 || {
	tail -n 20 "$root.log" >&2
	exit 1
}
rm -f "$root.log"
# debootstrap may have left packages that a real machine does not keep.
rm -f "$root"/var/cache/apt/archives/*.deb

apt=$root/etc/apt
rm -f "$apt/sources.list"
case "$format" in
sources)
	cat >"$apt/sources.list.d/debian.sources" <<END
Types: deb
URIs: $mirror
Suites: $suite $suite-updates
Components: main
Signed-By: $keyring

# The security archive
Types: deb
URIs: $security
Suites: $suite-security
Components: main
Signed-By: $keyring
END
	;;
list)
	cat >"$apt/sources.list" <<END
# Debian
deb $mirror $suite main
deb $mirror $suite-updates main # updates
deb [signed-by=$keyring] $security $suite-security main
END
	;;
esac
cp /etc/resolv.conf "$root/etc/resolv.conf"
git clone -q --no-hardlinks "$top" "$root/root/samba-dfs"

cat >"$root/root/bare.sh" <<'END'
set -eu
mount -t proc proc "$1/proc"
mount -t sysfs sysfs "$1/sys"
mount -t tmpfs -o mode=755 tmpfs "$1/run"
mount --rbind /dev "$1/dev"
exec env -i HOME=/root TERM="${TERM:-dumb}" LANG=C.UTF-8 \
	PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	chroot "$1" sh -c "cd /root/samba-dfs && $2"
END

unshare --mount --propagation=private --pid --fork --kill-child \
	sh "$root/root/bare.sh" "$root" "$command"
