#!/usr/bin/env bash
# Installs the packages in two fresh minimal Debian 12, lets platform and gateway run
# in them as two systems (systems.sh), removes the packages and looks at what they
# leave. Needs root, debootstrap, a mirror and network namespaces; without them it
# says so and ends well. With DEBIAN_ROOT that folder is the Debian that both are
# copies of; it is made when there is none, and stays.
#
#   deploy/packages/test.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

skip() { echo "skipped: $*"; exit 0; }
need() {
	command -v "$1" >/dev/null && return
	[ "${CI-}" != true ] || { echo "failed: $1 is missing, which .ci/run installs"; exit 1; }
	skip "$1 is missing"
}
[ "$(id -u)" = 0 ] || skip "packages are installed by root alone"
need debootstrap
need ip
ip netns add "modellregion-$$" 2>/dev/null || skip "network namespaces cannot be made here"
ip netns del "modellregion-$$"

work=$(mktemp -d)
base=${DEBIAN_ROOT:-$work/base}
systems=("$work/platform" "$work/gateway")
end() {
	wait # for Debian
	for root in "${systems[@]}"; do
		! mountpoint -q "$root/proc" || umount "$root/proc"
	done
	rm -rf --one-file-system "$work"
}
trap end EXIT
fail() { echo "failed: $*"; tail -n 20 "$work"/*.log; exit 1; }

# Both take their time, one of the network and one of the processor.
fetch() {
	[ ! -d "$base" ] || return 0
	rm -rf "$base.part"
	debootstrap --variant=minbase --include=nginx-light,openssl,curl bookworm "$base.part" && mv "$base.part" "$base"
}
fetch >"$work/debootstrap.log" 2>&1 &
fetched=$!
rm -f dist/*.deb
deploy/packages/build.sh "$(dpkg --print-architecture)" >"$work/build.log" 2>&1 || fail "build"
CGO_ENABLED=0 go build -trimpath -o "$work/sensor" ./e2e/sensor >>"$work/build.log" 2>&1 || fail "build of the virtual sensor"
echo "packages are there (at $SECONDS s)"
wait "$fetched" || { tail -n 3 "$work/debootstrap.log"; skip "debootstrap cannot fetch Debian"; }
echo "Debian is there (at $SECONDS s)"

bring() { # ROOT PACKAGE
	cp -a --reflink=auto "$base" "$1"
	mount -t proc proc "$1/proc" 2>/dev/null || skip "file systems cannot be mounted here"
	cp "dist/$2"_*.deb "$1/tmp/"
	chroot "$1" sh -c 'dpkg --install /tmp/*.deb' >>"$work/dpkg.log" 2>&1 || fail "dpkg --install of $2"
}
remove() { # ROOT PACKAGE FILE
	chroot "$1" dpkg --remove "$2" >>"$work/dpkg.log" 2>&1 || fail "dpkg --remove of $2"
	[ -e "$1$3" ] || fail "removing $2 took $3"
	chroot "$1" dpkg --purge "$2" >>"$work/dpkg.log" 2>&1 || fail "dpkg --purge of $2"
	left=$(cd "$1" && find etc usr var opt srv -xdev -name '*modellregion*' -not -path 'etc/nginx/*' | LC_ALL=C sort | tr '\n' ' ')
	[ "$left" = "var/lib/$2 " ] || fail "purging $2 left $left"
}

bring "$work/platform" modellregion
[ "$(stat -c '%u %a' "$work/platform/var/lib/modellregion")" = "$(chroot "$work/platform" id -u modellregion) 700" ] || fail "rights of the data folder"
[ "$(stat -c '%g %a' "$work/platform/etc/modellregion/secrets")" = "$(chroot "$work/platform" id -g modellregion) 750" ] || fail "rights of secrets"
bring "$work/gateway" modellregion-edge
[ "$(stat -c '%u %a' "$work/gateway/etc/modellregion-edge/secrets")" = "0 700" ] || fail "rights of the gateway's secrets"
chroot "$work/gateway" edge-gateway check /usr/share/modellregion-edge/edge-gateway.example.yaml >"$work/check.log" 2>&1 || fail "the shipped configuration of a gateway"
echo "packages are installed (at $SECONDS s)"

cp "$work/sensor" "$work/gateway/usr/local/bin/"
deploy/packages/systems.sh "${systems[@]}"

remove "$work/platform" modellregion /etc/modellregion/region.yaml
remove "$work/gateway" modellregion-edge /etc/modellregion-edge/edge.yaml
echo "installed, ran, removed: only data are left (at $SECONDS s)"
