#!/usr/bin/env bash
# Makes the Debian packages in dist: modellregion for amd64 and arm64,
# modellregion-edge for armhf too. With names of architectures: of these alone.
#
#   deploy/packages/build.sh [amd64|arm64|armhf ...]
set -euo pipefail
cd "$(dirname "$0")/../.."

nfpm=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.4

# The same commit gives the same package.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
day=$(date -u -d "@$SOURCE_DATE_EPOCH" +%F)
if tag=$(git describe --tags --match 'v[0-9]*' 2>/dev/null); then
	VERSION=${tag#v}
else # older than every release
	VERSION=0.0.0-0.$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S).$(git rev-parse --short=12 HEAD)
fi
export SOURCE_DATE_EPOCH VERSION ARCH PROGRAM NOTICES

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p dist
GOBIN=$work go install "$nfpm"

export CGO_ENABLED=0 GOOS=linux GOARCH GOARM=7 GOAMD64=v1 GOARM64=v8.0

package() { # NAME PROGRAM TAGS LINK
	PROGRAM=$work/$1-$ARCH NOTICES=$work/$1-$ARCH.notices GOARCH=${ARCH/armhf/arm}
	go build -trimpath -tags "$3" -ldflags="-s -w $4" -o "$PROGRAM" "./cmd/$2"
	GOFLAGS="${GOFLAGS-} -tags=$3" deploy/notices.sh "$2" >"$NOTICES"
	"$work/nfpm" package --packager deb --config "deploy/packages/$1.yaml" --target dist/
}

[ $# -gt 0 ] || set -- amd64 arm64 armhf
for ARCH in "$@"; do
	[ "$ARCH" = armhf ] || package modellregion modellregion "" ""
	package modellregion-edge edge-gateway nethttpomithttp2 "-X main.built=$day"
done
ls -l dist/*.deb
