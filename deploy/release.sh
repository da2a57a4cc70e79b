#!/usr/bin/env bash
# Makes the files of a release from the commit that is checked out; what is
# changed and not committed is not in them.
#
#   deploy/release.sh [DIR]       writes them to DIR (default: dist)
#   deploy/release.sh --verify    makes them twice, in two folders, with and without
#                                 the build cache, and compares them byte by byte
#
# A commit gives the same bytes wherever it is built with the same version of Go:
# no path, user, host or time of the build is in them, and the only date is that
# of the commit. Signing SHA256SUMS is left to whoever publishes the release.
set -euo pipefail
cd "$(dirname "$0")/.."
repository=$PWD
commit=$(git rev-parse HEAD) # which may move while this runs

cyclonedx=github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0

# programs lists file name, package, tags, architecture.
programs() {
	cat <<-END
	modellregion-linux-amd64 modellregion - amd64
	modellregion-linux-arm64 modellregion - arm64
	modellregion-ingest-linux-amd64 modellregion ingestonly,nethttpomithttp2 amd64
	modellregion-ingest-linux-arm64 modellregion ingestonly,nethttpomithttp2 arm64
	edge-gateway-linux-armv7 edge-gateway nethttpomithttp2 arm
	edge-gateway-linux-arm64 edge-gateway nethttpomithttp2 arm64
	edge-gateway-linux-amd64 edge-gateway nethttpomithttp2 amd64
	END
}

# build makes all files of a release in OUT, from a clone in SRC.
build() { # SRC OUT
	local name package tags arch
	umask 022 # packages have the modes of files
	git clone --quiet --no-checkout "$repository" "$1"
	mkdir -p "$2"
	cd "$1"
	git checkout --quiet "$commit"
	SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
	export SOURCE_DATE_EPOCH CGO_ENABLED=0 GOOS=linux GOARM=7 GOAMD64=v1 GOARM64=v8.0 GOTOOLCHAIN=local
	local day
	day=$(date -u -d "@$SOURCE_DATE_EPOCH" +%F)
	while read -r name package tags arch; do
		export GOARCH=$arch GOFLAGS=-mod=readonly
		[ "$tags" = - ] || GOFLAGS="$GOFLAGS -tags=$tags"
		local link="-s -w"
		# A gateway believes no time before its program was made.
		[ "$package" != edge-gateway ] || link="$link -X main.built=$day"
		go build -trimpath -buildvcs=true -ldflags="$link" -o "$2/$name" "./cmd/$package"
		"$tools/cyclonedx-gomod" app -json -licenses -std -noserial -notimestamp -main "cmd/$package" -output "$2/$name.cdx.json" .
		sed -i "0,/\"metadata\": {/s//&\n    \"timestamp\": \"$(date -u -d "@$SOURCE_DATE_EPOCH" +%FT%TZ)\",/" "$2/$name.cdx.json"
		deploy/notices.sh "$package" >"$2/$name.notices.txt"
		printf '%-34s %9d bytes\n' "$name" "$(stat -c %s "$2/$name")"
	done < <(programs)
	cp LICENSE deploy/region.example.yaml deploy/edge-gateway.example.yaml "$2/"
	unset GOOS GOARCH
	GOFLAGS=-buildvcs=true deploy/packages/build.sh >/dev/null
	cp dist/*.deb "$2/"
	(cd "$2" && LC_ALL=C && sha256sum -- * >SHA256SUMS)
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tools=$work/tools
[ -z "$(git status --porcelain)" ] || echo "note: what is not committed is not in the release" >&2
GOBIN=$tools go install "$cyclonedx"

if [ "${1-}" != --verify ]; then
	out=${1:-dist}
	mkdir -p "$out"
	if [ -n "$(ls -A "$out")" ]; then
		echo "$out is not empty: give a folder that is new or empty" >&2
		exit 1
	fi
	out=$(cd "$out" && pwd)
	(build "$work/src" "$out")
	echo "$out: $(find "$out" -type f | wc -l) files of $(git describe --tags --always "$commit")"
	exit
fi

(build "$work/one" "$work/first")
(
	export GOCACHE=$work/cache TZ=Pacific/Apia LC_ALL=C USER=nobody
	umask 077
	build "$work/another/folder" "$work/second"
)
diff -r "$work/first" "$work/second" || {
	echo "two builds of one commit differ" >&2
	exit 1
}
echo "$(find "$work/first" -type f | wc -l) files, byte for byte the same in both builds"
