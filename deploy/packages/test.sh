#!/usr/bin/env bash
# Installs the packages in a fresh minimal Debian 12, runs what they bring, removes
# them and looks at what they leave. Needs root, debootstrap and a mirror; without
# them it says so and ends well. The folder DEBIAN_ROOT is taken as that Debian
# when it is given, and changed.
#
#   deploy/packages/test.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

skip() { echo "skipped: $*"; exit 0; }
[ "$(id -u)" = 0 ] || skip "packages are installed by root alone"
command -v debootstrap >/dev/null || skip "debootstrap is missing"

work=$(mktemp -d)
root=${DEBIAN_ROOT:-$work/root}
running=()
end() {
	[ ${#running[@]} = 0 ] || kill "${running[@]}" 2>/dev/null || true
	wait
	! mountpoint -q "$root/proc" || umount "$root/proc"
	rm -rf --one-file-system "$work"
}
trap end EXIT
fail() { echo "failed: $*"; tail -n 20 "$work"/*.log; exit 1; }
# Both take their time, one of the network and one of the processor.
fetching=true
[ -n "${DEBIAN_ROOT-}" ] || fetching="debootstrap --variant=minbase bookworm $root"
$fetching >"$work/debootstrap.log" 2>&1 &
fetched=$!
rm -f dist/*.deb
deploy/packages/build.sh "$(dpkg --print-architecture)" >"$work/build.log" 2>&1 || fail "build"
echo "packages are there (at $SECONDS s)"
wait "$fetched" || { tail -n 3 "$work/debootstrap.log"; skip "debootstrap cannot fetch Debian"; }
echo "Debian is there (at $SECONDS s)"

mount -t proc proc "$root/proc" 2>/dev/null || skip "file systems cannot be mounted here"
cp dist/*.deb "$root/tmp/"
inside() { chroot "$root" "$@"; }
inside sh -c 'dpkg --install /tmp/*.deb' >"$work/dpkg.log" 2>&1 || fail "dpkg --install"
[ "$(stat -c '%u %a' "$root/var/lib/modellregion")" = "$(inside id -u modellregion) 700" ] || fail "rights of the data folder"
[ "$(stat -c '%g %a' "$root/etc/modellregion/secrets")" = "$(inside id -g modellregion) 750" ] || fail "rights of secrets"
[ "$(stat -c '%u %a' "$root/etc/modellregion-edge/secrets")" = "0 700" ] || fail "rights of the gateway's secrets"
inside modellregion check /etc/modellregion/region.yaml >"$work/check.log" 2>&1 || fail "the shipped configuration"
inside edge-gateway check /usr/share/modellregion-edge/edge-gateway.example.yaml >>"$work/check.log" 2>&1 || fail "the shipped configuration of a gateway"

# Ports that nobody else on this machine has, and one for gateways elsewhere.
sed -i -e 's/127\.0\.0\.1:\([0-9]\)/127.0.0.1:2\1/' \
	-e 's/^#  tls:/  tls:/; s/^#    listen: 0.0.0.0:8883/    listen: 127.0.0.1:28883/; s/^#    names: .*/    names: [127.0.0.1]/' \
	"$root/etc/modellregion/region.yaml"
as=(setpriv --reuid modellregion --regid modellregion --clear-groups)
chroot "$root" "${as[@]}" modellregion serve /etc/modellregion/region.yaml >"$work/serve.log" 2>&1 &
running+=($!)
within() { # SECONDS WHAT COMMAND...
	local end=$((SECONDS + $1)) what=$2
	until "${@:3}"; do
		[ $SECONDS -lt $end ] || fail "$what: not within $1 s"
		sleep 0.2
	done
	echo "$what (at $SECONDS s)"
}
ready() { inside "${as[@]}" modellregion ready /etc/modellregion/region.yaml >/dev/null 2>&1; }
within 60 "the platform is ready" ready

inside "${as[@]}" modellregion edges add -c /etc/modellregion/region.yaml feuerwache --out /var/lib/modellregion/edge.yaml >"$work/edges.log" 2>&1 || fail "edges add"
mv "$root/var/lib/modellregion/edge.yaml" "$root/etc/modellregion-edge/edge.yaml"
sed -i '/^udp:/d; /^internal:/d' "$root/etc/modellregion-edge/edge.yaml"
printf '\nudp: 127.0.0.1:21701\ninternal: 127.0.0.1:29091\n' >>"$root/etc/modellregion-edge/edge.yaml"
chroot "$root" edge-gateway run /etc/modellregion-edge/edge.yaml >"$work/edge.log" 2>&1 &
running+=($!)
connected() { grep -q 'connected to the MQTT broker' "$work/edge.log"; }
within 30 "the edge is connected" connected

kill -HUP "${running[0]}"
replaced() { grep -q 'platform was replaced' "$work/serve.log"; }
within 30 "the platform has read its configuration again" replaced
grep -o 'platform was replaced.*' "$work/serve.log"
ready || within 30 "the platform is ready again" ready
began=$SECONDS
kill "${running[@]}"
wait
[ $((SECONDS - began)) -lt 10 ] || fail "both ended after $((SECONDS - began)) s"
running=()

inside dpkg --remove modellregion modellregion-edge >>"$work/dpkg.log" 2>&1 || fail "dpkg --remove"
[ -e "$root/etc/modellregion/region.yaml" ] || fail "removing took the configuration"
inside dpkg --purge modellregion modellregion-edge >>"$work/dpkg.log" 2>&1 || fail "dpkg --purge"
left=$(cd "$root" && find . -xdev -name '*modellregion*' -not -path './proc/*' -not -path './tmp/*' | LC_ALL=C sort | tr '\n' ' ')
[ "$left" = "./var/lib/modellregion ./var/lib/modellregion-edge " ] || fail "purging left $left"
echo "installed, ran, removed: only data are left (at $SECONDS s)"
