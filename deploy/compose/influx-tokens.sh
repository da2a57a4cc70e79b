#!/bin/sh
# Run by InfluxDB's image once, when its database is new: a token for the public
# side, which reads open data alone, and one for Grafana, which reads all.
set -eu
bucket() { # NAME RETENTION
	influx bucket create --org "$DOCKER_INFLUXDB_INIT_ORG" --name "$1" --retention "$2" --hide-headers | cut -f 1
}
token() { # FILE ARGUMENTS...
	file=$1
	shift
	influx auth create --org "$DOCKER_INFLUXDB_INIT_ORG" --description "$file" --hide-headers "$@" | cut -f 3 >"/tokens/$file.new"
	[ -s "/tokens/$file.new" ]
	mv "/tokens/$file.new" "/tokens/$file"
}
umask 077
raw=$(bucket raw 90d)
open=$(bucket open 0)
token public --read-bucket "$open"
token grafana --read-bucket "$raw" --read-bucket "$open"
