#!/bin/sh
#
#  Samba DFS Replication
#  What ./run install leaves, and whether a program can be built on it
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
# timeout: 300

set -u

cd "${DFSR_TOP:?}" || exit 1
root=$(mktemp -d "${TMPDIR:-/tmp}/dfsr-install.XXXXXX") || exit 1
trap 'rm -rf "$root"' EXIT
failed=0
arch=$(gcc -print-multiarch)
lib=$root/usr/lib/$arch

verdict() {
	if [ "$1" -eq 0 ]; then
		echo "ok $2"
	else
		echo "not ok $2"
		failed=1
	fi
}

./run install "$root"
verdict $? install

# The names that scripts outside the repository rely on.
for path in usr/sbin/dfsrd usr/bin/samba-dfs "usr/lib/$arch/libdfsr.so" \
	"usr/lib/$arch/libdfsr.so.0" "usr/lib/$arch/pkgconfig/dfsr.pc" \
	"usr/lib/$arch/samba/vfs/dfsr.so" \
	usr/include/samba-dfs/dfsr_types.h usr/share/man/man8/dfsrd.8 \
	usr/share/man/man8/samba-dfs.8 usr/share/man/man8/vfs_dfsr.8 \
	usr/lib/systemd/system/dfsrd.service; do
	test -e "$root/$path"
	verdict $? "installed: $path"
done

! readelf -d "$root/usr/sbin/dfsrd" "$root/usr/bin/samba-dfs" |
	grep -E 'RPATH|RUNPATH'
verdict $? "installed programs have no run path"

readelf -d "$lib/libdfsr.so.0" | grep -q 'SONAME.*\[libdfsr\.so\.0\]'
verdict $? "the library's soname is libdfsr.so.0"

cat >"$root/user.c" <<'END'
#include <dfsr_types.h>

int main(void)
{
	struct dfsr_guid guid = {};

	return dfsr_guid_is_null(&guid) ? 0 : 1;
}
END
flags=$(PKG_CONFIG_SYSROOT_DIR=$root \
	PKG_CONFIG_PATH=$lib/pkgconfig pkg-config --cflags --libs dfsr)
# shellcheck disable=SC2086
gcc -Wall -Werror -o "$root/user" "$root/user.c" $flags -I/usr/include &&
	LD_LIBRARY_PATH=$lib "$root/user"
verdict $? "a program builds with dfsr.pc and runs"

LD_LIBRARY_PATH=$lib "$root/usr/bin/samba-dfs" --help >/dev/null
verdict $? "samba-dfs --help from where it is installed"

exit $failed
