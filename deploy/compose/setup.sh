#!/bin/sh
# Makes what compose.yaml needs, once: folders, secrets and .env. What is there
# already stays.
#
#   ./setup.sh mqtt.musterstadt.example      the name by which gateways reach the broker
set -eu
cd "$(dirname "$0")"
name=${1:?by which name do gateways reach the broker? Want: ./setup.sh mqtt.musterstadt.example}

umask 077
mkdir -p secrets data/platform data/tokens data/mosquitto data/mosquitto-data data/influxdb data/influxdb-config data/grafana data/backups
secret() { [ -s "secrets/$1" ] || openssl rand -hex 32 >"secrets/$1"; }
for s in mqtt-password influx-password influx-token grafana-password kek; do secret "$s"; done

# All containers run as one user without rights: who runs this, or 10001 for root.
uid=$(id -u) gid=$(id -g)
if [ "$uid" = 0 ]; then
	uid=10001 gid=10001
	chown -R "$uid:$gid" secrets data
fi
[ -s .env ] || cat >.env <<END
COMPOSE_PROJECT_NAME=modellregion
RUN_AS=$uid:$gid
MQTT_NAME=$name
END
echo "secrets/kek wraps the keys of the devices: keep a copy of it elsewhere."
