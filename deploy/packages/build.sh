#!/usr/bin/env bash
# Makes the Debian packages in dist: modellregion for amd64 and arm64,
# modellregion-edge for armhf too. With names of architectures: of these alone;
# with --edge: modellregion-edge alone.
#
#   deploy/packages/build.sh [--edge] [amd64|arm64|armhf ...]
set -euo pipefail
cd "$(dirname "$0")/../.."

nfpm=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.4

# The same commit gives the same package.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
day=$(date -u -d "@$SOURCE_DATE_EPOCH" +%F)
if tag=$(git describe --tags --match 'v[0-9]*' 2>/dev/null); then
	VERSION=$(sed -E 's/^v//; s/-([0-9]+)-(g[0-9a-f]+)$/+\1.\2/' <<<"$tag") # newer than the release before it
else # older than every release
	VERSION=0.0.0-0.$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S).$(git rev-parse --short=12 HEAD)
fi
export SOURCE_DATE_EPOCH VERSION ARCH PROGRAM NOTICES CHANGELOG NEWS

work=$(mktemp -d)
NEWS=$work/CHANGELOG.md.gz
trap 'rm -rf "$work"' EXIT
mkdir -p dist
GOBIN=$work go install "$nfpm"
gzip -n9 <CHANGELOG.md >"$NEWS"

export CGO_ENABLED=0 GOOS=linux GOARCH GOARM=7 GOAMD64=v1 GOARM64=v8.0

# changelog is what Debian's tools read; people read CHANGELOG.md.
changelog() { # NAME
	printf '%s (%s) stable; urgency=medium\n\n  * What has changed stands beside this, in CHANGELOG.md.gz.\n\n -- %s  %s\n' \
		"$1" "${VERSION/-/\~}" "$(sed -n 's/^maintainer: //p' "deploy/packages/$1.yaml")" "$(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")"
}

package() { # NAME PROGRAM TAGS LINK
	PROGRAM=$work/$1-$ARCH NOTICES=$work/$1-$ARCH.notices.gz CHANGELOG=$work/$1.changelog.gz GOARCH=${ARCH/armhf/arm}
	go build -trimpath -tags "$3" -ldflags="-s -w $4" -o "$PROGRAM" "./cmd/$2"
	GOFLAGS="${GOFLAGS-} -tags=$3" deploy/notices.sh "$2" | gzip -n9 >"$NOTICES"
	changelog "$1" | gzip -n9 >"$CHANGELOG"
	"$work/nfpm" package --packager deb --config "deploy/packages/$1.yaml" --target dist/
}

platform=amd64,arm64
if [ "${1-}" = --edge ]; then
	platform=
	shift
fi
[ $# -gt 0 ] || set -- amd64 arm64 armhf
for ARCH in "$@"; do
	[[ ,$platform, != *,$ARCH,* ]] || package modellregion modellregion "" ""
	package modellregion-edge edge-gateway nethttpomithttp2 "-X main.built=$day"
done
ls -l dist/*.deb
