#!/usr/bin/env bash
# Prints the licence of every module in a program of ours, of Go itself and of what
# the portal's pages load: who passes the program on passes these on with it.
# GOFLAGS and GOARCH are those with which it is built.
#
#   deploy/notices.sh modellregion|edge-gateway
set -euo pipefail
cd "$(dirname "$0")/.."

echo "This program contains the following works."
{
	printf 'Go %s\t%s\n' "$(go env GOVERSION)" "$(go env GOROOT)"
	go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{"\t"}}{{.Dir}}{{end}}{{end}}' "./cmd/$1" | LC_ALL=C sort -u
} | while IFS=$'\t' read -r name dir; do
	files=$(find -L "$dir" -maxdepth 1 -type f \( -iname 'licen[cs]e*' -o -iname 'copying*' -o -iname 'notice*' -o -iname 'e[dp]l-*' \) -not -name '*.go' | LC_ALL=C sort)
	case $name in
	*/bmizerany/pat\ *) files=$dir/README.md ;; # which ends with its licence
	*/apache/arrow/go/arrow\ *)
		printf '\n\n======== %s\n\nLicensed to the Apache Software Foundation under the Apache License, Version 2.0,\nthe text of which stands with other works here.\n' "$name"
		continue
		;;
	esac
	if [ -z "$files" ]; then
		echo "$name has no licence file in $dir" >&2
		exit 1
	fi
	for file in $files; do
		printf '\n\n======== %s: %s\n\n' "$name" "$(basename "$file")"
		cat "$file"
	done
done
if go list -deps "./cmd/$1" | grep -x modellregion/opendata/portal >/dev/null; then
	for file in opendata/portal/static/vendor/*.LICENSE; do
		printf '\n\n======== JavaScript and style of the portal: %s\n\n' "$(basename "$file" .LICENSE)"
		cat "$file"
	done
fi
