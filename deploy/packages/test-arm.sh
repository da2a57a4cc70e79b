#!/usr/bin/env bash
# Runs the gateway's program of the packages for arm64 and armhf (ARM v7) as
# emulated by qemu: it says what it is, takes its example configuration, answers a
# packet forwarder, says that its broker is away, ends when asked to, and opens its
# database again. Without qemu it says so and ends well.
#
#   deploy/packages/test-arm.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

declare -A emulator=([arm64]=qemu-aarch64-static [armhf]=qemu-arm-static)
for arch in arm64 armhf; do
	command -v "${emulator[$arch]}" >/dev/null || { echo "skipped: ${emulator[$arch]} is missing"; exit 0; }
done

work=$(mktemp -d)
running=
end() {
	[ -z "$running" ] || kill "$running" 2>/dev/null || true
	wait
	rm -rf "$work"
}
trap end EXIT
fail() { echo "failed: $arch: $*"; tail -n 20 "$work"/*.log; exit 1; }
within() { # SECONDS WHAT COMMAND...
	local end=$((SECONDS + $1)) what=$2
	until "${@:3}"; do
		[ $SECONDS -lt $end ] || fail "$what: not within $1 s"
		sleep 0.2
	done
	echo "$arch: $what (at $SECONDS s)"
}

arch="both"
rm -f dist/modellregion-edge_*_{arm64,armhf}.deb
deploy/packages/build.sh --edge arm64 armhf >"$work/build.log" 2>&1 || fail "build"
echo "packages are there (at $SECONDS s)"

# A PULL_DATA of Semtech UDP, which is answered with 4 bytes: its token and PULL_ACK.
acknowledged() {
	local answer
	exec 3<>"/dev/udp/127.0.0.1/$port"
	printf '\x02\x12\x34\x02\xa8\x40\x41\xff\xff\x1e\xec\x20' >&3
	answer=$(timeout 2 dd bs=4 count=1 status=none <&3 | od -An -tx1)
	exec 3>&-
	[ "$answer" = " 02 12 34 04" ]
}
said() { grep -q "$1" "$work/$arch.log"; }

for arch in arm64 armhf; do
	root=$work/$arch
	dpkg-deb --extract dist/modellregion-edge_*_"$arch".deb "$root"
	[ "$(dpkg-deb --field dist/modellregion-edge_*_"$arch".deb Architecture)" = "$arch" ] || fail "architecture of the package"
	program=("${emulator[$arch]}" "$root/usr/bin/edge-gateway")
	"${program[@]}" version >"$work/version.log" || fail "version"
	grep -q "linux/${arch/armhf/arm})" "$work/version.log" || fail "version"
	"${program[@]}" check "$root/usr/share/modellregion-edge/edge-gateway.example.yaml" >"$work/check.log" 2>&1 || fail "the shipped configuration"

	cat >"$work/edge.yaml" <<-END
	name: rathaus
	data_dir: $work/$arch-data
	udp: 127.0.0.1:0
	internal: 127.0.0.1:0
	mqtt: {url: "tcp://127.0.0.1:1", password: none}
	END
	chmod 600 "$work/edge.yaml"
	for run in first second; do
		"${program[@]}" run "$work/edge.yaml" >"$work/$arch.log" 2>&1 &
		running=$!
		within 30 "runs" said 'msg="edge runs"'
		within 30 "misses its broker" said 'no connection to the MQTT broker.*connection refused'
		port=$(sed -n 's/.*udp=127\.0\.0\.1:\([0-9]*\).*/\1/p' "$work/$arch.log")
		within 20 "answers a packet forwarder" acknowledged
		kill "$running"
		wait "$running" || fail "its $run end"
		running=
	done
	echo "$arch: $(cat "$work/version.log"), good"
done
