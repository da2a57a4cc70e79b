#!/usr/bin/env bash
# Platform and gateway as two systems: two folders with Debian and the package in it,
# each in a network of its own, and one cable between them. They are set up with the
# command lines of the handbook (docs/handbuch: installation.md, gateways.md,
# sensor-hinzufuegen.md), which are read from there. A virtual sensor's value comes to
# the portal, over a cable that is pulled and a platform that is replaced meanwhile,
# and what was sent is compared with what is stored. test.sh calls it as root.
#
#   deploy/packages/systems.sh PLATFORM GATEWAY
set -euo pipefail
cd "$(dirname "$0")/../.."

declare -A root=([platform]=$1 [gateway]=$2) pid
net=modellregion-$$
log=$(mktemp -d)
end() {
	for system in "${!root[@]}"; do
		ip netns pids "$net-$system" | xargs -r kill -9
	done
	wait
	for system in "${!root[@]}"; do ip netns del "$net-$system"; done
	rm -rf "$log"
}
trap 'end 2>/dev/null' EXIT
fail() { echo "failed: $*"; tail -n 15 "$log"/*.log 2>/dev/null; exit 1; }
within() { # SECONDS WHAT COMMAND...
	local end=$((SECONDS + $1)) what=$2
	until "${@:3}"; do
		[ $SECONDS -lt $end ] || fail "$what: not within $1 s"
		sleep 0.2
	done
	echo "$what (at $SECONDS s)"
}

inside() { ip netns exec "$net-$1" chroot "${root[$1]}" "${@:2}"; }
beside() { ip netns exec "$net-$1" chroot "${root[$1]}" "${@:2}" & } # inside, in the background
# page prints the page of the handbook with its long lines joined.
page() { sed -e ':more' -e '/\\$/{N;s/ *\\\n */ /;bmore}' "docs/handbuch/$1.md"; }
# line prints the first line of code there that has these words.
line() { # PAGE WORDS
	page "$1" | awk -v words="$2" '!found && sub(/^    /, "") && index($0, words) { print; found = 1 } END { exit !found }' ||
		{ echo "docs/handbuch/$1.md has no line with $2" && return 1; }
}
# typed does what a line of the handbook says, as root does on that system.
typed() { # SYSTEM PAGE WORDS
	local command
	command=$(line "$2" "$3") || fail "$command"
	inside "$1" sh -c "cd /root; $config; $command" >>"$log/typed.log" 2>&1 || fail "$command"
}
# start runs the unit in the background, as systemd would, with a user of that id.
start() { # SYSTEM UNIT USER
	local command
	command=$(sed -n "s|%d|/run/credentials/$2.service|; s|^ExecStart=||p" "${root[$1]}/usr/lib/systemd/system/$2.service")
	# shellcheck disable=SC2086 # words are what it is
	beside "$1" setpriv --reuid "$3" --regid "$3" --clear-groups $command >"$log/$2.log" 2>&1
	pid[$2]=$!
}
config=$(line gateways 'export MODELLREGION_CONFIG') || fail "$config"

# Two networks and a cable. Neither has a way to anywhere else.
for system in "${!root[@]}"; do
	ip netns add "$net-$system"
	ip -n "$net-$system" link set lo up
done
ip -n "$net-platform" link add cable type veth peer name cable netns "$net-gateway"
ip -n "$net-platform" address add 10.77.0.1/24 dev cable
ip -n "$net-gateway" address add 10.77.0.2/24 dev cable
ip -n "$net-platform" link set cable up
ip -n "$net-gateway" link set cable up
echo "127.0.0.1 localhost" >"${root[platform]}/etc/hosts"
printf '127.0.0.1 localhost\n10.77.0.1 mqtt.musterstadt.example daten.musterstadt.example\n' >"${root[gateway]}/etc/hosts"

# Installation, 2 and 3; Gateways, "Einmal: der Zugang".
tls=$(line gateways 'tls: {listen: 0.0.0.0:8883') || fail "$tls"
sed -i -e "s|^  listen: 127.0.0.1:1883|&\n$tls|; s|^# \(trusted_proxies:\).*|\1 [127.0.0.0/8]|" "${root[platform]}/etc/modellregion/region.yaml"
typed platform installation 'modellregion check'
start platform modellregion modellregion
ready() { inside platform sh -c "$(line installation 'modellregion ready')" >/dev/null 2>&1; }
within 60 "the platform is ready" ready

# Installation, 6: the web server, with a certificate that nobody else trusts.
site=${root[platform]}/etc/letsencrypt/live/daten.musterstadt.example
mkdir -p "$site"
inside platform openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=daten.musterstadt.example \
	-addext subjectAltName=DNS:daten.musterstadt.example -keyout "${site#"${root[platform]}"}/privkey.pem" -out "${site#"${root[platform]}"}/fullchain.pem" 2>"$log/openssl.log" || fail "certificate of the web server"
cp "$site/fullchain.pem" "${root[gateway]}/etc/ssl/portal.pem"
rm -f "${root[platform]}/etc/nginx/sites-enabled/default"
# shellcheck disable=SC2016 # these are no commands
page installation | sed -n '/^```nginx$/,/^```$/{/^```/!p}' >"${root[platform]}/etc/nginx/sites-enabled/modellregion"
beside platform nginx -g 'daemon off;' >"$log/nginx.log" 2>&1

# Gateways, "Hinzufügen". The unit is given the file, which stays root's.
typed platform gateways 'edges add feuerwache'
install -m 600 "${root[platform]}/root/feuerwache.edge.yaml" "${root[gateway]}/etc/modellregion-edge/edge.yaml"
rm "${root[platform]}/root/feuerwache.edge.yaml"
inside gateway edge-gateway check /etc/modellregion-edge/edge.yaml >>"$log/typed.log" 2>&1 || fail "the gateway's configuration"
user=61184 # the first of those that systemd takes for DynamicUser
install -D -o $user -m 400 "${root[gateway]}/etc/modellregion-edge/edge.yaml" "${root[gateway]}/run/credentials/edge-gateway.service/edge.yaml"
install -d -o $user -m 700 "${root[gateway]}/var/lib/modellregion-edge"
start gateway edge-gateway $user
logged() { grep -q "$2" "$log/$1.log"; } # UNIT WORDS
within 30 "the gateway is connected" logged edge-gateway 'connected to the MQTT broker'

# Sensor hinzufügen, 1 and 2. The key is that of the virtual sensor.
echo c0ffee00112233445566778899aabbcc | tee "${root[platform]}/root/key.txt" >"${root[gateway]}/root/key.txt"
typed platform sensor-hinzufuegen 'devices add --qr'
typed platform sensor-hinzufuegen 'devices show'
beside gateway sensor -join-eui 1122334455667788 -dev-eui aabbccddeeff0011 -app-key-file /root/key.txt >"$log/ledger" 2>"$log/sensor.log"
sensor=$!
portal() { inside gateway curl --silent --fail --max-time 5 --cacert /etc/ssl/portal.pem "https://daten.musterstadt.example$1" "${@:2}"; } # PATH OPTIONS...
listed() { portal /api/v1/stations | grep '"paderborn-umwelt-001".*"quantity":"air_temperature".*"unit":"Cel"' >/dev/null; }
within 60 "the sensor's value is on the portal" listed
portal /station/paderborn-umwelt-001 >"$log/station.html" || fail "page of the station"
grep -q 'Lufttemperatur.*°C' "$log/station.html" || fail "the page of the station has no temperature"

portal / --head | grep -i '^strict-transport-security: max-age=31536000' >/dev/null || fail "browsers are not told to stay with TLS"

# The gateway reaches the broker with TLS and the web server, and nothing else.
reaches() { inside gateway timeout 5 bash -c "</dev/tcp/10.77.0.1/$1" 2>/dev/null; } # PORT
for port in 8883 443; do reaches $port || fail "the gateway cannot reach port $port"; done
for port in 1883 8080 8086 9090; do ! reaches $port || fail "the gateway reaches port $port"; done
peers=$(ip netns exec "$net-gateway" ss -Htn state established dst 10.77.0.1 | awk '{print $4}')
[ "$peers" = 10.77.0.1:8883 ] || fail "the gateway is connected to: $peers"

# Strangers: a broker of another authority, no certificate, one of another authority.
sed 's|^data_dir: .*|data_dir: /tmp/other|' "${root[platform]}/etc/modellregion/region.yaml" >"${root[platform]}/tmp/other.yaml"
inside platform modellregion edges add -c /tmp/other.yaml feuerwache --out - >"$log/other.yaml" 2>"$log/other.log" || fail "an edge of another authority"
own=${root[gateway]}/etc/modellregion-edge/edge.yaml
pem() { sed -n "/^  $1: |/,/^  [a-z]/s/^    //p" "$2"; } # KEY FILE
refused() { # NAME WHAT UNIT WORDS: the gateway with /tmp/NAME.yaml, until the log of the unit has the words
	printf 'data_dir: /tmp/%s\nudp: 127.0.0.1:0\ninternal: 127.0.0.1:0\n' "$1" >>"${root[gateway]}/tmp/$1.yaml"
	beside gateway edge-gateway run "/tmp/$1.yaml" >"$log/$1.log" 2>&1
	local stranger=$!
	within 20 "$2 is refused" logged "$3" "$4"
	! logged "$1" 'connected to the MQTT broker' || fail "$2 is let in"
	kill $stranger
}
cp "$log/other.yaml" "${root[gateway]}/tmp/other.yaml"
refused other "a broker of another authority" other 'certificate signed by unknown authority'
(sed '/^  cert: |/,$d' "$own" && echo '  password: guessed') >"${root[gateway]}/tmp/guess.yaml"
refused guess "a gateway without its certificate" modellregion 'MQTT login refused.*user=feuerwache'
for key in cert key; do pem $key "$log/other.yaml" >"${root[gateway]}/tmp/other.$key"; done
inside gateway openssl s_client -connect mqtt.musterstadt.example:8883 -cert /tmp/other.cert -key /tmp/other.key </dev/null >"$log/s_client.log" 2>&1 || true
within 5 "a certificate of another authority is refused" logged modellregion 'MQTT certificate refused.*certificate=feuerwache'

# The cable is pulled while the sensor sends, until the gateway gives its connection
# up; then the platform reads its configuration again, as systemctl reload makes it.
sent() { [ "$(wc -l <"$log/ledger")" -ge "$1" ]; }
mark=$(wc -l <"$log/ledger")
said=$(wc -l <"$log/edge-gateway.log") # its first login may have come before the platform knew it
lost() { tail -n +$((said + 1)) "$log/edge-gateway.log" | grep 'no connection to the MQTT broker' >/dev/null; }
ip -n "$net-platform" link set cable down
within 120 "the gateway has lost its connection" lost
sent $((mark + 10)) || fail "the sensor did not send meanwhile"
without=$(sed -n '$s/.* //p' "$log/ledger")
ip -n "$net-platform" link set cable up
stored() {
	local login=${root[platform]}/var/lib/modellregion/influx.json
	inside platform curl --silent --fail --get http://127.0.0.1:8086/query --header 'Accept: application/csv' \
		--user "reader:$(sed -n 's/.*"password": "\(.*\)".*/\1/p' "$login")" \
		--data-urlencode db=raw --data-urlencode 'q=SELECT air_temperature FROM environment' |
		awk -F, 'NR > 1 { printf "%.1f\n", $4 }'
}
has() { stored | grep -x "$1" >/dev/null; }
within 90 "what was sent meanwhile is stored" has "$without"
kill -HUP "${pid[modellregion]}"
within 30 "the platform has read its configuration again" logged modellregion 'platform was replaced'
mark=$(wc -l <"$log/ledger")
within 30 "the sensor has sent $((mark + 3)) in all" sent $((mark + 3))
kill $sensor
wait $sensor || fail "the sensor"
last=$(sed -n '$s/.* //p' "$log/ledger")
within 60 "the last value is stored" has "$last"
diff <(sed 's/.* //' "$log/ledger") <(stored) >"$log/diff.log" || fail "what is stored is not what was sent"
echo "all $(wc -l <"$log/ledger") uplinks are stored, none twice"
newest() { portal /station/paderborn-umwelt-001 | grep "kleinster Wert 20,0\W.*größter Wert ${last/./,}\W*°C" >/dev/null; }
within 60 "the last value, $last °C, is on the portal" newest

began=$SECONDS
for unit in "${!pid[@]}"; do kill "${pid[$unit]}"; done
for unit in "${!pid[@]}"; do wait "${pid[$unit]}" || fail "$unit ended with an error"; done
[ $((SECONDS - began)) -lt 10 ] || fail "platform and gateway ended after $((SECONDS - began)) s"
